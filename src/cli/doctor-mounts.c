/* SPDX-License-Identifier: MIT */
/*
 * Mounts that something dead left behind. A FUSE mount whose program is gone answers ENOTCONN; one whose program hangs
 * answers not at all, so each is asked by a process of its own that may be lost.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/process.h"
#include "util/clock.h"
#include "util/mount-table.h"
#include "util/paths.h"
#include "util/plural.h"
#include "util/utf8.h"

#define MOUNTS_MAX 256
#define ANSWER_TIMEOUT_MS 500
#define PATIENCE_MS 5000 /* for all together */

/* 0, a negative errno of stat, or -ETIMEDOUT. */
static int ask_mount(const char *path) {
    int ends[2];
    if (pipe(ends) < 0)
        return -errno;
    pid_t child = fork();
    if (child == 0) {
        struct stat status;
        int result = stat(path, &status) < 0 ? errno : 0;
        _exit(write(ends[1], &result, sizeof result) == sizeof result ? 0 : 1);
    }
    close(ends[1]);
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    int result = 0;
    if (child < 0)
        result = EAGAIN;
    else if (poll(&wait, 1, ANSWER_TIMEOUT_MS) != 1 || read(ends[0], &result, sizeof result) != sizeof result) {
        kill(child, SIGKILL);
        result = ETIMEDOUT;
    }
    close(ends[0]);
    /* one that cannot even be killed is left to init */
    if (child > 0)
        waitpid(child, NULL, result == ETIMEDOUT ? WNOHANG : 0);
    return -result;
}

/* As one word of a shell, whatever is in it: the administrator will paste it. */
static void quote(const char *text, char *ret, size_t size) {
    size_t used = 0;
    ret[used++] = '\'';
    for (; *text && used + 6 < size; text++) {
        if (*text == '\'')
            used += (size_t)snprintf(ret + used, size - used, "'\\''");
        else
            ret[used++] = *text;
    }
    ret[used++] = '\'';
    ret[used] = 0;
}

static unsigned report_mount(struct doctor *doctor, const struct mount_line *mount) {
    int result = ask_mount(mount->point);
    if (result != -ENOTCONN && result != -ETIMEDOUT)
        return 0;
    char mend[4 * 4096 + 64], shown[4096], quoted[4 * 4096 + 8];
    utf8_printable(mount->point, shown, sizeof shown);
    quote(shown, quoted, sizeof quoted);
    snprintf(mend, sizeof mend, result == -ENOTCONN ? "umount -l -- %s" : "linfsp umount --force -- %s", quoted);
    if (result == -ENOTCONN)
        finding(doctor, LEVEL_NOTE, "mounts", "who looks there gets \"Transport endpoint is not connected\"", mend,
                "%s (%s): its program is gone", shown, mount->type);
    else
        finding(doctor, LEVEL_NOTE, "mounts", "who looks there waits", mend, "%s (%s): its program does not answer",
                shown, mount->type);
    return 1;
}

static void report_left_by_service(struct doctor *doctor, unsigned ours) {
    if (ours == 0 || doctor->service_runs || doctor->in_container)
        return;
    finding(doctor, LEVEL_NOTE, "mounts", "its volumes go on, but new ones cannot be made",
            "linfsp start (it takes them back; with linfsp stop behind it, all is taken down)",
            "a service was here and did not end properly: " LINFSP_RUN_DIR " or " LINFSP_UNC_ROOT " is still mounted");
}

void doctor_mounts(struct doctor *doctor) {
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    struct mount_line mount;
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    unsigned ours = 0, asked = 0, stale = 0;
    int64_t end = clock_ms() + PATIENCE_MS;
    while (table && mount_table_next(table, &line, &size, &mount)) {
        ours += strcmp(mount.source, "linfsp-run") == 0 || strcmp(mount.source, "linfsp-unc") == 0;
        if (!mount_type_is_fuse(mount.type) || asked == MOUNTS_MAX || clock_ms() > end)
            continue;
        asked++;
        stale += report_mount(doctor, &mount);
    }
    report_left_by_service(doctor, ours);
    if (stale == 0)
        finding(doctor, LEVEL_OK, "mounts", NULL, NULL, "%u FUSE %s, none of a dead program", asked,
                plural(asked, "mount", "mounts"));
}
