/* namespaces.c - see namespaces.h. */
#include "config/namespaces.h"

const struct namespace_standard namespaces_standard[] = {
    {"CORE", 0, "COOKIE", "CORE"},
    {"ECID", 4, "COOKIE", "ECID"},
    {"Email", 6, "EMAIL", "Email"},
    {"Phone", 7, "PHONE", "Phone"},
    {"WAID", 8, "DEVICE", "Windows AID"},
    {"TNTID", 9, "COOKIE", "TNTID"},
    {"AAID", 10, "COOKIE", "Adobe Analytics (Legacy ID)"},
    {"Email_LC_SHA256", 11, "EMAIL", "Emails (SHA256, lowercased)"},
    {"Phone_E.164", 14, "PHONE", "Phone (E.164)"},
    {"Phone_SHA256", 15, "PHONE", "Phone (SHA256)"},
    {"Phone_SHA256_E.164", 16, "PHONE", "Phone (SHA256_E.164)"},
    {"AdCloud", 411, "COOKIE", "AdCloud"},
    {"GAID", 20914, "DEVICE", "Google Ad ID"},
    {"IDFA", 20915, "DEVICE", "Apple IDFA"},
    {"FCM", 20919, "DEVICE", "Firebase Cloud Messaging"},
    {"APNS", 20920, "DEVICE", "Apple Push Notification service"},
};
const size_t namespaces_standard_count = sizeof namespaces_standard / sizeof *namespaces_standard;

const char namespace_types[] = "COOKIE, CROSS_DEVICE, DEVICE, EMAIL, MOBILE, NON_PEOPLE, PARTNER, PHONE, B2B_ACCOUNT, "
                               "B2B_CAMPAIGN, B2B_CAMPAIGN_MEMBER, B2B_MARKETING_LIST, B2B_MARKETING_LIST_MEMBER, "
                               "B2B_OPPORTUNITY, B2B_OPPORTUNITY_PERSON";

const struct namespace_standard *
namespace_standard_find(struct str code)
{
    for (size_t i = 0; i < namespaces_standard_count; i++) {
        if (str_eq_nocase(code, str_of(namespaces_standard[i].code)))
            return &namespaces_standard[i];
    }
    return NULL;
}

bool
namespace_class_of_type(struct str id_type, enum ns_class *out)
{
    static const struct {
        const char *type;
        enum ns_class class;
    } types[] = {
        {"COOKIE", NS_COOKIE},
        {"DEVICE", NS_DEVICE},
        {"CROSS_DEVICE", NS_PERSON},
        {"EMAIL", NS_PERSON},
        {"PHONE", NS_PERSON},
        {"MOBILE", NS_PERSON},
        {"PARTNER", NS_PARTNER},
        {"NON_PEOPLE", NS_NON_PEOPLE},
        {"B2B_ACCOUNT", NS_NON_PEOPLE},
        {"B2B_CAMPAIGN", NS_NON_PEOPLE},
        {"B2B_CAMPAIGN_MEMBER", NS_NON_PEOPLE},
        {"B2B_MARKETING_LIST", NS_NON_PEOPLE},
        {"B2B_MARKETING_LIST_MEMBER", NS_NON_PEOPLE},
        {"B2B_OPPORTUNITY", NS_NON_PEOPLE},
        {"B2B_OPPORTUNITY_PERSON", NS_NON_PEOPLE},
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (str_eq_nocase(id_type, str_of(types[i].type))) {
            *out = types[i].class;
            return true;
        }
    }
    return false;
}
