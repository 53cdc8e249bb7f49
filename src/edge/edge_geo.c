/* edge_geo.c - where a visitor is: said, remembered of the session, or looked up [TARGET 1.3 step 4]. */
#include "codec/json_writer.h"
#include "edge/edge_int.h"
#include "edge/edge_visitor.h"

static void
put_members(struct jw *w, const struct json *from, const struct json *unless)
{
    struct json_iter it = json_iter(json_is(from, JSON_OBJECT) ? from : NULL);

    while (json_next(&it)) {
        if (json_get(unless, it.key) == NULL && !json_is(it.value, JSON_NULL))
            jw_kjson(w, it.key, it.value);
    }
}

const struct json *
edge_geo(const struct edge *e, const struct visitor *v, const struct json *said, struct str client_ip, struct arena *a)
{
    const struct json *session = NULL, *given = NULL;
    struct str ip = json_str(json_get(said, S("ipAddress")));
    struct buf b;
    struct jw w;

    if (v->geo.n == 0)
        return e->o.geo == NULL && said == NULL ? NULL : geo_resolve(e->o.geo, said, ip.n > 0 ? ip : client_ip, a);
    (void)json_parse(v->geo, a, &session, NULL); /* unreadable: none */
    if (said == NULL)
        return session;
    buf_init_in(&b, a, 4096);
    w = jw_to(&b);
    jw_object(&w);
    put_members(&w, said, NULL);
    put_members(&w, session, said);
    jw_end(&w);
    if (!buf_ok(&b) || json_parse(buf_str(&b), a, &given, NULL) != ERR_OK)
        return NULL;
    return geo_resolve(NULL, given, ip, a); /* names beside the codes that were said */
}
