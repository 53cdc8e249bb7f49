/* edge_table.c - 64 stripes, each a small open-addressing table of packed documents behind its own mutex.
 *
 * The flush and the log agree on a position thus: the flusher reads the end C of the log, turns the epoch, and waits
 * until all who entered in the old epoch have left. Whoever appended below C had entered before, so all of it is stored
 * by then; whoever enters later appends at C or above, and folding that again after a crash changes nothing.
 *
 * The flush writes in portions and holds a stripe for the copying of a few documents; what is not in memory is read
 * from what is committed (kv_read). So no request waits for the flush. A document must not leave memory between being
 * staged and being committed: `unsettled` says that there may be one. */
#include "profile/edge_table.h"

#include <stdatomic.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "os/thread.h"

#define STRIPES 64u
#define TYPICAL_DOC_BYTES 4096u
#define PORTION_DOCUMENTS 8        /* for which a flush holds a stripe: 2 us */
#define COMMIT_BYTES (256u * 1024) /* of a flush, in one write */
#define ROOM_STEP_BYTES 256u       /* documents grow a little with every event: most stay where they are */
#define SPARE_CLASSES 64           /* rooms below 16 KB are kept for others, */
#define SPARE_BYTES (256u * 1024)  /* so many bytes of a stripe: 16 MB in all */

struct entry {
    uint64_t hash;
    struct edge_blob *blob; /* owned; NULL: free slot */
};

struct edge_blob {
    uint32_t version;
    uint32_t key_bytes;
    uint32_t doc_bytes;
    uint32_t room; /* for key and document */
    bool dirty;
    bool used;    /* since the clock hand passed */
    bool removed; /* a tombstone until the next flush */
    int64_t seen_ms;
    char bytes[]; /* key, document */
};

struct stripe {
    struct os_mutex lock;
    struct entry *slots; /* owned */
    size_t slot_count, count, hand;
    struct edge_blob *spare[SPARE_CLASSES]; /* owned lists by room, for documents to come */
    size_t spare_bytes;
    uint64_t *dirty; /* owned: hashes of the documents changed since the last flush */
    size_t dirty_count, dirty_cap;
};

struct edge_table {
    struct edge_table_options o;
    struct stripe stripes[STRIPES];
    struct kv *kv;
    struct os_mutex kv_lock; /* its owner's side; after a stripe's lock in the order */
    _Atomic bool unsettled;
    _Atomic size_t memory_bytes;
    _Atomic unsigned epoch;
    _Atomic int64_t inside[2];
};

/* Documents grow out of their room all the time, by one step mostly: what one leaves the next one takes. The heap would
 * search among millions of holes for it (12% of a request's time with a million profiles). Stripe lock held. */
static void
blob_free(struct stripe *s, struct edge_blob *b)
{
    size_t class = b->room / ROOM_STEP_BYTES;

    if (class >= SPARE_CLASSES || s->spare_bytes + b->room > SPARE_BYTES) {
        free(b);
        return;
    }
    memcpy(b->bytes, &s->spare[class], sizeof s->spare[class]);
    s->spare[class] = b;
    s->spare_bytes += b->room;
}

static struct edge_blob *
blob_alloc(struct stripe *s, size_t room)
{
    size_t class = room / ROOM_STEP_BYTES;
    struct edge_blob *b = class < SPARE_CLASSES ? s->spare[class] : NULL;

    if (b == NULL)
        return malloc(sizeof *b + room);
    memcpy(&s->spare[class], b->bytes, sizeof s->spare[class]);
    s->spare_bytes -= room;
    return b;
}

enum err
edge_table_open(const struct edge_table_options *o, struct edge_table **out, struct diag *d)
{
    struct edge_table *t = calloc(1, sizeof *t);
    struct kv_options kv = {.os = o->os, .dir = o->dir};
    enum err rc;

    if (t == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the edge table");
    t->o = *o;
    if (t->o.ttl_ms == 0)
        t->o.ttl_ms = LIMIT_EDGE_PROFILE_TTL_MS;
    if (t->o.memory_max == 0)
        t->o.memory_max = (size_t)4 << 30;
    rc = kv_open(&kv, &t->kv, d);
    if (rc != ERR_OK) {
        free(t);
        return rc;
    }
    os_mutex_init(&t->kv_lock);
    for (unsigned i = 0; i < STRIPES; i++)
        os_mutex_init(&t->stripes[i].lock);
    *out = t;
    return ERR_OK;
}

void
edge_table_close(struct edge_table *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 0; i < STRIPES; i++) {
        struct stripe *s = &t->stripes[i];
        for (size_t k = 0; k < s->slot_count; k++)
            free(s->slots[k].blob);
        for (size_t class = 0; class < SPARE_CLASSES; class ++) {
            while (s->spare[class] != NULL)
                free(blob_alloc(s, class * ROOM_STEP_BYTES));
        }
        free(s->slots);
        free(s->dirty);
        os_mutex_deinit(&s->lock);
    }
    kv_close(t->kv);
    os_mutex_deinit(&t->kv_lock);
    free(t);
}

