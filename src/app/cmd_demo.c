/* cmd_demo.c - edgewise demo load: fills a running server with the Northpeak shop, through the public REST API only.
 *
 * It is also the example of how a team sets Edgewise up: token, namespaces, schemas with identity descriptors,
 * datasets, audiences, offers, activities, destination, datastream, then CRM, loyalty and order files by the batch API.
 * What is there already (by name) is kept, so a second run changes nothing. */
#include "app/demo_load.h"

static enum err
load_all(struct demo_load *l)
{
    enum err rc = rest_client_authenticate(&l->rest);

    demo_say("namespaces, schemas, datasets");
    if (rc == ERR_OK)
        rc = demo_ensure_datasets(l);
    demo_say("audiences, datastream, destinations");
    if (rc == ERR_OK)
        rc = demo_ensure_audiences(l);
    if (rc == ERR_OK)
        rc = demo_ensure_destinations(l);
    demo_say("offers, activities");
    if (rc == ERR_OK)
        rc = demo_ensure_offers(l);
    return rc == ERR_OK ? demo_load_files(l) : rc;
}

static int
usage(FILE *out)
{
    fprintf(
        out,
        "usage: edgewise demo load [--data DIR] [--server URL]\n\n"
        "Loads the Northpeak shop into a running server through its REST API. The credentials, and the address unless\n"
        "--server is given, are read from DIR/credentials.json (default: data).\n");
    return out == stdout ? 0 : 2;
}

int
cmd_demo(int argc, char **argv)
{
    struct demo_load l = {0};
    const char *data = "data", *server = NULL;
    enum err rc;

    if (wants_help(argc, argv))
        return usage(stdout);
    if (argc < 2 || strcmp(argv[1], "load") != 0)
        return usage(stderr);
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--server") == 0)
            server = argv[i + 1];
        else
            return usage(stderr);
    }
    rc = rest_client_open(&l.rest, data, server);
    if (rc == ERR_OK) {
        l.tenant_path = arena_printf(&l.rest.arena, "/%.*s/target", STR_ARG(l.rest.credentials.tenant));
        printf("loading the Northpeak demo\n");
        rc = load_all(&l);
    }
    if (rc == ERR_OK)
        printf("loaded\n");
    else
        fprintf(stderr, "edgewise: %s\n", l.rest.diag.what);
    rest_client_close(&l.rest);
    return rc == ERR_OK ? 0 : 1;
}
