/* SPDX-License-Identifier: MIT */
#include "service/mup.h"

#include <string.h>

#include "service/event.h"
#include "service/launch.h"
#include "service/permission.h"
#include "service/root-unc.h"
#include "service/served.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/unc.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/process.h"

/* ---- providers ------------------------------------------------------------------------------------------------- */

/* Returns 1 with the answer, 0 when it knows nothing of that path, or a negative errno to refuse it. */
typedef int provider(const struct mup_question *question, struct mup_answer *ret_answer);

const struct silo *mup_walker(const struct mup_question *question) {
    const struct silo *silo = silo_of_process(question->service, question->walk->process);
    if (silo || !question->silo->host)
        return silo ? silo : question->silo;
    uint64_t device, inode;
    struct service *service = question->service;
    bool of_host = process_root(question->walk->process, &device, &inode) == 0 && device == service->host_root_device &&
                   inode == service->host_root_inode;
    return of_host ? question->silo : NULL;
}

static void tell_open(const struct mup_question *question, const struct silo *walker, const struct volume *volume,
                      bool refused, const char *why) {
    event_tell(volume->service, &(struct event){.kind = EVENT_OPEN,
                                                .refused = refused,
                                                .silo = walker ? walker : question->silo,
                                                .volume = volume,
                                                .uid = question->walk->uid,
                                                .pid = question->walk->process,
                                                .text = why});
}

static int may_open(const struct mup_question *question, const struct volume *volume, bool *ret_read_only) {
    const struct silo *walker = mup_walker(question), *server = silo_find(volume->service, volume->silo);
    char prefix[PREFIX_MAX + 2], message[WIRE_TEXT_MAX] = "it is not known which container the process is in";
    int r = walker && server && scope_canonical(volume, prefix, sizeof prefix) == 0
                ? permission_open(walker, question->walk->uid, server, prefix, ret_read_only, message, sizeof message)
                : -EPERM;
    if (r < 0 || !question->again) /* else it was told */
        tell_open(question, walker, volume, r < 0, message);
    return r < 0 ? -EACCES : 0;
}

static int ask_table(const struct mup_question *question, struct mup_answer *ret_answer) {
    struct service *service = question->service;
    uint64_t number = 0;
    enum unc_kind kind = unc_find(service->unc, question->path, &number);
    if (kind == UNC_NOTHING)
        return 0;
    if (kind == UNC_FOLDER) {
        *ret_answer = (struct mup_answer){.kind = MUP_FOLDER};
        return 1;
    }
    const struct volume *volume = volume_find(service, number);
    if (!volume || !volume->published)
        return 0;
    bool read_only = false;
    int r = may_open(question, volume, &read_only);
    *ret_answer = (struct mup_answer){.kind = MUP_VOLUME, .volume = number, .read_only = read_only};
    return r < 0 ? r : 1;
}

/* In the scope of the walker's group, whose members may open each other's local volumes. */
static int ask_scope(const struct mup_question *question, struct mup_answer *ret_answer) {
    struct service *service = question->service;
    const struct silo *walker = mup_walker(question);
    char scope[SCOPE_MAX], path[PREFIX_MAX + SCOPE_MAX];
    uint64_t number = 0;
    if (!walker)
        return 0;
    scope_of(walker, scope);
    enum unc_kind kind =
        scope_path(scope, question->path, path, sizeof path) < 0 ? UNC_NOTHING : unc_find(service->unc, path, &number);
    const struct volume *volume = kind == UNC_SHARE ? volume_find(service, number) : NULL;
    if (kind == UNC_NOTHING || (kind == UNC_SHARE && (!volume || !volume->published)))
        return 0;
    bool read_only = false;
    int r = volume ? may_open(question, volume, &read_only) : 0;
    *ret_answer =
        (struct mup_answer){.kind = volume ? MUP_VOLUME : MUP_FOLDER, .volume = number, .read_only = read_only};
    return r < 0 ? r : 1;
}

/* A container engine gives a server's folder to containers (-v /unc/nas:/media:rslave) also before somebody serves it,
 * so that consumers and producers can start in any order. */
