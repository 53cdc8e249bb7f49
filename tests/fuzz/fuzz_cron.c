/* fuzz_cron.c - schedules as a client writes them: what parses has instants that grow, and a refusal names its place.
 */
#include "base/check.h"
#include "base/cron.h"
#include "base/limits.h"

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct diag d = DIAG_INIT;
    int64_t ms = 1767225600000, next = 0; /* 2026-01-01 */
    struct cron c;
    enum err rc = cron_parse(text, &c, &d);

    if (rc != ERR_OK) {
        CHECK(rc == (n > LIMIT_CRON_BYTES ? ERR_LIMIT : ERR_INVALID));
        CHECK(d.what[0] != '\0');
        CHECK(rc == ERR_LIMIT || d.pos <= n);
        return 0;
    }
    for (int i = 0; i < 8 && cron_next(&c, ms, &next); i++) {
        CHECK(next > ms && next % 1000 == 0);
        CHECK(!c.plain || i == 0 || next - ms >= 86400000);
        ms = next;
    }
    return 0;
}
