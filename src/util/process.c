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
#include "util/proc.h"

#define PF_EXITING 0x4
#define STATUS_VALUE_MAX 480 /* a pid in each of 32 pid namespaces, and all else that is looked for */

static ssize_t read_proc(pid_t pid, const char *entry, char *buffer, size_t size) {
    _cleanup_close_ int fd = proc_open(O_RDONLY, "%d/%s", (int)pid, entry);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, buffer, size - 1);
    if (length < 0)
        return -errno;
    buffer[length] = 0;
    return length;
}

int process_namespace(pid_t pid, const char *name, uint64_t *ret_inode) {
    char target[64];
    if (proc_read_link(target, sizeof target, "%d/ns/%s", (int)pid, name) < 0)
        return -errno;
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
    _cleanup_close_ int fd = proc_open(O_PATH | O_DIRECTORY, "%d/root", (int)pid);
    struct statx status;
    /* a root may be on FUSE: what is known of it without asking its server is enough */
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) < 0)
        return -errno;
    *ret_device = makedev(status.stx_dev_major, status.stx_dev_minor);
    *ret_inode = status.stx_ino;
    return 0;
}

int process_program(pid_t pid, uint64_t *ret_device, uint64_t *ret_inode) {
    _cleanup_close_ int fd = proc_open(O_PATH, "%d/exe", (int)pid);
    struct statx status;
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) < 0)
        return -errno;
    *ret_device = makedev(status.stx_dev_major, status.stx_dev_minor);
    *ret_inode = status.stx_ino;
    return 0;
}

/* The fields of /proc/PID/ENTRY, a stat, behind the name, which may hold anything. */
static int read_stat_fields(pid_t pid, const char *entry, char *buffer, size_t size, char **ret_fields) {
    ssize_t length = read_proc(pid, entry, buffer, size);
    if (length < 0)
        return (int)length;
    char *fields = strrchr(buffer, ')');
    if (!fields || fields[1] != ' ')
        return -EPROTO;
    *ret_fields = fields + 2;
    return 0;
}

/* A number of them; field: as proc(5) counts, 3 or more. */
static int stat_number(const char *fields, unsigned field, uint64_t *ret_number) {
    for (unsigned at = 3; fields && at < field; at++)
        if ((fields = strchr(fields, ' ')))
            fields++;
    char *end = NULL;
    uint64_t number = fields ? strtoull(fields, &end, 10) : 0;
    if (!fields || end == fields)
        return -EPROTO;
    *ret_number = number;
    return 0;
}

static int read_stat_number(pid_t pid, const char *entry, unsigned field, uint64_t *ret_number) {
    char buffer[1024], *fields = NULL;
    int r = read_stat_fields(pid, entry, buffer, sizeof buffer, &fields);
    return r < 0 ? r : stat_number(fields, field, ret_number);
}

int process_cpu_ticks(pid_t pid, uint64_t *ret_ticks) {
    char buffer[1024], *fields = NULL;
    uint64_t user, system;
    int r = read_stat_fields(pid, "stat", buffer, sizeof buffer, &fields);
    if (r < 0 || (r = stat_number(fields, 14, &user)) < 0 || (r = stat_number(fields, 15, &system)) < 0)
        return r;
    *ret_ticks = user + system;
    return 0;
}

int process_schedule(pid_t pid, struct process_schedule *ret_schedule) {
    char buffer[1024], *fields = NULL;
    unsigned long long cpu, delay;
    int r = read_stat_fields(pid, "stat", buffer, sizeof buffer, &fields);
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
    uint64_t parent;
    int r = read_stat_number(pid, "stat", 4, &parent);
    if (r == 0)
        *ret_parent = (pid_t)parent;
    return r;
}

int process_start(pid_t pid, uint64_t *ret_start) {
    return read_stat_number(pid, "stat", 22, ret_start);
}

int process_start_of_stack(pid_t pid, uint64_t *ret_address) {
    uint64_t address;
    int r = read_stat_number(pid, "stat", 28, &address);
    if (r < 0 || address == 0)
        return r < 0 ? r : -ENOENT;
    *ret_address = address;
    return 0;
}

/* A line of /proc/PID/status: its name with the colon, and what is behind that, cut at the size. */
struct status_line {
    const char *name;
    char value[STATUS_VALUE_MAX];
};

/* Lines that are not found keep their value. The file is read in pieces, since a process chooses how long it is: it may
 * have 65,536 groups, which come before most of what one wants to know. */
static int read_status(pid_t pid, struct status_line *lines, size_t n_lines) {
    char piece[STATUS_VALUE_MAX + 32];
    _cleanup_fclose_ FILE *file = proc_open_text("%d/status", (int)pid);
    if (!file)
        return -errno;
    for (bool begins = true; fgets(piece, sizeof piece, file);) {
        for (size_t i = 0; begins && i < n_lines; i++) {
            size_t length = strlen(lines[i].name);
            if (strncmp(piece, lines[i].name, length) == 0)
                snprintf(lines[i].value, sizeof lines[i].value, "%.*s", STATUS_VALUE_MAX - 1, piece + length);
        }
        begins = strchr(piece, '\n') != NULL; /* else the rest of this line comes next */
    }
    return ferror(file) ? -ESRCH : 0;
}

