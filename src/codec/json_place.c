/* json_place.c - a walk over the tokens of well-formed JSON text. Strings, numbers and words count as one value each,
 * and so does an opening bracket: the order in which the parser stores them. */
#include "codec/json_place.h"

/* Offset after the scalar or string that begins at `at`. */
static size_t
scalar_end(struct str text, size_t at)
{
    if (text.p[at] != '"') {
        while (at < text.n && strchr(",:]} \t\r\n", text.p[at]) == NULL)
            at++;
        return at;
    }
    for (at++; at < text.n && text.p[at] != '"'; at++) {
        if (text.p[at] == '\\')
            at++;
    }
    return at < text.n ? at + 1 : text.n;
}

static bool
is_space_or_mark(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':' || c == ']' || c == '}';
}

enum err
json_places(struct str text, const struct json *root, struct arena *a, struct json_places *out, struct diag *d)
{
    size_t count = json_index_end(root), n = 0, at = 0;
    uint32_t *offsets = ARENA_ARRAY(a, uint32_t, count);

    if (offsets == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the places of %zu JSON values", count);
    while (at < text.n && n < count) {
        if (is_space_or_mark(text.p[at])) {
            at++;
            continue;
        }
        offsets[n++] = (uint32_t)at;
        at = text.p[at] == '{' || text.p[at] == '[' ? at + 1 : scalar_end(text, at);
    }
    *out = (struct json_places){root, offsets, n};
    return ERR_OK;
}

uint32_t
json_place(const struct json_places *p, const struct json *v)
{
    size_t i = json_index(p->root, v);

    return i < p->n ? p->offsets[i] : 0;
}

struct level {
    bool object;
    size_t index;
    struct str key;
};

static void
put_levels(const struct level *levels, size_t depth, struct buf *out)
{
    size_t start = out->n;

    for (size_t i = 0; i < depth; i++) {
        if (!levels[i].object) {
            buf_printf(out, "[%zu]", levels[i].index);
        } else if (levels[i].key.p != NULL) {
            if (out->n > start)
                buf_putc(out, '.');
            buf_put(out, levels[i].key);
        }
    }
}

void
json_place_path(struct str text, uint32_t pos, struct buf *out)
{
    struct level levels[JSON_DEPTH_MAX + 1];
    size_t depth = 0, at = 0;

    /* Goes on while what begins at `at` is not past the place: then the open levels are the path. */
    while (at < text.n && at <= pos) {
        char c = text.p[at];
        struct level *top = depth > 0 ? &levels[depth - 1] : NULL;
        if (c == '{' || c == '[') {
            if (depth <= JSON_DEPTH_MAX && at < pos) /* at pos: the container itself is meant */
                levels[depth++] = (struct level){.object = c == '{'};
            at++;
        } else if (c == '}' || c == ']') {
            if (at == pos)
                break;
            depth -= depth > 0;
            at++;
        } else if (c == ',' && top != NULL) {
            top->index++;
            top->key = S_NULL;
            at++;
        } else if (is_space_or_mark(c)) {
            at++;
        } else {
            size_t end = scalar_end(text, at);
            if (top != NULL && top->object && top->key.p == NULL && c == '"')
                top->key = str_slice(text, at + 1, end - 1);
            at = end > at ? end : at + 1;
        }
    }
    put_levels(levels, depth, out);
}
