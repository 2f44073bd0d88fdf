/* SPDX-License-Identifier: MIT */
/*
 * Changes files and names at random and knows what must come of each step: `endures FOLDER SECONDS THREADS SEED`.
 *
 * Each thread works in a directory of its own, so it knows all that is there. A step that fails, or succeeds, against
 * what is known ends the program with 1 and a line that says what was done. So it finds out whether something goes
 * wrong in the folder's file system meanwhile: data that is lost, a step that was done twice or not at all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MAX_FILE (256 * 1024)
#define NAMES 24

struct worker {
    pthread_t thread;
    unsigned number;
    uint64_t random;
    int folder; /* O_PATH */
    unsigned long steps;

    /* one file, and what must be in it */
    int fd;
    unsigned char shadow[SIZE_MAX_FILE], scratch[SIZE_MAX_FILE];
    size_t size;
    bool second_name; /* it is called "data-b", not "data-a" */
    /* the same without a name */
    int unnamed;
    unsigned char unnamed_byte;
    size_t unnamed_size;
    /* what stands under the names n0, n1, ...: a letter, and which of all that were ever made */
    char kind[NAMES]; /* 0: nothing; f: file, d: directory, l: link, p: fifo */
    uint64_t inode[NAMES];
    bool attribute[NAMES];
    DIR *listing; /* of the folder, open all the time */
};

static time_t end;
static atomic_bool stop;

static void wrong(const struct worker *worker, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void wrong(const struct worker *worker, const char *format, ...) {
    int error = errno;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "thread %u, step %lu: ", worker->number, worker->steps);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (%s)\n", strerror(error));
    va_end(arguments);
    _exit(1);
}

#define MUST(worker, condition, ...)                                                                                   \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            wrong(worker, __VA_ARGS__);                                                                                \
    } while (0)

static uint64_t any(struct worker *worker, uint64_t below) {
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random % below;
}

/* A call's result is what it must be: 0 and more, or -1 with that error. */
static void outcome(const struct worker *worker, const char *what, unsigned name, long result, int error) {
    if (error ? result >= 0 || errno != error : result < 0) {
        if (result >= 0)
            errno = 0;
        wrong(worker, "%s n%u: expected %s", what, name, error ? strerror(error) : "success");
    }
}

static const char *data_name(const struct worker *worker) {
    return worker->second_name ? "data-b" : "data-a";
}

/* ---- content --------------------------------------------------------------------------------------------------- */

static void write_some(struct worker *worker) {
    size_t at = any(worker, SIZE_MAX_FILE - 1), length = 1 + any(worker, SIZE_MAX_FILE - at);
    if (length > 5000 && any(worker, 2))
        length = 1 + length % 5000; /* never longer than it was: it may end at the largest size */
    for (size_t i = 0; i < length; i++)
        worker->scratch[i] = (unsigned char)(worker->random >> (i % 56)) ^ (unsigned char)i;
    ssize_t n = pwrite(worker->fd, worker->scratch, length, (off_t)at);
    MUST(worker, n == (ssize_t)length, "write of %zu at %zu gave %zd", length, at, n);
    memcpy(worker->shadow + at, worker->scratch, length);
    if (at + length > worker->size)
        worker->size = at + length;
}

static void compare(struct worker *worker, const unsigned char *found, size_t at, size_t length, const char *how) {
    for (size_t i = 0; i < length; i++)
        MUST(worker, found[i] == worker->shadow[at + i], "%s: byte %zu of %zu is %02x, not %02x", how, at + i,
             worker->size, found[i], worker->shadow[at + i]);
}

static void read_some(struct worker *worker) {
    size_t at = any(worker, SIZE_MAX_FILE), length = SIZE_MAX_FILE - at;
    ssize_t n = pread(worker->fd, worker->scratch, length, (off_t)at);
    size_t should = at < worker->size ? worker->size - at : 0;
    MUST(worker, n == (ssize_t)should, "read at %zu gave %zd of %zu", at, n, should);
    compare(worker, worker->scratch, at, should, "read");
}

