/* SPDX-License-Identifier: MIT */
/*
 * The service fills a silo's folder before it knows anything of the container: with libraries for its own architecture.
 * The worker, which looks into the container in any case, replaces them where the container is of another one (i386 on
 * amd64; anything, through binfmt_misc and an emulator).
 *
 * The container's /bin/sh tells; without one, the dynamic loaders that it has: a library is of use to dynamic programs
 * only. The process that runs tells nothing: it may be the runtime, or an emulator.
 */
#include "worker/libraries.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/architecture.h"
#include "util/cleanup.h"
#include "util/open-at.h"
#include "util/proc.h"
#include "worker/enter.h"

/* Of the program at that path. Only a file is opened for reading: to open a pipe or a device may do something. */
static const struct architecture *architecture_at(int root, const char *path) {
    struct stat status;
    char header[sizeof(Elf32_Ehdr)];
    _cleanup_close_ int place = enter_open_inside(root, path, O_PATH);
    if (place < 0 || fstat(place, &status) < 0 || !S_ISREG(status.st_mode))
        return NULL;
    _cleanup_close_ int file = proc_open(O_RDONLY | O_NONBLOCK | O_NOCTTY, "self/fd/%d", place);
    ssize_t size = file < 0 ? -1 : pread(file, header, sizeof header, 0);
    return size < 0 ? NULL : architecture_of(header, (size_t)size);
}

/* NULL: not known. */
static const struct architecture *architecture_inside(int root, const struct architecture *ours) {
    const struct architecture *found = architecture_at(root, "bin/sh");
    for (size_t i = 0; !found && i < ARRAY_SIZE(ours->loaders); i++)
        found = architecture_at(root, ours->loaders[i]);
    for (size_t i = 0; !found && i < ARRAY_SIZE(architectures) * ARRAY_SIZE(ours->loaders); i++)
        found =
            architecture_at(root, architectures[i / ARRAY_SIZE(ours->loaders)].loaders[i % ARRAY_SIZE(ours->loaders)]);
    return found;
}

static const struct architecture *architecture_of_ours(void) {
    char header[sizeof(Elf32_Ehdr)];
    _cleanup_close_ int file = proc_open(O_RDONLY, "self/exe");
    ssize_t size = file < 0 ? -1 : pread(file, header, sizeof header, 0);
    return size < 0 ? NULL : architecture_of(header, (size_t)size);
}

/* Each name of the folder `from` becomes a link to the same file in `to`. A name in `to` that `from` lacks stays: it
 * cannot be loaded there, and that is what the loader then says. */
static void replace_links(int from, int to) {
    _cleanup_closedir_ DIR *directory = open_directory_at(from, ".");
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (entry->d_type != DT_REG)
            continue;
        (void)unlinkat(to, entry->d_name, 0);
        (void)linkat(from, entry->d_name, to, entry->d_name, 0);
    }
}

void libraries_choose(const struct job_base *base, const char *folder, int root, const char *rootfs) {
    static const char *const subs[] = {"lib", "lib/musl"};
    _cleanup_close_ int inside = enter_open_inside(root, rootfs[0] ? rootfs : ".", O_PATH | O_DIRECTORY);
    const struct architecture *ours = architecture_of_ours();
    const struct architecture *theirs = ours && inside >= 0 ? architecture_inside(inside, ours) : NULL;
    if (!theirs || theirs == ours)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
        char path[96];
        snprintf(path, sizeof path, "dist/foreign/%s/%s", theirs->name, subs[i]);
        _cleanup_close_ int from = openat(base->run_dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        snprintf(path, sizeof path, "%s/%s", folder, subs[i]);
        _cleanup_close_ int to = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (from >= 0 && to >= 0)
            replace_links(from, to);
    }
}
