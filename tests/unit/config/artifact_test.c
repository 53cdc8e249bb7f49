/* artifact_test.c - kept artifacts: made when asked, made anew when objects change, a bounded number of them. */
#include "base/limits.h"
#include "base/metric.h"
#include "config/artifact.h"
#include "fixture.h"

static const struct artifact *
ask(struct t *t, struct fixture *f, struct artifacts *x, const char *property)
{
    const struct snapshot *s = snapshot_get(f->config);
    const struct artifact *a = NULL;
    struct tenant tenant;
    struct environment environment;
    struct artifact_ask q = {&tenant, &environment, str_of(property), 1000};

    CHECK_TRUE(tenant_by_client(s, S("acme"), &tenant));
    CHECK_TRUE(!tenant_by_client(s, S("nobody"), &tenant) && tenant_by_client(s, S("acme"), &tenant));
    CHECK_TRUE(!tenant_environment(s, tenant.scope, S("moon"), &environment));
    CHECK_TRUE(tenant_environment(s, tenant.scope, S("production"), &environment));
    CHECK_OK(artifacts_get(x, s, &q, &a, d));
    snapshot_put(f->config, s);
    return a;
}

TEST(artifacts_are_kept_until_objects_change)
{
    struct fixture f;
    struct artifacts *x;
    const struct artifact *first, *second, *third;

    fixture_open(t, &f);
    put(t, &f, "org", ORG, "{'id':'" ORG "','name':'a','tenant':'acme','clientCode':'acme'}");
    put(t, &f, "sandbox", "prod", "{'id':'prod','name':'prod','title':'P','type':'production','state':'active'}");
    CHECK_OK(artifacts_new(&x, d));
    first = ask(t, &f, x, "");
    second = ask(t, &f, x, "");
    CHECK_TRUE(first == second);
    put(t, &f, "offer", "701", "{'id':701,'name':'o','type':'content','content':'x'}");
    third = ask(t, &f, x, "");
    CHECK_TRUE(third != first);
    CHECK_STR(((struct str){third->etag, sizeof third->etag}), ((struct str){first->etag, sizeof first->etag}));
    artifacts_put(first);
    artifacts_put(second);
    artifacts_put(third);
    artifacts_free(x);
    fixture_close(&f);
}

TEST(artifacts_that_are_asked_least_recently_leave)
{
    const struct artifact *held, *other;
    struct artifacts *x;
    struct fixture f;
    int64_t made;

    fixture_open(t, &f);
    put(t, &f, "org", ORG, "{'id':'" ORG "','name':'a','tenant':'acme','clientCode':'acme'}");
    put(t, &f, "sandbox", "prod", "{'id':'prod','name':'prod','title':'P','type':'production','state':'active'}");
    CHECK_OK(artifacts_new(&x, d));
    held = ask(t, &f, x, "0");
    for (int i = 1; i < LIMIT_ARTIFACTS; i++)
        artifacts_put(ask(t, &f, x, arena_printf(t->arena, "%d", i).p));
    made = metric_value(M_ARTIFACTS_MADE);
    other = ask(t, &f, x, "0");
    CHECK_TRUE(other == held); /* as many as there may be */
    artifacts_put(other);
    artifacts_put(ask(t, &f, x, "one more"));
    artifacts_put(ask(t, &f, x, "0"));
    CHECK_EQ(metric_value(M_ARTIFACTS_MADE), made + 1);
    artifacts_put(ask(t, &f, x, "1")); /* it left */
    CHECK_EQ(metric_value(M_ARTIFACTS_MADE), made + 2);
    artifacts_put(held);
    artifacts_free(x);
    fixture_close(&f);
}
