/* SPDX-License-Identifier: MIT */
/*
 * Where a volume is to be mounted: a letter, or a directory that is resolved here, once, with the program's own rights,
 * to an fd.
 *
 * Model. The parent of a directory is followed wherever its path leads; its last component is not, so that a symbolic
 * link is never mounted on by mistake. A directory that is missing is made; who made it (point->made) has it removed
 * again.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/volume.h"
#include "util/paths.h"
#include "util/utf8.h"

static bool is_letter(const char *text) {
    return isascii((unsigned char)text[0]) && isalpha((unsigned char)text[0]) && text[1] == ':' && !text[2];
}

/* Splits "/a/b//" into "/a" and "b". name is "" where the path ends in "/", "." or "..": there is no parent to speak
 * of. */
static int split(const char *path, char parent[WIRE_PATH_MAX], char name[WIRE_COMPONENT_MAX]) {
    size_t length = strlen(path);
    if (length >= WIRE_PATH_MAX - 2)
        return -ENAMETOOLONG;
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    size_t name_length = length - start;
    if (name_length >= WIRE_COMPONENT_MAX)
        return -ENAMETOOLONG;
    memcpy(name, path + start, name_length);
    name[name_length] = 0;
    if (!strcmp(name, ".") || !strcmp(name, "..") || !*name) {
        name[0] = 0;
        start = length;
    }
    snprintf(parent, WIRE_PATH_MAX, "%.*s", (int)start, path);
    if (start == 0)
        snprintf(parent, WIRE_PATH_MAX, ".");
    while (strlen(parent) > 1 && parent[strlen(parent) - 1] == '/')
        parent[strlen(parent) - 1] = 0;
    return 0;
}

/* The path an fd stands for, as far as /proc tells; else what the user wrote. */
static void describe(int fd, const char *text, char ret_path[WIRE_PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, ret_path, WIRE_PATH_MAX - 1);
    if (n > 0 && ret_path[0] == '/') {
        ret_path[n] = 0;
        return;
    }
    if (text[0] == '/' || !getcwd(ret_path, WIRE_PATH_MAX)) {
        snprintf(ret_path, WIRE_PATH_MAX, "%s", text);
        return;
    }
    size_t used = strlen(ret_path);
    snprintf(ret_path + used, WIRE_PATH_MAX - used, "/%s", text);
}

static bool is_mount_root(int fd) {
    struct stat status, above;
    return fstatat(fd, ".", &status, 0) == 0 && fstatat(fd, "..", &above, 0) == 0 && status.st_dev != above.st_dev;
}

static int check_empty(int fd, const char *text, struct linfsp_error *ret_error) {
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0 && errno == ENOTCONN)
        return fsp_fail(ret_error, ENOTCONN,
                        "mount point %s is a mount whose file system is gone; unmount it first: umount %s", text, text);
    if (again < 0)
        return 0; /* a directory that we may not read may still be ours to mount on: the service decides */
    _cleanup_closedir_ DIR *directory = fdopendir(again);
    if (!directory) {
        close(again);
        return fsp_fail(ret_error, ENOMEM, "mount point %s: out of memory", text);
    }
    struct dirent *entry;
    while ((entry = readdir(directory)) && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)) {
    }
    if (entry && is_mount_root(fd))
        return fsp_fail(ret_error, EBUSY,
                        "%s is a mount point already: unmount it first (linfsp umount %s), or choose another folder",
                        text, text);
    if (entry)
        return fsp_fail(ret_error, ENOTEMPTY, "mount point %s is not empty (it has \"%s\")", text, entry->d_name);
    return 0;
}

/* Why the last component could not be opened as a directory. */
static int refuse(int parent, const char *name, const char *text, int error, struct linfsp_error *ret_error) {
    struct stat status;
    if ((error == ENOTDIR || error == ELOOP) && fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISLNK(status.st_mode))
            return fsp_fail(ret_error, ELOOP, "mount point %s is a symbolic link; name the directory itself", text);
        return fsp_fail(ret_error, ENOTDIR, "mount point %s is not a directory", text);
    }
    if (error == ENOTCONN)
        return fsp_fail(ret_error, ENOTCONN,
                        "mount point %s is a mount whose file system is gone; unmount it first: umount %s", text, text);
    return fsp_fail(ret_error, error, "mount point %s: %s", text, strerror(error));
}

