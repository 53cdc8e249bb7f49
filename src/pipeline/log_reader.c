/* log_reader.c - reads the frames of a file one after the other through a window of read-ahead. A frame larger than the
 * window grows it, never beyond what the file holds. */
#include "base/limits.h"
#include "pipeline/pipeline_int.h"

void
log_reader_deinit(struct log_reader *r)
{
    free(r->window);
    *r = (struct log_reader){0};
}

void
log_reader_set(struct log_reader *r, struct os *os, struct os_file *file, uint32_t salt, uint64_t at)
{
    r->os = os;
    r->file = file;
    r->salt = salt;
    r->at = at;
    r->limit = at;
    r->window_at = at;
    r->window_bytes = 0;
}

bool
log_reader_room(struct log_reader *r, size_t n)
{
    size_t want = n > LOG_WINDOW_BYTES ? n : LOG_WINDOW_BYTES;
    char *p;

    if (want <= r->window_cap)
        return true;
    p = malloc(want);
    if (p == NULL)
        return false;
    free(r->window);
    r->window = p;
    r->window_cap = want;
    return true;
}

/* Has the window begin at r->at and hold `need` bytes, or all up to the limit. */
static enum err
fill(struct log_reader *r, size_t need, struct diag *d)
{
    size_t want = need > LOG_WINDOW_BYTES ? need : LOG_WINDOW_BYTES;
    enum err rc;

    if (!log_reader_room(r, want))
        return diag_set(d, ERR_NOMEM, "no memory for a frame of %zu bytes", need);
    if (want > r->limit - r->at)
        want = (size_t)(r->limit - r->at);
    r->window_at = r->at;
    r->window_bytes = 0;
    rc = os_pread(r->os, r->file, r->at, r->window, want, &r->window_bytes, d);
    return rc;
}

static struct str
window_rest(const struct log_reader *r)
{
    if (r->window_bytes == 0 || r->at < r->window_at || r->at > r->window_at + r->window_bytes)
        return S_NULL;
    return (struct str){r->window + (r->at - r->window_at), (size_t)(r->window_at + r->window_bytes - r->at)};
}

enum err
log_reader_next(struct log_reader *r, struct frame *f, enum frame_state *state, struct diag *d)
{
    uint64_t left = r->limit - r->at;
    enum err rc;

    *state = frame_decode(window_rest(r), r->salt, f);
    /* The window may be old: a writer may have completed since then what was read half. Read again before judging. */
    for (int tries = 0; *state != FRAME_OK && tries < 2; tries++) {
        size_t need = f->bytes ? f->bytes : FRAME_HEADER_BYTES;
        if (*state == FRAME_SHORT && need > left)
            return ERR_OK;
        rc = fill(r, *state == FRAME_BAD ? FRAME_HEADER_BYTES : need, d);
        if (rc != ERR_OK)
            return rc;
        *state = frame_decode(window_rest(r), r->salt, f);
    }
    if (*state == FRAME_OK)
        r->at += f->bytes;
    return ERR_OK;
}

enum err
log_reader_lost(struct log_reader *r, uint64_t number_min, bool *lost, struct diag *d)
{
    struct frame_hole hole = {r->at, number_min, r->salt};
    size_t n = (size_t)(r->limit - r->at), got;
    char *rest = malloc(n ? n : 1);
    enum err rc;

    if (rest == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to search %zu bytes of log", n);
    rc = os_pread(r->os, r->file, r->at, rest, n, &got, d);
    if (rc == ERR_OK)
        *lost = frame_lost((struct str){rest, got}, &hole);
    free(rest);
    return rc;
}
