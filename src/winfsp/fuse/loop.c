/* SPDX-License-Identifier: MIT */
/* The life of a FUSE program's volume: it is made when the loop begins, and ends with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/fuse/internal.h"

struct fsp_fuse *fsp_fuse_make(const struct fsp_calls *calls, const void *operations, size_t size, void *data,
                               struct fsp_options *options) {
    struct fsp_fuse *fuse = calloc(1, sizeof *fuse);
    if (!fuse)
        return NULL;
    if (fsp_tree_init(&fuse->tree) < 0) {
        free(fuse);
        return NULL;
    }
    if (operations)
        memcpy(fuse->operations, operations, size < sizeof fuse->operations ? size : sizeof fuse->operations);
    pthread_mutex_init(&fuse->lock, NULL);
    fuse->calls = calls;
    fuse->data = data;
    fuse->options = *options;
    *options = (struct fsp_options){0};
    return fuse;
}

void fsp_fuse_free(struct fsp_fuse *fuse) {
    if (!fuse)
        return;
    fsp_tree_destroy(&fuse->tree);
    fsp_options_clear(&fuse->options);
    pthread_mutex_destroy(&fuse->lock);
    free(fuse->mount_point);
    free(fuse);
}

int fsp_fuse_set_mount_point(struct fsp_fuse *fuse, const char *text) {
    char *mount_point = text && *text ? fsp_platform_mount_point(text) : NULL;
    if (text && *text && !mount_point)
        return -ENOMEM;
    free(fuse->mount_point);
    fuse->mount_point = mount_point;
    return 0;
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

static void trace(void *context, const char *line) {
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static uint64_t wanted(const struct fsp_fuse *fuse) {
    return LINFSP_WANT_PARALLEL_DIRECTORY | LINFSP_WANT_AUTO_INVALIDATE |
           (fuse->wants.readdir_plus ? LINFSP_WANT_READDIRPLUS : 0) |
           (fuse->wants.dont_mask ? LINFSP_WANT_DONT_MASK : 0);
}

static int make_volume(struct fsp_fuse *fuse, unsigned threads, linfsp_volume **ret_volume) {
    char type[64];
    struct linfsp_error error;
    struct linfsp_volume_options options = {
        .size = sizeof options,
        .file_system_name = type,
        .mount_point = fuse->mount_point,
        .prefix = fuse->options.prefix,
        .source = fuse->options.volume_name,
        .want = wanted(fuse),
        .flags = fuse->options.read_only || fuse->wants.read_only ? LINFSP_VOLUME_READ_ONLY : 0,
        .threads = threads ? threads : (unsigned)fuse->options.threads,
        .trace = fuse->options.debug ? trace : NULL,
        .thread_functions = fsp_platform_threads(),
    };
    fsp_options_type(&fuse->options, type, sizeof type);
    if (!options.mount_point && !options.prefix)
        options.mount_point = "*";
    int r = linfsp_volume_create(&options, &fsp_fuse_volume_operations, fuse, ret_volume, &error);
    if (r < 0)
        fprintf(stderr, "fuse: %s\n", error.message);
    return r;
}

/* What the program's context shows outside of operations. */
static void set_context(struct fsp_fuse *fuse) {
    struct fsp_context *context = fsp_fuse_context();
    *context = (struct fsp_context){
        .fuse = fuse, .uid = getuid(), .gid = getgid(), .pid = getpid(), .private_data = fuse->data};
}

static void stop(void *argument) {
    fsp_fuse_stop(argument);
}

static void publish(struct fsp_fuse *fuse, linfsp_volume *volume) {
    pthread_mutex_lock(&fuse->lock);
    fuse->volume = volume;
    pthread_mutex_unlock(&fuse->lock);
}

int fsp_fuse_run(struct fsp_fuse *fuse, unsigned threads, void (*mounted)(void *argument), void *argument) {
    linfsp_volume *volume;
    if (!fuse)
        return -EINVAL;
    set_context(fuse);
    fuse->calls->init(fuse);
    set_context(fuse);
    int r = make_volume(fuse, threads, &volume);
    if (r == 0) {
        publish(fuse, volume);
        fsp_platform_mounted(linfsp_volume_mount_point(volume));
        bool watching = fsp_platform_watch(stop, fuse);
        if (mounted)
            mounted(argument);
        if (atomic_load(&fuse->exited))
            linfsp_volume_stop(volume);
        r = linfsp_volume_run(volume);
        if (watching)
            fsp_platform_unwatch();
        publish(fuse, NULL);
        fsp_platform_unmounted(linfsp_volume_mount_point(volume));
        linfsp_volume_destroy(volume);
    }
    atomic_store(&fuse->exited, true);
    set_context(fuse);
    fuse->calls->destroy(fuse);
    return r;
}

/* The volume is published before signals are watched, and only withdrawn afterwards. */
void fsp_fuse_stop(struct fsp_fuse *fuse) {
    if (!fuse)
        return;
    atomic_store(&fuse->exited, true);
    linfsp_volume_stop(fuse->volume);
}

/* ---- telling the kernel ---------------------------------------------------------------------------------------- */

/* The last node on a path that the kernel knows of, and the name after it, if not all of it is known. */
static struct fsp_node *walk(struct fsp_fuse *fuse, const char *path, struct fsp_node **ret_parent, char *ret_name,
                             size_t size) {
    struct fsp_node *node = &fuse->tree.root, *parent = NULL;
    while (node && *(path += strspn(path, "/"))) {
        size_t length = strcspn(path, "/");
        if (length >= size)
            return NULL;
        memcpy(ret_name, path, length);
        ret_name[length] = 0;
        path += length;
        parent = node;
        node = fsp_tree_find(&fuse->tree, node, ret_name);
        if (!node && path[strspn(path, "/")])
            parent = NULL; /* nothing is known of its directory */
    }
    *ret_parent = parent;
    return node;
}

int fsp_fuse_changed(struct fsp_fuse *fuse, const char *path) {
    struct fsp_node *parent = NULL;
    char name[256];
    int r = 0;
    if (!fuse || !path)
        return -EINVAL;
    pthread_mutex_lock(&fuse->lock);
    linfsp_volume *volume = fuse->volume;
    if (volume) {
        struct fsp_node *node = walk(fuse, path, &parent, name, sizeof name);
        if (node)
            r = linfsp_notify_inode(volume, fsp_tree_inode(&fuse->tree, node), 0, 0);
        if (parent) {
            uint64_t inode = fsp_tree_inode(&fuse->tree, parent);
            r = linfsp_notify_entry(volume, inode, name);
            linfsp_notify_inode(volume, inode, -1, 0); /* its times, and how many links it has */
        }
    }
    pthread_mutex_unlock(&fuse->lock);
    return r == -ENOENT ? 0 : r;
}
