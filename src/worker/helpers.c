/* SPDX-License-Identifier: MIT */
#include "worker/helpers.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "catcher/protocol.h"
#include "catcher/tool-names.h"
#include "util/cleanup.h"
#include "util/helper-sign.h"
#include "util/sockets.h"
#include "worker/enter.h"
#include "worker/phantom.h"
#include "worker/root-kind.h"

#define ENVIRONMENT_MAX (128 << 10)
#define PATH_FOLDERS_MAX 64 /* of a program's own PATH */

static bool in_user_namespace; /* the container that this job is for; else it may mount nothing */
static uid_t user; /* of the host, whose that namespace is */
static struct {
    uint32_t major, minor;
    bool known, of_host;
} file_system; /* that was asked about last */

/* Where programs and shells look, whatever their PATH; where a package puts a helper of its own; and what shells' start
 * files add to PATH (Homebrew, conda, Nix), which the container's init does not know of. */
static const char *const folders[] = {
    "usr/local/sbin",
    "usr/local/bin",
    "usr/sbin",
    "usr/bin",
    "sbin",
    "bin",
    "usr/libexec",
    "usr/lib/mergerfs",
    "usr/local/libexec",
    "opt/bin",
    "opt/conda/bin",
    "opt/miniconda3/bin",
    "home/linuxbrew/.linuxbrew/bin",
    "nix/var/nix/profiles/default/bin",
    "root/.nix-profile/bin",
    "root/.local/bin",
    "root/bin",
    "snap/bin",
    "run/wrappers/bin",
};
static const char *const helpers[] = {"fusermount3", "fusermount", "mergerfs-fusermount", "fusermount-glusterfs"};
/* Where libfuse is, and the helper that each looks for. */
static const char *const library_folders[] = {
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib/i386-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
    "lib/i386-linux-gnu",
    "lib64",
    "lib",
    "usr/local/lib",
    "usr/local/lib64",
    "usr/local/lib/x86_64-linux-gnu",
};
static const struct library {
    const char *name, *helper;
} libraries[] = {{"libfuse3.so.3", "fusermount3"}, {"libfuse3.so.4", "fusermount3"}, {"libfuse.so.2", "fusermount"}};
static const char *const unmounters[] = {"umount", "busybox", "toybox"};
static const char *const chroots[] = {"chroot", "busybox", "toybox"};
static const char *const chroot_folders[] = {"usr/sbin", "usr/bin", "sbin", "bin"};

/* The catcher opens what is executed: a server that does not answer must not hold it up. */
static bool may_wait(int file) {
    struct statfs status;
    return fstatfs(file, &status) < 0 || status.f_type == FUSE_SUPER_MAGIC || status.f_type == NFS_SUPER_MAGIC;
}

/* Whether the host has that file system mounted: then no user mounted it. The worker may be in the silo, and its parent
 * is the service. */
static bool is_of_host(const struct job_base *base, uint32_t major, uint32_t minor) {
    if (!file_system.known || file_system.major != major || file_system.minor != minor) {
        file_system.of_host = root_is_mounted_by(base, getppid(), major, minor);
        file_system.major = major;
        file_system.minor = minor;
        file_system.known = true;
    }
    return file_system.of_host;
}

/* Whether the file is on what somebody may have mounted in a user namespace, above something that hangs one day. A
 * namespace that root of a container made is root's, too. */
static bool user_may_hold(const struct job_base *base, int file) {
    struct statfs status;
    uint32_t major, minor;
    if (!in_user_namespace || (fstatfs(file, &status) == 0 && status.f_type != OVERLAYFS_SUPER_MAGIC))
        return false;
    return fd_device(file, &major, &minor) < 0 || !is_of_host(base, major, minor);
}

void helpers_begin(const struct job_target *target) {
    in_user_namespace = target->user_namespace;
    user = target->owner_uid;
    file_system.known = false;
}

/* The stand-in itself, where it is in place of a helper (phantom.c). */
static bool is_ours(const struct job_base *base, int file) {
    uint32_t major, minor, our_major, our_minor;
    return fd_device(file, &major, &minor) == 0 && fd_device(base->run_dir, &our_major, &our_minor) == 0 &&
           major == our_major && minor == our_minor;
}

static bool has_program(int file) {
    char start[SELFMAG + 1];
    ssize_t n = pread(file, start, sizeof start, 0);
    return n > SELFMAG && memcmp(start, ELFMAG, SELFMAG) == 0;
}

/* Whether the file has other commands in it besides that one: it has another name, or further ones. */
static bool has_many(const struct job_base *base, int file, const struct stat *status, const char *command) {
    char path[WIRE_PATH_MAX];
    const char *slash = fd_path(base, file, path, sizeof path) == 0 ? strrchr(path, '/') : NULL;
    return status->st_nlink > 1 || !slash || strcmp(slash + 1, command) != 0;
}

