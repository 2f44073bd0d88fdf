/* SPDX-License-Identifier: MIT */
#include "catcher/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define FILES_MAX 65536 /* files that are gone are not told of: the oldest go */

struct served {
    uint64_t mount_namespace;
    UT_hash_handle hash;
};

struct file_key {
    uint64_t device, inode;
};

struct file {
    struct file_key key;
    enum catcher_kind kind;
    UT_hash_handle hash;
};

static struct served *served;
static struct file *files;

void table_serve(uint64_t mount_namespace, bool serve) {
    struct served *entry;
    HASH_FIND(hash, served, &mount_namespace, sizeof mount_namespace, entry);
    if (serve && !entry && (entry = calloc(1, sizeof *entry))) {
        entry->mount_namespace = mount_namespace;
        HASH_ADD(hash, served, mount_namespace, sizeof entry->mount_namespace, entry);
    } else if (!serve && entry) {
        HASH_DELETE(hash, served, entry);
        free(entry);
    }
}

uint64_t table_namespace(pid_t pid) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    return stat(path, &status) < 0 ? 0 : status.st_ino;
}

bool table_serves(pid_t pid) {
    uint64_t mount_namespace = table_namespace(pid);
    struct served *entry;
    HASH_FIND(hash, served, &mount_namespace, sizeof mount_namespace, entry);
    return entry;
}

static bool key_of(int file, struct file_key *ret_key) {
    struct stat status;
    if (fstat(file, &status) < 0)
        return false;
    *ret_key = (struct file_key){status.st_dev, status.st_ino};
    return true;
}

void table_mark(int file, enum catcher_kind kind) {
    struct file_key key;
    struct file *entry;
    if (!key_of(file, &key))
        return;
    HASH_FIND(hash, files, &key, sizeof key, entry);
    if (!entry) {
        if (HASH_CNT(hash, files) >= FILES_MAX) {
            entry = files;
            HASH_DELETE(hash, files, entry);
            free(entry);
        }
        entry = calloc(1, sizeof *entry);
        if (!entry)
            return;
        entry->key = key;
        HASH_ADD(hash, files, key, sizeof entry->key, entry);
    }
    entry->kind = kind;
}

enum catcher_kind table_kind(int file) {
    struct file_key key;
    struct file *entry = NULL;
    if (key_of(file, &key))
        HASH_FIND(hash, files, &key, sizeof key, entry);
    return entry ? entry->kind : CATCHER_HELPER;
}

int64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
