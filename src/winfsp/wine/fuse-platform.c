/* SPDX-License-Identifier: MIT */
/* The FUSE API's platform, in Wine. */
#include <stdlib.h>
#include <string.h>

#include "winfsp/fuse/platform.h"
#include "winfsp/text.h"
#include "winfsp/wine/calls.h"
#include "winfsp/wine/drive.h"
#include "winfsp/wine/ending.h"

const struct linfsp_threads *fsp_platform_threads(void) {
    return wine_threads();
}

/* "Z:", "Z:\", "\\.\Z:" are letters; "/x" is a folder of Linux's, others are of Windows'. */
char *fsp_platform_mount_point(const char *text) {
    if (strncmp(text, "\\\\.\\", 4) == 0)
        text += 4;
    size_t length = strlen(text);
    if (length <= 2 || text[0] == '/')
        return strdup(text);
    if (length == 3 && text[1] == ':' && (text[2] == '\\' || text[2] == '/'))
        return strndup(text, 2);
    WCHAR *wide = fsp_utf8_to_wide_new(text);
    char *path = wide ? win_unix_path(wide) : NULL;
    free(wide);
    return path ? path : strdup(text);
}

void fsp_platform_mounted(const char *mount_point) {
    wine_drive_hide(mount_point);
}

void fsp_platform_unmounted(const char *mount_point) {
    wine_drive_show(mount_point);
}

bool fsp_platform_watch(void (*stop)(void *argument), void *argument) {
    return wine_watch(stop, argument) == 0;
}

void fsp_platform_unwatch(void) {
    wine_unwatch();
}

/* A Windows program does not go to the background. */
int fsp_platform_background(void) {
    return 0;
}

void fsp_platform_background_ready(int status) {
    (void)status;
}
