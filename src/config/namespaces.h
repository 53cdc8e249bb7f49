/* namespaces.h - the standard identity namespaces [PLATFORM 4.1]. */
#ifndef CONFIG_NAMESPACES_H
#define CONFIG_NAMESPACES_H

#include "base/str.h"
#include "identity/graph.h"

struct namespace_standard {
    const char *code;
    int id;
    const char *id_type;
    const char *name;
};
extern const struct namespace_standard namespaces_standard[];
extern const size_t namespaces_standard_count;
#define NAMESPACE_CUSTOM_ID_MIN 10000000 /* custom ones count up from here */

/* By code, letter case ignored [PLATFORM B-17]. */
const struct namespace_standard *namespace_standard_find(struct str code);
/* COOKIE, CROSS_DEVICE, ... in any letter case; false: not one of them. */
bool namespace_class_of_type(struct str id_type, enum ns_class *out);
/* "COOKIE, CROSS_DEVICE, DEVICE, ...": for messages. */
extern const char namespace_types[];

#endif
