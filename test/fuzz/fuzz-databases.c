/* SPDX-License-Identifier: MIT */
/* podman's databases, whoever wrote them: a value that is found is a text. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "util/cleanup.h"
#include "worker/bolt.h"
#include "worker/sqlite.h"

#define VALUE_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const keys[] = {"ctr", "id", "config"};
    char path[64];
    _cleanup_close_ int fd = memfd_create("database", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return 0;
    _cleanup_free_ char *from_bolt = bolt_read(fd, keys, ARRAY_SIZE(keys));
    PROPERTY(!from_bolt || strlen(from_bolt) < VALUE_MAX);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    _cleanup_free_ char *from_sqlite = sqlite_read(path, "ContainerConfig", "id", 3);
    PROPERTY(!from_sqlite || strlen(from_sqlite) < VALUE_MAX);
    return 0;
}
