/* SPDX-License-Identifier: MIT */
/*
 * Everything that a client of the service must not do, done from inside a container. Each verb misbehaves on the socket
 * SOCKET and exits 0 when the service bore it as it should (an error reply or a closed connection, never a success,
 * never silence beyond the time given); it prints what it saw. Statically linked, so that it runs in any image.
 *
 *     garbage SOCKET COUNT     packets of random bytes and sizes
 *     truncated SOCKET         each message type, cut at many lengths
 *     cut SOCKET               each message type, cut at every byte
 *     strange SOCKET           each message type, with descriptors of each strange kind
 *     overlong SOCKET          packets larger than any message
 *     headers SOCKET           wrong magic, version, type, size, reserved members, unterminated strings
 *     descriptors SOCKET       fds where none belong, too many, of strange kinds, the connection itself
 *     crowd SOCKET COUNT       that many connections, silent, held until SIGTERM; prints "held N" once they stand
 *     flood SOCKET SECONDS     requests as fast as they go, no reply ever read
 *     hasty SOCKET COUNT       connects and closes, some with half a request
 *     silent SOCKET SECONDS    says nothing; succeeds when the service closes within that time
 *     linger SOCKET COUNT      as crowd, and behind it messages with descriptors whose last close blocks for a minute
 *     lend SOCKET FOLDER PROGRAM   asks for a mount on FOLDER, on the connection of a process that has executed PROGRAM
 *                              since
 *     hung SOCKET FOLDER PID   asks for a mount on FOLDER, to be shared, once PID, which serves that, is stopped
 *     names FOLDER SECONDS     has files come and go there whose names are like that of FUSE's helper
 *     forbidden SOCKET         STOP, ATTACH with guessed cookies, backing files of volumes that are not ours, unmount
 * of others
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wire/protocol.h"

#define ANSWER_MS 5000
#define REQUEST_FIRST WIRE_CREATE_VOLUME
#define REQUEST_LAST WIRE_UNSHARE

static const char *socket_path;

static int die(const char *what) {
    fprintf(stderr, "hostile-client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int try_connect(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int connect_or_die(void) {
    /* A service that has enough of this silo may refuse for a moment. */
    for (int attempt = 0; attempt < 100; attempt++) {
        int fd = try_connect();
        if (fd >= 0)
            return fd;
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return die(socket_path);
}

static void send_bytes(int fd, const void *bytes, size_t size, const int *fds, size_t n_fds) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 253)];
    } control = {0};
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (n_fds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
    }
    (void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Waits for the end: a reply that is not a success, or the connection's end. Returns the reply's type,
 * 0 for the end. */
static int await_refusal(int fd, const char *what) {
    struct wire_header header;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int n = poll(&ready, 1, ANSWER_MS);
        if (n == 0) {
            fprintf(stderr, "hostile-client: %s: neither an answer nor the end within %d ms\n", what, ANSWER_MS);
            exit(1);
        }
        ssize_t size = recv(fd, &header, sizeof header, MSG_TRUNC);
        if (size <= 0)
            return 0;
        if (header.type == WIRE_VOLUME || header.type == WIRE_SILO || header.type == WIRE_OPENED)
            continue;
        if (header.type != WIRE_ERROR) {
            fprintf(stderr, "hostile-client: %s: answered with type %u, not refused\n", what, header.type);
            exit(1);
        }
        return header.type;
    }
}

static void send_and_be_refused(const char *what, const void *bytes, size_t size, const int *fds, size_t n_fds) {
    int fd = connect_or_die();
    send_bytes(fd, bytes, size, fds, n_fds);
    await_refusal(fd, what);
    close(fd);
}

static size_t size_of_type(int type) {
    switch (type) {
    case WIRE_CREATE_VOLUME:
        return sizeof(struct wire_create_volume);
    case WIRE_ATTACH_VOLUME:
        return sizeof(struct wire_attach_volume);
    case WIRE_UNMOUNT:
        return sizeof(struct wire_unmount);
    case WIRE_RESOLVE_PREFIX:
        return sizeof(struct wire_resolve_prefix);
    case WIRE_OPEN_BACKING:
        return sizeof(struct wire_open_backing);
    case WIRE_CLOSE_BACKING:
        return sizeof(struct wire_close_backing);
    case WIRE_FUSERMOUNT:
        return sizeof(struct wire_fusermount);
    case WIRE_SHARE:
    case WIRE_UNSHARE:
        return sizeof(struct wire_share);
    default:
        return sizeof(struct wire_plain);
    }
}

