/* SPDX-License-Identifier: MIT */
#include "util/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

/* An event with the longest path, each byte of which is escaped, has room. */
#define LINE_MAX_BYTES 16384

static int max_level = LOG_INFO;
static const char *identity;

void log_set_level(int level) {
    max_level = level;
}

int log_level(void) {
    return max_level;
}

void log_set_identity(const char *text) {
    identity = text;
}

/* systemd sets JOURNAL_STREAM for what it connects to the journal; only the journal understands
 * priorities in the text. */
static bool goes_to_journal(void) {
    static int known = -1;
    if (known < 0)
        known = getenv("JOURNAL_STREAM") != NULL;
    return known;
}

/* The time, in UTC, and who says it: what the journal would add by itself. */
static size_t begin_line(char *line, size_t size) {
    time_t now = time(NULL);
    struct tm utc;
    char when[32] = "";
    if (gmtime_r(&now, &utc))
        (void)strftime(when, sizeof when, "%FT%TZ", &utc);
    return (size_t)snprintf(line, size, "%s %s: ", when, identity);
}

void log_line(int level, const char *format, ...) {
    if (level > max_level)
        return;
    int saved = errno;
    char line[LINE_MAX_BYTES];
    size_t used = 0;
    if (goes_to_journal())
        used = (size_t)snprintf(line, sizeof line, "<%d>", level);
    else if (identity)
        used = begin_line(line, sizeof line);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    if (more > 0)
        used += (size_t)more < sizeof line - used - 1 ? (size_t)more : sizeof line - used - 2;
    line[used++] = '\n';
    /* one write: lines of several processes do not mix */
    if (write(STDERR_FILENO, line, used) < 0) {
        /* nobody to tell */
    }
    errno = saved;
}
