/* template.c - tokens in the text of offers.
 *
 * Tokens in offers [TARGET 2.8]: names of the activity, experience, offer and option are replaced here; profile.,
 * user., mbox., aep. and profile.geolocation. become holes. OURS: a value goes into HTML escaped for HTML, and into a
 * URL escaped for URLs, unless the token says encode="unescape", because values come from clients. */
#include "decide/template.h"

#include "codec/json_writer.h"

/* ---- escaping ---- */

/* The JSON form of s without its quotes. */
void
template_put_escaped(struct buf *out, struct str s)
{
    size_t before = out->n;

    json_quote(out, s);
    if (!buf_ok(out))
        return;
    memmove(out->p + before, out->p + before + 1, out->n - before - 2);
    out->n -= 2;
}

static void
put_html(struct buf *out, struct str s)
{
    size_t from = 0;

    for (size_t i = 0; i < s.n; i++) {
        const char *entity;
        switch (s.p[i]) {
        case '&':
            entity = "&amp;";
            break;
        case '<':
            entity = "&lt;";
            break;
        case '>':
            entity = "&gt;";
            break;
        case '"':
            entity = "&quot;";
            break;
        case '\'':
            entity = "&#39;";
            break;
        default:
            continue;
        }
        template_put_escaped(out, str_slice(s, from, i));
        buf_put(out, str_of(entity)); /* nothing in it needs a JSON escape */
        from = i + 1;
    }
    template_put_escaped(out, str_slice(s, from, s.n));
}

static void
put_url(struct buf *out, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c))) {
            buf_putc(out, (char)c);
        } else {
            buf_putc(out, '%');
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        }
    }
}

void
template_put_value(struct buf *out, struct str s, enum hole_encode encode)
{
    if (encode == ENCODE_HTML)
        put_html(out, s);
    else if (encode == ENCODE_URL)
        put_url(out, s);
    else
        template_put_escaped(out, s);
}

/* A copy of out's end in the arena, which is then cut off. */
struct str
template_take_tail(struct render *r, size_t from)
{
    struct str s = arena_str(r->a, (struct str){r->out->p + from, r->out->n - from});

    r->out->n = from;
    if (s.p == NULL)
        r->full = true;
    return s;
}

static struct str
escaped_copy(struct render *r, struct str s)
{
    size_t from = r->out->n;

    template_put_escaped(r->out, s);
    return template_take_tail(r, from);
}

/* ---- tokens ---- */

struct token {
    struct str name;
    bool has_default, show_blank, unescape, escape;
    struct str otherwise;
};

static bool
is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || c == ':';
}

/* name="value" of a token; false when the text is no attribute. */
static bool
read_attribute(struct str *rest, struct str *name, struct str *value)
{
    size_t i = 0, close;

    *rest = str_trim(*rest);
    while (i < rest->n && is_name_char(rest->p[i]))
        i++;
    if (i == 0 || i + 1 >= rest->n || rest->p[i] != '=' || rest->p[i + 1] != '"')
        return false;
    for (close = i + 2; close < rest->n && rest->p[close] != '"';)
        close++;
    if (close == rest->n)
        return false;
    *name = str_slice(*rest, 0, i);
    *value = str_slice(*rest, i + 2, close);
    *rest = str_slice(*rest, close + 1, rest->n);
    return true;
}

/* Reads a token at the start of s, which begins with "${"; its length, or 0 when this is plain text. A "}" inside a
 * quoted default does not end it. */
