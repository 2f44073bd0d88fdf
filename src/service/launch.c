/* SPDX-License-Identifier: MIT */
#include "service/launch.h"

#include <stdlib.h>
#include <string.h>

#include "service/connection.h"
#include "service/permission.h"
#include "service/root-unc.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "wire/codec.h"

#define WAIT_USEC (30 * 1000000ull)

/* A walk that is held. */
struct launch {
    struct list_node node; /* of the service */
    struct service *service;
    sd_event_source *timer;
    uint64_t folder, launcher;
    struct walk walk;
    char path[PREFIX_MAX];
    char text[NAME_MAX + 1];
};

/* ---- launchers ------------------------------------------------------------------------------------------------- */

static bool has_class(const struct connection *connection, const char *name, size_t length) {
    for (const char *at = connection->classes; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t here = strcspn(at, "\n");
        if (here == length && strncmp(at, name, length) == 0)
            return true;
    }
    return false;
}

/* Whether that launcher's silo may claim the prefix, and the walker open it. */
static bool may_launch(const struct mup_question *question, const struct silo *walker, const struct silo *server) {
    char message[WIRE_TEXT_MAX];
    bool read_only;
    return permission_claim(server, question->path, message, sizeof message) == 0 &&
           permission_open(walker, question->walk->uid, server, question->path, &read_only, message, sizeof message) ==
               0;
}

/* The walker's own container's launcher comes first, then the host's. */
static unsigned rank(const struct silo *walker, const struct silo *server) {
    return server == walker ? 0 : server->host ? 1 : 2;
}

static const struct connection *find_launcher(const struct mup_question *question, const struct silo *walker) {
    struct connection *connection, *next;
    const struct connection *best = NULL;
    size_t length = strcspn(question->path, "/");
    HASH_ITER (hash, question->service->connections, connection, next) {
        if (!connection->classes || !has_class(connection, question->path, length))
            continue;
        if (best && rank(walker, best->silo) <= rank(walker, connection->silo))
            continue;
        if (!question->path[length] || may_launch(question, walker, connection->silo))
            best = connection;
    }
    return best;
}

int launch_ask(const struct mup_question *question, struct mup_answer *ret_answer) {
    const char *slash = strchr(question->path, '/');
    const struct silo *walker = mup_walker(question);
    bool hidden = slash && slash[1] == '.'; /* what programs probe for: .git, .Trash */
    if (question->service->launchers == 0 || !walker || question->walk->launched || hidden ||
        (slash && strchr(slash + 1, '/')))
        return 0;
    const struct connection *launcher = find_launcher(question, walker);
    if (!launcher)
        return 0;
    *ret_answer = slash ? (struct mup_answer){.kind = MUP_LAUNCH, .launcher = launcher->id}
                        : (struct mup_answer){.kind = MUP_FOLDER};
    return 1;
}

void launch_offer(struct connection *connection, const struct wire_offer_classes *request) {
    connection->classes = strdup(request->classes);
    if (!connection->classes) {
        (void)connection_error(connection, request->header.serial, -ENOMEM, "out of memory");
        return;
    }
    connection->silo->service->launchers++;
    root_unc_wanted(connection->silo->service, NULL);
    connection_wait(connection, request->header.serial);
}

/* ---- walks that are held --------------------------------------------------------------------------------------- */

static void launch_free(struct launch *launch) {
    list_remove(&launch->node);
    sd_event_source_disable_unref(launch->timer);
    free(launch);
}

/* The walk goes on: to what stands there now. */
static void go_on(struct launch *launch) {
    struct folder *folder = folder_find(launch->service, launch->folder);
    struct walk walk = launch->walk;
    char text[NAME_MAX + 1];
    memcpy(text, launch->text, sizeof text);
    launch_free(launch);
    walk.launched = true;
    if (folder)
        mup_walk(folder, text, &walk);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
    struct launch *launch = userdata;
    log_info("/unc/%s: its launcher has started no file system in 30 s", launch->path);
    go_on(launch);
    return 0;
}

