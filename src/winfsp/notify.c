/* SPDX-License-Identifier: MIT */
#include "winfsp/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "winfsp/node.h"
#include "winfsp/text.h"

struct event {
    struct event *next;
    UINT32 action;
    size_t length;
    WCHAR path[]; /* from the root, NUL-terminated */
};

struct fsp_notifier {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned held; /* NotifyBegin without NotifyEnd */
    unsigned renames; /* under way */
    struct event *first, **last;
    struct fsp_thread *thread;
    bool ending;
};

int fsp_notifier_init(struct fsp_volume *volume) {
    struct fsp_notifier *notifier = calloc(1, sizeof *notifier);
    pthread_condattr_t attributes;
    if (!notifier)
        return -ENOMEM;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&notifier->lock, NULL);
    pthread_cond_init(&notifier->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    notifier->last = &notifier->first;
    volume->notifier = notifier;
    return 0;
}

void fsp_notifier_stop(struct fsp_volume *volume) {
    struct fsp_notifier *notifier = volume->notifier;
    pthread_mutex_lock(&notifier->lock);
    struct fsp_thread *thread = notifier->thread;
    notifier->thread = NULL;
    notifier->ending = true;
    pthread_cond_broadcast(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
    fsp_thread_join(thread);
}

void fsp_notifier_destroy(struct fsp_volume *volume) {
    struct fsp_notifier *notifier = volume->notifier;
    if (!notifier)
        return;
    fsp_notifier_stop(volume);
    pthread_cond_destroy(&notifier->changed);
    pthread_mutex_destroy(&notifier->lock);
    free(notifier);
    volume->notifier = NULL;
}

/* ---- renames --------------------------------------------------------------------------------------------------- */

void fsp_notifier_rename_begin(struct fsp_volume *volume) {
    struct fsp_notifier *notifier = volume->notifier;
    pthread_mutex_lock(&notifier->lock);
    while (notifier->held > 0 && !notifier->ending)
        pthread_cond_wait(&notifier->changed, &notifier->lock);
    notifier->renames++;
    pthread_mutex_unlock(&notifier->lock);
}

void fsp_notifier_rename_end(struct fsp_volume *volume) {
    struct fsp_notifier *notifier = volume->notifier;
    pthread_mutex_lock(&notifier->lock);
    notifier->renames--;
    pthread_cond_broadcast(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
}

static struct timespec deadline_of(ULONG timeout) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += timeout / 1000;
    time.tv_nsec += (long)(timeout % 1000) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

NTSTATUS FSP_ABI FspFileSystemNotifyBegin(FSP_FILE_SYSTEM *FileSystem, ULONG Timeout) {
    struct fsp_notifier *notifier = fsp_volume_of(FileSystem)->notifier;
    struct timespec deadline = deadline_of(Timeout);
    int r = 0;
    pthread_mutex_lock(&notifier->lock);
    while (notifier->renames > 0 && r == 0)
        r = Timeout == INFINITE ? pthread_cond_wait(&notifier->changed, &notifier->lock)
                                : pthread_cond_timedwait(&notifier->changed, &notifier->lock, &deadline);
    bool free = notifier->renames == 0;
    if (free)
        notifier->held++;
    pthread_mutex_unlock(&notifier->lock);
    return free ? STATUS_SUCCESS : STATUS_CANT_WAIT;
}

NTSTATUS FSP_ABI FspFileSystemNotifyEnd(FSP_FILE_SYSTEM *FileSystem) {
    struct fsp_notifier *notifier = fsp_volume_of(FileSystem)->notifier;
    pthread_mutex_lock(&notifier->lock);
    if (notifier->held > 0)
        notifier->held--;
    pthread_cond_broadcast(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
    return STATUS_SUCCESS;
}

/* ---- the thread ------------------------------------------------------------------------------------------------ */

/* The node of a path, as far as it is known here: its directory's, and its own or NULL; each with a reference. */
static struct fsp_node *walk(struct fsp_volume *volume, const WCHAR *path, const WCHAR **ret_name, size_t *ret_length,
                             struct fsp_node **ret_node) {
    struct fsp_node *directory = volume->root, *node = NULL;
    fsp_node_hold(volume, directory);
    *ret_node = NULL;
    for (;;) {
        size_t length = 0;
        while (*path == '\\')
            path++;
        while (path[length] && path[length] != '\\')
            length++;
        if (length == 0) { /* the root itself */
            fsp_node_release(volume, directory);
            return NULL;
        }
        node = fsp_node_find(volume, directory, path, length);
        if (!path[length]) {
            *ret_name = path;
            *ret_length = length;
            *ret_node = node;
            return directory;
        }
        fsp_node_release(volume, directory);
        directory = node;
        if (!directory) /* nobody has looked there */
            return NULL;
        path += length;
    }
}

static void drop(struct fsp_volume *volume, const struct event *event) {
    char text[256 * 3];
    const WCHAR *name = NULL;
    size_t length = 0;
    struct fsp_node *node = NULL;
    fsp_lock_shared(&volume->names);
    struct fsp_node *directory = walk(volume, event->path, &name, &length, &node);
    fsp_unlock(&volume->names);
    if (!directory)
        return;
    bool named = fsp_from_windows_name(name, length, text, sizeof text) > 0;
    bool comes_or_goes = event->action != FILE_ACTION_MODIFIED;
    bool goes = event->action == FILE_ACTION_REMOVED || event->action == FILE_ACTION_RENAMED_OLD_NAME;
    if (node)
        linfsp_notify_inode(volume->mounted, fsp_node_inode(volume, node), 0, 0);
    if (comes_or_goes && named) {
        if (node && goes)
            linfsp_notify_delete(volume->mounted, fsp_node_inode(volume, directory), fsp_node_inode(volume, node),
                                 text);
        else
            linfsp_notify_entry(volume->mounted, fsp_node_inode(volume, directory), text);
        if (volume->case_blind && volume->names_can_be_dropped)
            linfsp_notify_names(volume->mounted);
    }
    linfsp_notify_inode(volume->mounted, fsp_node_inode(volume, directory), 0, 0);
    fsp_node_release(volume, node);
    fsp_node_release(volume, directory);
}

static void run(void *argument) {
    struct fsp_volume *volume = argument;
    struct fsp_notifier *notifier = volume->notifier;
    pthread_mutex_lock(&notifier->lock);
    for (;;) {
        struct event *event = notifier->first;
        if (!event && notifier->ending)
            break;
        if (!event) {
            pthread_cond_wait(&notifier->changed, &notifier->lock);
            continue;
        }
        notifier->first = event->next;
        if (!notifier->first)
            notifier->last = &notifier->first;
        pthread_mutex_unlock(&notifier->lock);
        if (volume->mounted && !atomic_load(&volume->ended))
            drop(volume, event);
        free(event);
        pthread_mutex_lock(&notifier->lock);
    }
    pthread_mutex_unlock(&notifier->lock);
}

/* ---- records --------------------------------------------------------------------------------------------------- */

static int queue(struct fsp_volume *volume, UINT32 action, const WCHAR *folder, size_t folder_length, const WCHAR *name,
                 size_t length) {
    struct fsp_notifier *notifier = volume->notifier;
    size_t units = folder_length + 1 + length;
    struct event *event = malloc(sizeof *event + (units + 1) * sizeof(WCHAR));
    int r = 0;
    if (!event)
        return -ENOMEM;
    *event = (struct event){.action = action, .length = units};
    memcpy(event->path, folder, folder_length * sizeof *folder);
    event->path[folder_length] = '\\';
    memcpy(event->path + folder_length + 1, name, length * sizeof *name);
    event->path[units] = 0;
    pthread_mutex_lock(&notifier->lock);
    if (!notifier->thread && !notifier->ending)
        r = fsp_thread_start(run, volume, &notifier->thread);
    if (r == 0 && !notifier->ending) {
        *notifier->last = event;
        notifier->last = &event->next;
        event = NULL;
    }
    pthread_cond_broadcast(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
    free(event);
    return r;
}

/* Records that make no sense are passed over. */
NTSTATUS FSP_ABI FspFileSystemNotify(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_NOTIFY_INFO *NotifyInfo, SIZE_T Size) {
    struct fsp_volume *volume = fsp_volume_of(FileSystem);
    const unsigned char *bytes = (const unsigned char *)NotifyInfo;
    const WCHAR *folder = NULL; /* of the last name that was absolute */
    size_t folder_length = 0;
    for (SIZE_T at = 0; Size - at >= sizeof *NotifyInfo;) {
        const FSP_FSCTL_NOTIFY_INFO *info = (const void *)(bytes + at);
        if (info->Size == 0)
            break;
        if (info->Size < sizeof *info || info->Size > Size - at)
            return STATUS_INVALID_PARAMETER;
        const WCHAR *name = info->FileNameBuf;
        size_t length = (info->Size - sizeof *info) / sizeof(WCHAR);
        at += FSP_FSCTL_DEFAULT_ALIGN_UP(info->Size);
        if (length > 0 && name[0] == '\\') {
            size_t last = length;
            while (name[last - 1] != '\\')
                last--;
            folder = name;
            folder_length = last - 1;
            name += last;
            length -= last;
        }
        bool sane = length > 0 && folder && info->Action >= FILE_ACTION_ADDED &&
                    info->Action <= FILE_ACTION_RENAMED_NEW_NAME && folder_length + length < FSP_PATH_UNITS - 2;
        if (sane && queue(volume, info->Action, folder, folder_length, name, length) < 0)
            return STATUS_INSUFFICIENT_RESOURCES;
        if (at > Size)
            break;
    }
    return STATUS_SUCCESS;
}