uint64_t
edge_table_position(struct edge_table *t, struct str topic)
{
    uint64_t at;

    os_lock(&t->kv_lock);
    at = kv_position(t->kv, topic);
    os_unlock(&t->kv_lock);
    return at;
}

static struct str
blob_key(const struct edge_blob *b)
{
    return (struct str){b->bytes, b->key_bytes};
}

static struct str
blob_doc(const struct edge_blob *b)
{
    return (struct str){b->bytes + b->key_bytes, b->doc_bytes};
}

static struct stripe *
stripe_of(struct edge_table *t, uint64_t hash)
{
    return &t->stripes[hash >> 58];
}

/* Slot of the key, or the free slot where it would go; the table has at least one free slot. */
static struct entry *
find(struct stripe *s, uint64_t hash, struct str key)
{
    size_t mask = s->slot_count - 1, i = hash & mask;

    while (s->slots[i].blob != NULL && !(s->slots[i].hash == hash && str_eq(blob_key(s->slots[i].blob), key)))
        i = (i + 1) & mask;
    return &s->slots[i];
}

static bool
stripe_grow(struct stripe *s)
{
    size_t count = s->slot_count ? s->slot_count * 2 : 16, mask = count - 1;
    struct entry *slots = calloc(count, sizeof *slots);

    if (slots == NULL)
        return false;
    for (size_t k = 0; k < s->slot_count; k++) {
        if (s->slots[k].blob != NULL) {
            size_t i = s->slots[k].hash & mask;
            while (slots[i].blob != NULL)
                i = (i + 1) & mask;
            slots[i] = s->slots[k];
        }
    }
    free(s->slots);
    s->slots = slots;
    s->slot_count = count;
    return true;
}

static void
blob_put(struct edge_blob *b, struct str doc)
{
    if (doc.n > 0)
        memcpy(b->bytes + b->key_bytes, doc.p, doc.n);
    b->doc_bytes = (uint32_t)doc.n;
}

static struct edge_blob *
blob_new(struct stripe *s, struct str key, struct str doc)
{
    size_t room = (key.n + doc.n + ROOM_STEP_BYTES) / ROOM_STEP_BYTES * ROOM_STEP_BYTES;
    struct edge_blob *b = blob_alloc(s, room);

    if (b == NULL)
        return NULL;
    *b = (struct edge_blob){.version = 1, .key_bytes = (uint32_t)key.n, .room = (uint32_t)room, .used = true};
    memcpy(b->bytes, key.p, key.n);
    blob_put(b, doc);
    return b;
}

static size_t
blob_memory(const struct edge_blob *b)
{
    return sizeof *b + b->room + 2 * sizeof(struct entry);
}

/* Removes a slot and moves back what probed over it. Stripe lock held. */
static void
slot_remove(struct edge_table *t, struct stripe *s, size_t i)
{
    size_t mask = s->slot_count - 1;

    atomic_fetch_sub(&t->memory_bytes, blob_memory(s->slots[i].blob));
    blob_free(s, s->slots[i].blob);
    s->count--;
    metric_gauge_add(M_EDGE_PROFILES, -1);
    for (size_t j = (i + 1) & mask; s->slots[j].blob != NULL; j = (j + 1) & mask) {
        size_t home = s->slots[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            s->slots[i] = s->slots[j];
            i = j;
        }
    }
    s->slots[i] = (struct entry){0};
}

/* One turn of the clock hand: a clean document not used since its last turn leaves memory. Stripe lock held. */
static void
evict_some(struct edge_table *t, struct stripe *s)
{
    if (atomic_load(&t->unsettled))
        return;
    for (int turns = 0; turns < 8 && s->count > 0 && atomic_load(&t->memory_bytes) > t->o.memory_max; turns++) {
        size_t i = s->hand++ & (s->slot_count - 1);
        struct edge_blob *b = s->slots[i].blob;
        if (b == NULL || b->dirty)
            continue;
        if (b->used)
            b->used = false;
        else
            slot_remove(t, s, i);
    }
}

