/* metric.h - counters, gauges and histograms, one table, exported as Prometheus text.
 *
 * The table below is the only place where a metric is named: the exporter and docs/metrics.md come from it. Histograms
 * are log-linear (16 steps per power of two: values read back within 6 %), in the unit their name says.
 *
 * Threads    Any; relaxed atomics.   Cost  about 5 ns uncontended. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

/* X(id, kind, name, help) */
#define METRIC_TABLE(X)                                                                                                \
    X(M_HTTP_REQUESTS, COUNTER, "http_requests_total", "requests answered")                                            \
    X(M_HTTP_ERRORS_CLIENT, COUNTER, "http_errors_client_total", "answers 4xx")                                        \
    X(M_HTTP_ERRORS_SERVER, COUNTER, "http_errors_server_total", "answers 5xx")                                        \
    X(M_HTTP_SHED, COUNTER, "http_shed_total", "requests refused with 503 because too many were in flight")            \
    X(M_HTTP_IN_FLIGHT, GAUGE, "http_in_flight", "requests being handled")                                             \
    X(M_EDGE_INTERACT_US, HISTOGRAM, "edge_interact_microseconds", "handling time of interact requests")               \
    X(M_EDGE_EVENTS, COUNTER, "edge_events_total", "events accepted by the edge")                                      \
    X(M_EDGE_DUPLICATES, COUNTER, "edge_duplicates_total", "events recognised as repeats of a request id")             \
    X(M_DELIVERY_REQUESTS, COUNTER, "delivery_requests_total", "requests of the delivery API")                         \
    X(M_EDGE_SCRIPT_ERRORS, COUNTER, "edge_script_errors_total", "runs of profile scripts that gave no value")         \
    X(M_EDGE_SCRIPTS_OFF, COUNTER, "edge_scripts_off_total",                                                           \
      "profile scripts switched off because they passed a bound")                                                      \
    X(M_EDGE_DEGRADED, COUNTER, "edge_degraded_total", "answers without personalization because a part failed")        \
    X(M_PROFILE_UPDATES, COUNTER, "profile_updates_total", "visitors written by the profile APIs")                     \
    X(M_PROFILE_UPDATES_NOT_FOUND, COUNTER, "profile_updates_not_found_total",                                         \
      "updates of visitors who are not there")                                                                         \
    X(M_PROFILE_UPDATES_FAILED, COUNTER, "profile_updates_failed_total", "updates that could not be kept")             \
    X(M_ARTIFACTS_MADE, COUNTER, "artifacts_made_total", "on-device artifacts generated")                              \
    X(M_ARTIFACTS_SENT, COUNTER, "artifacts_sent_total", "downloads of an on-device artifact")                         \
    X(M_ARTIFACTS_UNCHANGED, COUNTER, "artifacts_unchanged_total", "downloads answered with 304")                      \
    X(M_EDGE_OPTED_OUT, COUNTER, "edge_opted_out_total", "events dropped because consent is out")                      \
    X(M_EDGE_PROFILES, GAUGE, "edge_profiles", "profiles held in edge memory")                                         \
    X(M_EDGE_PROFILE_MISSES, COUNTER, "edge_profile_misses_total", "requests whose identity the edge did not hold")    \
    X(M_EDGE_TOKENS_FORGED, COUNTER, "edge_tokens_forged_total", "notification tokens whose signature is wrong")       \
    X(M_REMOTE_OFFER_FETCHES, COUNTER, "remote_offer_fetches_total", "remote offers asked for at their URL")           \
    X(M_REMOTE_OFFER_FAILURES, COUNTER, "remote_offer_failures_total", "remote offers that gave no content")           \
    X(M_LOG_APPENDS, COUNTER, "log_appends_total", "records appended to topics")                                       \
    X(M_LOG_APPEND_BYTES, COUNTER, "log_append_bytes_total", "bytes appended to topics")                               \
    X(M_LOG_APPEND_ERRORS, COUNTER, "log_append_errors_total", "appends refused: disk full or failing")                \
    X(M_LOG_SYNC_US, HISTOGRAM, "log_sync_microseconds", "duration of one sync to disk")                               \
    X(M_LOG_REPAIRED_BYTES, COUNTER, "log_repaired_bytes_total", "torn bytes cut off at open")                         \
    X(M_HUB_RECORDS, COUNTER, "hub_records_total", "records folded by the hub")                                        \
    X(M_HUB_REJECTED, COUNTER, "hub_rejected_total", "records the hub could not use")                                  \
    X(M_HUB_LAG, GAUGE, "hub_lag_records", "records waiting for the hub")                                              \
    X(M_HUB_PROFILES, GAUGE, "hub_profiles", "profiles on the hub")                                                    \
    X(M_HUB_SWEEP_PROFILES, GAUGE, "hub_sweep_profiles",                                                               \
      "profiles that a sweep after changed audiences visits; 0: none runs")                                            \
    X(M_HUB_SWEEP_VISITED, GAUGE, "hub_sweep_visited", "profiles that it has visited so far")                          \
    X(M_HUB_STATES_BUILT, COUNTER, "hub_states_built_total",                                                           \
      "rule states made from all data of a profile: new profiles, merged ones, states that could not be read")         \
    X(M_RULE_NOT_EVALUATED, COUNTER, "rule_not_evaluated_total",                                                       \
      "parts of audiences that met their limit of steps or memory on a profile, and kept their answer")                \
    X(M_HUB_TIMERS, COUNTER, "hub_timers_total", "window ends that fired")                                             \
    X(M_HUB_TIMER_LATENESS_MS, HISTOGRAM, "hub_timer_lateness_milliseconds",                                           \
      "from a window's end to the firing of its timer; what is folded again counts, too")                              \
    X(M_HUB_MEMBERSHIPS, COUNTER, "hub_membership_changes_total", "audience entries and exits")                        \
    X(M_HUB_PROFILES_WRONG, COUNTER, "hub_profiles_wrong_total",                                                       \
      "profiles whose memberships a segment job found to be wrong, and repaired")                                      \
    X(M_HUB_BOT_EVENTS, COUNTER, "hub_bot_events_total",                                                               \
      "events of strict sandboxes that were too many in a second to be evaluated as streamed")                         \
    X(M_HUB_PROJECTIONS, COUNTER, "hub_projections_total", "projections sent to edges")                                \
    X(M_LOOP_US, HISTOGRAM, "loop_microseconds", "event accepted at the edge to its projection applied at the edge")   \
    X(M_CONFIG_VERSION, GAUGE, "config_version", "offset of the newest configuration record in force")                 \
    X(M_CONFIG_REFUSED, COUNTER, "config_refused_total", "configuration objects refused")                              \
    X(M_GUARDRAILS_80, GAUGE, "guardrails_at_80_percent", "documented limits of which a sandbox uses 80 % or more")    \
    X(M_GUARDRAILS_90, GAUGE, "guardrails_at_90_percent", "documented limits of which a sandbox uses 90 % or more")    \
    X(M_IMPORT_ROWS, COUNTER, "import_rows_total", "rows of completed batches, bad ones too")                          \
    X(M_IMPORT_ROWS_REFUSED, COUNTER, "import_rows_refused_total", "rows of batches that break a rule")                \
    X(M_IMPORT_BATCHES_FAILED, COUNTER, "import_batches_failed_total", "batches that ended as failed")                 \
    X(M_IMPORT_RETRIES, COUNTER, "import_retries_total",                                                               \
      "appends of a batch tried again because the disk refused them")                                                  \
    X(M_INLET_MESSAGES, COUNTER, "inlet_messages_total", "streamed messages stored")                                   \
    X(M_INLET_REFUSED, COUNTER, "inlet_messages_refused_total", "streamed messages refused")                           \
    X(M_KV_COMPACTIONS, COUNTER, "kv_compactions_total", "table segments rewritten")

#define METRIC_ENUM(id, kind, name, help) id,
enum metric { METRIC_TABLE(METRIC_ENUM) METRIC__COUNT };
#undef METRIC_ENUM

void metric_add(enum metric m, uint64_t n);
#define metric_inc(m) metric_add((m), 1)
void metric_set(enum metric m, int64_t v);       /* gauges */
void metric_gauge_add(enum metric m, int64_t v); /* gauges */
void metric_observe(enum metric m, uint64_t v);  /* histograms */

int64_t metric_value(enum metric m); /* a histogram's count */
/* q in [0,1]; 0 when nothing was observed. */
uint64_t metric_quantile(enum metric m, double q);
void metric_reset(enum metric m);

/* Prometheus text, every name prefixed edgewise_. Histograms as summaries with quantiles 0.5, 0.99, 0.999. */
void metric_export(struct buf *out);

#endif
