/* SPDX-License-Identifier: MIT */
/*
 * structures: what memfs's own structures cost, without a kernel in between.
 *
 *     structures [ENTRIES...]       default: 10 1000 100000 1000000
 *
 * For each size of directory: nanoseconds to make a file (a node and its name), to find one by name at random, to list
 * one entry, to remove a file; and the bytes that each takes. Then the same by two threads, each in a directory of its
 * own, and finding by two threads in one: how many times as many that is. Locks are taken as memfs's operations take
 * them. Small directories are made many times over, so that each figure is of as many files.
 */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fs/memfs/node.h"

enum { FILES = 1000000, THREADS = 2 };
enum { MAKE, FIND, LIST, REMOVE, STEPS };

struct worker {
    pthread_t thread;
    pthread_barrier_t *barrier;
    unsigned entries, directories, number;
    struct node **parents; /* directories of them */
    double ns[STEPS];
};

static struct volume volume;

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        err(1, "/proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static size_t name_of(unsigned i, char name[24]) {
    return (size_t)snprintf(name, 24, "file-%07u", i);
}

static struct node *new_directory(void) {
    struct node *node;
    if (node_new(&volume, S_IFDIR | 0755, 0, 0, &node) < 0)
        errx(1, "out of memory");
    return node;
}

/* ---- what is measured ------------------------------------------------------------------------------------------ */

static void make(struct node *parent, unsigned i) {
    char name[24];
    size_t size = name_of(i, name);
    struct node *node;
    if (node_new(&volume, S_IFREG | 0644, 0, 0, &node) < 0)
        errx(1, "out of memory");
    lock_exclusive(&parent->directory->lock);
    if (directory_insert(parent->directory, &volume.names, name, size, node, NULL) < 0)
        errx(1, "out of memory");
    unlock_exclusive(&parent->directory->lock);
}

static void find(struct node *parent, unsigned i) {
    char name[24];
    struct stat status;
    size_t size = name_of(i, name);
    lock_shared(&parent->directory->lock);
    struct entry *entry = directory_find(parent->directory, &volume.names, name, size);
    if (!entry)
        errx(1, "%s is not there", name);
    struct node *node = node_hold(entry->node);
    unlock_shared(&parent->directory->lock);
    node_stat(&volume, node, &status);
    node_drop(&volume, node, 1);
}

static void list(struct node *parent, unsigned entries) {
    uint64_t cookie = DIRECTORY_FIRST_COOKIE - 1;
    struct entry *entry;
    unsigned seen = 0;
    lock_shared(&parent->directory->lock);
    for (; (entry = directory_next(parent->directory, cookie)); seen++)
        cookie = entry->cookie;
    unlock_shared(&parent->directory->lock);
    if (seen != entries)
        errx(1, "%u of %u are listed", seen, entries);
}

static void remove_file(struct node *parent, unsigned i) {
    char name[24];
    size_t size = name_of(i, name);
    lock_exclusive(&parent->directory->lock);
    struct entry *entry = directory_find(parent->directory, &volume.names, name, size);
    struct node *node = entry->node;
    directory_remove(parent->directory, entry);
    unlock_exclusive(&parent->directory->lock);
    node_drop(&volume, node, 1);
}

static void step(struct worker *worker, int what) {
    unsigned random = worker->number + 1;
    for (unsigned d = 0; d < worker->directories; d++) {
        struct node *parent = worker->parents[d];
        if (what == LIST)
            list(parent, worker->entries);
        for (unsigned i = 0; what != LIST && i < worker->entries; i++) {
            random = random * 1664525 + 1013904223;
            if (what == MAKE)
                make(parent, i);
            else if (what == FIND)
                find(parent, (unsigned)((uint64_t)random * worker->entries >> 32));
            else
                remove_file(parent, i);
        }
    }
}

