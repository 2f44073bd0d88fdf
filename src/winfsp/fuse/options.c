/* SPDX-License-Identifier: MIT */
#include "winfsp/fuse/options.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/fuse/internal.h"

#define INFO_TIMEOUT_DEFAULT 1000 /* ms */
#define NOT_SET (-2)

/* What the templates store; strings are of the own env's memory. */
struct parsed {
    struct fsp_options options;
    char *uid, *gid, *umask, *create_umask, *create_file_umask, *create_dir_umask;
    char *attr_timeout, *entry_timeout, *negative_timeout, *info_timeout;
    int keep_cache;
    const char *unknown;
};

enum {
    KEY_IGNORED = 1,
    KEY_UNSUPPORTED,
};

#define STRING(template, member)                                                                                       \
    { template "%s", offsetof(struct parsed, member), 0 }
#define FLAG(template, member)                                                                                         \
    { template, offsetof(struct parsed, options.member), 1 }
#define NAMED(name, member) STRING(name "=", member), STRING("--" name "=", member)
#define IGNORED(template) FUSE_OPT_KEY(template, KEY_IGNORED)

static const struct fuse_opt templates[] = {
    NAMED("VolumePrefix", options.prefix),
    NAMED("UNC", options.prefix),
    NAMED("FileSystemName", options.file_system_name),
    NAMED("ExactFileSystemName", options.exact_name),
    STRING("fstypename=", options.file_system_name),
    STRING("subtype=", options.file_system_name),
    STRING("fsname=", options.volume_name),
    STRING("volname=", options.volume_name),
    STRING("uid=", uid),
    STRING("gid=", gid),
    STRING("umask=", umask),
    STRING("create_umask=", create_umask),
    STRING("create_file_umask=", create_file_umask),
    STRING("create_dir_umask=", create_dir_umask),
    STRING("attr_timeout=", attr_timeout),
    STRING("entry_timeout=", entry_timeout),
    STRING("negative_timeout=", negative_timeout),
    NAMED("FileInfoTimeout", info_timeout),
    {"ThreadCount=%i", offsetof(struct parsed, options.threads), 0},
    {"--ThreadCount=%i", offsetof(struct parsed, options.threads), 0},
    {"KeepFileCache", offsetof(struct parsed, keep_cache), 1},
    {"--KeepFileCache", offsetof(struct parsed, keep_cache), 1},
    FLAG("debug", debug),
    FLAG("-d", debug),
    FLAG("ro", read_only),
    FLAG("rellinks", relative_links),
    FLAG("hard_remove", hard_remove),
    FLAG("direct_io", direct_io),
    FLAG("kernel_cache", kernel_cache),
    FLAG("-h", help),
    FLAG("--help", help),
    /* libfuse's, which have no meaning here or are so anyway */
    IGNORED("rw"),
    IGNORED("suid"),
    IGNORED("nosuid"),
    IGNORED("dev"),
    IGNORED("nodev"),
    IGNORED("exec"),
    IGNORED("async"),
    IGNORED("sync"),
    IGNORED("atime"),
    IGNORED("noatime"),
    IGNORED("allow_other"),
    IGNORED("allow_root"),
    IGNORED("auto_unmount"),
    IGNORED("default_permissions"),
    IGNORED("nonempty"),
    IGNORED("large_read"),
    IGNORED("big_writes"),
    IGNORED("auto_cache"),
    IGNORED("noauto_cache"),
    IGNORED("use_ino"),
    IGNORED("readdir_ino"),
    IGNORED("intr"),
    IGNORED("intr_signal=%s"),
    IGNORED("async_read"),
    IGNORED("sync_read"),
    IGNORED("atomic_o_trunc"),
    IGNORED("no_remote_lock"),
    IGNORED("max_read=%s"),
    IGNORED("max_write=%s"),
    IGNORED("max_readahead=%s"),
    IGNORED("max_background=%s"),
    IGNORED("congestion_threshold=%s"),
    IGNORED("ac_attr_timeout=%s"),
    IGNORED("remember=%s"),
    IGNORED("modules=%s"),
    IGNORED("blksize=%s"),
    IGNORED("blkdev"),
    /* WinFsp's, about what Linux has not */
    IGNORED("dothidden"),
    IGNORED("norellinks"),
    IGNORED("uidmap=%s"),
    IGNORED("FileSecurity=%s"),
    IGNORED("UserName=%s"),
    IGNORED("GroupName=%s"),
    IGNORED("DirInfoTimeout=%s"),
    IGNORED("EaTimeout=%s"),
    IGNORED("VolumeInfoTimeout=%s"),
    IGNORED("SecurityTimeout=%s"),
    IGNORED("StreamInfoTimeout=%s"),
    IGNORED("FlushOnCleanup"),
    IGNORED("LegacyUnlinkRename"),
    IGNORED("DebugLog=%s"),
    IGNORED("SectorSize=%s"),
    IGNORED("SectorsPerAllocationUnit=%s"),
    IGNORED("MaxComponentLength=%s"),
    IGNORED("VolumeCreationTime=%s"),
    IGNORED("VolumeSerialNumber=%s"),
    IGNORED("TransactTimeout=%s"),
    IGNORED("IrpTimeout=%s"),
    IGNORED("IrpCapacity=%s"),
    IGNORED("CaseInsensitiveSearch"),
    IGNORED("PersistentAcls"),
    IGNORED("ReparsePoints"),
    IGNORED("NamedStreams"),
    IGNORED("ReadOnlyVolume"),
    FUSE_OPT_END,
};

