/* regex.c - the wrapper of PCRE2. */
#include "rule/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/limits.h"

struct regex {
    pcre2_code *code; /* in the arena: never freed on its own */
    pcre2_general_context *general;
    struct arena *a; /* while it is compiled; searches take the heap, for the arena is shared by then */
    unsigned groups;
};

static void *
memory_get(PCRE2_SIZE bytes, void *regex)
{
    struct regex *r = regex;

    return r->a != NULL ? arena_alloc(r->a, bytes) : malloc(bytes);
}

static void
memory_put(void *p, void *regex)
{
    struct regex *r = regex;

    if (r->a == NULL) /* else it ends with the arena */
        free(p);
}

enum err
regex_new(struct str pattern, struct arena *a, const struct regex **out, struct diag *d)
{
    struct regex *r = ARENA_NEW(a, struct regex);
    pcre2_compile_context *context = NULL;
    uint32_t groups = 0;
    PCRE2_UCHAR text[120];
    PCRE2_SIZE at = 0;
    int rc = 0;

    if (r != NULL) {
        r->a = a;
        r->general = pcre2_general_context_create(memory_get, memory_put, r);
        context = r->general != NULL ? pcre2_compile_context_create(r->general) : NULL;
    }
    if (context == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for a regular expression");
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF); /* cannot fail with this constant */
    r->code = pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
                            &rc, &at, context);
    if (r->code == NULL) {
        if (rc == PCRE2_ERROR_NOMEMORY || rc == PCRE2_ERROR_HEAP_FAILED)
            return diag_set(d, ERR_LIMIT, "no memory for a regular expression");
        if (pcre2_get_error_message(rc, text, sizeof text) < 0)
            text[0] = '\0';
        return diag_set_at(d, ERR_INVALID, (uint32_t)at, "regular expression: %s at character %zu", (char *)text, at);
    }
    if (pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups) != 0)
        return diag_set(d, ERR_INVALID, "regular expression cannot be read back");
    r->groups = groups;
    r->a = NULL;
    *out = r;
    return ERR_OK;
}

unsigned
regex_group_count(const struct regex *r)
{
    return r->groups;
}

bool
regex_search(const struct regex *r, struct str subject, unsigned n, struct str *group, enum regex_end *end)
{
    pcre2_match_context *context = pcre2_match_context_create(r->general);
    pcre2_match_data *data = pcre2_match_data_create(r->groups + 1, r->general);
    int rc = PCRE2_ERROR_NOMEMORY;

    if (context != NULL && data != NULL) {
        (void)pcre2_set_match_limit(context, LIMIT_REGEX_STEPS); /* setters of a made context cannot fail */
        (void)pcre2_set_heap_limit(context, LIMIT_REGEX_BYTES / 1024);
        rc = pcre2_match(r->code, (PCRE2_SPTR)(subject.p ? subject.p : ""), subject.n, 0, 0, data, context);
    }
    if (rc > 0 && group != NULL) {
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(data);
        *group = S_NULL;
        if (n < (unsigned)rc && span[2 * n] != PCRE2_UNSET && span[2 * n] <= span[2 * n + 1])
            *group = (struct str){subject.p ? subject.p + span[2 * n] : "", span[2 * n + 1] - span[2 * n]};
    }
    if (end != NULL)
        *end = rc > 0 || rc == PCRE2_ERROR_NOMATCH ? REGEX_DONE
               : rc == PCRE2_ERROR_NOMEMORY        ? REGEX_NO_MEMORY
                                                   : REGEX_GIVEN_UP;
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    return rc > 0;
}
