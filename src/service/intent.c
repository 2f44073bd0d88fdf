/* SPDX-License-Identifier: MIT */
#include "service/intent.h"

#include <string.h>

#include "service/journal.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/paths.h"

/* The last line may be half written: then what it tells of was not begun. */
static void read_line(struct volume *volume, const char *line) {
    unsigned long long id, inode;
    unsigned device;
    char name[2];
    if (!strchr(line, '\n'))
        return;
    if (sscanf(line, "mount %u %llu", &device, &id) == 2) {
        volume->fuse_device = device;
        volume->mount_id = id;
    } else if (sscanf(line, "nested %llu %llu", &inode, &id) == 2) {
        volume->nested = (struct mount_namespace){.inode = inode, .id = id};
    } else if (sscanf(line, "letters %llu", &id) == 1) {
        volume->letters_mount_id = id;
    } else if (strcmp(line, "folder\n") == 0) {
        volume->made.letters_too = true;
    } else if (sscanf(line, "made %1[a-z]", name) == 1) {
        memcpy(volume->made.name, name, sizeof name);
        snprintf(volume->mount_point, sizeof volume->mount_point, LINFSP_LETTER_ROOT "/%s", name);
    } else if (sscanf(line, "found %1[a-z]", name) == 1) {
        volume->made.name[0] = 0;
        snprintf(volume->mount_point, sizeof volume->mount_point, LINFSP_LETTER_ROOT "/%s", name);
    }
}

bool intent_parse(FILE *file, struct volume *volume) {
    unsigned long long silo;
    int raw, letter;
    if (fscanf(file, "silo %llu raw %d letter %d uid %u gid %u\n", &silo, &raw, &letter, &volume->peer.uid,
               &volume->peer.gid) != 5)
        return false;
    volume->silo = silo;
    volume->staged = true;
    volume->raw = raw;
    volume->made.by_service = letter;
    char line[64];
    while (fgets(line, sizeof line, file))
        read_line(volume, line);
    return true;
}

static void absolute_name(char *path, size_t size, uint64_t volume) {
    snprintf(path, size, LINFSP_RUN_DIR "/" JOB_INTENT_FILE, (unsigned long long)volume);
}

void intent_read(struct volume *volume) {
    char path[96];
    absolute_name(path, sizeof path, volume->id);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (file)
        (void)intent_parse(file, volume);
}

void intent_drop(uint64_t volume) {
    char path[96];
    absolute_name(path, sizeof path, volume);
    (void)unlink(path);
}