static void timed_step(struct worker *worker, int what) {
    pthread_barrier_wait(worker->barrier);
    double begin = now_ns();
    step(worker, what);
    worker->ns[what] = (now_ns() - begin) / worker->directories / worker->entries;
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static void *run_all(void *argument) {
    struct worker *worker = argument;
    for (int what = 0; what < STEPS; what++)
        timed_step(worker, what);
    return NULL;
}

static void *run_find(void *argument) {
    timed_step(argument, FIND);
    return NULL;
}

static void run(struct worker *workers, unsigned threads, void *(*function)(void *)) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        workers[i].barrier = &barrier;
        if (pthread_create(&workers[i].thread, NULL, function, &workers[i]) != 0)
            errx(1, "no thread");
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_barrier_destroy(&barrier);
}

/* What one child measured for its parent. */
struct result {
    double ns[STEPS], find_in_one, bytes;
};

static double slower(const struct worker *workers, int what) {
    return workers[0].ns[what] > workers[1].ns[what] ? workers[0].ns[what] : workers[1].ns[what];
}

static void measure_alone(struct worker *worker, struct result *result) {
    run(worker, 1, run_all);
    memcpy(result->ns, worker->ns, sizeof result->ns);
}

static void measure_bytes(struct worker *worker, struct result *result) {
    double before = resident();
    step(worker, MAKE);
    result->bytes = (resident() - before) / worker->directories / worker->entries;
}

static void measure_both(struct worker *worker, struct result *result) {
    struct worker both[THREADS] = {*worker, *worker};
    step(worker, MAKE);
    run(both, THREADS, run_find); /* in the same directories */
    result->find_in_one = slower(both, FIND);
    step(worker, REMOVE);
}

static void measure_apart(struct worker *worker, struct result *result) {
    struct worker both[THREADS] = {*worker, *worker};
    both[1].parents += worker->directories;
    both[1].number = 1;
    run(both, THREADS, run_all);
    for (int what = 0; what < STEPS; what++)
        result->ns[what] = slower(both, what);
}

/* In a process of its own, whose heap nobody has used before. */
static void in_child(unsigned entries, void (*function)(struct worker *, struct result *), struct result *result) {
    pid_t child = fork();
    int status = 1;
    if (child == 0) {
        struct worker worker = {.entries = entries, .directories = entries < FILES ? FILES / entries : 1};
        if (volume_init(&volume, false, UINT64_MAX, UINT32_MAX) < 0)
            errx(1, "out of memory");
        worker.parents = calloc(THREADS * (size_t)worker.directories, sizeof(struct node *));
        for (unsigned i = 0; i < THREADS * worker.directories; i++)
            worker.parents[i] = new_directory();
        function(&worker, result);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
        exit(1);
}

static void measure(unsigned entries) {
    struct result *results = mmap(NULL, 2 * sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        err(1, "mmap");
    struct result *alone = &results[0], *two = &results[1];
    in_child(entries, measure_alone, alone);
    in_child(entries, measure_bytes, alone);
    in_child(entries, measure_both, two);
    in_child(entries, measure_apart, two);
    printf("%9u %8.0f %8.0f %8.0f %8.0f %8.0f %10.2f", entries, alone->ns[MAKE], alone->ns[FIND], alone->ns[LIST],
           alone->ns[REMOVE], alone->bytes, THREADS * alone->ns[FIND] / two->find_in_one);
    for (int what = 0; what < STEPS; what++)
        printf(" %8.2f", THREADS * alone->ns[what] / two->ns[what]);
    putchar('\n');
    munmap(results, 2 * sizeof *results);
}

int main(int argc, char **argv) {
    static const unsigned sizes[] = {10, 1000, 100000, 1000000};
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("            one thread, ns a file                bytes  two threads: times as many");
    puts("  entries     make     find     list   remove   a file  find in one     make     find     list   remove");
    if (argc < 2)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            measure(sizes[i]);
    for (int i = 1; i < argc; i++)
        measure((unsigned)strtoul(argv[i], NULL, 10));
    return 0;
}
