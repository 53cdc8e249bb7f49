/* check_test.c - what may be stored, and the message for what may not [TARGET 6.3, 12 rows 144, 146]. */
#include "fixture.h"

/* The body of [TARGET 6.3]. */
#define GOOD                                                                                                           \
    "{'name':'Hero test','thirdPartyId':'hero-1','type':'ab','state':'approved','priority':5,"                         \
    "'startsAt':'2026-03-01T00:00:00Z','endsAt':'2026-04-01T00:00:00Z',"                                               \
    "'entryConstraint':{'mboxes':[{'name':'hero','audienceIds':[]}],'visitorPercentage':100},"                         \
    "'options':[{'optionLocalId':0,'name':'A','offerId':701},{'optionLocalId':1,'name':'B','offerId':702}],"           \
    "'locations':{'mboxes':[{'locationLocalId':0,'name':'hero','audienceIds':[]}],"                                    \
    "'selectors':[{'locationLocalId':1,'name':'title','selector':'#title','selectorVersion':1,'audienceIds':[],"       \
    "'viewLocalId':0}]},'views':[{'viewLocalId':0,'viewId':33,'audienceIds':[]}],"                                     \
    "'experiences':[{'experienceLocalId':0,'name':'A','visitorPercentage':50,'audienceIds':[],'optionLocations':["     \
    "{'locationLocalId':0,'optionLocalId':0}]},{'experienceLocalId':1,'name':'B','visitorPercentage':50,"              \
    "'audienceIds':[],'optionLocations':[{'locationLocalId':0,'optionLocalId':1}]}],"                                  \
    "'metrics':[{'metricLocalId':32767,'name':'Order','conversion':true,'engagement':'none','mboxes':["                \
    "{'name':'orderConfirm','successEvent':'mbox_shown','audienceIds':[]}],'clickTrackSelectors':["                    \
    "{'selector':'#buy','selectorVersion':1,'audienceIds':[]}],'views':[]}],'reportingAudiences':[],"                  \
    "'reportingSource':'target','propertyIds':[9],'workspace':'1234567'}"

static bool
known(void *ctx, const char *kind, struct str id)
{
    (void)ctx;
    if (str_eq(str_of(kind), S("offer")))
        return str_eq(id, S("701")) || str_eq(id, S("702"));
    if (str_eq(str_of(kind), S("property")))
        return str_eq(id, S("9"));
    return str_eq(id, S("11"));
}

static const struct decide_known all_known = {known, NULL};

TEST(check_the_documented_activity_is_good)
{
    CHECK_OK(decide_check_activity(fixture_json(t, GOOD), &all_known, d));
    CHECK_OK(decide_check_activity(fixture_json(t, GOOD), NULL, d));
}

/* GOOD with the first `from` replaced. */
static const struct json *
changed(struct t *t, const char *from, const char *to)
{
    struct str good = S(GOOD), cut = str_of(from);
    ptrdiff_t at = str_find(good, cut);

    CHECK_TRUE(at >= 0);
    return fixture_json(t, arena_printf(t->arena, "%.*s%s%s", (int)at, good.p, to, good.p + at + cut.n).p);
}

static void
check_refused(struct t *t, const char *from, const char *to, const char *path, const char *what)
{
    CHECK_ERR(decide_check_activity(changed(t, from, to), &all_known, d), ERR_INVALID);
    CHECK_STR(str_of(t_diag.path), str_of(path));
    CHECK_STR(str_of(t_diag.what), str_of(what));
}

TEST(check_head_messages)
{
    CHECK_ERR(decide_check_activity(fixture_json(t, "7"), NULL, d), ERR_INVALID);
    CHECK_STR(str_of(t_diag.what), S("activity must be an object, got an integer"));
    check_refused(t, "'type':'ab'", "'type':'abc'", "type",
                  "type must be ab, xt, mvt, abt or auto_allocate, got 'abc'");
    check_refused(t, "'type':'ab',", "", "type", "type must be ab, xt, mvt, abt or auto_allocate, got nothing");
    check_refused(t, "'name':'Hero test'", "'name':''", "name", "name must not be empty");
    check_refused(t, "'name':'Hero test'", "'name':7", "name", "name must be a string, got an integer");
    check_refused(t, "'state':'approved'", "'state':'live'", "state",
                  "state must be saved, approved, deactivated or deleted, got 'live'");
    check_refused(t, "'priority':5", "'priority':1000", "priority", "priority must be 0..999, got 1000");
    check_refused(t, "'priority':5", "'priority':'5'", "priority", "priority must be an integer, got a string");
    check_refused(t, "'startsAt':'2026-03-01T00:00:00Z'", "'startsAt':'soon'", "startsAt",
                  "startsAt must be an ISO 8601 time or milliseconds, got a string");
    check_refused(t, "'startsAt':'2026-03-01T00:00:00Z'", "'startsAt':'2026-04-01T00:00:00Z'", "endsAt",
                  "endsAt must be later than startsAt");
    CHECK_OK(decide_check_activity(changed(t, "'priority':5", "'priority':0"), &all_known, d));
    CHECK_OK(decide_check_activity(changed(t, "'priority':5", "'priority':999"), &all_known, d));
}

