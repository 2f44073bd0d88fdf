/* SPDX-License-Identifier: MIT */
/*
 * The worker as the service sees it: through its socket, with real namespaces and real mounts, without a service.
 *
 * The test runs in a mount namespace of its own whose root is a tmpfs: with the machine's folders in it, and a /run and
 * /unc that are nobody else's. A container is a child with a mount namespace, or also a user namespace. The first
 * argument is the worker program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catcher/protocol.h"
#include "service/stage.h"
#include "util/cleanup.h"
#include "util/namespace.h"
#include "util/paths.h"
#include "util/sockets.h"
#include "wire/codec.h"
#include "worker/job.h"

#define FOLDER LINFSP_RUN_DIR "/silos/1"
#define USER 100000 /* whose the user namespace's ids are */

static const char *why_not; /* the machine lacks something: tests are skipped */
static int program, run_dir, fuse_device, watches, stage;
static int catcher[2]; /* what workers say to it, and their end */

/* ---- a host of our own ------------------------------------------------------------------------------------------- */

static void join(char *path, size_t size, const char *folder, const char *name) {
    snprintf(path, size, "%s/%s", folder, name);
}

/* Shows an entry of / at the same name in the new root. */
static bool bring(const char *root, const char *name) {
    char from[300], to[300], target[300];
    struct stat status;
    join(from, sizeof from, "", name);
    join(to, sizeof to, root, name);
    if (lstat(from, &status) < 0)
        return true;
    if (S_ISLNK(status.st_mode)) {
        ssize_t length = readlink(from, target, sizeof target - 1);
        target[length > 0 ? length : 0] = 0;
        return symlink(target, to) == 0;
    }
    return !S_ISDIR(status.st_mode) || (mkdir(to, 0755) == 0 && mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0);
}

static bool fill_root(const char *root) {
    _cleanup_closedir_ DIR *directory = opendir("/");
    struct dirent *entry;
    bool good = directory;
    while (good && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "run") != 0 && strcmp(entry->d_name, "unc") != 0)
            good = bring(root, entry->d_name);
    return good;
}

static bool change_root(const char *root) {
    if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return false;
    return true;
}

static bool make_host(void) {
    static const char *const folders[] = {"/run", "/unc"};
    char root[] = "/tmp/test-jobs.XXXXXX";
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(root) ||
        mount("test-root", root, "tmpfs", 0, "mode=0755") < 0)
        return false;
    bool filled = fill_root(root);
    int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool changed = filled && change_root(root);
    (void)unlinkat(host, &root[1], AT_REMOVEDIR);
    close(host);
    for (size_t i = 0; i < ARRAY_SIZE(folders) && changed; i++)
        changed = mkdir(folders[i], 0755) == 0 && mount(&folders[i][1], folders[i], "tmpfs", 0, "mode=0755") == 0;
    return changed;
}

