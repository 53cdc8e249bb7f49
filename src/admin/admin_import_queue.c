/* admin_import_queue.c - the import thread and what it shares with handlers: queue, files on disk, changes of batch
 * objects. */
#include <stdlib.h>

#include "admin/admin_external.h"
#include "admin/admin_import.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "codec/json_merge.h"

#define CLEAN_INTERVAL_US (3600ull * 1000 * 1000)
#define PATCH_ATTEMPTS 8 /* against saves by others in between */

/* ---- files ---- */

const char *
import_path(const struct importer *im, struct str batch, struct str suffix, struct arena *a)
{
    struct str path = arena_printf(a, "%s/%.*s-%.*s", im->dir, STR_ARG(batch), STR_ARG(suffix));

    return path.p;
}

struct listing {
    struct importer *im;
    struct arena *arena;
    struct str batch; /* empty: of every batch */
    bool uploads_only;
    struct str *names;
    size_t count, room;
    bool failed;
};

static void
list_one(void *ctx, const char *name)
{
    struct listing *l = ctx;
    struct str s = str_of(name);

    if (l->batch.n > 0 && (!str_starts(s, l->batch) || s.n <= l->batch.n || s.p[l->batch.n] != '-'))
        return;
    if (l->uploads_only && (!str_starts(str_slice(s, BATCH_ID_BYTES, s.n), S("-u-")) || str_ends(s, S(".part"))))
        return;
    if (l->count == l->room) {
        size_t room = l->room == 0 ? 64 : l->room * 2;
        struct str *names = ARENA_ARRAY(l->arena, struct str, room);
        if (names == NULL) {
            l->failed = true;
            return;
        }
        if (l->count > 0)
            memcpy(names, l->names, l->count * sizeof *names);
        l->names = names;
        l->room = room;
    }
    l->names[l->count] = arena_str(l->arena, s);
    if (l->names[l->count].p == NULL)
        l->failed = true;
    else
        l->count++;
}

static enum err
list_files(const struct importer *im, struct listing *l, struct diag *d)
{
    struct os *os = im->admin->o.os;
    enum err rc = os_list(os, im->dir, list_one, l, d);

    if (rc == ERR_OK && l->failed)
        rc = diag_set(d, ERR_NOMEM, "no memory for the list of uploaded files");
    return rc;
}

enum err
import_file_head(struct os *os, const char *path, struct arena *a, struct import_file *out, struct diag *d)
{
    char head[sizeof UPLOAD_MAGIC + LIMIT_UPLOAD_NAME_BYTES];
    struct os_file *f = NULL;
    size_t got = 0, magic = sizeof UPLOAD_MAGIC - 1;
    uint64_t bytes = 0;
    const char *end;
    enum err rc = os_open(os, path, OS_READ, &f, d);

    if (rc != ERR_OK)
        return rc;
    rc = os_pread(os, f, 0, head, sizeof head, &got, d);
    if (rc == ERR_OK)
        rc = os_size(os, f, &bytes, d);
    os_close(os, f);
    if (rc != ERR_OK)
        return rc;
    end = memchr(head, '\n', got);
    if (got < magic || memcmp(head, UPLOAD_MAGIC, magic) != 0 || end == NULL)
        return diag_set(d, ERR_CORRUPT, "'%s' is not an uploaded file of ours", path);
    out->name = arena_str(a, (struct str){head + magic, (size_t)(end - head) - magic});
    out->data_at = (uint64_t)(end + 1 - head);
    out->bytes = bytes - out->data_at;
    return out->name.p == NULL ? diag_set(d, ERR_NOMEM, "no memory for a file's name") : ERR_OK;
}

static int
by_name(const void *x, const void *y)
{
    return str_cmp(((const struct import_file *)x)->name, ((const struct import_file *)y)->name);
}

enum err
import_files(const struct importer *im, struct str batch, struct arena *a, struct import_file **out, size_t *n,
             struct diag *d)
{
    struct listing l = {.arena = a, .batch = batch, .uploads_only = true};
    struct import_file *files;
    enum err rc = list_files(im, &l, d);