static int FSP_FUSE_CALL take(void *data, const char *arg, int key, struct fuse_args *outargs) {
    (void)outargs;
    if (key == KEY_IGNORED)
        return 0;
    if (key == FUSE_OPT_KEY_NONOPT) {
        fprintf(stderr, "fuse: invalid argument `%s'\n", arg);
        return -1;
    }
    if (strncmp(arg, "--", 2) == 0 && strchr(arg, '='))
        return take(data, arg + 2, KEY_UNSUPPORTED, outargs);
    fprintf(stderr, "fuse: unknown option `%s'\n", arg);
    return -1;
}

static int number(const char *option, const char *text, int base, int *ret_number) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, base);
    if (errno || end == text || *end || value < -1 || value > INT32_MAX) {
        fprintf(stderr, "fuse: invalid parameter in option `%s=%s'\n", option, text);
        return -EINVAL;
    }
    *ret_number = (int)value;
    return 0;
}

static int seconds(const char *option, const char *text, double *ret_seconds) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0)) {
        fprintf(stderr, "fuse: invalid parameter in option `%s=%s'\n", option, text);
        return -EINVAL;
    }
    *ret_seconds = value;
    return 0;
}

/* An id, where "-1" is the volume's owner. */
static int id(const char *option, const char *text, int *ret_set, int *ret_id) {
    int r = number(option, text, 10, ret_id);
    *ret_set = r == 0;
    return r;
}

static int convert_numbers(struct parsed *parsed) {
    struct fsp_options *options = &parsed->options;
    int r = 0;
    if (parsed->uid)
        r = id("uid", parsed->uid, &options->set_uid, &options->uid);
    if (r == 0 && parsed->gid)
        r = id("gid", parsed->gid, &options->set_gid, &options->gid);
    if (r == 0 && parsed->umask) {
        r = number("umask", parsed->umask, 8, &options->umask);
        options->set_umask = 1;
    }
    if (r == 0 && parsed->create_umask)
        r = number("create_umask", parsed->create_umask, 8, &options->create_umask);
    if (r == 0 && parsed->create_file_umask)
        r = number("create_file_umask", parsed->create_file_umask, 8, &options->create_file_umask);
    if (r == 0 && parsed->create_dir_umask)
        r = number("create_dir_umask", parsed->create_dir_umask, 8, &options->create_dir_umask);
    if (r == 0 && parsed->info_timeout)
        r = number("FileInfoTimeout", parsed->info_timeout, 10, &options->info_timeout);
    if (r == 0 && parsed->attr_timeout)
        r = seconds("attr_timeout", parsed->attr_timeout, &options->attr_timeout);
    if (r == 0 && parsed->entry_timeout)
        r = seconds("entry_timeout", parsed->entry_timeout, &options->entry_timeout);
    if (r == 0 && parsed->negative_timeout)
        r = seconds("negative_timeout", parsed->negative_timeout, &options->negative_timeout);
    return r;
}

static void clear_texts(struct parsed *parsed) {
    char *texts[] = {parsed->uid,
                     parsed->gid,
                     parsed->umask,
                     parsed->create_umask,
                     parsed->create_file_umask,
                     parsed->create_dir_umask,
                     parsed->attr_timeout,
                     parsed->entry_timeout,
                     parsed->negative_timeout,
                     parsed->info_timeout};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
}

