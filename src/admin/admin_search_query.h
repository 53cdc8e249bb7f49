/* admin_search_query.h - the words with which audiences are searched [SEGMENTATION 17.9].
 *
 *   tea coffee             one of the words         tea AND coffee, +tea +coffee   both
 *   tea NOT coffee, -coffee                         (tea OR coffee) AND gold
 *   "green tea"            these words in a row     te?  te*                       one letter, any letters
 *   tea~  tea~1            2 or 1 letters differ    segmentName:tea                in one field
 *
 * A subset of Lucene's syntax: no regular expressions, ranges, boosts or distances between words. Like there, words are
 * compared without regard to case (ASCII), AND, OR and NOT are upper case, and a backslash takes the meaning from the
 * character behind it. A field holds for the words behind it until the next field or the end of the parenthesis: as
 * documented, segmentName:AAM OR Platform asks for both in the name. Fields: segmentName, segmentDescription,
 * segmentId, folderId, parentFolderId, folderLocation; with or without "segmentDefinition." before them. */
#ifndef ADMIN_ADMIN_SEARCH_QUERY_H
#define ADMIN_ADMIN_SEARCH_QUERY_H

#include "base/arena.h"
#include "base/diag.h"

enum search_field { SEARCH_ANY, SEARCH_NAME, SEARCH_DESCRIPTION, SEARCH_ID, SEARCH_FOLDER, SEARCH_FIELDS };

struct search_query; /* in the arena; the text has to live as long */

/* ERR_INVALID: d->what says what was expected, d->pos where. ERR_LIMIT: LIMIT_SEARCH_BYTES, LIMIT_SEARCH_TERMS. An
 * empty text finds everything. */
enum err search_parse(struct str text, struct arena *a, struct search_query **out, struct diag *d);
/* Does a thing with these texts by field (SEARCH_ANY is not looked at) match? */
bool search_matches(const struct search_query *q, const struct str texts[SEARCH_FIELDS]);

#endif
