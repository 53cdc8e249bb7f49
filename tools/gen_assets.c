/* gen_assets.c - turns a list of files into one C file of byte arrays, at build time: the demo shop travels inside the
 * binary.
 *
 *   gen_assets OUT.c URL=FILE...      e.g.  /index.html=demo/site/index.html */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
type_of(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".json", "application/json"},
        {".ico", "image/x-icon"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    }
    return "application/octet-stream";
}

static int
write_bytes(FILE *out, const char *file, int n)
{
    FILE *in = fopen(file, "rb");
    int c, column = 0;

    if (in == NULL) {
        perror(file);
        return 1;
    }
    fprintf(out, "static const unsigned char asset_%d[] = {", n);
    while ((c = getc(in)) != EOF)
        fprintf(out, "%s%d,", column++ % 32 == 0 ? "\n" : "", c);
    fprintf(out, "0};\n");
    fclose(in);
    return 0;
}

int
main(int argc, char **argv)
{
    FILE *out = argc > 1 ? fopen(argv[1], "w") : NULL;

    if (out == NULL) {
        fprintf(stderr, "usage: gen_assets OUT.c URL=FILE...\n");
        return 2;
    }
    fprintf(out, "/* Made by tools/gen_assets.c from the demo's files. */\n#include \"app/app.h\"\n\n");
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL || write_bytes(out, equals + 1, i) != 0)
            return 1;
    }
    fprintf(out, "const struct asset demo_assets[] = {\n");
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        fprintf(out, "    {\"%.*s\", \"%s\", asset_%d, sizeof asset_%d - 1},\n", (int)(equals - argv[i]), argv[i],
                type_of(equals + 1), i, i);
    }
    fprintf(out, "    {0},\n};\nconst size_t demo_asset_count = %d;\n", argc - 2);
    return fclose(out) != 0;
}
