/* optout.c - see optout.h. */
#include "model/optout.h"

bool
opted_out(const struct json *attributes)
{
    struct json_iter it = json_iter(json_get(attributes, S(OPTOUT_PATH)));

    while (json_next(&it)) {
        struct str type = json_str(json_get(it.value, S("optOutType"))),
                   value = json_str(json_get(it.value, S("optOutValue")));
        if (str_eq(type, S("general_opt_out")) && (str_eq(value, S("out")) || str_eq(value, S("pending"))))
            return true;
    }
    return false;
}
