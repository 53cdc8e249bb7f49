/* admin_export_spec.c - what an export job asks for, read from its object. */
#include "admin/admin_export_job.h"

static enum err
read_instant(const struct json *v, const char *path, int64_t otherwise, int64_t *out, struct diag *d)
{
    *out = otherwise;
    if (v == NULL || json_is(v, JSON_NULL) || (json_is(v, JSON_STRING) && iso8601_parse(json_str(v), out, NULL)))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, path, "%s must be a time such as 2026-03-01T00:00:00Z", path);
}

/* "a.b,c" */
static enum err
read_fields(const struct json *v, const char *path, struct arena *a, struct str **out, size_t *n, struct diag *d)
{
    struct str rest = json_str(v), part;
    size_t room = 1;

    *n = 0;
    if (v == NULL || json_is(v, JSON_NULL))
        return ERR_OK;
    for (size_t i = 0; i < rest.n; i++)
        room += rest.p[i] == ',';
    *out = ARENA_ARRAY(a, struct str, room);
    if (*out == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for %s", path);
    while (rest.n > 0 && str_split(&rest, ',', &part)) {
        (*out)[*n] = str_trim(part);
        if ((*out)[(*n)++].n == 0)
            return diag_set_path(d, ERR_INVALID, path, "%s must be paths separated by commas", path);
    }
    return *n > 0 ? ERR_OK : diag_set_path(d, ERR_INVALID, path, "%s must be paths separated by commas", path);
}

static enum err
read_statuses(const struct json *v, unsigned *out, struct diag *d)
{
    struct json_iter it = json_iter(v);

    *out = v == NULL ? EXPORT_MEMBERS : 0;
    while (json_next(&it)) {
        struct str status = json_str(it.value);
        if (str_eq(status, S("realized")) || str_eq(status, S("existing")))
            *out |= EXPORT_MEMBERS;
        else if (str_eq(status, S("exited")))
            *out |= EXPORT_EXITED;
        else
            return diag_set_path(d, ERR_INVALID, "filter.segments",
                                 "a status is realized, existing or exited, found '%.*s'", STR_ARG(status));
    }
    return *out != 0
               ? ERR_OK
               : diag_set_path(d, ERR_INVALID, "filter.segments", "status must list realized, existing or exited");
}

static enum err
read_audiences(const struct json *job, struct export_spec *s, struct diag *d)
{
    const struct json *list = json_path(job, S("filter.segments"));
    struct json_iter it = json_iter(list);
    enum err rc = ERR_OK;

    if (list != NULL && (!json_is(list, JSON_ARRAY) || json_count(list) > EXPORT_AUDIENCES_MAX))
        return diag_set_path(d, ERR_LIMIT, "filter.segments", "filter.segments is a list of at most %d audiences",
                             EXPORT_AUDIENCES_MAX);
    while (rc == ERR_OK && json_next(&it)) {
        struct export_audience *a = &s->audiences[s->audience_count++];
        a->id = json_str(json_get(it.value, S("segmentId")));
        a->batch = json_str(json_get(json_get(json_path(job, S("destination.batches")), a->id), S("batchId")));
        rc = read_statuses(json_get(it.value, S("status")), &a->statuses, d);
        if (rc == ERR_OK && a->id.n == 0)
            rc = diag_set_path(d, ERR_INVALID, "filter.segments", "every audience needs a segmentId");
        for (size_t i = 0; rc == ERR_OK && i + 1 < s->audience_count; i++) {
            if (str_eq(s->audiences[i].id, a->id))
                rc = diag_set_path(d, ERR_INVALID, "filter.segments", "audience '%.*s' is named twice", STR_ARG(a->id));
        }
    }
    return rc;
}

enum err
export_spec_read(const struct json *job, struct arena *a, struct export_spec *out, struct diag *d)
{
    const struct json *filter = json_get(job, S("filter")), *list = json_path(job, S("additionalFields.eventList")),
                      *qualified = json_get(filter, S("segmentQualificationTime")),
                      *of_events = json_get(list, S("filter"));
    struct export_spec *s = out;
    enum err rc;

    *s = (struct export_spec){.batch = json_str(json_path(job, S("destination.batchId"))),
                              .dataset = json_str(json_path(job, S("destination.datasetId"))),
                              .empty_profiles = json_bool(json_get(filter, S("emptyProfiles")), false),
                              .events = list != NULL,
                              .ingested = {.to_ms = INT64_MAX}};
    rc = read_audiences(job, s, d);
    if (rc == ERR_OK)
        rc = read_fields(json_get(job, S("fields")), "fields", a, &s->fields, &s->field_count, d);
    if (rc == ERR_OK)
        rc = read_fields(json_get(list, S("fields")), "additionalFields.eventList.fields", a, &s->event_fields,
                         &s->event_field_count, d);
    if (rc == ERR_OK)
        rc = read_instant(json_get(qualified, S("startTime")), "filter.segmentQualificationTime.startTime", INT64_MIN,
                          &s->qualified.from_ms, d);
    if (rc == ERR_OK)
        rc = read_instant(json_get(qualified, S("endTime")), "filter.segmentQualificationTime.endTime", INT64_MAX,
                          &s->qualified.to_ms, d);
    if (rc == ERR_OK)
        rc = read_instant(json_get(filter, S("fromIngestTimestamp")), "filter.fromIngestTimestamp", INT64_MIN,
                          &s->ingested.from_ms, d);
    if (rc == ERR_OK)
        rc = read_instant(json_get(of_events, S("fromIngestTimestamp")),
                          "additionalFields.eventList.filter.fromIngestTimestamp", INT64_MIN, &s->event_period.from_ms,
                          d);
    if (rc == ERR_OK)
        rc = read_instant(json_get(of_events, S("toIngestTimestamp")),
                          "additionalFields.eventList.filter.toIngestTimestamp", INT64_MAX, &s->event_period.to_ms, d);
    return rc;
}
