/* admin_export_run.c - one export job, on the evaluate thread. See admin_export_job.h.
 *
 * The hub shows some profiles at a time under its lock; what passes is written to memory there, and to the files
 * afterwards. A profile that changes meanwhile is exported as it was when its turn came. */
#include "admin/admin_export_job.h"

#include <stdlib.h>

#include "admin/admin_entity.h"
#include "admin/admin_job.h"
#include "base/log.h"
#include "profile/profile_scan.h"

#define ARENA_BYTES ((size_t)1 << 30)      /* some profiles of LIMIT_PROFILE_EVENTS large events */
#define LINE_BYTES (64u * 1024 * 1024)     /* [PLATFORM 11.3] a profile has at most 50 MB */
#define WAITING_BYTES (256u * 1024 * 1024) /* lines of some profiles, for one file */
#define OPEN_FILES_BYTES (256u * 1024)     /* of lines: then they go to the file */

/* ---- files ---- */

static struct str
folder_of(const struct admin *admin, struct arena *a)
{
    return arena_printf(a, "%s/exports", admin->o.dir);
}

const char *
export_path(const struct admin *admin, struct str batch, struct arena *a)
{
    return arena_printf(a, "%s/exports/%.*s.json", admin->o.dir, STR_ARG(batch)).p;
}

static void
remove_path(const struct admin *admin, const char *path)
{
    struct diag d = DIAG_INIT;
    enum err rc = path == NULL ? ERR_NOMEM : os_unlink(admin->o.os, path, &d);

    if (rc != ERR_OK && rc != ERR_NOT_FOUND)
        log_warn("export_file_stays", "error=%s what=\"%s\"", err_name(rc), d.what);
}

void
export_file_remove(const struct admin *admin, struct str batch)
{
    struct arena a;

    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    remove_path(admin, export_path(admin, batch, &a));
    arena_deinit(&a);
}

struct cleaning {
    const struct admin *admin;
    const struct snapshot *snap;
    struct arena a;
};

static void
clean_one(void *ctx, const char *name)
{
    struct cleaning *c = ctx;
    struct str s = str_of(name), scope;

    if (str_ends(s, S(".json")) && snapshot_find(c->snap, S("batch"), str_slice(s, 0, s.n - 5), &scope) != NULL)
        return;
    remove_path(c->admin, arena_printf(&c->a, "%.*s/%s", STR_ARG(folder_of(c->admin, &c->a)), name).p);
}

enum err
export_files_open(struct admin *admin, struct diag *d)
{
    struct cleaning c = {.admin = admin, .snap = snapshot_get(admin->o.config)};
    const char *folder;
    enum err rc;

    arena_init(&c.a, (size_t)LIMIT_REQUEST_ARENA_BYTES * 16);
    folder = folder_of(admin, &c.a).p;
    rc = folder == NULL ? diag_set(d, ERR_NOMEM, "no memory for exports") : os_mkdir(admin->o.os, folder, d);
    if (rc == ERR_OK)
        rc = os_list(admin->o.os, folder, clean_one, &c, d);
    snapshot_put(admin->o.config, c.snap);
    arena_deinit(&c.a);
    return rc;
}

/* ---- a run ---- */

/* The file of one batch. */
struct output {
    struct str batch;
    char *part; /* owned path, until it is renamed */
    struct os_file *file;
    uint64_t bytes, count; /* written, of lines */
    struct buf waiting;
};

struct export_run {
    struct evaluator *ev;
    struct evaluation *e;
    struct call call; /* for admin_entity.c */
    struct export_spec spec;
    struct output outputs[EXPORT_AUDIENCES_MAX];
    size_t output_count;
    struct arena a;       /* the run's */
    struct arena visited; /* some profiles */
    struct buf whole;     /* a person before the fields are chosen */
    uint64_t read, exported;
    int64_t began_ms, written_ms; /* written_ms: spent with files */
    enum err rc;                  /* of a visit */
    struct diag *d;
};

static bool
within(const struct export_period *period, int64_t ms)
{
    return ms >= period->from_ms && ms <= period->to_ms;
}

/* Does the profile's entry of the audience pass? */
static bool
qualifies(const struct export_run *run, const struct profile *p, const struct export_audience *audience)
{
    const struct profile_membership *m = profile_membership(p, audience->id);

    return m != NULL && (audience->statuses & (m->member ? EXPORT_MEMBERS : EXPORT_EXITED)) != 0 &&
           within(&run->spec.qualified, m->since_ms);
}

