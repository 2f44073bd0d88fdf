/* SPDX-License-Identifier: MIT */
#include "worker/test-host.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "service/stage.h"
#include "util/namespace.h"
#include "util/proc.h"

#define OFF "LINFSP=off"

const char *why_not;
int run_dir, fuse_device, watches, stage, proc;
int catcher[2];
static int program;

int open_worker_program(const char *path) {
    umask(0);
    signal(SIGPIPE, SIG_IGN);
    proc = proc_begin();
    program = open(path ? path : "src/worker/linfspd-worker", O_PATH | O_CLOEXEC);
    if (program < 0)
        perror("the worker program");
    return program < 0 ? -1 : 0;
}

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
    char root[] = "/tmp/test-host.XXXXXX";
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

int make_all(void **state) {
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

bool layered;

bool make_layers(bool with_mnt) {
    static const char *const folders[] = {"",           "/lower",         "/upper",     "/work",
                                          "/lower/usr", "/lower/usr/bin", "/lower/dev", "/lower/mnt"};
    for (size_t i = 0; i < ARRAY_SIZE(folders) - !with_mnt; i++) {
        char path[64];
        snprintf(path, sizeof path, LAYERS "%s", folders[i]);
        if (mkdir(path, 0755) < 0)
            return false;
    }
    return true;
}

void layer_has(const char *path, const char *wanted) {
    const char *found = "";
    char name[64];
    snprintf(name, sizeof name, LAYERS "/upper%s", path);
    _cleanup_closedir_ DIR *directory = opendir(name);
    struct dirent *entry;
    assert_non_null(directory);
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            found = entry->d_name;
    assert_string_equal(found, wanted);
}

static bool build_container(void) {
    static const char *const folders[] = {"/mnt/dev", "/mnt/mnt", "/mnt/usr", "/mnt/usr/bin"};
    static const char layers[] = "lowerdir=" LAYERS "/lower,upperdir=" LAYERS "/upper,workdir=" LAYERS "/work";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        (layered ? mount("container", "/mnt", "overlay", 0, layers)
                 : mount("container", "/mnt", "tmpfs", 0, "mode=0755")) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(folders) && !layered; i++)
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

/* The worker that is tested shall not leave this container alone. */
static void take_out_off(void) {
    for (char **word = environ; *word; word++)
        if (strcmp(*word, OFF) == 0)
            memset(*word, '-', strlen(OFF)); /* in place: this is what /proc/PID/environ shows */
}

/* The child says "made" after each of its steps, and goes on when it is answered. */
_Noreturn static void be_container(int socket, bool user_namespace) {
    char byte = user_namespace && unshare(CLONE_NEWUSER) < 0 ? 'n' : 'y';
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    take_out_off();
    if (write(socket, &byte, 1) != 1 || read(socket, &byte, 1) != 1)
        _exit(1);
    if (user_namespace && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        _exit(1);
    byte = unshare(CLONE_NEWNS) == 0 && build_container() ? 'y' : 'n';
    if (write(socket, &byte, 1) == 1)
        (void)read(socket, &byte, 1);
    _exit(0);
}

struct container container_start(bool user_namespace) {
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

void container_end(struct container *container) {
    assert_int_equal(pidfd_send_signal(container->pidfd, SIGKILL, NULL, 0), 0);
    assert_int_equal(waitpid(container->pid, NULL, 0), container->pid);
    close_fd(&container->pidfd);
}

int open_in(const struct container *container, const char *path) {
    char full[300];
    snprintf(full, sizeof full, "/proc/%d/root/%s", container->pid, path);
    return open(full, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

bool exists_in(const struct container *container, const char *path) {
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

void assert_mounted(const struct container *container, const char *path, const char *part) {
    char line[1024];
    mount_line(container, path, line, sizeof line);
    if (!strstr(line, part))
        fail_msg("expected %s in the line of %s: \"%s\"", part, path, line);
}

void assert_not_mounted(const struct container *container, const char *path) {
    char line[1024];
    mount_line(container, path, line, sizeof line);
    assert_string_equal(line, "");
}

/* ---- the worker -------------------------------------------------------------------------------------------------- */

struct worker worker_start(void) {
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
    const int fds[JOB_WELCOME_FDS] = {run_dir, fuse_device, watches, stage, catcher[1], proc};
    assert_int_equal(socket_send(worker->socket, &welcome, sizeof welcome, fds, JOB_WELCOME_FDS), 0);
}

struct worker worker_new(void) {
    struct worker worker = worker_start();
    worker_welcome(&worker);
    static struct job_result ready;
    size_t n = 0;
    assert_int_equal(socket_receive(worker.socket, &ready, sizeof ready, NULL, 0, &n), sizeof ready);
    assert_int_equal(ready.ticket, 0);
    return worker;
}

/* Waits for its end, and returns its exit status. */
int worker_end(struct worker *worker) {
    int status = 0;
    close_fd(&worker->socket);
    assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
    close_fd(&worker->pidfd);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int fds_back[JOB_FDS_MAX];
size_t n_fds_back;

void close_back(void) {
    for (size_t i = 0; i < n_fds_back; i++)
        close_fd(&fds_back[i]);
    n_fds_back = 0;
}

/* Has it do a job with these descriptors. The result is good until the next job. */
const struct job_result *work(const struct worker *worker, struct job *job, const int *fds, size_t n_fds) {
    static struct job_result result;
    static uint64_t ticket;
    struct pollfd answer = {.fd = worker->socket, .events = POLLIN};
    close_back();
    job->ticket = ++ticket;
    assert_int_equal(socket_send(worker->socket, job, sizeof *job, fds, n_fds), 0);
    do { /* a result without a ticket says that it is ready again, after the job before */
        assert_int_equal(poll(&answer, 1, 10000), 1);
        assert_int_equal(socket_receive(worker->socket, &result, sizeof result, fds_back, JOB_FDS_MAX, &n_fds_back),
                         sizeof result);
    } while (result.ticket == 0);
    assert_int_equal(result.ticket, ticket);
    if (result.error)
        fprintf(stderr, "    answer: %s\n", result.message);
    return &result;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    return remove(path);
}

void remove_tree(const char *path) {
    assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
}

struct job job_for(uint32_t type, const struct container *container) {
    struct job job = {.type = type, .target = container->target};
    return job;
}

const struct job_result *inject(const struct worker *worker, const struct container *container, bool early) {
    struct job job = job_for(JOB_INJECT, container);
    static uint64_t folders;
    snprintf(job.inject.folder, sizeof job.inject.folder, FOLDER);
    job.inject.folder_number = ++folders;
    job.inject.early = early;
    return work(worker, &job, &container->pidfd, 1);
}

struct job disk_for(const struct container *container, const char *letter) {
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

struct job unmount_of(const struct container *container, const struct job_result *mounted) {
    struct job job = job_for(JOB_UNMOUNT, container);
    job.unmount.mount_id = mounted->mount.mount_id;
    job.unmount.fuse_device = mounted->mount.fuse_device;
    job.unmount.made.by_service = true;
    job.unmount.made.letters_too = mounted->mount.made_letters;
    snprintf(job.unmount.mount_point, sizeof job.unmount.mount_point, "%s", mounted->mount.mount_point);
    snprintf(job.unmount.made.name, sizeof job.unmount.made.name, "%s", mounted->mount.made_name);
    return job;
}
