/* SPDX-License-Identifier: MIT */
#include "worker/podman.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "worker/bolt.h"
#include "worker/engine.h"
#include "worker/record.h"
#include "worker/sqlite.h"

#define TRIES 3 /* another podman may write meanwhile */

struct storage {
    char root[PATH_MAX], driver[64];
};

/* Takes the last component off path; returns it, or NULL. */
static char *cut_component(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    *slash = 0;
    return slash + 1;
}

static bool storage_of(const char *bundle, struct storage *ret_storage) {
    static const char containers[] = "-containers";
    if ((size_t)snprintf(ret_storage->root, sizeof ret_storage->root, "%s", bundle) >= sizeof ret_storage->root ||
        !cut_component(ret_storage->root) || !cut_component(ret_storage->root))
        return false;
    const char *folder = cut_component(ret_storage->root);
    size_t length = folder ? strlen(folder) : 0, end = strlen(containers);
    if (length <= end || length - end >= sizeof ret_storage->driver || strcmp(folder + length - end, containers) != 0)
        return false;
    snprintf(ret_storage->driver, sizeof ret_storage->driver, "%.*s", (int)(length - end), folder);
    return true;
}

static char *read_bolt(const struct storage *storage, const char *id) {
    char path[PATH_MAX + 32];
    const char *const keys[] = {"ctr", id, "config"};
    snprintf(path, sizeof path, "%s/libpod/bolt_state.db", storage->root);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? NULL : bolt_read(fd, keys, ARRAY_SIZE(keys));
}

static char *read_sqlite(const struct storage *storage, const char *below, const char *id) {
    enum { JSON = 3 }; /* the column */
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", storage->root, below);
    return sqlite_read(path, "ContainerConfig", id, JSON);
}

static char *read_config(const struct storage *storage, const char *id) {
    char *text = NULL;
    for (int i = 0; i < TRIES && !text; i++)
        if (!(text = read_sqlite(storage, "db.sql", id)) && !(text = read_sqlite(storage, "libpod/db.sql", id)))
            text = read_bolt(storage, id);
    return text;
}

/* An image's files are named by what they are in base64, "sha256:ID" for its configuration. */
static char *read_image(const struct storage *storage, const char *image) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char path[PATH_MAX + 512], name[128], encoded[192];
    size_t length = (size_t)snprintf(name, sizeof name, "sha256:%s", image), n = 0;
    if (length >= sizeof name)
        return NULL;
    for (size_t i = 0; i < length; i += 3) {
        unsigned have = length - i < 3 ? (unsigned)(length - i) : 3, bits = 0;
        for (unsigned j = 0; j < 3; j++)
            bits = bits << 8 | (j < have ? (unsigned char)name[i + j] : 0);
        for (unsigned j = 0; j < 4; j++)
            encoded[n++] = j <= have ? digits[bits >> (18 - 6 * j) & 63] : '=';
    }
    encoded[n] = 0;
    snprintf(path, sizeof path, "%s/%s-images/%s/=%s", storage->root, storage->driver, image, encoded);
    return engine_read_file(path);
}

void podman_labels(const char *bundle, struct job_description *description) {
    struct storage storage;
    char image[128];
    if (!storage_of(bundle, &storage))
        return;
    _cleanup_free_ char *config = read_config(&storage, description->id);
    if (!config || record_image_of_podman(config, image, sizeof image) < 0)
        return;
    _cleanup_free_ char *image_config = image[0] ? read_image(&storage, image) : strdup("{}");
    (void)record_from_podman(config, image_config, description);
}
