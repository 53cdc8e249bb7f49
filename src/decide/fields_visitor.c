/* fields_visitor.c - the visitor's attributes and the facts that are kept up to date beside them [TARGET 4.2, 7.1].
 *
 * An attribute wins over a fact of the same name only where the fact may be said by the site itself; session facts are
 * ours. A script's result is an attribute like any other. */
#include "codec/json_writer.h"
#include "decide/fields_int.h"
#include "identity/ecid.h"

static bool
is_name(struct str name, const char *one, const char *other)
{
    return str_eq(name, str_of(one)) || str_eq(name, str_of(other));
}

static bool
identity_field(struct request_view *v, struct str name, struct str *text)
{
    const struct visitor *x = v->rq->visitor;

    if (is_name(name, "tntId", "pcId"))
        *text = x != NULL && x->tnt_id.n > 0 ? x->tnt_id : ecid_tnt_id(v->key, v->rq->visitor_key, v->arena);
    else if (is_name(name, "thirdPartyId", "mbox3rdPartyId"))
        *text = x != NULL ? x->third_party_id : S_NULL;
    else if (str_eq(name, S("sessionId")))
        *text = v->rq->session;
    else if (is_name(name, "marketingCloudVisitorId", "ecid"))
        *text = x != NULL && x->ecid.n > 0 ? x->ecid : v->rq->visitor_key;
    else
        return false;
    return true;
}

/* Is the visitor a member of an activity that is not the one being decided? */
static bool
in_other_tests(const struct request_view *v)
{
    const struct visitor *x = v->rq->visitor;

    for (size_t i = 0; x != NULL && i < x->membership_count; i++) {
        if (v->activity == NULL || !str_eq(x->memberships[i].activity, v->activity->id))
            return true;
    }
    return false;
}

/* A visitor that nobody knows is in the first page of the first session. */
static bool
session_field(struct request_view *v, struct str name, struct str *text)
{
    const struct visitor *x = v->rq->visitor;
    bool first = x == NULL || visitor_first_session(x), first_page = x == NULL || visitor_first_page(x);

    if (is_name(name, "new", "isFirstSession"))
        *text = field_yes_no(first);
    else if (str_eq(name, S("returning")))
        *text = field_yes_no(!first);
    else if (is_name(name, "firstPageOfSession", "isNewSession"))
        *text = field_yes_no(first_page);
    else if (str_eq(name, S("notFirstPageOfSession")))
        *text = field_yes_no(!first_page);
    else if (str_eq(name, S("inOtherTests")))
        *text = field_yes_no(in_other_tests(v));
    else if (str_eq(name, S("notInOtherTests")))
        *text = field_yes_no(!in_other_tests(v));
    else
        return false;
    return true;
}

static bool
history_field(struct request_view *v, struct str name, struct str *text)
{
    const struct visitor *x = v->rq->visitor;

    if (x == NULL)
        return false;
    if (str_eq(name, S("sessionCount")))
        return field_number(v, x->sessions, text);
    if (str_eq(name, S("daysSinceLastVisit")))
        return field_number(v, (double)(int64_t)visitor_days_since_last_visit(x, v->rq->now_ms), text);
    if (str_eq(name, S("averageDaysBetweenVisits")))
        return x->sessions > 1 &&
               field_number(v, (double)x->gaps_ms / (double)(x->sessions - 1) / (24.0 * 3600 * 1000), text);
    if (str_eq(name, S("firstVisit")))
        return field_number(v, (double)x->first_ms, text);
    if (str_eq(name, S("lastVisit")))
        return x->before_ms != 0 && field_number(v, (double)x->before_ms, text);
    return false;
}

/* "categoryAffinity" is the favourite; ".first" to ".fifth" are the ranks. */
static bool
affinity_field(struct request_view *v, struct str name, struct str *text)
{
    static const char *const ranks[] = {"", ".first", ".second", ".third", ".fourth", ".fifth"};
    const struct visitor *x = v->rq->visitor;
    struct str rank = str_slice(name, S("categoryAffinity").n, name.n);

    for (size_t i = 0; x != NULL && i < sizeof(ranks) / sizeof(ranks[0]); i++) {
        size_t at = i > 0 ? i - 1 : 0;
        if (str_eq(rank, str_of(ranks[i])) && at < x->category_count) {
            *text = x->categories[at].name;
            return true;
        }
    }
    return false;
}

static bool
names_field(struct request_view *v, const struct str *names, size_t n, struct str *text, const struct json **node)
{
    struct diag d = DIAG_INIT;
    struct buf b;
    bool ok;

    if (n == 0)
        return false;
    buf_init(&b, LIMIT_VISITOR_BYTES);
    for (size_t i = 0; i < n; i++) {
        buf_putc(&b, i > 0 ? ',' : '[');
        json_quote(&b, names[i]);
    }
    buf_putc(&b, ']');
    ok = buf_ok(&b) && json_parse(buf_str(&b), v->arena, node, &d) == ERR_OK && field_scalar(v, *node, text, node);
    buf_deinit(&b);
    return ok;
}

static bool
list_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    const struct visitor *x = v->rq->visitor;
    struct str *names;
    size_t n = 0;

    if (x == NULL || !(str_eq(name, S("categoryAffinities")) || is_name(name, "activeActivities", "activeCampaigns")))
        return false;
    names = ARENA_ARRAY(v->arena, struct str, x->membership_count + x->category_count + 1);
    if (names == NULL)
        return false;
    if (str_eq(name, S("categoryAffinities"))) {
        for (size_t i = 0; i < x->category_count; i++)
            names[n++] = x->categories[i].name;
    } else {
        for (size_t i = 0; i < x->membership_count; i++)
            names[n++] = x->memberships[i].activity;
    }
    return names_field(v, names, n, text, node);
}

static bool
attribute_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    const struct visitor_attribute *x = v->rq->visitor ? visitor_attribute(v->rq->visitor, name) : NULL;
    const struct json *value = NULL;
    struct diag d = DIAG_INIT;

    return x != NULL && json_parse(x->json, v->arena, &value, &d) == ERR_OK && field_scalar(v, value, text, node);
}

bool
visitor_field(struct request_view *v, struct str name, struct str *text, const struct json **node)
{
    if (identity_field(v, name, text))
        return text->n > 0;
    if (session_field(v, name, text) || attribute_field(v, name, text, node))
        return true;
    if (str_starts(name, S("categoryAffinity")) && affinity_field(v, name, text))
        return true;
    return history_field(v, name, text) || list_field(v, name, text, node);
}
