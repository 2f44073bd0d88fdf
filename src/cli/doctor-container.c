/* SPDX-License-Identifier: MIT */
/* What can be seen in a container: the injected folder, and what this container's own set-up allows. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "util/paths.h"
#include "wire/connect.h"

static void check_devices(struct doctor *doctor) {
    static const char *const devices[] = {"disk", "net"};
    unsigned good = 0;
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        char path[64];
        _cleanup_close_ int socket = -1;
        struct stat status;
        snprintf(path, sizeof path, LINFSP_DEVICE_DIR "/%s", devices[i]);
        int result = wire_connect(devices[i], 0, &socket);
        if (result == 0)
            good++;
        else if (stat(path, &status) == 0)
            finding(doctor, LEVEL_PROBLEM, "devices", "no file system can be mounted here",
                    "on the host, as root: linfsp start", "%s: %s", path,
                    result == -ENODEV ? "nobody serves it: the service on the host was ended" : strerror(-result));
    }
    if (good == ARRAY_SIZE(devices))
        finding(doctor, LEVEL_OK, "devices", NULL, NULL, LINFSP_DEVICE_DIR "/disk and net answer");
}

static void check_programs(struct doctor *doctor) {
    struct statvfs status;
    if (statvfs(LINFSP_DEVICE_DIR "/bin", &status) < 0)
        return;
    if (status.f_flag & ST_NOEXEC)
        finding(doctor, LEVEL_NOTE, "programs", LINFSP_DEVICE_DIR "/bin/memfs cannot be run from there",
                "cp " LINFSP_DEVICE_DIR "/bin/memfs /tmp", LINFSP_DEVICE_DIR " is mounted noexec");
    else if (access(LINFSP_DEVICE_DIR "/bin/memfs", X_OK) < 0)
        finding(doctor, LEVEL_NOTE, "programs", "file systems have to come with the image",
                "on the host: install LinFsp as a whole, linfsp stop && linfsp start",
                LINFSP_DEVICE_DIR "/bin/memfs: %s", strerror(errno));
    else
        finding(doctor, LEVEL_OK, "programs", NULL, NULL, LINFSP_DEVICE_DIR "/bin has memfs");
}

static void check_unc(struct doctor *doctor) {
    struct stat here, injected;
    if (stat(LINFSP_DEVICE_DIR "/unc", &injected) < 0) {
        if (errno != ENOENT || doctor->service_runs)
            finding(doctor, LEVEL_PROBLEM, "unc", "network volumes are not to be found here",
                    "on the host: linfsp silos (its last column says why)", LINFSP_DEVICE_DIR "/unc: %s",
                    strerror(errno));
        return;
    }
    if (stat(LINFSP_UNC_ROOT, &here) == 0 && here.st_dev == injected.st_dev && here.st_ino == injected.st_ino)
        finding(doctor, LEVEL_OK, "unc", NULL, NULL, "network volumes are at " LINFSP_UNC_ROOT);
    else if (lstat(LINFSP_UNC_ROOT, &here) < 0)
        finding(doctor, LEVEL_OK, "unc", NULL, NULL,
                "network volumes are at " LINFSP_DEVICE_DIR
                "/unc, and, where its root can have that, at " LINFSP_UNC_ROOT " while there is one");
    else
        finding(doctor, LEVEL_NOTE, "unc", "network volumes are found at " LINFSP_DEVICE_DIR "/unc only",
                "ln -s " LINFSP_DEVICE_DIR "/unc " LINFSP_UNC_ROOT ", where the root can be written",
                LINFSP_UNC_ROOT " is not theirs here");
}

/* Whether a seccomp profile refuses it: the arguments are wrong on purpose. */
static void check_io_uring(struct doctor *doctor) {
    if (syscall(SYS_io_uring_setup, 0, NULL) < 0 && (errno == EPERM || errno == ENOSYS))
        finding(doctor, LEVEL_NOTE, "io_uring",
                "the read and write loop is used, which every container may: metadata operations are slower",
                "an engine's seccomp profile that allows io_uring_setup, if that matters",
                "this container may not use io_uring");
    else
        finding(doctor, LEVEL_OK, "io_uring", NULL, NULL, "this container may use io_uring");
}

void doctor_container(struct doctor *doctor) {
    check_devices(doctor);
    check_programs(doctor);
    check_unc(doctor);
    check_io_uring(doctor);
}
