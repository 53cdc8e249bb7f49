/* TC strings [EDGE 3.9], built bit by bit so that every field's place is checked; numbers of the conformance checklist.
 */
#include "codec/base64.h"
#include "edge/edge_int.h"
#include "t.h"

struct bits {
    unsigned char bytes[256];
    size_t n;
};

static void
put(struct bits *b, unsigned value, unsigned width)
{
    for (unsigned i = width; i-- > 0; b->n++) {
        if (value >> i & 1)
            b->bytes[b->n / 8] |= (unsigned char)(0x80 >> b->n % 8);
    }
}

/* A core segment up to the vendor section, purposes as a mask whose top bit is purpose 1. */
static struct bits
core(unsigned version, unsigned purposes, unsigned max_vendor, bool is_range)
{
    struct bits b = {{0}, 0};

    put(&b, version, 6);
    while (b.n < 152)
        put(&b, 0, 1);
    put(&b, purposes, 24);
    while (b.n < 213)
        put(&b, 0, 1);
    put(&b, max_vendor, 16);
    put(&b, is_range, 1);
    return b;
}

static bool
collect(struct t *t, const struct bits *b)
{
    struct buf text;
    bool allowed = false;
    enum err rc;

    buf_init(&text, 1024);
    base64url_encode(&text, (struct str){(const char *)b->bytes, (b->n + 7) / 8});
    buf_put(&text, S(".YAAAAAAAAAAA")); /* a second segment is ignored */
    rc = edge_tcf_collect(buf_str(&text), 565, &allowed);
    buf_deinit(&text);
    CHECK_EQ(rc, ERR_OK);
    return allowed;
}

static struct bits
with_vendor_bits(unsigned purposes, unsigned vendor)
{
    struct bits b = core(2, purposes, 600, false);

    for (unsigned i = 1; i <= 600; i++)
        put(&b, i == vendor, 1);
    return b;
}

TEST(tcf_purpose_and_vendor) /* 87, 88, 89, 90 */
{
    struct bits yes = with_vendor_bits(0xffffff, 565), no_purpose1 = with_vendor_bits(0x7fffff, 565);
    struct bits no_vendor = with_vendor_bits(0xffffff, 564), no_purpose10 = with_vendor_bits(0xffbfff, 565);

    CHECK_TRUE(collect(t, &yes));
    CHECK_TRUE(!collect(t, &no_purpose1));
    CHECK_TRUE(!collect(t, &no_vendor));
    CHECK_TRUE(collect(t, &no_purpose10));
}

TEST(tcf_vendor_ranges)
{
    struct bits b = core(2, 0x800000, 700, true), single = core(2, 0x800000, 700, true);

    put(&b, 2, 12);
    put(&b, 0, 1);
    put(&b, 10, 16);
    put(&b, 1, 1);
    put(&b, 560, 16);
    put(&b, 570, 16);
    CHECK_TRUE(collect(t, &b));
    put(&single, 1, 12);
    put(&single, 0, 1);
    put(&single, 564, 16);
    CHECK_TRUE(!collect(t, &single));
}

TEST(tcf_recorded_string) /* of the recorded traffic: purposes 1 and 10, one range entry that is vendor 565 alone */
{
    bool allowed = false;

    CHECK_EQ(edge_tcf_collect(S("CO052l-O052l-DGAMBFRACBgAIBAAAAAAIYgEawAQEagAAAA"), 565, &allowed), ERR_OK);
    CHECK_TRUE(allowed);
    CHECK_EQ(edge_tcf_collect(S("CO052l-O052l-DGAMBFRACBgAIBAAAAAAIYgEawAQEagAAAA"), 564, &allowed), ERR_OK);
    CHECK_TRUE(!allowed);
}

TEST(tcf_malformed)
{
    struct bits b = with_vendor_bits(0xffffff, 565), version1 = core(1, 0xffffff, 600, false);
    struct buf text;
    bool allowed;

    buf_init(&text, 1024);
    for (size_t n = 0; n < 100; n++) { /* cut anywhere: an error or an answer, never a read past the end */
        buf_clear(&text);
        base64url_encode(&text, (struct str){(const char *)b.bytes, n});
        CHECK_EQ(edge_tcf_collect(buf_str(&text), 565, &allowed) == ERR_OK, n * 8 >= 230 + 565);
    }
    buf_clear(&text);
    base64url_encode(&text, (struct str){(const char *)version1.bytes, sizeof version1.bytes});
    CHECK_EQ(edge_tcf_collect(buf_str(&text), 565, &allowed), ERR_INVALID);
    CHECK_EQ(edge_tcf_collect(S("!!!"), 565, &allowed), ERR_INVALID);
    buf_deinit(&text);
}