static uint64_t status_number(const struct status_line *line, int base) {
    return strtoull(line->value, NULL, base);
}

int process_status_number(pid_t pid, const char *name, int base, uint64_t *ret_number) {
    struct status_line line = {.name = name};
    int r = read_status(pid, &line, 1);
    if (r < 0 || !line.value[0])
        return r < 0 ? r : -ENOENT;
    *ret_number = status_number(&line, base);
    return 0;
}

bool process_is_roots(pid_t pid) {
    struct status_line line = {.name = "Uid:"};
    return read_status(pid, &line, 1) == 0 && strcmp(line.value, "\t0\t0\t0\t0\n") == 0;
}

int process_inner_pid(pid_t pid, pid_t *ret_pid, unsigned *ret_depth) {
    struct status_line line = {.name = "NSpid:"};
    int r = read_status(pid, &line, 1);
    if (r < 0 || !line.value[0])
        return r < 0 ? r : -EPROTO;
    line.value[strcspn(line.value, "\n")] = 0;
    unsigned depth = 0;
    int inner = 0;
    for (char *state = NULL, *word = strtok_r(line.value, "\t ", &state); word; word = strtok_r(NULL, "\t ", &state)) {
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
    _cleanup_close_ int mount_namespace = proc_open(O_RDONLY, "%d/ns/mnt", (int)pid);
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

/* A thread's flags say that it is exiting, or it is gone. If they cannot be read for another reason it is not. */
static bool is_exiting(pid_t pid, const char *thread) {
    char path[64];
    uint64_t flags;
    snprintf(path, sizeof path, "task/%.16s/stat", thread);
    int r = read_stat_number(pid, path, 9, &flags);
    return r == 0 ? (flags & PF_EXITING) : r == -ENOENT || r == -ESRCH;
}

static bool all_are_exiting(pid_t pid) {
    _cleanup_closedir_ DIR *directory = proc_open_folder("%d/task", (int)pid);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && !is_exiting(pid, entry->d_name))
            return false;
    return directory != NULL;
}

bool process_is_ending(pid_t pid) {
    struct status_line pending[] = {{.name = "SigPnd:"}, {.name = "ShdPnd:"}};
    if (read_status(pid, pending, ARRAY_SIZE(pending)) < 0)
        return false; /* it is gone */
    uint64_t signals = status_number(&pending[0], 16) | status_number(&pending[1], 16);
    return (signals & (1ull << (SIGKILL - 1))) || all_are_exiting(pid);
}

bool process_has_ended(pid_t pid) {
    char buffer[1024], *fields = NULL;
    uint64_t threads = 0;
    int r = read_stat_fields(pid, "stat", buffer, sizeof buffer, &fields);
    if (r < 0)
        return r == -ENOENT || r == -ESRCH; /* else it is we who lack something */
    (void)stat_number(fields, 20, &threads); /* the first thread may end before the others */
    return (*fields == 'Z' || *fields == 'X') && threads <= 1;
}

static bool is_permitted(pid_t pid) {
    uint64_t permitted;
    return process_status_number(pid, "CapPrm:", 16, &permitted) == 0 && (permitted & (1ull << CAP_SYS_ADMIN));
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
    struct status_line lines[] = {{.name = "CapBnd:"}, {.name = "Uid:"}, {.name = "NoNewPrivs:"}};
    if (read_status(pid, lines, ARRAY_SIZE(lines)) < 0)
        return false;
    if (!(status_number(&lines[0], 16) & (1ull << CAP_SYS_ADMIN)))
        return false;
    /*
     * bubblewrap leaves the bounding set alone and sets no_new_privs: a capability that root is not permitted stays
     * away then. Its first process has none in any case, so the program counts, which it has for a child.
     */
    bool is_root = status_number(&lines[1], 10) == 0, gains = status_number(&lines[2], 10) == 0;
    return !is_root || gains || is_permitted(pid) || a_child_is_permitted(pid);
}

#define CODE_PAGES_MIN 64

int process_code(pid_t pid, uint64_t *ret_program) {
    char name[32] = "";
    unsigned long code = 0;
    _cleanup_fclose_ FILE *memory = proc_open_text("%d/statm", (int)pid);
    if (!memory || fscanf(memory, "%*u %*u %*u %lu", &code) != 1)
        return -ESRCH;
    if (code < CODE_PAGES_MIN)
        return -ENOENT;
    _cleanup_fclose_ FILE *comm = proc_open_text("%d/comm", (int)pid);
    if (!comm || !fgets(name, sizeof name, comm))
        return -ESRCH;
    uint64_t program = code;
    for (const char *c = name; *c; c++)
        program = program * 31 + (unsigned char)*c;
    *ret_program = program | 1;
    return 0;
}