static void cut(struct worker *worker) {
    size_t size = any(worker, SIZE_MAX_FILE);
    MUST(worker, ftruncate(worker->fd, (off_t)size) == 0, "truncate to %zu", size);
    if (size < worker->size)
        memset(worker->shadow + size, 0, worker->size - size);
    worker->size = size;
    struct stat status;
    MUST(worker, fstat(worker->fd, &status) == 0 && (size_t)status.st_size == size, "size after a truncation");
}

static void punch(struct worker *worker) {
    size_t at = any(worker, SIZE_MAX_FILE - 1), length = 1 + any(worker, SIZE_MAX_FILE - at);
    int r = fallocate(worker->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)length);
    MUST(worker, r == 0 || errno == EOPNOTSUPP, "punch");
    if (r == 0)
        memset(worker->shadow + at, 0, length);
}

static void map(struct worker *worker) {
    if (worker->size < 4096)
        return;
    unsigned char *memory = mmap(NULL, worker->size, PROT_READ | PROT_WRITE, MAP_SHARED, worker->fd, 0);
    MUST(worker, memory != MAP_FAILED, "mmap");
    size_t at = any(worker, worker->size - 64);
    compare(worker, memory + at, at, 64, "mapping");
    for (size_t i = 0; i < 64; i++)
        memory[at + i] = worker->shadow[at + i] = (unsigned char)any(worker, 256);
    MUST(worker, msync(memory, worker->size, any(worker, 2) ? MS_SYNC : MS_ASYNC) == 0, "msync");
    MUST(worker, munmap(memory, worker->size) == 0, "munmap");
}

static void open_again(struct worker *worker) {
    struct stat status;
    MUST(worker, close(worker->fd) == 0, "close");
    worker->fd = openat(worker->folder, data_name(worker), O_RDWR | O_CLOEXEC);
    MUST(worker, worker->fd >= 0, "open %s", data_name(worker));
    MUST(worker, fstat(worker->fd, &status) == 0 && (size_t)status.st_size == worker->size, "size %zu at open, not %zu",
         (size_t)status.st_size, worker->size);
}

static void move_open(struct worker *worker) {
    const char *from = data_name(worker);
    worker->second_name = !worker->second_name;
    MUST(worker, renameat(worker->folder, from, worker->folder, data_name(worker)) == 0, "rename of an open file");
}

/* ---- a file without a name ------------------------------------------------------------------------------------- */

