/* profile_api_batch.c - batches on the disk, one after the other through one thread.
 *
 *   <16 hex>.part            a body that is coming; after a crash it is removed
 *   <id>.batch               waiting or running; after a crash it waits again, and its rows give the same
 *   <id>.done                what became of it: "size consumed updated not_found failed", then a letter per row (v1)
 *
 * docs/formats/profile-batch.md. An id is client-version-milliseconds-8 hex. It says all that a restart must know, and
 * orders the queue. */
#include "edge/profile_api_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"

#define ID_BYTES 192
#define HEAD_BYTES (16 * 1024) /* of a body, looked at before it is taken */

enum state { WAITING, RUNNING, COMPLETE, STUCK };

struct batch {
    char id[ID_BYTES];
    struct str client; /* of the id */
    unsigned version;
    int64_t made_ms;
    enum state state;
    size_t size, consumed, updated, not_found, failed;
    char *rows; /* version 1: 's' success, 'e' error, of those consumed; NULL: not kept */
};

struct profile_batches {
    struct edge *edge;
    char *dir;
    struct os_mutex lock; /* guards the members below */
    struct os_cond turned;
    struct batch *items[LIMIT_PROFILE_BATCHES_KEPT + LIMIT_PROFILE_BATCHES_WAITING]; /* oldest first */
    size_t n;
    bool stopping;
    struct os_thread thread;
};

static const char *
path_of(const struct profile_batches *b, const char *id, const char *ending, struct arena *a)
{
    return arena_printf(a, "%s/%s%s", b->dir, id, ending).p;
}

/* ---- ids ---- */

static bool
read_id(const char *id, struct batch *out)
{
    struct str text = str_of(id), parts[3];
    uint64_t version;

    if (text.n >= ID_BYTES)
        return false;
    memcpy(out->id, id, text.n + 1);
    text.p = out->id;
    for (size_t i = 0; i < 3; i++) {
        size_t dash = text.n;
        while (dash > 0 && text.p[dash - 1] != '-')
            dash--;
        if (dash < 2)
            return false;
        parts[i] = str_slice(text, dash, text.n);
        text.n = dash - 1;
    }
    out->client = text;
    if (!str_to_i64(parts[1], &out->made_ms) || !str_to_u64(parts[2], &version) || version < 1 || version > 2)
        return false;
    out->version = (unsigned)version;
    return true;
}

/* Client codes become file names. */
static bool
is_file_name(struct str client)
{
    for (size_t i = 0; i < client.n; i++) {
        if (client.p[i] == '/' || client.p[i] == '\0')
            return false;
    }
    return client.n > 0 && client.p[0] != '.';
}

/* ---- the list, under the lock ---- */

static struct batch *
find_batch(const struct profile_batches *b, struct str id)
{
    for (size_t i = 0; i < b->n; i++) {
        if (str_eq(str_of(b->items[i]->id), id))
            return b->items[i];
    }
    return NULL;
}

static size_t
count_of(const struct profile_batches *b, bool ended)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        n += (b->items[i]->state >= COMPLETE) == ended;
    return n;
}

static void
free_batch(struct batch *x)
{
    free(x->rows);
    free(x);
}

/* The oldest that ended goes, with its file. */
static void
forget_oldest(struct profile_batches *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct arena a;
        const char *path;
        if (b->items[i]->state < COMPLETE)
            continue;
        arena_init(&a, 1 << 16);
        path = path_of(b, b->items[i]->id, ".done", &a);
        if (path != NULL)
            (void)os_unlink(b->edge->o.os, path, NULL); /* seen again at the next start, and dropped then */
        arena_deinit(&a);
        free_batch(b->items[i]);
        b->n--;
        memmove(&b->items[i], &b->items[i + 1], (b->n - i) * sizeof b->items[0]);
        return;
    }
}

static void
insert(struct profile_batches *b, struct batch *x)
{
    size_t at;

    if (count_of(b, true) >= LIMIT_PROFILE_BATCHES_KEPT)
        forget_oldest(b);
    CHECK(b->n < sizeof b->items / sizeof b->items[0]);
    for (at = b->n; at > 0 && b->items[at - 1]->made_ms > x->made_ms; at--)
        b->items[at] = b->items[at - 1];
    b->items[at] = x;
    b->n++;
}

/* ---- a batch through the edge ---- */

struct pass {
    struct profile_batches *all;
    struct batch *batch;
    struct arena *arena; /* of one row */
};

static bool
stopping(struct profile_batches *b)
{
    bool yes;

    os_lock(&b->lock);
    yes = b->stopping;
    os_unlock(&b->lock);
    return yes;
}