static unsigned char *new_message(int type) {
    unsigned char *bytes = calloc(1, WIRE_MESSAGE_MAX);
    if (!bytes)
        die("calloc");
    *(struct wire_header *)bytes = (struct wire_header){.magic = WIRE_MAGIC,
                                                        .version = WIRE_VERSION,
                                                        .type = (uint16_t)type,
                                                        .size = (uint32_t)size_of_type(type),
                                                        .serial = 1};
    return bytes;
}

static void garbage(int count) {
    static unsigned char bytes[WIRE_MESSAGE_MAX];
    srandom(1);
    for (int i = 0; i < count; i++) {
        size_t size = 1 + (size_t)random() % sizeof bytes;
        for (size_t at = 0; at < size; at++)
            bytes[at] = (unsigned char)random();
        /* Every second one begins well. */
        if (i % 2 && size >= sizeof(struct wire_header))
            *(struct wire_header *)bytes = (struct wire_header){.magic = WIRE_MAGIC,
                                                                .version = WIRE_VERSION,
                                                                .type = (uint16_t)(random() % 100),
                                                                .size = (uint32_t)size,
                                                                .serial = 1};
        send_and_be_refused("garbage", bytes, size, NULL, 0);
    }
}

static void truncated(void) {
    static const size_t cuts[] = {1, 4, 8, 15, 16, 17, 24, 40, 63, 200};
    for (int type = REQUEST_FIRST; type <= REQUEST_LAST; type++) {
        unsigned char *bytes = new_message(type);
        size_t whole = size_of_type(type);
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
            if (cuts[i] < whole)
                send_and_be_refused("truncated", bytes, cuts[i], NULL, 0);
        send_and_be_refused("truncated by one", bytes, whole - 1, NULL, 0);
        send_and_be_refused("longer by one", bytes, whole + 1, NULL, 0);
        free(bytes);
    }
}

/* Who sends so much is turned away now and then. */
static void cut(void) {
    for (int type = REQUEST_FIRST; type <= REQUEST_LAST; type++) {
        unsigned char *bytes = new_message(type);
        for (size_t size = 1; size < size_of_type(type); size++)
            send_and_be_refused("cut", bytes, size, NULL, 0);
        free(bytes);
    }
}

static void strange(void) {
    sigset_t none;
    sigemptyset(&none);
    int poller = epoll_create1(0), pipes[2];
    struct epoll_event itself = {.events = EPOLLIN};
    if (pipe(pipes) < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, pipes[0], &itself) < 0)
        die("epoll");
    const int kinds[] = {poller,
                         (int)syscall(SYS_pidfd_open, getpid(), 0),
                         signalfd(-1, &none, 0),
                         timerfd_create(CLOCK_MONOTONIC, 0),
                         eventfd(0, 0),
                         inotify_init1(0),
                         open("/proc/self/ns/mnt", O_RDONLY),
                         open("/proc/self/ns/user", O_PATH),
                         open("/proc/self/ns/pid", O_RDONLY),
                         open("/proc/self/mem", O_RDWR),
                         open("/proc/self/fd", O_RDONLY | O_DIRECTORY),
                         open("/dev/fuse", O_RDWR),
                         open("/dev/linfsp", O_PATH | O_DIRECTORY),
                         open(socket_path, O_PATH),
                         open("/", O_PATH | O_DIRECTORY)};
    for (int type = REQUEST_FIRST; type <= REQUEST_LAST; type++) {
        /* a mount on a real folder is none of these: "/" and the like are refused as mount points */
        unsigned char *bytes = new_message(type);
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            const int fds[] = {kinds[i], kinds[(i + 1) % (sizeof kinds / sizeof kinds[0])]};
            for (size_t n = 1; n <= 2 && fds[0] >= 0 && fds[1] >= 0; n++)
                send_and_be_refused("a strange descriptor", bytes, size_of_type(type), fds, n);
        }
        free(bytes);
    }
}

static void overlong(void) {
    static unsigned char bytes[128 * 1024];
    *(struct wire_header *)bytes =
        (struct wire_header){.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_LIST_VOLUMES, .serial = 1};
    for (size_t size = WIRE_MESSAGE_MAX; size <= sizeof bytes; size += 16 * 1024) {
        ((struct wire_header *)bytes)->size = (uint32_t)size;
        send_and_be_refused("overlong", bytes, size, NULL, 0);
        send_and_be_refused("overlong by one", bytes, size < sizeof bytes ? size + 1 : size, NULL, 0);
    }
}

