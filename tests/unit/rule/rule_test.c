/* rule_test.c - equality and hash of trees, calendar arithmetic, folding and regular expressions: the parts of src/rule
 * that need no language. */
#include "rule/rule.h"

#include "base/civil.h"
#include "base/limits.h"
#include "rule/casefold.h"
#include "rule/regex.h"
#include "t.h"

/* ---- trees ---- */

static struct rule_node *
tree(struct t *t)
{
    struct rule_node *slot = ARENA_NEW(t->arena, struct rule_node), *field = ARENA_NEW(t->arena, struct rule_node);
    struct rule_node *literal = ARENA_NEW(t->arena, struct rule_node), *n = ARENA_NEW(t->arena, struct rule_node);
    struct rule_node **one = ARENA_ARRAY(t->arena, struct rule_node *, 1),
                     **two = ARENA_ARRAY(t->arena, struct rule_node *, 2);

    *slot = (struct rule_node){.op = RULE_SLOT, .slot = 3};
    one[0] = slot;
    *field = (struct rule_node){.op = RULE_FIELD, .name = S("eventType"), .args = one, .arg_count = 1};
    *literal = (struct rule_node){.op = RULE_LITERAL, .value = value_string(S("x"))};
    two[0] = field;
    two[1] = literal;
    *n = (struct rule_node){.op = RULE_COMPARE, .cmp = CMP_EQ, .args = two, .arg_count = 2};
    return n;
}

TEST(rule_equality_sees_what_decides_the_meaning)
{
    struct rule_node *a = tree(t), *b = tree(t), *field = b->args[0], *literal = b->args[1];

    b->pos = 17; /* where it stood, its static type and a prepared pattern do not count */
    b->type = TYPE_BOOL;
    b->compiled = t;
    CHECK_TRUE(rule_equal(a, b) && rule_hash(a) == rule_hash(b));
    field->name = S("eventtype");
    CHECK_TRUE(!rule_equal(a, b) && rule_hash(a) != rule_hash(b));
    field->name = S("eventType");
    field->args[0]->slot = 2;
    CHECK_TRUE(!rule_equal(a, b) && rule_hash(a) != rule_hash(b));
    field->args[0]->slot = 3;
    b->cmp = CMP_NE;
    CHECK_TRUE(!rule_equal(a, b));
    b->cmp = CMP_EQ;
    b->arg_count = 1;
    CHECK_TRUE(!rule_equal(a, b));
    b->arg_count = 2;
    literal->value = value_int(1);
    CHECK_TRUE(!rule_equal(a, b));
    ((struct rule_node *)a->args[1])->value = value_double(1);
    CHECK_TRUE(!rule_equal(a, b)); /* 1 and 1.0 compare alike but are two literals */
}

TEST(rule_equality_of_time_clauses)
{
    struct rule_when w1 = {.form = WHEN_DISTANCE, .cmp = CMP_LE, .amount = 7, .unit = UNIT_DAY, .from = {.arg = 1}},
                     w2 = w1;
    struct rule_bound gap = {CMP_LE, 2, UNIT_HOUR}, other_gap = {CMP_LE, 2, UNIT_DAY};
    struct rule_element e1 = {.gaps = &gap, .gap_count = 1}, e2 = e1;
    struct rule_node a = {.op = RULE_OCCURS, .when = &w1}, b = {.op = RULE_OCCURS, .when = &w2};

    CHECK_TRUE(rule_equal(&a, &b));
    w2.side = SIDE_AFTER;
    CHECK_TRUE(!rule_equal(&a, &b));
    w2 = w1;
    w2.form = WHEN_ON; /* then only the reference counts */
    w1.form = WHEN_ON;
    w2.amount = 9;
    CHECK_TRUE(rule_equal(&a, &b));
    w2.from.period = PERIOD_THIS;
    CHECK_TRUE(!rule_equal(&a, &b));
    a = (struct rule_node){.op = RULE_ELEMENT, .element = &e1};
    b = (struct rule_node){.op = RULE_ELEMENT, .element = &e2};
    CHECK_TRUE(rule_equal(&a, &b));
    e2.gaps = &other_gap;
    CHECK_TRUE(!rule_equal(&a, &b));
    e2 = e1;
    e2.has_when = true;
    CHECK_TRUE(!rule_equal(&a, &b));
}

