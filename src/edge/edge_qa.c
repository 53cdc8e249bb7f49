/* edge_qa.c - see edge_qa.h. */
#include "edge/edge_qa.h"

#include "base/limits.h"
#include "codec/json_writer.h"
#include "codec/url.h"

/* ---- the object ---- */

/* Audience ids, numbers or texts, as texts. */
static bool
read_ids(const struct json *list, struct arena *a, const struct str **out, size_t *n)
{
    struct json_iter it = json_iter(json_is(list, JSON_ARRAY) ? list : NULL);
    struct str *ids = ARENA_ARRAY(a, struct str, LIMIT_QA_LIST);

    *n = 0;
    while (ids != NULL && *n < LIMIT_QA_LIST && json_next(&it)) {
        if (json_is(it.value, JSON_STRING))
            ids[(*n)++] = json_str(it.value);
        else if (json_is(it.value, JSON_INT))
            ids[(*n)++] = arena_printf(a, "%lld", (long long)json_i64(it.value, 0));
    }
    *out = ids;
    return ids != NULL;
}

static uint32_t
read_index(const struct json *preview, struct str member)
{
    int64_t i = json_i64(json_get(preview, member), 0);

    return i > 0 && i < UINT32_MAX ? (uint32_t)i : 0;
}

static bool
read_previews(const struct json *list, struct arena *a, struct decision_qa *out)
{
    struct json_iter it = json_iter(json_is(list, JSON_ARRAY) ? list : NULL);
    struct decision_preview *previews = ARENA_ARRAY(a, struct decision_preview, LIMIT_QA_LIST);

    while (previews != NULL && out->preview_count < LIMIT_QA_LIST && json_next(&it)) {
        struct decision_preview p = {read_index(it.value, S("activityIndex")),
                                     read_index(it.value, S("experienceIndex"))};
        if (p.activity > 0)
            previews[out->preview_count++] = p;
    }
    out->previews = previews;
    return previews != NULL;
}

bool
edge_qa_read_token(struct str token, struct hash_key key, struct arena *a, struct decision_qa *out)
{
    struct str *activities;
    bool only;

    if (!decide_qa_token_read(token, key, a, &activities, &out->activity_count, &only))
        return false;
    out->activities = activities;
    out->listed_only |= only;
    return true;
}

bool
edge_qa_read(const struct json *mode, struct hash_key key, struct arena *a, struct decision_qa *out)
{
    *out = (struct decision_qa){
        .listed_only = json_bool(json_get(mode, S("listedActivitiesOnly")), false),
        .keeps_entry = !json_bool(json_get(mode, S("bypassEntryAudience")), true),
    };
    return edge_qa_read_token(json_str(json_get(mode, S("token"))), key, a, out) &&
           read_ids(json_get(mode, S("evaluateAsTrueAudienceIds")), a, &out->true_audiences, &out->true_count) &&
           read_ids(json_get(mode, S("evaluateAsFalseAudienceIds")), a, &out->false_audiences, &out->false_count) &&
           read_previews(json_get(mode, S("previewIndexes")), a, out);
}

/* ---- an address ---- */

static bool
parameter(struct str query, struct str name, struct arena *a, struct str *value)
{
    struct str key;

    while (url_query_next(&query, &key, value)) {
        if (str_eq(key, name)) {
            *value = url_decode(*value, true, a);
            return value->p != NULL;
        }
    }
    return false;
}

static void
put_ids(struct jw *w, struct str query, struct str name, struct str member, struct arena *a)
{
    struct str rest, id;
    size_t n = 0;

    if (!parameter(query, name, a, &rest))
        return;
    jw_key(w, member);
    jw_array(w);
    while (n++ < LIMIT_QA_LIST && str_split(&rest, '_', &id)) {
        if (id.n > 0)
            jw_str(w, id);
    }
    jw_end(w);
}

/* "2_1": the second activity of the link, its first experience. */
static void
put_index(struct jw *w, struct str text)
{
    static const char *const names[] = {"activityIndex", "experienceIndex"};
    struct str part;
    int64_t i;

    jw_object(w);
    for (size_t k = 0; k < 2 && str_split(&text, '_', &part); k++) {
        if (str_to_i64(part, &i) && i > 0)
            jw_ki64(w, str_of(names[k]), i);
    }
    jw_end(w);
}

static void
put_indexes(struct jw *w, struct str query)
{
    struct str key, value;
    size_t n = 0;

    jw_key(w, S("previewIndexes"));
    jw_array(w);
    while (n < LIMIT_QA_LIST && url_query_next(&query, &key, &value)) {
        if (!str_eq(key, S("at_preview_index")))
            continue;
        put_index(w, value);
        n++;
    }
    jw_end(w);
}

bool
edge_qa_of_url(struct str url, struct arena *a, struct str *text)
{
    struct str query = url_parse(url).query, token, only;
    struct buf b;
    struct jw w;

    if (!parameter(query, S("at_preview_token"), a, &token))
        return false;
    *text = S_NULL;
    if (token.n == 0)
        return true;
    buf_init_in(&b, a, 4 * LIMIT_EDGE_BODY_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    jw_kstr(&w, S("token"), token);
    jw_kbool(&w, S("listedActivitiesOnly"),
             parameter(query, S("at_preview_listed_activities_only"), a, &only) && str_eq(only, S("true")));
    put_ids(&w, query, S("at_preview_evaluate_as_true_audience_ids"), S("evaluateAsTrueAudienceIds"), a);
    put_ids(&w, query, S("at_preview_evaluate_as_false_audience_ids"), S("evaluateAsFalseAudienceIds"), a);
    put_indexes(&w, query);
    jw_end(&w);
    *text = buf_str(&b);
    return buf_ok(&b);
}

const struct json *
edge_qa_of_cookie(struct str value, struct arena *a)
{
    const struct json *mode = NULL;
    struct str text = str_starts(value, S("{")) ? value : url_decode(value, false, a);

    if (text.n == 0 || json_parse(text, a, &mode, NULL) != ERR_OK || !json_is(mode, JSON_OBJECT))
        return NULL;
    return mode;
}