static enum err
write_events(struct export_run *run, struct jw *w, struct kv *k, const struct profile *p)
{
    const struct json **events;
    struct profile_event *raw;
    size_t n = 0;
    enum err rc = profile_events(k, p, p->arena, &events, &raw, &n, run->d);

    if (rc != ERR_OK)
        return rc;
    jw_key(w, S("eventList"));
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        if (within(&run->spec.event_period, raw[i].ms))
            entity_project(w, events[i], run->spec.event_fields, run->spec.event_field_count);
    }
    jw_end(w);
    return ERR_OK;
}

/* One line: the fields of the person, and the events. */
static enum err
write_line(struct export_run *run, struct buf *out, struct kv *k, const struct profile *p, const struct graph_view *g)
{
    const struct json *person = NULL;
    struct json_iter it;
    struct jw w;
    enum err rc;

    buf_clear(&run->whole);
    w = jw_to(&run->whole);
    rc = entity_write(&w, &run->call, p, g, run->d);
    if (rc == ERR_OK && !buf_ok(&run->whole))
        rc = diag_set(run->d, ERR_LIMIT, "a profile does not fit a line of %u bytes", LINE_BYTES);
    if (rc == ERR_OK)
        rc = json_parse(buf_str(&run->whole), p->arena, &person, run->d);
    if (rc == ERR_OK && run->spec.field_count > 0) {
        buf_clear(&run->whole);
        w = jw_to(&run->whole);
        entity_project(&w, person, run->spec.fields, run->spec.field_count);
        rc = json_parse(buf_str(&run->whole), p->arena, &person, run->d);
    }
    if (rc != ERR_OK)
        return rc;
    w = jw_to(out);
    jw_object(&w);
    for (it = json_iter(person); json_next(&it);)
        jw_kjson(&w, it.key, it.value);
    if (run->spec.events)
        rc = write_events(run, &w, k, p);
    jw_end(&w);
    buf_putc(out, '\n');
    return rc == ERR_OK && !buf_ok(out) ? diag_set(run->d, ERR_LIMIT, "profiles do not fit memory") : rc;
}

static void
write_to(struct export_run *run, size_t output, struct kv *k, const struct profile *p, const struct graph_view *g)
{
    run->rc = write_line(run, &run->outputs[output].waiting, k, p, g);
    run->outputs[output].count++;
}

/* Known by events alone: no record, and no row of an external audience's file, names the person. */
static bool
has_events_only(const struct profile *p)
{
    for (size_t i = 0; i < p->membership_count; i++) {
        if (p->memberships[i].run != 0)
            return false;
    }
    return p->fragment_count == 0;
}

/* Under the hub's lock. */
static void
visit(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    struct export_run *run = ctx;
    const struct export_spec *spec = &run->spec;
    bool each = spec->batch.n == 0, passes = spec->audience_count == 0;

    run->read++;
    if (run->rc != ERR_OK || !within(&spec->ingested, p->changed_ms) || (!spec->empty_profiles && has_events_only(p)))
        return;
    for (size_t i = 0; i < spec->audience_count && run->rc == ERR_OK; i++) {
        if (!qualifies(run, p, &spec->audiences[i]))
            continue;
        passes = true;
        if (!each)
            break;
        write_to(run, i, k, p, g);
    }
    if (passes && !each && run->rc == ERR_OK)
        write_to(run, 0, k, p, g);
    run->exported += passes;
}

static enum err
write_out(struct export_run *run, size_t least)
{
    struct os *os = run->ev->admin->o.os;
    int64_t before_ms = os_now_ms(os);
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < run->output_count; i++) {
        struct output *o = &run->outputs[i];
        if (o->waiting.n == 0 || o->waiting.n < least)
            continue;
        rc = os_pwrite(os, o->file, o->bytes, o->waiting.p, o->waiting.n, run->d);
        o->bytes += o->waiting.n;
        buf_clear(&o->waiting);
    }
    run->written_ms += os_now_ms(os) - before_ms;
    return rc;
}

