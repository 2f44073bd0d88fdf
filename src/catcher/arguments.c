/* SPDX-License-Identifier: MIT */
#include "catcher/arguments.h"

#include <errno.h>
#include <fcntl.h>
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

/* Whether the topmost mount that is meant is one of FUSE: the mount at path, or with the number id, or (source) of that
 * source. */
static bool is_fuse_mount(pid_t pid, const char *path, uint64_t id, const char *source) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/mountinfo", (int)pid);
    _cleanup_fclose_ FILE *table = fopen(name, "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool found = false;
    struct mount_line mount;
    while (table && mount_table_next(table, &line, &size, &mount))
        if ((path && strcmp(mount.point, path) == 0) || (id && mount.id == id) ||
            (source && strcmp(mount.source, source) == 0))
            found = mount_type_is_fuse(mount.type);
    return found;
}

/* Opens what the kernel knows by heart: no file system is asked, and no lock is taken, so that nobody can make us wait.
 */
static int open_cached(int root, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_CACHED | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static uint64_t mount_of(int fd) {
    char name[64];
    unsigned long long id = 0;
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
    _cleanup_fclose_ FILE *file = fopen(name, "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (file && !id && getline(&line, &size, file) > 0)
        (void)sscanf(line, "mnt_id: %llu", &id);
    return id;
}

/* Whether that mount is of a file system that answers by itself what a link says. */
static bool answers_by_itself(pid_t pid, uint64_t id) {
    static const char *const types[] = {"overlay", "ext4", "xfs", "btrfs", "tmpfs"};
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/mountinfo", (int)pid);
    _cleanup_fclose_ FILE *table = fopen(name, "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    struct mount_line mount;
    while (table && mount_table_next(table, &line, &size, &mount))
        for (size_t i = 0; mount.id == id && i < ARRAY_SIZE(types); i++)
            if (strcmp(mount.type, types[i]) == 0)
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
        struct stat status;
        if (fd < 0 || !answers_by_itself(pid, mount_of(fd)) || fstat(fd, &status) < 0)
            return false;
        if (!S_ISLNK(status.st_mode))
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
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/root", (int)pid);
    _cleanup_close_ int root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
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

static bool is_about_fuse(pid_t pid, const char *text) {
    char path[PATH_MAX];
    if (!make_absolute(pid, text, path))
        return false;
    if (is_fuse_mount(pid, path, 0, NULL) || is_fuse_mount(pid, NULL, 0, text))
        return true;
    uint64_t id = mount_behind(pid, path);
    return id && is_fuse_mount(pid, NULL, id, NULL);
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

/* What umount is called with. */
struct request {
    size_t mounts;
    bool all;
    const char *types;
    bool foreign; /* something that the stand-in does not do */
};

static const char *value_of(const struct arguments *arguments, size_t *at, const char *rest) {
    if (*rest)
        return rest;
    return *at + 1 < arguments->count ? arguments->text[++*at] : "";
}

static void read_short_options(const struct arguments *arguments, size_t *at, struct request *request) {
    for (const char *c = arguments->text[*at] + 1; *c; c++)
        if (*c == 't') {
            request->types = value_of(arguments, at, c + 1);
            return;
        } else if (*c == 'a')
            request->all = true;
        else if (!strchr("lfvnrdiq", *c))
            request->foreign = true;
}

static void read_long_option(const struct arguments *arguments, size_t *at, struct request *request) {
    static const char *const known[] = {"--lazy", "--force", "--verbose", "--no-mtab", "--read-only", "--quiet"};
    const char *text = arguments->text[*at];
    if (strcmp(text, "--all") == 0) {
        request->all = true;
        return;
    }
    if (strcmp(text, "--types") == 0 || strncmp(text, "--types=", strlen("--types=")) == 0) {
        request->types = value_of(arguments, at, text + strlen("--types") + (text[strlen("--types")] == '='));
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(text, known[i]) == 0)
            return;
    request->foreign = true;
}

static struct request read_request(pid_t pid, const struct arguments *arguments, size_t first) {
    struct request request = {0};
    bool options = true;
    for (size_t i = first; i < arguments->count && !request.foreign; i++) {
        const char *text = arguments->text[i];
        if (options && strcmp(text, "--") == 0)
            options = false;
        else if (options && strncmp(text, "--", 2) == 0)
            read_long_option(arguments, &i, &request);
        else if (options && text[0] == '-' && text[1])
            read_short_options(arguments, &i, &request);
        else if (is_about_fuse(pid, text))
            request.mounts++;
        else
            request.foreign = true;
    }
    return request;
}

int arguments_are_unmount(const struct machine *machine, unsigned *ret_skip) {
    static struct arguments arguments;
    int r = read_arguments(machine, &arguments);
    if (r < 0)
        return r;
    unsigned skip = arguments.count > 1 && !is_umount(arguments.text[0]) && is_umount(arguments.text[1]);
    if (arguments.count <= skip || !is_umount(arguments.text[skip]))
        return -ENOENT;
    const struct request request = read_request(machine->pid, &arguments, skip + 1);
    bool only_fuse = request.types && are_fuse_types(request.types);
    if (request.foreign || (request.all ? request.mounts || !only_fuse : !request.mounts))
        return -ENOENT;
    *ret_skip = skip;
    return 0;
}