TEST(rule_owns_its_arena)
{
    struct arena *a = malloc(sizeof *a);
    struct rule *r;

    arena_init(a, 1 << 16);
    r = rule_new(a, tree(t), 4);
    CHECK_EQ(rule_slot_count(r), 4);
    CHECK_EQ(rule_root(r)->op, RULE_COMPARE);
    rule_free(r); /* the sanitizer sees a leak */
    rule_free(NULL);
}

/* ---- calendar [SEGMENTATION 8.1] ---- */

static int64_t
ms(struct t *t, const char *text)
{
    int64_t out = 0;

    if (!iso8601_parse(str_of(text), &out, NULL))
        t_fail(t, __FILE__, __LINE__, "%s", text);
    return out;
}

TEST(rule_time_shift_clamps_the_day)
{
    CHECK_EQ(rule_time_shift(ms(t, "2025-03-31T12:30Z"), -1, UNIT_MONTH), ms(t, "2025-02-28T12:30Z"));
    CHECK_EQ(rule_time_shift(ms(t, "2024-03-31"), -1, UNIT_MONTH), ms(t, "2024-02-29"));
    CHECK_EQ(rule_time_shift(ms(t, "2024-02-29"), 1, UNIT_YEAR), ms(t, "2025-02-28"));
    CHECK_EQ(rule_time_shift(ms(t, "2024-02-29"), 4, UNIT_YEAR), ms(t, "2028-02-29"));
    CHECK_EQ(rule_time_shift(ms(t, "2025-12-15"), 1, UNIT_MONTH), ms(t, "2026-01-15"));
    CHECK_EQ(rule_time_shift(ms(t, "2025-01-15"), -13, UNIT_MONTH), ms(t, "2023-12-15"));
    CHECK_EQ(rule_time_shift(ms(t, "2025-03-12"), -2, UNIT_CENTURY), ms(t, "1825-03-12"));
    CHECK_EQ(rule_time_shift(ms(t, "2025-03-12"), 1, UNIT_WEEK), ms(t, "2025-03-19"));
}

TEST(rule_time_shift_ends_with_the_calendar)
{
    int64_t first = ms(t, "0001-01-01"), last = ms(t, "9999-12-31T23:59:59.999Z");

    CHECK_EQ(rule_time_shift(first, -1, UNIT_MS), INT64_MIN);
    CHECK_EQ(rule_time_shift(first, 1, UNIT_MS), first + 1);
    CHECK_EQ(rule_time_shift(last, 1, UNIT_MS), INT64_MAX);
    CHECK_EQ(rule_time_shift(last, 1, UNIT_MONTH), INT64_MAX);
    CHECK_EQ(rule_time_shift(first, -1, UNIT_MONTH), INT64_MIN);
    CHECK_EQ(rule_time_shift(0, INT64_MAX, UNIT_MILLENNIUM), INT64_MAX);
    CHECK_EQ(rule_time_shift(0, INT64_MIN, UNIT_MILLENNIUM), INT64_MIN);
    CHECK_EQ(rule_time_shift(0, INT64_MIN, UNIT_SECOND), INT64_MIN);
    CHECK_EQ(rule_time_shift(INT64_MAX, -1, UNIT_YEAR), INT64_MAX);
}

TEST(rule_unit_starts)
{
    int64_t now = ms(t, "2025-03-12T14:30:15.250Z");

    CHECK_EQ(rule_unit_start(now, UNIT_MS), now);
    CHECK_EQ(rule_unit_start(now, UNIT_SECOND), ms(t, "2025-03-12T14:30:15Z"));
    CHECK_EQ(rule_unit_start(now, UNIT_HOUR), ms(t, "2025-03-12T14:00Z"));
    CHECK_EQ(rule_unit_start(now, UNIT_WEEK), ms(t, "2025-03-10")); /* a Monday */
    CHECK_EQ(rule_unit_start(ms(t, "2025-03-09T23:00Z"), UNIT_WEEK), ms(t, "2025-03-03"));
    CHECK_EQ(rule_unit_start(now, UNIT_MONTH), ms(t, "2025-03-01"));
    CHECK_EQ(rule_unit_start(now, UNIT_YEAR), ms(t, "2025-01-01"));
    CHECK_EQ(rule_unit_start(now, UNIT_DECADE), ms(t, "2020-01-01"));
    CHECK_EQ(rule_unit_start(now, UNIT_CENTURY), ms(t, "2000-01-01"));
    CHECK_EQ(rule_unit_start(now, UNIT_MILLENNIUM), ms(t, "2000-01-01"));
    CHECK_EQ(rule_unit_start(ms(t, "1969-12-31T23:59Z"), UNIT_DAY), ms(t, "1969-12-31"));
    CHECK_EQ(rule_unit_start(ms(t, "0009-05-05"), UNIT_DECADE), INT64_MIN); /* year 0 is not in the calendar */
}

