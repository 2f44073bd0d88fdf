/* SPDX-License-Identifier: MIT */
/*
 * memfs's command line and the security descriptors in it: whatever is accepted is within its bounds, and whatever is
 * refused is refused with one line that a terminal can show. The input is the arguments, a line each; a first line
 * "sddl" gives the rest to the parser of descriptors alone.
 */
#include <errno.h>
#include <string.h>

#include "../../fs/memfs/options.h"
#include "../../fs/memfs/sddl.h"
#include "fuzz.h"

#define TEXT_MAX 4096
#define ARGUMENTS_MAX 64

static void check_message(const char *message, size_t size) {
    PROPERTY(memchr(message, '\0', size) && *message);
    for (; *message; message++)
        PROPERTY((unsigned char)*message >= 0x20 && *message != 0x7f);
}

static void check_options(const struct options *options) {
    if (options->action != OPTIONS_RUN)
        return;
    PROPERTY(options->mount_point || options->prefix);
    PROPERTY(!options->mount_point || *options->mount_point);
    PROPERTY(options->file_system_name && *options->file_system_name && strlen(options->file_system_name) < 64);
    PROPERTY(!strpbrk(options->file_system_name, "/, \t\n\\"));
    PROPERTY(options->nodes_max > 0 && options->file_size_max > 0);
    PROPERTY(options_volume_size(options) >= options->nodes_max || options->file_size_max == OPTIONS_UNLIMITED);
    PROPERTY(options->delay_percent <= 100 && options->delay_rarefy <= 63);
    PROPERTY(options->delay_max > 0 || options->delay_percent + options->delay_rarefy == 0);
}

static void check_arguments(char *text) {
    char *argv[ARGUMENTS_MAX + 2] = {"memfs"};
    int argc = 1;
    struct options options;
    struct options_error error = {""};
    for (char *line = text; line && argc <= ARGUMENTS_MAX;) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        argv[argc++] = line;
        line = end;
    }
    int result = options_parse(argc, argv, &options, &error);
    PROPERTY(result == 0 || result == -EINVAL);
    if (result < 0)
        check_message(error.message, sizeof error.message);
    else
        check_options(&options);
}

static void check_sddl(const char *text) {
    struct sddl sddl;
    struct sddl_error error = {""};
    int result = sddl_parse(text, &sddl, &error);
    PROPERTY(result == 0 || result == -EINVAL);
    if (result < 0)
        PROPERTY(memchr(error.message, '\0', sizeof error.message) && *error.message);
    else
        PROPERTY((sddl.mode & ~(mode_t)0777) == 0 && sddl.owner != (uid_t)-1 && sddl.group != (gid_t)-1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char sddl_mark[] = "sddl\n";
    if (size >= TEXT_MAX)
        return 0;
    char *text = malloc(size + 1);
    PROPERTY(text);
    memcpy(text, data, size);
    text[size] = '\0';
    if (strncmp(text, sddl_mark, sizeof sddl_mark - 1) == 0)
        check_sddl(text + sizeof sddl_mark - 1);
    else
        check_arguments(text);
    free(text);
    return 0;
}
