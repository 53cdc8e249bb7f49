/* fuzz_corpus.c - main() of a fuzz target in the plain build: every file of its corpus once, through the same function.
 *
 * So the inputs that libFuzzer starts from, and those that found a fault once, are tested on every build and with every
 * compiler. Files run in the order of their names; it ends with "N passed, M failed", like t.c, or at the first fault,
 * which is in the file after the last "ok". */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define INPUT_BYTES_MAX (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The input has exactly its size, so that a read past its end is seen. */
static void
run(const char *name)
{
    static uint8_t bytes[INPUT_BYTES_MAX + 1];
    char path[1024];
    int length = snprintf(path, sizeof path, "%s/%s", FUZZ_CORPUS, name);
    uint8_t *input;
    size_t n;
    FILE *f;

    CHECK(length > 0 && (size_t)length < sizeof path);
    f = fopen(path, "rb");
    CHECK(f != NULL);
    n = fread(bytes, 1, sizeof bytes, f);
    CHECK(ferror(f) == 0);
    CHECK(n <= INPUT_BYTES_MAX);
    (void)fclose(f); /* only read */
    input = malloc(n ? n : 1);
    CHECK(input != NULL);
    memcpy(input, bytes, n);
    (void)LLVMFuzzerTestOneInput(input, n); /* what it returns says whether libFuzzer keeps the input */
    free(input);
    (void)fprintf(stderr, "ok   %s\n", name);
}

int
main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = scandir(FUZZ_CORPUS, &entries, NULL, alphasort);
    unsigned passed = 0;

    if (LLVMFuzzerInitialize != NULL)
        CHECK(LLVMFuzzerInitialize(&argc, &argv) == 0);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            run(entries[i]->d_name);
            passed++;
        }
        free(entries[i]);
    }
    free(entries);
    if (passed == 0)
        (void)fprintf(stderr, "%s: no input\n", FUZZ_CORPUS);
    printf("%u passed, %d failed\n", passed, passed == 0);
    return passed == 0;
}