/* A unit holds its start, and the next one begins where it ends. */
TEST(rule_units_tile_time)
{
    for (int i = 0; i < 20000; i++) {
        int64_t now = (int64_t)rng_below(&t->rng, (uint64_t)ms(t, "9000-01-01")) - ms(t, "2900-01-01");
        enum rule_unit unit = (enum rule_unit)rng_below(&t->rng, UNIT_YEAR + 1);
        int64_t start = rule_unit_start(now, unit), next = rule_time_shift(start, 1, unit);
        CHECK_TRUE(start <= now && now < next);
        CHECK_EQ(rule_unit_start(start, unit), start);
        CHECK_EQ(rule_unit_start(next, unit), next);
        CHECK_EQ(rule_unit_start(next - 1, unit), start);
        CHECK_EQ(rule_time_shift(next, -1, unit), start);
    }
}

/* ---- folding ---- */

TEST(casefold_simple_only)
{
    CHECK_EQ(casefold_char('A'), 'a');
    CHECK_EQ(casefold_char('['), '[');
    CHECK_EQ(casefold_char(0x3A3), 0x3C3);
    CHECK_EQ(casefold_char(0x3C2), 0x3C3); /* final sigma */
    CHECK_EQ(casefold_char(0xDF), 0xDF);   /* its folding is two letters: none here */
    CHECK_EQ(casefold_char(0x1E9E), 0xDF); /* status S */
    CHECK_EQ(casefold_char(0x130), 0x130); /* status T and F only */
    CHECK_EQ(casefold_char(0x212A), 'k');  /* Kelvin sign */
    CHECK_EQ(casefold_char(0x100), 0x101);
    CHECK_EQ(casefold_char(0x101), 0x101);
    CHECK_EQ(casefold_char(0x1E943), 0x1E943);
    CHECK_EQ(casefold_char(0x1E921), 0x1E943); /* the last row of the table */
    CHECK_EQ(casefold_char(0x10FFFF), 0x10FFFF);
}

TEST(casefold_of_text)
{
    struct str lower = S("stra\xC3\x9F"
                         "e 1"),
               folded = casefold_str(lower, t->arena);
    struct arena none;

    CHECK_TRUE(folded.p == lower.p); /* nothing to change: nothing is copied */
    CHECK_STR(casefold_str(S("\xC3\x89"
                             "CLAIR \xC8\xBA"),
                           t->arena),
              S("\xC3\xA9"
                "clair \xE2\xB1\xA5"));                           /* grows */
    CHECK_STR(casefold_str(S("\xE2\x84\xAA"), t->arena), S("k")); /* shrinks */
    CHECK_STR(casefold_str(S_NULL, t->arena), S(""));
    arena_init(&none, 0);
    CHECK_TRUE(casefold_str(S("A"), &none).p == NULL);
    arena_deinit(&none);
    for (uint32_t c = 0; c < 0x30000; c++)
        CHECK_EQ(casefold_char(casefold_char(c)), casefold_char(c));
}

/* ---- regular expressions ---- */

