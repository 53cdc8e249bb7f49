/* edge_qa_event.c - QA mode of an event of the Edge Network [TARGET 1.6, EDGE 5.9]: the address of its page says it,
 * and the cookie at_qa_mode keeps it for the pages that follow, as at.js does. A link that is not ours is as none. */
#include "base/metric.h"
#include "edge/edge_int.h"
#include "edge/edge_qa.h"

/* The object that an address says; NULL: it ends QA mode, or is no object of ours. */
static const struct json *
said(struct edge_call *c, struct str text, struct decision_qa *qa)
{
    const struct json *mode = NULL;

    if (text.n == 0 || c->view == NULL || json_parse(text, c->arena, &mode, NULL) != ERR_OK)
        return NULL;
    if (edge_qa_read(mode, c->view->token_key, c->arena, qa))
        return mode;
    metric_inc(M_EDGE_TOKENS_FORGED);
    return NULL;
}

void
edge_qa_begin(struct edge_call *c, struct edge_visit *v)
{
    struct str text;

    if (edge_qa_of_url(v->visit.url, c->arena, &text))
        v->qa_mode = said(c, text, &v->qa);
    else if (c->view != NULL && c->qa_kept != NULL && edge_qa_read(c->qa_kept, c->view->token_key, c->arena, &v->qa))
        v->qa_mode = c->qa_kept;
    v->visit.qa = v->qa_mode != NULL;
}

/* What the last page that says something says. */
bool
edge_qa_state(struct edge_call *c, struct str *value)
{
    struct decision_qa qa;

    for (size_t i = c->event_count; c->target_on && i > 0; i--) {
        struct str url = json_str(json_path(c->events[i - 1].xdm, S("web.webPageDetails.URL")));
        if (edge_qa_of_url(url, c->arena, value))
            return value->n == 0 || said(c, *value, &qa) != NULL;
    }
    return false;
}