TEST(check_entry_and_property_messages)
{
    check_refused(t, "'visitorPercentage':100", "'visitorPercentage':101", "entryConstraint.visitorPercentage",
                  "entryConstraint.visitorPercentage must be 0..100, got 101");
    check_refused(t, "{'name':'hero','audienceIds':[]}", "{'name':'hero-clicked'}", "entryConstraint.mboxes[0].name",
                  "entryConstraint.mboxes[0].name must not end in -clicked");
    check_refused(t, "'audienceIds':[]", "'audienceIds':[11,12]", "entryConstraint.mboxes[0].audienceIds[1]",
                  "entryConstraint.mboxes[0].audienceIds[1] names audience 12, which does not exist");
    check_refused(
        t, "'audienceIds':[]", "'audienceIds':[1.5]", "entryConstraint.mboxes[0].audienceIds[0]",
        "entryConstraint.mboxes[0].audienceIds[0] must be a number (a Target audience) or a text (an audience of "
        "the hub), got a number");
    check_refused(t, "'propertyIds':[9]", "'propertyIds':[9,10]", "propertyIds[1]",
                  "propertyIds[1] names a property that does not exist");
    CHECK_OK(decide_check_activity(changed(t, "'audienceIds':[]", "'audienceIds':[11,'seg-1']"), &all_known, d));
}

TEST(check_option_messages)
{
    check_refused(t, "'offerId':702", "'offerId':703", "options[1].offerId",
                  "options[1].offerId names an offer that does not exist");
    check_refused(t, ",'offerId':702", "", "options[1]",
                  "options[1] must have either offerId (0: default content) or offerTemplates");
    check_refused(t, "'optionLocalId':1,", "'optionLocalId':0,", "options[1].optionLocalId",
                  "options[1].optionLocalId 0 is used twice");
    check_refused(t, "'optionLocalId':1,", "", "options[1].optionLocalId",
                  "options[1].optionLocalId must be an integer, got nothing");
    check_refused(t, "'offerId':702", "'offerTemplates':[{'offerTemplateId':99}]",
                  "options[1].offerTemplates[0].offerTemplateId",
                  "options[1].offerTemplates[0].offerTemplateId must be the name or the number of a visual action");
    check_refused(t, "'offerId':702", "'offerTemplates':[{'offerTemplateId':'setText'}]",
                  "options[1].offerTemplates[0].templateParameters",
                  "options[1].offerTemplates[0].templateParameters must have a parameter 'selector' with a text");
    CHECK_OK(decide_check_activity(changed(t, "'offerId':702", "'offerId':0"), &all_known, d));
}

TEST(check_location_messages)
{
    check_refused(t, "{'locationLocalId':0,'name':'hero'", "{'locationLocalId':0,'name':''", "locations.mboxes[0].name",
                  "locations.mboxes[0].name must not be empty");
    check_refused(t, "'locationLocalId':1,", "'locationLocalId':0,", "locations.selectors[0].locationLocalId",
                  "locations.selectors[0].locationLocalId 0 is used twice");
    check_refused(t, "'selector':'#title'", "'selector':''", "locations.selectors[0].selector",
                  "locations.selectors[0].selector must not be empty");
    check_refused(t, "'audienceIds':[],'viewLocalId':0", "'viewLocalId':5", "locations.selectors[0].viewLocalId",
                  "locations.selectors[0].viewLocalId names a view that is not in views");
    check_refused(t, "'viewId':33,", "", "views[0]", "views[0] must have a name or a viewId");
    check_refused(t, "'locations':{", "'locations':[],'x':{", "locations", "locations must be an object, got an array");
    check_refused(t, "'locations':{", "'locations':{},'x':{", "locations",
                  "locations must have at least one mbox or selector");
    CHECK_OK(
        decide_check_activity(changed(t,
                                      "'mboxes':[{'locationLocalId':0,'name':'hero','audienceIds':[]}],'selectors':["
                                      "{'locationLocalId':1",
                                      "'selectors':[{'locationLocalId':0"),
                              &all_known, d));
}

