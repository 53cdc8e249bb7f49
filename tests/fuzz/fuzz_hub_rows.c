/* fuzz_hub_rows.c - rows of the hub's table: a graph, a profile's document, a chunk, an index row.
 *
 * The input becomes one of these rows (the first byte chooses which, beside a good document), and everything that reads
 * it is called. Damage must be refused, never followed. */
#include <ftw.h>
#include <stdlib.h>

#include "base/check.h"
#include "identity/graph.h"
#include "os/os.h"
#include "profile/profile_store.h"

#define SCOPE S("o/s")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct kv *k;
static char dir[] = "/tmp/edgewise-fuzz-XXXXXX";

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
    kv_close(k);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* what is left is seen by who looks */
}

static void
open_table(void)
{
    struct kv_options o = {.os = os_posix(), .dir = dir};
    struct diag d = DIAG_INIT;

    CHECK(mkdtemp(dir) != NULL);
    CHECK(kv_open(&o, &k, &d) == ERR_OK);
    CHECK(atexit(clean) == 0);
}

/* As large as the numbers that a short input can spell. */
static struct profile_names *
names_of(void)
{
    static struct profile_names names;
    struct diag d = DIAG_INIT;
    uint32_t number;

    if (names.kv == NULL) {
        CHECK(profile_names_open(k, &names, &d) == ERR_OK);
        for (char c = 'a'; c <= 'z'; c++)
            CHECK(profile_names_number(&names, (struct str){&c, 1}, &number, &d) == ERR_OK);
    }
    return &names;
}

struct keys {
    struct str items[256];
    size_t n;
    struct arena *a;
};

static void
take_key(void *ctx, struct str key, struct str value)
{
    struct keys *keys = ctx;

    (void)value;
    if (str_starts(key, S("N")))
        return; /* the names' numbers, which are in memory too */
    CHECK(keys->n < sizeof keys->items / sizeof *keys->items);
    keys->items[keys->n++] = arena_str(keys->a, key);
}

/* What the input before left would make each one slower than the last. */
static void
empty_table(struct arena *a)
{
    struct diag d = DIAG_INIT;
    struct keys keys;
    uint64_t cursor = 0;

    do {
        keys = (struct keys){.a = a};
        CHECK(kv_scan(k, &cursor, 64, take_key, &keys, &d) == ERR_OK);
        for (size_t i = 0; i < keys.n; i++)
            CHECK(kv_delete(k, keys.items[i], &d) == ERR_OK);
    } while (cursor != 0);
}

/* A document with one full chunk and one recent event. */
static void
put_good_document(struct arena *a)
{
    struct diag d = DIAG_INIT;
    struct profile p;

    CHECK(profile_load(k, names_of(), SCOPE, 7, a, &p, &d) == ERR_OK);
    for (int i = 0; i < 33; i++) {
        struct profile_event e = {.id = arena_printf(a, "e%d", i), .ms = i, .json = S("{}")};
        bool duplicate;
        CHECK(profile_add_event(k, &p, &e, &duplicate, &d) == ERR_OK);
    }
    CHECK(profile_save(k, &p, 0, &d) == ERR_OK);
}

static void
use_profile(struct arena *a)
{
    struct profile_event e = {.id = S("e3"), .ms = 5, .json = S("{}")}, *raw;
    const struct json **events, *merged;
    struct diag d = DIAG_INIT;
    struct profile p;
    bool duplicate;
    size_t count;

    if (profile_load(k, names_of(), SCOPE, 7, a, &p, &d) != ERR_OK)
        return;
    (void)profile_membership(&p, S("x"));
    (void)profile_merge(&p, a, &merged, &d);
    if (profile_events(k, &p, a, &events, &raw, &count, &d) == ERR_OK)
        CHECK(count <= p.event_count);
    (void)profile_events_after(k, &p, 3, 10, a, &raw, &count, &d);
    (void)profile_add_event(k, &p, &e, &duplicate, &d);
    profile_mark_region(&p, S("va6"), S("ECID"), S("1"), 5);
    (void)profile_save(k, &p, 0, &d);
    (void)profile_absorb(k, &p, 8, &d);
    (void)profile_split(k, &p, S("ECID"), S("1"), 9, &d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct str keys[] = {{"G\7\0\0\0\0\0\0\0", 9},
                                      {"Po/s\x1f\7\0\0\0\0\0\0\0", 13},
                                      {"E\7\0\0\0\0\0\0\0\0\0\0\0", 13},
                                      {"X\7\0\0\0\0\0\0\0\0\0\0\0", 13}};
    struct diag d = DIAG_INIT;
    struct graph_view v;
    struct arena a;

    if (n == 0)
        return 0;
    if (k == NULL)
        open_table();
    arena_init(&a, 64u << 20);
    empty_table(&a);
    put_good_document(&a);
    CHECK(kv_put(k, keys[data[0] % 4], (struct str){(const char *)data + 1, n - 1}, 0, &d) == ERR_OK);
    if (graph_read(k, 7, &a, &v, &d) == ERR_OK) {
        for (size_t i = 0; i < v.edge_count; i++)
            CHECK(v.edges[i].a < v.member_count && v.edges[i].b < v.member_count);
    }
    use_profile(&a);
    if (kv_staged_bytes(k) > (1u << 20))
        CHECK(kv_commit(k, NULL, 0, false, &d) == ERR_OK);
    arena_deinit(&a);
    return 0;
}
