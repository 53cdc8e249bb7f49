/* fuzz_visitor.c - a visitor's bytes. What reads is written and read again to the same, can be folded into, united with
 * and cut. */
#include "base/check.h"
#include "visitor/visitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
use(struct visitor *v, struct arena *a)
{
    struct hit_notice notices[] = {
        {.type = NOTICE_DISPLAY, .activity = S("1"), .experience = S("0")},
        {.type = NOTICE_CONVERT, .activity = S("1"), .metric = 1, .action = ACTION_RESTART_NEW},
    };
    struct hit_visit visit = {.session = S("s"), .url = S("https://example.com/"), .page = true};
    struct hit h = {.kind = HIT_VISIT, .visit = &visit, .notices = notices, .notice_count = 2};
    struct visitor other;

    visitor_init(&other, a);
    visitor_fold(&other, &h, 1000, 0, NULL, NULL);
    visitor_fold(v, &h, 1000, 5, NULL, NULL);
    CHECK(visitor_has(v, 5));
    (void)visitor_set(v, S("name"), S("1"), 1000);
    visitor_view_category(v, S("shoes"));
    visitor_absorb(v, &other);
    visitor_absorb(&other, v);
    visitor_fit(v, 1000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct visitor v, again;
    struct arena a;
    struct buf first, second;
    struct diag d = DIAG_INIT;

    arena_init(&a, 1 << 22);
    buf_init(&first, 1 << 22);
    buf_init(&second, 1 << 22);
    if (visitor_read((struct str){(const char *)data, n}, &a, &v, &d) == ERR_OK) {
        visitor_write(&first, &v);
        CHECK(visitor_read(buf_str(&first), &a, &again, &d) == ERR_OK);
        visitor_write(&second, &again);
        CHECK(str_eq(buf_str(&first), buf_str(&second)));
        use(&v, &a);
    }
    buf_deinit(&first);
    buf_deinit(&second);
    arena_deinit(&a);
    return 0;
}