TEST(check_experience_messages)
{
    check_refused(t, "'visitorPercentage':50", "'visitorPercentage':49", "experiences",
                  "experiences must have visitorPercentage values that sum to 100, got 99");
    check_refused(t, "'visitorPercentage':50,", "", "experiences[0].visitorPercentage",
                  "experiences[0].visitorPercentage must be an integer, got nothing");
    check_refused(t, "'type':'ab'", "'type':'xt'", "experiences[0].visitorPercentage",
                  "experiences[0].visitorPercentage belongs to A/B activities: experience targeting has no split");
    check_refused(t, "'experienceLocalId':1", "'experienceLocalId':0", "experiences[1].experienceLocalId",
                  "experiences[1].experienceLocalId 0 is used twice");
    check_refused(t, "{'locationLocalId':0,'optionLocalId':1}", "{'locationLocalId':0,'optionLocalId':7}",
                  "experiences[1].optionLocations[0].optionLocalId",
                  "experiences[1].optionLocations[0].optionLocalId must name an option of the activity");
    check_refused(t, "{'locationLocalId':0,'optionLocalId':1}", "{'locationLocalId':4,'optionLocalId':1}",
                  "experiences[1].optionLocations[0].locationLocalId",
                  "experiences[1].optionLocations[0].locationLocalId must name a location of the activity");
    check_refused(
        t, "{'locationLocalId':0,'optionLocalId':1}",
        "{'locationLocalId':0,'optionLocalId':1},{'locationLocalId':0,'optionLocalId':0}",
        "experiences[1].optionLocations[1].locationLocalId",
        "experiences[1].optionLocations[1].locationLocalId covers a location that the experience has already");
    check_refused(t, "'experiences':[", "'experiences':[],'x':[", "experiences",
                  "experiences must have at least one experience");
}

TEST(check_metrics_that_gate_each_other) /* [TARGET 12.103] */
{
#define GATED                                                                                                          \
    "'metrics':[{'metricLocalId':1,'dependsOn':[2]},{'metricLocalId':2,'dependsOn':[%s]},{'metricLocalId':32767,"
    check_refused(t, "'metrics':[{'metricLocalId':32767,", arena_printf(t->arena, GATED, "1").p, "metrics[0].dependsOn",
                  "metrics[0].dependsOn depends on itself, by way of other metrics or at once");
    check_refused(t, "'metrics':[{'metricLocalId':32767,", arena_printf(t->arena, GATED, "7").p,
                  "metrics[1].dependsOn[0]", "metrics[1].dependsOn[0] must name a metric of the activity");
    CHECK_OK(decide_check_activity(
        changed(t, "'metrics':[{'metricLocalId':32767,", arena_printf(t->arena, GATED, "32767").p), &all_known, d));
}

TEST(check_drafts_may_lack_what_live_activities_need)
{
    check_refused(t, "'experiences':[", "'experiences':[],'x':[", "experiences",
                  "experiences must have at least one experience");
    CHECK_OK(decide_check_activity(fixture_json(t, "{'name':'n','type':'ab','state':'saved'}"), &all_known, d));
    CHECK_ERR(decide_check_activity(fixture_json(t, "{'name':'n','type':'ab','state':'approved'}"), &all_known, d),
              ERR_INVALID);
}

TEST(check_metric_messages)
{
    check_refused(t, "{'metricLocalId':32767,", "{'metricLocalId':32767},{'metricLocalId':32767,", "metrics",
                  "metrics must have one primary metric (metricLocalId 32767), got two");
    check_refused(t, "'metricLocalId':32767", "'metricLocalId':3", "metrics",
                  "metrics must have a primary metric (metricLocalId 32767)");
    check_refused(t, "'selector':'#buy'", "'selector':7", "metrics[0].clickTrackSelectors[0].selector",
                  "metrics[0].clickTrackSelectors[0].selector must be a string, got an integer");
    CHECK_OK(decide_check_activity(changed(t, "'metrics':[", "'metrics':[],'x':["), &all_known, d));
}