TEST(regex_searches_and_groups)
{
    const struct regex *r = NULL;
    struct str group;

    CHECK_OK(regex_new(S("@(\\w+)(\\.x)?"), t->arena, &r, d));
    CHECK_EQ(regex_group_count(r), 2);
    CHECK_TRUE(regex_search(r, S("a@corp"), 1, &group, NULL));
    CHECK_STR(group, S("corp"));
    CHECK_TRUE(regex_search(r, S("a@corp"), 0, &group, NULL));
    CHECK_STR(group, S("@corp"));
    CHECK_TRUE(regex_search(r, S("a@corp"), 2, &group, NULL) && group.p == NULL); /* took no part */
    CHECK_TRUE(regex_search(r, S("a@corp"), 9, &group, NULL) && group.p == NULL);
    CHECK_TRUE(!regex_search(r, S("corp"), 0, &group, NULL));
    CHECK_OK(regex_new(S(""), t->arena, &r, d));
    CHECK_TRUE(regex_search(r, S_NULL, 0, &group, NULL) && group.n == 0 && group.p != NULL);
    CHECK_OK(regex_new(S("^\\w$"), t->arena, &r, d));
    CHECK_TRUE(!regex_search(r, S("\xC3\xA9"), 0, NULL, NULL)); /* ASCII classes */
    CHECK_OK(regex_new(S("^.$"), t->arena, &r, d));
    CHECK_TRUE(regex_search(r, S("\xC3\xA9"), 0, NULL, NULL)); /* one character, two bytes */
}

TEST(regex_refuses_and_bounds)
{
    const struct regex *r = NULL;
    struct arena small;
    enum regex_end end = REGEX_DONE;
    struct str subject;
    struct buf b;

    CHECK_ERR(regex_new(S("a(b"), t->arena, &r, d), ERR_INVALID);
    CHECK_EQ(t_diag.pos, 3);
    CHECK_ERR(regex_new(S("\\C"), t->arena, &r, d), ERR_INVALID); /* would split a character */
    arena_init(&small, 64);
    CHECK_ERR(regex_new(S("abc"), &small, &r, d), ERR_LIMIT);
    arena_deinit(&small);
    CHECK_OK(regex_new(S("^(a+)+$"), t->arena, &r, d));
    buf_init(&b, 1 << 16);
    for (int i = 0; i < 60; i++)
        buf_putc(&b, 'a');
    buf_putc(&b, 'b');
    subject = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    CHECK_TRUE(!regex_search(r, subject, 0, NULL, &end)); /* 2^60 ways: given up, not run */
    CHECK_EQ(end, REGEX_GIVEN_UP);
    CHECK_TRUE(!regex_search(r, S("b"), 0, NULL, &end) && end == REGEX_DONE);
}

static struct str
many_a(struct t *t, size_t n)
{
    char *p = arena_alloc(t->arena, n);

    memset(p, 'a', n);
    return (struct str){p, n};
}

/* LIMIT_REGEX_STEPS: one step per character, and a few to begin with. */
TEST(regex_steps_at_and_past_the_limit)
{
    const struct regex *r = NULL;
    struct str subject = many_a(t, LIMIT_REGEX_STEPS);
    enum regex_end end = REGEX_GIVEN_UP;

    CHECK_OK(regex_new(S("^[ac]*?[cd]"), t->arena, &r, d));
    CHECK_TRUE(!regex_search(r, str_slice(subject, 0, LIMIT_REGEX_STEPS - 8), 0, NULL, &end));
    CHECK_EQ(end, REGEX_DONE);
    CHECK_TRUE(!regex_search(r, subject, 0, NULL, &end));
    CHECK_EQ(end, REGEX_GIVEN_UP);
}

/* LIMIT_REGEX_BYTES: every round of the group is kept to come back to. It takes two steps, so these end later. */
TEST(regex_bytes_at_and_past_the_limit)
{
    const struct regex *r = NULL;
    size_t fits = 1, exceeds = LIMIT_REGEX_STEPS / 4;
    struct str subject = many_a(t, exceeds);
    enum regex_end end = REGEX_GIVEN_UP;

    CHECK_OK(regex_new(S("^(?:a|b)*$"), t->arena, &r, d));
    while (exceeds - fits > 1) {
        size_t middle = fits + (exceeds - fits) / 2;
        bool found = regex_search(r, str_slice(subject, 0, middle), 0, NULL, &end);
        CHECK_EQ(end, found ? REGEX_DONE : REGEX_GIVEN_UP);
        if (found)
            fits = middle;
        else
            exceeds = middle;
    }
    /* Two frames a round, about 128 bytes each. */
    CHECK_TRUE(fits > LIMIT_REGEX_BYTES / 512);
    CHECK_TRUE(fits < LIMIT_REGEX_BYTES / 128);
}
