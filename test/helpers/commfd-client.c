/* SPDX-License-Identifier: MIT */
/*
 * Plays libfuse's part towards a fusermount helper, and prints what the helper did, a line a fact, for the tests to
 * compare.
 *
 *     commfd-client [OPTION...] HELPER ARGUMENT...
 *
 * It makes a socket pair, runs the helper with one end in _FUSE_COMMFD and its standard output and error in a pipe, and
 * receives. Then:
 *
 *     out TEXT / err TEXT          each line that the helper printed
 *     message BYTES DATA FDS       how many bytes came over the socket, the first of them, how many descriptors with
 * them fd fuse INIT                 what the descriptor is: "fuse" or "other"; "init" when the kernel's FUSE_INIT waits
 * in it, or "none" mount TYPE SOURCE MOUNT-OPTIONS SUPER-OPTIONS how --at is mounted now (numbers of descriptors and
 * ids as they are), or "mount none" exit STATUS / stays          the helper ended, or still runs half a second after
 * the message closed: exit STATUS, mounted | unmounted with a helper that stays: after our end of the socket was closed
 *     eof                          the socket ended without a message
 *
 *     --at PATH      the mount point to look at
 *     --serve        answers FUSE_INIT and GETATTR of the root, so that the mount can be used, until standard input
 * ends; prints "serving" first; what the helper printed is shown before that
 *     --no-socket    _FUSE_COMMFD is not set
 *     --socket TEXT  _FUSE_COMMFD is TEXT instead
 *     --by-option    --comm-fd=N instead of _FUSE_COMMFD
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 5000
#define STAYS_MS 500
#define FUSE_MAJOR 10
#define FUSE_MINOR 229

static const char *at, *socket_text;
static bool serve, no_socket, by_option;

static void die(const char *what) {
    fprintf(stderr, "commfd-client: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* ---- the helper ------------------------------------------------------------------------------------------------ */

static char **with_comm_fd(char **argv, const char *number) {
    static char option[64];
    size_t n = 0;
    while (argv[n])
        n++;
    char **longer = calloc(n + 2, sizeof *longer);
    if (!longer)
        die("calloc");
    snprintf(option, sizeof option, "--comm-fd=%s", number);
    longer[0] = argv[0];
    longer[1] = option;
    memcpy(longer + 2, argv + 1, (n - 1) * sizeof *argv);
    return longer;
}

static pid_t run_helper(char **argv, int comm, int other, int out, int err) {
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    char number[16];
    close(other);
    snprintf(number, sizeof number, "%d", comm);
    if (by_option)
        argv = with_comm_fd(argv, number);
    if (no_socket || by_option)
        unsetenv("_FUSE_COMMFD");
    else
        setenv("_FUSE_COMMFD", socket_text ? socket_text : number, 1);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    const char *path = argv[0];
    char *slash = strrchr(path, '/');
    argv[0] = slash ? slash + 1 : argv[0]; /* the name that libfuse calls it by, and that it shows */
    execvp(path, argv);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    _exit(127);
}

static void show_output(FILE *file, const char *name) {
    char line[4096];
    rewind(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        printf("%s %s\n", name, line);
    }
}

/* The exit status once it ends within ms; -1 while it runs. */
static int await(pid_t pid, int ms) {
    for (int waited = 0;; waited += 10) {
        int status;
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (ended < 0)
            die("waitpid");
        if (waited >= ms)
            return -1;
        sleep_ms(10);
    }
}

/* ---- what came ------------------------------------------------------------------------------------------------- */

static int receive(int comm, bool *ret_eof) {
    char data[16] = {0};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {data, sizeof data};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t size;
    while ((size = recvmsg(comm, &message, 0)) < 0 && errno == EINTR)
        ;
    *ret_eof = size == 0;
    if (size < 0)
        die("recvmsg");
    if (size == 0) {
        printf("eof\n");
        return -1;
    }
    size_t n_fds = 0;
    int fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        n_fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    }
    printf("message %zd %d %zu\n", size, data[0], n_fds);
    return fd;
}

static void show_fd(int fd, char *request, size_t room) {
    struct stat status;
    bool fuse = fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(FUSE_MAJOR, FUSE_MINOR);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    bool init = fuse && poll(&wait, 1, PATIENCE_MS) == 1 && read(fd, request, room) > 0 &&
                ((struct fuse_in_header *)request)->opcode == FUSE_INIT;
    printf("fd %s %s\n", fuse ? "fuse" : "other", init ? "init" : "none");
}

/* One line of /proc/self/mountinfo: its fields 6, and behind " - " type, source, options. The last mount at a path
 * counts. */
static bool find_mount(char *text, size_t size) {
    char line[8192];
    bool found = false;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        die("/proc/self/mountinfo");
    while (fgets(line, sizeof line, file)) {
        char point[4096], options[1024], type[256], source[1024], super[2048];
        const char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*s %*s %*s %*s %4095s %1023s", point, options) != 2 || strcmp(point, at) != 0 ||
            sscanf(rest, " - %255s %1023s %2047s", type, source, super) != 3)
            continue;
        snprintf(text, size, "%s %s %s %s", type, source, options, super);
        found = true;
    }
    fclose(file);
    return found;
}

