/* fields_int.h - what the files of fields share. Each reader gives the text of one field, false when it is absent. */
#ifndef DECIDE_FIELDS_INT_H
#define DECIDE_FIELDS_INT_H

#include "decide/decide_int.h"

/* Scalars as text, a list as its elements with commas; *node is v where v is more than that text says. */
bool field_scalar(struct request_view *v, const struct json *value, struct str *text, const struct json **node);
static inline struct str
field_yes_no(bool x)
{
    return x ? S("true") : S("false");
}
bool field_number(struct request_view *v, double number, struct str *text);

/* fields_visitor.c */
bool visitor_field(struct request_view *v, struct str name, struct str *text, const struct json **node);

/* fields_request.c */
bool page_field(struct request_view *v, enum field_source source, struct str name, struct str *text);
bool browser_field(struct request_view *v, struct str name, struct str *text);
bool mobile_field(struct request_view *v, struct str name, struct str *text, const struct json **node);
bool geo_field(struct request_view *v, struct str name, struct str *text, const struct json **node);
bool network_field(struct request_view *v, struct str name, struct str *text, const struct json **node);
bool source_field(struct request_view *v, struct str name, struct str *text);
bool time_field(struct request_view *v, struct str name, struct str *text);
const struct user_agent *agent_of(struct request_view *v);
const struct page_url *page_of(struct request_view *v, enum field_source source);

#endif
