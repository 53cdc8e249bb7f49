/* visitor_pack.c - a visitor's bytes, docs/formats/visitor.md. Offsets are written as differences, and activities and
 * experiences as texts: a visitor in ten activities takes about half a kilobyte. */
#include "visitor/visitor_int.h"

#include "base/buf.h"
#include "codec/pack.h"

#define VISITOR_VERSION 2 /* 1, which knows of no pages, is read */

enum { FLAG_NAMED = 1 };
enum { BIT_ENTERED = 1, BIT_CLOSED = 2, BIT_BARRED = 4, BIT_UNTRACKED = 8 };

/* ---- writing ---- */

static void
write_attribute(struct buf *out, const struct visitor_attribute *x)
{
    pack_str(out, x->name);
    pack_str(out, x->json);
    pack_i64(out, x->modified_ms);
}

static void
write_membership(struct buf *out, const struct visitor_membership *m)
{
    pack_str(out, m->activity);
    pack_str(out, m->experience);
    pack_u64(out, (m->entered ? BIT_ENTERED : 0u) | (m->closed ? BIT_CLOSED : 0u) | (m->barred ? BIT_BARRED : 0u) |
                      (m->untracked ? BIT_UNTRACKED : 0u));
    pack_i64(out, m->entered_ms);
    pack_fixed64(out, m->session);
    pack_u64(out, m->visits);
    pack_u64(out, m->impressions);
    pack_u64(out, m->restart);
    pack_u64(out, m->arm);
    pack_str(out, m->algorithm);
    pack_f64(out, m->spent);
    pack_u64(out, m->conversion_count);
    for (size_t i = 0; i < m->conversion_count; i++) {
        pack_u64(out, m->conversions[i].metric);
        pack_u64(out, m->conversions[i].count);
        pack_fixed64(out, m->conversions[i].session);
        pack_u64(out, m->conversions[i].page);
    }
    pack_u64(out, m->seen_count);
    for (size_t i = 0; i < m->seen_count; i++)
        pack_str(out, m->seen[i]);
}

static uint32_t
impressions_kept(const struct visitor *v)
{
    return v->impression_count < LIMIT_VISITOR_IMPRESSIONS ? v->impression_count : LIMIT_VISITOR_IMPRESSIONS;
}

static void
write_session(struct buf *out, const struct visitor *v)
{
    pack_fixed64(out, v->session);
    pack_i64(out, v->session_ms);
    pack_u64(out, v->session_pages);
    pack_fixed64(out, v->page);
    pack_u64(out, v->page_number);
    pack_str(out, v->landing_url);
    if (v->landing_referrer.p != NULL) {
        pack_u64(out, v->landing_referrer.n + 1);
        buf_put(out, v->landing_referrer);
    } else {
        pack_u64(out, 0);
    }
    pack_str(out, v->geo);
    pack_u64(out, v->impression_count);
    for (uint32_t i = 0; i < impressions_kept(v); i++)
        pack_fixed64(out, v->impressions[i]);
}

static void
write_applied(struct buf *out, const struct visitor *v)
{
    uint64_t at = v->applied_floor;

    pack_u64(out, v->applied_floor);
    pack_u64(out, v->applied_count);
    for (size_t i = 0; i < v->applied_count; i++) {
        pack_u64(out, v->applied[i] - at);
        at = v->applied[i];
    }
}

void
visitor_write(struct buf *out, const struct visitor *v)
{
    pack_u64(out, VISITOR_VERSION);
    pack_u64(out, v->named ? FLAG_NAMED : 0);
    pack_str(out, v->tnt_id);
    pack_str(out, v->third_party_id);
    pack_str(out, v->ecid);
    pack_i64(out, v->first_ms);
    pack_i64(out, v->last_ms);
    pack_i64(out, v->before_ms);
    pack_u64(out, v->sessions);
    pack_i64(out, v->gaps_ms);
    write_session(out, v);
    pack_u64(out, v->attribute_count);
    for (size_t i = 0; i < v->attribute_count; i++)
        write_attribute(out, &v->attributes[i]);
    pack_u64(out, v->membership_count);
    for (size_t i = 0; i < v->membership_count; i++)
        write_membership(out, &v->memberships[i]);
    pack_u64(out, v->category_count);
    for (size_t i = 0; i < v->category_count; i++) {
        pack_str(out, v->categories[i].name);
        pack_f64(out, v->categories[i].score);
    }
    write_applied(out, v);
}

/* ---- reading ---- */

/* No clock says a time before 1970 or one that does not fit into a double: sums of those that are read cannot overflow.
 */
static int64_t
unpack_ms(struct unpack *u)
{
    int64_t ms = unpack_i64(u);

    if (ms < 0 || ms > (int64_t)1 << 53) {
        u->bad = true;
        return 0;
    }
    return ms;
}