    if (rc != ERR_OK)
        return rc;
    files = ARENA_ARRAY(a, struct import_file, l.count + 1);
    if (files == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the list of uploaded files");
    for (size_t i = 0; i < l.count; i++) {
        files[i].path = arena_printf(a, "%s/%.*s", im->dir, STR_ARG(l.names[i])).p;
        if (files[i].path == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for the list of uploaded files");
        rc = import_file_head(im->admin->o.os, files[i].path, a, &files[i], d);
        if (rc != ERR_OK)
            return rc;
    }
    qsort(files, l.count, sizeof *files, by_name);
    *out = files;
    *n = l.count;
    return ERR_OK;
}

static void
remove_listed(struct importer *im, struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct diag d = DIAG_INIT;
        struct str path = arena_printf(l->arena, "%s/%.*s", im->dir, STR_ARG(l->names[i]));
        enum err rc = path.p == NULL ? ERR_NOMEM : os_unlink(im->admin->o.os, path.p, &d);
        if (rc != ERR_OK && rc != ERR_NOT_FOUND)
            log_warn("import_file_stays", "error=%s what=\"%s\"", err_name(rc), d.what);
    }
}

void
import_remove(struct importer *im, struct str batch, bool all)
{
    struct arena arena;
    struct diag d = DIAG_INIT;
    struct listing l = {.arena = &arena, .batch = batch, .uploads_only = !all};

    arena_init(&arena, LIMIT_REQUEST_ARENA_BYTES);
    if (list_files(im, &l, &d) == ERR_OK)
        remove_listed(im, &l);
    else
        log_warn("import_file_stays", "what=\"%s\"", d.what);
    arena_deinit(&arena);
}

/* Does anybody still need this file? */
static bool
needed(const struct snapshot *s, struct str name, int64_t now_ms)
{
    struct str scope, status;
    const struct json *batch = snapshot_find(s, S("batch"), str_slice(name, 0, BATCH_ID_BYTES), &scope);
    bool upload = str_starts(str_slice(name, BATCH_ID_BYTES, name.n), S("-u-"));

    if (batch == NULL)
        return false;
    status = json_str(json_get(batch, S("status")));
    if (str_eq(status, S("aborted")) || (upload && str_eq(status, S("success"))))
        return false;
    if (!str_eq(status, S("success")) && !str_eq(status, S("failed")))
        return true;
    return json_i64(json_get(batch, S("completed")), now_ms) + LIMIT_ROW_ERRORS_MS > now_ms;
}

void
import_clean(struct importer *im, int64_t now_ms)
{
    struct arena arena;
    struct diag d = DIAG_INIT;
    struct listing l = {.arena = &arena};
    const struct snapshot *s;
    size_t kept = 0;

    arena_init(&arena, (size_t)LIMIT_REQUEST_ARENA_BYTES * 16);
    if (list_files(im, &l, &d) == ERR_OK) {
        s = snapshot_get(im->admin->o.config);
        for (size_t i = 0; i < l.count; i++) {
            if (!needed(s, l.names[i], now_ms))
                l.names[kept++] = l.names[i];
        }
        snapshot_put(im->admin->o.config, s);
        l.count = kept;
        remove_listed(im, &l);
    } else {
        log_warn("import_clean_failed", "what=\"%s\"", d.what);
    }
    arena_deinit(&arena);
}

/* ---- batch objects ---- */

#define PATCHES_MAX 2

/* text: of one object as patched, in the arena. */
static enum err
patched(const struct snapshot *s, struct str scope, const struct import_patch *p, struct arena *a,
        struct config_change *out, struct diag *d)
{
    const struct json *object = snapshot_object(s, str_of(p->kind), scope, p->id), *patch = NULL;
    struct str status = json_str(json_get(object, S("status")));
    struct buf text;
    struct jw w;
    enum err rc = json_parse(p->patch, a, &patch, d);

