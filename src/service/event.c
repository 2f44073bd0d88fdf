/* SPDX-License-Identifier: MIT */
#include "service/event.h"

#include <stdarg.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "service/connection.h"
#include "service/mount-options.h"
#include "service/permission.h"
#include "service/scope.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/plural.h"
#include "util/process.h"
#include "wire/codec.h"

/* The kinds by name, and by the message id under which the journal's catalogue (packaging/linfsp.catalog) explains
 * them. */
static const struct {
    const char *name, *message_id;
} kinds[] = {
    [EVENT_SILO_READY] = {"silo-ready", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e01"},
    [EVENT_SILO_FAILED] = {"silo-failed", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e02"},
    [EVENT_SILO_ENDED] = {"silo-ended", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e03"},
    [EVENT_CLAIM] = {"claim", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e04"},
    [EVENT_OPEN] = {"open", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e05"},
    [EVENT_MOUNT] = {"mount", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e06"},
    [EVENT_END] = {"end", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e07"},
    [EVENT_HELD] = {"held", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e0a"},
    [EVENT_TAKEN_OVER] = {"taken-over", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e0b"},
    [EVENT_RELOAD] = {"reload", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e08"},
    [EVENT_CATCHER] = {"catcher", "0f5f3c1d2f6b4a0e9d0f6c1b6a9a7e09"},
};

static void fill(struct wire_event *message, const struct event *event) {
    const struct volume *volume = event->volume;
    char prefix[PREFIX_MAX + 2] = "", unc[WIRE_PREFIX_MAX];
    if (event->prefix)
        snprintf(prefix, sizeof prefix, "%s", event->prefix);
    else if (volume && volume->prefix[0])
        (void)scope_canonical(volume, prefix, sizeof prefix);
    wire_begin(message, WIRE_EVENT, 0);
    message->time = clock_realtime_ns();
    message->refused = event->refused;
    message->uid = event->uid;
    message->pid = (uint32_t)event->pid;
    message->volume = volume ? volume->id : 0;
    WIRE_SET(message->kind, kinds[event->kind].name);
    if (event->silo) {
        WIRE_SET(message->silo, event->silo->id);
        WIRE_SET(message->engine, event->silo->engine);
        WIRE_SET(message->name, event->silo->name);
    }
    if (volume)
        WIRE_SET(message->mount_point, volume->mount_point);
    if (prefix[0] && prefix_to_unc(prefix, unc, sizeof unc) == 0)
        WIRE_SET(message->prefix, scope_is_local(prefix, NULL) ? unc : unc + 1); /* as it is given to -u */
    WIRE_SET(message->text, event->text ? event->text : "");
}

/* ---- the log --------------------------------------------------------------------------------------------------- */

static bool has_budget(struct service *service, const struct event *event) {
    struct silo *silo = event->silo ? silo_find(service, event->silo->number) : NULL;
    uint64_t minute = (uint64_t)clock_ns() / 60000000000u + 1; /* 0: none yet */
    if (!silo)
        return true;
    struct event_budget *budget = &silo->budget;
    if (budget->minute != minute) {
        if (budget->left_out)
            log_warning("container %s: %u %s left out of the log in a minute", silo->id, budget->left_out,
                        plural(budget->left_out, "event was", "events were"));
        *budget = (struct event_budget){.minute = minute};
    }
    if (budget->lines >= EVENT_LINES_PER_MINUTE) {
        budget->left_out++;
        return false;
    }
    budget->lines++;
    return true;
}

/* A line that is being written. What does not fit is cut off. */
struct line {
    char *text;
    size_t size, length;
};

static void append(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(struct line *line, const char *format, ...) {
    size_t room = line->size - line->length;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    if (n > 0)
        line->length += (size_t)n < room ? (size_t)n : room - 1;
}

static void append_char(struct line *line, char c) {
    if (line->length + 1 < line->size) {
        line->text[line->length++] = c;
        line->text[line->length] = 0;
    }
}

/* "key=value", the value in quotes, with what could break out of them escaped. */
static void append_field(struct line *line, bool json, const char *key, const char *value) {
    if (!value[0])
        return;
    append(line, json ? ",\"%s\":\"" : " %s=\"", key);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            append_char(line, '\\');
        append_char(line, (unsigned char)*c < ' ' ? ' ' : *c);
    }
    append_char(line, '"');
}

static void format_line(const struct wire_event *message, const char *rule, bool json, struct line *line) {
    append(line, json ? "{\"event\":\"%s\",\"result\":\"%s\"" : "event=%s result=%s", message->kind,
           message->refused ? "refused" : "done");
    append_field(line, json, "silo", message->silo);
    append_field(line, json, "name", message->name);
    if (message->volume)
        append(line, json ? ",\"volume\":%llu" : " volume=%llu", (unsigned long long)message->volume);
    if (message->uid != UINT32_MAX)
        append(line, json ? ",\"uid\":%u" : " uid=%u", message->uid);
    if (message->pid)
        append(line, json ? ",\"pid\":%u" : " pid=%u", message->pid);
    append_field(line, json, "prefix", message->prefix);
    append_field(line, json, "mount_point", message->mount_point);
    append_field(line, json, "rule", rule);
    append_field(line, json, "text", message->text);
    if (json)
        append(line, "}");
}

static const char *rule_of(const struct event *event) {
    const struct silo *server = event->volume ? silo_find(event->volume->service, event->volume->silo) : NULL;
    const struct rule *rule = event->text ? permission_named(event->silo, server, event->text) : NULL;
    return rule ? rule->name : "";
}

static void log_event(const struct service *service, const struct event *event, const struct wire_event *message) {
    static char text[2 * sizeof(struct wire_event)]; /* each byte may be escaped */
    const char *rule = rule_of(event);
    int level = event->kind == EVENT_SILO_FAILED || event->kind == EVENT_CATCHER ? LOG_WARNING : LOG_INFO;
    if (level > log_level())
        return;
    struct line line = {.text = text, .size = sizeof text};
    format_line(message, rule, service->config->limits.audit_json, &line);
    if (getenv("JOURNAL_STREAM") &&
        sd_journal_send("MESSAGE=%s", text, "MESSAGE_ID=%s", kinds[event->kind].message_id, "PRIORITY=%i", level,
                        "SYSLOG_IDENTIFIER=linfspd", "LINFSP_EVENT=%s", message->kind, "LINFSP_RESULT=%s",
                        message->refused ? "refused" : "done", "LINFSP_SILO=%s", message->silo, "LINFSP_NAME=%s",
                        message->name, "LINFSP_VOLUME=%llu", (unsigned long long)message->volume, "LINFSP_PREFIX=%s",
                        message->prefix, "LINFSP_MOUNT_POINT=%s", message->mount_point, "LINFSP_UID=%d",
                        (int)message->uid, "LINFSP_PID=%u", message->pid, "LINFSP_RULE=%s", rule, NULL) >= 0)
        return;
    log_line(level, "%s", text);
}

/* ---- who watches ----------------------------------------------------------------------------------------------- */

static bool may_watch(const struct connection *watcher, const struct event *event) {
    if (watcher->silo->host)
        return watcher->peer.uid == 0;
    return event->silo == watcher->silo;
}

/* One that does not read loses events, and is told how many. */
static void send_to(struct connection *watcher, struct wire_event *message) {
    message->lost = watcher->events_lost;
    message->header.serial = watcher->serial;
    if (wire_send(watcher->fd, message, NULL, 0) < 0)
        watcher->events_lost++;
    else
        watcher->events_lost = 0;
}

void event_tell(struct service *service, const struct event *event) {
    static struct wire_event message;
    struct connection *watcher, *next;
    bool logged = has_budget(service, event);
    if (!logged && service->watchers == 0)
        return;
    fill(&message, event);
    if (logged)
        log_event(service, event, &message);
    if (service->watchers > 0)
        HASH_ITER (hash, service->connections, watcher, next)
            if (watcher->watches && may_watch(watcher, event))
                send_to(watcher, &message);
}

void event_watch(struct connection *connection, uint32_t serial) {
    connection_wait(connection, serial);
    connection->watches = true;
    connection->silo->service->watchers++;
}