/* A count cannot exceed the bytes that are left: a corrupt one must not allocate. */
static size_t
unpack_count(struct unpack *u, size_t max)
{
    uint64_t n = unpack_u64(u);

    if (n > unpack_left(u) || n > max) {
        u->bad = true;
        return 0;
    }
    return (size_t)n;
}

static bool
read_conversions(struct unpack *u, bool pages, struct arena *a, struct visitor_membership *m)
{
    size_t n = unpack_count(u, SIZE_MAX);

    if (n > 0 && (m->conversions = ARENA_ARRAY(a, struct visitor_conversion, n)) == NULL)
        return false;
    for (; m->conversion_count < n; m->conversion_count++) {
        struct visitor_conversion *c = &m->conversions[m->conversion_count];
        c->metric = (uint32_t)unpack_u64(u);
        c->count = (uint32_t)unpack_u64(u);
        c->session = unpack_fixed64(u);
        c->page = pages ? (uint32_t)unpack_u64(u) : 0;
    }
    n = unpack_count(u, SIZE_MAX);
    if (n > 0 && (m->seen = ARENA_ARRAY(a, struct str, n)) == NULL)
        return false;
    for (; m->seen_count < n; m->seen_count++)
        m->seen[m->seen_count] = unpack_str(u);
    return true;
}

static bool
read_membership(struct unpack *u, bool pages, struct arena *a, struct visitor_membership *m)
{
    uint64_t bits, restart, arm;

    m->activity = unpack_str(u);
    m->order = str_order(m->activity);
    m->experience = unpack_str(u);
    bits = unpack_u64(u);
    m->entered = bits & BIT_ENTERED;
    m->closed = bits & BIT_CLOSED;
    m->barred = bits & BIT_BARRED;
    m->untracked = bits & BIT_UNTRACKED;
    m->entered_ms = unpack_ms(u);
    m->session = unpack_fixed64(u);
    m->visits = (uint32_t)unpack_u64(u);
    m->impressions = (uint32_t)unpack_u64(u);
    restart = unpack_u64(u);
    arm = unpack_u64(u);
    m->restart = (enum hit_action)(restart < ACTION__COUNT ? restart : 0);
    m->arm = (enum hit_arm)(arm <= ARM_TARGETED ? arm : 0);
    m->algorithm = unpack_str(u);
    m->spent = unpack_f64(u);
    return read_conversions(u, pages, a, m);
}

/* A text with its length given before. */
static struct str
unpack_bytes(struct unpack *u, uint64_t n)
{
    struct str s = {(const char *)u->p, (size_t)n};

    if (u->bad || n > unpack_left(u)) {
        u->bad = true;
        return S_NULL;
    }
    u->p += n;
    return s;
}

static void
read_session(struct unpack *u, bool pages, struct visitor *v)
{
    uint64_t n;

    v->session = unpack_fixed64(u);
    v->session_ms = unpack_ms(u);
    v->session_pages = (uint32_t)unpack_u64(u);
    v->page = pages ? unpack_fixed64(u) : 0;
    v->page_number = pages ? (uint32_t)unpack_u64(u) : 0;
    v->landing_url = unpack_str(u);
    n = unpack_u64(u);
    if (n > 0)
        v->landing_referrer = unpack_bytes(u, n - 1);
    v->geo = unpack_str(u);
    v->impression_count = (uint32_t)unpack_u64(u);
    for (uint32_t i = 0; i < impressions_kept(v); i++)
        v->impressions[i] = unpack_fixed64(u);
}

