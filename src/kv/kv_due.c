/* kv_due.c - see kv_int.h. An item names its entry by hash, not by slot, because slots move. */
#include "kv/kv_int.h"

void
kv_due_deinit(struct kv_due_heap *h)
{
    free(h->items);
    *h = (struct kv_due_heap){0};
}

bool
kv_due_add(struct kv_due_heap *h, int64_t due_ms, uint64_t hash)
{
    if (h->count == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 64;
        struct kv_due *p = realloc(h->items, cap * sizeof *p);
        if (p == NULL)
            return false;
        h->items = p;
        h->cap = cap;
    }
    h->items[h->count++] = (struct kv_due){due_ms, hash};
    return true;
}

bool
kv_due_push(struct kv_due_heap *h, int64_t due_ms, uint64_t hash)
{
    size_t i = h->count;
    struct kv_due item = {due_ms, hash};

    if (!kv_due_add(h, due_ms, hash))
        return false;
    while (i > 0 && h->items[(i - 1) / 2].due_ms > item.due_ms) {
        h->items[i] = h->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->items[i] = item;
    return true;
}

static void
sift_down(struct kv_due_heap *h, size_t i)
{
    struct kv_due item = h->items[i];

    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->items[child + 1].due_ms < h->items[child].due_ms)
            child++;
        if (h->items[child].due_ms >= item.due_ms)
            break;
        h->items[i] = h->items[child];
        i = child;
    }
    h->items[i] = item;
}

void
kv_due_pop(struct kv_due_heap *h)
{
    h->items[0] = h->items[--h->count];
    if (h->count > 1)
        sift_down(h, 0);
}

void
kv_due_order(struct kv_due_heap *h)
{
    for (size_t i = h->count / 2; i-- > 0;)
        sift_down(h, i);
}
