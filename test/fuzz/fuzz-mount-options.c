/* SPDX-License-Identifier: MIT */
/*
 * The options behind -o: whatever is accepted is terminated and within bounds, never has flags that are not asked for
 * by name, and is refused with a message otherwise. The input is the text.
 */
#include <errno.h>
#include <linux/mount.h>
#include <string.h>

#include "fuzz.h"
#include "service/mount-options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[5000];
    struct mount_options options;
    char message[256] = "";
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    int result = mount_options_parse(text, &options, message, sizeof message);
    if (result < 0) {
        PROPERTY((result == -EINVAL || result == -EPERM) && message[0]);
        return 0;
    }
    PROPERTY(memchr(options.source, 0, sizeof options.source) && memchr(options.subtype, 0, sizeof options.subtype) &&
             memchr(options.prefix, 0, sizeof options.prefix));
    PROPERTY((options.attributes & ~(uint64_t)(MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NODIRATIME)) ==
             0);
    PROPERTY(!options.allow_other || strstr(text, "allow_other"));
    return 0;
}