/* Sorted, or damage: they are found by halving. */
static enum err
read_lists(struct unpack *u, bool pages, struct arena *a, struct visitor *v, struct diag *d)
{
    v->attribute_room = v->attribute_count = unpack_count(u, SIZE_MAX);
    v->attributes = ARENA_ARRAY(a, struct visitor_attribute, v->attribute_count + 1);
    if (v->attributes == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a visitor");
    for (size_t i = 0; i < v->attribute_count; i++) {
        v->attributes[i].name = unpack_str(u);
        v->attributes[i].order = str_order(v->attributes[i].name);
        v->attributes[i].json = unpack_str(u);
        v->attributes[i].modified_ms = unpack_ms(u);
        u->bad = u->bad || (i > 0 && str_cmp(v->attributes[i - 1].name, v->attributes[i].name) >= 0);
    }
    v->membership_room = v->membership_count = unpack_count(u, LIMIT_VISITOR_MEMBERSHIPS);
    v->memberships = ARENA_ARRAY(a, struct visitor_membership, v->membership_count + 1);
    if (v->memberships == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a visitor");
    for (size_t i = 0; i < v->membership_count && !u->bad; i++) {
        if (!read_membership(u, pages, a, &v->memberships[i]))
            return diag_set(d, ERR_NOMEM, "no memory for a visitor");
        u->bad = u->bad || (i > 0 && str_cmp(v->memberships[i - 1].activity, v->memberships[i].activity) >= 0);
    }
    v->category_count = unpack_count(u, sizeof v->categories / sizeof v->categories[0]);
    for (size_t i = 0; i < v->category_count; i++) {
        v->categories[i].name = unpack_str(u);
        v->categories[i].score = unpack_f64(u);
    }
    return ERR_OK;
}

static void
read_applied(struct unpack *u, struct visitor *v)
{
    uint64_t at = v->applied_floor = unpack_u64(u);

    v->applied_count = unpack_count(u, LIMIT_VISITOR_APPLIED);
    for (size_t i = 0; i < v->applied_count; i++)
        v->applied[i] = at += unpack_u64(u);
}

enum err
visitor_read(struct str bytes, struct arena *a, struct visitor *out, struct diag *d)
{
    struct unpack u = unpack_from(bytes);
    uint64_t version;
    enum err rc;

    visitor_init(out, a);
    if (bytes.n == 0)
        return ERR_OK;
    version = unpack_u64(&u);
    if (version == 0 || version > VISITOR_VERSION)
        return diag_set(d, ERR_CORRUPT, "visitor has version %llu, expected at most %d", (unsigned long long)version,
                        VISITOR_VERSION);
    out->known = true;
    out->named = unpack_u64(&u) & FLAG_NAMED;
    out->tnt_id = unpack_str(&u);
    out->third_party_id = unpack_str(&u);
    out->ecid = unpack_str(&u);
    out->first_ms = unpack_ms(&u);
    out->last_ms = unpack_ms(&u);
    out->before_ms = unpack_ms(&u);
    out->sessions = (uint32_t)unpack_u64(&u);
    out->gaps_ms = unpack_ms(&u);
    read_session(&u, version > 1, out);
    rc = read_lists(&u, version > 1, a, out, d);
    if (rc != ERR_OK)
        return rc;
    read_applied(&u, out);
    if (u.bad || unpack_left(&u) != 0)
        return diag_set(d, ERR_CORRUPT, "visitor of %zu bytes does not read to its end", bytes.n);
    return ERR_OK;
}

/* ---- fitting ---- */

static size_t
written_bytes(const struct visitor *v)
{
    struct buf b;
    size_t n;

    buf_init(&b, SIZE_MAX / 2);
    visitor_write(&b, v);
    n = buf_ok(&b) ? b.n : SIZE_MAX;
    buf_deinit(&b);
    return n;
}

static size_t
oldest_attribute(const struct visitor *v)
{
    size_t oldest = 0;

    for (size_t i = 1; i < v->attribute_count; i++) {
        if (v->attributes[i].modified_ms < v->attributes[oldest].modified_ms)
            oldest = i;
    }
    return oldest;
}

static size_t
membership_bytes(const struct visitor_membership *m)
{
    struct buf b;
    size_t n;

    buf_init(&b, SIZE_MAX / 2);
    write_membership(&b, m);
    n = b.n;
    buf_deinit(&b);
    return n;
}

static size_t
attribute_bytes(const struct visitor_attribute *x)
{
    struct buf b;
    size_t n;

    buf_init(&b, SIZE_MAX / 2);
    write_attribute(&b, x);
    n = b.n;
    buf_deinit(&b);
    return n;
}

void
visitor_fit(struct visitor *v, size_t bytes_max)
{
    size_t bytes = written_bytes(v);

    while (bytes > bytes_max && v->membership_count > 0) {
        size_t i = visitor_oldest_membership(v), gone = membership_bytes(&v->memberships[i]);
        visitor_drop_membership(v, i);
        bytes -= gone < bytes ? gone : bytes;
    }
    while (bytes > bytes_max && v->attribute_count > 0) {
        size_t i = oldest_attribute(v), gone = attribute_bytes(&v->attributes[i]);
        v->attribute_count--;
        memmove(&v->attributes[i], &v->attributes[i + 1], (v->attribute_count - i) * sizeof *v->attributes);
        bytes -= gone < bytes ? gone : bytes;
    }
    if (bytes > bytes_max) {
        v->geo = v->landing_url = v->landing_referrer = S_NULL;
        v->category_count = 0;
    }
}

bool
visitor_copy(const struct visitor *v, struct arena *a, struct visitor *out)
{
    struct buf b;

    buf_init_in(&b, a, 2 * LIMIT_VISITOR_BYTES);
    visitor_write(&b, v);
    if (!buf_ok(&b) || visitor_read(buf_str(&b), a, out, NULL) != ERR_OK)
        return false;
    out->open = v->open;
    return true;
}