/* "<prefix>item,item,..<suffix>" with n items, %d counting. */
static const char *
repeated(struct t *t, const char *item, int n)
{
    struct buf b;
    const char *text;

    buf_init(&b, 1 << 22);
    for (int i = 0; i < n; i++) {
        ptrdiff_t at = str_find(str_of(item), S("#N"));
        if (i)
            buf_putc(&b, ',');
        if (at < 0) {
            buf_put(&b, str_of(item));
            continue;
        }
        buf_put(&b, str_slice(str_of(item), 0, (size_t)at));
        buf_put_i64(&b, i);
        buf_put(&b, str_of(item + at + 2));
    }
    text = arena_str(t->arena, buf_str(&b)).p;
    buf_deinit(&b);
    return text;
}

static enum err
with(struct t *t, const char *from, const char *fmt_before, const char *items, const char *after, struct diag *d)
{
    return decide_check_activity(changed(t, from, arena_printf(t->arena, "%s%s%s", fmt_before, items, after).p),
                                 &all_known, d);
}

TEST(check_limits_at_and_past)
{
    struct str name = arena_printf(t->arena, "%0250d", 1), longer = arena_printf(t->arena, "%0251d", 1);

    CHECK_OK(with(t, "'name':'Hero test'", "'name':'", name.p, "'", d));
    CHECK_ERR(with(t, "'name':'Hero test'", "'name':'", longer.p, "'", d), ERR_LIMIT);
    CHECK_OK(with(t, "{'locationLocalId':0,'name':'hero'", "{'locationLocalId':0,'name':'", name.p, "'", d));
    CHECK_ERR(with(t, "{'locationLocalId':0,'name':'hero'", "{'locationLocalId':0,'name':'", longer.p, "'", d),
              ERR_LIMIT);
    CHECK_OK(with(t, "'audienceIds':[]", "'audienceIds':[", repeated(t, "11", 50), "]", d));
    CHECK_ERR(with(t, "'audienceIds':[]", "'audienceIds':[", repeated(t, "11", 51), "]", d), ERR_LIMIT);
    CHECK_OK(with(t, "'metrics':[", "'reportingSource':'analytics','metrics':[",
                  repeated(t, "{'metricLocalId':1#N}", 200), "],'x':[", d));
    CHECK_ERR(with(t, "'metrics':[", "'reportingSource':'analytics','metrics':[",
                   repeated(t, "{'metricLocalId':1#N}", 201), "],'x':[", d),
              ERR_LIMIT);
    CHECK_OK(with(t, "'views':[", "'views':[", repeated(t, "{'viewLocalId':#N,'viewId':1}", 100), "],'x':[", d));
    CHECK_ERR(with(t, "'views':[", "'views':[", repeated(t, "{'viewLocalId':#N,'viewId':1}", 101), "],'x':[", d),
              ERR_LIMIT);
#define AUDIENCE "{'reportingAudienceLocalId':#N,'audienceId':11}"
    CHECK_OK(with(t, "'reportingAudiences':[", "'reportingAudiences':[", repeated(t, AUDIENCE, 50), "", d));
    CHECK_ERR(with(t, "'reportingAudiences':[", "'reportingAudiences':[", repeated(t, AUDIENCE, 51), "", d), ERR_LIMIT);
#define GATES "'metrics':[{'metricLocalId':7},{'metricLocalId':32767,'dependsOn':["
    CHECK_OK(with(t, "'metrics':[{'metricLocalId':32767,", GATES, repeated(t, "7", 50), "],", d));
    CHECK_ERR(with(t, "'metrics':[{'metricLocalId':32767,", GATES, repeated(t, "7", 51), "],", d), ERR_LIMIT);
#define EXPERIENCE "{'experienceLocalId':#N,'optionLocations':[]}"
    CHECK_OK(with(t, "'type':'ab'", "'type':'xt','experiences':[", repeated(t, EXPERIENCE, 2000), "]", d));
    CHECK_ERR(with(t, "'type':'ab'", "'type':'xt','experiences':[", repeated(t, EXPERIENCE, 2001), "]", d), ERR_LIMIT);
}

/* Two locations of so many options each, and combinations that are left out. */
static enum err
combined(struct t *t, int left, int right, const char *excluded, struct diag *d)
{
    const char *text = arena_printf(t->arena,
                                    "{'name':'n','type':'mvt','state':'approved','options':[%s],'locations':{'mboxes':["
                                    "{'locationLocalId':0,'name':'a'},{'locationLocalId':1,'name':'b'}]},"
                                    "'locationOptions':[{'locationLocalId':0,'optionLocalIds':[%s]},"
                                    "{'locationLocalId':1,'optionLocalIds':[%s]}],'excludedCombinations':[%s]}",
                                    repeated(t, "{'optionLocalId':#N,'name':'o','offerId':701}", 200),
                                    repeated(t, "#N", left), repeated(t, "#N", right), excluded)
                           .p;

    return decide_check_activity(fixture_json(t, text), &all_known, d);
}