    if (rc == ERR_OK && object == NULL)
        rc = diag_set(d, ERR_NOT_FOUND, "no %s '%.*s'", p->kind, STR_ARG(p->id));
    else if (rc == ERR_OK && p->expected != NULL && !str_eq(status, str_of(p->expected)))
        rc = diag_set(d, ERR_INVALID, "%s '%.*s' is %.*s, not %s", p->kind, STR_ARG(p->id), STR_ARG(status),
                      p->expected);
    if (rc != ERR_OK)
        return rc;
    buf_init(&text, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&text);
    json_merge_write(&w, patch, object, true);
    *out = (struct config_change){.kind = str_of(p->kind),
                                  .scope = scope,
                                  .id = p->id,
                                  .json = arena_str(a, buf_str(&text)),
                                  .version = snapshot_object_version(s, str_of(p->kind), scope, p->id)};
    if (!buf_ok(&text) || out->json.p == NULL)
        rc = diag_set(d, ERR_LIMIT, "%s '%.*s' has a description of more than %d bytes", p->kind, STR_ARG(p->id),
                      LIMIT_ADMIN_BODY_BYTES);
    buf_deinit(&text);
    return rc;
}

enum err
import_patch(struct importer *im, struct str scope, const struct import_patch *patches, size_t n, struct arena *a,
             struct diag *d)
{
    struct config *config = im->admin->o.config;
    struct config_change changes[PATCHES_MAX];
    enum err rc = ERR_OK;

    CHECK(n > 0 && n <= PATCHES_MAX);
    for (int tries = 0; tries < PATCH_ATTEMPTS; tries++) {
        const struct snapshot *s = snapshot_get(config);
        rc = ERR_OK;
        for (size_t i = 0; rc == ERR_OK && i < n; i++)
            rc = patched(s, scope, &patches[i], a, &changes[i], d);
        if (rc == ERR_OK)
            rc = config_apply(config, changes, n, os_now_ms(im->admin->o.os), d);
        snapshot_put(config, s); /* ids may be borrowed from it */
        if (rc != ERR_EXISTS)    /* else somebody saved one of them in between: look again */
            return rc;
    }
    return diag_set(d, ERR_BUSY, "%s '%.*s' is being changed", patches[0].kind, STR_ARG(patches[0].id));
}

enum err
import_patch_batch(struct importer *im, struct str scope, struct str batch, const char *expected, struct str patch,
                   struct arena *a, struct diag *d)
{
    struct import_patch one = {"batch", batch, expected, patch};

