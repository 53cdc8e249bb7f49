/* device.c - see device.h. */
#include "context/device.h"

static const struct {
    const char *begins, *vendor, *marketing_name;
} devices[] = {
    {"iPhone", "Apple", "iPhone"},
    {"iPad", "Apple", "iPad"},
    {"iPod", "Apple", "iPod touch"},
    {"Pixel", "Google", NULL}, /* the model is the name */
    {"Nexus", "Google", NULL},
    {"SM-S92", "Samsung", "Galaxy S24"},
    {"SM-S91", "Samsung", "Galaxy S23"},
    {"SM-S90", "Samsung", "Galaxy S22"},
    {"SM-G99", "Samsung", "Galaxy S21"},
    {"SM-G98", "Samsung", "Galaxy S20"},
    {"SM-G97", "Samsung", "Galaxy S10"},
    {"SM-A54", "Samsung", "Galaxy A54"},
    {"SM-A53", "Samsung", "Galaxy A53"},
    {"SM-A52", "Samsung", "Galaxy A52"},
    {"SM-X7", "Samsung", "Galaxy Tab S8"},
    {"SM-X8", "Samsung", "Galaxy Tab S8"},
    {"SM-X9", "Samsung", "Galaxy Tab S8"},
    {"SM-X2", "Samsung", "Galaxy Tab A8"},
    {"SM-", "Samsung", ""},
    {"GT-", "Samsung", ""},
    {"Redmi", "Xiaomi", NULL},
    {"POCO", "Xiaomi", NULL},
    {"Mi ", "Xiaomi", NULL},
    {"MI ", "Xiaomi", NULL},
    {"moto", "Motorola", NULL},
    {"motorola", "Motorola", NULL},
    {"ONEPLUS", "OnePlus", ""},
    {"OnePlus", "OnePlus", NULL},
    {"HUAWEI", "Huawei", NULL},
    {"HONOR", "Honor", NULL},
    {"Nokia", "Nokia", NULL},
    {"LG-", "LG", ""},
    {"LM-", "LG", ""},
    {"XQ-", "Sony", ""},
    {"Lenovo", "Lenovo", NULL},
    {"KF", "Amazon", "Fire"},
    {"CPH", "OPPO", ""},
    {"RMX", "realme", ""},
    {"V2", "vivo", ""},
    {"vivo", "vivo", NULL},
};

/* "(Linux; Android 13; SM-S911B Build/TP1A)" -> "SM-S911B"; browsers that hide the model say "K". */
static struct str
android_model(struct str s)
{
    ptrdiff_t at = str_find(s, S("Android "));
    size_t n = 0;

    if (at < 0)
        return S_NULL;
    s = str_slice(s, (size_t)at, s.n);
    at = str_find(s, S("; "));
    if (at < 0)
        return S_NULL;
    s = str_slice(s, (size_t)at + 2, s.n);
    while (n < s.n && s.p[n] != ')' && s.p[n] != ';')
        n++;
    s = str_slice(s, 0, n);
    at = str_find(s, S(" Build/"));
    s = at < 0 ? s : str_slice(s, 0, (size_t)at);
    return str_eq(s, S("K")) || str_eq(s, S("Mobile")) || str_eq(s, S("Tablet")) ? S_NULL : s;
}

struct device
device_of(struct str user_agent, struct str hint, const struct user_agent *ua)
{
    struct device d = {.model = hint};

    if (d.model.n == 0)
        d.model = ua->iphone ? S("iPhone") : ua->ipad ? S("iPad") : android_model(user_agent);
    for (size_t i = 0; d.model.n > 0 && i < sizeof(devices) / sizeof(devices[0]); i++) {
        if (!str_starts(d.model, str_of(devices[i].begins)))
            continue;
        d.vendor = str_of(devices[i].vendor);
        d.marketing_name = devices[i].marketing_name != NULL ? str_of(devices[i].marketing_name) : d.model;
        break;
    }
    return d;
}
