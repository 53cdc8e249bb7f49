/* admin_external_file.c - the files of external audiences: taken, listed, forgotten. See admin_external.h.
 *
 * On disk a file has its head line, as uploads of batches have, and a name of numbers in hexadecimal:
 *
 *   scope, name (two hashes)  -  sequence  -  time of the upload
 *
 * The newest version of a name is the one with the largest sequence; the count goes on behind the largest one found at
 * the start. Clocks may stand still. */
#include "admin/admin_external.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"

#define STYLE ERRORS_UPAPI
#define FILES "/data/core/ais/files"
#define KEY_CHARS 48
#define STORED_CHARS (KEY_CHARS + 2 * 17)

/* ---- names on disk ---- */

static struct str
key_of(struct str scope, struct str name, struct arena *a)
{
    return arena_printf(a, "%016llx%016llx%016llx", (unsigned long long)hash_bytes(scope, 0),
                        (unsigned long long)hash_bytes(name, 0), (unsigned long long)hash_bytes(name, 1));
}

static bool
hex_at(struct str s, size_t at, uint64_t *out)
{
    *out = 0;
    for (size_t i = at; i < at + 16; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *out = *out << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool
read_stored(struct str stored, uint64_t *scope, uint64_t *sequence, uint64_t *time_ms)
{
    return stored.n == STORED_CHARS && stored.p[KEY_CHARS] == '-' && stored.p[KEY_CHARS + 17] == '-' &&
           hex_at(stored, 0, scope) && hex_at(stored, KEY_CHARS + 1, sequence) &&
           hex_at(stored, KEY_CHARS + 18, time_ms);
}

static const char *
path_of(const struct importer *im, struct str stored, struct arena *a)
{
    return arena_printf(a, "%s/%.*s", im->external_dir, STR_ARG(stored)).p;
}

/* ---- the folder ---- */

struct listing {
    struct arena *a;
    struct str *names;
    size_t n, cap;
    bool nomem;
};

static void
list_one(void *ctx, const char *name)
{
    struct listing *l = ctx;

    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct str *names = ARENA_ARRAY(l->a, struct str, cap);
        l->nomem = l->nomem || names == NULL;
        if (names == NULL)
            return;
        if (l->n > 0)
            memcpy(names, l->names, l->n * sizeof *names);
        l->names = names;
        l->cap = cap;
    }
    l->names[l->n] = arena_str(l->a, str_of(name));
    l->nomem = l->nomem || l->names[l->n].p == NULL;
    l->n++;
}

static int
by_text(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

/* In order: versions of one name are neighbours, the newest last. */
static enum err
list_all(const struct importer *im, struct arena *a, struct listing *out, struct diag *d)
{
    enum err rc;

    *out = (struct listing){.a = a};
    rc = os_list(im->admin->o.os, im->external_dir, list_one, out, d);
    if (rc == ERR_OK && out->nomem)
        rc = diag_set(d, ERR_NOMEM, "no memory for the list of files");
    if (rc == ERR_OK && out->n > 1)
        qsort(out->names, out->n, sizeof *out->names, by_text);
    return rc;
}

static bool
is_newest(const struct listing *l, size_t i)
{
    return i + 1 == l->n || l->names[i + 1].n < KEY_CHARS ||
           !str_eq(str_slice(l->names[i], 0, KEY_CHARS), str_slice(l->names[i + 1], 0, KEY_CHARS));
}

static void
remove_file(const struct importer *im, struct str stored, struct arena *a)
{
    const char *path = path_of(im, stored, a);
    struct diag d = DIAG_INIT;

    if (path != NULL && os_unlink(im->admin->o.os, path, &d) != ERR_OK)
        log_warn("external_file_stays", "what=\"%s\"", d.what);
}

enum err
external_files_open(struct importer *im, struct diag *d)
{
    size_t bytes = strlen(im->admin->o.dir) + sizeof "/external";
    struct listing l;
    struct arena a;
    enum err rc;

    im->external_dir = malloc(bytes);
    if (im->external_dir == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for external audiences");
    (void)snprintf(im->external_dir, bytes, "%s/external", im->admin->o.dir);
    arena_init(&a, (size_t)LIMIT_REQUEST_ARENA_BYTES * 16);
    rc = os_mkdir(im->admin->o.os, im->external_dir, d);
    if (rc == ERR_OK)
        rc = list_all(im, &a, &l, d);
    for (size_t i = 0; rc == ERR_OK && i < l.n; i++) {
        uint64_t scope, sequence, time_ms;
        if (!read_stored(l.names[i], &scope, &sequence, &time_ms))
            remove_file(im, l.names[i], &a); /* an upload on its way when the process ended */
        else if (sequence > atomic_load(&im->external_sequence))
            atomic_store(&im->external_sequence, sequence);
    }
    arena_deinit(&a);
    return rc;
}

/* ---- who needs them ---- */

struct needs {
    struct str stored;
    bool found;
};

static void
needs_one(void *ctx, struct str id, const struct json *batch)
{
    struct needs *n = ctx;
    struct json_iter it;

    (void)id;
    if (n->found || external_run_is_over(batch))
        return;
    for (it = json_iter(external_run_read(batch).files); json_next(&it);)
        n->found = n->found || str_eq(json_str(json_get(it.value, S("file"))), n->stored);
}

/* Does a run that is not over read it? */
static bool
is_needed(const struct snapshot *s, struct str stored)
{
    struct needs n = {.stored = stored};
    const struct map_slot *slot;

    for (size_t i = 0; (slot = map_next(&s->scopes, &i)) != NULL;)
        snapshot_each(s, S("batch"), slot->key, needs_one, &n);
    return n.found;
}

/* Under the lock, so that no run is saved meanwhile that reads one of them. */
static enum err
clean(struct importer *im, struct arena *a, struct diag *d)
{
    const struct snapshot *s = snapshot_get(im->admin->o.config);
    struct listing l;
    enum err rc = list_all(im, a, &l, d);

    for (size_t i = 0; rc == ERR_OK && i < l.n; i++) {
        uint64_t scope, sequence, time_ms;
        if (read_stored(l.names[i], &scope, &sequence, &time_ms) && !is_newest(&l, i) && !is_needed(s, l.names[i]))
            remove_file(im, l.names[i], a);
    }
    snapshot_put(im->admin->o.config, s);
    return rc;
}

void
external_files_clean(struct importer *im)
{
    struct arena a;
    struct diag d = DIAG_INIT;

    arena_init(&a, (size_t)LIMIT_REQUEST_ARENA_BYTES * 16);
    os_lock(&im->external_lock);
    if (clean(im, &a, &d) != ERR_OK)
        log_warn("external_clean_failed", "what=\"%s\"", d.what);
    os_unlock(&im->external_lock);
    arena_deinit(&a);
}

/* ---- finding ---- */

static bool
is_wanted(struct str name, struct str path, bool folder)
{
    if (path.n == 0)
        return true;
    if (!folder)
        return str_eq(name, path);
    while (path.n > 0 && path.p[path.n - 1] == '/')
        path.n--;
    return str_starts(name, path) && name.n > path.n && name.p[path.n] == '/';
}

static int
by_name(const void *x, const void *y)
{
    return str_cmp(((const struct external_file *)x)->name, ((const struct external_file *)y)->name);
}

enum err
external_files(struct importer *im, struct str scope, struct str path, bool folder, struct arena *a,
               struct external_file **out, size_t *n, struct diag *d)
{
    uint64_t wanted = hash_bytes(scope, 0), of_scope, sequence, time_ms;
    struct str key = path.n > 0 && !folder ? key_of(scope, path, a) : S_NULL;
    struct external_file *files;
    struct listing l;
    enum err rc = list_all(im, a, &l, d);

    *n = 0;
    if (rc != ERR_OK)
        return rc;
    *out = files = ARENA_ARRAY(a, struct external_file, l.n);
    if (files == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the list of files");
    for (size_t i = 0; rc == ERR_OK && i < l.n; i++) {
        struct import_file head = {.path = path_of(im, l.names[i], a)};
        if (!read_stored(l.names[i], &of_scope, &sequence, &time_ms) || of_scope != wanted || !is_newest(&l, i) ||
            (key.n > 0 && !str_starts(l.names[i], key)))
            continue;
        rc = head.path == NULL ? diag_set(d, ERR_NOMEM, "no memory for the list of files")
                               : import_file_head(im->admin->o.os, head.path, a, &head, d);
        if (rc == ERR_NOT_FOUND) { /* replaced, or deleted, just now */
            rc = ERR_OK;
            continue;
        }
        if (rc == ERR_OK && is_wanted(head.name, path, folder))
            files[(*n)++] = (struct external_file){head.name, l.names[i], head.bytes, (int64_t)time_ms};
    }
    if (*n > 1)
        qsort(files, *n, sizeof *files, by_name);
    return rc;
}

/* ---- taking ---- */

static struct str
head_of(struct str name, struct arena *a)
{
    return arena_printf(a, "%s%.*s\n", UPLOAD_MAGIC, STR_ARG(name));
}

int
external_spool(struct call *call, struct http_req *rq, const struct route_params *params, struct http_spool *out,
               const char **why)
{
    struct str name = route_param(params, S("name")), head = head_of(name, rq->arena);
    struct str path =
        arena_printf(rq->arena, "%s/part-%.*s", call->admin->importer->external_dir, STR_ARG(admin_new_uuid(rq)));
    struct diag d = DIAG_INIT;

    *why = "a file's name is UTF-8 without control characters, of 1 to 512 bytes";
    if (import_check_name(name, &d) != ERR_OK)
        return 400;
    *why = "no memory for the body";
    if (head.p == NULL || path.p == NULL)
        return 503;
    *out = (struct http_spool){path.p, head.n};
    return 0;
}

/* The spooled body becomes the newest version of the name. */
static enum err
keep(struct call *call, struct http_req *rq, struct str name, struct diag *d)
{
    struct importer *im = call->admin->importer;
    struct os *os = call->admin->o.os;
    struct str head = head_of(name, rq->arena);
    struct str stored = arena_printf(rq->arena, "%.*s-%016llx-%016llx", STR_ARG(key_of(call->scope, name, rq->arena)),
                                     (unsigned long long)atomic_fetch_add(&im->external_sequence, 1) + 1,
                                     (unsigned long long)rq->now_ms);
    const char *path = path_of(im, stored, rq->arena);
    struct os_file *f = NULL;
    enum err rc;

    if (head.p == NULL || stored.p == NULL || path == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an upload");
    rc = os_open(os, rq->body_path, OS_WRITE, &f, d);
    if (rc == ERR_OK)
        rc = os_pwrite(os, f, 0, head.p, head.n, d);
    if (rc == ERR_OK)
        rc = os_sync(os, f, d);
    os_close(os, f);
    if (rc == ERR_OK)
        rc = os_rename(os, rq->body_path, path, d);
    return rc == ERR_OK ? os_sync_dir(os, im->external_dir, d) : rc;
}

/* By the names on disk: one more, or another version of one that is there. */
static enum err
check_room(struct call *call, struct http_req *rq, struct str name, struct diag *d)
{
    uint64_t wanted = hash_bytes(call->scope, 0), scope, sequence, time_ms;
    struct str key = key_of(call->scope, name, rq->arena);
    struct listing l;
    size_t n = 0;
    enum err rc = list_all(call->admin->importer, rq->arena, &l, d);

    for (size_t i = 0; rc == ERR_OK && i < l.n; i++) {
        if (str_starts(l.names[i], key))
            return ERR_OK;
        n += is_newest(&l, i) && read_stored(l.names[i], &scope, &sequence, &time_ms) && scope == wanted;
    }
    return rc == ERR_OK && n >= LIMIT_EXTERNAL_FILES
               ? diag_set(d, ERR_LIMIT, "a sandbox keeps at most %d files: delete some", LIMIT_EXTERNAL_FILES)
               : rc;
}

static void
write_file(struct jw *w, struct str name, uint64_t bytes, int64_t uploaded_ms)
{
    jw_object(w);
    jw_kstr(w, S("name"), name);
    jw_ki64(w, S("length"), (int64_t)bytes);
    jw_ki64(w, S("uploadedAt"), uploaded_ms / MS_PER_SECOND);
    jw_end(w);
}

static void
file_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str name = route_param(params, S("name"));
    struct diag d = DIAG_INIT;
    struct jw w;
    enum err rc =
        rq->body_path == NULL ? diag_set(&d, ERR_INVALID, "the file is empty") : check_room(call, rq, name, &d);

    if (rc == ERR_OK)
        rc = keep(call, rq, name, &d);
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    external_files_clean(call->admin->importer);
    w = admin_json(rs, 200);
    write_file(&w, name, rq->body_bytes, rq->now_ms);
}

/* ---- the other calls ---- */

static void
files_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct external_file *files;
    struct diag d = DIAG_INIT;
    size_t n;
    struct jw w;
    enum err rc = external_files(call->admin->importer, call->scope, S_NULL, false, rq->arena, &files, &n, &d);

    (void)params;
    if (rc != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, rc, &d);
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_key(&w, S("files"));
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_file(&w, files[i].name, files[i].bytes, files[i].uploaded_ms);
    jw_end(&w);
    jw_end(&w);
}

/* All versions go, so that none of them comes back. Under the lock, with a snapshot that was taken under it. */
static enum err
remove_all(struct call *call, const struct snapshot *snap, struct http_req *rq, struct str name, size_t *removed,
           struct diag *d)
{
    struct importer *im = call->admin->importer;
    struct str key = key_of(call->scope, name, rq->arena);
    struct listing l;
    enum err rc = list_all(im, rq->arena, &l, d);

    for (size_t i = 0; rc == ERR_OK && i < l.n; i++) {
        if (str_starts(l.names[i], key) && is_needed(snap, l.names[i]))
            rc = diag_set(d, ERR_INVALID, "file '%.*s' is being read by a run", STR_ARG(name));
    }
    for (size_t i = 0; rc == ERR_OK && i < l.n; i++) {
        if (str_starts(l.names[i], key)) {
            remove_file(im, l.names[i], rq->arena);
            ++*removed;
        }
    }
    return rc;
}

static void
file_delete(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str name = route_param(params, S("name"));
    const struct snapshot *snap;
    struct diag d = DIAG_INIT;
    size_t removed = 0;
    enum err rc;

    os_lock(&call->admin->importer->external_lock);
    snap = snapshot_get(call->admin->o.config);
    rc = remove_all(call, snap, rq, name, &removed, &d);
    snapshot_put(call->admin->o.config, snap);
    os_unlock(&call->admin->importer->external_lock);
    if (rc != ERR_OK)
        admin_fail(rq, rs, STYLE, 0, rc, &d);
    else if (removed == 0)
        admin_not_found(rq, rs, STYLE, "file", name);
    else
        admin_empty(rs, 204);
}

static const struct route routes[] = {
    {HTTP_GET, FILES, 0, files_get},
    {HTTP_PUT, FILES "/{name...}", LIMIT_EXTERNAL_FILE_BYTES, file_put},
    {HTTP_DELETE, FILES "/{name...}", 0, file_delete},
};
const struct family family_external_file = {routes, sizeof routes / sizeof *routes, STYLE, false};
