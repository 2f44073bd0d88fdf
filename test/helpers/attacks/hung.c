/* SPDX-License-Identifier: MIT */
/*
 * An attacker's memory that never comes: a page of a file on its own disk, whose server takes READ and never answers.
 * A system call that copies to or from that page waits in the middle of its work, with the kernel's locks held.
 *
 *     hung list FOLDER [FOLDER...]   getdents(2) of each folder into such a page: holds the folders' inode locks
 *     hung store POINT               serves a second disk at POINT and writes a FUSE_NOTIFY_STORE for it from such a
 * page: holds that connection's lock against its own end (killsb) hung page POINT                the same for a page of
 * the file POINT/file, which stays locked hung self POINT                serves a disk at POINT, never answers for
 * POINT/file, and waits for that file itself hung mode POINT MODE           serves a disk at POINT and changes the mode
 * of the descriptor it was given to MODE hung backing POINT             registers a file of a hung disk as the backing
 * file of POINT/file: must be refused
 *     hung argv PROGRAM              executes PROGRAM three times, with its argv in such a page
 *     hung exec PROGRAM              executes PROGRAM again and again, each time in a process of which another thread
 *                                    is within execve(2), and waits for an interpreter on such a disk
 *
 * Prints "ready" when it waits; "refused: ..." and status 3 when it is refused.
 */
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linfsp/linfsp.h>

enum { ROOT = 1, FILE_INODE, SIZE = 4096 };

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

static bool file_hangs = true; /* LOOKUP of it is answered, READ or GETATTR is not */
static bool attributes_hang;

static struct stat attributes_of(uint64_t inode) {
    struct stat status = {
        .st_ino = inode, .st_nlink = 1, .st_uid = getuid(), .st_gid = getgid(), .st_mode = S_IFREG | 0777};
    if (inode == ROOT)
        status.st_mode = S_IFDIR | 0755;
    else
        status.st_size = SIZE;
    return status;
}

static int do_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    uint64_t timeout = attributes_hang ? 0 : LINFSP_TIMEOUT_INFINITE;
    struct linfsp_entry entry = {.inode = FILE_INODE,
                                 .attributes = attributes_of(FILE_INODE),
                                 .attributes_timeout = timeout,
                                 .entry_timeout = LINFSP_TIMEOUT_INFINITE};
    return strcmp(name, "file") == 0 ? linfsp_reply_entry(request, &entry) : -ENOENT;
}

static int do_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct stat status = attributes_of(inode);
    if (inode == FILE_INODE && attributes_hang)
        return 0; /* "answered later" */
    return linfsp_reply_attributes(request, &status, LINFSP_TIMEOUT_INFINITE);
}

static int do_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    return linfsp_reply_open(request, file);
}

static int do_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    static const char zeros[SIZE];
    if (file_hangs)
        return 0; /* "answered later" */
    return linfsp_reply_data(request, zeros, offset < SIZE ? SIZE - (size_t)offset : 0);
}

static const struct linfsp_operations operations = {
    .size = sizeof operations, .lookup = do_lookup, .getattr = do_getattr, .open = do_open, .read = do_read};

static linfsp_volume *make_volume(const char *folder, uint64_t want) {
    struct linfsp_volume_options options = {
        .size = sizeof options, .file_system_name = "hung", .mount_point = folder, .want = want};
    struct linfsp_error error;
    linfsp_volume *volume;
    if (linfsp_volume_create(&options, &operations, NULL, &volume, &error) < 0) {
        printf("refused: %s\n", error.message);
        exit(3);
    }
    return volume;
}

static void *run_volume(void *volume) {
    linfsp_volume_run(volume);
    return NULL;
}

static void serve_in_thread(linfsp_volume *volume) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_volume, volume) != 0)
        errx(1, "thread");
}

