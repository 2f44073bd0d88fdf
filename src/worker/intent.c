/* SPDX-License-Identifier: MIT */
#include "worker/intent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* One write(2) a note: a mount waits for it. */
static int note(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int note(int fd, const char *format, ...) {
    char text[192];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ssize_t written = write(fd, text, (size_t)length);
    return written == length ? 0 : written < 0 ? -errno : -ENOSPC;
}

int intent_begin(const struct job_base *base, const struct job *job) {
    char name[64];
    snprintf(name, sizeof name, JOB_INTENT_FILE, (unsigned long long)job->mount.volume);
    int fd = openat(base->run_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int intent_mount(int fd, const struct job *job, uint32_t fuse_device, uint64_t mount_id) {
    const struct job_mount *mount = &job->mount;
    return note(fd, "silo %llu raw %d letter %d uid %u gid %u\nmount %u %llu\n", (unsigned long long)job->target.silo,
                mount->raw, mount->letter[0] != 0, mount->peer_uid, mount->peer_gid, fuse_device,
                (unsigned long long)mount_id);
}

int intent_nested(int fd, const struct mount_namespace *mount_namespace) {
    return note(fd, "nested %llu %llu\n", (unsigned long long)mount_namespace->inode,
                (unsigned long long)mount_namespace->id);
}

int intent_letters(int fd, uint64_t mount_id) {
    return note(fd, "letters %llu\n", (unsigned long long)mount_id);
}

int intent_letters_folder(int fd) {
    return note(fd, "folder\n");
}

int intent_letter(int fd, const char *name) {
    return note(fd, "made %s\n", name);
}

int intent_found_letter(int fd, const char *name) {
    return note(fd, "found %s\n", name);
}
