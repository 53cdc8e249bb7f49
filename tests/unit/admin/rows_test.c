/* rows_test.c - one row to one hit, and files to rows [PLATFORM 3.2, 4.3, 4.5]. */
#include "ingest_fixture.h"

struct rig {
    struct world w;
    struct row_reader r;
    struct hit hit;
    struct row_fault fault;
};

static void
open_reader(struct t *t, struct rig *g, const char *dataset, bool lenient)
{
    const struct json *object = world_object(&g->w, "dataset", dataset);

    CHECK_OK(row_reader_init(&g->r, g->w.call.snap, S(SCOPE), str_of(dataset), object, d));
    g->r.source = SOURCE_BATCH;
    g->r.lenient = lenient;
}

static enum err
read_one(struct t *t, struct rig *g, const char *json)
{
    return row_read(&g->r, quoted(t, json), NOW, t->arena, &g->hit, &g->fault);
}

static void
check_refused(struct t *t, struct rig *g, const char *json, int code, const char *says)
{
    if (read_one(t, g, json) != ERR_INVALID)
        t_fail(t, __FILE__, __LINE__, "%s is taken", json);
    if ((int)g->fault.code != code || str_find(g->fault.message, str_of(says)) < 0)
        t_fail(t, __FILE__, __LINE__, "%s: %d '%.*s', expected %d '%s'", json, (int)g->fault.code,
               STR_ARG(g->fault.message), code, says);
}

static struct str
ids_text(struct t *t, const struct identity_set *s)
{
    struct buf b;
    struct str out;

    buf_init(&b, 4096);
    for (size_t i = 0; i < s->n; i++)
        buf_printf(&b, "%s%.*s:%.*s%s", i ? " " : "", STR_ARG(s->items[i].ns), STR_ARG(s->items[i].id),
                   s->items[i].primary ? "*" : "");
    out = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return out;
}

TEST(rows_record)
{
    struct rig g;

    world_open(t, &g.w);
    open_reader(t, &g, "people", false);
    CHECK_EQ(read_one(t, &g,
                      " {'_acme':{'crmId':'c1','points':5},'personalEmail':{'address':'A@b.example'},"
                      "'identityMap':{'ECID':[{'id':'" ECID_A
                      "','primary':true}]},'person':{'name':{'firstName':'Ada'}}}"),
             ERR_OK);
    CHECK_EQ(g.hit.kind, HIT_RECORD);
    CHECK_STR(g.hit.dataset, S("people"));
    CHECK_STR(g.hit.schema, S(PROFILE_SCHEMA));
    CHECK_TRUE(!g.hit.upsert && !g.hit.lake_only && g.hit.event_id.n == 0);
    /* the primary descriptor wins over the map's mark [PLATFORM 4.5] */
    CHECK_STR(ids_text(t, &g.hit.identities), S("CRMID:c1* Email:A@b.example ECID:" ECID_A));
    CHECK_STR(g.hit.xdm_text, quoted(t, "{'_acme':{'crmId':'c1','points':5},'personalEmail':{'address':'A@b.example'},"
                                        "'person':{'name':{'firstName':'Ada'}}}"));
    /* without identityMap the text goes through as it is */
    CHECK_EQ(read_one(t, &g, "{'_acme' : {'crmId':'c2'}}"), ERR_OK);
    CHECK_STR(g.hit.xdm_text, quoted(t, "{'_acme' : {'crmId':'c2'}}"));
    row_reader_deinit(&g.r);
    open_reader(t, &g, "lake", false);
    CHECK_EQ(read_one(t, &g, "{'_acme':{'crmId':'c1'}}"), ERR_OK);
    CHECK_TRUE(g.hit.lake_only);
    row_reader_deinit(&g.r);
    world_close(&g.w);
}

