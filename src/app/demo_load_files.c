/* demo_load_files.c - see demo_load.h: the shop's files, by the batch API, and an audience that is uploaded. */
#include "app/demo_data.h"
#include "app/demo_load.h"

#define BATCH_WAIT_US 120000000

static enum err
wait_for_batch(struct demo_load *l, struct str batch)
{
    uint64_t until = os_mono_us(os_posix()) + BATCH_WAIT_US;
    enum err rc = ERR_TIMEOUT;

    while (rc == ERR_TIMEOUT && os_mono_us(os_posix()) < until) {
        const struct json *answer = NULL;
        struct str status;
        rest_client_pause(50000);
        rc =
            demo_get(l, arena_printf(&l->rest.arena, "/data/foundation/catalog/batches/%.*s", STR_ARG(batch)), &answer);
        status = json_str(json_get(json_get(answer, batch), S("status")));
        if (rc == ERR_OK && str_eq(status, S("failed")))
            rc = diag_set(&l->rest.diag, ERR_INVALID, "batch %.*s failed", STR_ARG(batch));
        else if (rc == ERR_OK && !str_eq(status, S("success")))
            rc = diag_set(&l->rest.diag, ERR_TIMEOUT, "batch %.*s is still '%.*s'", STR_ARG(batch), STR_ARG(status));
    }
    return rc;
}

static bool
has_batch(struct demo_load *l, struct str dataset)
{
    const struct json *answer = NULL;
    struct json_iter it;
    struct str path =
        arena_printf(&l->rest.arena, "/data/foundation/catalog/batches?dataSet=%.*s&limit=10", STR_ARG(dataset));

    if (demo_get(l, path, &answer) != ERR_OK)
        return false;
    for (it = json_iter(answer); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, S("status"))), S("success")))
            return true;
    }
    return false;
}

static enum err
load_file(struct demo_load *l, struct str dataset, const char *format, const struct buf *file)
{
    const char *base = "/data/foundation/import/batches";
    const struct json *answer = NULL;
    struct str batch;
    enum err rc;

    if (has_batch(l, dataset))
        return ERR_OK;
    rc = demo_post(l, str_of(base),
                   arena_printf(&l->rest.arena, "{\"datasetId\":\"%.*s\",\"inputFormat\":{\"format\":\"%s\"}}",
                                STR_ARG(dataset), format),
                   &answer);
    if (rc != ERR_OK)
        return rc;
    batch = json_str(json_get(answer, S("id")));
    rc = demo_call(l, "PUT",
                   arena_printf(&l->rest.arena, "%s/%.*s/datasets/%.*s/files/part-1.%s", base, STR_ARG(batch),
                                STR_ARG(dataset), format),
                   "application/octet-stream", buf_str(file), NULL);
    if (rc == ERR_OK)
        rc = demo_post(l, arena_printf(&l->rest.arena, "%s/%.*s?action=COMPLETE", base, STR_ARG(batch)), S(""), NULL);
    return rc == ERR_OK ? wait_for_batch(l, batch) : rc;
}

#define PANEL "trail_test_panel"
#define EXTERNAL "/data/core/ais/external-audience"

/* An audience that somebody else keeps: a list of customers, uploaded, for as long as the audience says. */
static enum err
ensure_panel(struct demo_load *l, struct buf *file)
{
    const struct json *answer = NULL;
    struct str run, status = S_NULL;
    uint64_t until_us;
    enum err rc = demo_get(l, S("/data/core/ups/audiences?limit=100"), &answer);

    if (rc != ERR_OK || demo_named(answer, S("Trail test panel")) != NULL)
        return rc;
    demo_panel_csv(file);
    rc = demo_call(l, "PUT", S("/data/core/ais/files/" PANEL ".csv"), "text/csv", buf_str(file), NULL);
    if (rc == ERR_OK)
        rc = demo_post(
            l, S(EXTERNAL "/submit"),
            S("{\"name\":\"Trail test panel\",\"description\":\"A list that was uploaded\",\"audienceId\":\"" PANEL
              "\",\"ttlInDays\":90,\"fields\":[{\"name\":\"crmId\",\"type\":\"string\",\"identityNs\":\"CRMID\"},"
              "{\"name\":\"since\",\"type\":\"date\"}],\"sourceSpec\":{\"path\":\"" PANEL ".csv\",\"type\":\"file\"}}"),
            NULL);
    if (rc == ERR_OK)
        rc = demo_post(l, S(EXTERNAL "/" PANEL "/run"), S("{\"differentialIngestion\":false}"), &answer);
    run = json_str(json_get(answer, S("runId")));
    until_us = os_mono_us(os_posix()) + BATCH_WAIT_US;
    while (rc == ERR_OK && !str_eq(status, S("SUCCESS"))) {
        rest_client_pause(20000);
        rc = demo_get(l, arena_printf(&l->rest.arena, EXTERNAL "/" PANEL "/run/%.*s", STR_ARG(run)), &answer);
        status = json_str(json_get(answer, S("status")));
        if (rc == ERR_OK && str_eq(status, S("FAILED")))
            rc = diag_set(&l->rest.diag, ERR_INVALID, "the run of the test panel failed");
        else if (rc == ERR_OK && !str_eq(status, S("SUCCESS")) && os_mono_us(os_posix()) > until_us)
            rc = diag_set(&l->rest.diag, ERR_TIMEOUT, "the run of the test panel is still '%.*s'", STR_ARG(status));
    }
    return rc;
}

enum err
demo_load_files(struct demo_load *l)
{
    struct buf file;
    enum err rc;

    buf_init(&file, (size_t)64 << 20);
    demo_say("CRM: 10,000 customers (CSV)");
    demo_crm_csv(&file);
    rc = load_file(l, l->datasets[DEMO_SET_CRM], "csv", &file);
    buf_clear(&file);
    demo_loyalty_json(&file);
    if (rc == ERR_OK) {
        demo_say("loyalty: 10,000 accounts (JSON)");
        rc = load_file(l, l->datasets[DEMO_SET_LOYALTY], "json", &file);
    }
    buf_clear(&file);
    demo_orders_json(&file, os_now_ms(os_posix()));
    if (rc == ERR_OK) {
        demo_say("orders: two years, 24,004 orders (JSON)");
        rc = load_file(l, l->datasets[DEMO_SET_ORDERS], "json", &file);
    }
    buf_clear(&file);
    if (rc == ERR_OK) {
        demo_say("test panel: 625 customers (CSV, external audience)");
        rc = ensure_panel(l, &file);
    }
    buf_deinit(&file);
    if (rc == ERR_OK) {
        demo_say("waiting for identities, profiles and audiences");
        rc = demo_get(l, S("/edgewise/drain"), NULL);
    }
    return rc;
}
