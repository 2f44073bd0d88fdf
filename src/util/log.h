/* SPDX-License-Identifier: MIT */
/* The log of the service and of the tools: one line an event, to standard error, with the syslog priority in front
 * ("<3>") when it goes to the journal. liblinfsp does not log. */
#ifndef LINFSP_UTIL_LOG_H
#define LINFSP_UTIL_LOG_H

#include <syslog.h>

#include "util/cleanup.h"

/* Lines of a lower importance than level (LOG_ERR to LOG_DEBUG) are left out; LOG_INFO unless set. */
void log_set_level(int level);
int log_level(void);
/* Puts text ("linfspd") in front of each line. Static storage. */
void log_set_identity(const char *text);
void log_line(int level, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
