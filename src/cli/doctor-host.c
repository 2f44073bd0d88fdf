/* SPDX-License-Identifier: MIT */
/* Limits of the host, its security modules, /unc, and what was installed. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "util/paths.h"

#define ENOUGH_MOUNTS 10000
#define ENOUGH_FILES 16384

static bool read_number(const char *path, long long *ret_number) {
    char text[64], *end;
    read_line(path, text, sizeof text);
    long long number = strtoll(text, &end, 10);
    if (end == text)
        return false;
    *ret_number = number;
    return true;
}

static void check_user_namespaces(struct doctor *doctor) {
    long long most, unprivileged = 1, restricted = 0;
    if (!read_number("/proc/sys/user/max_user_namespaces", &most)) {
        finding(doctor, LEVEL_NOTE, "users", "rootless engines and user-namespaced containers do not exist here",
                "a kernel with CONFIG_USER_NS", "the kernel has no user namespaces");
        return;
    }
    (void)read_number("/proc/sys/kernel/unprivileged_userns_clone", &unprivileged);
    (void)read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", &restricted);
    if (most == 0)
        finding(doctor, LEVEL_NOTE, "users", "no container with user ids of its own can start",
                "sysctl user.max_user_namespaces=15000", "user namespaces are limited to 0");
    else if (unprivileged == 0 || restricted != 0)
        finding(doctor, LEVEL_NOTE, "users", "rootless engines, and `linfsp run` for an ordinary user, do not work",
                unprivileged == 0 ? "sysctl kernel.unprivileged_userns_clone=1"
                                  : "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
                "only root may make user namespaces");
    else
        finding(doctor, LEVEL_OK, "users", NULL, NULL, "user namespaces are there (at most %lld)", most);
}

static void check_mount_limit(struct doctor *doctor) {
    long long most;
    if (!read_number("/proc/sys/fs/mount-max", &most))
        return;
    if (most < ENOUGH_MOUNTS)
        finding(doctor, LEVEL_NOTE, "limits",
                "each container gets 2 mounts, and one for each network volume: many do not fit",
                "sysctl fs.mount-max=100000", "a mount namespace may have %lld mounts only", most);
    else
        finding(doctor, LEVEL_OK, "limits", NULL, NULL, "%lld mounts a namespace", most);
}

/* The service's own limit where it runs, else what it would get. */
static long long file_limit(const struct doctor *doctor) {
    char path[64], line[256];
    unsigned long long soft = 0;
    snprintf(path, sizeof path, "/proc/%u/limits", doctor->service_pid);
    _cleanup_fclose_ FILE *file = doctor->service_pid ? fopen(path, "re") : NULL;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Max open files %llu", &soft) == 1)
            return (long long)soft;
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (long long)limit.rlim_max : 0;
}

static void check_file_limit(struct doctor *doctor) {
    long long most = file_limit(doctor);
    if (most < ENOUGH_FILES)
        finding(doctor, LEVEL_NOTE, "limits",
                "each container takes 3 descriptors of the service's, and each volume about as many: some thousand do "
                "not fit",
                "ulimit -Hn 1048576 before linfsp start, or LimitNOFILE=1048576 in its unit",
                "%lld descriptors for the service", most);
    else
        finding(doctor, LEVEL_OK, "limits", NULL, NULL, "%lld descriptors for the service", most);
}

/* Whether a process of that group has that name, of 15 bytes at most. -ENODATA: /proc does not tell. */
static int group_has(pid_t group, const char *name) {
    char path[64], found[32];
    _cleanup_closedir_ DIR *processes = opendir("/proc");
    struct dirent *entry;
    if (!processes)
        return -ENODATA;
    while ((entry = readdir(processes))) {
        int pid = atoi(entry->d_name);
        if (pid <= 0 || getpgid(pid) != group)
            continue;
        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        read_line(path, found, sizeof found);
        if (strcmp(found, name) == 0)
            return 1;
    }
    return 0;
}

static void check_catcher(struct doctor *doctor) {
    if (doctor->service_pid && group_has((pid_t)doctor->service_pid, "linfspd-catcher") == 0)
        finding(
            doctor, LEVEL_NOTE, "catcher", "FUSE programs whose image has a fusermount3 of its own cannot mount",
            "linfsp restart; if it does not help: a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS. The service's log "
            "says why",
            "the service runs without linfspd-catcher");
}

