/* SPDX-License-Identifier: MIT */
/*
 * The two places are tried in order, the silo's first: on the host /dev/linfsp does not exist. A container's first act
 * may be a file system, while the service is still injecting; so in a container the places are tried again for a while.
 * A socket that exists but has nobody behind it is that of a service that was killed: the same as none.
 */
#include "wire/connect.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/paths.h"

#define DEFAULT_TIMEOUT_MS 1000
/* PROC_..._INIT_INO, the same on every kernel */
#define INITIAL_CGROUP_NAMESPACE 4026531835
#define INITIAL_PID_NAMESPACE 4026531836
#define INITIAL_UTS_NAMESPACE 4026531838
#define INITIAL_IPC_NAMESPACE 4026531839

static bool exists(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0;
}

static bool is_initial(const char *namespace, ino_t initial) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/self/ns/%s", namespace);
    return stat(path, &status) < 0 || status.st_ino == initial;
}

bool wire_in_container(void) {
    /* the folder alone proves nothing: a container that has the host's own /dev leaves it there */
    if (!is_initial("pid", INITIAL_PID_NAMESPACE) || exists(LINFSP_DEVICE_DIR "/disk") ||
        exists("/run/.containerenv") || getenv("container"))
        return true;
    /* A virtual machine whose disk was made from an image has this file too, but all of the host's namespaces. */
    return exists("/.dockerenv") &&
           !(is_initial("uts", INITIAL_UTS_NAMESPACE) && is_initial("ipc", INITIAL_IPC_NAMESPACE) &&
             is_initial("cgroup", INITIAL_CGROUP_NAMESPACE));
}

static int try_connect(const char *directory, const char *device, int *ret_socket) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory, device) >=
        sizeof address.sun_path)
        return -ENAMETOOLONG;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* A service that does not accept must not hold us for ever: connect(2) obeys the time limit for sending. */
    struct timeval limit = {.tv_sec = 1};
    struct timeval none = {0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int result;
    do
        result = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    *ret_socket = steal_fd(&fd);
    return 0;
}

static bool is_absent(int result) {
    return result == -ENOENT || result == -ECONNREFUSED || result == -ENOTDIR;
}

static int try_places(const char *device, int *ret_socket) {
    int in_silo = try_connect(LINFSP_DEVICE_DIR, device, ret_socket);
    if (!is_absent(in_silo))
        return in_silo;
    int on_host = try_connect(LINFSP_HOST_DIR, device, ret_socket);
    return is_absent(on_host) ? -ENODEV : on_host;
}

int wire_connect(const char *device, int timeout_ms, int *ret_socket) {
    int64_t end = clock_ms() + (timeout_ms < 0 ? DEFAULT_TIMEOUT_MS : timeout_ms);
    int result = try_places(device, ret_socket);
    if (result != -ENODEV || !wire_in_container())
        return result;
    /* Polling, because the mount that brings the sockets is not a change that inotify on /dev would report. */
    while (result == -ENODEV && clock_ms() < end) {
        poll(NULL, 0, 1);
        result = try_places(device, ret_socket);
    }
    return result;
}

void wire_no_service_message(char *text, size_t size) {
    const char *missing = exists(LINFSP_DEVICE_DIR) ? ""
                                                    : "there is no " LINFSP_DEVICE_DIR
                                                      " here: this is a chroot, a container that goes without "
                                                      "LinFsp, or ";
    if (wire_in_container())
        snprintf(text, size,
                 "%sthe LinFsp service is not running on the host of this container. It is started there, as root, by: "
                 "%s",
                 missing, LINFSP_START_COMMAND);
    else
        snprintf(text, size, "the LinFsp service is not running. Start it, as root, by: %s", LINFSP_START_COMMAND);
}
