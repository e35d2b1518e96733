/*
 * base/log - one line an event on standard error: `event key=value key="a value"`.
 *
 * Ids and counts only; never personal data, never keys. Under systemd (JOURNAL_STREAM is set) each line carries the
 * sd-daemon(3) priority prefix; otherwise it begins with the time.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Events above this level are dropped. The default is INFO. */
void log_set_level(enum log_level level);

/* `event` is past tense in snake_case (exchange_done); `format` makes the key=value pairs and may be "". */
void log_event(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

/* Where an error stops: event, its code and its message. */
void log_error(const char *event, const struct error *err);

#define LOG_INFO(event, ...) log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define LOG_WARNING(event, ...) log_event(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define LOG_DEBUG(event, ...) log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

#endif