/* What the service lays out below /run/linfsp. */
static bool make_run_dir(void) {
    static const char *const folders[] = {"silos", "silos/1", "silos/1/unc", "silos/1/bin", "journal", "private"};
    if (mkdir(LINFSP_RUN_DIR, 0755) < 0 || mount(LINFSP_RUN_SOURCE, LINFSP_RUN_DIR, "tmpfs", 0, "mode=0755") < 0)
        return false;
    run_dir = open(LINFSP_RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (mkdirat(run_dir, folders[i], 0755) < 0)
            return false;
    _cleanup_close_ int stand_in = openat(run_dir, "silos/1/bin/fusermount3", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (mknodat(run_dir, "private/fuse", S_IFCHR | 0666, makedev(10, 229)) < 0 || stand_in < 0)
        return false;
    fuse_device = openat(run_dir, "private/fuse", O_PATH | O_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, catcher) < 0)
        return false;
    watches = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    stage = stage_open();
    _cleanup_close_ int fuse = open(LINFSP_RUN_DIR "/private/fuse", O_RDWR | O_CLOEXEC);
    return fuse >= 0 && watches >= 0 && stage >= 0;
}

static int make_all(void **state) {
    if (geteuid() != 0)
        why_not = "not root";
    else if (!make_host())
        why_not = "no mount namespace";
    else if (!make_run_dir())
        why_not = "no FUSE device";
    if (why_not)
        fprintf(stderr, "skipped: %s: %s\n", why_not, strerror(errno));
    return 0;
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

struct container {
    pid_t pid;
    int pidfd;
    struct job_target target;
};

static bool build_container(void) {
    static const char *const folders[] = {"/mnt/dev", "/mnt/mnt", "/mnt/usr", "/mnt/usr/bin"};
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("container", "/mnt", "tmpfs", 0, "mode=0755") < 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (mkdir(folders[i], 0755) < 0)
            return false;
    return mount("container-dev", "/mnt/dev", "tmpfs", 0, "mode=0755") == 0 && change_root("/mnt");
}

static void write_map(pid_t pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "0 %d 65536\n", USER);
    assert_int_equal(fclose(file), 0);
}

/* The child says "made" after each of its steps, and goes on when it is answered. */
_Noreturn static void be_container(int socket, bool user_namespace) {
    char byte = user_namespace && unshare(CLONE_NEWUSER) < 0 ? 'n' : 'y';
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(socket, &byte, 1) != 1 || read(socket, &byte, 1) != 1)
        _exit(1);
    if (user_namespace && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        _exit(1);
    byte = unshare(CLONE_NEWNS) == 0 && build_container() ? 'y' : 'n';
    if (write(socket, &byte, 1) == 1)
        (void)read(socket, &byte, 1);
    _exit(0);
}

static struct container container_start(bool user_namespace) {
    struct container container = {.pidfd = -1};
    int pair[2];
    char byte = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    container.pid = fork();
    assert_true(container.pid >= 0);
    if (container.pid == 0) {
        close(pair[0]);
        be_container(pair[1], user_namespace);
    }
    close(pair[1]);
    container.pidfd = pidfd_open(container.pid, 0);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    if (user_namespace) {
        write_map(container.pid, "uid_map");
        write_map(container.pid, "gid_map");
    }
    assert_int_equal(write(pair[0], "", 1), 1);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    (void)fcntl(pair[0], F_DUPFD_CLOEXEC, 3); /* open as long as the test runs: its end would end the container */
    close(pair[0]);
    container.target = (struct job_target){.init_pid = container.pid, .user_namespace = user_namespace};
    container.target.root_uid = container.target.root_gid = user_namespace ? USER : 0;
    assert_int_equal(mount_namespace_of(container.pid, &container.target.mount_namespace), 0);
    return container;
}

static void container_end(struct container *container) {
    assert_int_equal(pidfd_send_signal(container->pidfd, SIGKILL, NULL, 0), 0);
    assert_int_equal(waitpid(container->pid, NULL, 0), container->pid);
    close_fd(&container->pidfd);
}

static int open_in(const struct container *container, const char *path) {
    char full[300];
    snprintf(full, sizeof full, "/proc/%d/root/%s", container->pid, path);
    return open(full, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static bool exists_in(const struct container *container, const char *path) {
    _cleanup_close_ int fd = open_in(container, path);
    return fd >= 0;
}

/* The container's line for what is mounted at that path ("" : nothing is). */
static void mount_line(const struct container *container, const char *path, char *ret_line, size_t size) {
    char name[64], wanted[300];
    snprintf(name, sizeof name, "/proc/%d/mountinfo", container ? container->pid : getpid());
    snprintf(wanted, sizeof wanted, " %s ", path);
    _cleanup_fclose_ FILE *table = fopen(name, "re");
    assert_non_null(table);
    while (fgets(ret_line, (int)size, table))
        if (strstr(ret_line, wanted))
            return;
    ret_line[0] = 0;
}

static void assert_mounted(const struct container *container, const char *path, const char *part) {
    char line[1024];
    mount_line(container, path, line, sizeof line);
    if (!strstr(line, part))
        fail_msg("expected %s in the line of %s: \"%s\"", part, path, line);
}

static void assert_not_mounted(const struct container *container, const char *path) {
    char line[1024];
    mount_line(container, path, line, sizeof line);
    assert_string_equal(line, "");
}

/* ---- the worker -------------------------------------------------------------------------------------------------- */

struct worker {
    pid_t pid;
    int pidfd, socket;
};

static struct worker worker_start(void) {
    struct worker worker;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    worker.pid = fork();
    assert_true(worker.pid >= 0);
    if (worker.pid == 0) {
        char *const arguments[] = {"linfspd-worker", NULL};
        int socket = fcntl(pair[1], F_DUPFD, 16), file = fcntl(program, F_DUPFD_CLOEXEC, 16);
        if (dup2(socket, 3) != 3 || fcntl(socket, F_SETFD, FD_CLOEXEC) < 0)
            _exit(126);
        (void)execveat(file, "", arguments, environ, AT_EMPTY_PATH);
        _exit(127);
    }
    close(pair[1]);
    worker.socket = pair[0];
    worker.pidfd = pidfd_open(worker.pid, 0);
    return worker;
}

static void worker_welcome(const struct worker *worker) {
    const struct job_welcome welcome = {.size = sizeof(struct job), .service = getpid()};
    const int fds[JOB_WELCOME_FDS] = {run_dir, fuse_device, watches, stage, catcher[1]};
    assert_int_equal(socket_send(worker->socket, &welcome, sizeof welcome, fds, JOB_WELCOME_FDS), 0);
}

static struct worker worker_new(void) {
    struct worker worker = worker_start();
    worker_welcome(&worker);
    return worker;
}

/* Waits for its end, and returns its exit status. */
static int worker_end(struct worker *worker) {
    int status = 0;
    close_fd(&worker->socket);
    assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
    close_fd(&worker->pidfd);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int fds_back[JOB_FDS_MAX];
static size_t n_fds_back;

static void close_back(void) {
    for (size_t i = 0; i < n_fds_back; i++)
        close_fd(&fds_back[i]);
    n_fds_back = 0;
}

/* Has it do a job with these descriptors. The result is good until the next job. */
static const struct job_result *work(const struct worker *worker, struct job *job, const int *fds, size_t n_fds) {
    static struct job_result result;
    static uint64_t ticket;
    struct pollfd answer = {.fd = worker->socket, .events = POLLIN};
    close_back();
    job->ticket = ++ticket;
    assert_int_equal(socket_send(worker->socket, job, sizeof *job, fds, n_fds), 0);
    assert_int_equal(poll(&answer, 1, 10000), 1);
    assert_int_equal(socket_receive(worker->socket, &result, sizeof result, fds_back, JOB_FDS_MAX, &n_fds_back),
                     sizeof result);
    assert_int_equal(result.ticket, ticket);
    if (result.error)
        fprintf(stderr, "    answer: %s\n", result.message);
    return &result;
}

static struct job job_for(uint32_t type, const struct container *container) {
    struct job job = {.type = type, .target = container->target};
    return job;
}

static const struct job_result *inject(const struct worker *worker, const struct container *container, bool early) {
    struct job job = job_for(JOB_INJECT, container);
    static uint64_t folders;
    snprintf(job.inject.folder, sizeof job.inject.folder, FOLDER);
    job.inject.folder_number = ++folders;
    job.inject.early = early;
    return work(worker, &job, &container->pidfd, 1);
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

#define NEEDS_A_HOST()                                                                                                 \
    do {                                                                                                               \
        if (why_not)                                                                                                   \
            skip();                                                                                                    \
    } while (0)

static void no_work_without_a_welcome(void **state) {
    NEEDS_A_HOST();
    struct worker worker = worker_start();
    struct job_welcome other_version = {.size = sizeof(struct job) + 8, .service = getpid()};
    const int fds[JOB_WELCOME_FDS] = {run_dir, fuse_device, watches, stage, catcher[1]};
    assert_int_equal(socket_send(worker.socket, &other_version, sizeof other_version, fds, JOB_WELCOME_FDS), 0);
    assert_int_equal(worker_end(&worker), 1);

    worker = worker_start(); /* its service is not its parent */
    struct job_welcome stranger = {.size = sizeof(struct job), .service = 1};
    assert_int_equal(socket_send(worker.socket, &stranger, sizeof stranger, fds, JOB_WELCOME_FDS), 0);
    assert_int_equal(worker_end(&worker), 1);

    worker = worker_start(); /* and one that nobody ever speaks to */
    assert_int_equal(worker_end(&worker), 1);
}

static void unknown_jobs_are_answered(void **state) {
    NEEDS_A_HOST();
    struct worker worker = worker_new();
    struct job job = {.type = 0};
    assert_int_equal(work(&worker, &job, NULL, 0)->error, -EINVAL);
    job.type = 4711;
    assert_int_equal(work(&worker, &job, NULL, 0)->error, -EINVAL);
    assert_int_equal(worker_end(&worker), 0);
}

static void inject_and_eject(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    const struct job_result *result = inject(&worker, &container, false);
    assert_int_equal(result->error, 0);
    assert_false(result->inject.nested || result->spent);
    assert_true(result->helpers.n_watches > 0);
    assert_mounted(&container, "/dev/linfsp", " ro,nosuid,nodev");
    assert_mounted(&container, "/dev/linfsp/unc", " - autofs linfsp-unc ");
    assert_true(exists_in(&container, "unc") && exists_in(&container, "dev/fuse"));
    assert_false(exists_in(&container, "usr/bin/fusermount3"));
    assert_not_mounted(NULL, "/dev/linfsp");

    assert_true(inject(&worker, &container, false)->inject.nested);

    struct job eject = job_for(JOB_EJECT, &container);
    assert_int_equal(work(&worker, &eject, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&container, "/dev/linfsp");
    assert_false(exists_in(&container, "dev/linfsp") || exists_in(&container, "unc") ||
                 exists_in(&container, "dev/fuse"));
    assert_false(exists_in(&container, "usr/bin/fusermount3"));
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* fs.mount-max, or anything else: what was mounted already must not stay, and be taken for another silo's. */
static void half_an_injection_is_undone(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    assert_int_equal(unlinkat(run_dir, "silos/1/unc", AT_REMOVEDIR), 0);
    const struct job_result *result = inject(&worker, &container, false);
    assert_int_equal(result->error, -ENOENT);
    assert_not_mounted(&container, "/dev/linfsp");
    assert_false(exists_in(&container, "dev/linfsp"));
    assert_int_equal(mkdirat(run_dir, "silos/1/unc", 0755), 0);
    result = inject(&worker, &container, false);
    assert_int_equal(result->error, 0);
    assert_false(result->inject.nested);
    assert_mounted(&container, "/dev/linfsp/unc", " linfsp-unc ");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* How many files the catcher was told of since the last call, and the inode number of the last one. */
static unsigned marked(enum catcher_kind kind, ino_t *ret_inode) {
    struct catcher_message message;
    int file;
    size_t n_fds = 0;
    unsigned count = 0;
    while (socket_receive(catcher[0], &message, sizeof message, &file, 1, &n_fds) == sizeof message && n_fds == 1) {
        struct stat status;
        assert_int_equal(fstat(file, &status), 0);
        close(file);
        if (message.what != CATCHER_MARK || message.kind != kind)
            continue;
        *ret_inode = status.st_ino;
        count++;
    }
    return count;
}

static ino_t put_program(int folder, const char *name, const char *content, size_t size) {
    struct stat status;
    _cleanup_close_ int file = openat(folder, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(file >= 0);
    assert_int_equal(write(file, content, size), (ssize_t)size);
    assert_int_equal(fstat(file, &status), 0);
    return status.st_ino;
}

static void helpers_of_the_image_are_found_by_what_they_are(void **state) {
    NEEDS_A_HOST();
    static const char helper[] = "\177ELF and _FUSE_COMMFD in it", other[] = "\177ELF";
    static const char script[] = "#!/bin/sh\necho _FUSE_COMMFD\n";
    struct container container = container_start(false);
    _cleanup_close_ int folder = open_in(&container, "usr/bin");
    struct worker worker = worker_new();
    ino_t expected = put_program(folder, "fusermount3", helper, sizeof helper), found = 0;
    (void)marked(CATCHER_HELPER, &found);
    assert_int_equal(inject(&worker, &container, false)->error, 0);
    assert_int_equal(marked(CATCHER_HELPER, &found), 1);
    assert_int_equal(found, expected);
    assert_not_mounted(&container, "/usr/bin/fusermount3");

    put_program(folder, "fusermount3", script, sizeof script - 1);
    put_program(folder, "umount", other, sizeof other);
    put_program(folder, "fusermount", other, sizeof other);
    struct job job = job_for(JOB_HELPERS, &container);
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, 0);
    assert_int_equal(marked(CATCHER_HELPER, &found), 0);
    job.unmounters = true;
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, 0);
    assert_int_equal(marked(CATCHER_UNMOUNTER, &found), 1);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

static void early_means_not_yet(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = job_for(JOB_INJECT, &container);
    snprintf(job.inject.folder, sizeof job.inject.folder, FOLDER);
    snprintf(job.inject.rootfs, sizeof job.inject.rootfs, "/usr"); /* has no /dev at all */
    job.inject.early = true;
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_true(result->inject.not_yet);
    assert_false(exists_in(&container, "dev/linfsp"));
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

static void a_user_namespace_spends_the_worker(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(true);
    struct worker worker = worker_new();
    const struct job_result *result = inject(&worker, &container, false);
    assert_int_equal(result->error, 0);
    assert_true(result->spent);
    assert_mounted(&container, "/dev/linfsp", " ro,nosuid,nodev");
    struct stat status;
    _cleanup_close_ int folder = open_in(&container, "unc");
    assert_int_equal(fstat(folder, &status), 0);
    assert_int_equal(status.st_uid, USER);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

static struct job disk_for(const struct container *container, const char *letter) {
    struct job job = job_for(JOB_MOUNT, container);
    struct job_mount *mount = &job.mount;
    mount->volume = 7;
    mount->has_mount_point = true;
    mount->root_mode = 0755;
    mount->clones = 1;
    mount->peer_uid = container->target.root_uid;
    mount->peer_gid = container->target.root_gid;
    mount->init.max_write = 65536;
    snprintf(mount->letter, sizeof mount->letter, "%s", letter);
    snprintf(mount->file_system_name, sizeof mount->file_system_name, "TEST");
    snprintf(mount->source, sizeof mount->source, "test");
    return job;
}

static struct job unmount_of(const struct container *container, const struct job_result *mounted) {
    struct job job = job_for(JOB_UNMOUNT, container);
    job.unmount.mount_id = mounted->mount.mount_id;
    job.unmount.fuse_device = mounted->mount.fuse_device;
    job.unmount.made.by_service = true;
    job.unmount.made.letters_too = mounted->mount.made_letters;
    snprintf(job.unmount.mount_point, sizeof job.unmount.mount_point, "%s", mounted->mount.mount_point);
    snprintf(job.unmount.made.name, sizeof job.unmount.made.name, "%s", mounted->mount.made_name);
    return job;
}

static void has_intent(const char *part) {
    char text[512];
    _cleanup_close_ int file = openat(run_dir, "journal/intent-7", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(file, text, sizeof text - 1);
    assert_true(length > 0);
    text[length] = 0;
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

static void a_disk(void **state) {
    NEEDS_A_HOST();
    for (int user_namespace = 0; user_namespace < 2; user_namespace++) {
        struct container container = container_start(user_namespace);
        struct worker worker = worker_new();
        struct job job = disk_for(&container, "z");
        const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
        assert_int_equal(result->error, 0);
        assert_int_equal(result->spent, user_namespace);
        assert_string_equal(result->mount.mount_point, "/mnt/z");
        assert_true(result->mount.made);
        assert_int_equal(n_fds_back, 3); /* the connection, a clone, /mnt */
        assert_mounted(&container, "/mnt/z", "nosuid,nodev");
        assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
        assert_not_mounted(NULL, "/mnt/z");
        has_intent("made z\n");
        struct job end = unmount_of(&container, result);
        if (user_namespace) {
            assert_int_equal(worker_end(&worker), 0);
            worker = worker_new();
        }
        const int fds[] = {container.pidfd, fds_back[2]};
        fds_back[2] = -1;
        assert_int_equal(work(&worker, &end, fds, 2)->error, 0);
        close(fds[1]);
        assert_not_mounted(&container, "/mnt/z");
        assert_false(exists_in(&container, "mnt/z"));
        assert_int_equal(worker_end(&worker), 0);
        container_end(&container);
    }
}

static void letters_that_are_taken(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    _cleanup_close_ int letters = open_in(&container, "mnt");
    assert_int_equal(mkdirat(letters, "z", 0755), 0);
    assert_int_equal(mkdirat(letters, "z/full", 0755), 0);
    struct job job = disk_for(&container, "z");
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, -EEXIST);
    assert_int_equal(n_fds_back, 0);
    assert_not_mounted(&container, "/mnt/z");
    job = disk_for(&container, "*");
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_string_equal(result->mount.mount_point, "/mnt/y");
    assert_int_equal(worker_end(&worker), 0);
    close_back();
    container_end(&container);
}

static void an_unmount_that_is_not_lazy(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    struct job end = unmount_of(&container, work(&worker, &job, &container.pidfd, 1));
    _cleanup_close_ int user = open_in(&container, "mnt/z");
    assert_true(user >= 0);
    end.unmount.not_lazy = true;
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, -EBUSY);
    assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
    close_fd(&user);
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&container, "/mnt/z");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* The number that a process's next descriptor will have. */
static rlim_t next_descriptor(pid_t pid) {
    char path[64], target[64];
    for (rlim_t number = 0;; number++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, (int)number);
        if (readlink(path, target, sizeof target) < 0)
            return number;
    }
}

/* The worker cannot enter the container just now: that does not make the container, and its mount, gone. */
static void a_container_that_cannot_be_entered(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    struct job end = unmount_of(&container, work(&worker, &job, &container.pidfd, 1));
    struct rlimit normal, few = {.rlim_cur = next_descriptor(worker.pid) + 1}; /* the pidfd */
    assert_int_equal(prlimit(worker.pid, RLIMIT_NOFILE, NULL, &normal), 0);
    few.rlim_max = normal.rlim_max;
    assert_int_equal(prlimit(worker.pid, RLIMIT_NOFILE, &few, NULL), 0);
    const struct job_result *result = work(&worker, &end, &container.pidfd, 1);
    assert_int_equal(result->error, -EMFILE);
    assert_true(result->unanswered);
    assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
    job = disk_for(&container, "y");
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, -EMFILE);
    assert_int_equal(prlimit(worker.pid, RLIMIT_NOFILE, &normal, NULL), 0);
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&container, "/mnt/z");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* The mount's number may be used again by the time it is unmounted: then it is another connection's. */
static void an_unmount_of_something_else(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    struct job end = unmount_of(&container, work(&worker, &job, &container.pidfd, 1));
    int fuse = fds_back[0];
    fds_back[0] = -1;
    end.unmount.fuse_device++;
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
    close(fuse);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* A process whose mount table is the stage's. */
static struct container stage_view(void) {
    struct container view = {.pid = fork(), .pidfd = -1};
    if (view.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setns(stage, CLONE_NEWNS) == 0)
            raise(SIGSTOP);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(view.pid, &status, WUNTRACED), view.pid);
    assert_true(WIFSTOPPED(status));
    return view;
}

static void stage_view_end(const struct container *view) {
    kill(view->pid, SIGKILL);
    assert_int_equal(waitpid(view->pid, NULL, 0), view->pid);
}

static void a_network_volume(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct container view = stage_view();
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    job.mount.network = job.mount.allow_other = true;
    job.mount.volume = 7;
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_mounted(&view, "/volumes/7", "nosuid,nodev,noexec");
    assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
    struct job end = unmount_of(&container, result);
    end.unmount.staged = 7;
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&view, "/volumes/7");
    assert_not_mounted(&container, "/mnt/z");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
    stage_view_end(&view);
}

static void a_share_and_back(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct container view = stage_view();
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    job.mount.allow_other = true;
    struct job share = unmount_of(&container, work(&worker, &job, &container.pidfd, 1));
    int fuse = fds_back[0];
    fds_back[0] = -1;
    share.type = JOB_SHARE;
    share.unmount.staged = 8;
    assert_int_equal(work(&worker, &share, &container.pidfd, 1)->error, 0);
    assert_mounted(&view, "/volumes/8", "nosuid,nodev,noexec");
    share.unmount.mount_id = 0;
    assert_int_equal(work(&worker, &share, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&view, "/volumes/8");
    close(fuse);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
    stage_view_end(&view);
}

static void a_container_that_is_gone(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct container kept = container;
    struct worker worker = worker_new();
    _cleanup_close_ int pidfd = kept.pidfd = fcntl(container.pidfd, F_DUPFD_CLOEXEC, 3);
    container_end(&container);
    struct job job = disk_for(&kept, "z");
    assert_int_equal(work(&worker, &job, &pidfd, 1)->error, -ESRCH);
    assert_true(inject(&worker, &kept, false)->error < 0);
    struct job end = job_for(JOB_UNMOUNT, &kept);
    end.unmount.mount_id = 1;
    assert_int_equal(work(&worker, &end, &pidfd, 1)->error, 0);
    assert_int_equal(worker_end(&worker), 0);
}

/* A pid that is another process's by now: the pidfd is of one that ended. */
static void a_container_whose_pid_is_anothers(void **state) {
    NEEDS_A_HOST();
    struct container gone = container_start(false), here = container_start(false);
    struct worker worker = worker_new();
    _cleanup_close_ int pidfd = fcntl(gone.pidfd, F_DUPFD_CLOEXEC, 3);
    container_end(&gone);
    struct job job = disk_for(&here, "z");
    assert_int_equal(work(&worker, &job, &pidfd, 1)->error, -ESRCH);
    job = disk_for(&here, "z");
    job.target.mount_namespace.inode++;
    assert_int_equal(work(&worker, &job, &here.pidfd, 1)->error, -ESRCH);
    assert_not_mounted(&here, "/mnt/z");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&here);
}

/* Has the worker take two descriptors out of a client's message, as its backing file. */
static int backing_error(const struct worker *worker, const struct container *container, int fuse, int file) {
    int pair[2];
    struct wire_open_backing message;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    memset(&message, 0, sizeof message);
    wire_begin(&message, WIRE_OPEN_BACKING, 1);
    const int carried[] = {fuse, file};
    assert_int_equal(wire_send(pair[0], &message, carried, 2), 0);
    struct job job = job_for(JOB_BACKING, container);
    job.client_fds = 2;
    int error = work(worker, &job, &pair[1], 1)->error;
    close(pair[0]);
    close(pair[1]);
    return error;
}

static void backing_files_that_are_refused(void **state) {
    NEEDS_A_HOST();
    static const int flags[] = {O_RDONLY, O_WRONLY, O_PATH, O_RDWR | O_APPEND};
    struct container container = container_start(false);
    struct worker worker = worker_new();
    _cleanup_close_ int fuse = open(LINFSP_RUN_DIR "/private/fuse", O_RDWR | O_CLOEXEC);
    _cleanup_close_ int made = open("/run/file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        _cleanup_close_ int file = open("/run/file", flags[i] | O_CLOEXEC);
        assert_int_equal(backing_error(&worker, &container, fuse, file), -EPERM);
    }
    _cleanup_close_ int kernel = open("/proc/self/comm", O_RDWR | O_CLOEXEC);
    assert_int_equal(backing_error(&worker, &container, fuse, kernel), -EPERM);
    assert_int_equal(backing_error(&worker, &container, made, made), -EINVAL);
    assert_true(backing_error(&worker, &container, fuse, made) < 0); /* the kernel: it is no connection yet */
    /* and the worker has kept nothing: its descriptors are those it was born with */
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

static void a_message_that_is_discarded(void **state) {
    NEEDS_A_HOST();
    struct worker worker = worker_new();
    int pair[2], ends[2];
    struct wire_open_backing message;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    memset(&message, 0, sizeof message);
    wire_begin(&message, WIRE_OPEN_BACKING, 1);
    assert_int_equal(wire_send(pair[0], &message, &ends[1], 1), 0);
    close(ends[1]);
    struct job job = {.type = JOB_DISCARD};
    assert_int_equal(work(&worker, &job, &pair[1], 1)->error, 0);
    char byte; /* all ends of the pipe are closed: the one in the queue, and the worker's */
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(worker_end(&worker), 0);
}

static void a_container_of_no_engine(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = job_for(JOB_DESCRIBE, &container);
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* The kernel forgets that it is to kill the worker with its parent at each change of credentials, and a job changes
 * them several times. The socket stays open here: only the parent's end is left to end the worker. */
static void the_worker_ends_with_its_parent(void **state) {
    NEEDS_A_HOST();
    int pair[2], pidfd = -1;
    char byte;
    size_t n = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    struct container container = container_start(false);
    pid_t service = fork();
    assert_true(service >= 0);
    if (service == 0) {
        struct worker worker = worker_new();
        const int lent[] = {worker.pidfd, worker.socket};
        if (inject(&worker, &container, false)->error == 0)
            (void)socket_send(pair[1], "", 1, lent, 2);
        pause();
        _exit(0);
    }
    int lent[2];
    assert_int_equal(socket_receive(pair[0], &byte, 1, lent, 2, &n), 1);
    assert_int_equal(n, 2);
    pidfd = lent[0];
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 0), 0);
    assert_int_equal(kill(service, SIGKILL), 0);
    assert_int_equal(waitpid(service, NULL, 0), service);
    assert_int_equal(poll(&ended, 1, 5000), 1);
    close(lent[0]);
    close(lent[1]);
    close(pair[0]);
    close(pair[1]);
    container_end(&container);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_work_without_a_welcome),
        cmocka_unit_test(unknown_jobs_are_answered),
        cmocka_unit_test(inject_and_eject),
        cmocka_unit_test(half_an_injection_is_undone),
        cmocka_unit_test(helpers_of_the_image_are_found_by_what_they_are),
        cmocka_unit_test(early_means_not_yet),
        cmocka_unit_test(a_user_namespace_spends_the_worker),
        cmocka_unit_test(a_disk),
        cmocka_unit_test(letters_that_are_taken),
        cmocka_unit_test(an_unmount_that_is_not_lazy),
        cmocka_unit_test(a_container_that_cannot_be_entered),
        cmocka_unit_test(an_unmount_of_something_else),
        cmocka_unit_test(a_network_volume),
        cmocka_unit_test(a_share_and_back),
        cmocka_unit_test(a_container_that_is_gone),
        cmocka_unit_test(a_container_whose_pid_is_anothers),
        cmocka_unit_test(backing_files_that_are_refused),
        cmocka_unit_test(a_message_that_is_discarded),
        cmocka_unit_test(a_container_of_no_engine),
        cmocka_unit_test(the_worker_ends_with_its_parent),
    };
    umask(0);
    program = open(argc > 1 ? argv[1] : "src/worker/linfspd-worker", O_PATH | O_CLOEXEC);
    if (program < 0) {
        perror("the worker program");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_all, NULL);
}
