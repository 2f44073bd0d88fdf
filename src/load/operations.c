/* SPDX-License-Identifier: MIT */
/* The operations: what is set up for each, what is timed, what is cleared away. Names are relative to the worker's own
 * folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/load.h"
#include "load/operations.h"

#define NAME_SIZE 32
#define METADATA_BATCH 1000

static const char *name_of(char buffer[NAME_SIZE], const char *kind, uint64_t index) {
    snprintf(buffer, NAME_SIZE, "%s%06llu", kind, (unsigned long long)index);
    return buffer;
}

static int make_file(int directory, const char *name) {
    return mknodat(directory, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_files(struct worker *worker, unsigned count) {
    char name[NAME_SIZE];
    int r = 0;
    for (unsigned i = 0; i < count && r == 0; i++)
        r = make_file(worker->directory, name_of(name, "f", i));
    return r;
}

/* Whichever of the first so many are still there. */
static int remove_names(struct worker *worker, unsigned from, unsigned count, int flags) {
    char name[NAME_SIZE];
    for (unsigned i = from; i < count; i++)
        if (unlinkat(worker->directory, name_of(name, "f", i), flags) < 0 && errno != ENOENT)
            return -errno;
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static int setup_files(struct worker *worker) {
    return make_files(worker, FILES);
}

static int64_t step_create(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE];
    int fd = openat(worker->directory, name_of(name, "f", index), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0 || close(fd) < 0)
        return -errno;
    return 1;
}

static int drain_created(struct worker *worker, unsigned steps) {
    return remove_names(worker, 0, steps, 0);
}

static int64_t step_stat(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE];
    struct stat attributes;
    return fstatat(worker->directory, name_of(name, "f", index % FILES), &attributes, 0) < 0 ? -errno : 1;
}

static int64_t step_stat_absent(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE];
    struct stat attributes;
    if (fstatat(worker->directory, name_of(name, "absent", index % FILES), &attributes, 0) == 0)
        return -EEXIST;
    return errno == ENOENT ? 1 : -errno;
}

/* In one folder that all workers share, and which stays for the next run. */
static int setup_shared_files(struct worker *worker) {
    char name[NAME_SIZE];
    if (mkdirat(worker->directory, "../shared", 0755) < 0 && errno != EEXIST)
        return -errno;
    worker->file = openat(worker->directory, "../shared", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = worker->file < 0 ? -errno : 0;
    for (unsigned i = 0; i < FILES && r == 0; i++)
        r = make_file(worker->file, name_of(name, "f", i));
    return r;
}

static int64_t step_stat_shared(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE];
    struct stat attributes;
    return fstatat(worker->file, name_of(name, "f", index % FILES), &attributes, 0) < 0 ? -errno : 1;
}

static int setup_links(struct worker *worker) {
    char name[NAME_SIZE];
    for (unsigned i = 0; i < FILES; i++)
        if (symlinkat("one", worker->directory, name_of(name, "l", i)) < 0 && errno != EEXIST)
            return -errno;
    return 0;
}

static int64_t step_readlink(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE], target[NAME_SIZE];
    return readlinkat(worker->directory, name_of(name, "l", index % FILES), target, sizeof target) < 0 ? -errno : 1;
}

static int setup_one_file(struct worker *worker) {
    worker->file = openat(worker->directory, "one", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    return worker->file < 0 ? -errno : 0;
}

static int64_t step_fstat(struct worker *worker, uint64_t index) {
    struct stat attributes;
    return fstat(worker->file, &attributes) < 0 ? -errno : 1;
}

static int64_t step_fstat_root(struct worker *worker, uint64_t index) {
    struct stat attributes;
    return fstat(worker->directory, &attributes) < 0 ? -errno : 1;
}

static int64_t step_open(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE];
    int fd = openat(worker->directory, name_of(name, "f", index % FILES), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || close(fd) < 0)
        return -errno;
    return 1;
}

/* Each file to a second name, and in the next round back. */
static int64_t step_rename(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE], other[NAME_SIZE];
    int back = index / FILES & 1;
    name_of(name, back ? "g" : "f", index % FILES);
    name_of(other, back ? "f" : "g", index % FILES);
    return renameat(worker->directory, name, worker->directory, other) < 0 ? -errno : 1;
}

static int64_t step_unlink(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE];
    return unlinkat(worker->directory, name_of(name, "f", index), 0) < 0 ? -errno : 1;
}

static int drain_unlinked(struct worker *worker, unsigned steps) {
    return remove_names(worker, steps, worker->filled, 0);
}

static int64_t step_mkdir(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE];
    return mkdirat(worker->directory, name_of(name, "f", index), 0755) < 0 ? -errno : 1;
}

static int drain_mkdir(struct worker *worker, unsigned steps) {
    return remove_names(worker, 0, steps, AT_REMOVEDIR);
}

