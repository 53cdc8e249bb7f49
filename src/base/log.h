/* log.h - one line per happening: level, event name, key=value pairs.
 *
 *   log_info("server_ready", "listen=%s tls=%s", listen, tls);
 *   2026-11-24T09:30:00.123Z info server_ready listen=127.0.0.1:8080 tls=127.0.0.1:8443
 *
 * An error is logged once, where it is decided. No raw identifiers of people. Lines go to stderr; at most
 * LIMIT_LOG_LINES_PER_SECOND a second, the rest are counted and said in one line.   Thread: any. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_line(enum log_level level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Lines below this are dropped; the default is LOG_INFO. */
void log_set_level(enum log_level level);
/* Where line times come from; set once at start (os/ sits above base/). Unset: lines carry no time. */
void log_set_clock(int64_t (*now_ms)(void *ctx), void *ctx);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
