/* SPDX-License-Identifier: MIT */
/*
 * Floods:
 *
 *     flood watchers SOCKET COUNT        so many subscribers of events, none of which ever reads one
 *     flood claims SOCKET NAME           claims prefixes and gives them up, as fast as it can
 *     flood disks SOCKET COUNT           makes so many disks and gives all of them up, again and again: entries of the
 *                                        journal come and go
 *     flood boxes                        namespaces with a root of their own, made and ended as fast as it can
 *
 * and what somebody else has of the service meanwhile:
 *
 *     flood pace DISK-SOCKET NET-SOCKET NAME COUNT   so many times: status, a claim, a disk. Prints for each of them
 * the median, 99th of 100 and slowest time, in microseconds
 *
 * A flood prints "ready" first, and ends with SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "client.h"

#define PACE_MAX 4096

static struct wire_plain plain(uint16_t type) {
    return (struct wire_plain){
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = type, .size = sizeof(struct wire_plain)}};
}

static void watchers(const char *path, int count) {
    const struct wire_plain watch = plain(WIRE_WATCH_EVENTS);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < count; i++) {
        int fd = try_connect(path);
        if (fd >= 0)
            (void)send(fd, &watch, sizeof watch, MSG_NOSIGNAL);
    }
    say_ready();
    pause();
}

static char why[256]; /* the last refusal */

/* Makes a volume, and returns the connection, whose end is the volume's; *ret_fd is the volume's descriptor. */
static int make(const char *path, const char *letter, const char *prefix, int *ret_fd) {
    static union answer answer;
    struct wire_create_volume create = create_request();
    snprintf(create.letter, sizeof create.letter, "%.1s", letter);
    snprintf(create.prefix, sizeof create.prefix, "%s", prefix);
    int connection = try_connect(path);
    *ret_fd = -1;
    if (connection >= 0 && send(connection, &create, sizeof create, MSG_NOSIGNAL) > 0 &&
        receive_fd(connection, &answer, sizeof answer, ret_fd, NULL) > 0 && answer.header.type == WIRE_VOLUME_CREATED)
        return connection;
    if (connection >= 0 && answer.header.type == WIRE_ERROR)
        snprintf(why, sizeof why, "%.255s", answer.error.message);
    if (connection >= 0)
        close(connection);
    return -1;
}

static void give_up(int connection, int fd) {
    close(connection);
    close(fd);
}

static void claims(const char *path, const char *name) {
    char prefix[128];
    int fd;
    say_ready();
    for (unsigned i = 0;; i++) {
        snprintf(prefix, sizeof prefix, "\\%s\\%u", name, i);
        int connection = make(path, "", prefix, &fd);
        if (connection >= 0)
            give_up(connection, fd);
    }
}

static void disks(const char *path, int count) {
    int connections[26], fds[26];
    say_ready();
    for (;;) {
        for (int i = 0; i < count && i < 26; i++)
            connections[i] = make(path, "*", "", &fds[i]);
        for (int i = 0; i < count && i < 26; i++)
            if (connections[i] >= 0)
                give_up(connections[i], fds[i]);
    }
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        err(1, "%s", path);
    close(fd);
}

static int be_box(void *user) {
    char map[64];
    snprintf(map, sizeof map, "0 %u 1", *(const uid_t *)user); /* its gid is the same */
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", map);
    put("/proc/self/gid_map", map);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", "/tmp", "tmpfs", 0, "mode=755") < 0 ||
        mkdir("/tmp/dev", 0755) < 0 || mount("none", "/tmp/dev", "tmpfs", 0, NULL) < 0 || chroot("/tmp") < 0)
        err(1, "a box");
    execl("/nothing", "nothing", NULL);
    return 0;
}

static void boxes(void) {
    static char stack[65536] __attribute__((aligned(16)));
    uid_t user = getuid();
    bool said = false;
    for (;;) {
        int status = 0;
        pid_t child = clone(be_box, stack + sizeof stack, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | SIGCHLD, &user);
        if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
            errx(1, "no box: %s", child < 0 ? strerror(errno) : "it failed");
        if (!said)
            say_ready();
        said = true;
    }
}

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void tell(const char *what, int64_t *times, int count) {
    qsort(times, (size_t)count, sizeof *times, compare);
    printf("%s %lld %lld %lld\n", what, (long long)times[count / 2], (long long)times[count * 99 / 100],
           (long long)times[count - 1]);
}

static int pace(char **argv) {
    static int64_t status[PACE_MAX], claim[PACE_MAX], disk[PACE_MAX];
    static union answer answer;
    char prefix[128];
    int count = atoi(argv[5]) < PACE_MAX ? atoi(argv[5]) : PACE_MAX, asker = connect_to(argv[2]), fd;
    const struct wire_plain question = plain(WIRE_GET_STATUS);
    for (int i = 0; i < count; i++) {
        int64_t begin = now_us();
        if (send(asker, &question, sizeof question, MSG_NOSIGNAL) < 0 || recv(asker, &answer, sizeof answer, 0) <= 0)
            err(1, "status");
        int64_t asked = now_us();
        snprintf(prefix, sizeof prefix, "\\%s\\%d", argv[4], i);
        int claimed = make(argv[3], "", prefix, &fd);
        if (claimed < 0)
            errx(1, "claim %d: %s", i, why);
        int64_t has_claimed = now_us();
        give_up(claimed, fd);
        int64_t again = now_us();
        int mounted = make(argv[2], "*", "", &fd);
        if (mounted < 0)
            errx(1, "disk %d: %s", i, why);
        int64_t has_mounted = now_us();
        give_up(mounted, fd);
        status[i] = asked - begin;
        claim[i] = has_claimed - asked;
        disk[i] = has_mounted - again;
    }
    tell("status", status, count);
    tell("claim", claim, count);
    tell("disk", disk, count);
    return 0;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "watchers") == 0 && argc > 3)
        watchers(argv[2], atoi(argv[3]));
    else if (strcmp(verb, "claims") == 0 && argc > 3)
        claims(argv[2], argv[3]);
    else if (strcmp(verb, "disks") == 0 && argc > 3)
        disks(argv[2], atoi(argv[3]));
    else if (strcmp(verb, "boxes") == 0)
        boxes();
    else if (strcmp(verb, "pace") == 0 && argc > 5)
        return pace(argv);
    else
        errx(2, "usage: flood VERB ...: see the top of test/helpers/attacks/flood.c");
    return 0;
}
