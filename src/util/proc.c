/* SPDX-License-Identifier: MIT */
#include "util/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mount.h>

#include "util/linux-mount.h"

#define PLACE_MAX 128

static int own = -1;

static int mount_own(void) {
    _cleanup_close_ int context = fsopen("proc", FSOPEN_CLOEXEC);
    if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return fd < 0 ? -errno : fd;
}

int proc_begin(void) {
    int fd = mount_own();
    if (fd < 0)
        fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    proc_use(fd);
    return fd;
}

void proc_use(int folder) {
    own = folder;
}

int proc_folder(void) {
    return own;
}

/* Returns the folder in which that place is to be looked for. */
_printf_(2, 0) static int place(char *ret_place, const char *format, va_list arguments) {
    size_t begin = own < 0 ? (size_t)snprintf(ret_place, PLACE_MAX, "/proc/") : 0;
    int length = vsnprintf(ret_place + begin, PLACE_MAX - begin, format, arguments);
    if (length < 0 || (size_t)length >= PLACE_MAX - begin)
        ret_place[0] = 0; /* there is nothing of that name */
    return own < 0 ? AT_FDCWD : own;
}

_printf_(2, 0) static int open_place(int flags, const char *format, va_list arguments) {
    char name[PLACE_MAX];
    int folder = place(name, format, arguments);
    return openat(folder, name, flags | O_CLOEXEC);
}

int proc_open(int flags, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int fd = open_place(flags, format, arguments);
    va_end(arguments);
    return fd;
}

/* Closes fd if there is no stream to own it. */
static void *stream_of(void *stream, int fd) {
    if (!stream)
        close_fd(&fd);
    return stream;
}

DIR *proc_open_folder(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int fd = open_place(O_RDONLY | O_DIRECTORY, format, arguments);
    va_end(arguments);
    return fd < 0 ? NULL : stream_of(fdopendir(fd), fd);
}

FILE *proc_open_text(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int fd = open_place(O_RDONLY, format, arguments);
    va_end(arguments);
    return fd < 0 ? NULL : stream_of(fdopen(fd, "re"), fd);
}

ssize_t proc_read_link(char *ret_text, size_t size, const char *format, ...) {
    char name[PLACE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int folder = place(name, format, arguments);
    va_end(arguments);
    ssize_t length = readlinkat(folder, name, ret_text, size - 1);
    if (length >= 0)
        ret_text[length] = 0;
    return length;
}
