/* regex.c - the wrapper of PCRE2. */
#include "rule/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/limits.h"

struct regex {
    pcre2_code *code; /* in the arena: never freed on its own */
    unsigned groups;
};

static void *
memory_get(PCRE2_SIZE bytes, void *a)
{
    return arena_alloc(a, bytes);
}

static void
memory_put(void *p, void *a)
{
    (void)p;
    (void)a; /* ends with the arena */
}

enum err
regex_new(struct str pattern, struct arena *a, const struct regex **out, struct diag *d)
{
    pcre2_general_context *general = pcre2_general_context_create(memory_get, memory_put, a);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    struct regex *r = ARENA_NEW(a, struct regex);
    uint32_t groups = 0;
    PCRE2_UCHAR text[120];
    PCRE2_SIZE at = 0;
    int rc = 0;

    if (context == NULL || r == NULL)
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
    *out = r;
    return ERR_OK;
}

unsigned
regex_group_count(const struct regex *r)
{
    return r->groups;
}

bool
regex_search(const struct regex *r, struct str subject, unsigned n, struct str *group, bool *exhausted)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(r->groups + 1, NULL); /* on the heap: the code's arena is shared */
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
    if (exhausted != NULL)
        *exhausted = rc < 0 && rc != PCRE2_ERROR_NOMATCH;
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    return rc > 0;
}
