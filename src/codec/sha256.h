/* sha256.h - one-shot SHA-256 [FIPS 180-4]: FPID seeds [EDGE 3.5], hashed e-mails. Not for passwords. */
#ifndef CODEC_SHA256_H
#define CODEC_SHA256_H

#include "base/str.h"

void sha256(struct str bytes, unsigned char out[32]);

#endif