static void
count_row(struct pass *p, enum profile_outcome outcome)
{
    struct batch *x = p->batch;

    os_lock(&p->all->lock);
    if (x->rows != NULL)
        x->rows[x->consumed] = outcome == PROFILE_UPDATED ? 's' : 'e';
    x->consumed++;
    x->updated += outcome == PROFILE_UPDATED;
    x->not_found += outcome == PROFILE_NOT_FOUND;
    x->failed += outcome == PROFILE_FAILED;
    os_unlock(&p->all->lock);
}

static enum profile_outcome
write_row(struct pass *p, bool third_party, struct str id, const struct json *attributes)
{
    struct edge *e = p->all->edge;
    struct profile_change c = {.snap = snapshot_get(e->o.config),
                               .attributes = attributes,
                               .create = p->batch->version == 2,
                               .now_ms = os_now_ms(e->o.os)};
    enum profile_outcome outcome = PROFILE_FAILED;
    struct diag d = DIAG_INIT;
    struct tenant tenant;

    if (third_party)
        c.ids.third_party_id = id;
    else
        c.ids.tnt_id = id;
    c.tenant = &tenant;
    if (tenant_by_client(c.snap, p->batch->client, &tenant))
        outcome = profile_write(e, &c, p->arena, &d);
    snapshot_put(e->o.config, c.snap);
    return outcome;
}

/* false: the process ends; what is left of the batch waits for the next start. */
static bool
write_rows(struct pass *p, struct profile_rows *rows)
{
    const struct json *attributes;
    struct str id;
    bool ok;

    for (size_t n = 0; !stopping(p->all); n++) {
        enum profile_outcome outcome = PROFILE_FAILED;
        arena_reset(p->arena);
        if (!profile_rows_next(rows, p->arena, &id, &attributes, &ok))
            return true;
        if (ok && n < LIMIT_PROFILE_BATCH_ROWS)
            outcome = write_row(p, rows->third_party, id, attributes);
        count_row(p, outcome);
    }
    return false;
}

static bool
fold_text(struct pass *p, struct str body, struct arena *whole)
{
    struct profile_rows rows;
    struct diag d = DIAG_INIT;

    if (profile_rows_begin(body, whole, &rows, &d) != ERR_OK) {
        log_warn("profile_batch_unreadable", "why=\"%s\"", d.what);
        return true; /* its head was looked at: the memory is short */
    }
    os_lock(&p->all->lock);
    p->batch->size = profile_rows_count(&rows);
    p->batch->consumed = p->batch->updated = p->batch->not_found = p->batch->failed = 0;
    free(p->batch->rows);
    p->batch->rows = p->batch->version == 1 ? malloc(p->batch->size + 1) : NULL;
    os_unlock(&p->all->lock);
    return write_rows(p, &rows);
}

/* The file is read whole: at most LIMIT_PROFILE_BATCH_BYTES, twice that when it has to be decoded. */
static bool
fold_file(struct pass *p, const char *path, enum state *end)
{
    struct arena whole;
    struct diag d = DIAG_INIT;
    struct str body;
    bool ended = true;

    *end = STUCK;
    arena_init(&whole, (size_t)3 * LIMIT_PROFILE_BATCH_BYTES);
    if (os_read_file(p->all->edge->o.os, path, LIMIT_PROFILE_BATCH_BYTES + 1, &whole, &body, &d) == ERR_OK) {
        ended = fold_text(p, body, &whole);
        *end = p->batch->size > 0 ? COMPLETE : STUCK;
    } else {
        log_error("profile_batch_stuck", "why=\"%s\"", d.what);
    }
    arena_deinit(&whole);
    return ended;
}

static void
write_done(struct pass *p, struct arena *a)
{
    const struct batch *x = p->batch;
    const char *path = path_of(p->all, x->id, ".done", a);
    struct diag d = DIAG_INIT;
    struct buf text;

    buf_init(&text, LIMIT_PROFILE_BATCH_BYTES);
    buf_printf(&text, "%zu %zu %zu %zu %zu\n", x->size, x->consumed, x->updated, x->not_found, x->failed);
    if (x->rows != NULL)
        buf_put(&text, (struct str){x->rows, x->consumed});
    if (path == NULL || os_write_file(p->all->edge->o.os, path, buf_str(&text), &d) != ERR_OK)
        log_error("profile_batch_not_kept", "why=\"%s\"", d.what);
    buf_deinit(&text);
}

static void
run_batch(struct profile_batches *b, struct batch *x)
{
    struct arena row, paths;
    struct pass p = {b, x, &row};
    const char *path;
    enum state end = STUCK;

    arena_init(&row, LIMIT_REQUEST_ARENA_BYTES);
    arena_init(&paths, 1 << 16);
    path = path_of(b, x->id, ".batch", &paths);
    if (path != NULL && fold_file(&p, path, &end)) {
        write_done(&p, &paths);
        (void)os_unlink(b->edge->o.os, path, NULL); /* it would be folded again after a restart: the same */
        os_lock(&b->lock);
        x->state = end;
        os_unlock(&b->lock);
    }
    arena_deinit(&paths);
    arena_deinit(&row);
}

