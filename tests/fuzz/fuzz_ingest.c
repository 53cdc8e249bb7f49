/* Any bytes as an uploaded file: split into rows, made hits. A hit must be readable again and say the same. The first
 * byte chooses format and dataset. The small configuration is in a
 * folder of its own, which is removed at the end. */
#include <ftw.h>

#include "admin/admin_rows.h"
#include "base/check.h"
#include "base/limits.h"
#include "pipeline/pipeline.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ORG "0A1B2C3D4E5F60718293A4B5@AdobeOrg"
#define SCOPE ORG "/prod"
#define NOW 1767225600000
#define PROFILE_SCHEMA "https://ns.adobe.com/acme/schemas/p1"
#define EVENT_SCHEMA "https://ns.adobe.com/acme/schemas/e1"

static char dir[] = "/tmp/edgewise-fuzz-XXXXXX";
static struct pipeline *pipeline;
static struct config *config;
static const struct snapshot *snap;
static struct arena arena;

static void
put(const char *kind, const char *scope, const char *id, const char *json)
{
    char text[4096];
    struct diag d = DIAG_INIT;
    size_t n = strlen(json);

    CHECK(n < sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = json[i] == '\'' ? '"' : json[i];
    CHECK(config_put(config, str_of(kind), str_of(scope), str_of(id), (struct str){text, n}, NOW, &d) == ERR_OK);
}

static void
put_all(void)
{
    put("org", ORG, ORG, "{'id':'" ORG "','tenant':'acme','clientCode':'acme'}");
    put("sandbox", ORG, "prod", "{'name':'prod','type':'production','title':'Production'}");
    put("namespace", SCOPE, "CRMID", "{'code':'CRMID','id':10000001,'name':'CRM','idType':'CROSS_DEVICE'}");
    put("schema", SCOPE, PROFILE_SCHEMA,
        "{'$id':'" PROFILE_SCHEMA "','meta:altId':'_acme.schemas.p1','title':'Person','type':'object',"
        "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'},"
        "{'$ref':'https://ns.adobe.com/xdm/context/profile-person-details'}],"
        "'properties':{'_acme':{'type':'object','properties':{'crmId':{'type':'string'},'points':{'type':'integer'},"
        "'score':{'type':'number'},'vip':{'type':'boolean'},'joined':{'type':'string','format':'date'},"
        "'seen':{'type':'string','format':'date-time'},'tags':{'type':'array','items':{'type':'string'}}}}}}");
    put("descriptor", SCOPE, "i1",
        "{'@id':'i1','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'" PROFILE_SCHEMA
        "','xdm:sourceProperty':'/_acme/"
        "crmId','xdm:namespace':'CRMID','xdm:property':'xdm:code','xdm:isPrimary':true}");
    put("schema", SCOPE, EVENT_SCHEMA,
        "{'$id':'" EVENT_SCHEMA "','meta:altId':'_acme.schemas.e1','title':'Web','type':'object',"
        "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/experienceevent'},"
        "{'$ref':'https://ns.adobe.com/experience/aep-web-sdk-experienceevent'}]}");
    put("dataset", SCOPE, "people",
        "{'id':'people','name':'people','schemaRef':{'id':'" PROFILE_SCHEMA "'},'tags':{}}");
    put("dataset", SCOPE, "free",
        "{'id':'free','name':'free','schemaRef':{'id':'" PROFILE_SCHEMA
        "'},'tags':{'acp_validationContext':['disabled'],'unifiedProfile':['isUpsert:true']}}");
    put("dataset", SCOPE, "events", "{'id':'events','name':'events','schemaRef':{'id':'" EVENT_SCHEMA "'},'tags':{}}");
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void
clean(void)
{
    snapshot_put(config, snap);
    config_close(config);
    pipeline_close(pipeline);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_deinit(&arena);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct pipeline_options po = {.os = os_posix(), .dir = mkdtemp(dir)};
    struct topic_options to = {.name = "config", .writable = true, .compacted = true};
    struct config_options co = {.os = os_posix()};
    struct diag d = DIAG_INIT;

    (void)argc;
    (void)argv;
    CHECK(po.dir != NULL);
    CHECK(pipeline_open(&po, &pipeline, &d) == ERR_OK);
    CHECK(pipeline_topic(pipeline, &to, &co.topic, &d) == ERR_OK);
    CHECK(config_open(&co, &config, &d) == ERR_OK);
    put_all();
    snap = snapshot_get(config);
    arena_init(&arena, 32u << 20);
    CHECK(atexit(clean) == 0);
    return 0;
}

/* What is on the log afterwards is what was read. */
static void
check_hit(const struct hit *h)
{
    struct diag d = DIAG_INIT;
    struct hit back;
    struct buf text;

    buf_init(&text, LIMIT_RECORD_VALUE_BYTES);
    hit_write(&text, h);
    CHECK(buf_ok(&text));
    CHECK(hit_read(buf_str(&text), &arena, &back, &d) == ERR_OK);
    CHECK(back.kind == h->kind && back.upsert == h->upsert && back.event_ms == h->event_ms);
    CHECK(back.identities.n == h->identities.n && identity_primary(&back.identities) != NULL);
    CHECK(json_is(back.xdm, JSON_OBJECT) && json_get(back.xdm, S("identityMap")) == NULL);
    CHECK(str_eq(hit_owner(&back)->id, hit_owner(h)->id));
    buf_deinit(&text);
}

static void
take_row(struct row_reader *r, struct str text)
{
    struct row_fault fault = {0};
    struct hit hit;

    if (row_read(r, text, NOW, &arena, &hit, &fault) == ERR_OK)
        check_hit(&hit);
    else
        CHECK(fault.code != 0 && fault.message.p != NULL);
}

static void
read_json(struct row_reader *r, struct str text, bool multiline)
{
    struct row_splitter s = {.multiline = multiline};
    struct str row;
    size_t used;

    for (;;) {
        enum split_result result = row_split(&s, text, true, &row, &used);
        CHECK(result != SPLIT_MORE && used <= text.n);
        if (result != SPLIT_ROW)
            break;
        CHECK(used > 0);
        arena_reset(&arena);
        take_row(r, row);
        text = str_slice(text, used, text.n);
    }
}

static void
read_csv(struct row_reader *r, struct str text)
{
    struct diag d = DIAG_INIT;
    struct csv_plan *plan = NULL;
    struct buf json;
    struct csv csv;
    size_t used;

    csv_init(&csv, CSV_RFC4180);
    buf_init(&json, 8u << 20);
    if (csv_next(&csv, text, true, &used, &d) == CSV_ROW &&
        csv_plan_new(csv.fields, csv.count, r->view, &plan, &d) == ERR_OK) {
        for (;;) {
            struct row_fault fault = {0};
            enum csv_result result;
            text = str_slice(text, used, text.n);
            result = csv_next(&csv, text, true, &used, &d);
            if (result == CSV_END)
                break;
            CHECK(used > 0);
            arena_reset(&arena);
            buf_clear(&json);
            if (result == CSV_ROW && csv_plan_write(plan, csv.fields, csv.count, &arena, &json, &fault))
                take_row(r, buf_str(&json));
        }
    }
    csv_plan_free(plan);
    buf_deinit(&json);
    csv_deinit(&csv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const datasets[] = {"people", "events", "free"};
    struct str text = {(const char *)data + 1, size - 1}, dataset;
    struct row_reader reader;
    struct diag d = DIAG_INIT;

    if (size == 0)
        return 0;
    dataset = str_of(datasets[data[0] % 3]);
    CHECK(row_reader_init(&reader, snap, S(SCOPE), dataset, snapshot_object(snap, S("dataset"), S(SCOPE), dataset),
                          &d) == ERR_OK);
    reader.lenient = data[0] & 0x10;
    if (data[0] & 0x20)
        read_csv(&reader, text);
    else
        read_json(&reader, text, data[0] & 0x40);
    row_reader_deinit(&reader);
    return 0;
}
