/* edge_facts.h - what a decision knew beside the request itself, kept in the hit so that the decision can be made again
 * long afterwards: hit_visit.asked, docs/formats/why.md. Nothing is kept unless the sandbox has the setting `explain`.
 *
 * Headers are those that a rule asked for; audiences and attributes those that this edge had of the person, whatever
 * was asked, so that other rules can be tried. What is too long is left out and said to be (false), never cut. */
#ifndef EDGE_EDGE_FACTS_H
#define EDGE_EDGE_FACTS_H

#include "edge/edge_int.h"

struct edge_facts_header {
    struct str name, value; /* value p NULL: the request had none */
};

struct edge_facts {
    struct edge_facts_header headers[LIMIT_ASKED_HEADERS];
    size_t header_count;
};

/* A rule asked. */
void edge_facts_header(struct edge_facts *f, struct str name, struct str value);

struct edge_facts_source {
    const struct edge_facts *facts;
    uint64_t config;               /* snapshot.version that decided */
    int64_t before_ms;             /* the visitor's last_ms before this request; 0: new here */
    const struct edge_doc *person; /* memberships and attributes */
    const struct segment_set *set; /* audiences evaluated in the request; NULL: none */
    bool (*in_audience)(void *ctx, struct str id);
    void *ctx;
    const struct buf *script_steps; /* elements; NULL, or empty: none */
    /* of an event: what of its query and data is not in the hit; NULL: a delivery request, whose body is */
    const struct edge_event_in *event;
    const struct edge_browser *browser;
    const struct json *qa_mode; /* NULL: none */
    struct str property_token;
};
/* JSON text in the arena; empty: it does not fit, and nothing is kept. */
struct str edge_facts_write(const struct edge_facts_source *src, struct arena *a);

#endif