static size_t
read_token(struct str s, struct token *t)
{
    struct str name, value, inner;
    bool quoted = false;
    size_t i, end;

    for (end = 2; end < s.n && (quoted || s.p[end] != '}'); end++) {
        if (s.p[end] == '"')
            quoted = !quoted;
    }
    if (end == s.n)
        return 0;
    inner = str_slice(s, 2, end);
    for (i = 0; i < inner.n && is_name_char(inner.p[i]);)
        i++;
    *t = (struct token){.name = str_slice(inner, 0, i)};
    inner = str_slice(inner, i, inner.n);
    if (i == 0 || (inner.n > 0 && inner.p[0] != ' '))
        return 0;
    for (inner = str_trim(inner); inner.n > 0; inner = str_trim(inner)) {
        if (!read_attribute(&inner, &name, &value))
            return 0;
        if (str_eq(name, S("default"))) {
            t->has_default = true;
            t->otherwise = value;
        } else if (str_eq(name, S("show_blank"))) {
            t->show_blank = str_eq(value, S("true"));
        } else if (str_eq(name, S("encode"))) {
            t->escape = str_eq(value, S("escape"));
            t->unescape = str_eq(value, S("unescape"));
        } else {
            return 0;
        }
    }
    return end + 1;
}

/* campaign.recipe.name -> experience.name: old words, and of longer names the last two parts. */
static bool
static_value(const struct render *r, struct str name, struct str *value)
{
    struct str parts[2] = {S_NULL, S_NULL}, part;

    while (str_split(&name, '.', &part)) {
        parts[0] = parts[1];
        parts[1] = part;
    }
    if (!str_eq(parts[1], S("id")) && !str_eq(parts[1], S("name")))
        return false;
    bool id = str_eq(parts[1], S("id"));
    if (str_eq(parts[0], S("activity")) || str_eq(parts[0], S("campaign")))
        *value = id ? r->src->activity->id : r->src->activity->name;
    else if (str_eq(parts[0], S("experience")) || str_eq(parts[0], S("recipe")))
        *value = id ? r->src->experience->id : r->src->experience->name;
    else if (str_eq(parts[0], S("offer")))
        *value = id ? r->option->offer_id : r->option->offer_name;
    else if (str_eq(parts[0], S("option")))
        *value = id ? r->option->id : r->option->name;
    else if (str_eq(parts[0], S("mbox")) && !id)
        *value = str_eq(r->src->scope, PAGE_SCOPE) ? GLOBAL_MBOX : r->src->scope;
    else
        return false;
    return true;
}

/* The request field behind a token; false: not one that we know, so the text stays. */
static bool
token_field(struct render *r, struct str name, struct field *f)
{
    static const struct {
        const char *prefix;
        enum field_source source;
    } table[] = {
        {"profile.geolocation.", FIELD_GEO},
        {"profile.", FIELD_PROFILE},
        {"user.endpoint.", FIELD_PROFILE},
        {"user.", FIELD_PROFILE},
        {"mbox.", FIELD_MBOX},
        {"aep.", FIELD_AEP},
        {"geo.", FIELD_GEO},
        {"crs.", FIELD_CUSTOMER},
    };

    if (str_eq(name, S("campaign.recipe.trafficType")) || str_eq(name, S("activity.experience.trafficType"))) {
        *f = (struct field){FIELD_CHOICE, S("trafficType")};
        return true;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct str prefix = str_of(table[i].prefix);
        if (str_starts(name, prefix) && name.n > prefix.n) {
            f->source = table[i].source;
            f->name = arena_str(r->a, str_slice(name, prefix.n, name.n));
            if (f->name.p == NULL)
                r->full = true;
            return true;
        }
    }
    return false;
}

static void
push_hole(struct render *r, struct hole h)
{
    if (r->hole_count == r->hole_cap) {
        size_t cap = r->hole_cap ? r->hole_cap * 2 : 8;
        struct hole *holes = ARENA_ARRAY(r->a, struct hole, cap);
        if (holes == NULL) {
            r->full = true;
            return;
        }
        if (r->hole_count > 0)
            memcpy(holes, r->holes, r->hole_count * sizeof(*holes));
        r->holes = holes;
        r->hole_cap = cap;
    }
    h.at = (uint32_t)r->out->n;
    r->holes[r->hole_count++] = h;
}