/* A message of that type with some of its bytes set otherwise must be refused. */
static void spoiled(const char *what, int type, size_t at, unsigned char value, size_t count) {
    unsigned char *bytes = new_message(type);
    memset(bytes + at, value, count);
    send_and_be_refused(what, bytes, size_of_type(type), NULL, 0);
    free(bytes);
}

static void headers(void) {
    for (int type = REQUEST_FIRST; type <= REQUEST_LAST; type++) {
        spoiled("wrong magic", type, offsetof(struct wire_header, magic), 0x55, 4);
        spoiled("wrong version", type, offsetof(struct wire_header, version), 0x7f, 2);
        spoiled("size 0", type, offsetof(struct wire_header, size), 0, 4);
        spoiled("size 2^32-1", type, offsetof(struct wire_header, size), 0xff, 4);
        if (size_of_type(type) > sizeof(struct wire_header))
            spoiled("all ones", type, sizeof(struct wire_header), 0xff,
                    size_of_type(type) - sizeof(struct wire_header));
    }
    static const int strange_types[] = {0,           REQUEST_LAST + 1,  63, WIRE_ERROR, WIRE_DONE, WIRE_VOLUME_CREATED,
                                        WIRE_STATUS, WIRE_VOLUME_ENDED, 97, 0xffff};
    for (size_t i = 0; i < sizeof strange_types / sizeof strange_types[0]; i++) {
        unsigned char *bytes = new_message(WIRE_LIST_VOLUMES);
        ((struct wire_header *)bytes)->type = (uint16_t)strange_types[i];
        send_and_be_refused("strange type", bytes, sizeof(struct wire_plain), NULL, 0);
        free(bytes);
    }
    spoiled("unterminated name", WIRE_CREATE_VOLUME, offsetof(struct wire_create_volume, file_system_name), 'a',
            WIRE_NAME_MAX);
    spoiled("unterminated prefix", WIRE_CREATE_VOLUME, offsetof(struct wire_create_volume, prefix), 'a',
            WIRE_PREFIX_MAX);
    spoiled("unterminated mount point", WIRE_CREATE_VOLUME, offsetof(struct wire_create_volume, mount_point), 'a',
            WIRE_PATH_MAX);
    spoiled("unknown flags", WIRE_CREATE_VOLUME, offsetof(struct wire_create_volume, flags), 0xff, 4);
    spoiled("too many clones", WIRE_CREATE_VOLUME, offsetof(struct wire_create_volume, clones), 0x7f, 4);
    spoiled("unterminated target", WIRE_UNMOUNT, offsetof(struct wire_unmount, target), '/', WIRE_PATH_MAX);
    spoiled("unterminated options", WIRE_FUSERMOUNT, offsetof(struct wire_fusermount, options), 'o', 2048);
}

/* A volume that would be made, were its fd a mount point; and a list that takes no fds. */
static void send_with_descriptors(const char *what, const int *fds, size_t n_fds) {
    unsigned char *list = new_message(WIRE_LIST_VOLUMES);
    send_and_be_refused(what, list, sizeof(struct wire_plain), fds, n_fds);
    free(list);
    struct wire_create_volume *create = (struct wire_create_volume *)new_message(WIRE_CREATE_VOLUME);
    create->flags = WIRE_CREATE_MOUNT_POINT_FD;
    strcpy(create->file_system_name, "hostile");
    strcpy(create->mount_point, "/tmp/hostile");
    send_and_be_refused(what, create, sizeof *create, fds, n_fds);
    create->flags |= WIRE_CREATE_MADE_MOUNT_POINT;
    strcpy(create->made_name, "hostile");
    send_and_be_refused(what, create, sizeof *create, fds, n_fds);
    create->flags = 0;
    strcpy(create->letter, "z");
    create->mount_point[0] = create->made_name[0] = '\0';
    send_and_be_refused(what, create, sizeof *create, fds, n_fds);
    free(create);
}

