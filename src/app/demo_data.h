/* demo_data.h - the customers, loyalty accounts and orders of the Northpeak shop, made from a seed: the same every
 * time.
 *
 * Customer i (1 .. DEMO_CUSTOMERS) has CRM id "np-<10000 + i>", loyalty id "L<500000 + i>" and e-mail
 * "<first>.<last>.<i>@northpeak.example". Three customers are known by name and used by the tests and the shop's
 * sign-in page:
 *
 *   np-10001  Ada Moreno      gold, 4,820 points, last order 75 days ago
 *   np-10002  Noor Haddad     silver, 1,290 points, last order 12 days ago, 430 spent in the last 30 days
 *   np-10003  Elin Lindqvist  bronze, 310 points, no order yet */
#ifndef APP_DEMO_DATA_H
#define APP_DEMO_DATA_H

#include "base/buf.h"

#define DEMO_CUSTOMERS 10000
#define DEMO_ORDERS 24000

/* CSV with a header row of dotted schema paths. */
void demo_crm_csv(struct buf *out);
/* CSV with a header row: every sixteenth customer, Ada among them, tests what is new. */
void demo_panel_csv(struct buf *out);
/* JSON lines. */
void demo_loyalty_json(struct buf *out);
/* JSON lines of two years of orders before now_ms, in time order. */
void demo_orders_json(struct buf *out, int64_t now_ms);

#endif