TEST(check_combinations_at_and_past_the_limit)
{
#define PAIR "[{'locationLocalId':0,'optionLocalId':#N},{'locationLocalId':1,'optionLocalId':0}]"
    CHECK_OK(combined(t, 200, 150, "", d));
    CHECK_ERR(combined(t, 200, 151, "", d), ERR_LIMIT);
    CHECK_OK(combined(t, 150, 2, repeated(t, PAIR, 100), d));
    CHECK_ERR(combined(t, 150, 2, repeated(t, PAIR, 101), d), ERR_LIMIT);
}

/* ---- offers ---- */

static void
check_offer_refused(struct t *t, const char *offer, const char *path, const char *what)
{
    CHECK_ERR(decide_check_offer(fixture_json(t, offer), d), ERR_INVALID);
    CHECK_STR(str_of(t_diag.path), str_of(path));
    CHECK_STR(str_of(t_diag.what), str_of(what));
}

TEST(check_offers)
{
    CHECK_OK(decide_check_offer(fixture_json(t, "{'name':'a','type':'content','content':'<p>'}"), d));
    CHECK_OK(decide_check_offer(fixture_json(t, "{'name':'a','content':{'x':1}}"), d));
    CHECK_OK(decide_check_offer(fixture_json(t, "{'name':'a','type':'json','content':null}"), d));
    CHECK_OK(decide_check_offer(fixture_json(t, "{'name':'a','type':'redirect','content':'/b'}"), d));
    CHECK_OK(decide_check_offer(
        fixture_json(t, "{'name':'a','type':'actions','actions':[{'type':'remove','selector':'#a'}]}"), d));
    check_offer_refused(t, "[]", "offer", "offer must be an object, got an array");
    check_offer_refused(t, "{'content':'x'}", "name", "name must be a string, got nothing");
    check_offer_refused(t, "{'name':'a','type':'video','content':'x'}", "type",
                        "type must be content, html, json, redirect, remote or actions");
    check_offer_refused(t, "{'name':'a','type':'content','content':{}}", "content",
                        "content must be a string of HTML, got an object");
    check_offer_refused(t, "{'name':'a','type':'json'}", "content", "content must be any JSON value, got nothing");
    check_offer_refused(t, "{'name':'a','type':'redirect','content':'javascript:alert(1)'}", "content",
                        "content must begin with https://, http:// or /");
    check_offer_refused(t, "{'name':'a','type':'actions'}", "actions", "actions must be a list, got nothing");
    check_offer_refused(t, "{'name':'a','type':'actions','actions':[]}", "actions",
                        "actions must have at least one action");
    check_offer_refused(t, "{'name':'a','type':'actions','actions':[{'type':'explode','selector':'#a'}]}",
                        "actions[0].type", "actions[0].type 'explode' is no visual action");
    check_offer_refused(t, "{'name':'a','type':'actions','actions':[{'type':'remove'}]}", "actions[0].selector",
                        "actions[0].selector must be a string, got nothing");
}

TEST(check_offer_limits)
{
    struct str most, more;
    size_t room = 256 * 1024 - strlen("{\"name\":\"a\",\"content\":\"\"}");

    most = arena_printf(t->arena, "{'name':'a','content':'%0*d'}", (int)room, 1);
    more = arena_printf(t->arena, "{'name':'a','content':'%0*d'}", (int)room + 1, 1);
    CHECK_OK(decide_check_offer(fixture_json(t, most.p), d));
    CHECK_ERR(decide_check_offer(fixture_json(t, more.p), d), ERR_LIMIT);
#define ACTIONS_OFFER(n)                                                                                               \
    arena_printf(t->arena, "{'name':'a','actions':[%s]}", repeated(t, "{'type':'remove','selector':'#a'}", n)).p
    CHECK_OK(decide_check_offer(fixture_json(t, ACTIONS_OFFER(50)), d));
    CHECK_ERR(decide_check_offer(fixture_json(t, ACTIONS_OFFER(51)), d), ERR_LIMIT);
}

TEST(check_audience_name)
{
    CHECK_OK(
        decide_check_audience(fixture_json(t, arena_printf(t->arena, "{'name':'%0255d','targetRule':{}}", 1).p), d));
    CHECK_ERR(
        decide_check_audience(fixture_json(t, arena_printf(t->arena, "{'name':'%0256d','targetRule':{}}", 1).p), d),
        ERR_LIMIT);
}
