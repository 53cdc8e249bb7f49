/* fuzz_hit.c - a record of `collect`. What reads is written and read again to the same text, but for an event whose
 * content is no object: nobody writes that. */
#include "base/check.h"
#include "base/limits.h"
#include "model/hit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
write_and_read(const struct hit *h, struct arena *a)
{
    struct buf first, second;
    struct hit again;
    struct diag d = DIAG_INIT;

    buf_init(&first, LIMIT_RECORD_VALUE_BYTES);
    buf_init(&second, LIMIT_RECORD_VALUE_BYTES);
    hit_write(&first, h);
    CHECK(hit_read(buf_str(&first), a, &again, &d) == ERR_OK);
    hit_write(&second, &again);
    CHECK(str_eq(buf_str(&first), buf_str(&second)) || (h->xdm != NULL && !json_is(h->xdm, JSON_OBJECT)));
    buf_deinit(&first);
    buf_deinit(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct diag d = DIAG_INIT;
    struct hit h;

    arena_init(&a, 1 << 24);
    if (hit_read((struct str){(const char *)data, n}, &a, &h, &d) == ERR_OK)
        write_and_read(&h, &a);
    arena_deinit(&a);
    return 0;
}
