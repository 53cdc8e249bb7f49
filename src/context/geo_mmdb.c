/* geo_mmdb.c - the only file that sees libmaxminddb. The library maps the database by itself, at start; nothing is read
 * from disk by anybody else's door. */
#include <arpa/inet.h>
#include <maxminddb.h>
#include <stdlib.h>

#include "context/geo_int.h"

struct geo_db {
    MMDB_s mmdb;
};

static enum err
code_of(int status)
{
    switch (status) {
    case MMDB_FILE_OPEN_ERROR:
        return ERR_NOT_FOUND;
    case MMDB_IO_ERROR:
        return ERR_IO;
    case MMDB_OUT_OF_MEMORY_ERROR:
        return ERR_NOMEM;
    default:
        return ERR_CORRUPT;
    }
}

enum err
geo_open(const char *path, struct geo_db **out, struct diag *d)
{
    struct geo_db *db = malloc(sizeof(*db));
    int status;

    if (db == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the geo database");
    status = MMDB_open(path, MMDB_MODE_MMAP, &db->mmdb);
    if (status != MMDB_SUCCESS) {
        free(db);
        return diag_set(d, code_of(status), "geo database '%s': %s", path, MMDB_strerror(status));
    }
    *out = db;
    return ERR_OK;
}

void
geo_close(struct geo_db *db)
{
    if (db != NULL)
        MMDB_close(&db->mmdb);
    free(db);
}

static bool
address_of(struct str ip, struct sockaddr_storage *out)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    if (ip.n == 0 || ip.n >= sizeof(text))
        return false;
    memcpy(text, ip.p, ip.n);
    text[ip.n] = '\0';
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        return true;
    }
    v6->sin6_family = AF_INET6;
    return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

static bool
member(MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *out)
{
    return MMDB_aget_value(entry, out, path) == MMDB_SUCCESS && out->has_data;
}

/* The text of the first path that has one. */
static struct str
text_at(MMDB_entry_s *entry, const char *const *nested, const char *const *flat)
{
    MMDB_entry_data_s data;

    if ((member(entry, nested, &data) || member(entry, flat, &data)) && data.type == MMDB_DATA_TYPE_UTF8_STRING &&
        data.data_size > 0)
        return (struct str){data.utf8_string, data.data_size};
    return S_NULL;
}

static bool
number_at(MMDB_entry_s *entry, const char *const *nested, const char *const *flat, double *out)
{
    MMDB_entry_data_s data;

    if (!member(entry, nested, &data) && !member(entry, flat, &data))
        return false;
    if (data.type != MMDB_DATA_TYPE_DOUBLE && data.type != MMDB_DATA_TYPE_FLOAT)
        return false;
    *out = data.type == MMDB_DATA_TYPE_DOUBLE ? data.double_value : (double)data.float_value;
    return true;
}

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

bool
geo_record_find(const struct geo_db *db, struct str ip, struct geo_record *out)
{
    struct sockaddr_storage address;
    MMDB_lookup_result_s found;
    MMDB_entry_s *entry = &found.entry;
    int status = MMDB_SUCCESS;

    if (!address_of(ip, &address))
        return false;
    found = MMDB_lookup_sockaddr(&db->mmdb, (const struct sockaddr *)&address, &status);
    if (status != MMDB_SUCCESS || !found.found_entry)
        return false;
    *out = (struct geo_record){
        .country = text_at(entry, PATH("country", "names", "en"), PATH("country")),
        .country_code = text_at(entry, PATH("country", "iso_code"), PATH("country_code")),
        .state = text_at(entry, PATH("subdivisions", "0", "names", "en"), PATH("state1")),
        .state_code = text_at(entry, PATH("subdivisions", "0", "iso_code"), PATH("state_code")),
        .city = text_at(entry, PATH("city", "names", "en"), PATH("city")),
        .zip = text_at(entry, PATH("postal", "code"), PATH("postcode")),
    };
    out->has_position = number_at(entry, PATH("location", "latitude"), PATH("latitude"), &out->latitude) &&
                        number_at(entry, PATH("location", "longitude"), PATH("longitude"), &out->longitude);
    return true;
}
