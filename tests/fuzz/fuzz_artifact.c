/* fuzz_artifact.c - on-device artifacts from anybody: read, or refused with a reason. */
#include <stdlib.h>

#include "base/limits.h"
#include "decide/odd_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct odd_read r;
    struct diag d = DIAG_INIT;
    struct arena a;

    arena_init(&a, 64u << 20);
    if (odd_read((struct str){(const char *)data, n}, &a, &r, &d) != ERR_OK) {
        if (d.what[0] == '\0')
            abort();
    } else {
        for (size_t i = 0; i < r.activity_count; i++) {
            unsigned sum = 0;
            for (size_t e = 0; e < r.activities[i].experience_count; e++)
                sum += r.activities[i].experiences[e].percent;
            if (r.activities[i].priority > LIMIT_ACTIVITY_PRIORITY || (!r.activities[i].targeted && sum != 100))
                abort();
        }
    }
    arena_deinit(&a);
    return 0;
}
