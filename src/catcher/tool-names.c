/* SPDX-License-Identifier: MIT */
#include "catcher/tool-names.h"

#include "util/cleanup.h"

const char *const catcher_tools[] = {
    "cp",    "mv",    "rm",    "ln",     "install", "ginstall", "unlink", "mkdir",    "touch",       "chmod",
    "chown", "chgrp", "tee",   "setcap", "dd",      "tar",      "bsdtar", "cpio",     "rsync",       "dpkg-deb",
    "unzip", "sed",   "patch", "curl",   "wget",    "7z",       "strip",  "truncate", "dpkg-divert",
};
const size_t catcher_n_tools = ARRAY_SIZE(catcher_tools);

const char *const catcher_package_managers[] = {
    "dpkg", "rpm", "dnf", "dnf5", "microdnf", "yum", "zypper", "apk", "pacman", "opkg", "xbps-install", "xbps-remove",
};
const size_t catcher_n_package_managers = ARRAY_SIZE(catcher_package_managers);
