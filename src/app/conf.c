/* conf.c - one table of settings: name, type, range, default, help. Parser, validation, --help and the reference page
 * come from it, so a setting exists once. */
#include "app/app.h"

#include "admin/admin_guardrail.h"
#include "base/limits.h"

enum type { TEXT, CHOICE, NUMBER, SWITCH };

struct setting {
    const char *name;
    enum type type;
    size_t offset;
    const char *value;   /* default */
    const char *choices; /* CHOICE: comma list */
    int64_t min, max;    /* NUMBER */
    const char *help;
};

#define AT(member) offsetof(struct conf, member)

static const struct setting settings[] = {
    {"data", TEXT, AT(data), "data", NULL, 0, 0, "folder of everything that is kept; created when absent"},
    {"listen", TEXT, AT(listen), "127.0.0.1:8080", NULL, 0, 0, "address for http, HOST:PORT; port 0 picks a free one"},
    {"tls-listen", TEXT, AT(tls_listen), "", NULL, 0, 0, "address for https; empty: none"},
    {"tls-names", TEXT, AT(tls_names), "localhost,127.0.0.1", NULL, 0, 0,
     "names in the certificate that is made on first start; put your own into DATA/tls/cert.pem and key.pem"},
    {"roles", CHOICE, AT(roles), "all", "all,edge,hub", 0, 0,
     "which plane this process runs; two processes on one machine may share a data folder, one edge and one hub"},
    {"hint", TEXT, AT(hint), "or2", NULL, 0, 0, "location hint of this edge, and name of its region"},
    {"region-id", NUMBER, AT(region_id), "9", NULL, 0, 9999, "number in x-adobe-edge"},
    {"target-edge-host", TEXT, AT(target_edge_host), "", NULL, 0, 0,
     "what answers of the delivery API name as edgeHost; empty: nothing, and clients stay where they are"},
    {"target-admin-requests", NUMBER, AT(target_admin_requests), "60000", NULL, 0, 1000000,
     "requests of one client to the Target admin API within a minute; past it 429 and Retry-After. The vendor's limit "
     "is "
     "50; 0: none"},
    {"base-paths", TEXT, AT(base_paths), "ee,ee-pre-prd", NULL, 0, 0, "first path segments of Edge Network URLs"},
    {"ack", CHOICE, AT(ack), "written", "written,fsync", 0, 0,
     "answer a hit when it is in the log's file (it survives a crash of the process), or when it is on the disk"},
    {"workers", NUMBER, AT(workers), "0", NULL, 0, 256, "HTTP threads; 0: one per core"},
    {"edge-profile-ttl-hours", NUMBER, AT(profile_ttl_hours), "336", NULL, 1, 2160,
     "how long an edge keeps a profile after the last visit"},
    {"collect-retention-days", NUMBER, AT(collect_retention_days), "0", NULL, 0, 36500,
     "how long hits stay on the log once hub and edge are done with them; 0: for ever. Without them lost state is not "
     "made again"},
    {"membership-retention-days", NUMBER, AT(membership_retention_days), "0", NULL, 0, 36500,
     "how long entries into and exits from audiences stay on the log; 0: for ever"},
    {"config-history-days", NUMBER, AT(config_history_days), "30", NULL, 0, 36500,
     "how long objects that were replaced or deleted stay on the log, for explanations of decisions made with them; 0: "
     "until it is compacted"},
    {"trust-forwarded", SWITCH, AT(trust_forwarded), "off", NULL, 0, 0,
     "take the client address from X-Forwarded-For: only behind a proxy that sets it"},
    {"geo-database", TEXT, AT(geo_database), "", NULL, 0, 0,
     "city or country database in MaxMind's format (.mmdb), for audiences and tokens that ask where a visitor is; "
     "empty: only what requests say"},
    {"demo", SWITCH, AT(demo), "on", NULL, 0, 0, "serve the Northpeak demo shop at /"},
    {"emulator", SWITCH, AT(emulator), "off", NULL, 0, 0,
     "a clock that POST /emulator/clock moves forward, for tests of time"},
    {"guardrails", CHOICE, AT(guardrails), "reported", "reported,enforced", 0, 0,
     "the documented limits of segmentation: shown and counted only, or kept: jobs past their quota and expressions "
     "past "
     "what is advised are refused"},
    {"guardrail-limits", TEXT, AT(guardrail_limits), "", NULL, 0, 0,
     "limits that differ from the documented ones, as NAME=NUMBER,...; GET /edgewise/guardrails names them"},
    {"log-level", CHOICE, AT(log_level), "info", "debug,info,warn,error", 0, 0, "least important lines to write"},
};
#define SETTING_COUNT (sizeof settings / sizeof settings[0])

static const struct setting *
find(struct str name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (str_eq(name, str_of(settings[i].name)))
            return &settings[i];
    }
    return NULL;
}

static bool
is_choice(const char *choices, struct str value)
{
    struct str rest = str_of(choices), one;

    while (str_split(&rest, ',', &one)) {
        if (str_eq(one, value))
            return true;
    }
    return false;
}

static enum err
set_number(struct conf *c, const struct setting *s, const char *value, const char *where, struct diag *d)
{
    int64_t v;

    if (!str_to_i64(str_of(value), &v) || v < s->min || v > s->max)
        return diag_set(d, ERR_INVALID, "%s: %s must be %lld..%lld, got %s", where, s->name, (long long)s->min,
                        (long long)s->max, value);
    memcpy((char *)c + s->offset, &v, sizeof v);
    return ERR_OK;
}

