/* SPDX-License-Identifier: MIT */
#include "catcher/arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "catcher/memory.h"
#include "util/cleanup.h"
#include "util/mount-table.h"
#include "util/proc.h"
#include "util/umount-arguments.h"

#define ARGUMENTS_MAX 32
#define LINKS_MAX 10

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

/* A mount that somebody means: the one at a path, that with a number, or that of a source. */
struct meant {
    const char *path;
    uint64_t id;
    const char *source;
};

static bool is_meant(const struct mount_line *mount, const struct meant *meant) {
    return (meant->path && strcmp(mount->point, meant->path) == 0) || (meant->id && mount->id == meant->id) ||
           (meant->source && strcmp(mount->source, meant->source) == 0);
}

/* Whether check says so of the type of the mount that is meant; of the topmost one where there are several. */
static bool mount_has_type(pid_t pid, struct meant meant, bool (*check)(const char *type)) {
    _cleanup_fclose_ FILE *table = proc_open_text("%d/mountinfo", (int)pid);
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool found = false;
    struct mount_line mount;
    while (table && mount_table_next(table, &line, &size, &mount))
        if (is_meant(&mount, &meant))
            found = check(mount.type);
    return found;
}

/* Opens what the kernel knows by heart: no file system is asked, and no lock is taken, so that nobody can make us wait.
 */
static int open_cached(int root, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_CACHED | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* By /proc and not by statx(2), which some file systems ask their server for, whatever it is called for. */
static uint64_t mount_of(int fd) {
    unsigned long long id = 0;
    _cleanup_fclose_ FILE *file = proc_open_text("self/fdinfo/%d", fd);
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (file && !id && getline(&line, &size, file) > 0)
        (void)sscanf(line, "mnt_id: %llu", &id);
    return id;
}

/* Whether file systems of that type answer by themselves what a link says. */
static bool answers_by_itself(const char *type) {
    static const char *const types[] = {"overlay", "ext4", "xfs", "btrfs", "tmpfs"};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* Puts what the first link in an absolute path says in its place. Returns whether there is one. */
static bool follow_link(pid_t pid, int root, char path[PATH_MAX]) {
    char part[PATH_MAX], target[PATH_MAX], whole[2 * PATH_MAX];
    for (size_t end = 1; path[end - 1]; end++) {
        end += strcspn(path + end, "/");
        snprintf(part, sizeof part, "%.*s", (int)end, path);
        _cleanup_close_ int fd = open_cached(root, part, O_NOFOLLOW);
        struct statx status;
        if (fd < 0 || !mount_has_type(pid, (struct meant){.id = mount_of(fd)}, answers_by_itself) ||
            statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0)
            return false;
        if (!S_ISLNK(status.stx_mode))
            continue;
        ssize_t length = readlinkat(fd, "", target, sizeof target - 1);
        target[length > 0 ? length : 0] = 0;
        *strrchr(part, '/') = 0;
        const char *around = target[0] == '/' ? "" : part;
        snprintf(whole, sizeof whole, "%s%s%s%s", around, target[0] == '/' ? "" : "/", target, path + end);
        return length > 0 && (size_t)snprintf(path, PATH_MAX, "%s", whole) < PATH_MAX;
    }
    return false;
}

/* The number of the mount to which an absolute path leads through links; 0: none, or nobody knows that by heart. */
static uint64_t mount_behind(pid_t pid, char path[PATH_MAX]) {
    _cleanup_close_ int root = proc_open(O_PATH | O_DIRECTORY, "%d/root", (int)pid);
    for (int links = 0; root >= 0 && links < LINKS_MAX; links++) {
        _cleanup_close_ int fd = open_cached(root, path, 0);
        if (fd >= 0)
            return mount_of(fd);
        if (!follow_link(pid, root, path))
            return 0;
    }
    return 0;
}

/* Made absolute; links are not looked for. */
static bool make_absolute(pid_t pid, const char *text, char *path) {
    ssize_t length = 0;
    if (text[0] != '/' && (length = proc_read_link(path, PATH_MAX, "%d/cwd", (int)pid)) <= 0)
        return false;
    if (snprintf(path + length, (size_t)(PATH_MAX - length), "%s%s", length > 1 ? "/" : "", text) >= PATH_MAX - length)
        return false;
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
        path[end - 1] = 0;
    return true;
}

static bool is_about_fuse(pid_t pid, const char *text) {
    char path[PATH_MAX];
    if (!make_absolute(pid, text, path))
        return false;
    if (mount_has_type(pid, (struct meant){.path = path}, mount_type_is_fuse) ||
        mount_has_type(pid, (struct meant){.source = text}, mount_type_is_fuse))
        return true;
    return mount_has_type(pid, (struct meant){.id = mount_behind(pid, path)}, mount_type_is_fuse);
}

static bool are_fuse_types(const char *text) {
    for (;; text++) {
        if (strncmp(text, "fuse", strlen("fuse")) != 0)
            return false;
        text += strcspn(text, ",");
        if (!*text)
            return true;
    }
}

/* Whether the stand-in does all that umount is asked for, and the image's own umount would do nothing else. */
static bool is_for_stand_in(pid_t pid, const struct umount_arguments *umount) {
    if (umount->unknown || umount->elsewhere)
        return false;
    if (umount->all)
        return !*umount->mount_points && umount->types && are_fuse_types(umount->types);
    for (char **mount_point = umount->mount_points; *mount_point; mount_point++)
        if (!is_about_fuse(pid, *mount_point))
            return false;
    return *umount->mount_points;
}

int arguments_are_unmount(const struct machine *machine, unsigned *ret_skip) {
    static struct arguments arguments;
    int r = read_arguments(machine, &arguments);
    if (r < 0)
        return r;
    unsigned skip = arguments.count > 1 && !is_umount(arguments.text[0]) && is_umount(arguments.text[1]);
    if (arguments.count <= skip || !is_umount(arguments.text[skip]))
        return -ENOENT;
    char *argv[ARGUMENTS_MAX + 1] = {NULL};
    int argc = (int)(arguments.count - skip);
    for (int i = 0; i < argc; i++)
        argv[i] = arguments.text[skip + (unsigned)i];
    opterr = 0;
    const struct umount_arguments umount = umount_arguments_parse(argc, argv);
    if (!is_for_stand_in(machine->pid, &umount))
        return -ENOENT;
    *ret_skip = skip;
    return 0;
}