static void show_mount(void) {
    char text[8192];
    if (at)
        printf("mount %s\n", find_mount(text, sizeof text) ? text : "none");
}

/* ---- serving --------------------------------------------------------------------------------------------------- */

static void reply(int fd, uint64_t unique, int error, const void *data, size_t size) {
    struct {
        struct fuse_out_header header;
        char data[sizeof(struct fuse_init_out) + sizeof(struct fuse_attr_out)];
    } answer = {.header = {.len = (uint32_t)(sizeof answer.header + size), .error = error, .unique = unique}};
    memcpy(answer.data, data, size);
    if (write(fd, &answer, answer.header.len) < 0 && errno != ENOENT && errno != ENODEV)
        die("answering");
}

static void answer_request(int fd, const char *request) {
    const struct fuse_in_header *header = (const void *)request;
    if (header->opcode == FUSE_INIT) {
        const struct fuse_init_in *in = (const void *)(request + sizeof *header);
        struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                    .minor = 31,
                                    .max_readahead = in->max_readahead,
                                    .max_write = 4096,
                                    .max_background = 12,
                                    .congestion_threshold = 9,
                                    .time_gran = 1};
        reply(fd, header->unique, 0, &out, sizeof out);
    } else if (header->opcode == FUSE_GETATTR) {
        struct fuse_attr_out out = {.attr = {.ino = 1, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096}};
        out.attr.uid = getuid();
        reply(fd, header->unique, 0, &out, sizeof out);
    } else if (header->opcode == FUSE_OPENDIR) {
        struct fuse_open_out out = {0};
        reply(fd, header->unique, 0, &out, sizeof out);
    } else if (header->opcode == FUSE_READDIR || header->opcode == FUSE_RELEASEDIR) {
        reply(fd, header->unique, 0, NULL, 0);
    } else if (header->opcode != FUSE_FORGET && header->opcode != FUSE_BATCH_FORGET &&
               header->opcode != FUSE_INTERRUPT) {
        reply(fd, header->unique, -ENOSYS, NULL, 0);
    }
}

static void serve_until_told(int fd, char *request, size_t room) {
    answer_request(fd, request);
    printf("serving\n");
    fflush(stdout);
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (poll(wait, 2, -1) > 0 && !wait[1].revents) {
        if (wait[0].revents & POLLERR)
            break;
        if (read(fd, request, room) > 0)
            answer_request(fd, request);
        else if (errno == ENODEV)
            break;
    }
    printf("served\n");
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static void parse(int argc, char **argv) {
    static const struct option options[] = {
        {"at", required_argument, NULL, 'a'},  {"serve", no_argument, NULL, 's'},
        {"no-socket", no_argument, NULL, 'n'}, {"socket", required_argument, NULL, 't'},
        {"by-option", no_argument, NULL, 'b'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;)
        switch (c) {
        case 'a':
            at = optarg;
            break;
        case 's':
            serve = true;
            break;
        case 'n':
            no_socket = true;
            break;
        case 't':
            socket_text = optarg;
            break;
        case 'b':
            by_option = true;
            break;
        default:
            exit(2);
        }
    if (optind >= argc) {
        fprintf(stderr, "usage: commfd-client [OPTION...] HELPER ARGUMENT...\n");
        exit(2);
    }
}

static void close_and_watch(pid_t pid, int comm, int fuse) {
    char text[8192];
    printf("stays\n");
    close(fuse);
    close(comm);
    int status = await(pid, PATIENCE_MS);
    if (status < 0)
        kill(pid, SIGKILL);
    for (int waited = 0; at && find_mount(text, sizeof text) && waited < STAYS_MS; waited += 10)
        sleep_ms(10);
    printf("closed: exit %d%s\n", status, !at ? "" : find_mount(text, sizeof text) ? ", mounted" : ", unmounted");
}

int main(int argc, char **argv) {
    static char request[1 << 17] __attribute__((aligned(8)));
    int pair[2];
    parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        die("socketpair");
    FILE *out = tmpfile(), *err = tmpfile();
    if (!out || !err)
        die("tmpfile");
    pid_t pid = run_helper(argv + optind, pair[0], pair[1], fileno(out), fileno(err));
    close(pair[0]);
    bool eof;
    int fuse = receive(pair[1], &eof);
    int status = await(pid, eof ? PATIENCE_MS : STAYS_MS);
    show_output(out, "out");
    show_output(err, "err");
    if (fuse >= 0)
        show_fd(fuse, request, sizeof request);
    show_mount();
    if (status >= 0)
        printf("exit %d\n", status);
    if (serve && fuse >= 0)
        serve_until_told(fuse, request, sizeof request);
    if (status < 0)
        close_and_watch(pid, pair[1], fuse);
    return 0;
}
