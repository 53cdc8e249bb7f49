/* geo_int.h - what the wrapper of the library tells the rest. */
#ifndef CONTEXT_GEO_INT_H
#define CONTEXT_GEO_INT_H

#include "context/geo.h"

/* Texts are borrowed from the database; p NULL: not known. */
struct geo_record {
    struct str country, country_code, state, state_code, city, zip;
    bool has_position;
    double latitude, longitude;
};

/* false: the address is none, or the database does not have it. */
bool geo_record_find(const struct geo_db *db, struct str ip, struct geo_record *out);

#endif