/* The command that files of this kind are looked for as; NULL: they are what they are, whatever they are called. A
 * package manager may be a script, which is one whatever its name, or a name of busybox's (rpm, dpkg). */
static const char *command_of(enum catcher_kind kind, const char *name, bool program) {
    return kind == CATCHER_UNMOUNTER                                       ? "umount"
           : kind == CATCHER_CHROOT                                        ? "chroot"
           : kind == CATCHER_TOOL || (kind == CATCHER_PACKAGES && program) ? name
                                                                           : NULL;
}

/* Package managers may be scripts. */
static bool is_of_kind(int file, enum catcher_kind kind) {
    return kind == CATCHER_HELPER ? helper_sign_is_in(file) : kind == CATCHER_PACKAGES || has_program(file);
}

/* Scripts, and programs that only have such a name, are the image's own affair. Returns whether there is one. */
static bool mark(const struct job_base *base, int root, const char *folder, const char *name, enum catcher_kind kind) {
    char path[WIRE_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    _cleanup_close_ int where = enter_open_inside(root, path, O_PATH);
    struct stat status;
    if (where < 0 || fstat(where, &status) < 0 || !S_ISREG(status.st_mode) || may_wait(where) || is_ours(base, where))
        return false;
    _cleanup_close_ int file = enter_open_inside(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (file < 0 || !is_of_kind(file, kind))
        return false;
    const char *command = command_of(kind, name, has_program(file));
    close_fd(&file);
    const struct catcher_message message = {.what = CATCHER_MARK,
                                            .kind = command && has_many(base, where, &status, command) ? CATCHER_MANY
                                                                                                       : kind,
                                            .group = user_may_hold(base, where) ? catcher_group_of_user(user) : 0};
    (void)socket_send(base->catcher, &message, sizeof message, &where, 1);
    return true;
}

static void mark_chroots(const struct job_base *base, int root) {
    for (size_t i = 0; i < ARRAY_SIZE(chroot_folders); i++)
        for (size_t j = 0; j < ARRAY_SIZE(chroots); j++)
            (void)mark(base, root, chroot_folders[i], chroots[j], CATCHER_CHROOT);
}

/* inotify wants a path, and the only one that leads here for certain is that of the descriptor. */
static void watch(const struct job_base *base, int folder, struct job_result *result) {
    char path[32];
    snprintf(path, sizeof path, "fd/%d", folder);
    if (result->helpers.n_watches == JOB_WATCHES_MAX || fchdir(base->proc_self) < 0)
        return;
    int number = inotify_add_watch(base->programs, path, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE);
    for (uint32_t i = 0; i < result->helpers.n_watches; i++)
        if (result->helpers.watches[i] == number)
            return;
    if (number > 0)
        result->helpers.watches[result->helpers.n_watches++] = number;
}

/* Returns whether the folder has a helper. */
static bool mark_programs(const struct job_base *base, int root, const char *folder, bool unmounters_too) {
    bool found = false;
    for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
        found |= mark(base, root, folder, helpers[i], CATCHER_HELPER);
    for (size_t i = 0; i < ARRAY_SIZE(unmounters) && unmounters_too; i++)
        (void)mark(base, root, folder, unmounters[i], CATCHER_UNMOUNTER);
    return found;
}

static void look_into(const struct job_base *base, int root, const char *folder, bool unmounters_too,
                      struct job_result *result) {
    _cleanup_close_ int directory = enter_open_inside(root, folder, O_PATH | O_DIRECTORY);
    if (directory < 0 || may_wait(directory))
        return;
    watch(base, directory, result);
    (void)mark_programs(base, root, folder, unmounters_too);
}

/* The stand-in does not count: it will go again. *stand_in becomes true where it is there. */
static bool lacks(const struct job_base *base, int root, const char *helper, bool *stand_in) {
    char path[64];
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], helper);
        _cleanup_close_ int file = enter_open_inside(root, path, O_PATH | O_NOFOLLOW);
        bool ours = file >= 0 && phantom_is_stand_in(base, file);
        *stand_in |= ours;
        if (file >= 0 && !ours && !phantom_is_ghost(file))
            return false;
    }
    return true;
}

/* A program that loads libfuse will want its helper. */
static void mark_libraries(const struct job_base *base, int root) {
    bool stand_in = false;
    for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
        enum catcher_kind kind =
            lacks(base, root, libraries[i].helper, &stand_in) ? CATCHER_LIBRARY_ALONE : CATCHER_LIBRARY;
        for (size_t j = 0; j < ARRAY_SIZE(library_folders); j++)
            (void)mark(base, root, library_folders[j], libraries[i].name, kind);
    }
}

static bool is_usual(const char *folder) {
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (strcmp(folders[i], folder) == 0)
            return true;
    return false;
}