int fsp_options_parse(struct fuse_args *args, struct fsp_options *ret_options) {
    struct fsp_fuse_env *env = fsp_env_own();
    struct parsed parsed = {.options = {.create_umask = -1,
                                        .create_file_umask = -1,
                                        .create_dir_umask = -1,
                                        .attr_timeout = -1,
                                        .entry_timeout = -1,
                                        .negative_timeout = -1,
                                        .info_timeout = NOT_SET}};
    struct fuse_args copy = {0};
    int r = 0;
    for (int i = 0; args && r == 0 && i < args->argc; i++)
        r = fsp_fuse_opt_add_arg(env, &copy, args->argv[i]);
    if (r == 0)
        r = fsp_fuse_opt_parse(env, &copy, &parsed, templates, take);
    r = r < 0 ? -EINVAL : convert_numbers(&parsed);
    fsp_fuse_opt_free_args(env, &copy);
    clear_texts(&parsed);
    parsed.options.kernel_cache |= parsed.keep_cache;
    if (r < 0) {
        fsp_options_clear(&parsed.options);
        return r;
    }
    *ret_options = parsed.options;
    return 0;
}

void fsp_options_clear(struct fsp_options *options) {
    free(options->file_system_name);
    free(options->exact_name);
    free(options->prefix);
    free(options->volume_name);
    *options = (struct fsp_options){0};
}

bool fsp_options_known(const char *option) {
    return fsp_fuse_opt_match(fsp_env_own(), templates, option);
}

void fsp_options_help(void) {
    fputs("FUSE options:\n"
          "    -o umask=MASK              no file has these permission bits (octal)\n"
          "    -o create_umask=MASK       new files and directories do not get these\n"
          "        -o create_file_umask=MASK, -o create_dir_umask=MASK\n"
          "    -o uid=N, -o gid=N         owner and group of all files (-1: the user who mounts)\n"
          "    -o rellinks                symbolic links to /x lead to the volume's x\n"
          "    -o volname=NAME            what mount(8) shows as the source\n"
          "    -o VolumePrefix=\\SERVER\\SHARE, --UNC=..., --VolumePrefix=...\n"
          "                               a network volume\n"
          "    -o FileSystemName=NAME     the type is fuse.FUSE-NAME\n"
          "    -o ExactFileSystemName=NAME, -o fstypename=NAME\n"
          "    -o FileInfoTimeout=MS      how long attributes are kept (-1: for ever, and data too)\n"
          "    -o attr_timeout=S, -o entry_timeout=S, -o negative_timeout=S\n"
          "    -o KeepFileCache           keep the data of files from open to open\n"
          "    -o direct_io               keep no data of files\n"
          "    -o hard_remove             remove open files at once, instead of renaming them\n"
          "    -o ThreadCount=N           operations at a time\n"
          "    -o ro                      read-only\n",
          stderr);
}

/* ---- what they mean -------------------------------------------------------------------------------------------- */

static unsigned long long timeout_ms(const struct fsp_options *options, double given) {
    if (given >= 0)
        return (unsigned long long)(given * 1000);
    if (options->info_timeout == -1)
        return LINFSP_TIMEOUT_INFINITE;
    return options->info_timeout == NOT_SET ? INFO_TIMEOUT_DEFAULT : (unsigned long long)options->info_timeout;
}

unsigned long long fsp_options_attributes_ms(const struct fsp_options *options) {
    return timeout_ms(options, options->attr_timeout);
}

unsigned long long fsp_options_names_ms(const struct fsp_options *options) {
    return timeout_ms(options, options->entry_timeout >= 0 ? options->entry_timeout : options->attr_timeout);
}

bool fsp_options_keep_data(const struct fsp_options *options) {
    return options->kernel_cache || options->info_timeout == -1;
}

/* What cannot be part of a type's name becomes '_'. */
void fsp_options_type(const struct fsp_options *options, char *ret_name, unsigned long size) {
    if (options->exact_name && *options->exact_name)
        snprintf(ret_name, size, "%s", options->exact_name);
    else if (options->file_system_name && *options->file_system_name)
        snprintf(ret_name, size, "FUSE-%s", options->file_system_name);
    else
        snprintf(ret_name, size, "FUSE");
    for (char *c = ret_name; *c; c++)
        if (!isascii((unsigned char)*c) || (!isalnum((unsigned char)*c) && !strchr(".-_", *c)))
            *c = '_';
}
