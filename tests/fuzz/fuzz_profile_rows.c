/* fuzz_profile_rows.c - the text of a batch of profile updates. As many rows come as are counted, and what a row says
 * is JSON without empty values. */
#include "base/check.h"
#include "edge/profile_api_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena whole, row;
    struct profile_rows rows;
    struct diag d = DIAG_INIT;
    const struct json *attributes;
    struct str id;
    size_t left;
    bool ok;

    arena_init(&whole, 1 << 22);
    arena_init(&row, 1 << 22);
    if (profile_rows_begin((struct str){(const char *)data, n}, &whole, &rows, &d) == ERR_OK) {
        for (left = profile_rows_count(&rows); profile_rows_next(&rows, &row, &id, &attributes, &ok); left--) {
            for (struct json_iter it = json_iter(ok ? attributes : NULL); json_next(&it);)
                CHECK(json_str(it.value).n > 0);
            arena_reset(&row);
        }
        CHECK(left == 0);
    }
    arena_deinit(&row);
    arena_deinit(&whole);
    return 0;
}
