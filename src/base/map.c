/* map.c - linear probing with backward-shift deletion, so that there are no tombstones. */
#include "base/map.h"

static struct hash_key process_seed = {0x5bd1e9955bd1e995u, 0x1234567887654321u};

void
map_set_seed(struct hash_key seed)
{
    process_seed = seed;
}

void
map_init(struct map *m)
{
    *m = (struct map){.seed = process_seed};
}

void
map_deinit(struct map *m)
{
    for (size_t i = 0; i < m->slot_count; i++)
        free((void *)(uintptr_t)m->slots[i].key.p);
    free(m->slots);
    *m = (struct map){.seed = m->seed};
}

/* Index of the key's slot, or of the free slot where it would go. */
static size_t
find(const struct map *m, uint64_t hash, struct str key)
{
    size_t mask = m->slot_count - 1;
    size_t i = hash & mask;

    while (m->slots[i].key.p != NULL && !(m->slots[i].hash == hash && str_eq(m->slots[i].key, key)))
        i = (i + 1) & mask;
    return i;
}

void *
map_get(const struct map *m, struct str key)
{
    size_t i;

    if (m->count == 0)
        return NULL;
    i = find(m, hash_keyed(m->seed, key), key);
    return m->slots[i].key.p != NULL ? m->slots[i].value : NULL;
}

static bool
grow(struct map *m)
{
    struct map_slot *old = m->slots;
    size_t old_count = m->slot_count;
    size_t count = old_count ? old_count * 2 : 16;
    struct map_slot *slots = calloc(count, sizeof *slots);

    if (slots == NULL)
        return false;
    m->slots = slots;
    m->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].key.p != NULL)
            m->slots[find(m, old[i].hash, old[i].key)] = old[i];
    }
    free(old);
    return true;
}

bool
map_put(struct map *m, struct str key, void *value, void **old)
{
    uint64_t hash = hash_keyed(m->seed, key);
    char *copy;
    size_t i;

    if (old != NULL)
        *old = NULL;
    if ((m->count + 1) * 3 > m->slot_count * 2 && !grow(m))
        return false;
    i = find(m, hash, key);
    if (m->slots[i].key.p != NULL) {
        if (old != NULL)
            *old = m->slots[i].value;
        m->slots[i].value = value;
        return true;
    }
    copy = malloc(key.n + 1);
    if (copy == NULL)
        return false;
    if (key.n)
        memcpy(copy, key.p, key.n);
    copy[key.n] = '\0';
    m->slots[i] = (struct map_slot){hash, {copy, key.n}, value};
    m->count++;
    return true; /* cppcheck-suppress memleak ; the slot has the copy */
}

void *
map_remove(struct map *m, struct str key)
{
    size_t mask = m->slot_count - 1, i, j;
    void *value;

    if (m->count == 0)
        return NULL;
    i = find(m, hash_keyed(m->seed, key), key);
    if (m->slots[i].key.p == NULL)
        return NULL;
    value = m->slots[i].value;
    free((void *)(uintptr_t)m->slots[i].key.p);
    for (j = (i + 1) & mask; m->slots[j].key.p != NULL; j = (j + 1) & mask) {
        size_t home = m->slots[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) { /* the gap lies between its home and its place: move it there */
            m->slots[i] = m->slots[j];
            i = j;
        }
    }
    m->slots[i] = (struct map_slot){0};
    m->count--;
    return value;
}

const struct map_slot *
map_next(const struct map *m, size_t *i)
{
    while (*i < m->slot_count) {
        const struct map_slot *s = &m->slots[(*i)++];
        if (s->key.p != NULL)
            return s;
    }
    return NULL;
}
