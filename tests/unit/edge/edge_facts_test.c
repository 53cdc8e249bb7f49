/* What a hit keeps of a decision beside the request, at and past each limit. */
#include "base/limits.h"
#include "edge/edge_facts.h"
#include "t.h"

static bool
always(void *ctx, struct str id)
{
    (void)ctx;
    (void)id;
    return true;
}

static const struct json *
written(struct t *t, struct edge_facts_source *src)
{
    const struct json *out = NULL;
    struct str text;

    src->in_audience = always;
    text = edge_facts_write(src, t->arena);
    CHECK_TRUE(text.n > 0);
    CHECK_OK(json_parse(text, t->arena, &out, d));
    return out;
}

TEST(facts_say_only_what_there_is)
{
    struct edge_facts facts = {0};
    struct edge_doc person = {0};
    struct edge_facts_source src = {.facts = &facts, .config = 7, .person = &person, .in_audience = always};

    CHECK_STR(edge_facts_write(&src, t->arena), S("{\"config\":7}"));
    src.before_ms = 5;
    edge_facts_header(&facts, S("X-Group"), S("beta"));
    edge_facts_header(&facts, S("x-group"), S("twice")); /* it was asked for already */
    edge_facts_header(&facts, S("x-none"), S_NULL);
    CHECK_STR(edge_facts_write(&src, t->arena),
              S("{\"config\":7,\"before\":5,\"headers\":{\"X-Group\":\"beta\",\"x-none\":null}}"));
}

TEST(facts_headers_at_and_past_the_limit)
{
    struct edge_facts facts = {0};
    struct edge_doc person = {0};
    struct edge_facts_source src = {.facts = &facts, .person = &person};

    for (int i = 0; i < LIMIT_ASKED_HEADERS + 1; i++)
        edge_facts_header(&facts, arena_printf(t->arena, "h%d", i), S("v"));
    CHECK_EQ(json_count(json_get(written(t, &src), S("headers"))), LIMIT_ASKED_HEADERS);
    facts.header_count = 0;
    edge_facts_header(&facts, S("a"), arena_printf(t->arena, "%*s", LIMIT_ASKED_ATTRIBUTE_BYTES, "x"));
    edge_facts_header(&facts, S("b"), S("y")); /* there is no room left */
    CHECK_EQ(json_count(json_get(written(t, &src), S("headers"))), 1);
    facts.headers[0].value.n++;
    facts.header_count = 1;
    facts.headers[0].value = arena_printf(t->arena, "%*s", LIMIT_ASKED_ATTRIBUTE_BYTES + 1, "x");
    CHECK_EQ(json_count(json_get(written(t, &src), S("headers"))), 0);
}

TEST(facts_audiences_at_and_past_the_limit)
{
    struct projected_membership m[LIMIT_ASKED_AUDIENCES + 1];
    struct edge_facts facts = {0};
    struct edge_doc person = {.memberships = m, .membership_count = LIMIT_ASKED_AUDIENCES};
    struct edge_facts_source src = {.facts = &facts, .person = &person};

    for (int i = 0; i <= LIMIT_ASKED_AUDIENCES; i++)
        m[i] = (struct projected_membership){.audience = arena_printf(t->arena, "a%d", i), .member = true};
    CHECK_EQ(json_count(json_get(written(t, &src), S("audiences"))), LIMIT_ASKED_AUDIENCES);
    person.membership_count++;
    CHECK_TRUE(json_is(json_get(written(t, &src), S("audiences")), JSON_BOOL));
}

TEST(facts_attributes_at_and_past_the_limit)
{
    struct edge_facts facts = {0};
    struct edge_doc person = {0};
    struct edge_facts_source src = {.facts = &facts, .person = &person};

    person.attributes = arena_printf(t->arena, "{\"a\":\"%*s\"}", LIMIT_ASKED_ATTRIBUTE_BYTES - 8, "x");
    CHECK_EQ(person.attributes.n, LIMIT_ASKED_ATTRIBUTE_BYTES);
    CHECK_TRUE(json_is(json_get(written(t, &src), S("attributes")), JSON_OBJECT));
    person.attributes = arena_printf(t->arena, "{\"a\":\"%*s\"}", LIMIT_ASKED_ATTRIBUTE_BYTES - 7, "x");
    CHECK_TRUE(json_is(json_get(written(t, &src), S("attributes")), JSON_BOOL));
}

TEST(facts_script_steps_at_and_past_the_limit)
{
    struct edge_facts facts = {0};
    struct edge_doc person = {0};
    struct buf steps;
    struct edge_facts_source src = {.facts = &facts, .person = &person, .script_steps = &steps};

    buf_init_in(&steps, t->arena, LIMIT_ASKED_SCRIPT_BYTES);
    CHECK_TRUE(json_get(written(t, &src), S("scripts")) == NULL);
    buf_printf(&steps, "[1,\"n\",\"%*s\"]", LIMIT_ASKED_SCRIPT_BYTES - 10, "x");
    CHECK_EQ(steps.n, LIMIT_ASKED_SCRIPT_BYTES);
    CHECK_EQ(json_count(json_get(written(t, &src), S("scripts"))), 1);
    buf_putc(&steps, ' ');
    CHECK_TRUE(json_is(json_get(written(t, &src), S("scripts")), JSON_BOOL));
}
