/* fuzz_search.c - search texts of clients: any of them parses or is refused with its place, and matching ends. */
#include "admin/admin_search_query.h"
#include "base/check.h"
#include "base/limits.h"

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    size_t half = n / 2;
    struct str text = {(const char *)data, half}, object = {(const char *)data + half, n - half};
    struct str texts[SEARCH_FIELDS] = {[SEARCH_NAME] = object, [SEARCH_ID] = text};
    struct search_query *q = NULL;
    struct diag d = DIAG_INIT;
    struct arena a;
    enum err rc;

    arena_init(&a, 1u << 20);
    rc = search_parse(text, &a, &q, &d);
    CHECK(rc == ERR_OK || rc == ERR_INVALID || rc == ERR_LIMIT);
    CHECK(rc == ERR_OK || (d.what[0] != '\0' && (rc == ERR_LIMIT || d.pos <= half)));
    if (rc == ERR_OK)
        (void)search_matches(q, texts); /* any answer will do */
    arena_deinit(&a);
    return 0;
}
