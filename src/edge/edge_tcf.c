/* edge_tcf.c - the core segment of an IAB TCF 2.0 TC string: base64url, big-endian bit fields  [EDGE 3.9].
 *
 *   bit 0  version (6)            152  purpose consents (24)     213  max vendor id (16)
 *                                 176  purpose legitimate int.   229  is range encoding (1)
 *                                 200  purpose one, country      230  one bit per vendor, or ranges
 *
 * Collection is allowed when purpose 1 and the vendor have consent. */
#include "codec/base64.h"
#include "edge/edge_int.h"

#define BIT_PURPOSES 152
#define BIT_MAX_VENDOR 213
#define BIT_IS_RANGE 229
#define BIT_VENDORS 230

static bool
bits(struct str core, size_t from, unsigned width, unsigned *out)
{
    unsigned v = 0;

    if (from + width > core.n * 8)
        return false;
    for (size_t i = from; i < from + width; i++)
        v = v << 1 | ((unsigned)(unsigned char)core.p[i / 8] >> (7 - i % 8) & 1u);
    *out = v;
    return true;
}

static bool
in_ranges(struct str core, unsigned vendor, bool *found)
{
    size_t at = BIT_VENDORS + 12;
    unsigned entries, is_range, first, last;

    *found = false;
    if (!bits(core, BIT_VENDORS, 12, &entries))
        return false;
    for (unsigned i = 0; i < entries; i++) {
        if (!bits(core, at, 1, &is_range) || !bits(core, at + 1, 16, &first))
            return false;
        last = first;
        if (is_range && !bits(core, at + 17, 16, &last))
            return false;
        at += is_range ? 33 : 17;
        *found |= vendor >= first && vendor <= last;
    }
    return true;
}

static bool
vendor_consent(struct str core, unsigned vendor, bool *consent)
{
    unsigned max_vendor, is_range, bit;

    *consent = false;
    if (!bits(core, BIT_MAX_VENDOR, 16, &max_vendor) || !bits(core, BIT_IS_RANGE, 1, &is_range))
        return false;
    if (is_range)
        return in_ranges(core, vendor, consent);
    if (vendor == 0 || vendor > max_vendor)
        return true;
    if (!bits(core, BIT_VENDORS + vendor - 1, 1, &bit))
        return false;
    *consent = bit;
    return true;
}

enum err
edge_tcf_collect(struct str tc_string, unsigned vendor, bool *allowed)
{
    struct arena arena;
    struct str rest = tc_string, segment = S_NULL, core;
    unsigned version = 0, purpose1 = 0;
    bool consent = false, ok;

    arena_init(&arena, 64 * 1024);
    (void)str_split(&rest, '.', &segment);
    core = base64_decode(segment, &arena);
    ok = core.p != NULL && bits(core, 0, 6, &version) && version == 2 && bits(core, BIT_PURPOSES, 1, &purpose1) &&
         vendor_consent(core, vendor, &consent);
    arena_deinit(&arena);
    if (!ok)
        return ERR_INVALID;
    *allowed = purpose1 && consent;
    return ERR_OK;
}
