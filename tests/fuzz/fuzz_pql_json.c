/* fuzz_pql_json.c - any text as the JSON form of a query, and any text as a query: what is accepted converts there and
 * back without a change, compiles to an equal rule in either form, and its rule prints to what compiles to it. Whatever
 * is refused is refused with a class and a place.
 *
 * The first byte chooses the form: '{' is JSON. So one corpus exercises both readers and both writers. */
#include "base/check.h"
#include "base/limits.h"
#include "pql/pql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a conversion may answer. UNSUPPORTED and LIMIT are the other form's, and end the round. */
static bool
convert(struct str source, enum pql_format from, enum pql_format to, struct buf *out)
{
    struct diag d = DIAG_INIT;
    enum pql_error class = PQL_OK;
    enum err rc = pql_convert(source, from, to, out, &class, &d);

    if (rc == ERR_OK) {
        CHECK(class == PQL_OK);
        return true;
    }
    CHECK(rc == ERR_INVALID || rc == ERR_LIMIT || rc == ERR_UNSUPPORTED);
    CHECK(class != PQL_OK && d.what[0] != '\0' && out->n == 0);
    return false;
}

static void
check_equal(const struct rule *r, struct str source, enum pql_format format)
{
    struct diag d = DIAG_INIT;
    struct rule *again = NULL;

    CHECK(pql_compile_as(source, &(struct pql_options){.format = format}, &again, NULL, &d) == ERR_OK);
    CHECK(rule_equal(rule_root(r), rule_root(again)) && rule_hash(rule_root(r)) == rule_hash(rule_root(again)));
    rule_free(again);
}

static void
check_print(const struct rule *r)
{
    for (int to = PQL_TEXT; to <= PQL_JSON; to++) {
        struct diag d = DIAG_INIT;
        struct buf b;
        enum err rc;
        buf_init(&b, LIMIT_PQL_JSON_BYTES);
        rc = pql_print(r, (enum pql_format)to, &b, &d);
        CHECK(rc == ERR_OK || ((rc == ERR_UNSUPPORTED || rc == ERR_LIMIT) && d.what[0] != '\0' && b.n == 0));
        if (rc == ERR_OK)
            check_equal(r, buf_str(&b), (enum pql_format)to);
        buf_deinit(&b);
    }
}

/* there: the other form of the source; r: what it compiles to, or NULL when the static pass refuses it. */
static void
check_fixed_point(struct str source, enum pql_format format, const struct rule *r, enum pql_error class)
{
    enum pql_format other = format == PQL_JSON ? PQL_TEXT : PQL_JSON;
    struct buf own, there, back, again;

    buf_init(&own, LIMIT_PQL_JSON_BYTES);
    buf_init(&there, LIMIT_PQL_JSON_BYTES);
    buf_init(&back, LIMIT_PQL_JSON_BYTES);
    buf_init(&again, LIMIT_PQL_JSON_BYTES);
    if (convert(source, format, format, &own)) {
        CHECK(convert(buf_str(&own), format, format, &again) && str_eq(buf_str(&own), buf_str(&again)));
        buf_clear(&again);
        if (r != NULL)
            check_equal(r, buf_str(&own), format);
    }
    if (convert(source, format, other, &there)) {
        struct rule *rule = NULL;
        enum pql_error other_class = PQL_OK;
        if (pql_compile_as(buf_str(&there), &(struct pql_options){.format = other}, &rule, &other_class, NULL) ==
            ERR_OK)
            CHECK(r != NULL && rule_equal(rule_root(r), rule_root(rule)));
        CHECK(other_class == class);
        rule_free(rule);
        if (convert(buf_str(&there), other, format, &back)) { /* not when it is past a limit of the first form */
            CHECK(convert(buf_str(&back), format, other, &again) && str_eq(buf_str(&there), buf_str(&again)));
            if (r != NULL)
                check_equal(r, buf_str(&back), format);
        }
    }
    buf_deinit(&own);
    buf_deinit(&there);
    buf_deinit(&back);
    buf_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str source = {(const char *)data, size};
    enum pql_format format = size > 0 && data[0] == '{' ? PQL_JSON : PQL_TEXT;
    struct diag d = DIAG_INIT;
    enum pql_error class = PQL_OK;
    struct rule *r = NULL;
    enum err rc = pql_compile_as(source, &(struct pql_options){.format = format}, &r, &class, &d);

    if (rc != ERR_OK)
        CHECK(class != PQL_OK && d.what[0] != '\0' && d.pos <= size && r == NULL);
    check_fixed_point(source, format, r, class);
    if (r != NULL)
        check_print(r);
    rule_free(r);
    return 0;
}