#define OPEN_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int open_or_make(struct fsp_mount_point *point, const char *text, struct linfsp_error *ret_error) {
    point->fd = openat(point->parent, point->name, OPEN_FLAGS);
    if (point->fd < 0 && errno == ENOENT) {
        if (mkdirat(point->parent, point->name, 0755) == 0)
            point->made = true;
        else if (errno != EEXIST)
            return fsp_fail(ret_error, errno, "mount point %s does not exist and cannot be made: %s", text,
                            strerror(errno));
        point->fd = openat(point->parent, point->name, OPEN_FLAGS);
    }
    if (point->fd < 0)
        return refuse(point->parent, point->name, text, errno, ret_error);
    return 0;
}

/* It goes into tables that people and programs read a line at a time. */
static int check_characters(const char *path, struct linfsp_error *ret_error) {
    char printable[WIRE_PATH_MAX];
    utf8_printable(path, printable, sizeof printable);
    if (strlen(path) >= sizeof printable || strcmp(path, printable) == 0) /* that it is too long is told later */
        return 0;
    return fsp_fail(ret_error, EINVAL, "mount point %s: its path must be UTF-8 without control characters", printable);
}

static int open_directory(struct fsp_mount_point *point, const char *text, bool nonempty,
                          struct linfsp_error *ret_error) {
    char parent[WIRE_PATH_MAX];
    int r = check_characters(text, ret_error);
    if (r < 0)
        return r;
    if (split(text, parent, point->name) < 0)
        return fsp_fail(ret_error, ENAMETOOLONG, "mount point %.64s...: the name is too long", text);
    point->parent = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (point->parent < 0 && errno == ENOENT)
        return fsp_fail(ret_error, ENOENT,
                        "mount point %s: the directory %s, in which it would be made, does not exist", text, parent);
    if (point->parent < 0)
        return fsp_fail(ret_error, errno, "mount point %s: %s: %s", text, parent, strerror(errno));
    if (point->name[0])
        r = open_or_make(point, text, ret_error);
    else
        point->fd = steal_fd(&point->parent); /* "/", "." and "..": the directory itself */
    if (r == 0 && !point->made && !nonempty)
        r = check_empty(point->fd, text, ret_error);
    if (r == 0) {
        describe(point->fd, text, point->path);
        r = check_characters(point->path, ret_error);
    }
    if (r == 0 && !point->made)
        close_fd(&point->parent);
    return r;
}

int fsp_mount_point_open(const char *text, bool nonempty, struct fsp_mount_point *ret_point,
                         struct linfsp_error *ret_error) {
    struct fsp_mount_point point = FSP_MOUNT_POINT_NONE;
    if (!text) {
        *ret_point = point;
        return 0;
    }
    if (!*text)
        return fsp_fail(ret_error, EINVAL, "the mount point is empty; give a letter (Z:), * or a directory");
    if (!is_letter(text) && !strchr(text, '/') && text[strlen(text) - 1] == ':')
        return fsp_fail(ret_error, EINVAL,
                        "mount point %s: a letter is one of A: to Z: (for a directory of that name: ./%s)", text, text);
    if (is_letter(text))
        point.letter[0] = (char)tolower((unsigned char)text[0]);
    else if (!strcmp(text, "*"))
        point.letter[0] = '*';
    else {
        int r = open_directory(&point, text, nonempty, ret_error);
        if (r < 0) {
            fsp_mount_point_close(&point, false);
            return r;
        }
    }
    *ret_point = point;
    return 0;
}

static int path_of(const char *text, char ret_path[WIRE_PATH_MAX]) {
    char parent[WIRE_PATH_MAX], name[WIRE_COMPONENT_MAX], real[PATH_MAX];
    if (is_letter(text)) {
        snprintf(ret_path, WIRE_PATH_MAX, LINFSP_LETTER_ROOT "/%c", tolower((unsigned char)text[0]));
        return 0;
    }
    if (!strcmp(text, "*") || split(text, parent, name) < 0 || !name[0] || !realpath(parent, real))
        return -EINVAL;
    int length = snprintf(ret_path, WIRE_PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "", name);
    return length < WIRE_PATH_MAX ? 0 : -EINVAL;
}

int fsp_name_volume(const struct linfsp_volume_options *options, struct wire_take_over *request) {
    char path[WIRE_PATH_MAX];
    WIRE_SET(request->file_system_name, options->file_system_name);
    if (options->mount_point && path_of(options->mount_point, path) < 0)
        return -ENOENT;
    WIRE_SET(request->target, options->mount_point ? path : options->prefix);
    return 0;
}

void fsp_mount_point_close(struct fsp_mount_point *point, bool keep) {
    close_fd(&point->fd);
    if (point->made && !keep)
        unlinkat(point->parent, point->name, AT_REMOVEDIR);
    point->made = false;
    close_fd(&point->parent);
}
