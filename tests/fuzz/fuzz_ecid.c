/* fuzz_ecid.c - any text as an identity cookie and as a TC string: read within bounds, and what is accepted writes back
 * to the same identity. */
#include "base/check.h"
#include "edge/edge_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct ecid_cookie cookie, again;
    struct arena arena;
    struct buf out;
    bool allowed;

    arena_init(&arena, 1 << 20);
    buf_init(&out, 1 << 16);
    (void)edge_tcf_collect(text, 565, &allowed); /* any answer will do */
    if (ecid_cookie_read(text, &arena, &cookie)) {
        ecid_cookie_write(&out, &cookie);
        CHECK(ecid_cookie_read(buf_str(&out), &arena, &again));
        CHECK(str_eq(cookie.ecid, again.ecid) && cookie.write_time_ms == again.write_time_ms);
    }
    buf_deinit(&out);
    arena_deinit(&arena);
    return 0;
}
