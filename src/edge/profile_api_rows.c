/* profile_api_rows.c - the text of a batch, line by line  [TARGET 6.10].
 *
 *   batch=thirdPartyId,tier,city            or, as a form library writes it,
 *   B7,gold,K%C3%B6ln                       batch=thirdPartyId%2Ctier%0AB7%2Cgold%0A
 *
 * A text that has a line break in the clear has encoded values; one that has none is encoded as a whole. */
#include "edge/profile_api_int.h"

#include "base/limits.h"
#include "codec/url.h"

static struct str
batch_field(struct str body)
{
    static const struct str inner = {"&batch=", 7};
    ptrdiff_t at;

    if (str_starts(body, S("batch=")))
        return str_slice(body, 6, body.n);
    at = str_find(body, inner);
    return at < 0 ? body : str_slice(body, (size_t)at + inner.n, body.n);
}

static struct str
value_of(const struct profile_rows *r, struct str text, struct arena *a)
{
    text = str_trim(text);
    return r->values_encoded ? url_decode(text, true, a) : text;
}

/* Lines without anything, as at the end, are none. */
static bool
next_line(struct str *rest, struct str *line)
{
    while (str_split(rest, '\n', line)) {
        *line = str_trim(*line);
        if (line->n > 0)
            return true;
    }
    return false;
}

static enum err
read_names(struct profile_rows *r, struct str line, struct arena *a, struct diag *d)
{
    struct str first, name;

    (void)str_split(&line, ',', &first);
    first = value_of(r, first, a);
    r->third_party = str_eq(first, S("thirdPartyId"));
    if (!r->third_party && !str_eq(first, S("pcId")))
        return diag_set(d, ERR_INVALID, "the first line must begin with pcId or thirdPartyId");
    r->names = ARENA_ARRAY(a, struct str, LIMIT_PROFILE_COLUMNS);
    if (r->names == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the columns");
    while (str_split(&line, ',', &name)) {
        name = value_of(r, name, a);
        if (name.n == 0 || name.n > LIMIT_DELIVERY_PARAMETER_NAME)
            return diag_set(d, ERR_INVALID, "names of attributes have 1..%d bytes", LIMIT_DELIVERY_PARAMETER_NAME);
        if (r->name_count == LIMIT_PROFILE_COLUMNS)
            return diag_set(d, ERR_INVALID, "a batch has at most %d attributes", LIMIT_PROFILE_COLUMNS);
        r->names[r->name_count++] = name;
    }
    return r->name_count > 0 ? ERR_OK : diag_set(d, ERR_INVALID, "the first line names no attributes");
}

enum err
profile_rows_begin(struct str body, struct arena *a, struct profile_rows *out, struct diag *d)
{
    struct str line;

    *out = (struct profile_rows){.rest = batch_field(body)};
    out->values_encoded = str_find_char(out->rest, '\n') >= 0;
    if (!out->values_encoded)
        out->rest = url_decode(out->rest, true, a);
    if (out->rest.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a batch");
    if (!next_line(&out->rest, &line))
        return diag_set(d, ERR_INVALID, "the batch is empty");
    return read_names(out, line, a, d);
}

static const struct json *
read_row(const struct profile_rows *r, struct str line, struct arena *a, bool *ok)
{
    const struct json *out = NULL;
    struct str text;
    struct buf json;
    struct jw w;
    size_t i = 0;

    buf_init_in(&json, a, LIMIT_PROFILE_ROW_BYTES);
    w = jw_to(&json);
    jw_object(&w);
    for (; *ok && str_split(&line, ',', &text); i++) {
        text = value_of(r, text, a);
        *ok = i < r->name_count && str_is_utf8(text);
        if (*ok && text.n > 0) /* an empty one keeps what is there */
            jw_kstr(&w, r->names[i], text);
    }
    jw_end(&w);
    *ok = *ok && buf_ok(&json) && json_parse(buf_str(&json), a, &out, NULL) == ERR_OK;
    return out;
}

bool
profile_rows_next(struct profile_rows *r, struct arena *a, struct str *id, const struct json **attributes, bool *ok)
{
    struct str line;

    if (!next_line(&r->rest, &line))
        return false;
    (void)str_split(&line, ',', id);
    *id = value_of(r, *id, a);
    *ok = id->n > 0 && id->n <= LIMIT_IDENTITY_VALUE_BYTES && str_is_utf8(*id);
    *attributes = read_row(r, line, a, ok);
    return true;
}

size_t
profile_rows_count(const struct profile_rows *r)
{
    struct str rest = r->rest, line;
    size_t n = 0;

    while (next_line(&rest, &line))
        n++;
    return n;
}
