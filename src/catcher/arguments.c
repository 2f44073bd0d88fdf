/* SPDX-License-Identifier: MIT */
#include "catcher/arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "catcher/memory.h"
#include "util/cleanup.h"
#include "util/mount-table.h"

#define ARGUMENTS_MAX 32

struct arguments {
    size_t count;
    char text[ARGUMENTS_MAX][PATH_MAX];
};

/* Text ends in its page, or goes on in the next one, which may not be there. */
static bool read_text(pid_t pid, uint64_t address, char *text, size_t size) {
    for (size_t used = 0; used < size;) {
        size_t part = 4096 - (address + used) % 4096;
        if (part > size - used)
            part = size - used;
        if (!memory_read(pid, address + used, text + used, part))
            return false;
        if (memchr(text + used, 0, part))
            return true;
        used += part;
    }
    return false;
}

static int read_arguments(const struct machine *machine, struct arguments *ret_arguments) {
    uint64_t count = 0, pointer = 0;
    if (!memory_read(machine->pid, machine->stack, &count, machine->word) || count > ARGUMENTS_MAX)
        return -E2BIG;
    for (uint64_t i = 0; i < count; i++)
        if (!memory_read(machine->pid, machine->stack + machine->word * (1 + i), &pointer, machine->word) ||
            !read_text(machine->pid, pointer, ret_arguments->text[i], PATH_MAX))
            return -EFAULT;
    ret_arguments->count = count;
    return 0;
}

static bool is_umount(const char *text) {
    const char *slash = strrchr(text, '/');
    return strcmp(slash ? slash + 1 : text, "umount") == 0;
}

/* Whether the topmost mount at path is one of FUSE. */
static bool is_fuse_mount(pid_t pid, const char *path) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/mountinfo", (int)pid);
    _cleanup_fclose_ FILE *table = fopen(name, "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool found = false;
    struct mount_line mount;
    while (table && mount_table_next(table, &line, &size, &mount))
        if (strcmp(mount.point, path) == 0)
            found = mount_type_is_fuse(mount.type);
    return found;
}

/* Made absolute; links are not looked for. */
static bool make_absolute(pid_t pid, const char *text, char *path) {
    char name[64];
    ssize_t length = 0;
    snprintf(name, sizeof name, "/proc/%d/cwd", (int)pid);
    if (text[0] != '/' && (length = readlink(name, path, PATH_MAX - 1)) <= 0)
        return false;
    if (snprintf(path + length, (size_t)(PATH_MAX - length), "%s%s", length > 1 ? "/" : "", text) >= PATH_MAX - length)
        return false;
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
        path[end - 1] = 0;
    return true;
}

static bool is_known_option(const char *text) {
    return text[1] && strspn(text + 1, "lfvnr") == strlen(text + 1);
}

int arguments_are_unmount(const struct machine *machine, unsigned *ret_skip) {
    static struct arguments arguments;
    char path[PATH_MAX];
    int r = read_arguments(machine, &arguments);
    if (r < 0)
        return r;
    unsigned skip = arguments.count > 1 && !is_umount(arguments.text[0]) && is_umount(arguments.text[1]);
    if (arguments.count <= skip || !is_umount(arguments.text[skip]))
        return -ENOENT;
    size_t mounts = 0;
    for (size_t i = skip + 1; i < arguments.count; i++) {
        const char *text = arguments.text[i];
        if (text[0] == '-' && is_known_option(text))
            continue;
        if (text[0] == '-' || !make_absolute(machine->pid, text, path) || !is_fuse_mount(machine->pid, path))
            return -ENOENT;
        mounts++;
    }
    *ret_skip = skip;
    return mounts == 1 ? 0 : -ENOENT;
}
