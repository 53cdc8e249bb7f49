/* json_merge.c - members of the lower object keep their places, new ones follow. */
#include "codec/json_merge.h"

void
json_merge_write(struct jw *w, const struct json *over, const struct json *under, bool null_deletes)
{
    struct json_iter it;

    jw_object(w);
    for (it = json_iter(under); json_next(&it);) {
        const struct json *upper = json_get(over, it.key);
        if (upper == NULL) {
            jw_kjson(w, it.key, it.value);
        } else if (json_is(upper, JSON_OBJECT) && json_is(it.value, JSON_OBJECT)) {
            jw_key(w, it.key);
            json_merge_write(w, upper, it.value, null_deletes);
        } else if (!null_deletes || !json_is(upper, JSON_NULL)) {
            jw_kjson(w, it.key, upper);
        }
    }
    for (it = json_iter(over); json_next(&it);) {
        if (json_get(under, it.key) != NULL || (null_deletes && json_is(it.value, JSON_NULL)))
            continue;
        jw_key(w, it.key);
        if (null_deletes && json_is(it.value, JSON_OBJECT))
            json_merge_write(w, it.value, NULL, true);
        else
            jw_json(w, it.value);
    }
    jw_end(w);
}
