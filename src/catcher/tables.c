/* SPDX-License-Identifier: MIT */
#include "catcher/tables.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/namespace.h"
#include "util/proc.h"
#include "util/process.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define FILES_MAX 65536 /* files that are gone are not told of: the oldest go */

#define FOLLOWS_MAX 5 /* a second, of one silo */
#define WAITS_MAX_MS 200 /* in WAITS_PERIOD_MS, of one silo; a wait of up to WAITS_QUICK_MS does not count */
#define WAITS_PERIOD_MS 10000
#define WAITS_QUICK_MS 5 /* a thousand mounts take so long */

struct served {
    uint64_t mount_namespace, silo;
    int64_t second;
    unsigned follows; /* in that second */
    int64_t period, waits_ms; /* since when we have waited for it, and how long */
    bool hangs; /* its memory does not come */
    UT_hash_handle hash;
};

struct file {
    struct file_key key;
    enum catcher_kind kind;
    bool layered; /* on an overlayfs */
    uint64_t silo; /* whose it is; 0: several may have it */
    UT_hash_handle hash;
};

static struct served *served;
static struct file *files;

static unsigned device_major, device_minor;
static struct served nested; /* stands for the silos of nested namespaces */
static table_find_folder *find_folder = mount_namespace_find_folder;

void table_finds_folder_by(table_find_folder *find) {
    find_folder = find;
}

/* Whoever is not in the tables is not served for as long as this catcher lives. So the next one, which is told of all
 * anew, is to have the memory that this one lacks. */
static void *take_memory(size_t size) {
    void *memory = calloc(1, size);
    if (!memory)
        exit(EXIT_FAILURE);
    return memory;
}

void table_serve(const struct catcher_message *message) {
    struct served *entry;
    bool serve = message->what == CATCHER_SERVE;
    HASH_FIND(hash, served, &message->mount_namespace, sizeof message->mount_namespace, entry);
    if (!serve && entry) {
        HASH_DELETE(hash, served, entry);
        free(entry);
    }
    if (!serve)
        return;
    if (!entry) {
        entry = take_memory(sizeof *entry);
        entry->mount_namespace = message->mount_namespace;
        HASH_ADD(hash, served, mount_namespace, sizeof entry->mount_namespace, entry);
        if (!entry->hash.tbl)
            exit(EXIT_FAILURE);
    }
    if (entry->silo != message->silo) { /* the number of the namespace is used again */
        entry->period = entry->waits_ms = 0;
        entry->hangs = false;
    }
    entry->silo = message->silo;
    device_major = message->device_major;
    device_minor = message->device_minor;
}

/* By the link alone: whoever opens it holds the namespace, and may be the last. */
static uint64_t table_namespace(pid_t pid) {
    uint64_t number = 0;
    return process_namespace(pid, "mnt", &number) < 0 ? 0 : number;
}

static struct served *find_served(uint64_t mount_namespace) {
    struct served *entry;
    HASH_FIND(hash, served, &mount_namespace, sizeof mount_namespace, entry);
    return entry;
}

static bool may_wait(struct served *entry) {
    if (entry && clock_ms() - entry->period >= WAITS_PERIOD_MS) {
        entry->period = clock_ms();
        entry->waits_ms = 0;
    }
    return entry && entry->waits_ms < WAITS_MAX_MS;
}

static void has_waited(struct served *entry, int64_t milliseconds) {
    if (milliseconds > WAITS_QUICK_MS)
        entry->waits_ms += milliseconds;
}

static struct served *find_number(uint64_t silo) {
    struct served *entry, *next;
    HASH_ITER (hash, served, entry, next)
        if (entry->silo == silo)
            return entry;
    return NULL;
}

/* The silo in which the process's mount namespace was made. What is not known yet whose it is has one budget for all.
 */
static struct served *find_outer(pid_t pid) {
    if (!served || !may_wait(&nested))
        return NULL;
    int64_t since = clock_ms();
    uint64_t silo = find_folder(pid, device_major, device_minor);
    has_waited(&nested, clock_ms() - since);
    return silo ? find_number(silo) : NULL;
}

enum served_kind table_serves(pid_t pid) {
    if (find_served(table_namespace(pid)))
        return SERVED;
    return find_outer(pid) ? SERVED_NESTED : SERVED_NOT;
}