static struct batch *
next_batch(struct profile_batches *b)
{
    struct batch *x = NULL;

    os_lock(&b->lock);
    while (!b->stopping && x == NULL) {
        for (size_t i = 0; x == NULL && i < b->n; i++)
            x = b->items[i]->state == WAITING ? b->items[i] : NULL;
        if (x == NULL)
            os_cond_wait(&b->turned, &b->lock);
    }
    if (x != NULL)
        x->state = RUNNING;
    if (b->stopping)
        x = NULL;
    os_unlock(&b->lock);
    return x;
}

static void
work(void *ctx)
{
    struct profile_batches *b = ctx;
    struct batch *x;

    os_thread_in_background();
    while ((x = next_batch(b)) != NULL)
        run_batch(b, x);
}

/* ---- opening ---- */

struct listing {
    struct profile_batches *b;
    struct arena *a;
};

static void
read_done(struct profile_batches *b, struct batch *x, struct arena *a)
{
    const char *path = path_of(b, x->id, ".done", a);
    struct str text = S_NULL, line, number;
    uint64_t counts[5];

    x->state = STUCK;
    if (path == NULL || os_read_file(b->edge->o.os, path, LIMIT_PROFILE_BATCH_BYTES, a, &text, NULL) != ERR_OK ||
        !str_split(&text, '\n', &line))
        return;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (!str_split(&line, ' ', &number) || !str_to_u64(number, &counts[i]))
            return;
    }
    x->size = counts[0];
    x->consumed = counts[1];
    x->updated = counts[2];
    x->not_found = counts[3];
    x->failed = counts[4];
    x->state = x->size > 0 ? COMPLETE : STUCK;
    x->rows = text.n >= x->consumed && text.n > 0 ? malloc(text.n) : NULL;
    if (x->rows != NULL)
        memcpy(x->rows, text.p, text.n);
}

static void
take_file(void *ctx, const char *name)
{
    struct listing *l = ctx;
    struct str text = str_of(name), id;
    struct batch *x;

    if (str_ends(text, S(".part"))) {
        (void)os_unlink(l->b->edge->o.os, arena_printf(l->a, "%s/%s", l->b->dir, name).p, NULL);
        return;
    }
    id = str_ends(text, S(".batch"))  ? str_slice(text, 0, text.n - 6)
         : str_ends(text, S(".done")) ? str_slice(text, 0, text.n - 5)
                                      : S_NULL;
    if (id.n == 0 || find_batch(l->b, id) != NULL)
        return;
    x = calloc(1, sizeof *x);
    if (x == NULL || !read_id(arena_str(l->a, id).p, x) ||
        (str_ends(text, S(".batch")) && count_of(l->b, false) >= LIMIT_PROFILE_BATCHES_WAITING)) {
        free(x);
        return;
    }
    if (str_ends(text, S(".done")))
        read_done(l->b, x, l->a);
    insert(l->b, x);
}