/* The entry of a key, brought in from the durable table when it is there; NULL: absent. Stripe lock held. */
static enum err
bring_in(struct edge_table *t, struct stripe *s, uint64_t hash, struct str key, struct edge_blob **out, struct diag *d)
{
    struct edge_blob *b = NULL;
    struct buf value;
    enum err rc;

    *out = s->slot_count > 0 ? find(s, hash, key)->blob : NULL;
    if (*out != NULL)
        return ERR_OK;
    buf_init(&value, LIMIT_RECORD_VALUE_BYTES);
    rc = kv_read(t->kv, key, &value, d);
    if (rc == ERR_OK)
        b = blob_new(s, key, buf_str(&value));
    buf_deinit(&value);
    if (rc != ERR_OK)
        return rc == ERR_NOT_FOUND ? ERR_OK : rc;
    if (b == NULL || ((s->count + 1) * 3 > s->slot_count * 2 && !stripe_grow(s))) {
        free(b);
        return diag_set(d, ERR_NOMEM, "no memory for a profile");
    }
    *find(s, hash, key) = (struct entry){hash, b};
    s->count++;
    metric_gauge_add(M_EDGE_PROFILES, 1);
    atomic_fetch_add(&t->memory_bytes, blob_memory(b));
    *out = b;
    return ERR_OK;
}

enum err
edge_table_load(struct edge_table *t, struct str key, int64_t now_ms, struct arena *a, struct edge_doc *out,
                uint32_t *version, struct diag *d)
{
    uint64_t hash = hash_bytes(key, 0);
    struct stripe *s = stripe_of(t, hash);
    struct edge_blob *b;
    struct str copy = S_NULL;
    bool refused = false;
    enum err rc;

    *version = 0;
    os_lock(&s->lock);
    rc = bring_in(t, s, hash, key, &b, d);
    if (b != NULL) {
        *version = b->version;
        b->used = true;
        if (!b->removed) {
            copy = arena_str(a, blob_doc(b));
            refused = copy.p == NULL;
        }
    }
    os_unlock(&s->lock);
    *out = (struct edge_doc){0};
    if (rc != ERR_OK) /* not absent: what the disk holds must not be replaced by a new document */
        return rc;
    if (refused) /* never an empty document: it would be stored over this one, consent and all */
        return diag_set(d, ERR_NOMEM, "no memory for a profile");
    if (copy.p == NULL)
        return ERR_OK;
    rc = edge_doc_read(copy, a, out, d);
    if (rc == ERR_OK && out->seen_ms + t->o.ttl_ms < now_ms)
        *out = (struct edge_doc){0}; /* its time is over: the visitor is new here */
    return rc;
}

