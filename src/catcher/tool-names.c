/* SPDX-License-Identifier: MIT */
#include "catcher/tool-names.h"

#include "util/cleanup.h"

const char *const catcher_tools[] = {
    "cp",
    "mv",
    "rm",
    "ln",
    "install",
    "ginstall",
    "unlink",
    "mkdir",
    "mkfifo",
    "mknod",
    "touch",
    "chmod",
    "chown",
    "chgrp",
    "setfacl",
    "setfattr",
    "chattr",
    "chcon",
    "tee",
    "setcap",
    "dd",
    "tar",
    "bsdtar",
    "cpio",
    "rsync",
    "dpkg-deb",
    "unzip",
    "7z",
    "gzip",
    "gunzip",
    "bzip2",
    "bunzip2",
    "xz",
    "unxz",
    "zstd",
    "sed",
    "patch",
    "curl",
    "wget",
    "strip",
    "objcopy",
    "gcc",
    "clang",
    "ld",
    "truncate",
    "dpkg-divert",
    "update-alternatives",
};
const size_t catcher_n_tools = ARRAY_SIZE(catcher_tools);

const char *const catcher_package_managers[] = {
    "dpkg", "rpm", "dnf", "dnf5", "microdnf", "yum", "zypper", "apk", "pacman", "opkg", "xbps-install", "xbps-remove",
};
const size_t catcher_n_package_managers = ARRAY_SIZE(catcher_package_managers);

const struct catcher_unpacker catcher_unpackers[] = {{"tar", 'x'}, {"bsdtar", 'x'}, {"cpio", 'i'},
                                                     {"7z", 'x'},  {"unzip", 0},    {"patch", 0}};
const size_t catcher_n_unpackers = ARRAY_SIZE(catcher_unpackers);
