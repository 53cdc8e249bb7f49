/* geo.c - the place of a request out of what it says and what the database says [TARGET 1.3 step 4]. */
#include "context/geo.h"

#include "codec/json_writer.h"
#include "context/geo_int.h"
#include "context/place.h"

static struct str
first_of(struct str x, struct str y)
{
    return x.n > 0 ? x : y;
}

static struct str
given_text(const struct json *given, const char *name)
{
    return json_str(json_get(given, str_of(name)));
}

static void
put(struct jw *w, const char *name, struct str text)
{
    if (text.n > 0 && str_is_utf8(text))
        jw_kstr(w, str_of(name), text);
}

static void
put_number(struct jw *w, const char *name, const struct json *given, const double *found)
{
    if (json_is_number(given)) {
        jw_kjson(w, str_of(name), given);
    } else if (found != NULL) {
        jw_key(w, str_of(name));
        jw_f64(w, *found);
    }
}

/* A name and its code. What is given decides about both: its code names, and its name, which clients do not send,
 * stands. */
static void
put_pair(struct jw *w, const char *name, const char *code, struct str given_name, struct str given_code,
         struct str found_name, struct str found_code, bool country)
{
    struct str said = first_of(given_code, given_name.n > 0 ? S_NULL : found_code), names;

    names = country ? place_country_name(said) : place_state_name(said);
    if (given_code.n == 0 && given_name.n == 0)
        names = first_of(found_name, names);
    names = first_of(given_name, names);
    if (said.n == 0)
        said = country ? place_country_code(names) : place_state_code(names);
    put(w, name, names);
    put(w, code, said);
}

const struct json *
geo_resolve(const struct geo_db *db, const struct json *given, struct str ip, struct arena *a)
{
    struct geo_record r = {0};
    bool found = db != NULL && geo_record_find(db, ip, &r), position = found && r.has_position;
    const struct json *place = NULL;
    struct diag d = DIAG_INIT;
    struct buf b;
    struct jw w;

    if (!found && given == NULL)
        return NULL;
    buf_init_in(&b, a, 8192);
    w = jw_to(&b);
    jw_object(&w);
    put_pair(&w, "country", "countryCode", given_text(given, "country"), given_text(given, "countryCode"), r.country,
             r.country_code, true);
    put_pair(&w, "state", "stateCode", given_text(given, "state"), given_text(given, "stateCode"), r.state,
             r.state_code, false);
    put(&w, "city", first_of(given_text(given, "city"), r.city));
    put(&w, "zip", first_of(given_text(given, "zip"), r.zip));
    if (json_get(given, S("dma")) != NULL) /* databases say none */
        jw_kjson(&w, S("dma"), json_get(given, S("dma")));
    put_number(&w, "latitude", json_get(given, S("latitude")), position ? &r.latitude : NULL);
    put_number(&w, "longitude", json_get(given, S("longitude")), position ? &r.longitude : NULL);
    jw_end(&w);
    if (!buf_ok(&b) || json_parse(buf_str(&b), a, &place, &d) != ERR_OK)
        return NULL;
    return json_count(place) > 0 ? place : NULL;
}
