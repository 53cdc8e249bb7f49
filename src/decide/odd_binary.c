/* odd_binary.c - rules.bin [TARGET 5.1]: a head of 40 bytes, then the text under a repeating key.
 *
 *   "edge..:1"   8 characters that hold the version
 *   key          32 characters
 *   text         each byte XOR the bytes of organisation id + key, over and over
 *
 * The key is drawn from the text itself, so that the same text has the same bytes and the same ETag. */
#include "codec/sha256.h"
#include "decide/odd.h"

#define HEAD S("ODDRUL:1")
#define KEY_BYTES 32

static void
text_key(struct str text, char key[KEY_BYTES])
{
    unsigned char digest[32];

    sha256(text, digest);
    for (size_t i = 0; i < KEY_BYTES; i++)
        key[i] = "0123456789abcdef"[(digest[i / 2] >> (i & 1 ? 0 : 4)) & 15];
}

void
odd_binary(struct buf *out, struct str text, struct str org)
{
    char key[KEY_BYTES], *to;

    text_key(text, key);
    buf_put(out, HEAD);
    buf_put(out, (struct str){key, KEY_BYTES});
    to = buf_grow(out, text.n);
    if (to == NULL)
        return;
    for (size_t i = 0; i < text.n; i++) {
        size_t at = i % (org.n + KEY_BYTES);
        to[i] = (char)(text.p[i] ^ (at < org.n ? org.p[at] : key[at - org.n]));
    }
    out->n += text.n;
}