static struct served *find_silo(pid_t pid) {
    struct served *entry = find_served(table_namespace(pid));
    return entry ? entry : find_outer(pid);
}

uint64_t table_silo_namespace(pid_t pid) {
    const struct served *entry = find_silo(pid);
    return entry ? entry->mount_namespace : 0;
}

uint64_t table_silo(pid_t pid) {
    const struct served *entry = find_silo(pid);
    return entry ? entry->silo : 0;
}

bool table_may_follow(pid_t pid) {
    struct served *entry = find_silo(pid);
    int64_t second = clock_ms() / 1000;
    if (!entry)
        return false;
    if (entry->second != second)
        entry->follows = 0;
    entry->second = second;
    return entry->follows++ < FOLLOWS_MAX;
}

bool table_may_wait(uint64_t mount_namespace) {
    return may_wait(find_served(mount_namespace));
}

void table_has_waited(uint64_t mount_namespace, int64_t milliseconds) {
    struct served *entry = find_served(mount_namespace);
    if (entry)
        has_waited(entry, milliseconds);
}

bool table_may_read(uint64_t mount_namespace) {
    struct served *entry = find_served(mount_namespace);
    return may_wait(entry) && !entry->hangs;
}

void table_has_read(uint64_t mount_namespace, int64_t milliseconds, bool answered) {
    struct served *entry = find_served(mount_namespace);
    if (!entry)
        return;
    has_waited(entry, milliseconds);
    entry->hangs = entry->hangs || !answered;
}

bool table_is_ours(int file) {
    struct statx status;
    if (!device_major && !device_minor)
        return true; /* nobody is served */
    return statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) == 0 &&
           status.stx_dev_major == device_major && status.stx_dev_minor == device_minor;
}

bool file_key_of(int file, struct file_key *ret_key) {
    struct statx status;
    if (statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) < 0)
        return false;
    *ret_key = (struct file_key){makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino};
    return true;
}

static bool is_layered(int file, bool of_user) {
    struct statfs status;
    return of_user || (fstatfs(file, &status) == 0 && status.f_type == OVERLAYFS_SUPER_MAGIC);
}

bool table_has_other_layer(int file, bool of_user) {
    struct file_key key;
    struct file *entry, *next;
    bool layered = is_layered(file, of_user);
    if (!file_key_of(file, &key))
        return false;
    HASH_ITER (hash, files, entry, next)
        if (entry->key.inode == key.inode && entry->layered != layered && catcher_is_library(entry->kind))
            return true;
    return false;
}

void table_unmark(int file) {
    struct file_key key;
    struct file *entry = NULL;
    if (file_key_of(file, &key))
        HASH_FIND(hash, files, &key, sizeof key, entry); // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
    if (!entry)
        return;
    HASH_DELETE(hash, files, entry);
    free(entry);
}

void table_mark(int file, enum catcher_kind kind, uint64_t silo, bool of_user) {
    struct file_key key;
    struct file *entry;
    if (!file_key_of(file, &key))
        return;
    HASH_FIND(hash, files, &key, sizeof key, entry); // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
    if (!entry) {
        if (HASH_CNT(hash, files) >= FILES_MAX) {
            entry = files;
            HASH_DELETE(hash, files, entry);
            free(entry);
        }
        entry = take_memory(sizeof *entry);
        entry->key = key;
        HASH_ADD(hash, files, key, sizeof entry->key, entry);
        if (!entry->hash.tbl)
            exit(EXIT_FAILURE);
    }
    entry->kind = kind;
    entry->layered = is_layered(file, of_user);
    entry->silo = silo;
}

static const struct file *find_file(int file) {
    struct file_key key;
    struct file *entry = NULL;
    if (file_key_of(file, &key))
        HASH_FIND(hash, files, &key, sizeof key, entry); // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
    return entry;
}

enum catcher_kind table_kind(int file) {
    const struct file *entry = find_file(file);
    return entry ? entry->kind : CATCHER_HELPER;
}

uint64_t table_silo_of_file(int file) {
    const struct file *entry = find_file(file);
    return entry ? entry->silo : 0;
}