static enum err
scan(struct export_run *run)
{
    const struct admin_hub *hub = &run->ev->admin->o.hub;
    struct profile_scan s;
    enum err rc = ERR_OK;

    profile_scan_init(&s, run->e->scope);
    while (rc == ERR_OK && !profile_scan_over(&s)) {
        if (!evaluator_report(run->ev, run->e, run->read, run->exported)) {
            rc = diag_set(run->d, ERR_CANCELLED, "cancelled");
            break;
        }
        arena_reset(&run->visited);
        rc = hub->visit(hub->ctx, &s, &run->visited, visit, run, run->d);
        if (rc == ERR_OK)
            rc = run->rc;
        if (rc == ERR_OK)
            rc = write_out(run, OPEN_FILES_BYTES);
    }
    profile_scan_deinit(&s);
    return rc == ERR_OK ? write_out(run, 1) : rc;
}

static enum err
open_output(struct export_run *run, struct str batch)
{
    struct os *os = run->ev->admin->o.os;
    struct output *o = &run->outputs[run->output_count];
    const char *path = export_path(run->ev->admin, batch, &run->a);
    struct str part = arena_printf(&run->a, "%s.part", path != NULL ? path : "");
    enum err rc;

    if (path == NULL || part.p == NULL)
        return diag_set(run->d, ERR_NOMEM, "no memory for an export");
    *o = (struct output){.batch = batch, .part = (char *)(uintptr_t)part.p};
    buf_init(&o->waiting, WAITING_BYTES);
    run->output_count++;
    rc = os_open(os, o->part, OS_WRITE, &o->file, run->d);
    return rc == ERR_OK ? os_truncate(os, o->file, 0, run->d) : rc;
}

static enum err
open_outputs(struct export_run *run)
{
    const struct export_spec *spec = &run->spec;
    enum err rc = spec->batch.n > 0 ? open_output(run, spec->batch) : ERR_OK;

    for (size_t i = 0; rc == ERR_OK && spec->batch.n == 0 && i < spec->audience_count; i++)
        rc = open_output(run, spec->audiences[i].batch);
    return rc;
}

/* All files are on the disk under their names, before the job says so. */
static enum err
finish_outputs(struct export_run *run)
{
    struct os *os = run->ev->admin->o.os;
    int64_t before_ms = os_now_ms(os);
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < run->output_count; i++) {
        struct output *o = &run->outputs[i];
        const char *path = export_path(run->ev->admin, o->batch, &run->a);
        rc = path == NULL ? diag_set(run->d, ERR_NOMEM, "no memory for an export") : os_sync(os, o->file, run->d);
        if (rc == ERR_OK)
            rc = os_rename(os, o->part, path, run->d);
        if (rc == ERR_OK)
            o->part = NULL;
    }
    if (rc == ERR_OK)
        rc = os_sync_dir(os, folder_of(run->ev->admin, &run->a).p, run->d);
    run->written_ms += os_now_ms(os) - before_ms;
    return rc;
}

static void
close_outputs(struct export_run *run, bool keep)
{
    for (size_t i = 0; i < run->output_count; i++) {
        struct output *o = &run->outputs[i];
        os_close(run->ev->admin->o.os, o->file);
        buf_deinit(&o->waiting);
        if (o->part != NULL)
            remove_path(run->ev->admin, o->part);
        else if (!keep)
            export_file_remove(run->ev->admin, o->batch);
    }
}

/* ---- the end ---- */

static struct str
metrics_of(const struct export_run *run, int64_t now_ms, struct arena *a)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, a, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    job_write_interval(&w, "totalTime", run->e->created_ms < now_ms ? run->e->created_ms : now_ms, now_ms);
    job_write_interval(&w, "profileExportTime", run->began_ms, now_ms);
    job_write_interval(&w, "aCPDatasetWriteTime", now_ms - run->written_ms, now_ms);
    jw_ki64(&w, S("totalProfiles"), (int64_t)run->read);
    jw_ki64(&w, S("totalExportedProfileCounter"), (int64_t)run->exported);
    jw_key(&w, S("exportedProfilesByBatch"));
    jw_object(&w);
    for (size_t i = 0; i < run->output_count; i++)
        jw_ki64(&w, run->outputs[i].batch, (int64_t)run->outputs[i].count);
    jw_end(&w);
    jw_end(&w);
    return buf_str(&b);
}

