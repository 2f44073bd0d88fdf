/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over the files named, and over those in the directories named. Fails where there are none. */
#include <dirent.h>
#include <err.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "util/cleanup.h"

#define INPUT_MAX (1 << 20)

static unsigned run_file(const char *path) {
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file)
        err(1, "%s", path);
    /* as large as the input and no larger, so that a sanitizer sees a read behind it */
    _cleanup_free_ uint8_t *all = malloc(INPUT_MAX);
    size_t size = all ? fread(all, 1, INPUT_MAX, file) : 0;
    _cleanup_free_ uint8_t *data = malloc(size ? size : 1);
    if (!all || !data)
        errx(1, "out of memory");
    for (size_t i = 0; i < size; i++)
        data[i] = all[i];
    LLVMFuzzerTestOneInput(data, size);
    return 1;
}

static unsigned run_directory(const char *path) {
    _cleanup_closedir_ DIR *directory = opendir(path);
    if (!directory)
        err(1, "%s", path);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char *name;
        if (entry->d_name[0] == '.')
            continue;
        if (asprintf(&name, "%s/%s", path, entry->d_name) < 0)
            errx(1, "out of memory");
        count += run_file(name);
        free(name);
    }
    return count;
}

int main(int argc, char **argv) {
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) < 0)
            err(1, "%s", argv[i]);
        count += S_ISDIR(status.st_mode) ? run_directory(argv[i]) : run_file(argv[i]);
    }
    if (count == 0)
        errx(1, "no input");
    printf("%u inputs\n", count);
    return 0;
}
