/* profile_names.c - numbers for ids, and the rows that remember them: docs/formats/profile.md. */
#include "profile/profile_names.h"

#include <stdlib.h>

#include "base/limits.h"

#define NAMES_BYTES ((size_t)1 << 30) /* of all texts; an allocation past it fails as memory does */
#define KEY_BYTES 5

static struct str
row_key(char bytes[KEY_BYTES], uint32_t number)
{
    bytes[0] = 'N';
    memcpy(bytes + 1, &number, 4);
    return (struct str){bytes, KEY_BYTES};
}

static enum err
remember(struct profile_names *names, struct str text, struct diag *d)
{
    struct str copy = arena_str(&names->arena, text);

    if (names->count == names->cap) {
        size_t cap = names->cap ? names->cap * 2 : 256;
        struct str *list = realloc(names->texts, cap * sizeof *list);
        if (list == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for the names of audiences");
        names->texts = list;
        names->cap = cap;
    }
    if (copy.p == NULL || !map_put(&names->numbers, text, (void *)(uintptr_t)(names->count + 1), NULL))
        return diag_set(d, ERR_NOMEM, "no memory for the names of audiences");
    names->texts[names->count++] = copy;
    return ERR_OK;
}

enum err
profile_names_open(struct kv *k, struct profile_names *out, struct diag *d)
{
    char key[KEY_BYTES];
    struct str text;
    enum err rc = ERR_OK;

    *out = (struct profile_names){.kv = k};
    arena_init(&out->arena, NAMES_BYTES);
    map_init(&out->numbers);
    while (rc == ERR_OK) {
        rc = kv_get(k, row_key(key, (uint32_t)out->count + 1), &text, d);
        if (rc == ERR_OK)
            rc = remember(out, text, d);
    }
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

void
profile_names_close(struct profile_names *names)
{
    map_deinit(&names->numbers);
    arena_deinit(&names->arena);
    free(names->texts);
    *names = (struct profile_names){0};
}

uint32_t
profile_names_find(const struct profile_names *names, struct str text)
{
    return (uint32_t)(uintptr_t)map_get(&names->numbers, text);
}

enum err
profile_names_number(struct profile_names *names, struct str text, uint32_t *number, struct diag *d)
{
    char key[KEY_BYTES];
    uint32_t found = profile_names_find(names, text);
    enum err rc = ERR_OK;

    if (found == 0) {
        found = (uint32_t)names->count + 1;
        rc = kv_put(names->kv, row_key(key, found), text, 0, d);
        if (rc == ERR_OK)
            rc = remember(names, text, d);
    }
    if (rc == ERR_OK)
        *number = found;
    return rc;
}
