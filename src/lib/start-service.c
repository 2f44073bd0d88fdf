/* SPDX-License-Identifier: MIT */
/* On the host a file system brings the service up by itself, as WinFsp's library does: `linfsp
 * start`, where root asks. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/volume.h"
#include "util/paths.h"
#include "wire/connect.h"

extern char **environ;

bool fsp_may_start_service(void) {
    return geteuid() == 0 && !wire_in_container();
}

static bool runs(const char *path) {
    return access(path, X_OK) == 0;
}

/* Beside this program, as in a build or an installation by hand. */
static bool find_beside(char *ret_path, size_t size) {
    static const char *const places[] = {"", "../sbin/", "../bin/"};
    char own[4096];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    if (n <= 0)
        return false;
    own[n] = 0;
    char *slash = strrchr(own, '/');
    if (!slash)
        return false;
    slash[1] = 0;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (snprintf(ret_path, size, "%s%slinfsp", own, places[i]) < (int)size && runs(ret_path))
            return true;
    return false;
}

static bool find_in_path(char *ret_path, size_t size) {
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        if (length > 0 && snprintf(ret_path, size, "%.*s/linfsp", (int)length, path) < (int)size && runs(ret_path))
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

static bool find_command(char *ret_path, size_t size) {
    const char *named = secure_getenv("LINFSP");
    if (named && *named)
        return snprintf(ret_path, size, "%s", named) < (int)size && runs(ret_path);
    if (find_beside(ret_path, size) || find_in_path(ret_path, size))
        return true;
    return snprintf(ret_path, size, "%s/linfsp", LINFSP_SBINDIR) < (int)size && runs(ret_path);
}

int fsp_start_service(struct linfsp_error *ret_error) {
    char command[4352];
    if (!find_command(command, sizeof command)) {
        char text[512];
        wire_no_service_message(text, sizeof text);
        return fsp_fail(ret_error, ENODEV, "%s (the command linfsp was not found, to start it from here)", text);
    }
    char *arguments[] = {command, "start", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    int r = posix_spawn(&pid, command, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return fsp_fail(ret_error, ENODEV, "the service does not run, and %s could not be: %s", command, strerror(r));
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            break; /* the program reaps its children itself: whether it worked shows when connecting */
    if (status != 0)
        return fsp_fail(ret_error, ENODEV, "the service does not run, and `%s start` failed", command);
    return 0;
}
