/* SPDX-License-Identifier: MIT */
#include "util/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "util/cleanup.h"

#define PF_EXITING 0x4

static ssize_t read_proc(pid_t pid, const char *entry, char *buffer, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, entry);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, buffer, size - 1);
    if (length < 0)
        return -errno;
    buffer[length] = 0;
    return length;
}

int process_namespace(pid_t pid, const char *name, uint64_t *ret_inode) {
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return -errno;
    target[length] = 0;
    const char *bracket = strchr(target, '[');
    if (!bracket)
        return -EPROTO;
    *ret_inode = strtoull(bracket + 1, NULL, 10);
    return 0;
}

int process_name(pid_t pid, char ret_name[16]) {
    char text[64];
    ssize_t length = read_proc(pid, "comm", text, sizeof text);
    if (length < 0)
        return (int)length;
    text[strcspn(text, "\n")] = 0;
    snprintf(ret_name, 16, "%.15s", text);
    return 0;
}

int process_root(pid_t pid, uint64_t *ret_device, uint64_t *ret_inode) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
    _cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statx status;
    /* a root may be on FUSE: what is known of it without asking its server is enough */
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) < 0)
        return -errno;
    *ret_device = makedev(status.stx_dev_major, status.stx_dev_minor);
    *ret_inode = status.stx_ino;
    return 0;
}

int process_program(pid_t pid, uint64_t *ret_device, uint64_t *ret_inode) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
    struct statx status;
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) < 0)
        return -errno;
    *ret_device = makedev(status.stx_dev_major, status.stx_dev_minor);
    *ret_inode = status.stx_ino;
    return 0;
}

/* The fields of /proc/PID/stat behind the name, which may hold anything. */
static int read_stat_fields(pid_t pid, char *buffer, size_t size, char **ret_fields) {
    ssize_t length = read_proc(pid, "stat", buffer, size);
    if (length < 0)
        return (int)length;
    char *fields = strrchr(buffer, ')');
    if (!fields)
        return -EPROTO;
    *ret_fields = fields + 2;
    return 0;
}

int process_cpu_ticks(pid_t pid, uint64_t *ret_ticks) {
    char buffer[1024], *fields = NULL;
    unsigned long long user, system;
    int r = read_stat_fields(pid, buffer, sizeof buffer, &fields);
    if (r < 0)
        return r;
    /* fields 14 and 15 */
    if (sscanf(fields, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
        return -EPROTO;
    *ret_ticks = user + system;
    return 0;
}

int process_schedule(pid_t pid, struct process_schedule *ret_schedule) {
    char buffer[1024], *fields = NULL;
    unsigned long long cpu, delay;
    int r = read_stat_fields(pid, buffer, sizeof buffer, &fields);
    if (r < 0)
        return r;
    char state = *fields;
    if (read_proc(pid, "schedstat", buffer, sizeof buffer) <= 0 || sscanf(buffer, "%llu %llu", &cpu, &delay) != 2) {
        uint64_t ticks = 0;
        if ((r = process_cpu_ticks(pid, &ticks)) < 0)
            return r;
        cpu = ticks * (1000000000u / (unsigned)sysconf(_SC_CLK_TCK));
        delay = 0;
    }
    *ret_schedule = (struct process_schedule){.state = state, .cpu_ns = cpu, .delay_ns = delay};
    return 0;
}

int process_parent(pid_t pid, pid_t *ret_parent) {
    char buffer[1024], *fields = NULL;
    int parent, r = read_stat_fields(pid, buffer, sizeof buffer, &fields);
    if (r < 0)
        return r;
    if (sscanf(fields, "%*c %d", &parent) != 1)
        return -EPROTO;
    *ret_parent = parent;
    return 0;
}

int process_start(pid_t pid, uint64_t *ret_start) {
    char buffer[1024], *fields = NULL;
    unsigned long long start;
    int r = read_stat_fields(pid, buffer, sizeof buffer, &fields);
    if (r < 0)
        return r;
    /* field 22, the 20th from here */
    if (sscanf(fields, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start) != 1)
        return -EPROTO;
    *ret_start = start;
    return 0;
}

int process_inner_pid(pid_t pid, pid_t *ret_pid, unsigned *ret_depth) {
    char buffer[4096];
    ssize_t length = read_proc(pid, "status", buffer, sizeof buffer);
    if (length < 0)
        return (int)length;
    char *line = strstr(buffer, "\nNSpid:");
    if (!line)
        return -EPROTO;
    line += strlen("\nNSpid:");
    line[strcspn(line, "\n")] = 0;
    unsigned depth = 0;
    int inner = 0;
    for (char *state = NULL, *word = strtok_r(line, "\t ", &state); word; word = strtok_r(NULL, "\t ", &state)) {
        inner = atoi(word);
        depth++;
    }
    *ret_pid = inner;
    *ret_depth = depth;
    return 0;
}

/* Of a uid_map or gid_map: what 0 stands for outside; where it has no 0, its first id. */
static int read_map(pid_t pid, const char *map, unsigned *ret_outside) {
    char buffer[4096];
    ssize_t length = read_proc(pid, map, buffer, sizeof buffer);
    if (length < 0)
        return (int)length;
    bool any = false;
    for (char *state = NULL, *line = strtok_r(buffer, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        unsigned inside, outside, count;
        if (sscanf(line, "%u %u %u", &inside, &outside, &count) != 3 || (any && inside != 0))
            continue;
        *ret_outside = outside;
        any = true;
    }
    return any ? 0 : -ENODATA;
}

static int namespace_inode(int fd, uint64_t *ret_inode) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    *ret_inode = status.st_ino;
    return 0;
}

/* Steps out of *user_namespace until only the host's is around it. */
static int step_out(int *user_namespace, uint64_t host_user_namespace) {
    for (;;) {
        _cleanup_close_ int parent = ioctl(*user_namespace, NS_GET_PARENT);
        uint64_t inode = 0;
        if (parent < 0)
            return -errno;
        int r = namespace_inode(parent, &inode);
        if (r < 0 || inode == host_user_namespace)
            return r;
        close(*user_namespace);
        *user_namespace = steal_fd(&parent);
    }
}

int process_mount_owner(pid_t pid, uint64_t host_user_namespace, uint64_t *ret_inode, uid_t *ret_owner) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    _cleanup_close_ int mount_namespace = open(path, O_RDONLY | O_CLOEXEC);
    if (mount_namespace < 0)
        return -errno;
    _cleanup_close_ int user_namespace = ioctl(mount_namespace, NS_GET_USERNS);
    if (user_namespace < 0)
        return -errno;
    *ret_owner = 0;
    int r = namespace_inode(user_namespace, ret_inode);
    if (r < 0 || *ret_inode == host_user_namespace)
        return r;
    if ((r = step_out(&user_namespace, host_user_namespace)) < 0)
        return r;
    return ioctl(user_namespace, NS_GET_OWNER_UID, ret_owner) < 0 ? -errno : 0;
}

int process_root_ids(pid_t pid, uid_t *ret_uid, gid_t *ret_gid) {
    int r = read_map(pid, "uid_map", ret_uid);
    return r < 0 ? r : read_map(pid, "gid_map", ret_gid);
}

/* A thread's flags, of /proc/PID/stat or /proc/PID/task/TID/stat, say that it is exiting. */
static bool is_exiting(pid_t pid, const char *thread) {
    char path[64], buffer[1024];
    unsigned flags = 0;
    snprintf(path, sizeof path, "task/%.16s/stat", thread);
    if (read_proc(pid, path, buffer, sizeof buffer) <= 0)
        return true;
    const char *fields = strrchr(buffer, ')');
    return !fields || sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) != 1 || (flags & PF_EXITING);
}