TEST(rows_primary_choice)
{
    static const struct {
        const char *json, *ids;
    } good[] = {
        {"{'identityMap':{'CRMID':[{'id':'x'}],'Email':[{'id':'e@x.example','primary':true}]}}",
         "CRMID:x Email:e@x.example*"},
        {"{'identityMap':{'Email':[{'id':'e@x.example'}],'ECID':[{'id':'" ECID_A "'}]}}",
         "Email:e@x.example ECID:" ECID_A "*"},
        {"{'identityMap':{'Email':[{'id':'e@x.example'}]}}", "Email:e@x.example*"},
        {"{'_acme':{'crmId':'undefined'},'identityMap':{'Email':[{'id':'e@x.example'}]}}", "Email:e@x.example*"},
        {"{'_acme':{'crmId':'c'},'identityMap':{'CRMID':[{'id':'c','primary':true}]}}", "CRMID:c*"},
        {"{'_acme':{'crmId':'c','hash':'9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08'}}",
         "CRMID:c* Email_LC_SHA256:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"},
    };
    struct rig g;

    world_open(t, &g.w);
    open_reader(t, &g, "people", false);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_EQ(read_one(t, &g, good[i].json), ERR_OK);
        CHECK_STR(ids_text(t, &g.hit.identities), str_of(good[i].ids));
    }
    check_refused(t, &g, "{'person':{'birthYear':1990}}", ROW_INCOMPLETE, "_acme.crmId");
    check_refused(t, &g, "{'identityMap':{'Email':[{'id':'a@x'}],'CRMID':[{'id':'b'}]}}", ROW_NO_IDENTITY,
                  "none of them is primary");
    check_refused(t, &g,
                  "{'_acme':{'crmId':'c'},'identityMap':{'ECID':[{'id':'1234567890123456789012345678901234567'}]}}",
                  ROW_NO_IDENTITY, "38");
    check_refused(t, &g, "{'_acme':{'crmId':'c','hash':'a@b.example'}}", ROW_NO_IDENTITY, "hashed already");
    row_reader_deinit(&g.r);
    open_reader(t, &g, "unchecked", false);
    check_refused(t, &g, "{'_acme':{'crmId':'null'}}", ROW_INCOMPLETE, "_acme.crmId");
    check_refused(t, &g, "{'_acme':{'crmId':''},'anything':1}", ROW_INCOMPLETE, "_acme.crmId");
    CHECK_EQ(read_one(t, &g, "{'_acme':{'crmId':12},'anything':1}"), ERR_OK);
    CHECK_STR(ids_text(t, &g.hit.identities), S("CRMID:12*"));
    row_reader_deinit(&g.r);
    world_close(&g.w);
}

TEST(rows_identity_limit)
{
    struct rig g;
    struct buf b;

    world_open(t, &g.w);
    open_reader(t, &g, "people", false);
    for (int n = LIMIT_IDENTITIES_PER_EVENT - 1; n <= LIMIT_IDENTITIES_PER_EVENT; n++) {
        buf_init(&b, 1 << 16);
        buf_put(&b, S("{'_acme':{'crmId':'c'},'identityMap':{'Phone':["));
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s{'id':'%d'}", i ? "," : "", i);
        buf_put(&b, S("]}}"));
        buf_putc(&b, '\0');
        if (n < LIMIT_IDENTITIES_PER_EVENT)
            CHECK_EQ(read_one(t, &g, b.p), ERR_OK);
        else
            check_refused(t, &g, b.p, ROW_NO_IDENTITY, "more than 20");
        buf_deinit(&b);
    }
    row_reader_deinit(&g.r);
    world_close(&g.w);
}

TEST(rows_event)
{
    struct rig g;

    world_open(t, &g.w);
    open_reader(t, &g, "events", true);
    CHECK_EQ(read_one(t, &g,
                      "{'_id':'e1','timestamp':'2025-12-31T23:00:00+01:00','eventType':'x',"
                      "'identityMap':{'ECID':[{'id':'" ECID_A "'}]}}"),
             ERR_OK);
    CHECK_EQ(g.hit.kind, HIT_EVENT);
    CHECK_STR(g.hit.event_id, S("e1"));
    CHECK_EQ(g.hit.event_ms, NOW - 2 * 3600000LL);
    CHECK_STR(g.hit.xdm_text, quoted(t, "{'_id':'e1','timestamp':'2025-12-31T23:00:00+01:00','eventType':'x'}"));
    check_refused(t, &g, "{'timestamp':'2026-01-01T00:00:00Z','identityMap':{'ECID':[{'id':'" ECID_A "'}]}}",
                  ROW_INCOMPLETE, "_id");
    check_refused(t, &g, "{'_id':'','timestamp':'2026-01-01T00:00:00Z','identityMap':{'ECID':[{'id':'" ECID_A "'}]}}",
                  ROW_INCOMPLETE, "_id");
    check_refused(t, &g, "{'_id':'e','identityMap':{'ECID':[{'id':'" ECID_A "'}]}}", ROW_INCOMPLETE, "timestamp");
    check_refused(t, &g, "{'_id':'e','timestamp':'yesterday','identityMap':{'ECID':[{'id':'" ECID_A "'}]}}",
                  ROW_UNREADABLE, "timestamp");
    /* up to a day ahead is taken [PLATFORM B-20] */
    CHECK_EQ(
        read_one(t, &g, "{'_id':'e','timestamp':'2026-01-02T00:00:00Z','identityMap':{'ECID':[{'id':'" ECID_A "'}]}}"),
        ERR_OK);
    check_refused(t, &g,
                  "{'_id':'e','timestamp':'2026-01-02T00:00:00.001Z','identityMap':{'ECID':[{'id':'" ECID_A "'}]}}",
                  ROW_UNREADABLE, "future");
    row_reader_deinit(&g.r);
    world_close(&g.w);
}