static enum err
set_switch(struct conf *c, const struct setting *s, const char *value, const char *where, struct diag *d)
{
    bool on = strcmp(value, "on") == 0;

    if (!on && strcmp(value, "off") != 0)
        return diag_set(d, ERR_INVALID, "%s: %s must be on or off, got %s", where, s->name, value);
    memcpy((char *)c + s->offset, &on, sizeof on);
    return ERR_OK;
}

static enum err
set(struct conf *c, const struct setting *s, const char *value, const char *where, struct diag *d)
{
    if (s->type == NUMBER)
        return set_number(c, s, value, where, d);
    if (s->type == SWITCH)
        return set_switch(c, s, value, where, d);
    if (s->type == CHOICE && !is_choice(s->choices, str_of(value)))
        return diag_set(d, ERR_INVALID, "%s: %s must be one of %s, got %s", where, s->name, s->choices, value);
    memcpy((char *)c + s->offset, &value, sizeof value);
    return ERR_OK;
}

void
conf_defaults(struct conf *c)
{
    *c = (struct conf){0};
    for (size_t i = 0; i < SETTING_COUNT; i++)
        (void)set(c, &settings[i], settings[i].value, "default", NULL); /* the table's own values are in range */
}

enum err
conf_file(struct conf *c, struct os *os, const char *path, struct arena *a, struct diag *d)
{
    struct str rest, line;
    int number = 0;
    enum err rc = os_read_file(os, path, 64 * 1024, a, &rest, d);

    while (rc == ERR_OK && str_split(&rest, '\n', &line)) {
        const struct setting *s;
        const char *where = arena_printf(a, "%s line %d", path, ++number).p;
        ptrdiff_t equals;
        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        equals = str_find_char(line, '=');
        if (equals < 0)
            return diag_set(d, ERR_INVALID, "%s: expected NAME = VALUE", where);
        s = find(str_trim(str_slice(line, 0, (size_t)equals)));
        if (s == NULL)
            return diag_set(d, ERR_INVALID, "%s: unknown setting '%.*s'", where,
                            STR_ARG(str_trim(str_slice(line, 0, (size_t)equals))));
        rc = set(c, s, arena_cstr(a, str_trim(str_slice(line, (size_t)equals + 1, line.n))), where, d);
    }
    return rc;
}

static enum err
take_argument(struct conf *c, int argc, char **argv, int *i, bool *taken, struct diag *d)
{
    const struct setting *s = strncmp(argv[*i], "--", 2) == 0 ? find(str_of(argv[*i] + 2)) : NULL;

    *taken = s != NULL;
    if (s == NULL)
        return ERR_OK;
    if (s->type == SWITCH && (*i + 1 == argc || strncmp(argv[*i + 1], "--", 2) == 0))
        return set(c, s, "on", argv[*i], d);
    if (*i + 1 == argc)
        return diag_set(d, ERR_INVALID, "%s needs a value", argv[*i]);
    ++*i;
    return set(c, s, argv[*i], argv[*i - 1], d);
}

enum err
conf_args(struct conf *c, struct os *os, int *argc, char **argv, struct arena *a, struct diag *d)
{
    int kept = 1;
    enum err rc = ERR_OK;

    for (int i = 1; rc == ERR_OK && i + 1 < *argc; i++) {
        if (strcmp(argv[i], "--config") == 0)
            rc = conf_file(c, os, argv[i + 1], a, d);
    }
    for (int i = 1; rc == ERR_OK && i < *argc; i++) {
        bool taken;
        if (strcmp(argv[i], "--config") == 0) {
            i++;
            continue;
        }
        rc = take_argument(c, *argc, argv, &i, &taken, d);
        if (!taken)
            argv[kept++] = argv[i];
    }
    if (rc == ERR_OK)
        *argc = kept;
    return rc;
}

enum err
conf_check(const struct conf *c, struct diag *d)
{
    struct guardrails g;

    if (c->data[0] == '\0')
        return diag_set(d, ERR_INVALID, "data must name a folder");
    if (c->listen[0] == '\0' && c->tls_listen[0] == '\0')
        return diag_set(d, ERR_INVALID, "one of listen and tls-listen must be set");
    for (const char *p = c->hint; *p != '\0' || p == c->hint; p++) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')) || p - c->hint >= 12)
            return diag_set(d, ERR_INVALID, "hint must be 1..12 lower-case letters and digits, got '%s'", c->hint);
    }
    return guardrails_read(str_of(c->guardrail_limits), false, &g, d);
}

void
conf_reference(struct buf *out, bool markdown)
{
    if (markdown)
        buf_put(out, S("| setting | default | range | meaning |\n|---|---|---|---|\n"));
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &settings[i];
        char range[64];
        if (s->type == NUMBER)
            (void)snprintf(range, sizeof range, "%lld..%lld", (long long)s->min, (long long)s->max);
        else
            (void)snprintf(range, sizeof range, "%s", s->type == SWITCH ? "on, off" : s->choices ? s->choices : "text");
        if (markdown)
            buf_printf(out, "| `%s` | `%s` | %s | %s |\n", s->name, s->value, range, s->help);
        else
            buf_printf(out, "  --%-24s %s (%s; default: %s)\n", s->name, s->help, range,
                       s->value[0] ? s->value : "none");
    }
}