static bool all_are_exiting(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    _cleanup_closedir_ DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && !is_exiting(pid, entry->d_name))
            return false;
    return directory != NULL;
}

static unsigned long long status_number(const char *status, const char *name) {
    unsigned long long number = 0;
    const char *line = strstr(status, name);
    return line && sscanf(line + strlen(name), "%llx", &number) == 1 ? number : 0;
}

static bool has_pending_kill(const char *status, const char *which) {
    return status_number(status, which) & (1ull << (SIGKILL - 1));
}

bool process_is_ending(pid_t pid) {
    char status[4096];
    if (read_proc(pid, "status", status, sizeof status) <= 0)
        return false; /* it is gone */
    return has_pending_kill(status, "\nSigPnd:") || has_pending_kill(status, "\nShdPnd:") || all_are_exiting(pid);
}

bool process_has_ended(pid_t pid) {
    char buffer[1024], *fields = NULL;
    long threads = 0;
    int r = read_stat_fields(pid, buffer, sizeof buffer, &fields);
    if (r < 0)
        return r == -ENOENT || r == -ESRCH; /* else it is we who lack something */
    /* field 20; the first thread may end before the others */
    (void)sscanf(fields, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld", &threads);
    return (*fields == 'Z' || *fields == 'X') && threads <= 1;
}

static bool is_permitted(pid_t pid) {
    char status[4096];
    return read_proc(pid, "status", status, sizeof status) > 0 &&
           (status_number(status, "\nCapPrm:") & (1ull << CAP_SYS_ADMIN));
}

static bool a_child_is_permitted(pid_t pid) {
    char path[64], children[4096];
    snprintf(path, sizeof path, "task/%d/children", (int)pid);
    ssize_t length = read_proc(pid, path, children, sizeof children);
    char *rest = length > 0 ? children : NULL, *word;
    while (rest && (word = strsep(&rest, " ")))
        if (*word && is_permitted((pid_t)atoi(word)))
            return true;
    return false;
}

bool process_may_mount(pid_t pid) {
    char status[4096];
    if (read_proc(pid, "status", status, sizeof status) <= 0)
        return false;
    if (!(status_number(status, "\nCapBnd:") & (1ull << CAP_SYS_ADMIN)))
        return false;
    /*
     * bubblewrap leaves the bounding set alone and sets no_new_privs: a capability that root is not permitted stays
     * away then. Its first process has none in any case, so the program counts, which it has for a child.
     */
    bool is_root = status_number(status, "\nUid:") == 0, gains = status_number(status, "\nNoNewPrivs:") == 0;
    return !is_root || gains || is_permitted(pid) || a_child_is_permitted(pid);
}

uint64_t clock_now_realtime(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define CODE_PAGES_MIN 64

int process_code(pid_t pid, uint64_t *ret_program) {
    char path[64], name[32] = "";
    unsigned long code = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    _cleanup_fclose_ FILE *memory = fopen(path, "re");
    if (!memory || fscanf(memory, "%*u %*u %*u %lu", &code) != 1)
        return -ESRCH;
    if (code < CODE_PAGES_MIN)
        return -ENOENT;
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    _cleanup_fclose_ FILE *comm = fopen(path, "re");
    if (!comm || !fgets(name, sizeof name, comm))
        return -ESRCH;
    uint64_t program = code;
    for (const char *c = name; *c; c++)
        program = program * 31 + (unsigned char)*c;
    *ret_program = program | 1;
    return 0;
}