static int fill_rmdir(struct worker *worker, unsigned steps) {
    char name[NAME_SIZE];
    for (unsigned i = 0; i < steps; i++)
        if (mkdirat(worker->directory, name_of(name, "f", i), 0755) < 0)
            return -errno;
    return 0;
}

static int64_t step_rmdir(struct worker *worker, uint64_t index) {
    char name[NAME_SIZE];
    return unlinkat(worker->directory, name_of(name, "f", index), AT_REMOVEDIR) < 0 ? -errno : 1;
}

static int drain_rmdir(struct worker *worker, unsigned steps) {
    return remove_names(worker, steps, worker->filled, AT_REMOVEDIR);
}

/* ---- listings: one large directory, which all workers share and which stays for the next run ------------------- */

static int setup_listing(struct worker *worker) {
    char name[NAME_SIZE], path[64];
    snprintf(path, sizeof path, "../entries.%u", worker->load->entries);
    close(worker->file);
    if (mkdirat(worker->directory, path, 0755) < 0 && errno != EEXIST)
        return -errno;
    worker->file = openat(worker->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (worker->file < 0)
        return -errno;
    /* the last entry is there: so are the others */
    name_of(name, "f", worker->load->entries - 1);
    if (worker->number != 0 || faccessat(worker->file, name, F_OK, 0) == 0)
        return 0;
    for (unsigned i = 0; i < worker->load->entries; i++) {
        int r = make_file(worker->file, name_of(name, "f", i));
        if (r < 0)
            return r;
    }
    return 0;
}

static int64_t list(struct worker *worker, int with_attributes) {
    int fd = openat(worker->file, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory)
        return -errno;
    int64_t count = 0;
    struct stat attributes;
    for (struct dirent *entry; (entry = readdir(directory)); count++)
        if (with_attributes && fstatat(fd, entry->d_name, &attributes, AT_SYMLINK_NOFOLLOW) < 0)
            break;
    closedir(directory);
    return count < (int64_t)worker->load->entries ? -EIO : count;
}

static int64_t step_readdir(struct worker *worker, uint64_t index) {
    return list(worker, 0);
}

static int64_t step_list(struct worker *worker, uint64_t index) {
    return list(worker, 1);
}

/* ---- data ------------------------------------------------------------------------------------------------------ */

static int setup_data(struct worker *worker, int flags) {
    int r = setup_one_file(worker);
    if (r < 0)
        return r;
    memset(worker->buffer, 0x5a, CHUNK);
    for (size_t offset = 0; offset < worker->load->size; offset += CHUNK)
        if (pwrite(worker->file, worker->buffer, CHUNK, (off_t)offset) != (ssize_t)CHUNK)
            return -errno;
    if (!(flags & O_DIRECT))
        return 0;
    if (fdatasync(worker->file) < 0)
        return -errno;
    close(worker->file);
    worker->file = openat(worker->directory, "one", O_RDWR | O_DIRECT | O_CLOEXEC);
    return worker->file < 0 ? -errno : 0;
}

static int setup_buffered(struct worker *worker) {
    return setup_data(worker, 0);
}

static int setup_direct(struct worker *worker) {
    return setup_data(worker, O_DIRECT);
}

off_t random_block(struct worker *worker) {
    uint64_t x = worker->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    worker->random = x;
    return (off_t)(x % (worker->load->size / BLOCK) * BLOCK);
}

static int64_t step_read_random(struct worker *worker, uint64_t index) {
    return pread(worker->file, worker->buffer, BLOCK, random_block(worker)) == (ssize_t)BLOCK ? 1 : -EIO;
}

static int64_t step_write_random(struct worker *worker, uint64_t index) {
    return pwrite(worker->file, worker->buffer, BLOCK, random_block(worker)) == (ssize_t)BLOCK ? 1 : -EIO;
}

/* One file for all workers; it stays for the next run. */
static int setup_shared_direct(struct worker *worker) {
    worker->file = openat(worker->directory, "../shared.data", O_CREAT | O_RDWR | O_DIRECT | O_CLOEXEC, 0644);
    if (worker->file < 0)
        return -errno;
    struct stat attributes;
    if (fstat(worker->file, &attributes) < 0)
        return -errno;
    for (size_t offset = (size_t)attributes.st_size; offset < worker->load->size; offset += CHUNK)
        if (pwrite(worker->file, worker->buffer, CHUNK, (off_t)offset) != (ssize_t)CHUNK)
            return -EIO;
    return 0;
}

static off_t next_chunk(const struct worker *worker, uint64_t index) {
    return (off_t)(index % (worker->load->size / CHUNK) * CHUNK);
}

/* What the page cache has of the file is dropped, where it is a cache (tmpfs: is not): each pass comes from the file
 * system. */
static int fill_cold(struct worker *worker, unsigned steps) {
    return -posix_fadvise(worker->file, 0, 0, POSIX_FADV_DONTNEED);
}

static int64_t step_read_chunk(struct worker *worker, uint64_t index) {
    return pread(worker->file, worker->buffer, CHUNK, next_chunk(worker, index)) == (ssize_t)CHUNK ? 1 : -EIO;
}

static int64_t step_write_chunk(struct worker *worker, uint64_t index) {
    return pwrite(worker->file, worker->buffer, CHUNK, next_chunk(worker, index)) == (ssize_t)CHUNK ? 1 : -EIO;
}

/* Opened anew each time, as most programs read their files. */
static int64_t step_reread(struct worker *worker, uint64_t index) {
    int fd = openat(worker->directory, "one", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = pread(fd, worker->buffer, CHUNK, 0);
    close(fd);
    return n == (ssize_t)CHUNK ? 1 : -EIO;
}

static int fill_map(struct worker *worker, unsigned steps) {
    int r = fill_cold(worker, steps);
    if (r < 0)
        return r;
    worker->map = mmap(NULL, worker->load->size, PROT_READ, MAP_SHARED, worker->file, 0);
    return worker->map == MAP_FAILED ? -errno : 0;
}

static int64_t step_map(struct worker *worker, uint64_t index) {
    memcpy(worker->buffer, (char *)worker->map + next_chunk(worker, index), CHUNK);
    return 1;
}

static int drain_map(struct worker *worker, unsigned steps) {
    munmap(worker->map, worker->load->size);
    return 0;
}

#define PASS ((unsigned)-1) /* a batch: once through the file */

unsigned operation_batch(const struct operation *operation, const struct load *load) {
    if (operation->batch == METADATA_BATCH && load->batch)
        return load->batch;
    return operation->batch == PASS ? (unsigned)(load->size / CHUNK) : operation->batch;
}

const struct operation operations[] = {
    {"create", "files", 0, METADATA_BATCH, NULL, NULL, step_create, drain_created},
    {"stat", "calls", 0, 0, setup_files, NULL, step_stat, NULL},
    {"stat-absent", "calls", 0, 0, NULL, NULL, step_stat_absent, NULL},
    {"stat-shared", "calls", 0, 0, setup_shared_files, NULL, step_stat_shared, NULL},
    {"readlink", "calls", 0, 0, setup_links, NULL, step_readlink, NULL},
    {"fstat", "calls", 0, 0, setup_one_file, NULL, step_fstat, NULL},
    {"fstat-root", "calls", 0, 0, NULL, NULL, step_fstat_root, NULL, 1},
    {"open", "calls", 0, 0, setup_files, NULL, step_open, NULL},
    {"rename", "calls", 0, 0, setup_files, NULL, step_rename, NULL},
    {"unlink", "files", 0, METADATA_BATCH, NULL, make_files, step_unlink, drain_unlinked},
    {"mkdir", "folders", 0, METADATA_BATCH, NULL, NULL, step_mkdir, drain_mkdir},
    {"rmdir", "folders", 0, METADATA_BATCH, NULL, fill_rmdir, step_rmdir, drain_rmdir},
    {"readdir", "entries", 0, 0, setup_listing, NULL, step_readdir, NULL},
    {"list", "entries", 0, 0, setup_listing, NULL, step_list, NULL},
    {"read-4k-direct", "calls", BLOCK, 0, setup_direct, NULL, step_read_random, NULL},
    {"write-4k-direct", "calls", BLOCK, 0, setup_direct, NULL, step_write_random, NULL},
    {"read-4k-deep", "calls", 0, 0, setup_direct, fill_deep, step_read_deep, drain_deep},
    {"write-4k-deep", "calls", 0, 0, setup_direct, fill_deep, step_write_deep, drain_deep},
    {"write-4k-shared", "calls", BLOCK, 0, setup_shared_direct, NULL, step_write_random, NULL},
    {"write-4k", "calls", BLOCK, 0, setup_buffered, NULL, step_write_random, NULL},
    {"reread-1m", "calls", CHUNK, 0, setup_buffered, NULL, step_reread, NULL},
    {"read-1m", "calls", CHUNK, PASS, setup_buffered, fill_cold, step_read_chunk, NULL},
    {"write-1m", "calls", CHUNK, PASS, setup_buffered, NULL, step_write_chunk, NULL},
    {"read-1m-direct", "calls", CHUNK, 0, setup_direct, NULL, step_read_chunk, NULL},
    {"write-1m-direct", "calls", CHUNK, 0, setup_direct, NULL, step_write_chunk, NULL},
    {"read-mmap", "calls", CHUNK, PASS, setup_buffered, fill_map, step_map, drain_map},
};
const size_t n_operations = sizeof operations / sizeof operations[0];