static void
add_hole(struct render *r, const struct token *t, struct str whole, struct field field, enum hole_encode encode)
{
    struct hole h = {.field = field, .encode = encode};

    /* show_blank asks for a blank where there is no value and no default; without both the token itself stays, so that
     * a wrong name is seen. */
    h.otherwise = t->has_default ? escaped_copy(r, t->otherwise) : t->show_blank ? S("") : escaped_copy(r, whole);
    h.if_empty = t->has_default && !t->show_blank ? h.otherwise : S("");
    push_hole(r, h);
}

void
template_hole(struct render *r, enum hole_encode encode, struct str otherwise)
{
    push_hole(r, (struct hole){.encode = encode, .otherwise = otherwise});
}

void
template_remote(struct render *r, struct str url)
{
    struct str copy = arena_str(r->a, url);

    if (copy.p == NULL)
        r->full = true;
    push_hole(r, (struct hole){.encode = ENCODE_REMOTE, .field = {FIELD_MBOX, copy}});
}

/* Appends text as the inside of a JSON string, tokens replaced. */
void
template_put(struct render *r, struct str text, enum hole_encode encode)
{
    ptrdiff_t at;

    while ((at = str_find(text, S("${"))) >= 0) {
        struct str here = str_slice(text, (size_t)at, text.n), value;
        struct field field;
        struct token t = {0};
        size_t n = read_token(here, &t);
        enum hole_encode how = t.unescape ? ENCODE_TEXT : t.escape ? ENCODE_HTML : encode;

        template_put_escaped(r->out, str_slice(text, 0, (size_t)at));
        if (n > 0 && static_value(r, t.name, &value))
            template_put_value(r->out, value, how);
        else if (n > 0 && token_field(r, t.name, &field))
            add_hole(r, &t, str_slice(here, 0, n), field, how);
        else
            template_put_escaped(r->out, str_slice(here, 0, n = n ? n : 2));
        text = str_slice(here, n, here.n);
    }
    template_put_escaped(r->out, text);
}

void
template_put_string(struct render *r, struct str text, enum hole_encode encode)
{
    buf_putc(r->out, '"');
    template_put(r, text, encode);
    buf_putc(r->out, '"');
}

void
template_field(struct render *r, struct field field)
{
    push_hole(r, (struct hole){.field = field});
}

void
template_put_redirect(struct render *r, const struct json *offer)
{
    struct str url = json_str(json_get(offer, S("content")));
    ptrdiff_t hash = str_find_char(url, '#');
    struct str to = hash < 0 ? url : str_slice(url, 0, (size_t)hash);
    struct hole h = {.encode = ENCODE_CARRY, .field.name = arena_str(r->a, to)};

    if (json_bool(json_get(offer, S("includeParameters")), false))
        h.carry |= CARRY_PARAMETERS;
    if (json_bool(json_get(offer, S("passMboxSession")), false))
        h.carry |= CARRY_SESSION;
    r->full |= h.field.name.p == NULL;
    buf_putc(r->out, '"');
    template_put(r, to, ENCODE_URL);
    if (h.carry != 0)
        push_hole(r, h);
    template_put(r, str_slice(url, to.n, url.n), ENCODE_URL);
    buf_putc(r->out, '"');
}

/* Any JSON value; tokens are looked for in its strings, never in its keys. */
void
template_put_json(struct render *r, const struct json *v)
{
    struct json_iter it = json_iter(v);
    bool first = true, object = json_is(v, JSON_OBJECT);

    if (json_is(v, JSON_STRING)) {
        template_put_string(r, json_str(v), ENCODE_TEXT);
        return;
    }
    if (!object && !json_is(v, JSON_ARRAY)) {
        json_write(r->out, v);
        return;
    }
    buf_putc(r->out, object ? '{' : '[');
    for (; json_next(&it); first = false) {
        if (!first)
            buf_putc(r->out, ',');
        if (object) {
            json_quote(r->out, it.key);
            buf_putc(r->out, ':');
        }
        template_put_json(r, it.value);
    }
    buf_putc(r->out, object ? '}' : ']');
}
