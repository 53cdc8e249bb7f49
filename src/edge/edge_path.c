/* edge_path.c - /{base}[/{hint}][/va]/{version}/{action}  [EDGE 1.1]. An unknown hint is accepted: a stale one must not
 * fail. */
#include "edge/edge_int.h"

static bool
in_list(struct str list, struct str item)
{
    struct str one;

    while (str_split(&list, ',', &one)) {
        if (str_eq(str_trim(one), item))
            return true;
    }
    return false;
}

static bool
is_version(struct str s)
{
    return str_eq(s, S("v1")) || str_eq(s, S("v2"));
}

static bool
is_hint(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return false;
    }
    return s.n > 0 && s.n <= 16;
}

static enum edge_action
action_of(struct str text)
{
    if (str_eq(text, S("interact")))
        return ACTION_INTERACT;
    if (str_eq(text, S("collect")))
        return ACTION_COLLECT;
    if (str_eq(text, S("identity/acquire")))
        return ACTION_ACQUIRE;
    if (str_eq(text, S("privacy/set-consent")))
        return ACTION_SET_CONSENT;
    return ACTION_UNKNOWN;
}

bool
edge_path_read(struct str path, const char *base_paths, struct edge_path *out)
{
    struct edge_path p = {.action = ACTION_UNKNOWN};
    struct str rest = path, segment;
    bool media = false;

    if (!str_starts(path, S("/")))
        return false;
    rest = str_slice(rest, 1, rest.n);
    if (!str_split(&rest, '/', &p.base) || !in_list(str_of(base_paths), p.base))
        return false;
    if (!str_split(&rest, '/', &segment))
        segment = S_NULL;
    if (!is_version(segment) && !str_eq(segment, S("va")) && is_hint(segment)) {
        p.hint = segment;
        if (!str_split(&rest, '/', &segment))
            segment = S_NULL;
    }
    if (str_eq(segment, S("va"))) {
        media = true;
        if (!str_split(&rest, '/', &segment))
            segment = S_NULL;
    }
    if (is_version(segment) && rest.p != NULL) {
        p.version = segment.p[1] == '1' ? 1 : 2;
        if (media && p.version == 1 && rest.n > 0 && str_find_char(rest, '/') < 0) {
            p.action = ACTION_MEDIA;
            p.media_event = rest;
        } else if (!media && p.version == 1) {
            p.action = action_of(rest);
        }
    }
    *out = p;
    return true;
}
