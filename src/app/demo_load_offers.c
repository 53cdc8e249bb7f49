/* demo_load_offers.c - see demo_load.h: what visitors see, and the activities that decide who sees what. */
#include <stdarg.h>

#include "app/demo_load.h"
#include "codec/json_writer.h"

struct offer {
    const char *name, *type; /* content, actions */
    const char *content;     /* HTML; for actions: the HTML that #hero gets */
};

#define HERO(kicker, title, text, link, label, look)                                                                   \
    "<div class=\"hero-copy " look "\"><p class=\"kicker\">" kicker "</p><h1>" title "</h1><p>" text                   \
    "</p><a class=\"button\" id=\"hero-cta\" href=\"" link "\">" label "</a></div>"

static const struct offer offers[] = {
    {"Hero: tents", "actions",
     HERO("Picked for you", "Find your tent", "Three nights or thirty: the Fjell family keeps the weather outside.",
          "/tents.html", "Compare tents", "tents")},
    {"Hero: we miss you", "actions",
     HERO("Gold members", "It has been a while, ${aep.person.name.firstName}",
          "Your ${aep.loyalty.points default=\"0\"} points are waiting. Spend them on something that goes outside.",
          "/tents.html", "Use my points", "gold")},
    {"Hero: thank you", "actions",
     HERO("Summit club", "Thank you, ${aep.person.name.firstName default=\"friend\"}",
          "You are one of our best customers this month: free express shipping on everything.", "/tents.html",
          "Shop with free shipping", "vip")},
    {"Banner A: free returns", "content", "<span class=\"banner-a\">Free returns for 100 days</span>"},
    {"Banner B: repair for life", "content", "<span class=\"banner-b\">We repair what we sell, for life</span>"},
    {"Greeting", "content",
     "<span class=\"greeting\">Welcome back, <b>${aep.person.name.firstName}</b> &middot; <span class=\"tier\">"
     "${aep.loyalty.tier default=\"new\"}</span> &middot; <span class=\"points\">${aep.loyalty.points "
     "default=\"0\"}</span> points</span>"},
};
enum { HERO_TENTS, HERO_WINBACK, HERO_VIP, BANNER_A, BANNER_B, GREETING, OFFERS };

static enum err
ensure_offer(struct demo_load *l, const struct offer *o, struct str *id)
{
    bool actions = strcmp(o->type, "actions") == 0;
    struct buf body;
    struct jw w;
    enum err rc;

    buf_init(&body, 64 * 1024);
    w = jw_to(&body);
    jw_object(&w);
    jw_kstr(&w, S("name"), str_of(o->name));
    if (actions) {
        jw_key(&w, S("actions"));
        jw_array(&w);
        jw_object(&w);
        jw_kstr(&w, S("type"), S("setHtml"));
        jw_kstr(&w, S("selector"), S("#hero"));
        jw_kstr(&w, S("prehidingSelector"), S("#hero"));
        jw_kstr(&w, S("content"), str_of(o->content));
        jw_end(&w);
        jw_end(&w);
    } else {
        jw_kstr(&w, S("content"), str_of(o->content));
    }
    jw_end(&w);
    rc = demo_ensure(l, arena_printf(&l->rest.arena, "%.*s/offers", STR_ARG(l->tenant_path)),
                     arena_printf(&l->rest.arena, "%.*s/offers/%s", STR_ARG(l->tenant_path), o->type), str_of(o->name),
                     buf_str(&body), id);
    buf_deinit(&body);
    return rc;
}

#define METRIC_ORDER                                                                                                   \
    "{\"metricLocalId\":32767,\"name\":\"Order\",\"conversion\":true,\"revenue\":true,\"mboxes\":[{"                   \
    "\"name\":\"orderConfirm\",\"successEvent\":\"mbox_shown\"}],\"action\":{\"type\":\"always_convert\"}}"
#define METRIC_LINK                                                                                                    \
    "{\"metricLocalId\":1,\"name\":\"Link of the hero\",\"clickTrackSelectors\":[{\"selector\":\"#hero-cta\","         \
    "\"selectorVersion\":1}],\"action\":{\"type\":\"count_once\"}}"

