/* config_scripts.c - the active profile scripts of a scope, by name: the order in which they run [TARGET 7.3]. */
#include "base/hash.h"
#include "base/limits.h"
#include "config/config_int.h"

static int
by_name(const void *x, const void *y)
{
    return str_cmp(((const struct script_text *)x)->name, ((const struct script_text *)y)->name);
}

enum err
scope_scripts(const struct config_objects *all, struct scope_view *view, struct arena *a, struct diag *d)
{
    const struct config_bucket *b = objects_bucket(all, S("profileScript"), view->scope);
    struct script_text *list = ARENA_ARRAY(a, struct script_text, b ? b->n : 0);
    uint64_t version = 1;
    size_t n = 0;

    if (list == NULL)
        return snapshot_nomem(d);
    for (size_t i = 0; b != NULL && i < b->n && n < LIMIT_SCRIPTS; i++) {
        const struct json *o = b->in_order[i]->json;
        if (json_bool(json_get(o, S("active")), true))
            list[n++] = (struct script_text){json_str(json_get(o, S("name"))), json_str(json_get(o, S("script")))};
    }
    if (n > 1)
        qsort(list, n, sizeof *list, by_name);
    for (size_t i = 0; i < n; i++) {
        list[i].name = arena_str(a, list[i].name);
        list[i].text = arena_str(a, list[i].text);
        if (list[i].name.p == NULL || list[i].text.p == NULL)
            return snapshot_nomem(d);
        version = hash_bytes(list[i].text, hash_bytes(list[i].name, version));
    }
    view->scripts = list;
    view->script_count = n;
    view->scripts_version = version;
    return ERR_OK;
}
