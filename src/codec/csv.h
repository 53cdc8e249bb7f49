/* csv.h - reading CSV [RFC 4180], a row at a time, from whatever part of the file is in memory.
 *
 *   struct csv c;
 *   csv_init(&c, CSV_RFC4180);
 *   while ((r = csv_next(&c, window, at_end_of_file, &used, d)) != CSV_END)
 *       CSV_ROW: c.fields[0 .. c.count); then step over `used` bytes
 *       CSV_MORE: the row's end is not in the window: read more behind it and ask again from the same place
 *       CSV_BAD: d says what and where ("row 3, column 2: ..."); step over `used` bytes, reading goes on with the next
 * line
 *
 * Rows end with LF or CRLF; a line without a byte is no row. A field that begins with the quote runs to the closing
 * quote and may hold delimiters, line ends and quotes (doubled, or behind the escape character where that is another
 * one). A quote in the middle of an unquoted field is text, as spreadsheets write inches.  OURS
 *
 * Ownership  Fields are borrowed from the window or from the reader, until the next call.
 * Limits     LIMIT_CSV_COLUMNS.   Threads  one owner.   Cost  about 1 ns a byte. */
#ifndef CODEC_CSV_H
#define CODEC_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"

struct csv_format {
    char delimiter;
    char quote;
    char escape; /* before a quote or itself inside a quoted field; equal to quote: doubling only */
};
#define CSV_RFC4180 ((struct csv_format){',', '"', '"'})

enum csv_result { CSV_ROW, CSV_MORE, CSV_END, CSV_BAD };

struct csv {
    struct csv_format format;
    struct str *fields;
    size_t count;
    uint64_t row;  /* of the last answer, from 1; bad rows count */
    uint64_t line; /* of the file, where that row began, from 1 */

    size_t priv_room;
    uint64_t priv_next_line;
    struct buf priv_text; /* fields that had escapes */
};

void csv_init(struct csv *c, struct csv_format format);
void csv_deinit(struct csv *c);
/* Delimiter, quote and escape must differ from each other (but escape may be the quote) and from CR and LF:
 * ERR_INVALID. */
enum err csv_format_check(struct csv_format format, struct diag *d);
/* final: nothing follows the window. With CSV_MORE *used is 0. Errors: ERR_INVALID, ERR_LIMIT, ERR_NOMEM in d->code. */
enum csv_result csv_next(struct csv *c, struct str window, bool final, size_t *used, struct diag *d);

#endif