static enum err ensure_activity(struct demo_load *l, const char *type, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static enum err
ensure_activity(struct demo_load *l, const char *type, const char *name, const char *fmt, ...)
{
    char body[8192];
    va_list ap;
    struct str list = arena_printf(&l->rest.arena, "%.*s/activities", STR_ARG(l->tenant_path));
    int n;

    va_start(ap, fmt);
    n = vsnprintf(body, sizeof body, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof body)
        return diag_set(&l->rest.diag, ERR_LIMIT, "activity '%s' is too long", name);
    return demo_ensure(l, list, arena_printf(&l->rest.arena, "%.*s/%s", STR_ARG(list), type), str_of(name),
                       str_of(body), NULL);
}

static enum err
ensure_activities(struct demo_load *l, const struct str ids[OFFERS])
{
    enum err rc = ensure_activity(
        l, "xt", "Home hero",
        "{\"name\":\"Home hero\",\"state\":\"approved\",\"priority\":5,\"options\":["
        "{\"optionLocalId\":0,\"name\":\"Thank you\",\"offerId\":%.*s},{\"optionLocalId\":1,\"name\":\"We miss you\","
        "\"offerId\":%.*s},{\"optionLocalId\":2,\"name\":\"Tents\",\"offerId\":%.*s}],"
        "\"locations\":{\"mboxes\":[{\"locationLocalId\":0,\"name\":\"target-global-mbox\"}]},\"experiences\":["
        "{\"experienceLocalId\":0,\"name\":\"Thank you\",\"audienceIds\":[\"%.*s\"],\"optionLocations\":[{"
        "\"locationLocalId\":0,\"optionLocalId\":0}]},"
        "{\"experienceLocalId\":1,\"name\":\"We miss you\",\"audienceIds\":[\"%.*s\"],\"optionLocations\":[{"
        "\"locationLocalId\":0,\"optionLocalId\":1}]},"
        "{\"experienceLocalId\":2,\"name\":\"Tents\",\"audienceIds\":[\"%.*s\"],\"optionLocations\":[{"
        "\"locationLocalId\":0,\"optionLocalId\":2}]}],\"metrics\":[" METRIC_ORDER "," METRIC_LINK "]}",
        STR_ARG(ids[HERO_VIP]), STR_ARG(ids[HERO_WINBACK]), STR_ARG(ids[HERO_TENTS]),
        STR_ARG(l->audiences[DEMO_SPENDERS]), STR_ARG(l->audiences[DEMO_WINBACK]), STR_ARG(l->audiences[DEMO_TENTS]));
    if (rc == ERR_OK)
        rc = ensure_activity(
            l, "ab", "Banner test",
            "{\"name\":\"Banner "
            "test\",\"state\":\"approved\",\"priority\":5,\"entryConstraint\":{\"mboxes\":[{\"name\":"
            "\"banner\"}],\"visitorPercentage\":100},\"options\":[{\"optionLocalId\":0,\"name\":\"Returns\","
            "\"offerId\":"
            "%.*s},{\"optionLocalId\":1,\"name\":\"Repair\",\"offerId\":%.*s}],\"locations\":{\"mboxes\":[{"
            "\"locationLocalId\":0,\"name\":\"banner\"}]},\"experiences\":[{\"experienceLocalId\":0,\"name\":"
            "\"Free "
            "returns\",\"visitorPercentage\":50,\"optionLocations\":[{\"locationLocalId\":0,\"optionLocalId\":0}]},"
            "{\"experienceLocalId\":1,\"name\":\"Repair for life\",\"visitorPercentage\":50,\"optionLocations\":[{"
            "\"locationLocalId\":0,\"optionLocalId\":1}]}],\"metrics\":[" METRIC_ORDER "]}",
            STR_ARG(ids[BANNER_A]), STR_ARG(ids[BANNER_B]));
    if (rc == ERR_OK)
        rc = ensure_activity(
            l, "xt", "Greeting",
            "{\"name\":\"Greeting\",\"state\":\"approved\",\"priority\":5,\"options\":[{\"optionLocalId\":0,\"name\":"
            "\"Greeting\",\"offerId\":%.*s}],\"locations\":{\"mboxes\":[{\"locationLocalId\":0,\"name\":\"greeting\"}]}"
            ","
            "\"experiences\":[{\"experienceLocalId\":0,\"name\":\"Known customer\",\"audienceIds\":[\"%.*s\"],"
            "\"optionLocations\":[{\"locationLocalId\":0,\"optionLocalId\":0}]}],\"metrics\":[" METRIC_ORDER "]}",
            STR_ARG(ids[GREETING]), STR_ARG(l->audiences[DEMO_KNOWN]));
    return rc;
}

enum err
demo_ensure_offers(struct demo_load *l)
{
    struct str ids[OFFERS];
    enum err rc = ERR_OK;

    for (int i = 0; rc == ERR_OK && i < OFFERS; i++)
        rc = ensure_offer(l, &offers[i], &ids[i]);
    return rc == ERR_OK ? ensure_activities(l, ids) : rc;
}
