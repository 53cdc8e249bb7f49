/* casefold.c - see casefold.h. */
#include "rule/casefold.h"

#include "rule/casefold_table.h"

uint32_t
casefold_char(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return case_range_map(casefold_ranges, sizeof casefold_ranges / sizeof casefold_ranges[0], c);
}

uint32_t
casefold_take(struct str *s)
{
    const unsigned char *p = (const unsigned char *)s->p;
    size_t n = p[0] < 0xC0 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    uint32_t c = p[0];

    if (n > s->n)
        n = 1;
    if (n == 2)
        c = (c & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    else if (n == 3)
        c = (c & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    else if (n == 4)
        c = (c & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
    *s = (struct str){s->p + n, s->n - n};
    return c;
}

size_t
casefold_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* The longest growth is from two bytes to three (U+023A, U+023E), so three bytes for two are enough. */
struct str
casefold_str(struct str s, struct arena *a)
{
    struct str rest = s, out = {NULL, 0};
    bool changes = false;
    char *p;

    while (rest.n > 0 && !changes) {
        uint32_t c = casefold_take(&rest);
        changes = casefold_char(c) != c;
    }
    if (!changes)
        return s.p != NULL ? s : S("");
    p = arena_alloc(a, s.n + s.n / 2 + 1);
    if (p == NULL)
        return out;
    out.p = p;
    for (rest = s; rest.n > 0;)
        out.n += casefold_put(p + out.n, casefold_char(casefold_take(&rest)));
    return out;
}
