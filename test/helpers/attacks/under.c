/* SPDX-License-Identifier: MIT */
/*
 * An ordinary user's container whose /usr/bin is an overlayfs above a FUSE file system of the user's own:
 *
 *     under ROOT HELPER NODE SILENCE     ROOT: an empty folder of the user's; HELPER: a program that passes for
 * libfuse's helper; NODE: the FUSE device
 *
 * The only program there is /usr/bin/fusermount3, which is HELPER. It is executed once. Then the FUSE server takes some
 * requests and answers none of them, and the helper is executed again. Whoever has caused such a request has to wait,
 * in a way that no signal ends. SILENCE:
 *
 *     open, read, flush     each OPEN, READ, FLUSH
 *     getattr               each GETATTR after the OPEN by whoever reads the kernel's question
 *     mark                  each GETATTR after the first FLUSH, when the file has been looked at and is marked next
 *
 * Prints "ready" then, and waits until it is killed.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "fusermount3"
#define FILE_INODE 2

static const struct silence {
    const char *name;
    uint32_t opcode; /* is not answered */
    uint32_t after; /* once this one has come; 0: from the beginning */
    bool at_once; /* not only when the helper was executed */
} silences[] = {{"open", FUSE_OPEN, 0, false},
                {"read", FUSE_READ, 0, false},
                {"flush", FUSE_FLUSH, 0, false},
                {"getattr", FUSE_GETATTR, FUSE_OPEN, false},
                {"mark", FUSE_GETATTR, FUSE_FLUSH, true}};
static const struct silence *silence;
static volatile int *silent; /* shared: it begins */
static char program[16 << 20];
static size_t program_size;

static void put(const char *path, const char *format, unsigned id) {
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, format, id) < 0 || fclose(file) != 0)
        err(1, "%s", path);
}

static size_t load(const char *path, char *buffer, size_t size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? -1 : read(file, buffer, size);
    if (n <= 0)
        err(1, "%s", path);
    close(file);
    return (size_t)n;
}

static void enter_user_namespace(void) {
    unsigned uid = getuid(), gid = getgid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        err(1, "unshare");
    put("/proc/self/setgroups", "deny", 0);
    put("/proc/self/uid_map", "0 %u 1", uid);
    put("/proc/self/gid_map", "0 %u 1", gid);
}

/* ---- the file system ------------------------------------------------------------------------------------------- */

static struct fuse_attr attributes(uint64_t inode) {
    return (struct fuse_attr){.ino = inode,
                              .mode = inode == FILE_INODE ? S_IFREG | 0755 : S_IFDIR | 0755,
                              .nlink = 1,
                              .blksize = 4096,
                              .size = inode == FILE_INODE ? program_size : 0};
}

static void answer(int device, uint64_t unique, int error, const void *data, size_t size) {
    static char packet[1 << 20];
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + size), .error = error, .unique = unique};
    memcpy(packet, &header, sizeof header);
    if (size)
        memcpy(packet + sizeof header, data, size);
    (void)!write(device, packet, sizeof header + size);
}

static unsigned attributes_valid(void) {
    return silence->opcode == FUSE_GETATTR ? 0 : 1000;
}

/* Whether a request gets no answer. */
static bool is_silent(uint32_t opcode) {
    static bool has_come;
    if (!*silent && !silence->at_once)
        return false;
    bool silent_now = opcode == silence->opcode && (has_come || silence->after == 0);
    has_come = has_come || opcode == silence->after;
    return silent_now;
}

static void on_lookup(int device, const struct fuse_in_header *in) {
    struct fuse_entry_out entry = {
        .nodeid = FILE_INODE, .entry_valid = 1000, .attr_valid = attributes_valid(), .attr = attributes(FILE_INODE)};
    if (strcmp((const char *)(in + 1), NAME) == 0)
        answer(device, in->unique, 0, &entry, sizeof entry);
    else
        answer(device, in->unique, -ENOENT, NULL, 0);
}

static void on_read(int device, const struct fuse_in_header *in) {
    const struct fuse_read_in *wish = (const void *)(in + 1);
    size_t at = wish->offset < program_size ? wish->offset : program_size;
    size_t size = program_size - at < wish->size ? program_size - at : wish->size;
    answer(device, in->unique, 0, program + at, size);
}

