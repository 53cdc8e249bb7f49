/* geo.h - where an address is: a city or country database in MaxMind's format, a data file of the operator.
 *
 * A place is a JSON object {"country","countryCode","state","stateCode","city","zip","latitude","longitude"}, as the
 * delivery API's context.geo with names beside the codes; what is not known is left out. Databases of both layouts are
 * read: nested (country.iso_code, city.names.en) and flat (country_code, city).
 *
 * Ownership  geo_close() frees a database; it is mapped, not read.   Threads  any: it never changes.
 * Cost  about 1.5 us with a city database.   Sources  [TARGET 1.3 step 4, 4.2]. */
#ifndef CONTEXT_GEO_H
#define CONTEXT_GEO_H

#include "base/arena.h"
#include "base/diag.h"
#include "codec/json.h"

struct geo_db;

/* ERR_NOT_FOUND: no such file. ERR_CORRUPT: not a database. ERR_IO, ERR_NOMEM. */
enum err geo_open(const char *path, struct geo_db **out, struct diag *d);
void geo_close(struct geo_db *db);

/* The place of a request: members of `given` (context.geo) win one by one, the rest is what the database says of `ip`;
 * names follow the codes. db, given may be NULL; an ip that is none is nowhere. NULL: nothing is known, or no memory.
 */
const struct json *geo_resolve(const struct geo_db *db, const struct json *given, struct str ip, struct arena *a);

#endif
