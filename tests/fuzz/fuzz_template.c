/* fuzz_template.c - any text as an offer, any text as a value in it: the answer is JSON again, and a value cannot bring
 * markup into a page.
 *
 *   <kind> <value, to the first line feed> LF <text of the offer>
 *
 * kind: HTML, redirect, JSON, a visual change, and each of them for the Edge Network. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "codec/json_writer.h"
#include "decide/decision.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind { KIND_HTML, KIND_REDIRECT, KIND_JSON, KIND_ACTION, KIND__COUNT };

static const struct json *
parsed(struct arena *a, struct str text)
{
    const struct json *v = NULL;

    CHECK(json_parse(text, a, &v, NULL) == ERR_OK);
    return v;
}

/* NULL: the text is not UTF-8, so no offer can have it. */
static const struct json *
offer(struct arena *a, enum kind kind, struct str text)
{
    static const char *const types[] = {"content", "redirect", "json", "actions"};
    const struct json *v = NULL;
    struct buf b;
    struct jw w;

    buf_init_in(&b, a, 1u << 20);
    w = jw_to(&b);
    jw_object(&w);
    jw_ki64(&w, S("id"), 7);
    jw_kstr(&w, S("name"), S("offer"));
    jw_kstr(&w, S("type"), str_of(types[kind]));
    if (kind == KIND_ACTION) {
        jw_key(&w, S("actions"));
        jw_array(&w);
        jw_object(&w);
        jw_kstr(&w, S("type"), S("setHtml"));
        jw_kstr(&w, S("selector"), S("#a"));
    } else if (kind == KIND_JSON) {
        jw_key(&w, S("content"));
        jw_object(&w);
    }
    jw_kstr(&w, kind == KIND_JSON ? S("text") : S("content"), text);
    jw_end(&w);
    if (kind == KIND_ACTION) {
        jw_end(&w);
        jw_end(&w);
    } else if (kind == KIND_JSON) {
        jw_end(&w);
    }
    CHECK(buf_ok(&b));
    return json_parse(buf_str(&b), a, &v, NULL) == ERR_OK ? v : NULL;
}

static const struct json *
value_parameters(struct arena *a, struct str value)
{
    static const char *const names[] = {"p", "tier", "a.b"};
    const struct json *v = NULL;
    struct buf b;
    struct jw w;

    buf_init_in(&b, a, 1u << 20);
    w = jw_to(&b);
    jw_object(&w);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        jw_kstr(&w, str_of(names[i]), value);
    jw_end(&w);
    return json_parse(buf_str(&b), a, &v, NULL) == ERR_OK ? v : NULL;
}

static size_t
count(struct str s, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

/* What stands in the place of the offer's text. */
static struct str
shown(const struct json *answer, enum kind kind)
{
    const struct json *content = json_get(json_at(json_get(answer, S("options")), 0), S("content"));

    if (kind == KIND_JSON)
        return json_str(json_get(content, S("text")));
    return json_str(kind == KIND_ACTION ? json_get(json_at(content, 0), S("content")) : content);
}

static void
check_answer(struct arena *a, struct str out, enum kind kind, enum decision_format format, struct str text)
{
    struct buf whole;
    const struct json *answer;

    buf_init_in(&whole, a, 1u << 22);
    buf_put(&whole, format == FORMAT_EDGE ? S("[") : S("{\"name\":\"m\""));
    buf_put(&whole, out);
    buf_putc(&whole, format == FORMAT_EDGE ? ']' : '}');
    CHECK(buf_ok(&whole));
    answer = parsed(a, buf_str(&whole));
    /* who asks for a value as it is gets it as it is */
    if (format != FORMAT_EDGE && kind != KIND_JSON && str_find(text, S("unescape")) < 0)
        CHECK(count(shown(answer, kind), '<') <= count(text, '<'));
}

static void
decide(struct arena *a, const struct json *the_offer, const struct json *parameters, enum kind kind,
       enum decision_format format, struct str text)
{
    static const struct hash_key key = {1, 2};
    const struct json *activity = parsed(
        a, S("{\"id\":1,\"name\":\"x\",\"type\":\"ab\",\"state\":\"approved\",\"options\":[{\"optionLocalId\":0,"
             "\"name\":\"o\",\"offerId\":7}],\"locations\":{\"mboxes\":[{\"locationLocalId\":0,\"name\":\"m\"}]},"
             "\"experiences\":[{\"experienceLocalId\":0,\"name\":\"e\",\"visitorPercentage\":100,\"optionLocations\":"
             "[{\"locationLocalId\":0,\"optionLocalId\":0}]}]}"));
    struct decide_source src = {.client = S("acme"),
                                .activities = &activity,
                                .activity_count = 1,
                                .offers = &the_offer,
                                .offer_count = 1,
                                .token_key = key};
    struct decision_request rq = {.now_ms = 1773144000000, .visitor_key = S("v"), .url = S("https://shop.test/")};
    struct decision_ask ask = {.kind = AT_MBOX, .name = S("m"), .parameters = parameters};
    struct decision_result result;
    struct decision *x;
    struct decide_set *set = NULL;
    struct diag d = DIAG_INIT;
    struct buf out;

    CHECK(decide_compile(&src, &set, &d) == ERR_OK);
    buf_init_in(&out, a, 1u << 22);
    CHECK(decision_begin(set, &rq, a, &x, &d) == ERR_OK);
    CHECK(decision_at(x, &ask, format, &out, &result, &d) == ERR_OK);
    check_answer(a, buf_str(&out), kind, format, text);
    decide_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct str text = {(const char *)data, size}, value;
    enum kind kind = size > 0 ? (enum kind)(data[0] % KIND__COUNT) : KIND_HTML;
    enum decision_format format = size > 0 && data[0] / KIND__COUNT % 2 ? FORMAT_EDGE : FORMAT_EXECUTE;
    const struct json *parameters, *the_offer;

    if (size < 2 || size > 4096)
        return 0;
    arena_init(&a, 1u << 26);
    text = str_slice(text, 1, text.n);
    (void)str_split(&text, '\n', &value);
    parameters = value_parameters(&a, value);
    the_offer = offer(&a, kind, text.p != NULL ? text : S(""));
    if (parameters != NULL && the_offer != NULL)
        decide(&a, the_offer, parameters, kind, format, text);
    arena_deinit(&a);
    return 0;
}