static void on_request(int device, const struct fuse_in_header *in) {
    struct fuse_init_out init = {.major = 7, .minor = 31, .max_readahead = 1 << 16, .max_write = 1 << 16};
    struct fuse_attr_out attr = {.attr_valid = attributes_valid(), .attr = attributes(in->nodeid)};
    static const struct fuse_open_out opened;
    static const struct fuse_statfs_out status = {.st = {.bsize = 4096, .namelen = 255}};
    if (is_silent(in->opcode))
        return;
    switch (in->opcode) {
    case FUSE_INIT:
        answer(device, in->unique, 0, &init, sizeof init);
        return;
    case FUSE_LOOKUP:
        on_lookup(device, in);
        return;
    case FUSE_GETATTR:
        answer(device, in->unique, 0, &attr, sizeof attr);
        return;
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        answer(device, in->unique, 0, &opened, sizeof opened);
        return;
    case FUSE_READ:
        on_read(device, in);
        return;
    case FUSE_STATFS:
        answer(device, in->unique, 0, &status, sizeof status);
        return;
    case FUSE_READDIR:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_FLUSH:
        answer(device, in->unique, 0, NULL, 0);
        return;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    default:
        answer(device, in->unique, -ENOSYS, NULL, 0);
    }
}

static _Noreturn void serve(int device) {
    static char request[1 << 18];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        ssize_t size = read(device, request, sizeof request);
        if (size < 0 && errno != EINTR && errno != EAGAIN && errno != ENOENT)
            _exit(0);
        if (size >= (ssize_t)sizeof(struct fuse_in_header))
            on_request(device, (const void *)request);
    }
}

static void mount_fuse(const char *node, const char *where) {
    char options[128];
    int device = open(node, O_RDWR | O_CLOEXEC); /* in the namespace that mounts */
    if (device < 0)
        err(1, "%s", node);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0%s", device,
             silence->at_once ? ",default_permissions" : ""); /* a mark asks for permission by GETATTR then */
    if (mount("under", where, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
        err(1, "fuse");
    if (fork() == 0)
        serve(device);
    close(device);
}

/* ---- the container --------------------------------------------------------------------------------------------- */

static void make_folders(const char *const *names) {
    for (; *names; names++)
        if (mkdir(*names, 0755) < 0)
            err(1, "%s", *names);
}

static pid_t run_helper(void) {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/usr/bin/" NAME, NAME, "--version", NULL);
        _exit(1);
    }
    return pid;
}

static int be_container(const char *root, const char *helper, const char *node) {
    static const char *const folders[] = {"dev", "usr", "usr/bin", "proc", "lower", "upper", "work", NULL};
    static char self[4 << 20];
    size_t size = load("/proc/self/exe", self, sizeof self);
    program_size = load(helper, program, sizeof program);
    silent = mmap(NULL, sizeof *silent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    enter_user_namespace();
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", root, "tmpfs", 0, NULL) < 0 ||
        chdir(root) < 0)
        err(1, "%s", root);
    make_folders(folders);
    if (mount("none", "dev", "tmpfs", 0, NULL) < 0)
        err(1, "dev");
    mount_fuse(node, "lower");
    if (mount("overlay", "usr/bin", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work,userxattr") < 0)
        err(1, "overlay");
    int own = open("under", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (own < 0 || write(own, self, size) != (ssize_t)size || close(own) < 0 || chroot(".") < 0)
        err(1, "chroot");
    if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) < 0)
        err(1, "capabilities");
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/under", "under", "--wait", NULL);
        err(1, "/under");
    }
    sleep(3); /* it has been looked through by then */
    if (!silence->at_once)
        (void)waitpid(run_helper(), NULL, 0);
    *silent = 1;
    puts("ready");
    fflush(stdout);
    (void)run_helper();
    for (;;)
        pause();
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--wait") == 0)
        for (;;)
            pause();
    for (size_t i = 0; argc == 5 && i < sizeof silences / sizeof *silences; i++)
        if (strcmp(argv[4], silences[i].name) == 0)
            silence = &silences[i];
    if (silence)
        return be_container(argv[1], argv[2], argv[3]);
    errx(2, "usage: under ROOT HELPER NODE SILENCE");
}