static int ask_for_engine(const struct mup_question *question, struct mup_answer *ret_answer) {
    static const char *const engines[] = {"dockerd", "containerd", "podman",         "crio",      "conmon", "runc",
                                          "crun",    "nerdctl",    "systemd-nspawn", "lxc-start", "incusd", "lxd"};
    char comm[32] = "";
    if (!question->silo->host || question->walk->uid != 0 || strchr(question->path, '/'))
        return 0;
    _cleanup_fclose_ FILE *file = proc_open_text("%d/comm", (int)question->walk->process);
    if (!file || fscanf(file, "%31[^\n]", comm) != 1)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
        if (strcmp(comm, engines[i]) == 0) {
            *ret_answer = (struct mup_answer){.kind = MUP_FOLDER};
            return 1;
        }
    return 0;
}

static provider *const providers[] = {ask_scope, ask_table, launch_ask, ask_for_engine};

int mup_ask(const struct mup_question *question, struct mup_answer *ret_answer) {
    for (size_t i = 0; i < ARRAY_SIZE(providers); i++) {
        int r = providers[i](question, ret_answer);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    *ret_answer = (struct mup_answer){.kind = MUP_NOTHING};
    return 0;
}

/* ---- walks ----------------------------------------------------------------------------------------------------- */

static int join(const struct folder *folder, const char *text, char *ret_path, size_t size) {
    return (size_t)snprintf(ret_path, size, "%s%s%s", folder->path, folder->path[0] ? "/" : "", text) < size ? 0
                                                                                                             : -ENOENT;
}

static int walk_to(struct folder *folder, const char *text, const struct walk *walk) {
    struct service *service = folder->service;
    const struct silo *silo = silo_find(service, folder->silo);
    const struct name *name = folder_name(folder, text);
    char path[PREFIX_MAX];
    /* what is local to a group is in the table under a name of this kind: nobody goes there by it */
    int r = silo && text[0] != SCOPE_MARK ? join(folder, text, path, sizeof path) : -ENOENT;
    if (r < 0)
        return r;
    struct mup_question question = {
        .service = service, .silo = silo, .walk = walk, .path = path, .again = name && name->since};
    struct mup_answer answer;
    if ((r = mup_ask(&question, &answer)) < 0)
        return r;
    if (answer.kind == MUP_NOTHING)
        return -ENOENT;
    if (answer.kind == MUP_LAUNCH)
        return launch_wait(folder, text, path, walk, answer.launcher);
    struct volume *volume = answer.kind == MUP_VOLUME ? volume_find(service, answer.volume) : NULL;
    struct walk placed = *walk;
    const struct silo *walker = mup_walker(&question);
    /* the host's root that goes through /proc/PID/root is in the folder's own silo, as far as mounts go */
    placed.silo = walker && walker != silo && !walker->host ? walker->number : 0;
    return folder_open(folder, text, &placed, volume, answer.read_only);
}

void mup_walk(struct folder *folder, const char *text, const struct walk *walk) {
    struct name *name = folder_name(folder, text);
    if (name && name->state != NAME_SHOWN && name->state != NAME_OPEN) {
        name->walk = *walk;
        name->waits = true;
        return;
    }
    int r = walk_to(folder, text, walk);
    if (r < 0)
        folder_answer(folder, walk, r);
}

/* ---- what is listed -------------------------------------------------------------------------------------------- */

static bool show_name(void *context, const char *text, uint64_t first) {
    struct folder *folder = context;
    uint64_t number = 0;
    char path[PREFIX_MAX];
    if (text[0] == SCOPE_MARK || join(folder, text, path, sizeof path) < 0)
        return true;
    bool share = unc_find(folder->service->unc, path, &number) == UNC_SHARE;
    struct volume *volume = share ? volume_find(folder->service, number) : NULL;
    if (!share || (volume && volume->published))
        folder_show(folder, text, volume);
    return true;
}

/* Shows in the folder the name through which the volume is reached, when it is reached through that folder. */
static void show_volume(struct folder *folder, struct volume *volume) {
    size_t above = strlen(folder->path);
    const char *rest = volume->prefix;
    char text[NAME_MAX + 1];
    if (above && (strncmp(rest, folder->path, above) != 0 || rest[above] != '/'))
        return;
    rest += above + (above > 0);
    size_t length = strcspn(rest, "/");
    snprintf(text, sizeof text, "%.*s", (int)length, rest);
    folder_show(folder, text, rest[length] ? NULL : volume);
}

/* ---- silos that browse ----------------------------------------------------------------------------------------- */

static bool browses(const struct silo *silo) {
    return silo->of_browsers.next;
}

static bool may_browse(const struct silo *silo, const struct volume *volume) {
    const struct silo *server = silo_find(volume->service, volume->silo);
    char scope[SCOPE_MAX], prefix[PREFIX_MAX + 2], message[WIRE_TEXT_MAX];
    bool read_only;
    scope_of(silo, scope);
    return server && (!volume->scope[0] || strcmp(scope, volume->scope) == 0) &&
           scope_canonical(volume, prefix, sizeof prefix) == 0 &&
           permission_open(silo, 0, server, prefix, &read_only, message, sizeof message) == 0;
}

/* Calls visit for all shares at or below that path of the silo's /unc, also those it may not open. */
static bool each_share_there(const struct silo *silo, const char *path, unc_visit *visit, void *context) {
    const struct unc *unc = silo->service->unc;
    char scope[SCOPE_MAX], in_scope[PREFIX_MAX + SCOPE_MAX];
    scope_of(silo, scope);
    if (!unc_each_share(unc, path, visit, context))
        return false;
    return !path[0] || scope_path(scope, path, in_scope, sizeof in_scope) < 0 ||
           unc_each_share(unc, in_scope, visit, context);
}

static bool show_browsed(void *context, const char *path, uint64_t number) {
    struct folder *folder = context;
    const struct silo *silo = silo_find(folder->service, folder->silo);
    struct volume *volume = volume_find(folder->service, number);
    if (volume && volume->published && may_browse(silo, volume))
        show_volume(folder, volume);
    return silo->names < NAMES_PER_SILO_MAX;
}

static bool is_unbrowsed(void *context, const char *path, uint64_t number) {
    const struct silo *silo = context;
    const struct volume *volume = volume_find(silo->service, number);
    return !volume || !volume->published || !may_browse(silo, volume);
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

void mup_show(struct folder *folder, const char *text) {
    struct service *service = folder->service;
    const struct silo *silo = silo_find(service, folder->silo);
    char path[PREFIX_MAX];
    uint64_t number = 0;
    if (silo && !silo->host)
        mup_list(folder);
    else if (silo && join(folder, text, path, sizeof path) == 0 && unc_find(service->unc, path, &number) != UNC_NOTHING)
        (void)show_name(folder, text, number);
}

void mup_list(struct folder *folder) {
    const struct silo *silo = silo_find(folder->service, folder->silo);
    struct volume *volume;
    if (silo && silo->host)
        unc_list(folder->service->unc, folder->path, show_name, folder);
    else if (silo)
        list_for_each (volume, &silo->volume_list, node)
            if (volume->published)
                show_volume(folder, volume);
    if (silo && browses(silo))
        (void)each_share_there(silo, folder->path, show_browsed, folder);
}

/* Calls visit for the folder of each level above the volume in that silo's /unc, as far as there are. */
static void for_each_level(struct volume *volume, struct silo *silo, void (*visit)(struct folder *, struct volume *)) {
    char path[PREFIX_MAX] = "";
    for (const char *end = volume->prefix;; end++) {
        struct folder *folder = folder_at(volume->service, silo->number, path);
        if (folder)
            visit(folder, volume);
        if (!(end = strchr(end, '/')))
            return;
        snprintf(path, sizeof path, "%.*s", (int)(end - volume->prefix), volume->prefix);
    }
}

static void for_each_browser(struct service *service, struct volume *volume,
                             void (*visit)(struct folder *, struct volume *)) {
    struct silo *silo;
    list_for_each (silo, &service->browsers, of_browsers)
        if (silo->number != volume->silo && (!volume->published || may_browse(silo, volume)))
            for_each_level(volume, silo, visit);
}

static void for_each_viewer(struct volume *volume, void (*visit)(struct folder *, struct volume *)) {
    struct silo *silo = silo_find(volume->service, volume->silo), *host = volume->service->host;
    if (host && (!volume->scope[0] || silo == host))
        for_each_level(volume, host, visit);
    if (silo && silo != host)
        for_each_level(volume, silo, visit);
    for_each_browser(volume->service, volume, visit);
}

void mup_restore(struct volume *volume) {
    volume->published = true;
    served_add(volume);
}

void mup_publish(struct volume *volume) {
    mup_restore(volume);
    for_each_viewer(volume, show_volume);
    launch_published(volume->service, volume->prefix);
}

/* ---- what is not there any more -------------------------------------------------------------------------------- */

/* Whether that silo lists something at or below the path, without having opened it: its own, or what it browses. */
static bool lists_below(const struct silo *silo, const char *path) {
    return served_below(silo->service, silo->number, path) ||
           (browses(silo) && !each_share_there(silo, path, is_unbrowsed, (void *)silo));
}

/* Whether a name that is no volume's leads to something still: on the host, in the table; in a container, to what it
 * lists, or in the folder below. */
static bool is_wanted(const struct name *name) {
    struct folder *folder = name->folder;
    struct service *service = folder->service;
    const struct folder *child = name->child ? folder_find(service, name->child) : NULL;
    const struct silo *silo = silo_find(service, folder->silo);
    char path[PREFIX_MAX];
    uint64_t number = 0;
    if (name->volume || (child && child->names) || !silo || join(folder, name->text, path, sizeof path) < 0)
        return true;
    if (silo->host)
        return unc_find(service->unc, path, &number) != UNC_NOTHING;
    return lists_below(silo, path);
}

struct name *mup_unwanted(const struct folder *folder) {
    char parent[PREFIX_MAX];
    if (!folder->path[0] || folder->names)
        return NULL;
    snprintf(parent, sizeof parent, "%s", folder->path);
    char *slash = strrchr(parent, '/');
    const char *text = folder->path + (slash ? slash + 1 - parent : 0);
    if (slash)
        *slash = 0;
    struct folder *above = folder_at(folder->service, folder->silo, slash ? parent : "");
    struct name *name = above ? folder_name(above, text) : NULL;
    return name && name->state != NAME_OPENING && name->state != NAME_CLOSING && !is_wanted(name) ? name : NULL;
}

void mup_tidy(struct folder *folder) {
    struct name *name = mup_unwanted(folder);
    if (name)
        name_hide(name);
}

/* The name through which the volume was reached is hidden when it leads nowhere any more. */
static void hide_unwanted(struct folder *folder, struct volume *volume) {
    size_t above = strlen(folder->path);
    const char *rest = volume->prefix + above + (above > 0);
    char text[NAME_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(rest, "/"), rest);
    struct name *name = folder_name(folder, text);
    if (name && !is_wanted(name))
        name_hide(name);
}

static void unpublish(struct volume *volume) {
    volume->published = false;
    served_remove(volume);
}

void mup_withdraw(struct volume *volume) {
    struct name *name, *next;
    unpublish(volume);
    list_for_each_safe (name, next, &volume->name_list, of_volume)
        name_hide(name);
}

void mup_release(struct volume *volume) {
    struct name *name, *next;
    unpublish(volume);
    list_for_each_safe (name, next, &volume->name_list, of_volume) {
        list_remove(&name->of_volume);
        name->volume = 0;
        name_hide(name);
    }
    unc_release(volume->service->unc, volume->id);
    root_unc_unwanted(volume->service);
    if (volume->prefix[0])
        for_each_viewer(volume, hide_unwanted);
}

/* Names that are listed because they may be browsed, and may not any more. What was opened stays. */
static void hide_unbrowsed(struct folder *folder, const struct silo *silo) {
    char path[PREFIX_MAX];
    for (struct name *name = folder->names, *next; name; name = next) {
        next = name->hash.next;
        if (name->state == NAME_SHOWN && !name->since && join(folder, name->text, path, sizeof path) == 0 &&
            !lists_below(silo, path))
            name_hide(name);
    }
}

void mup_browse(struct silo *silo) {
    const struct rule *rule = silo->host || silo_is_dead(silo) ? NULL : permission_rule(silo);
    bool browsed = browses(silo);
    struct folder *folder;
    list_remove(&silo->of_browsers);
    if (rule && rule->browse > 0)
        list_append(&silo->service->browsers, &silo->of_browsers);
    if (!browsed && !browses(silo))
        return;
    list_for_each (folder, &silo->folder_list, of_silo) {
        hide_unbrowsed(folder, silo);
        mup_list(folder);
    }
}

void mup_browse_anew(struct service *service) {
    struct silo *silo, *next;
    HASH_ITER (hash, service->silos, silo, next)
        mup_browse(silo);
}