TEST(rows_lenient_conversion)
{
    struct rig g;

    world_open(t, &g.w);
    open_reader(t, &g, "people", true);
    CHECK_EQ(read_one(t, &g,
                      "{'_acme':{'crmId':'c','points':'12','score':'1.50','vip':'true','joined':'2025-03-01T00:00:00Z',"
                      "'seen':1767225600000,'tags':['a']},'person':{'birthYear':1990.0,'birthDate':631152000000}}"),
             ERR_OK);
    CHECK_STR(g.hit.xdm_text,
              quoted(t, "{'_acme':{'crmId':'c','points':12,'score':1.5,'vip':true,'joined':'2025-03-01',"
                        "'seen':'2026-01-01T00:00:00.000Z','tags':['a']},'person':{'birthYear':1990,"
                        "'birthDate':'1990-01-01'}}"));
    CHECK_TRUE(g.r.converted);
    check_refused(t, &g, "{'_acme':{'crmId':'c','points':'12.5'}}", ROW_UNREADABLE, "_acme.points");
    check_refused(t, &g, "{'_acme':{'crmId':'c','points':true}}", ROW_UNREADABLE, "_acme.points");
    check_refused(t, &g, "{'_acme':{'crmId':'c','vip':1}}", ROW_UNREADABLE, "_acme.vip");
    check_refused(t, &g, "{'_acme':{'crmId':'c','tags':'a'}}", ROW_UNREADABLE, "_acme.tags");
    check_refused(t, &g, "{'_acme':{'crmId':'c'},'shoe':1}", ROW_UNREADABLE, "shoe");
    row_reader_deinit(&g.r);
    open_reader(t, &g, "people", false);
    check_refused(t, &g, "{'_acme':{'crmId':'c','points':'12'}}", ROW_UNREADABLE, "_acme.points");
    row_reader_deinit(&g.r);
    world_close(&g.w);
}

TEST(rows_nulls)
{
    struct rig g;

    world_open(t, &g.w);
    open_reader(t, &g, "people", true);
    CHECK_EQ(read_one(t, &g, "{'_acme':{'crmId':'c','points':null,'tags':['null']},'person':null}"), ERR_OK);
    CHECK_STR(g.hit.xdm_text, quoted(t, "{'_acme':{'crmId':'c','tags':['null']}}"));
    CHECK_EQ(read_one(t, &g, "{'_acme':{'crmId':'c','tags':['null']}}"), ERR_OK);
    row_reader_deinit(&g.r);
    open_reader(t, &g, "upserts", true);
    CHECK_EQ(read_one(t, &g, "{'_acme':{'crmId':'c','points':null}}"), ERR_OK);
    CHECK_TRUE(g.hit.upsert);
    CHECK_STR(g.hit.xdm_text, quoted(t, "{'_acme':{'crmId':'c','points':null}}"));
    row_reader_deinit(&g.r);
    world_close(&g.w);
}

TEST(rows_malformed)
{
    struct rig g;
    struct buf b;

    world_open(t, &g.w);
    open_reader(t, &g, "people", true);
    check_refused(t, &g, "{'_acme':", ROW_UNREADABLE, "byte");
    check_refused(t, &g, "", ROW_UNREADABLE, "");
    check_refused(t, &g, "[1]", ROW_UNREADABLE, "an array");
    check_refused(t, &g, "{'_acme':{'crmId':'\xff'}}", ROW_UNREADABLE, "");
    for (size_t extra = 0; extra <= 1; extra++) { /* at the limit, and one past it */
        buf_init(&b, 1 << 20);
        buf_put(&b, S("{'_acme':{'crmId':'c'},'person':{'name':{'firstName':'"));
        while (b.n < LIMIT_RECORD_BYTES - 4 + extra)
            buf_putc(&b, 'x');
        buf_put(&b, S("'}}}"));
        buf_putc(&b, '\0');
        if (extra == 0)
            CHECK_EQ(read_one(t, &g, b.p), ERR_OK);
        else
            check_refused(t, &g, b.p, ROW_UNREADABLE, "at most");
        buf_deinit(&b);
    }
    row_reader_deinit(&g.r);
    world_close(&g.w);
}

