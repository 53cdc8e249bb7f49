/* admin_search_query.c - see admin_search_query.h. A query is a list of clauses, each wanted, excluded or optional, as
 * Lucene's own parser makes them: AND makes both its sides wanted. A parenthesis is a clause with a list of its own. */
#include "admin/admin_search_query.h"

#include "base/limits.h"

enum occur { OPTIONAL, WANTED, EXCLUDED };

struct clause {
    struct clause *next;
    enum occur occur;
    bool group;
    struct clause *first; /* of a group */
    enum search_field field;
    struct str word; /* may have * and ?, after a backslash themselves */
    bool phrase;
    unsigned fuzzy; /* letters that may differ */
};

struct search_query {
    struct clause *first;
};

struct reader {
    struct str text;
    size_t at;
    struct arena *arena;
    size_t terms;
    struct diag *d;
};

static enum err
wrong(const struct reader *r, size_t at, const char *what)
{
    return diag_set_at(r->d, ERR_INVALID, (uint32_t)at, "search text, position %zu: %s", at + 1, what);
}

/* ---- tokens ---- */

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
ends_word(char c)
{
    return is_space(c) || c == '(' || c == ')' || c == '"' || c == ':';
}

static void
skip_spaces(struct reader *r)
{
    while (r->at < r->text.n && is_space(r->text.p[r->at]))
        r->at++;
}

static bool
take(struct reader *r, struct str token)
{
    struct str rest = str_slice(r->text, r->at, r->text.n);
    bool word = token.p[0] >= 'A' && token.p[0] <= 'Z';

    if (!str_starts(rest, token) || (word && rest.n > token.n && !ends_word(rest.p[token.n])))
        return false;
    r->at += token.n;
    return true;
}

static struct str
read_word(struct reader *r)
{
    size_t from = r->at;

    while (r->at < r->text.n && !ends_word(r->text.p[r->at]))
        r->at += r->text.p[r->at] == '\\' && r->at + 1 < r->text.n ? 2 : 1;
    return str_slice(r->text, from, r->at);
}

static bool
field_of(struct str name, enum search_field *out)
{
    static const struct {
        const char *name;
        enum search_field field;
    } names[] = {{"segmentName", SEARCH_NAME},
                 {"name", SEARCH_NAME},
                 {"segmentDescription", SEARCH_DESCRIPTION},
                 {"description", SEARCH_DESCRIPTION},
                 {"segmentId", SEARCH_ID},
                 {"id", SEARCH_ID},
                 {"folderId", SEARCH_FOLDER},
                 {"parentFolderId", SEARCH_FOLDER},
                 {"folderLocation", SEARCH_FOLDER}};
    static const char prefix[] = "segmentDefinition.";

    if (str_eq_nocase(str_slice(name, 0, sizeof prefix - 1), S(prefix)))
        name = str_slice(name, sizeof prefix - 1, name.n);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_eq_nocase(name, str_of(names[i].name))) {
            *out = names[i].field;
            return true;
        }
    }
    return false;
}

/* ---- clauses ---- */

static enum err read_list(struct reader *r, enum search_field field, struct clause **out);

static enum err
read_phrase(struct reader *r, struct clause *c)
{
    size_t from = r->at++;

    while (r->at < r->text.n && r->text.p[r->at] != '"')
        r->at++;
    if (r->at == r->text.n)
        return wrong(r, from, "expected a closing quote");
    c->phrase = true;
    c->word = str_slice(r->text, from + 1, r->at++);
    return r->at < r->text.n && r->text.p[r->at] == '~' ? wrong(r, r->at, "distances between words are not supported")
                                                        : ERR_OK;
}

/* "word", or "word~", "word~1" */
static enum err
read_term(struct reader *r, size_t from, struct str word, struct clause *c)
{
    ptrdiff_t tilde = str_find_char(word, '~');
    struct str letters = tilde >= 0 ? str_slice(word, (size_t)tilde + 1, word.n) : S_NULL;
    uint64_t n = 2;

    if (word.n == 0)
        return wrong(r, from, "expected a word");
    if (word.p[0] == '/')
        return wrong(r, from, "regular expressions are not supported");
    c->word = tilde >= 0 ? str_slice(word, 0, (size_t)tilde) : word;
    if (tilde >= 0 && (c->word.n == 0 || (letters.n > 0 && (!str_to_u64(letters, &n) || n > 2))))
        return wrong(r, from + (size_t)tilde, "expected 0, 1 or 2 behind a word and ~");
    c->fuzzy = tilde >= 0 ? (unsigned)n : 0;
    return ERR_OK;
}

/* A word, a phrase, a parenthesis; *field changes when one is named. */
static enum err
read_clause(struct reader *r, enum search_field *field, struct clause *c)
{
    size_t from = r->at;
    struct str word;
    enum err rc;

    if (++r->terms > LIMIT_SEARCH_TERMS)
        return diag_set(r->d, ERR_LIMIT, "a search text has at most %d words and parentheses", LIMIT_SEARCH_TERMS);
    word = read_word(r);
    if (word.n > 0 && take(r, S(":"))) {
        if (!str_eq(word, S("*")) && !field_of(word, field))
            return wrong(r, from, "expected segmentName, segmentDescription, segmentId or a folder field before ':'");
        skip_spaces(r);
        from = r->at;
        word = read_word(r);
    }
    c->field = *field;
    if (word.n == 0 && take(r, S("("))) {
        c->group = true;
        rc = read_list(r, *field, &c->first);
        return rc == ERR_OK && !take(r, S(")")) ? wrong(r, from, "expected a closing parenthesis") : rc;
    }
    if (word.n == 0 && r->at < r->text.n && r->text.p[r->at] == '"')
        return read_phrase(r, c);
    return read_term(r, from, word, c);
}