static void use_unnamed(struct worker *worker) {
    struct stat status;
    if (worker->unnamed < 0 && any(worker, 2)) {
        worker->unnamed = openat(worker->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        MUST(worker, worker->unnamed >= 0 || errno == EOPNOTSUPP, "a file without a name");
    }
    if (worker->unnamed < 0) {
        worker->unnamed = openat(worker->folder, "gone", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0400);
        MUST(worker, worker->unnamed >= 0, "create gone");
        MUST(worker, unlinkat(worker->folder, "gone", 0) == 0, "unlink gone");
    }
    ssize_t n = pread(worker->unnamed, worker->scratch, SIZE_MAX_FILE, 0);
    MUST(worker, n == (ssize_t)worker->unnamed_size, "a file without a name: read gave %zd of %zu", n,
         worker->unnamed_size);
    for (ssize_t i = 0; i < n; i++)
        MUST(worker, worker->scratch[i] == worker->unnamed_byte, "a file without a name: byte %zd", i);
    MUST(worker, fstat(worker->unnamed, &status) == 0, "a file without a name: fstat");
    errno = 0;
    MUST(worker, status.st_nlink == 0, "a file without a name has %lu", (unsigned long)status.st_nlink);
    worker->unnamed_byte++;
    worker->unnamed_size = 1 + any(worker, 20000);
    memset(worker->scratch, worker->unnamed_byte, worker->unnamed_size);
    MUST(worker, ftruncate(worker->unnamed, 0) == 0, "a file without a name: truncate");
    MUST(worker, write(worker->unnamed, worker->scratch, 0) == 0, "a file without a name: write nothing");
    MUST(worker, pwrite(worker->unnamed, worker->scratch, worker->unnamed_size, 0) == (ssize_t)worker->unnamed_size,
         "a file without a name: write");
    if (any(worker, 5))
        return;
    MUST(worker, close(worker->unnamed) == 0, "a file without a name: close");
    worker->unnamed = -1;
    worker->unnamed_size = 0;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static const char *name_of(unsigned n) {
    static _Thread_local char names[2][16];
    static _Thread_local unsigned turn;
    char *name = names[turn++ % 2];
    snprintf(name, 16, "n%u", n);
    return name;
}

static void learn(struct worker *worker, unsigned n, char kind) {
    struct stat status;
    MUST(worker, fstatat(worker->folder, name_of(n), &status, AT_SYMLINK_NOFOLLOW) == 0, "stat of the new n%u", n);
    worker->kind[n] = kind;
    worker->inode[n] = status.st_ino;
    worker->attribute[n] = false;
}

static void make(struct worker *worker) {
    unsigned n = (unsigned)any(worker, NAMES);
    int error = worker->kind[n] ? EEXIST : 0;
    long r;
    char kind = "fdlp"[any(worker, 4)];
    switch (kind) {
    case 'f':
        r = openat(worker->folder, name_of(n), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, any(worker, 2) ? 0644 : 0444);
        outcome(worker, "create", n, r, error);
        if (r >= 0)
            MUST(worker, write((int)r, "x", 1) == 1 && close((int)r) == 0, "write to the new n%u", n);
        break;
    case 'd':
        outcome(worker, "mkdir", n, r = mkdirat(worker->folder, name_of(n), 0755), error);
        break;
    case 'l':
        outcome(worker, "symlink", n, r = symlinkat("nowhere", worker->folder, name_of(n)), error);
        break;
    default:
        outcome(worker, "mknod", n, r = mknodat(worker->folder, name_of(n), S_IFIFO | 0600, 0), error);
    }
    if (r >= 0)
        learn(worker, n, kind);
}

static void take_away(struct worker *worker) {
    unsigned n = (unsigned)any(worker, NAMES);
    bool directory = any(worker, 3) == 0 || worker->kind[n] == 'd';
    int error = !worker->kind[n]                       ? ENOENT
                : directory && worker->kind[n] != 'd'  ? ENOTDIR
                : !directory && worker->kind[n] == 'd' ? EISDIR
                                                       : 0;
    outcome(worker, directory ? "rmdir" : "unlink", n,
            unlinkat(worker->folder, name_of(n), directory ? AT_REMOVEDIR : 0), error);
    if (!error)
        worker->kind[n] = 0;
}

static void move(struct worker *worker) {
    unsigned from = (unsigned)any(worker, NAMES), to = (unsigned)any(worker, NAMES);
    unsigned flags = (unsigned)any(worker, 2) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    if (from == to)
        return;
    int error = !worker->kind[from] ? ENOENT : 0;
    if (!error && flags == RENAME_EXCHANGE && !worker->kind[to])
        error = ENOENT;
    if (!error && flags == RENAME_NOREPLACE && worker->kind[to])
        error = EEXIST;
    if (!error && worker->inode[from] == worker->inode[to] && worker->kind[to])
        return; /* two names of one file */
    outcome(worker, flags == RENAME_EXCHANGE ? "exchange" : "rename", from,
            renameat2(worker->folder, name_of(from), worker->folder, name_of(to), flags), error);
    if (error)
        return;
    char kind = worker->kind[to];
    uint64_t inode = worker->inode[to];
    bool attribute = worker->attribute[to];
    worker->kind[to] = worker->kind[from];
    worker->inode[to] = worker->inode[from];
    worker->attribute[to] = worker->attribute[from];
    worker->kind[from] = flags == RENAME_EXCHANGE ? kind : 0;
    worker->inode[from] = inode;
    worker->attribute[from] = attribute;
}

static void add_name(struct worker *worker) {
    unsigned from = (unsigned)any(worker, NAMES), to = (unsigned)any(worker, NAMES);
    if (worker->kind[from] != 'f' || worker->attribute[from])
        return;
    int error = worker->kind[to] ? EEXIST : 0;
    outcome(worker, "link", to, linkat(worker->folder, name_of(from), worker->folder, name_of(to), 0), error);
    if (!error)
        learn(worker, to, 'f');
}

static void set_attribute(struct worker *worker) {
    unsigned n = (unsigned)any(worker, NAMES);
    char path[64];
    struct stat status;
    if (worker->kind[n] != 'd') /* which have one name only */
        return;
    int fd = openat(worker->folder, name_of(n), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(worker, fd >= 0 && fstat(fd, &status) == 0, "open directory n%u", n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool remove = any(worker, 2);
    int r = remove ? removexattr(path, "user.endures") : setxattr(path, "user.endures", "1", 1, XATTR_CREATE);
    if (r == 0 || (errno != EOPNOTSUPP && errno != EPERM)) {
        outcome(worker, remove ? "removexattr" : "setxattr", n, r,
                remove                 ? (worker->attribute[n] ? 0 : ENODATA)
                : worker->attribute[n] ? EEXIST
                                       : 0);
        worker->attribute[n] = r == 0 ? !remove : worker->attribute[n];
    }
    close(fd);
}

static void list(struct worker *worker) {
    unsigned found = 0, should = 0;
    struct dirent *entry;
    rewinddir(worker->listing);
    errno = 0;
    while ((entry = readdir(worker->listing))) {
        unsigned n;
        if (sscanf(entry->d_name, "n%u", &n) != 1)
            continue;
        MUST(worker, n < NAMES && worker->kind[n], "n%u is listed", n);
        found++;
    }
    MUST(worker, errno == 0, "readdir");
    for (unsigned n = 0; n < NAMES; n++)
        should += worker->kind[n] != 0;
    MUST(worker, found == should, "%u names are listed, not %u", found, should);
}

static void look(struct worker *worker) {
    unsigned n = (unsigned)any(worker, NAMES);
    struct stat status;
    int r = fstatat(worker->folder, name_of(n), &status, AT_SYMLINK_NOFOLLOW);
    outcome(worker, "stat", n, r, worker->kind[n] ? 0 : ENOENT);
    if (r == 0)
        MUST(worker, status.st_ino == worker->inode[n], "n%u is another file", n);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static void *work(void *argument) {
    static void (*const steps[])(struct worker *) = {
        write_some, write_some, read_some, read_some, cut,      punch,         map,  open_again, move_open,  make,
        make,       make,       take_away, move,      add_name, set_attribute, list, look,       use_unnamed};
    struct worker *worker = argument;
    while (!atomic_load(&stop)) {
        steps[any(worker, sizeof steps / sizeof *steps)](worker);
        worker->steps++;
        if (worker->steps % 16 == 0 && time(NULL) >= end)
            break;
    }
    for (size_t at = 0; at < worker->size; at += 4096)
        read_some(worker);
    list(worker);
    return NULL;
}

static void start(struct worker *worker, const char *folder, uint64_t seed) {
    char path[4096];
    worker->random = (seed + 1) * 0x9e3779b97f4a7c15u + worker->number * 977;
    snprintf(path, sizeof path, "%s/thread-%u", folder, worker->number);
    MUST(worker, mkdir(path, 0755) == 0, "mkdir %s", path);
    worker->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    worker->listing = opendir(path);
    MUST(worker, worker->folder >= 0 && worker->listing, "open %s", path);
    worker->fd = openat(worker->folder, data_name(worker), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    MUST(worker, worker->fd >= 0, "create data");
    worker->unnamed = -1;
    pthread_create(&worker->thread, NULL, work, worker);
}

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    unsigned threads = (unsigned)atoi(argv[3]);
    unsigned long steps = 0;
    struct worker *workers = calloc(threads, sizeof *workers);
    end = time(NULL) + atoi(argv[2]);
    for (unsigned i = 0; workers && i < threads; i++) {
        workers[i].number = i;
        start(&workers[i], argv[1], (uint64_t)atoll(argv[4]));
    }
    for (unsigned i = 0; workers && i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        steps += workers[i].steps;
    }
    printf("%lu steps\n", steps);
    return 0;
}
