/* device.h - maker and model of a phone or tablet [TARGET 4.2, mobile].
 *
 * The model is what a client hint says, else what stands in the user agent of an Android device; Apple's say only
 * "iPhone" or "iPad". Vendor and marketing name come from a table of patterns for the devices that most people have
 * (OURS: a device database would know more); what it does not know is empty. Texts borrow from the inputs or are
 * literals.   Threads  any. */
#ifndef CONTEXT_DEVICE_H
#define CONTEXT_DEVICE_H

#include "context/agent.h"

struct device {
    struct str vendor, model, marketing_name;
};

/* hint: clientHints.model, or empty. */
struct device device_of(struct str user_agent, struct str hint, const struct user_agent *ua);

#endif
