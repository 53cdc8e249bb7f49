/* case_range.h - what the tables of casefold.c and lowercase.c are made of, in order of code points. */
#ifndef RULE_CASE_RANGE_H
#define RULE_CASE_RANGE_H

#include <stddef.h>
#include <stdint.h>

/* Every step-th code point of first..last becomes itself + delta. */
struct case_range {
    uint32_t first;
    uint32_t last;
    uint8_t step;
    int32_t delta;
};

/* c itself when no range has it. */
uint32_t case_range_map(const struct case_range *ranges, size_t n, uint32_t c);

#endif