/* The page, on a disk that a child serves. */
static void *hung_page(int *ret_file) {
    char folder[64], path[96], byte;
    int ready[2];
    snprintf(folder, sizeof folder, "/tmp/hung.%d", (int)getpid());
    snprintf(path, sizeof path, "%s/file", folder);
    if (pipe(ready) < 0)
        err(1, "pipe");
    if (fork() == 0) {
        linfsp_volume *volume = make_volume(folder, 0);
        if (write(ready[1], "", 1) != 1)
            err(1, "pipe");
        close(ready[0]);
        close(ready[1]);
        _exit(linfsp_volume_run(volume) < 0);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        errx(1, "no disk");
    int fd = open(path, O_RDWR);
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (page == MAP_FAILED)
        err(1, "%s", path);
    if (ret_file)
        *ret_file = fd;
    return page;
}

static void say_ready(void) {
    puts("ready");
    fflush(stdout);
}

static void *list_folder(void *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    void *page = hung_page(NULL);
    if (fd < 0)
        err(1, "%s", (char *)folder);
    say_ready();
    (void)syscall(SYS_getdents64, fd, page, SIZE);
    printf("not held: %s\n", (char *)folder);
    fflush(stdout);
    return NULL;
}

static int list(int count, char **folders) {
    for (int i = 0; i < count; i++)
        if (fork() == 0) {
            list_folder(folders[i]);
            pause();
        }
    pause();
    return 0;
}

/* The volume's own descriptor. */
static int find_fuse(void) {
    for (int fd = 3; fd < 256; fd++) {
        struct stat status;
        if (fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(10, 229))
            return fd;
    }
    errx(1, "no FUSE descriptor");
}

static int store(const char *point, bool locks_page) {
    static char zeros[SIZE];
    void *page = hung_page(NULL);
    linfsp_volume *volume = make_volume(point, 0);
    int fuse = find_fuse();
    char path[256];
    struct stat status;
    snprintf(path, sizeof path, "%s/file", point);
    file_hangs = false;
    serve_in_thread(volume);
    if (stat(path, &status) < 0)
        err(1, "%s", path);
    struct fuse_notify_store_out out = {.nodeid = FILE_INODE, .size = locks_page ? 2 * SIZE : SIZE};
    struct fuse_out_header header = {.error = FUSE_NOTIFY_STORE,
                                     .len = (uint32_t)(sizeof header + sizeof out) + out.size};
    struct iovec parts[] = {{&header, sizeof header}, {&out, sizeof out}, {page, SIZE}, {zeros, SIZE}};
    say_ready();
    ssize_t r = writev(fuse, parts, locks_page ? 4 : 3);
    printf("not held: %zd\n", r);
    fflush(stdout);
    pause();
    return 0;
}

_Noreturn static void wait_for_itself(const char *point) {
    char path[256];
    struct stat status;
    linfsp_volume *volume = make_volume(point, 0);
    attributes_hang = true;
    serve_in_thread(volume);
    snprintf(path, sizeof path, "%s/file", point);
    say_ready();
    for (;;)
        (void)stat(path, &status);
}

static int change_mode(const char *point, unsigned mode) {
    linfsp_volume *volume = make_volume(point, 0);
    int fuse = find_fuse();
    int r = fchmod(fuse, mode) | fchown(fuse, 1234, 1234);
    printf(r < 0 ? "refused: %s\n" : "changed\n", strerror(errno));
    fflush(stdout);
    serve_in_thread(volume);
    say_ready();
    pause();
    return 0;
}

static int back(const char *point) {
    int file;
    (void)hung_page(&file);
    linfsp_volume *volume = make_volume(point, LINFSP_WANT_PASSTHROUGH);
    int id = linfsp_backing_open(volume, file);
    printf(id < 0 ? "refused: %s\n" : "registered\n", strerror(-id));
    fflush(stdout);
    return id < 0 ? 3 : 0;
}

/* The page is asked for alone, without readahead, which a signal would end the wait for. */
static int execute(const char *program) {
    void *page = hung_page(NULL);
    if (madvise(page, SIZE, MADV_RANDOM) < 0)
        err(1, "madvise");
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            (void)syscall(SYS_execve, program, page, environ);
            err(1, "%s", program);
        }
    say_ready();
    pause();
    return 0;
}

/* Makes a program that has file for its interpreter. */
static void make_program(const char *path, const char *file) {
    struct {
        Elf64_Ehdr head;
        Elf64_Phdr segments[2];
        char interpreter[128];
    } program = {.head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                          .e_type = ET_DYN,
                          .e_machine = MACHINE,
                          .e_version = EV_CURRENT,
                          .e_phoff = sizeof(Elf64_Ehdr),
                          .e_ehsize = sizeof(Elf64_Ehdr),
                          .e_phentsize = sizeof(Elf64_Phdr),
                          .e_phnum = 2}};
    program.segments[0] = (Elf64_Phdr){.p_type = PT_INTERP,
                                       .p_offset = offsetof(typeof(program), interpreter),
                                       .p_filesz = strlen(file) + 1,
                                       .p_align = 1};
    program.segments[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                                       .p_flags = PF_R | PF_X,
                                       .p_filesz = sizeof program,
                                       .p_memsz = sizeof program,
                                       .p_align = SIZE};
    snprintf(program.interpreter, sizeof program.interpreter, "%s", file);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0 || write(fd, &program, sizeof program) != sizeof program || close(fd) < 0)
        err(1, "%s", path);
}

static void *execute_it(void *path) {
    execl(path, path, NULL);
    err(1, "%s", (char *)path);
}

static int execute_in_threads(const char *program) {
    char file[96], hangs[64];
    pthread_t thread;
    int written;
    (void)munmap(hung_page(&written), SIZE);
    close(written); /* who has it open for writing keeps it from being executed */
    snprintf(file, sizeof file, "/tmp/hung.%d/file", (int)getpid());
    snprintf(hangs, sizeof hangs, "/tmp/hangs.%d", (int)getpid());
    make_program(hangs, file);
    say_ready();
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) {
            if (pthread_create(&thread, NULL, execute_it, hangs) != 0)
                errx(1, "thread");
            usleep(200000);
            execl(program, program, "--version", NULL);
            err(1, "%s", program);
        }
        usleep(700000);
        (void)kill(pid, SIGKILL);
    }
}

int main(int argc, char **argv) {
    const char *verb = argc > 2 ? argv[1] : "";
    signal(SIGCHLD, SIG_IGN);
    if (strcmp(verb, "list") == 0)
        return list(argc - 2, argv + 2);
    if (strcmp(verb, "store") == 0)
        return store(argv[2], false);
    if (strcmp(verb, "page") == 0)
        return store(argv[2], true);
    if (strcmp(verb, "self") == 0)
        wait_for_itself(argv[2]);
    if (strcmp(verb, "mode") == 0 && argc > 3)
        return change_mode(argv[2], (unsigned)strtoul(argv[3], NULL, 8));
    if (strcmp(verb, "backing") == 0)
        return back(argv[2]);
    if (strcmp(verb, "argv") == 0)
        return execute(argv[2]);
    if (strcmp(verb, "exec") == 0)
        return execute_in_threads(argv[2]);
    errx(2, "usage: hung VERB ...: see the top of test/helpers/attacks/hung.c");
}