static void descriptors(void) {
    int pair[2], pipes[2], many[100];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || pipe(pipes) < 0)
        die("socketpair");
    int poller = epoll_create1(0), memory = memfd_create("hostile", 0), null = open("/dev/null", O_RDWR);
    int directory = open("/proc", O_PATH | O_DIRECTORY), file = open("/proc/self/exe", O_PATH),
        root = open("/", O_RDONLY);
    int devices = open("/dev", O_PATH | O_DIRECTORY), system = open("/sys", O_PATH | O_DIRECTORY);
    const int kinds[] = {pair[0], pipes[0], pipes[1], poller, memory, null, directory, file, root, devices, system};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        send_with_descriptors("a strange descriptor", &kinds[i], 1);
        const int twice[] = {kinds[i], kinds[(i + 1) % (sizeof kinds / sizeof kinds[0])]};
        send_with_descriptors("two strange descriptors", twice, 2);
    }
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
        many[i] = null;
    send_with_descriptors("twenty descriptors", many, WIRE_FDS_MAX);
    send_with_descriptors("twenty-one descriptors", many, WIRE_FDS_MAX + 1);
    send_with_descriptors("a hundred descriptors", many, sizeof many / sizeof many[0]);
    /* The connection sent over itself: it may not keep itself alive. */
    for (int i = 0; i < 50; i++) {
        unsigned char *list = new_message(WIRE_LIST_VOLUMES);
        int fd = connect_or_die();
        send_bytes(fd, list, sizeof(struct wire_plain), &fd, 1);
        close(fd);
        free(list);
    }
}

static volatile sig_atomic_t asked_to_end;

static void on_terminate(int signal_number) {
    (void)signal_number;
    asked_to_end = 1;
}

static void crowd(int count) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGTERM, on_terminate);
    int held = 0;
    for (int i = 0; i < count; i++) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
        if (fd < 0)
            break;
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            held++;
        else
            close(fd);
    }
    printf("held %d\n", held);
    fflush(stdout);
    while (!asked_to_end)
        pause();
}

static void flood(int seconds) {
    struct timespec now, end;
    unsigned long sent = 0;
    unsigned char *list = new_message(WIRE_LIST_SILOS);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    int fd = connect_or_die();
    do {
        if (send(fd, list, sizeof(struct wire_plain), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
            sent++;
        } else if (errno != EAGAIN) {
            close(fd);
            fd = connect_or_die();
        } else {
            nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec);
    printf("sent %lu\n", sent);
    free(list);
}

static void hasty(int count) {
    unsigned char *list = new_message(WIRE_LIST_VOLUMES);
    struct wire_create_volume *create = (struct wire_create_volume *)new_message(WIRE_CREATE_VOLUME);
    strcpy(create->file_system_name, "hasty");
    strcpy(create->letter, "h");
    for (int i = 0; i < count; i++) {
        int fd = connect_or_die();
        if (i % 3 == 1)
            send_bytes(fd, list, sizeof(struct wire_plain), NULL, 0);
        if (i % 50 == 2)
            send_bytes(fd, create, sizeof *create, NULL, 0); /* a volume whose client is gone before it is made */
        close(fd);
    }
    free(list);
    free(create);
}

static void silent(int seconds) {
    int fd = connect_or_die();
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte;
    if (poll(&ready, 1, seconds * 1000) != 1 || recv(fd, &byte, 1, 0) > 0) {
        fprintf(stderr, "hostile-client: silent for %d s, and the service still holds the connection\n", seconds);
        exit(1);
    }
    printf("closed\n");
}

/* A connection over the loopback that is full and lingers: its last close(2) waits. Nobody ever reads from its other
 * end. */
static int lingering(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    struct linger linger = {.l_onoff = 1, .l_linger = 60};
    static char bytes[65536];
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    int little = 4096;
    (void)setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        connect(fd, (struct sockaddr *)&address, size) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0)
        die("a connection that lingers");
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    return fd;
}

/* Of a connection that is turned away, too, what was sent over it is closed: by somebody who may wait. */
static void linger(int count) {
    unsigned char *status = new_message(WIRE_GET_STATUS);
    int held = 0;
    for (int i = 0; i < count; i++) {
        int fd = try_connect();
        if (fd < 0)
            break;
        held++;
        pid_t child = fork();
        if (child == 0) { /* its end closes without lingering: the one in the message is the last */
            int slow = lingering();
            send_bytes(fd, status, sizeof(struct wire_plain), &slow, 1);
            _exit(0);
        }
        (void)waitpid(child, NULL, 0);
    }
    printf("held %d\n", held);
    fflush(stdout);
    free(status);
    pause();
}

static void forbidden(void) {
    unsigned char *stop = new_message(WIRE_STOP);
    send_and_be_refused("stop", stop, sizeof(struct wire_plain), NULL, 0);
    struct wire_attach_volume *attach = (struct wire_attach_volume *)new_message(WIRE_ATTACH_VOLUME);
    struct wire_open_backing *backing = (struct wire_open_backing *)new_message(WIRE_OPEN_BACKING);
    struct wire_close_backing *close_backing = (struct wire_close_backing *)new_message(WIRE_CLOSE_BACKING);
    struct wire_unmount *unmount = (struct wire_unmount *)new_message(WIRE_UNMOUNT);
    int file = open("/proc/self/exe", O_RDONLY);
    for (uint64_t volume = 0; volume < 20; volume++) {
        attach->volume = backing->volume = close_backing->volume = unmount->volume = volume;
        memset(attach->cookie, (int)volume, sizeof attach->cookie);
        send_and_be_refused("attach", attach, sizeof *attach, NULL, 0);
        send_and_be_refused("backing", backing, sizeof *backing, &file, 1);
        send_and_be_refused("close backing", close_backing, sizeof *close_backing, NULL, 0);
        send_and_be_refused("unmount by id", unmount, sizeof *unmount, NULL, 0);
    }
    free(stop);
    free(attach);
    free(backing);
    free(close_backing);
    free(unmount);
}

static void ask_for_mount(int fd, int folder, const char *options) {
    struct wire_fusermount *request = (struct wire_fusermount *)new_message(WIRE_FUSERMOUNT);
    snprintf(request->options, sizeof request->options, "%s", options);
    send_bytes(fd, request, sizeof *request, &folder, 1);
    await_refusal(fd, "a mount");
    free(request);
}

static int open_folder(const char *path) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? die(path) : fd;
}