/* The environment that a process was started with; NULL where it cannot be read. *ret_path: its PATH, or NULL. */
static char *read_path(const struct job_base *base, pid_t pid, char **ret_path) {
    char name[64];
    _cleanup_free_ char *text = calloc(1, ENVIRONMENT_MAX + 1);
    snprintf(name, sizeof name, "../%d/environ", (int)pid);
    _cleanup_close_ int file = openat(base->proc_self, name, O_RDONLY | O_CLOEXEC);
    ssize_t size = text && file >= 0 ? read(file, text, ENVIRONMENT_MAX) : 0;
    *ret_path = NULL;
    for (char *variable = text; size > 0 && variable < text + size && !*ret_path; variable += strlen(variable) + 1)
        if (strncmp(variable, "PATH=", 5) == 0)
            *ret_path = variable + 5;
    return steal_pointer(text);
}

/* The PATH of the silo's init. */
static void look_into_path(const struct job_base *base, const struct job *job, int root, bool unmounters_too,
                           struct job_result *result) {
    char *path, *state = NULL;
    _cleanup_free_ char *text = read_path(base, job->target.init_pid, &path);
    if (!text)
        return;
    for (char *folder = path ? strtok_r(path, ":", &state) : NULL; folder; folder = strtok_r(NULL, ":", &state))
        if (folder[0] == '/' && folder[1] && !is_usual(folder + 1))
            look_into(base, root, folder + 1, unmounters_too, result);
}

void helpers_mark_path_of(const struct job_base *base, int root, pid_t pid) {
    char *path, *state = NULL, name[64], around[WIRE_PATH_MAX], whole[2 * WIRE_PATH_MAX];
    _cleanup_free_ char *text = read_path(base, pid, &path);
    if (!text)
        return;
    snprintf(name, sizeof name, "../%d/cwd", (int)pid);
    ssize_t length = path ? readlinkat(base->proc_self, name, around, sizeof around - 1) : -1;
    around[length > 0 ? length : 0] = 0;
    char *folder = path ? strtok_r(path, ":", &state) : NULL;
    for (size_t i = 0; folder && i < PATH_FOLDERS_MAX; folder = strtok_r(NULL, ":", &state), i++) {
        snprintf(whole, sizeof whole, "%s%s%s", folder[0] == '/' ? "" : around, folder[0] == '/' ? "" : "/", folder);
        if (whole[0] != '/' || !whole[1] || is_usual(whole + 1))
            continue;
        _cleanup_close_ int directory = enter_open_inside(root, whole + 1, O_PATH | O_DIRECTORY);
        if (directory >= 0 && !may_wait(directory))
            (void)mark_programs(base, root, whole + 1, false);
    }
}

void helpers_mark(const struct job_base *base, const struct job *job, bool unmounters_too, struct job_result *result) {
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        look_into(base, root, folders[i], unmounters_too, result);
    look_into_path(base, job, root, unmounters_too, result);
    mark_libraries(base, root);
    mark_chroots(base, root);
    bool *stand_in = &result->helpers.stand_in; /* either may be ours: both are looked at */
    bool without_3 = lacks(base, root, "fusermount3", stand_in), without_2 = lacks(base, root, "fusermount", stand_in);
    result->helpers.lacking = without_3 || without_2;
}

/* Whether the folder is there, and is none of those before it: /bin is usr/bin mostly. */
static bool is_new_folder(int root, const char *const places[], size_t at) {
    struct stat status, earlier;
    _cleanup_close_ int folder = enter_open_inside(root, places[at], O_PATH | O_DIRECTORY);
    if (folder < 0 || fstat(folder, &status) < 0)
        return false;
    for (size_t i = 0; i < at; i++) {
        _cleanup_close_ int other = enter_open_inside(root, places[i], O_PATH | O_DIRECTORY);
        if (other >= 0 && fstat(other, &earlier) == 0 && earlier.st_dev == status.st_dev &&
            earlier.st_ino == status.st_ino)
            return false;
    }
    return true;
}

void helpers_mark_tools(const struct job_base *base, int root) {
    static const char *const places[] = {"usr/bin", "bin", "usr/sbin", "sbin", "usr/local/bin"};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (!is_new_folder(root, places, i))
            continue;
        for (size_t j = 0; j < catcher_n_tools; j++)
            (void)mark(base, root, places[i], catcher_tools[j], CATCHER_TOOL);
        for (size_t j = 0; j < catcher_n_package_managers; j++)
            (void)mark(base, root, places[i], catcher_package_managers[j], CATCHER_PACKAGES);
    }
}

bool helpers_mark_tree(const struct job_base *base, int root) {
    bool found = false;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        found |= mark_programs(base, root, folders[i], true);
    if (found)
        mark_libraries(base, root);
    return found;
}