/* ---- splitting ---- */

static struct str
split_all(struct t *t, struct str text, bool multiline, size_t step)
{
    struct row_splitter s = {.multiline = multiline};
    size_t at = 0, end = step < text.n ? step : text.n, used;
    struct buf out;
    struct str row, result;

    buf_init(&out, 1 << 16);
    for (;;) {
        enum split_result r = row_split(&s, (struct str){text.p + at, end - at}, end == text.n, &row, &used);
        CHECK_TRUE(at + used <= end);
        if (r == SPLIT_MORE) {
            CHECK_TRUE(end < text.n && used == 0);
            end = end + step < text.n ? end + step : text.n;
            continue;
        }
        if (r == SPLIT_BAD)
            buf_put(&out, S("!"));
        if (r != SPLIT_ROW)
            break;
        CHECK_TRUE(used > 0);
        buf_put(&out, str_trim(row));
        buf_putc(&out, ';');
        at += used;
    }
    result = arena_str(t->arena, buf_str(&out));
    buf_deinit(&out);
    return result;
}

TEST(rows_split)
{
    static const struct {
        struct str in;
        bool multiline;
        struct str out;
    } cases[] = {
        {S(""), false, S("")},
        {S("{\"a\":1}\n{\"b\":2}"), false, S("{\"a\":1};{\"b\":2};")},
        {S("\xEF\xBB\xBF{\"a\":1}\r\n\r\n{\"b\":2}\r\n"), false, S("{\"a\":1};{\"b\":2};")},
        {S("{\"a\":\n1}"), false, S("{\"a\":;1};")},
        {S("{\"a\":\n1} {\"b\":\"}\"}\n"), true, S("{\"a\":\n1};{\"b\":\"}\"};")},
        {S("[{\"a\":1},\n {\"b\":[1,2]} , {\"c\":\"],[\\\"\"}]\n"), false,
         S("{\"a\":1};{\"b\":[1,2]};{\"c\":\"],[\\\"\"};")},
        {S("[]"), false, S("")},
        {S("[ ]  "), true, S("")},
        {S("[{\"a\":1}"), false, S("{\"a\":1};!")},
        {S("["), false, S("!")},
        {S("[1] x"), false, S("1;!")},
        {S("[1,,2]"), false, S("1;;2;")},
        {S("[}]"), false, S("};")},
        {S("] {}"), true, S("];{};")},
        {S("nope {}"), true, S("nope;{};")},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step < 40; step += step < 9 ? 1 : 15)
            CHECK_STR(split_all(t, cases[i].in, cases[i].multiline, step), cases[i].out);
    }
}

/* ---- CSV ---- */

static void
csv_fails(struct t *t, struct rig *g, const char *header, const char *says)
{
    struct str rest = str_of(header), names[8];
    struct csv_plan *plan;
    size_t n = 0;

    while (str_split(&rest, ',', &names[n]))
        n++;
    CHECK_ERR(csv_plan_new(names, n, g->r.view, &plan, d), ERR_INVALID);
    if (strstr(t_diag.what, says) == NULL)
        t_fail(t, __FILE__, __LINE__, "'%s' does not say '%s'", t_diag.what, says);
}

