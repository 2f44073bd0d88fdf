/* SPDX-License-Identifier: MIT */
/*
 * File systems that serve a real kernel with all their threads, while processes work in their volume: memfs or ptfs, a
 * real worker, a container. The thread sanitizer sees here what it never sees where a test plays the kernel.
 *
 * This program takes the service's place: it has the volume that it is asked for mounted by a worker, and keeps the
 * life line. Arguments: the worker program, the file system, its options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wire/codec.h"
#include "worker/test-host.h"

#define CLIENTS 5
#define SECONDS 2
#define NAMES 12
#define BLOCK 3000

static char **file_system;

/* ---- the service's place ----------------------------------------------------------------------------------------- */

static int listen_as_service(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LINFSP_HOST_DIR "/disk"};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)mkdir(LINFSP_HOST_DIR, 0755);
    (void)unlink(address.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static pid_t start_file_system(void) {
    pid_t pid = fork();
    if (pid == 0) {
        execv(file_system[0], file_system);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static int take_connection(int listener) {
    struct pollfd client = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&client, 1, 20000), 1);
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void receive(int connection, union wire_message *ret_message) {
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    struct pollfd item = {.fd = connection, .events = POLLIN};
    assert_int_equal(poll(&item, 1, 20000), 1);
    assert_true(wire_receive(connection, ret_message, fds, &n_fds, NULL) > 0);
    assert_int_equal(n_fds, 0);
}

/* Has the worker mount what is asked for, and hands the descriptors over. Returns the job that unmounts it. */
static struct job serve_request(int connection, const struct worker *worker, const struct container *container) {
    static union wire_message message;
    static struct wire_volume_created created;
    receive(connection, &message);
    assert_int_equal(message.header.type, WIRE_CREATE_VOLUME);
    struct job job = disk_for(container, message.create_volume.letter);
    job.mount.clones = message.create_volume.clones;
    job.mount.root_mode = message.create_volume.root_mode;
    job.mount.init = message.create_volume.init;
    const struct job_result *result = work(worker, &job, &container->pidfd, 1);
    assert_int_equal(result->error, 0);
    memset(&created, 0, sizeof created);
    wire_begin(&created, WIRE_VOLUME_CREATED, message.header.serial);
    created.volume = 7;
    created.init = result->mount.init;
    WIRE_SET(created.mount_point, result->mount.mount_point);
    assert_int_equal(wire_send(connection, &created, fds_back, n_fds_back - 1), 0); /* the last is /mnt */
    struct job end = unmount_of(container, result);
    close_back();
    return end;
}

/* It was unmounted: the server says goodbye, and ends. */
static int end_of_server(int connection, pid_t server) {
    static union wire_message message;
    struct wire_plain done;
    int status;
    receive(connection, &message);
    assert_int_equal(message.header.type, WIRE_UNMOUNT);
    wire_begin(&done, WIRE_DONE, message.header.serial);
    assert_int_equal(wire_send(connection, &done, NULL, 0), 0);
    assert_int_equal(waitpid(server, &status, 0), server);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- who works there --------------------------------------------------------------------------------------------- */

struct client {
    int root; /* of the volume */
    unsigned number, seed;
};

static unsigned choose(struct client *client, unsigned n) {
    return (unsigned)rand_r(&client->seed) % n;
}

/* Of a few names that all use, in a few folders. */
static const char *shared_name(struct client *client, char *name, size_t size) {
    snprintf(name, size, "d%u/f%u", choose(client, 2), choose(client, NAMES));
    return name;
}

static void list(const struct client *client, const char *name) {
    int fd = openat(client->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    while (directory && readdir(directory)) {
    }
    if (directory)
        closedir(directory);
}

/* Whatever comes of it: others are at the same names. */
static void disturb(struct client *client) {
    char name[64], other[64], block[BLOCK];
    struct stat status;
    shared_name(client, name, sizeof name);
    shared_name(client, other, sizeof other);
    memset(block, 'x', sizeof block);
    int fd = openat(client->root, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    switch (choose(client, 10)) {
    case 0:
        (void)renameat(client->root, name, client->root, other);
        break;
    case 1:
        (void)unlinkat(client->root, other, 0);
        break;
    case 2:
        (void)linkat(client->root, name, client->root, other, 0);
        break;
    case 3:
        (void)ftruncate(fd, choose(client, 3 * BLOCK));
        break;
    case 4:
        list(client, choose(client, 2) ? "d0" : ".");
        break;
    case 5:
        (void)fstatat(client->root, other, &status, AT_SYMLINK_NOFOLLOW);
        break;
    case 6:
        (void)symlinkat("somewhere", client->root, other);
        break;
    case 7:
        (void)fchmod(fd, 0600);
        break;
    default:
        (void)pwrite(fd, block, sizeof block, choose(client, 20000));
        (void)pread(fd, block, sizeof block, choose(client, 20000));
    }
    close(fd);
}

/* A file that is this client's alone is what it wrote. */
static bool check_own(struct client *client, unsigned round) {
    char name[64], now[64], written[BLOCK], read_back[BLOCK];
    snprintf(name, sizeof name, "own-%u", client->number);
    snprintf(now, sizeof now, "d%u/own-%u", round % 2, client->number);
    memset(written, (int)('a' + round % 26), sizeof written);
    int fd = openat(client->root, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good =
        fd >= 0 && pwrite(fd, written, BLOCK, 5) == BLOCK && renameat(client->root, name, client->root, now) == 0;
    close(fd);
    fd = openat(client->root, now, O_RDONLY | O_CLOEXEC);
    good = good && pread(fd, read_back, BLOCK, 5) == BLOCK && memcmp(written, read_back, BLOCK) == 0;
    close(fd);
    return unlinkat(client->root, now, 0) == 0 && good;
}

_Noreturn static void be_client(int root, unsigned number) {
    struct client client = {.root = root, .number = number, .seed = number + 1};
    time_t end = time(NULL) + SECONDS;
    for (unsigned round = 0; time(NULL) <= end; round++) {
        for (int i = 0; i < 20; i++)
            disturb(&client);
        if (!check_own(&client, round)) {
            fprintf(stderr, "client %u, round %u: its own file is not what it wrote: %s\n", number, round,
                    strerror(errno));
            _exit(1);
        }
    }
    _exit(0);
}

static void work_in(const struct container *container) {
    pid_t clients[CLIENTS];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root/mnt/z", container->pid);
    _cleanup_close_ int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    assert_int_equal(mkdirat(root, "d0", 0755) | mkdirat(root, "d1", 0755), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        if ((clients[i] = fork()) == 0)
            be_client(root, i);
    for (unsigned i = 0; i < CLIENTS; i++) {
        int status;
        assert_int_equal(waitpid(clients[i], &status, 0), clients[i]);
        assert_int_equal(status, 0);
    }
}

static void many_at_once(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    _cleanup_close_ int listener = listen_as_service();
    pid_t server = start_file_system();
    _cleanup_close_ int connection = take_connection(listener);
    struct job end = serve_request(connection, &worker, &container);
    work_in(&container);
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_int_equal(end_of_server(connection, server), 0);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_at_once)};
    if (argc < 3)
        return 1;
    file_system = argv + 2;
    file_system[0] = realpath(argv[2], NULL); /* the root becomes another one */
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