static bool has_entries(const char *path) {
    _cleanup_closedir_ DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return true;
    return false;
}

/* A mount there is doctor-mounts.c's matter. */
static void check_unc(struct doctor *doctor) {
    struct stat unc, root;
    if (lstat(LINFSP_UNC_ROOT, &unc) < 0) {
        if (errno != ENOENT || doctor->service_runs)
            finding(doctor, LEVEL_PROBLEM, "unc", "network volumes are not to be found on the host", "linfsp restart",
                    LINFSP_UNC_ROOT ": %s", strerror(errno));
        return;
    }
    if (!S_ISDIR(unc.st_mode))
        finding(doctor, LEVEL_PROBLEM, "unc", "the service cannot start",
                "mv " LINFSP_UNC_ROOT " " LINFSP_UNC_ROOT ".old", LINFSP_UNC_ROOT " is not a folder");
    else if (stat("/", &root) == 0 && root.st_dev == unc.st_dev && has_entries(LINFSP_UNC_ROOT))
        finding(doctor, LEVEL_PROBLEM, "unc", "the service cannot start: network volumes are shown there",
                "mv " LINFSP_UNC_ROOT " " LINFSP_UNC_ROOT ".old", LINFSP_UNC_ROOT " has files of somebody else's");
    else if (doctor->service_runs)
        finding(doctor, LEVEL_OK, "unc", NULL, NULL, "network volumes are at " LINFSP_UNC_ROOT);
}

static void check_security_modules(struct doctor *doctor) {
    char enforcing[8], apparmor[8];
    read_line("/sys/fs/selinux/enforce", enforcing, sizeof enforcing);
    read_line("/sys/module/apparmor/parameters/enabled", apparmor, sizeof apparmor);
    if (enforcing[0] == '1')
        finding(doctor, LEVEL_NOTE, "security",
                "without LinFsp's policy module, programs whose image has its own fusermount3 are refused",
                "semodule -i /usr/share/linfsp/selinux/linfsp.cil (Debian's package does that); "
                "ausearch -m avc -ts recent shows what is denied still",
                "SELinux is enforcing");
    else if (apparmor[0] == 'Y')
        finding(doctor, LEVEL_OK, "security", NULL, NULL,
                "AppArmor is on; containers mount nothing themselves, so its profiles are no obstacle");
    else
        finding(doctor, LEVEL_OK, "security", NULL, NULL, "neither SELinux nor AppArmor is enforcing");
}

static bool is_there(const char *folder, const char *name) {
    char path[8192];
    return (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path && access(path, F_OK) == 0;
}

/* What the service puts into containers comes from PREFIX/lib/linfsp; it keeps a copy of its own while it runs. */
static void check_installed(struct doctor *doctor) {
    char folder[4200];
    static const struct {
        const char *name, *costs;
    } parts[] = {
        {"bin/linfsp", "there is no linfsp command in containers"},
        {"bin/memfs", "there is no memfs in containers"},
        {"lib/liblinfsp.so.1", "programs built on fsp_load() do not find the library in glibc containers"},
        {"lib/musl/liblinfsp.so.1", "programs built on fsp_load() do not find the library in musl containers (Alpine)"},
    };
    if (doctor->service_runs)
        snprintf(folder, sizeof folder, "%s", LINFSP_RUN_DIR "/dist");
    else
        snprintf(folder, sizeof folder, "%s/../lib/linfsp", doctor->self_folder);
    unsigned missing = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (is_there(folder, parts[i].name))
            continue;
        missing++;
        finding(doctor, LEVEL_NOTE, "installed", parts[i].costs,
                i == 3 ? "apt install musl-tools, build again, install again, linfsp restart"
                       : "install LinFsp as a whole (meson install), linfsp restart",
                "%s/%s is missing", folder, parts[i].name);
    }
    if (missing == 0)
        finding(doctor, LEVEL_OK, "installed", NULL, NULL,
                "all that goes into containers is there, for glibc and musl");
}

void doctor_host(struct doctor *doctor) {
    check_user_namespaces(doctor);
    check_mount_limit(doctor);
    check_file_limit(doctor);
    check_catcher(doctor);
    check_unc(doctor);
    check_security_modules(doctor);
    check_installed(doctor);
}
