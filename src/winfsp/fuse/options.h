/* SPDX-License-Identifier: MIT */
/* The options of a FUSE program that are the library's: what stands behind -o, and --X=value. */
#ifndef LINFSP_WINFSP_FUSE_OPTIONS_H
#define LINFSP_WINFSP_FUSE_OPTIONS_H

#include <stdbool.h>

struct fuse_args;

struct fsp_options {
    char *file_system_name; /* as it was given */
    char *exact_name; /* ExactFileSystemName */
    char *prefix; /* VolumePrefix or UNC; NULL: a disk */
    char *volume_name;
    int set_uid, set_gid, set_umask;
    int uid, gid; /* -1: the volume's owner */
    int umask; /* bits that no file has */
    int create_umask, create_file_umask, create_dir_umask; /* -1: the caller's alone */
    int debug, read_only, relative_links, hard_remove, direct_io, kernel_cache, allow_unknown;
    int threads; /* 0: by the number of CPUs */
    double attr_timeout, entry_timeout, negative_timeout; /* s; below 0: not set */
    int info_timeout; /* ms; -1: for ever, with data; -2: not set */
    int help;
};

/* Takes the library's options out of args. 0, or a negative errno after a message on standard error. Strings are to be
 * freed by fsp_options_clear. */
int fsp_options_parse(struct fuse_args *args, struct fsp_options *ret_options);
void fsp_options_clear(struct fsp_options *options);
/* What -h prints. */
void fsp_options_help(void);
/* How long attributes and names may be kept, ms; whether file data may be kept from open to open. */
unsigned long long fsp_options_attributes_ms(const struct fsp_options *options);
unsigned long long fsp_options_names_ms(const struct fsp_options *options);
bool fsp_options_keep_data(const struct fsp_options *options);
/* The type that mount(8) shows behind "fuse.". */
void fsp_options_type(const struct fsp_options *options, char *ret_name, unsigned long size);
/* True: the library's own, of fsp_fuse_is_lib_option. */
bool fsp_options_known(const char *option);

#endif