static void lend(const char *folder, const char *program) {
    int fd = -1, ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC) < 0)
        die("pipe");
    /* the descriptor is shared with the child, which connects it */
    fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    pid_t child = fork();
    if (child == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
            die("connect");
        execl(program, program, "wait", NULL);
        _exit(die(program));
    }
    close(ready[1]);
    (void)read(ready[0], &byte, 1); /* until it has executed */
    ask_for_mount(fd, open_folder(folder), "");
    close(fd);
    /* it may not be killed: it is another user's by now */
}

static void hung(const char *folder, pid_t server) {
    int fd = connect_or_die(), place = open_folder(folder);
    if (kill(server, SIGSTOP) < 0)
        die("kill");
    struct wire_fusermount *request = (struct wire_fusermount *)new_message(WIRE_FUSERMOUNT);
    snprintf(request->options, sizeof request->options, "unc=//evil/hung");
    send_bytes(fd, request, sizeof *request, &place, 1);
    struct pollfd answered = {.fd = fd, .events = POLLIN};
    if (poll(&answered, 1, 4 * ANSWER_MS) != 1)
        die("no answer");
    await_refusal(fd, "a mount on a folder that hangs");
    (void)kill(server, SIGCONT);
    free(request);
}

static void names(const char *folder, int seconds) {
    char path[256];
    for (time_t end = time(NULL) + seconds, now = 0, i = 0; now < end; now = time(NULL), i++) {
        snprintf(path, sizeof path, "%s/fusermount3.%d", folder, (int)(i % 7)); /* events that are alike are one */
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0 || unlink(path) < 0)
            die(path);
        close(fd);
    }
}

int main(int argc, char **argv) {
    const char *verb = argc > 2 ? argv[1] : "";
    int number = argc > 3 ? atoi(argv[3]) : 1;
    socket_path = argc > 2 ? argv[2] : "";
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(verb, "garbage") == 0)
        garbage(number);
    else if (strcmp(verb, "truncated") == 0)
        truncated();
    else if (strcmp(verb, "cut") == 0)
        cut();
    else if (strcmp(verb, "strange") == 0)
        strange();
    else if (strcmp(verb, "overlong") == 0)
        overlong();
    else if (strcmp(verb, "headers") == 0)
        headers();
    else if (strcmp(verb, "descriptors") == 0)
        descriptors();
    else if (strcmp(verb, "crowd") == 0)
        crowd(number);
    else if (strcmp(verb, "flood") == 0)
        flood(number);
    else if (strcmp(verb, "hasty") == 0)
        hasty(number);
    else if (strcmp(verb, "silent") == 0)
        silent(number);
    else if (strcmp(verb, "linger") == 0)
        linger(number);
    else if (strcmp(verb, "lend") == 0 && argc > 4)
        lend(argv[3], argv[4]);
    else if (strcmp(verb, "hung") == 0 && argc > 4)
        hung(argv[3], atoi(argv[4]));
    else if (strcmp(verb, "names") == 0)
        names(argv[2], number);
    else if (strcmp(verb, "forbidden") == 0)
        forbidden();
    else {
        fprintf(stderr, "usage: hostile-client VERB SOCKET [NUMBER]: see the top of test/helpers/hostile-client.c\n");
        return 2;
    }
    return 0;
}