static enum err
read_list(struct reader *r, enum search_field field, struct clause **out)
{
    struct clause **last = out, *before = NULL;

    for (skip_spaces(r); r->at < r->text.n && r->text.p[r->at] != ')'; skip_spaces(r)) {
        struct clause *c = ARENA_NEW(r->arena, struct clause);
        bool both = take(r, S("AND")) || take(r, S("&&")), either = !both && (take(r, S("OR")) || take(r, S("||")));
        enum err rc;

        if (c == NULL)
            return diag_set(r->d, ERR_NOMEM, "no memory for a search text");
        if ((both || either) && before == NULL)
            return wrong(r, r->at, "expected a word before AND or OR");
        skip_spaces(r);
        if (take(r, S("NOT")) || take(r, S("!")) || take(r, S("-")))
            c->occur = EXCLUDED;
        else if (take(r, S("+")) || both)
            c->occur = WANTED;
        skip_spaces(r);
        rc = read_clause(r, &field, c);
        if (rc != ERR_OK)
            return rc;
        if (both && before->occur == OPTIONAL)
            before->occur = WANTED;
        *last = c;
        last = &c->next;
        before = c;
    }
    return ERR_OK;
}

enum err
search_parse(struct str text, struct arena *a, struct search_query **out, struct diag *d)
{
    struct reader r = {.text = text, .arena = a, .d = d};
    struct search_query *q = ARENA_NEW(a, struct search_query);
    enum err rc;

    if (text.n > LIMIT_SEARCH_BYTES)
        return diag_set(d, ERR_LIMIT, "a search text has at most %d bytes, found %zu", LIMIT_SEARCH_BYTES, text.n);
    if (q == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a search text");
    rc = read_list(&r, SEARCH_ANY, &q->first);
    if (rc == ERR_OK && r.at < text.n)
        rc = wrong(&r, r.at, "this parenthesis was never opened");
    if (rc == ERR_OK)
        *out = q;
    return rc;
}

/* ---- matching ---- */

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static bool
is_letter(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || (c & 0x80) != 0;
}

/* With * and ?; what is behind the last star is tried at each place, once: linear in both but for stars. */
static bool
like(struct str pattern, struct str s)
{
    size_t p = 0, i = 0, star = SIZE_MAX, again = 0;

    while (i < s.n) {
        bool escaped = p + 1 < pattern.n && pattern.p[p] == '\\';
        size_t at = p + escaped;
        if (at < pattern.n && !escaped && pattern.p[at] == '*') {
            star = p++;
            again = i;
        } else if (at < pattern.n && ((!escaped && pattern.p[at] == '?') || lower(pattern.p[at]) == lower(s.p[i]))) {
            p = at + 1;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++again;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

/* The phrase at a place of the text, between two words. */
static bool
has_phrase(struct str text, struct str phrase)
{
    for (size_t i = 0; i + phrase.n <= text.n; i++) {
        bool begins = i == 0 || !is_letter(text.p[i - 1]);
        bool ends = i + phrase.n == text.n || !is_letter(text.p[i + phrase.n]);
        if (begins && ends && str_eq_nocase(str_slice(text, i, i + phrase.n), phrase))
            return true;
    }
    return phrase.n == 0;
}

static bool
word_matches(const struct clause *c, struct str word)
{
    return c->fuzzy > 0 ? str_edits(c->word, word) <= c->fuzzy : like(c->word, word);
}

static bool
text_matches(const struct clause *c, struct str text)
{
    if (c->phrase)
        return has_phrase(text, c->word);
    if (text.n > 0 && word_matches(c, text))
        return true;
    for (size_t i = 0, from; i < text.n;) {
        while (i < text.n && !is_letter(text.p[i]))
            i++;
        for (from = i; i < text.n && is_letter(text.p[i]);)
            i++;
        if (i > from && word_matches(c, str_slice(text, from, i)))
            return true;
    }
    return false;
}

static bool list_matches(const struct clause *list, const struct str texts[SEARCH_FIELDS]);

static bool
clause_matches(const struct clause *c, const struct str texts[SEARCH_FIELDS])
{
    if (c->group)
        return list_matches(c->first, texts);
    for (enum search_field f = SEARCH_ANY + 1; f < SEARCH_FIELDS; f++) {
        if ((c->field == SEARCH_ANY || c->field == f) && text_matches(c, texts[f]))
            return true;
    }
    return false;
}

static bool
list_matches(const struct clause *list, const struct str texts[SEARCH_FIELDS])
{
    bool wanted = false, optional = false, found = false;

    for (const struct clause *c = list; c != NULL; c = c->next) {
        bool matches = clause_matches(c, texts);
        if (matches ? c->occur == EXCLUDED : c->occur == WANTED)
            return false;
        wanted = wanted || c->occur == WANTED;
        optional = optional || c->occur == OPTIONAL;
        found = found || (c->occur == OPTIONAL && matches);
    }
    return found || wanted || !optional;
}

bool
search_matches(const struct search_query *q, const struct str texts[SEARCH_FIELDS])
{
    return list_matches(q->first, texts);
}
