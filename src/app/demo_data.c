/* demo_data.c - see demo_data.h. One generator per kind of row, each with a seed of its own, so that a change to one
 * does not change the others. */
#include "app/demo_data.h"

#include "base/civil.h"
#include "base/rng.h"
#include "codec/sha256.h"

static const char *const first_names[] = {"Ada",   "Noor", "Elin",  "Mateo", "Yuki",   "Amara", "Jonas",
                                          "Priya", "Liam", "Sofia", "Kofi",  "Mei",    "Lucas", "Zara",
                                          "Oskar", "Ines", "Omar",  "Freya", "Thiago", "Hana"};
static const char *const last_names[] = {"Moreno", "Haddad", "Lindqvist", "Okafor", "Tanaka", "Novak",  "Silva",
                                         "Weber",  "Patel",  "Larsen",    "Costa",  "Kim",    "Dubois", "Rossi",
                                         "Mensah", "Berg",   "Ito",       "Khan",   "Meyer",  "Olsen"};
static const char *const cities[][2] = {{"Oslo", "NO"},   {"Bergen", "NO"}, {"Stockholm", "SE"}, {"Berlin", "DE"},
                                        {"Munich", "DE"}, {"Zurich", "CH"}, {"Lyon", "FR"},      {"Madrid", "ES"},
                                        {"Turin", "IT"},  {"Leeds", "GB"}};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct customer {
    unsigned number;
    const char *first, *last;
    char crm_id[24], loyalty_id[24], email[96];
    char email_sha256[64];
};

