/* SPDX-License-Identifier: MIT */
#include "service/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "service/folder-work.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/mup.h"
#include "service/numbers.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/open-at.h"
#include "util/process.h"

#define FAILURES_MAX 16
#define ANSWERS_LOST_MAX 16
#define ANSWER_TURNS 3
#define HIDES_LOST_MAX 16
#define PACKETS_PER_TURN 16

void folder_done_nothing(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static void make_place(char *ret_place, size_t size, uint64_t silo, const char *path) {
    snprintf(ret_place, size, "%llu:%s", (unsigned long long)silo, path);
}

struct folder *folder_find(struct service *service, uint64_t id) {
    struct folder *folder;
    HASH_FIND(hash, service->folders, &id, sizeof id, folder);
    return folder;
}

struct folder *folder_at(struct service *service, uint64_t silo, const char *path) {
    struct folder *folder;
    char place[sizeof folder->place];
    make_place(place, sizeof place, silo, path);
    HASH_FIND(by_place, service->folder_places, place, strlen(place), folder);
    return folder;
}

struct name *folder_name(struct folder *folder, const char *text) {
    struct name *name;
    HASH_FIND(hash, folder->names, text, strlen(text), name);
    return name;
}

struct name *name_find(struct service *service, uint64_t id) {
    struct name *name;
    HASH_FIND(by_id, service->names, &id, sizeof id, name);
    return name;
}

struct folder *folder_enter(struct service *service, struct silo *silo, uint64_t id, const char *path) {
    struct folder *folder = calloc(1, sizeof *folder);
    if (!folder)
        return NULL;
    folder->service = service;
    folder->id = id;
    folder->silo = silo->number;
    folder->pipe = -1;
    snprintf(folder->path, sizeof folder->path, "%s", path);
    make_place(folder->place, sizeof folder->place, folder->silo, path);
    HASH_ADD(hash, service->folders, id, sizeof folder->id, folder);
    HASH_ADD(by_place, service->folder_places, place, strlen(folder->place), folder);
    if (!hash_has(hash, folder) || !hash_has(by_place, folder)) {
        if (hash_has(hash, folder))
            HASH_DELETE(hash, service->folders, folder);
        if (hash_has(by_place, folder))
            HASH_DELETE(by_place, service->folder_places, folder);
        free(folder);
        return NULL;
    }
    list_append(&silo->folder_list, &folder->of_silo);
    silo->folders++;
    return folder;
}

struct folder *folder_new(struct service *service, struct silo *silo, const char *path) {
    if (silo->folders >= FOLDERS_PER_SILO_MAX && !silo->host)
        return NULL;
    return folder_enter(service, silo, number_folder(service), path);
}

struct name *name_enter(struct folder *folder, uint64_t id, const char *text) {
    struct service *service = folder->service;
    struct silo *silo = silo_find(service, folder->silo);
    if (!silo || (silo->names >= NAMES_PER_SILO_MAX && !silo->host))
        return NULL;
    struct name *name = calloc(1, sizeof *name + strlen(text) + 1);
    if (!name)
        return NULL;
    name->folder = folder;
    name->id = id;
    strcpy(name->text, text);
    HASH_ADD(by_id, service->names, id, sizeof name->id, name);
    HASH_ADD(hash, folder->names, text[0], strlen(name->text), name);
    if (!hash_has(by_id, name) || !hash_has(hash, name)) {
        if (hash_has(by_id, name))
            HASH_DELETE(by_id, service->names, name);
        if (hash_has(hash, name))
            HASH_DELETE(hash, folder->names, name);
        free(name);
        return NULL;
    }
    silo->names++;
    return name;
}

void name_set_volume(struct name *name, struct volume *volume) {
    list_remove(&name->of_volume);
    name->volume = volume ? volume->id : 0;
    if (volume)
        list_append(&volume->name_list, &name->of_volume);
}

void name_free(struct name *name) {
    struct service *service = name->folder->service;
    struct silo *silo = silo_find(service, name->folder->silo);
    struct volume *volume = name->volume ? volume_find(service, name->volume) : NULL;
    if (silo)
        silo->names--;
    HASH_DELETE(by_id, service->names, name);
    HASH_DELETE(hash, name->folder->names, name);
    list_remove(&name->of_volume);
    journal_drop_name(name);
    free(name);
    if (volume && list_empty(&volume->name_list))
        volume_withdrawn(volume);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

struct job folder_job(const struct folder *folder, enum folder_action action, const char *text) {
    struct job job = {.type = JOB_FOLDER};
    const struct silo *silo = silo_find(folder->service, folder->silo);
    job.target.host = true; /* it works on the stage */
    job.folder.action = action;
    job.folder.folder = folder->id;
    job.folder.root_only = silo && silo->host;
    snprintf(job.folder.name, sizeof job.folder.name, "%s", text);
    return job;
}

struct lane folder_lane(const struct folder *folder, uid_t uid, enum lane_kind kind) {
    const struct silo *silo = silo_find(folder->service, folder->silo);
    return silo ? silo_lane(silo, uid, kind) : (struct lane){.silo = folder->silo, .kind = kind};
}

int folder_submit(struct folder *folder, const struct job *job, int fd, struct lane lane, job_done done, uint64_t key) {
    struct service *service = folder->service;
    return workers_submit(service->workers, job, &fd, fd >= 0, lane, done, service, key);
}

/* The number of a walk: those of its folder, which are counted from 1, and of its token, which has 32 bits. */
static uint64_t walk_key(const struct folder *folder, uint32_t token) {
    return folder->id << 32 | token;
}

static void on_answered(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct folder *folder = folder_find(service, key >> 32);
    bool waits = result->error < 0 && (result->unanswered || result->error != -ENOENT);
    if (folder)
        folder->answers_lost = waits ? folder->answers_lost + 1 : 0;
    if (waits && folder && folder->answers_lost < ANSWERS_LOST_MAX)
        folder_answer(folder, &(struct walk){.token = (uint32_t)key}, result->error);
}

void folder_answer(struct folder *folder, const struct walk *walk, int status) {
    struct job job = folder_job(folder, FOLDER_ANSWER, "");
    job.folder.token = walk->token;
    job.folder.status = status;
    int r = -EAGAIN;
    for (unsigned turn = 0; turn < ANSWER_TURNS && r < 0; turn++)
        r = folder_submit(folder, &job, -1, folder_lane(folder, walk->uid, LANE_UNMOUNTS), on_answered,
                          walk_key(folder, walk->token));
    if (r < 0)
        log_warning("process %d waits for /unc/%s: %s", walk->pid, folder->path, strerror(-r));
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static void folder_end(struct folder *folder);

static void folder_use(struct folder *folder) {
    if (folder->kept.next)
        folder->service->n_kept_folders--;
    list_remove(&folder->kept);
}

void folder_keep(struct folder *folder) {
    struct service *service = folder->service;
    const struct silo *silo = silo_find(service, folder->silo);
    if (!silo || !silo->host) {
        folder_end(folder);
        return;
    }
    folder_use(folder);
    list_append(&service->kept_folders, &folder->kept);
    if (++service->n_kept_folders > FOLDERS_KEPT_MAX)
        folder_end(list_element(service->kept_folders.next, struct folder, kept));
}

static int submit_hide(struct name *name);

static void on_hidden(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct name *name = name_find(context, key);
    if (!name)
        return;
    if (result->error < 0)
        log_warning("/unc/%s/%s: %s", name->folder->path, name->text, result->message);
    if (result->unanswered && ++name->hides_lost < HIDES_LOST_MAX && submit_hide(name) >= 0)
        return; /* how far that worker came is not known: once more */
    struct service *service = context;
    struct folder *folder = name->folder;
    uint64_t id = folder->id, child_id = name->child;
    struct walk walk = name->walk;
    bool waits = name->waits, again = name->show_again;
    char text[NAME_MAX + 1];
    snprintf(text, sizeof text, "%s", name->text);
    struct folder *child = child_id ? folder_find(service, child_id) : NULL;
    if (child && !child->names)
        folder_keep(child);
    name_free(name); /* which may end a volume, and with the last volume of a dead silo its folders */
    if (!(folder = folder_find(service, id)))
        return;
    if (again)
        mup_show(folder, text);
    if (waits)
        mup_walk(folder, text, &walk);
    mup_tidy(folder);
}

static int submit_hide(struct name *name) {
    struct job job = folder_job(name->folder, FOLDER_HIDE, name->text);
    return folder_submit(name->folder, &job, -1, folder_lane(name->folder, 0, LANE_UNMOUNTS), on_hidden, name->id);
}

void name_hide(struct name *name) {
    if (name->state == NAME_HIDING)
        return;
    name->listed = false;
    if (name->state == NAME_OPENING || name->state == NAME_CLOSING) {
        name->hide_wanted = true;
        return;
    }
    name->state = NAME_HIDING;
    struct folder *folder = name->folder;
    int r = submit_hide(name);
    if (r < 0) {
        log_warning("/unc/%s/%s cannot be unmounted: %s", folder->path, name->text, strerror(-r));
        if (name->waits)
            folder_answer(folder, &name->walk, -EIO);
        name_free(name);
    }
}

static void submit_show(const struct name *name) {
    struct job job = folder_job(name->folder, FOLDER_SHOW, name->text);
    (void)folder_submit(name->folder, &job, -1, folder_lane(name->folder, 0, LANE_MOUNTS), folder_done_nothing, 0);
}

void folder_show(struct folder *folder, const char *text, struct volume *volume) {
    struct name *name = folder_name(folder, text);
    if (name) {
        name->show_again = name->state == NAME_HIDING || name->hide_wanted;
        name->listed = !name->show_again;
        return;
    }
    if (!(name = name_enter(folder, ++folder->service->next_name, text)))
        return;
    name->listed = true;
    name_set_volume(name, volume);
    if (folder->live)
        submit_show(name);
    else
        folder->unshown = true;
}

/* Somebody there waits, and it is not known what became of the mount. */
static void on_open_lost(struct name *name, const struct job_result *result) {
    log_warning("/unc/%s/%s could not be mounted: %s", name->folder->path, name->text, result->message);
    if (result->unanswered && !name->waits)
        folder_answer(name->folder, &name->walk, result->error);
}

int folder_write_names(const struct folder *folder, enum name_state state) {
    int fd = memfd_create("linfsp-names", MFD_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "we");
    if (!file) {
        close_fd(&fd);
        return -ENOMEM;
    }
    for (const struct name *name = folder->names; name; name = name->hash.next)
        if (state == NAME_HIDING ? name->state != state : name->state == state)
            fwrite(name->text, 1, strlen(name->text) + 1, file);
    int copy = stream_is_whole(file) ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    int r = copy < 0 ? (errno ? -errno : -EIO) : copy;
    (void)fclose(file);
    return r;
}

void name_after_work(struct name *name) {
    if (name->hide_wanted) {
        name_hide(name);
    } else if (name->waits) {
        struct walk walk = name->walk;
        name->waits = false;
        mup_walk(name->folder, name->text, &walk);
    }
}

static void note_opener(struct name *name) {
    name->since = clock_realtime_ns();
    name->uid = name->walk.uid;
    name->opener = name->walk.silo;
    journal_put_name(name);
}

/* A walk of another silo: what the name leads to in the folder's own silo has not changed. */
static void on_opened_elsewhere(struct name *name, const struct job_result *result) {
    name->state = name->there ? NAME_OPEN : NAME_SHOWN;
    if (result->error == 0 && !name->since && name->volume == name->elsewhere)
        note_opener(name);
    if (result->error < 0 && !name->there && !name->listed && !name->since)
        name->hide_wanted = true; /* it was made for such walks alone, and none has succeeded */
}

static void on_opened_here(struct name *name, const struct job_result *result) {
    name->state = NAME_OPEN;
    if (result->error < 0 && !name->there) {
        name->show_again = name->listed || name->since;
        name->hide_wanted = true;
    } else if (!name->since || name->opener) {
        note_opener(name);
    }
    if (name->volume)
        name_watch_idle(name);
}

static void on_opened(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct name *name = name_find(service, key);
    struct folder *child = name && name->child && !name->elsewhere ? folder_find(service, name->child) : NULL;
    if (n_fds && child && folder_take(child, fds[0]) == 0)
        (void)steal_fd(&fds[0]);
    else if (n_fds && child)
        folder_take_up_again(child);
    if (child && result->unanswered)
        child->uncertain = true;
    if (!name)
        return;
    if (result->error < 0)
        on_open_lost(name, result);
    if (name->elsewhere)
        on_opened_elsewhere(name, result);
    else
        on_opened_here(name, result);
    name_after_work(name);
}

/* The folder below, which is made if need be. */
static struct folder *get_child(struct folder *folder, const char *text) {
    struct service *service = folder->service;
    struct silo *silo = silo_find(service, folder->silo);
    char path[PREFIX_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s%s%s", folder->path, folder->path[0] ? "/" : "", text) >= sizeof path)
        return NULL;
    struct folder *child = folder_at(service, folder->silo, path);
    return child || !silo ? child : folder_new(service, silo, path);
}

/* A worker that enters another silo than the folder's may be held up there: that is not to hold up the folder's. */
static struct lane walk_lane(const struct folder *folder, const struct walk *walk) {
    const struct silo *silo = walk->silo ? silo_find(folder->service, walk->silo) : NULL;
    return silo ? silo_lane(silo, walk->uid, LANE_MOUNTS) : folder_lane(folder, walk->uid, LANE_MOUNTS);
}

/* What the name leads to from now on in the folder's own silo: one of the two. */
static void name_set_target(struct name *name, struct volume *volume, const struct folder *child) {
    name_set_volume(name, volume);
    name->child = child ? child->id : 0;
    name->uid = name->since ? name->uid : name->walk.uid;
    journal_put_name(name);
}

/* The lane of whoever walks takes no job. The caller answers the walk; what others have open stays. */
static void on_not_submitted(struct name *name, bool is_new) {
    name->state = name->elsewhere && !name->there ? NAME_SHOWN : NAME_OPEN;
    if (!name->elsewhere && !name->there) {
        name->show_again = name->listed || name->since;
        name_hide(name);
    } else if (is_new) {
        name_free(name);
    }
}

int folder_open(struct folder *folder, const char *text, const struct walk *walk, struct volume *volume,
                bool read_only) {
    struct name *name = folder_name(folder, text);
    if (name && name->volume && !volume && walk->silo)
        return -ENOENT; /* a folder of the walker's group would take the place of a share */
    struct folder *child = volume ? NULL : get_child(folder, text);
    bool known = name;
    if (!name)
        name = volume || child ? name_enter(folder, ++folder->service->next_name, text) : NULL;
    if (!name || (!volume && !child))
        return -EDQUOT;
    if (name->state != NAME_SHOWN && name->state != NAME_OPEN) {
        name->walk = *walk;
        name->waits = true;
        return 0;
    }
    struct job job = folder_job(folder, volume ? FOLDER_MOUNT : FOLDER_ATTACH, text);
    _cleanup_close_ int names = -1;
    job.folder.there = name->there = name->state == NAME_OPEN;
    job.folder.elsewhere = volume && walk->silo;
    job.folder.token = walk->token;
    job.folder.pid = walk->pid;
    job.folder.uid = walk->uid;
    job.folder.gid = walk->gid;
    job.folder.read_only = read_only;
    if (volume) {
        job.folder.volume = volume->id;
    } else {
        if (!child->live)
            mup_list(child);
        folder_use(child);
        job.folder.child = child->id;
        job.folder.make_child = !child->live;
        names = child->live ? -1 : folder_write_names(child, NAME_HIDING);
        child->unshown = false;
    }
    name->elsewhere = job.folder.elsewhere ? volume->id : 0;
    name->state = NAME_OPENING;
    name->walk = *walk;
    if (!known || !name->elsewhere)
        name_set_target(name, volume, child);
    int r = folder_submit(folder, &job, names, walk_lane(folder, walk), on_opened, name->id);
    if (r < 0)
        on_not_submitted(name, !known);
    return r;
}

/* ---- a folder's life ------------------------------------------------------------------------------------------- */

/* Returns 0 where there is no more. */
static int take_packet(struct folder *folder, int fd) {
    struct autofs_v5_packet packet;
    ssize_t size = read(fd, &packet, sizeof packet);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (size == 0)
        return -EPIPE; /* its end was ours */
    if (size != sizeof packet || packet.hdr.type != autofs_ptype_missing_indirect || packet.len > NAME_MAX)
        return -EPROTO;
    struct walk walk = {.token = packet.wait_queue_token,
                        .pid = (pid_t)packet.pid,
                        .process = (pid_t)packet.tgid,
                        .uid = packet.uid,
                        .gid = packet.gid};
    packet.name[packet.len] = 0;
    mup_walk(folder, packet.name, &walk);
    return 1;
}

static int on_pipe(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct folder *folder = userdata;
    int r = 1;
    for (int i = 0; i < PACKETS_PER_TURN && r > 0; i++)
        r = take_packet(folder, fd);
    if (r < 0 && r != -EPIPE)
        log_warning("/unc/%s of silo %llu: %s", folder->path, (unsigned long long)folder->silo, strerror(-r));
    folder->failures = r < 0 ? folder->failures + 1 : 0;
    if (r == -EPIPE || folder->failures > FAILURES_MAX) /* else whoever waits there would wait for good */
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return 0;
}

int folder_take(struct folder *folder, int pipe) {
    int r = sd_event_add_io(folder->service->event, &folder->io, pipe, EPOLLIN, on_pipe, folder);
    if (r < 0)
        return r;
    folder->pipe = pipe;
    folder->live = true;
    for (const struct name *name = folder->names; name && folder->unshown; name = name->hash.next)
        if (name->listed)
            submit_show(name);
    folder->unshown = false;
    journal_put_folder(folder);
    return 0;
}

static void folder_free(struct folder *folder) {
    struct service *service = folder->service;
    struct silo *silo = silo_find(service, folder->silo);
    while (folder->names) /* one that goes may take others along */
        name_free(folder->names);
    if (silo)
        silo->folders--;
    folder_use(folder);
    if (service->host_folder == folder)
        service->host_folder = NULL; /* it has ended: a stop is not to end it again */
    list_remove(&folder->of_silo);
    list_remove(&folder->of_open);
    HASH_DELETE(hash, service->folders, folder);
    HASH_DELETE(by_place, service->folder_places, folder);
    sd_event_source_disable_unref(folder->io);
    close_fd(&folder->pipe);
    free(folder);
}

static void folder_end(struct folder *folder) {
    struct job job = folder_job(folder, FOLDER_END, "");
    journal_drop_folder(folder);
    if (folder->live || folder->restored || folder->uncertain)
        (void)folder_submit(folder, &job, -1, folder_lane(folder, 0, LANE_UNMOUNTS), folder_done_nothing, 0);
    folder_free(folder);
}

void folders_end(struct silo *silo) {
    struct folder *folder, *next;
    list_for_each_safe (folder, next, &silo->folder_list, of_silo)
        folder_end(folder);
}

void folders_free(struct service *service) {
    sd_event_source_disable_unref(service->close_timer);
    sd_event_source_disable_unref(service->take_ups_timer);
    struct folder *folder, *next;
    HASH_ITER (hash, service->folders, folder, next)
        folder_free(folder);
}
