/* http_encoding.c - may and should this answer be compressed? [RFC 9110 12.5.3] */
#include "http/http_int.h"

/* "q=0", "q=0.0", "q=0.000": refused. */
static bool
is_refused(struct str params)
{
    struct str param;

    while (str_split(&params, ';', &param)) {
        param = str_trim(param);
        if (param.n >= 3 && (param.p[0] == 'q' || param.p[0] == 'Q') && param.p[1] == '=') {
            for (size_t i = 2; i < param.n; i++) {
                if (param.p[i] != '0' && param.p[i] != '.')
                    return false;
            }
            return true;
        }
    }
    return false;
}

bool
http_accepts_gzip(struct str accept_encoding)
{
    bool any = false;
    struct str item;

    while (str_split(&accept_encoding, ',', &item)) {
        struct str params = item, coding;
        if (!str_split(&params, ';', &coding))
            continue;
        coding = str_trim(coding);
        if (str_eq_nocase(coding, S("gzip")) || str_eq_nocase(coding, S("x-gzip")))
            return !is_refused(params);
        if (str_eq(coding, S("*")))
            any = !is_refused(params);
    }
    return any;
}

bool
http_compressible(const char *content_type)
{
    struct str type = str_of(content_type);

    return str_starts(type, S("text/")) || str_find(type, S("json")) >= 0 || str_find(type, S("javascript")) >= 0 ||
           str_find(type, S("xml")) >= 0;
}
