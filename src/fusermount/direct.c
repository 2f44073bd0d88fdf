/* SPDX-License-Identifier: MIT */
#include "fusermount/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "util/cleanup.h"
#include "wire/connect.h"

#define FUSE_DEVICE "/dev/fuse"
#define FUSE_MAJOR 10
#define FUSE_MINOR 229

static bool has_capability(unsigned capability) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability));
}

bool direct_is_privileged(void) {
    /* Rights that came with this file (set-user-id, file capabilities) are not the caller's. */
    return !getauxval(AT_SECURE) && has_capability(CAP_SYS_ADMIN) && wire_in_container();
}

/* In a silo something else may stand at /dev/fuse, so that libfuse comes as far as calling us. */
static int open_device(void) {
    struct stat status;
    _cleanup_close_ int fd = open(FUSE_DEVICE, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISCHR(status.st_mode) ||
        status.st_rdev != makedev(FUSE_MAJOR, FUSE_MINOR))
        return -ENXIO;
    return steal_fd(&fd);
}

int direct_mount(int mount_point, mode_t type, const struct options *options) {
    char target[32], file_system[256];
    _cleanup_free_ char *data = NULL;
    _cleanup_close_ int device = open_device();
    if (device < 0)
        return device;
    const char *kind = options->block_device ? "fuseblk" : "fuse";
    if (snprintf(file_system, sizeof file_system, "%s%s%s", kind, options->subtype ? "." : "",
                 options->subtype ? options->subtype : "") >= (int)sizeof file_system)
        return -ENAMETOOLONG;
    if (asprintf(&data, "fd=%d,rootmode=%o,user_id=%u,group_id=%u%s%s", device, type, getuid(), getgid(),
                 options->data[0] ? "," : "", options->data) < 0) {
        data = NULL; /* it is undefined then */
        return -ENOMEM;
    }
    if (strlen(data) >= (size_t)sysconf(_SC_PAGESIZE))
        return -ENAMETOOLONG; /* the kernel would cut it short */
    const char *source = options->source ? options->source : options->subtype ? options->subtype : FUSE_DEVICE;
    snprintf(target, sizeof target, "/proc/self/fd/%d", mount_point);
    if (mount(source, target, file_system, options->flags, data) < 0)
        return -errno;
    return steal_fd(&device);
}