/* How many walks this launcher holds up, and whether it was told of that path already. */
static unsigned count(const struct service *service, uint64_t launcher, const char *path, bool *ret_told) {
    const struct launch *launch;
    unsigned n = 0;
    *ret_told = false;
    list_for_each (launch, &service->launches, node) {
        n += launch->launcher == launcher;
        *ret_told = *ret_told || (launch->launcher == launcher && strcmp(launch->path, path) == 0);
    }
    return n;
}

static int tell(struct connection *launcher, const char *path) {
    struct wire_start message;
    char unc[PREFIX_MAX + 2];
    wire_begin(&message, WIRE_START_WANTED, launcher->serial);
    if (prefix_to_unc(path, unc, sizeof unc) < 0)
        return -ENAMETOOLONG;
    WIRE_SET(message.prefix, unc + 1);
    return wire_send(launcher->fd, &message, NULL, 0);
}

int launch_wait(struct folder *folder, const char *text, const char *path, const struct walk *walk, uint64_t launcher) {
    struct service *service = folder->service;
    struct connection *connection = connection_find(service, launcher);
    bool told;
    if (!connection || count(service, launcher, path, &told) >= LAUNCHES_PER_LAUNCHER_MAX)
        return -ENOENT;
    struct launch *launch = calloc(1, sizeof *launch);
    if (!launch)
        return -ENOMEM;
    *launch = (struct launch){.service = service, .folder = folder->id, .launcher = launcher, .walk = *walk};
    snprintf(launch->path, sizeof launch->path, "%s", path);
    snprintf(launch->text, sizeof launch->text, "%s", text);
    int r = sd_event_add_time_relative(service->event, &launch->timer, CLOCK_MONOTONIC, WAIT_USEC, 100000, on_timer,
                                       launch);
    if (r >= 0 && !told)
        r = tell(connection, path);
    list_append(&service->launches, &launch->node);
    if (r < 0)
        launch_free(launch);
    return r < 0 ? -ENOENT : 0;
}

/* Each walk that waits for that prefix, from that silo's launcher or, where silo is NULL, from any; a walk that goes on
 * can end others. */
static struct launch *next_launch(struct service *service, const char *folded, const struct silo *silo) {
    struct launch *launch;
    char own[PREFIX_MAX];
    list_for_each (launch, &service->launches, node) {
        const struct connection *launcher = connection_find(service, launch->launcher);
        if ((!silo || (launcher && launcher->silo == silo)) && prefix_fold(launch->path, own) == 0 &&
            strcmp(own, folded) == 0)
            return launch;
    }
    return NULL;
}

static void go_on_all(struct service *service, const char *prefix, const struct silo *silo) {
    char folded[PREFIX_MAX];
    struct launch *launch;
    if (prefix_fold(prefix, folded) < 0)
        return;
    while ((launch = next_launch(service, folded, silo)))
        go_on(launch);
}

void launch_published(struct service *service, const char *prefix) {
    if (!list_empty(&service->launches))
        go_on_all(service, prefix, NULL);
}

void launch_failed(struct connection *connection, const struct wire_start *request) {
    char canonical[PREFIX_MAX];
    const char *why;
    if (prefix_parse(request->prefix, canonical, &why) < 0) {
        (void)connection_error(connection, request->header.serial, -EINVAL, "\"%s\": %s", request->prefix, why);
        return;
    }
    go_on_all(connection->silo->service, canonical, connection->silo);
    (void)connection_done(connection, request->header.serial);
}

static struct launch *next_of(struct service *service, uint64_t launcher) {
    struct launch *launch;
    list_for_each (launch, &service->launches, node)
        if (launch->launcher == launcher)
            return launch;
    return NULL;
}

void launcher_closed(struct connection *connection) {
    struct service *service = connection->silo->service;
    uint64_t id = connection->id;
    struct launch *launch;
    if (!connection->classes)
        return;
    free(connection->classes);
    connection->classes = NULL;
    service->launchers--;
    root_unc_unwanted(service);
    while ((launch = next_of(service, id)))
        go_on(launch);
}

void launches_free(struct service *service) {
    while (!list_empty(&service->launches))
        launch_free(list_element(service->launches.next, struct launch, node));
}
