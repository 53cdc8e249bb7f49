/* demo_load_destinations.c - see demo_load.h: the datastream, and the destinations that edges tell pages of. */
#include "app/demo_load.h"
#include "codec/json_writer.h"

#define TARGET_SPEC "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b201"
#define CUSTOM_SPEC "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b202"

static enum err
ensure_datastream(struct demo_load *l, struct str *id)
{
    return demo_ensure(
        l, S("/edgewise/datastreams"), S("/edgewise/datastreams"), S("Northpeak web"),
        arena_printf(&l->rest.arena,
                     "{\"name\":\"Northpeak web\",\"enabled\":true,\"sandboxName\":\"%.*s\",\"settings\":"
                     "{\"firstPartyIdCookie\":\"FPID\"},\"services\":{\"com_adobe_experience_platform\":{"
                     "\"enabled\":true,\"datasets\":{\"event\":{\"datasetId\":\"%.*s\"},\"profile\":"
                     "{\"datasetId\":\"%.*s\"}},\"com_adobe_edge_segmentation\":{\"enabled\":true},"
                     "\"com_adobe_edge_destinations\":{\"enabled\":true}},\"com_adobe_target\":"
                     "{\"enabled\":true}}}",
                     STR_ARG(l->rest.credentials.sandbox), STR_ARG(l->datasets[DEMO_SET_WEB]),
                     STR_ARG(l->datasets[DEMO_SET_CRM])),
        id);
}

static void
write_selectors(struct demo_load *l, struct jw *w, bool with_attributes)
{
    static const char *const attributes[] = {"person.name.firstName", "loyalty.tier", "loyalty.points"};

    jw_key(w, S("transformations"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("name"), S("GeneralTransform"));
    jw_key(w, S("params"));
    jw_object(w);
    jw_key(w, S("segmentSelectors"));
    jw_object(w);
    jw_key(w, S("selectors"));
    jw_array(w);
    for (enum demo_audience i = 0; i < DEMO_PAGE_AUDIENCES; i++)
        jw_raw(w, arena_printf(&l->rest.arena,
                               "{\"type\":\"PLATFORM_SEGMENT\",\"value\":{\"id\":\"%.*s\",\"name\":\"%s\"}}",
                               STR_ARG(l->audiences[i]), demo_audience_name(i)));
    jw_end(w);
    jw_end(w);
    jw_key(w, S("profileSelectors"));
    jw_object(w);
    jw_key(w, S("selectors"));
    jw_array(w);
    for (size_t i = 0; with_attributes && i < sizeof attributes / sizeof attributes[0]; i++)
        jw_raw(w, arena_printf(&l->rest.arena,
                               "{\"type\":\"JSON_PATH\",\"value\":{\"path\":\"%s\",\"operator\":\"EXISTS\"}}",
                               attributes[i]));
    jw_end(w);
    jw_end(w);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

/* connection, source connection, target connection, flow: the four objects of a destination [PLATFORM 7.2]. */
static enum err
ensure_destination(struct demo_load *l, struct str name, const char *spec, struct str datastream, bool with_attributes)
{
    const char *base = "/data/foundation/flowservice";
    struct str connection = S_NULL, source = S_NULL, target = S_NULL,
               list = arena_printf(&l->rest.arena, "%s/flows", base), body;
    const struct json *flows = NULL;
    struct buf text;
    struct jw w;
    enum err rc = demo_get(l, list, &flows);

    if (rc != ERR_OK || demo_named(flows, name) != NULL)
        return rc;
    body = arena_printf(&l->rest.arena, "{\"name\":\"%.*s\",\"connectionSpec\":{\"id\":\"%s\",\"version\":\"1.0\"}}",
                        STR_ARG(name), spec);
    rc = demo_ensure(l, arena_printf(&l->rest.arena, "%s/connections", base),
                     arena_printf(&l->rest.arena, "%s/connections", base), name, body, &connection);
    body = arena_printf(&l->rest.arena,
                        "{\"name\":\"%.*s\",\"connectionSpec\":{\"id\":\"8a9c3494-9708-43d7-ae3f-cda01e5030e1\","
                        "\"version\":\"1.0\"}}",
                        STR_ARG(name));
    if (rc == ERR_OK)
        rc = demo_ensure(l, arena_printf(&l->rest.arena, "%s/sourceConnections", base),
                         arena_printf(&l->rest.arena, "%s/sourceConnections", base), name, body, &source);
    body =
        arena_printf(&l->rest.arena,
                     "{\"name\":\"%.*s\",\"baseConnectionId\":\"%.*s\",\"connectionSpec\":{\"id\":\"%s\",\"version\":"
                     "\"1.0\"},\"params\":{\"datastreamId\":\"%.*s\",\"integrationAlias\":\"northpeak-web\"}}",
                     STR_ARG(name), STR_ARG(connection), spec, STR_ARG(datastream));
    if (rc == ERR_OK)
        rc = demo_ensure(l, arena_printf(&l->rest.arena, "%s/targetConnections", base),
                         arena_printf(&l->rest.arena, "%s/targetConnections", base), name, body, &target);
    if (rc != ERR_OK)
        return rc;
    buf_init(&text, 64 * 1024);
    w = jw_to(&text);
    jw_object(&w);
    jw_kstr(&w, S("name"), name);
    jw_kraw(&w, S("sourceConnectionIds"), arena_printf(&l->rest.arena, "[\"%.*s\"]", STR_ARG(source)));
    jw_kraw(&w, S("targetConnectionIds"), arena_printf(&l->rest.arena, "[\"%.*s\"]", STR_ARG(target)));
    write_selectors(l, &w, with_attributes);
    jw_end(&w);
    rc = demo_post(l, list, buf_str(&text), NULL);
    buf_deinit(&text);
    return rc;
}

enum err
demo_ensure_destinations(struct demo_load *l)
{
    struct str datastream = S_NULL;
    enum err rc = ensure_datastream(l, &datastream);

    if (rc == ERR_OK)
        rc = ensure_destination(l, S("Northpeak Target"), TARGET_SPEC, datastream, true);
    if (rc == ERR_OK)
        rc = ensure_destination(l, S("Northpeak page audiences"), CUSTOM_SPEC, datastream, false);
    return rc;
}
