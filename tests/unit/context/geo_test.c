/* geo_test.c - places of addresses: a database of documentation networks in both layouts, and what a request says
 * [TARGET 1.3 step 4]. */
#include "context/geo.h"

#include "t.h"

static struct geo_db *
open_db(struct t *t)
{
    struct geo_db *db = NULL;

    CHECK_OK(geo_open(t_path(t, "vectors/geo.mmdb"), &db, d));
    return db;
}

static void
check_place(struct t *t, const struct geo_db *db, const char *given, const char *ip, const char *want)
{
    const struct json *g = NULL;
    const struct json *place;
    struct buf b;

    if (given != NULL)
        CHECK_OK(json_parse(str_of(given), t->arena, &g, d));
    place = geo_resolve(db, g, str_of(ip), t->arena);
    buf_init_in(&b, t->arena, 4096);
    json_write(&b, place);
    CHECK_STR(buf_str(&b), str_of(want));
}

TEST(geo_nested_and_flat_databases)
{
    struct geo_db *db = open_db(t);

    check_place(t, db, NULL, "192.0.2.17",
                "{\"country\":\"United States\",\"countryCode\":\"US\",\"state\":\"California\",\"stateCode\":\"CA\","
                "\"city\":\"San Jose\",\"zip\":\"95113\",\"latitude\":37.3388,\"longitude\":-121.8916}");
    check_place(
        t, db, NULL, "198.51.100.1",
        "{\"country\":\"germany\",\"countryCode\":\"DE\",\"state\":\"Bavaria\",\"city\":\"Munich\",\"latitude\":"
        "48.1374,\"longitude\":11.5755}");
    check_place(t, db, NULL, "2001:db8::1", "{\"country\":\"norway\",\"countryCode\":\"NO\",\"city\":\"Oslo\"}");
    geo_close(db);
}

TEST(geo_what_is_given_wins_member_by_member)
{
    struct geo_db *db = open_db(t);

    check_place(t, db, "{\"countryCode\":\"FR\",\"city\":\"Lyon\",\"ipAddress\":\"192.0.2.17\"}", "192.0.2.17",
                "{\"country\":\"france\",\"countryCode\":\"FR\",\"state\":\"California\",\"stateCode\":\"CA\",\"city\":"
                "\"Lyon\",\"zip\":\"95113\",\"latitude\":37.3388,\"longitude\":-121.8916}");
    check_place(t, db, "{\"stateCode\":\"TX\",\"latitude\":1}", "203.0.113.1",
                "{\"state\":\"texas\",\"stateCode\":\"TX\",\"latitude\":1}");
    geo_close(db);
}

TEST(geo_without_a_database_or_an_address)
{
    struct geo_db *db = open_db(t);

    check_place(t, NULL, "{\"countryCode\":\"US\"}", "192.0.2.17",
                "{\"country\":\"united states\",\"countryCode\":\"US\"}");
    check_place(t, NULL, NULL, "192.0.2.17", "null");
    check_place(t, db, NULL, "unknownIpAddress", "null");
    check_place(t, db, NULL, "", "null");
    check_place(t, db, NULL, "203.0.113.1", "null");
    check_place(t, db, "{}", "999.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", "null");
    geo_close(db);
}

TEST(geo_files_that_are_none)
{
    struct geo_db *db = NULL;

    CHECK_ERR(geo_open("/nowhere/geo.mmdb", &db, d), ERR_NOT_FOUND);
    CHECK_ERR(geo_open(t_path(t, "vectors/pql.json"), &db, d), ERR_CORRUPT);
    geo_close(NULL);
}
