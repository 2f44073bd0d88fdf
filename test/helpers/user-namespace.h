/* SPDX-License-Identifier: MIT */
/* An ordinary user becomes root of a user namespace, with a mount namespace in it, as a rootless engine does. */
#ifndef LINFSP_TEST_USER_NAMESPACE_H
#define LINFSP_TEST_USER_NAMESPACE_H

#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

static inline void write_proc(const char *path, const char *format, unsigned id) {
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, format, id) < 0 || fclose(file) != 0)
        err(1, "%s", path);
}

static inline void enter_user_namespace(void) {
    unsigned uid = getuid(), gid = getgid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        err(1, "unshare");
    write_proc("/proc/self/setgroups", "deny", 0);
    write_proc("/proc/self/uid_map", "0 %u 1", uid);
    write_proc("/proc/self/gid_map", "0 %u 1", gid);
}

#endif