    return import_patch(im, scope, &one, 1, a, d);
}

/* ---- the queue ---- */

enum err
import_reserve(struct importer *im, struct diag *d)
{
    enum err rc = ERR_OK;

    os_lock(&im->lock);
    if (im->queued >= LIMIT_IMPORT_QUEUE)
        rc = diag_set(d, ERR_BUSY, "%d batches are waiting already", LIMIT_IMPORT_QUEUE);
    else
        im->queued++;
    os_unlock(&im->lock);
    return rc;
}

void
import_unreserve(struct importer *im)
{
    os_lock(&im->lock);
    im->queued--;
    os_unlock(&im->lock);
}

void
import_enqueue(struct importer *im, struct str scope, struct str batch)
{
    struct import_job *job = malloc(sizeof *job + scope.n + batch.n + 2);

    os_lock(&im->lock);
    if (job == NULL) {
        im->queued--; /* the object says `loaded`: the next start finds it */
        os_unlock(&im->lock);
        log_error("import_no_memory", "batch=%.*s", STR_ARG(batch));
        return;
    }
    *job = (struct import_job){.scope = (char *)(job + 1), .batch = (char *)(job + 1) + scope.n + 1};
    memcpy(job->scope, scope.p, scope.n);
    job->scope[scope.n] = '\0';
    memcpy(job->batch, batch.p, batch.n);
    job->batch[batch.n] = '\0';
    if (im->last != NULL)
        im->last->next = job;
    else
        im->first = job;
    im->last = job;
    os_cond_broadcast(&im->wake);
    os_unlock(&im->lock);
}

/* Under the lock. */
static struct import_job *
take(struct importer *im)
{
    struct import_job *job = im->first;

    if (job == NULL)
        return NULL;
    im->first = job->next;
    if (im->first == NULL)
        im->last = NULL;
    im->queued--;
    return job;
}

static void
run(void *ctx)
{
    struct importer *im = ctx;

    os_thread_in_background();
    import_clean(im, os_now_ms(im->admin->o.os));
    external_files_clean(im);
    os_lock(&im->lock);
    im->busy = false;
    os_cond_broadcast(&im->wake);
    while (!atomic_load(&im->stopping)) {
        struct import_job *job = take(im);
        if (job == NULL) {
            if (!os_cond_wait_us(&im->wake, &im->lock, CLEAN_INTERVAL_US)) {
                os_unlock(&im->lock);
                import_clean(im, os_now_ms(im->admin->o.os));
                external_files_clean(im);
                os_lock(&im->lock);
            }
            continue;
        }
        im->busy = true;
        os_unlock(&im->lock);
        import_process(im, str_of(job->scope), str_of(job->batch));
        free(job);
        os_lock(&im->lock);
        im->busy = false;
        os_cond_broadcast(&im->wake);
    }
    os_unlock(&im->lock);
}

bool
admin_import_wait(struct admin *a, uint64_t timeout_us)
{
    struct importer *im = a->importer;
    uint64_t deadline = os_mono_us(a->o.os) + timeout_us;
    bool idle;

    os_lock(&im->lock);
    while ((im->first != NULL || im->busy) && os_mono_us(a->o.os) < deadline)
        (void)os_cond_wait_us(&im->wake, &im->lock, deadline - os_mono_us(a->o.os));
    idle = im->first == NULL && !im->busy;
    os_unlock(&im->lock);
    return idle;
}

/* ---- start and stop ---- */

struct resume {
    struct importer *im;
    struct str scope;
};

/* What was completed by its client but not processed to its end is done now. */
static void
resume_one(void *ctx, struct str id, const struct json *object)
{
    struct resume *r = ctx;
    struct str status = json_str(json_get(object, S("status")));

    if (!str_eq(status, S("loaded")) && !str_eq(status, S("processing")) && !str_eq(status, S("retrying")))
        return;
    os_lock(&r->im->lock);
    r->im->queued++; /* at most one more than the limit: the one that was in hand */
    os_unlock(&r->im->lock);
    import_enqueue(r->im, r->scope, id);
}

static void
resume_all(struct importer *im)
{
    const struct snapshot *s = snapshot_get(im->admin->o.config);
    const struct map_slot *slot;

    for (size_t i = 0; (slot = map_next(&s->scopes, &i)) != NULL;) {
        struct resume r = {im, slot->key};
        snapshot_each(s, S("batch"), slot->key, resume_one, &r);
    }
    snapshot_put(im->admin->o.config, s);
}

enum err
admin_import_open(struct admin *a, struct diag *d)
{
    struct importer *im = calloc(1, sizeof *im);
    size_t bytes = strlen(a->o.dir) + sizeof "/imports";
    enum err rc;

    if (im == NULL || (im->dir = malloc(bytes)) == NULL) {
        free(im);
        return diag_set(d, ERR_NOMEM, "no memory for batch ingestion");
    }
    (void)snprintf(im->dir, bytes, "%s/imports", a->o.dir);
    im->admin = a;
    os_mutex_init(&im->lock);
    os_mutex_init(&im->external_lock);
    os_cond_init(&im->wake);
    map_init(&im->open);
    a->importer = im;
    rc = os_mkdir(a->o.os, im->dir, d);
    if (rc == ERR_OK)
        rc = external_files_open(im, d);
    if (rc == ERR_OK) {
        resume_all(im);
        im->busy = true; /* with cleaning up, to begin with */
        rc = os_thread_open(&im->thread, "import", run, im, d);
    }
    if (rc != ERR_OK)
        admin_import_close(a);
    return rc;
}

void
admin_import_close(struct admin *a)
{
    struct importer *im = a->importer;
    const struct map_slot *slot;
    struct import_job *job;

    if (im == NULL)
        return;
    os_lock(&im->lock);
    atomic_store(&im->stopping, true);
    os_cond_broadcast(&im->wake);
    os_unlock(&im->lock);
    os_thread_close(&im->thread);
    while ((job = take(im)) != NULL)
        free(job);
    for (size_t i = 0; (slot = map_next(&im->open, &i)) != NULL;)
        free(slot->value);
    map_deinit(&im->open);
    os_cond_deinit(&im->wake);
    os_mutex_deinit(&im->lock);
    os_mutex_deinit(&im->external_lock);
    free(im->dir);
    free(im->external_dir);
    free(im);
    a->importer = NULL;
}
