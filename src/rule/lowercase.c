/* lowercase.c - see lowercase.h. Two characters have a rule of their own:
 *
 *   U+0130  becomes i and U+0307
 *   U+03A3  becomes U+03C2 when a cased letter stands before it and none behind it, characters without case between
 *           letters (apostrophes, accents) not counted; else U+03C3    [Unicode 3.13, Final_Sigma] */
#include "rule/lowercase.h"

#include "rule/casefold.h"
#include "rule/lowercase_table.h"

#define CAPITAL_DOTTED_I 0x130
#define CAPITAL_SIGMA 0x3A3

static bool
in_spans(const struct lowercase_span *spans, size_t n, uint32_t c)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c > spans[mid].last)
            lo = mid + 1;
        else if (c < spans[mid].first)
            hi = mid;
        else
            return true;
    }
    return false;
}

static bool
is_cased(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return in_spans(lowercase_cased, sizeof lowercase_cased / sizeof lowercase_cased[0], c);
}

static bool
is_ignorable(uint32_t c)
{
    if (c < 0x80)
        return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`';
    return in_spans(lowercase_ignorable, sizeof lowercase_ignorable / sizeof lowercase_ignorable[0], c);
}

static uint32_t
lower_char(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return case_range_map(lowercase_ranges, sizeof lowercase_ranges / sizeof lowercase_ranges[0], c);
}

/* The last code point of s, taken off. */
static uint32_t
take_back(struct str *s)
{
    size_t at = s->n - 1;
    struct str last;

    while (at > 0 && s->n - at < 4 && ((unsigned char)s->p[at] & 0xC0) == 0x80)
        at--;
    last = str_slice(*s, at, s->n);
    s->n = at;
    return casefold_take(&last);
}

static uint32_t
lower_sigma(struct str before, struct str behind)
{
    uint32_t c = 0;

    while (before.n > 0 && is_ignorable(c = take_back(&before)))
        c = 0;
    if (!is_cased(c))
        return 0x3C3;
    c = 0;
    while (behind.n > 0 && is_ignorable(c = casefold_take(&behind)))
        c = 0;
    return is_cased(c) ? 0x3C3 : 0x3C2;
}

static bool
changes(struct str s)
{
    while (s.n > 0) {
        uint32_t c = casefold_take(&s);
        if (c == CAPITAL_DOTTED_I || c == CAPITAL_SIGMA || lower_char(c) != c)
            return true;
    }
    return false;
}

/* Characters grow from two bytes to three at most; twice the bytes are enough for malformed ones, too. */
struct str
lowercase_str(struct str s, struct arena *a)
{
    struct str rest = s, out = {NULL, 0};
    char *p;

    if (!changes(s))
        return s.p != NULL ? s : S("");
    p = arena_alloc(a, s.n * 2 + 4);
    if (p == NULL)
        return out;
    out.p = p;
    while (rest.n > 0) {
        size_t at = s.n - rest.n;
        uint32_t c = casefold_take(&rest);
        if (c == CAPITAL_DOTTED_I) {
            memcpy(p + out.n, "i\xCC\x87", 3);
            out.n += 3;
            continue;
        }
        out.n += casefold_put(p + out.n, c == CAPITAL_SIGMA ? lower_sigma(str_slice(s, 0, at), rest) : lower_char(c));
    }
    return out;
}

static uint32_t
upper_char(uint32_t c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    for (size_t i = 0; i < sizeof lowercase_ranges / sizeof lowercase_ranges[0]; i++) {
        const struct case_range *r = &lowercase_ranges[i];
        uint32_t upper = (uint32_t)((int32_t)c - r->delta);
        if (upper >= r->first && upper <= r->last && (upper - r->first) % r->step == 0)
            return upper;
    }
    return c == 0x3C3 || c == 0x3C2 ? CAPITAL_SIGMA : c;
}

struct str
uppercase_str(struct str s, struct arena *a)
{
    char *p = arena_alloc(a, s.n * 2 + 4);
    struct str out = {p, 0};

    while (p != NULL && s.n > 0)
        out.n += casefold_put(p + out.n, upper_char(casefold_take(&s)));
    return out;
}