/* Room for one more dirty hash, so that replace() cannot fail half-way. */
static bool
reserve_dirty(struct stripe *s)
{
    size_t cap = s->dirty_cap ? s->dirty_cap * 2 : 64;
    uint64_t *grown;

    if (s->dirty_count < s->dirty_cap)
        return true;
    grown = realloc(s->dirty, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    s->dirty = grown;
    s->dirty_cap = cap;
    return true;
}

/* The entry's blob with the document in it: the one that is there when it has room and not far too much, else a new
 * one. Stripe lock held; out of memory ends the process: the log has the hit. */
static struct edge_blob *
put_blob(struct edge_table *t, struct stripe *s, struct entry *e, struct str key, struct str doc)
{
    struct edge_blob *old = e->blob, *b;

    if (old != NULL && key.n + doc.n <= old->room && old->room <= 2 * (key.n + doc.n) + ROOM_STEP_BYTES) {
        blob_put(old, doc);
        old->version++;
        return old;
    }
    b = blob_new(s, key, doc);
    CHECK(b != NULL);
    if (old != NULL) {
        b->version = old->version + 1;
        b->dirty = old->dirty;
        atomic_fetch_sub(&t->memory_bytes, blob_memory(old));
        blob_free(s, old);
    } else {
        s->count++;
        metric_gauge_add(M_EDGE_PROFILES, 1);
    }
    e->blob = b;
    atomic_fetch_add(&t->memory_bytes, blob_memory(b));
    return b;
}

/* What a document becomes. */
struct change {
    struct str doc;
    int64_t seen_ms;
    bool removed;
    bool any_version; /* else only when it is `version` still */
    uint32_t version;
};

static bool
store(struct edge_table *t, struct str key, const struct change *c)
{
    uint64_t hash = hash_bytes(key, 0);
    struct stripe *s = stripe_of(t, hash);
    struct edge_blob *b;
    bool ok;

    os_lock(&s->lock);
    ok = bring_in(t, s, hash, key, &b, NULL) == ERR_OK && (b != NULL ? b->version : 0) == c->version;
    ok = ok || c->any_version;
    if (ok) {
        struct entry *e;
        CHECK((s->count + 1) * 3 <= s->slot_count * 2 || stripe_grow(s)); /* out of memory: the log has the hit */
        CHECK(reserve_dirty(s));
        e = find(s, hash, key);
        e->hash = hash;
        b = put_blob(t, s, e, key, c->doc);
        if (!b->dirty)
            s->dirty[s->dirty_count++] = hash;
        b->dirty = b->used = true;
        b->removed = c->removed;
        b->seen_ms = c->seen_ms;
        evict_some(t, s);
    }
    os_unlock(&s->lock);
    return ok;
}

/* A document that is past its limit is cut; one for which the request has no memory left goes through the heap. Out of
 * memory ends the process: the log has the hit. */
static void
write_large(struct buf *bytes, const struct edge_doc *doc)
{
    struct edge_doc fitted = *doc;

    buf_init(bytes, LIMIT_EDGE_DOC_BYTES);
    edge_doc_write(bytes, doc);
    if (!buf_ok(bytes)) {
        edge_doc_fit(&fitted, LIMIT_EDGE_DOC_BYTES);
        buf_clear(bytes);
        edge_doc_write(bytes, &fitted);
    }
    CHECK(buf_ok(bytes));
}

bool
edge_table_store(struct edge_table *t, struct str key, const struct edge_doc *doc, uint32_t version, struct arena *a)
{
    struct change c = {.seen_ms = doc->seen_ms, .version = version};
    struct buf bytes;
    bool ok;

    buf_init_in(&bytes, a, LIMIT_EDGE_DOC_BYTES);
    (void)buf_grow(&bytes, TYPICAL_DOC_BYTES);
    edge_doc_write(&bytes, doc);
    if (!buf_ok(&bytes))
        write_large(&bytes, doc);
    c.doc = buf_str(&bytes);
    ok = store(t, key, &c);
    buf_deinit(&bytes);
    return ok;
}

void
edge_table_remove(struct edge_table *t, struct str key)
{
    (void)store(t, key, &(struct change){.removed = true, .any_version = true}); /* any version: it cannot refuse */
}

unsigned
edge_table_enter(struct edge_table *t)
{
    for (;;) {
        unsigned e = atomic_load(&t->epoch);
        atomic_fetch_add(&t->inside[e & 1], 1);
        if (atomic_load(&t->epoch) == e)
            return e;
        atomic_fetch_sub(&t->inside[e & 1], 1); /* the epoch turned meanwhile: count in the new one */
    }
}

void
edge_table_leave(struct edge_table *t, unsigned ticket)
{
    atomic_fetch_sub(&t->inside[ticket & 1], 1);
}

/* Copies of documents that a flush takes out of a stripe at once. */
struct portion {
    struct buf bytes; /* of all: key, document; in the order of rows */
    struct portion_row {
        size_t key_bytes, doc_bytes;
        int64_t seen_ms;
        bool removed;
    } rows[PORTION_DOCUMENTS];
    size_t count;
};

/* The document is clean from now on: what is staged stays staged until a commit succeeds. Stripe lock held. */
static void
copy_one(struct portion *p, struct edge_blob *b)
{
    buf_put(&p->bytes, (struct str){b->bytes, (size_t)b->key_bytes + b->doc_bytes});
    CHECK(buf_ok(&p->bytes)); /* out of memory: the log has the hits */
    p->rows[p->count++] = (struct portion_row){b->key_bytes, b->doc_bytes, b->seen_ms, b->removed};
    b->dirty = false;
}

/* A stripe is held for copying only. false: there are no more. */
static bool
copy_some(struct stripe *s, struct portion *p)
{
    bool left;

    buf_clear(&p->bytes);
    p->count = 0;
    os_lock(&s->lock);
    while (p->count < PORTION_DOCUMENTS && s->dirty_count > 0) {
        uint64_t hash = s->dirty[--s->dirty_count];
        size_t mask = s->slot_count - 1, i = hash & mask;
        while (s->slots[i].blob != NULL && !(s->slots[i].hash == hash && s->slots[i].blob->dirty))
            i = (i + 1) & mask;
        if (s->slots[i].blob != NULL)
            copy_one(p, s->slots[i].blob);
    }
    left = s->dirty_count > 0;
    os_unlock(&s->lock);
    return left;
}

/* kv lock held. */
static void
stage(struct edge_table *t, const struct portion *p)
{
    const char *at = p->bytes.p;

    for (size_t i = 0; i < p->count; i++) {
        const struct portion_row *row = &p->rows[i];
        struct str key = {at, row->key_bytes}, doc = {at + row->key_bytes, row->doc_bytes};
        enum err rc =
            row->removed ? kv_delete(t->kv, key, NULL) : kv_put(t->kv, key, doc, row->seen_ms + t->o.ttl_ms, NULL);
        CHECK(rc == ERR_OK || (row->removed && rc == ERR_NOT_FOUND)); /* only memory can be missing */
        at += row->key_bytes + row->doc_bytes;
    }
}

/* Documents may be newer than the positions that are committed with them: folding again changes nothing. */
static enum err
commit_portion(struct edge_table *t, struct diag *d)
{
    enum err rc = ERR_OK;

    os_lock(&t->kv_lock);
    if (kv_staged_bytes(t->kv) >= COMMIT_BYTES)
        rc = kv_commit(t->kv, NULL, 0, false, d);
    os_unlock(&t->kv_lock);
    return rc;
}

static enum err
write_stripe(struct edge_table *t, struct stripe *s, struct portion *p, struct diag *d)
{
    bool left = true;
    enum err rc = commit_portion(t, d); /* first: on a full disk no more is staged */

    while (rc == ERR_OK && left) {
        left = copy_some(s, p);
        os_lock(&t->kv_lock);
        stage(t, p);
        os_unlock(&t->kv_lock);
        rc = commit_portion(t, d);
    }
    return rc;
}

/* Documents whose time is over. kv lock held. */
static enum err
expire(struct edge_table *t, int64_t now_ms, struct diag *d)
{
    struct buf key;
    int64_t due;
    enum err rc = ERR_OK;

    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    for (int i = 0; rc == ERR_OK && i < 4096; i++) { /* the rest at the next flush */
        buf_clear(&key);
        rc = kv_next_due(t->kv, now_ms, &key, &due);
        if (rc == ERR_OK)
            rc = kv_delete(t->kv, buf_str(&key), d);
    }
    buf_deinit(&key);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

void
edge_table_settle(struct edge_table *t)
{
    unsigned old = atomic_fetch_add(&t->epoch, 1);
    struct os_mutex lock;
    struct os_cond never;

    os_mutex_init(&lock);
    os_cond_init(&never);
    os_lock(&lock);
    while (atomic_load(&t->inside[old & 1]) > 0)
        (void)os_cond_wait_us(&never, &lock, 50); /* a request stays inside for a few dozen microseconds */
    os_unlock(&lock);
    os_cond_deinit(&never);
    os_mutex_deinit(&lock);
}

enum err
edge_table_flush(struct edge_table *t, int64_t now_ms, struct kv_position *positions, size_t n,
                 uint64_t (*log_end)(void *ctx), void *ctx, struct diag *d)
{
    struct portion p = {0};
    enum err rc = ERR_OK;

    positions[0].offset = log_end(ctx);
    edge_table_settle(t);
    atomic_store(&t->unsettled, true);
    buf_init(&p.bytes, PORTION_DOCUMENTS * (size_t)LIMIT_RECORD_VALUE_BYTES);
    for (unsigned i = 0; rc == ERR_OK && i < STRIPES; i++)
        rc = write_stripe(t, &t->stripes[i], &p, d);
    buf_deinit(&p.bytes);
    if (rc != ERR_OK)
        return rc; /* what is staged goes with the next flush */
    os_lock(&t->kv_lock);
    rc = expire(t, now_ms, d);
    if (rc == ERR_OK)
        rc = kv_commit(t->kv, positions, n, false, d);
    os_unlock(&t->kv_lock);
    if (rc == ERR_OK)
        atomic_store(&t->unsettled, false);
    return rc;
}