TEST(rows_csv_columns)
{
    struct str names[] = {S("person.name.lastName"), S("_acme.points"), S(" _acme.crmId "),
                          S("person.birthDate"),     S("_acme.tags"),   S("person.name.firstName"),
                          S("identityMap")};
    struct str cells[] = {
        S("Love, \"lace"), S("7"), S("c1"), S(""), S("[\"a\",\"b\"]"), S("Ada"), S("{\"Phone\":[{\"id\":\"1\"}]}")};
    struct rig g;
    struct csv_plan *plan;
    struct buf b;

    world_open(t, &g.w);
    open_reader(t, &g, "people", true);
    CHECK_OK(csv_plan_new(names, 7, g.r.view, &plan, d));
    buf_init(&b, 4096);
    CHECK_TRUE(csv_plan_write(plan, cells, 7, t->arena, &b, &g.fault));
    CHECK_STR(buf_str(&b),
              S("{\"_acme\":{\"crmId\":\"c1\",\"points\":7,\"tags\":[\"a\",\"b\"]},\"identityMap\":{\"Phone\":[{\"id\":"
                "\"1\"}]},\"person\":{\"name\":{\"firstName\":\"Ada\",\"lastName\":\"Love, \\\"lace\"}}}"));
    buf_clear(&b);
    cells[1] = S("seven");
    CHECK_TRUE(!csv_plan_write(plan, cells, 7, t->arena, &b, &g.fault));
    CHECK_STR(g.fault.message, S("column 2 (_acme.points): 'seven' cannot be converted to long"));
    buf_clear(&b);
    cells[1] = S("1");
    cells[4] = S("[1],\"x\":[2]"); /* a cell stays inside its member */
    CHECK_TRUE(!csv_plan_write(plan, cells, 7, t->arena, &b, &g.fault));
    buf_clear(&b);
    CHECK_TRUE(!csv_plan_write(plan, cells, 6, t->arena, &b, &g.fault));
    CHECK_STR(g.fault.message, S("the row has 6 columns, the header 7"));
    csv_plan_free(plan);
    buf_deinit(&b);
    csv_fails(t, &g, "_acme.crmId,_acme.crmID", "column 2: the schema has no field '_acme.crmID'");
    csv_fails(t, &g, "_acme.crmId,,person", "column 2 has no name");
    csv_fails(t, &g, "_acme.crmId,_acme.crmId", "columns 1 and 2 are both '_acme.crmId'");
    csv_fails(t, &g, "person.name,person.name.firstName", "overlap");
    csv_fails(t, &g, "person.name.firstName,_acme,person", "overlap");
    row_reader_deinit(&g.r);
    world_close(&g.w);
}

TEST(rows_values)
{
    static const struct {
        enum xdm_type type;
        const char *in, *out; /* NULL: none */
    } cases[] = {
        {XDM_STRING, " x ", "\" x \""},
        {XDM_INT, " 12 ", "12"},
        {XDM_INT, "12.0", "12"},
        {XDM_INT, "1e3", "1000"},
        {XDM_INT, "12.5", NULL},
        {XDM_INT, "", NULL},
        {XDM_LONG, "9007199254740993", "9007199254740993"},
        {XDM_NUMBER, "1.25", "1.25"},
        {XDM_NUMBER, "1,25", NULL},
        {XDM_NUMBER, "NaN", NULL},
        {XDM_BOOLEAN, "TRUE", "true"},
        {XDM_BOOLEAN, "0", NULL},
        {XDM_DATE, "2026-02-28", "\"2026-02-28\""},
        {XDM_DATE, "2026-02-30", NULL},
        {XDM_DATE, "2026-02-28T00:00:00Z", "\"2026-02-28\""},
        {XDM_DATE, "2026-02-28T01:00:00Z", NULL},
        {XDM_DATE_TIME, "2026-02-28", "\"2026-02-28T00:00:00.000Z\""},
        {XDM_DATE_TIME, "2026-02-28T01:00:00+01:00", "\"2026-02-28T00:00:00.000Z\""},
        {XDM_DATE_TIME, "1767225600000", "\"2026-01-01T00:00:00.000Z\""},
        {XDM_DATE_TIME, "99999999999999999", NULL},
        {XDM_ARRAY, "[1, 2]", "[1,2]"},
        {XDM_ARRAY, "1,2", NULL},
        {XDM_MAP, "{\"a\":1}", "{\"a\":1}"},
        {XDM_OBJECT, "[1]", NULL},
    };
    struct buf b;

    buf_init(&b, 256);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jw w = jw_to(&b);
        bool ok;
        buf_clear(&b);
        ok = row_write_value(&w, cases[i].type, str_of(cases[i].in), t->arena);
        if (ok != (cases[i].out != NULL))
            t_fail(t, __FILE__, __LINE__, "'%s' as %s", cases[i].in, xdm_type_name(cases[i].type));
        if (ok)
            CHECK_STR(buf_str(&b), str_of(cases[i].out));
    }
    buf_deinit(&b);
}