enum err
profile_batches_open(struct edge *e, const char *dir, struct profile_batches **out, struct diag *d)
{
    struct profile_batches *b = calloc(1, sizeof *b);
    struct listing l = {b, &(struct arena){0}};
    enum err rc;

    *out = b;
    if (b == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for profile batches");
    b->edge = e;
    b->dir = strdup(dir);
    os_mutex_init(&b->lock);
    os_cond_init(&b->turned);
    if (b->dir == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for profile batches");
    arena_init(l.a, 2 * (size_t)LIMIT_PROFILE_BATCH_BYTES);
    rc = os_mkdir(e->o.os, dir, d);
    if (rc == ERR_OK)
        rc = os_list(e->o.os, dir, take_file, &l, d);
    arena_deinit(l.a);
    return rc == ERR_OK ? os_thread_open(&b->thread, "profile-batch", work, b, d) : rc;
}

void
profile_batches_close(struct profile_batches *b)
{
    if (b == NULL)
        return;
    os_lock(&b->lock);
    b->stopping = true;
    os_cond_broadcast(&b->turned);
    os_unlock(&b->lock);
    os_thread_close(&b->thread);
    for (size_t i = 0; i < b->n; i++)
        free_batch(b->items[i]);
    os_cond_deinit(&b->turned);
    os_mutex_deinit(&b->lock);
    free(b->dir);
    free(b);
}

/* ---- requests ---- */

const char *
profile_batches_spool(struct profile_batches *b, struct http_req *rq)
{
    return arena_printf(rq->arena, "%s/%016" PRIx64 ".part", b->dir, rng_u64(rq->rng)).p;
}

/* Whoever sends something else learns it at once, not from the status. What is taken is on the disk. */
static enum err
look_and_sync(const struct profile_batches *b, struct http_req *rq, struct diag *d)
{
    char *head = arena_alloc(rq->arena, HEAD_BYTES);
    struct profile_rows rows;
    struct os_file *f = NULL;
    size_t got = 0;
    enum err rc;

    if (head == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to look at the batch");
    rc = os_open(b->edge->o.os, rq->body_path, OS_WRITE, &f, d);
    if (rc == ERR_OK)
        rc = os_pread(b->edge->o.os, f, 0, head, HEAD_BYTES, &got, d);
    if (rc == ERR_OK)
        rc = profile_rows_begin((struct str){head, got}, rq->arena, &rows, d);
    if (rc == ERR_OK)
        rc = os_sync(b->edge->o.os, f, d);
    os_close(b->edge->o.os, f);
    return rc;
}

static enum err
enqueue(struct profile_batches *b, struct batch *x, const char *from, const char *to, struct diag *d)
{
    enum err rc = ERR_OK;

    os_lock(&b->lock); /* held over the rename: a batch is in the list when it is on the disk */
    if (count_of(b, false) >= LIMIT_PROFILE_BATCHES_WAITING)
        rc = diag_set(d, ERR_BUSY, "%d batches are waiting already", LIMIT_PROFILE_BATCHES_WAITING);
    if (rc == ERR_OK)
        rc = os_rename(b->edge->o.os, from, to, d);
    if (rc == ERR_OK) {
        insert(b, x);
        os_cond_broadcast(&b->turned);
    }
    os_unlock(&b->lock);
    return rc;
}

enum err
profile_batches_add(struct profile_batches *b, struct http_req *rq, struct str client, unsigned version, struct str *id,
                    struct diag *d)
{
    struct batch *x;
    const char *to;
    enum err rc;

    if (rq->body_path == NULL || rq->body_bytes == 0)
        return diag_set(d, ERR_INVALID, "the batch is empty");
    if (!is_file_name(client))
        return diag_set(d, ERR_INVALID, "the client code cannot have batches");
    rc = look_and_sync(b, rq, d);
    if (rc != ERR_OK)
        return rc;
    *id = arena_printf(rq->arena, "%.*s-%u-%lld-%08x", STR_ARG(client), version, (long long)rq->now_ms,
                       (unsigned)rng_u64(rq->rng));
    x = calloc(1, sizeof *x);
    to = id->p != NULL ? path_of(b, id->p, ".batch", rq->arena) : NULL;
    if (x == NULL || to == NULL || !read_id(id->p, x))
        rc = diag_set(d, ERR_NOMEM, "no memory for a batch");
    if (rc == ERR_OK)
        rc = enqueue(b, x, rq->body_path, to, d);
    if (rc != ERR_OK)
        free(x);
    return rc == ERR_OK ? os_sync_dir(b->edge->o.os, b->dir, d) : rc;
}

static void
element(struct buf *out, const char *name, size_t n)
{
    buf_printf(out, "<%s>%zu</%s>", name, n, name);
}

/* Of version 1: a status per row, in their order [TARGET 6.10]. */
static void
write_rows_status(struct buf *out, const struct batch *x)
{
    for (size_t i = 0; i < x->size; i++) {
        const char *status = i >= x->consumed ? "pending" : x->rows == NULL || x->rows[i] == 's' ? "success" : "error";
        buf_printf(out, "<row><number>%zu</number><status>%s</status></row>", i + 1, status);
    }
}

static void
write_status(struct buf *out, const struct batch *x, bool details)
{
    static const char *const names[] = {"incomplete", "incomplete", "complete", "stuck"};

    buf_put(out, S("<response><batchId>"));
    xml_put(out, str_of(x->id));
    buf_printf(out, "</batchId><status>%s</status>", names[x->state]);
    element(out, "batchSize", x->size);
    if (details && x->version == 2) {
        element(out, "consumedCount", x->consumed);
        element(out, "successfulUpdates", x->updated);
        element(out, "profilesNotFound", x->not_found);
        element(out, "failedUpdates", x->failed);
    }
    if (x->version == 1)
        write_rows_status(out, x);
    buf_put(out, S("</response>"));
}

bool
profile_batches_status(struct profile_batches *b, struct str client, struct str id, bool details, struct buf *out)
{
    const struct batch *x;

    os_lock(&b->lock);
    x = find_batch(b, id);
    if (x != NULL && str_eq(x->client, client))
        write_status(out, x, details);
    else
        x = NULL;
    os_unlock(&b->lock);
    return x != NULL;
}
