#include "report_fixture.h"

void
report_put_activity(struct world *w, const char *id, const char *name, const char *more)
{
    struct t *t = w->t;

    world_put(w, "activity", SCOPE, id,
              arena_printf(
                  t->arena,
                  "{'id':%s,'type':'ab','name':'%s','state':'saved','priority':5,"
                  "'options':[{'optionLocalId':0,'name':'A','offerId':0},{'optionLocalId':1,'name':'B','offerId':0}],"
                  "'locations':{'mboxes':[{'locationLocalId':0,'name':'hero','audienceIds':[]}]},"
                  "'experiences':[{'experienceLocalId':0,'name':'Calm <b>blue</b>','visitorPercentage':50,"
                  "'audienceIds':[],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]},"
                  "{'experienceLocalId':1,'name':'Bold orange','visitorPercentage':50,'audienceIds':[],"
                  "'optionLocations':[{'locationLocalId':0,'optionLocalId':1}]}],"
                  "'metrics':[{'metricLocalId':32767,'name':'Order','conversion':true,'mboxes':[{'name':'orderConfirm',"
                  "'successEvent':'mbox_shown','audienceIds':[]}],'action':{'type':'count_once'}}]%s}",
                  id, name, more)
                  .p);
}

void
report_fold(struct world *w, struct hit *h, int64_t now_ms)
{
    struct t *t = w->t;

    arena_reset(&w->scratch);
    CHECK_OK(results_fold(w->kv, h, now_ms, &w->scratch, d));
    CHECK_OK(kv_commit(w->kv, NULL, 0, false, d));
}

void
report_visit_at(struct world *w, const char *activity, int visitor, const char *experience, bool click, double order,
                int64_t now_ms)
{
    struct t *t = w->t;
    struct identity ecid = {.ns = S("ECID"), .id = arena_printf(t->arena, "%038d", visitor), .primary = true};
    struct hit_notice notices[2] = {
        {.type = NOTICE_DISPLAY, .activity = str_of(activity), .experience = str_of(experience), .scope = S("hero")},
        {.type = NOTICE_INTERACT, .activity = str_of(activity), .experience = str_of(experience), .scope = S("hero")},
    };
    struct hit h = {.kind = HIT_EVENT,
                    .source = SOURCE_EDGE,
                    .scope = S(SCOPE),
                    .identities = {&ecid, 1},
                    .event_id = arena_printf(t->arena, "e%d", visitor),
                    .event_ms = now_ms,
                    .notices = notices,
                    .notice_count = click ? 2 : 1};

    if (order > 0)
        CHECK_OK(
            json_parse(arena_printf(t->arena,
                                    "{\"eventType\":\"commerce.purchases\",\"commerce\":{\"purchases\":{\"value\":1},"
                                    "\"order\":{\"purchaseID\":\"o%d\",\"priceTotal\":%.2f}}}",
                                    visitor, order),
                       t->arena, &h.xdm, d));
    report_fold(w, &h, now_ms);
}

void
report_visit(struct world *w, const char *activity, int visitor, const char *experience, bool click, double order)
{
    report_visit_at(w, activity, visitor, experience, click, order, NOW);
}

void
report_put_results(struct world *w)
{
    for (int i = 0; i < 124; i++)
        report_visit(w, "1001", i, "0", i % 5 == 0, i < 32 ? 40 + i % 7 : 0);
    for (int i = 0; i < 149; i++)
        report_visit(w, "1001", 1000 + i, "1", i % 4 == 0, i < 52 ? 42.5 + i % 9 : 0);
}