static void
hex_of(const unsigned char sum[32], char out[64])
{
    static const char hex[] = "0123456789abcdef";

    for (int i = 0; i < 32; i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
}

static struct customer
customer_of(unsigned number)
{
    struct customer c = {.number = number};
    unsigned char sum[32];
    char *p;

    c.first = first_names[(number - 1) % COUNT(first_names)];
    c.last = last_names[(number - 1 + (number - 1) / COUNT(first_names)) % COUNT(last_names)];
    (void)snprintf(c.crm_id, sizeof c.crm_id, "np-%u", 10000 + number);
    (void)snprintf(c.loyalty_id, sizeof c.loyalty_id, "L%u", 500000 + number);
    (void)snprintf(c.email, sizeof c.email, "%s.%s.%u@northpeak.example", c.first, c.last, number);
    for (p = c.email; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    }
    sha256(str_of(c.email), sum);
    hex_of(sum, c.email_sha256);
    return c;
}

void
demo_crm_csv(struct buf *out)
{
    buf_put(out, S("_northpeak.crmId,_northpeak.emailSha256,person.name.firstName,person.name.lastName,"
                   "personalEmail.address,homeAddress.city,homeAddress.countryCode\n"));
    for (unsigned i = 1; i <= DEMO_CUSTOMERS; i++) {
        struct customer c = customer_of(i);
        const char *const *city = cities[i % COUNT(cities)];
        buf_printf(out, "%s,%.64s,%s,%s,%s,%s,%s\n", c.crm_id, c.email_sha256, c.first, c.last, c.email, city[0],
                   city[1]);
    }
}

void
demo_panel_csv(struct buf *out)
{
    buf_put(out, S("crmId,since\n"));
    for (unsigned i = 1; i <= DEMO_CUSTOMERS; i += 16)
        buf_printf(out, "%s,%u-03-01\n", customer_of(i).crm_id, 2020 + i / 16 % 6);
}

static void
loyalty_of(unsigned number, struct rng *r, const char **tier, unsigned *points)
{
    static const char *const tiers[] = {"bronze", "silver", "gold"};
    uint64_t draw = rng_below(r, 100);
    unsigned t = draw < 60 ? 0 : draw < 88 ? 1 : 2;

    *points = (unsigned)(t * 1000 + rng_below(r, 1000));
    if (number <= 3) { /* the three who are known by name */
        static const unsigned known_points[] = {4820, 1290, 310};
        t = 3 - number;
        *points = known_points[number - 1];
    }
    *tier = tiers[t];
}

void
demo_loyalty_json(struct buf *out)
{
    struct rng r;

    rng_seed(&r, 20250101);
    for (unsigned i = 1; i <= DEMO_CUSTOMERS; i++) {
        struct customer c = customer_of(i);
        const char *tier;
        unsigned points;
        loyalty_of(i, &r, &tier, &points);
        buf_printf(out,
                   "{\"_northpeak\":{\"loyaltyId\":\"%s\",\"emailSha256\":\"%.64s\"},"
                   "\"loyalty\":{\"tier\":\"%s\",\"points\":%u,\"program\":\"Northpeak Club\"}}\n",
                   c.loyalty_id, c.email_sha256, tier, points);
    }
}

struct product {
    const char *sku, *name, *category;
    unsigned price;
};

static const struct product products[] = {
    {"NP-TENT-2", "Fjell 2 tent", "tents", 329},    {"NP-TENT-3", "Fjell 3 tent", "tents", 429},
    {"NP-TENT-1", "Skarv solo tent", "tents", 279}, {"NP-PACK-45", "Ridge 45 pack", "packs", 189},
    {"NP-PACK-65", "Ridge 65 pack", "packs", 239},  {"NP-BAG-0", "Tundra 0 sleeping bag", "sleep", 219},
    {"NP-BOOT-M", "Granite boots", "boots", 199},   {"NP-JKT-S", "Squall jacket", "clothing", 259},
    {"NP-STOVE", "Ember stove", "kitchen", 79},
};

static void
write_order(struct buf *out, unsigned number, unsigned order, int64_t ms, const struct product *p, unsigned total)
{
    struct customer c = customer_of(number);
    char when[ISO8601_BYTES];

    iso8601_format(ms, when);
    buf_printf(out,
               "{\"_id\":\"order-%u\",\"timestamp\":\"%.24s\",\"eventType\":\"commerce.purchases\","
               "\"_northpeak\":{\"crmId\":\"%s\",\"emailSha256\":\"%.64s\"},"
               "\"commerce\":{\"purchases\":{\"value\":1},\"order\":{\"purchaseID\":\"O-%u\",\"priceTotal\":%u,"
               "\"currencyCode\":\"EUR\"}},\"productListItems\":[{\"SKU\":\"%s\",\"name\":\"%s\",\"quantity\":1,"
               "\"priceTotal\":%u,\"productCategories\":[{\"categoryID\":\"%s\"}]}]}\n",
               order, when, c.crm_id, c.email_sha256, order, total, p->sku, p->name, total, p->category);
}

void
demo_orders_json(struct buf *out, int64_t now_ms)
{
    int64_t span = 730 * MS_PER_DAY, step = span / DEMO_ORDERS;
    struct rng r;

    rng_seed(&r, 20250202);
    for (unsigned i = 0; i < DEMO_ORDERS; i++) {
        const struct product *p = &products[rng_below(&r, COUNT(products))];
        unsigned number = 4 + (unsigned)rng_below(&r, DEMO_CUSTOMERS - 3);
        int64_t ms = now_ms - span + (int64_t)i * step + (int64_t)rng_below(&r, (uint64_t)step) - MS_PER_HOUR;
        write_order(out, number, i + 1, ms, p, p->price);
    }
    write_order(out, 1, DEMO_ORDERS + 1, now_ms - 75 * MS_PER_DAY, &products[1], 429);
    write_order(out, 1, DEMO_ORDERS + 2, now_ms - 200 * MS_PER_DAY, &products[4], 239);
    write_order(out, 2, DEMO_ORDERS + 3, now_ms - 12 * MS_PER_DAY, &products[0], 329);
    write_order(out, 2, DEMO_ORDERS + 4, now_ms - 20 * MS_PER_DAY, &products[8], 101);
}