static struct str
batch_text(const struct export_run *run, const struct output *o, int64_t now_ms, struct arena *a)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, a, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    jw_kstr(&w, S("id"), o->batch);
    jw_kstr(&w, S("status"), S("success"));
    jw_key(&w, S("relatedObjects"));
    jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, S("type"), S("dataSet"));
    jw_kstr(&w, S("id"), run->spec.dataset);
    jw_end(&w);
    jw_end(&w);
    jw_kstr(&w, S("exportJob"), run->e->id);
    jw_kraw(&w, S("inputFormat"), S("{\"format\":\"json\"}"));
    jw_kstr(&w, S("version"), S("1.0.0"));
    jw_kraw(&w, S("tags"), S("{}"));
    jw_ki64(&w, S("recordCount"), (int64_t)o->count);
    jw_ki64(&w, S("failedRecordCount"), 0);
    jw_ki64(&w, S("created"), run->e->created_ms);
    jw_ki64(&w, S("started"), run->began_ms);
    jw_ki64(&w, S("completed"), now_ms);
    jw_ki64(&w, S("updated"), now_ms);
    jw_end(&w);
    return buf_str(&b);
}

/* The job as it ended, and its batches when it ended well. */
static enum err
save(struct export_run *run, enum err result, const struct diag *why, struct diag *d)
{
    struct config *config = run->ev->admin->o.config;
    const struct snapshot *snap = snapshot_get(config);
    const struct json *object = snapshot_object(snap, S("exportJob"), run->e->scope, run->e->id);
    int64_t now_ms = os_now_ms(run->ev->admin->o.os);
    struct edit edit = edit_of(&run->a, object);
    struct config_change changes[LIMIT_CONFIG_CHANGES];
    size_t n = 1;
    enum err rc;

    job_put_outcome(&edit, result, result == ERR_OK ? metrics_of(run, now_ms, &run->a) : S_NULL, why, &run->a);
    edit_put_i64(&edit, edit.root, S("updateTime"), now_ms / MS_PER_SECOND);
    changes[0] =
        (struct config_change){S("exportJob"), run->e->scope, run->e->id, edit_text(&edit), CONFIG_ANY_VERSION};
    for (size_t i = 0; result == ERR_OK && i < run->output_count; i++)
        changes[n++] = (struct config_change){S("batch"), run->e->scope, run->outputs[i].batch,
                                              batch_text(run, &run->outputs[i], now_ms, &run->a), CONFIG_ANY_VERSION};
    rc = object == NULL                 ? diag_set(d, ERR_NOT_FOUND, "the job is gone")
         : edit.nomem || run->a.refused ? diag_set(d, ERR_NOMEM, "no memory to save a job")
                                        : config_apply(config, changes, n, now_ms, d);
    snapshot_put(config, snap);
    return rc;
}

static enum err
attempt(struct export_run *run)
{
    const struct json *object = snapshot_object(run->call.snap, S("exportJob"), run->e->scope, run->e->id);
    enum err rc = object == NULL ? diag_set(run->d, ERR_NOT_FOUND, "the job is gone")
                                 : export_spec_read(object, &run->a, &run->spec, run->d);

    if (rc == ERR_OK)
        rc = open_outputs(run);
    if (rc == ERR_OK)
        rc = scan(run);
    return rc == ERR_OK ? finish_outputs(run) : rc;
}

enum err
export_run(struct evaluator *ev, struct evaluation *e, struct diag *d)
{
    struct export_run *run = calloc(1, sizeof *run);
    struct diag saving = DIAG_INIT;
    bool keep = false;
    enum err rc, saved;

    if (run == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an export"); /* taken up at the next start */
    run->ev = ev;
    run->e = e;
    run->d = d;
    run->began_ms = os_now_ms(ev->admin->o.os);
    run->call = (struct call){.admin = ev->admin, .scope = e->scope, .snap = snapshot_get(ev->admin->o.config)};
    arena_init(&run->a, (size_t)LIMIT_REQUEST_ARENA_BYTES * 16);
    arena_init(&run->visited, ARENA_BYTES);
    buf_init(&run->whole, LINE_BYTES);
    rc = attempt(run);
    if (!evaluator_keeps_job(ev, e, rc)) {
        saved = save(run, rc, d, &saving);
        keep = saved == ERR_OK && rc == ERR_OK;
        if (saved != ERR_OK && rc == ERR_OK) {
            *d = saving;
            rc = saved;
        }
    }
    close_outputs(run, keep);
    snapshot_put(ev->admin->o.config, run->call.snap);
    buf_deinit(&run->whole);
    arena_deinit(&run->visited);
    arena_deinit(&run->a);
    free(run);
    return rc;
}
