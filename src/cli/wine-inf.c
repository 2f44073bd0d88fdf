/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/wine.h"
#include "util/cleanup.h"

/* Lines of a section "DefaultInstall" that copy files and start programs; and services that start by themselves and
 * that no file system needs. */
static const char *const left_out[] = {"WineFakeDlls",        "RegisterDlls",        "CopyFiles",      "UpdateInis",
                                       "AddService=EventLog", "AddService=PlugPlay", "AddService=NDIS"};

static const char added_to_install[] = "AddReg=LinFsp\n";
static const char added_to_services[] = "AddService=MountMgr,0x800,MountMgrService\n";

/* Where programs look for WinFsp (FspLoad); no windows, so that Wine does not look for a screen; and no debugger, which
 * a program that crashes would wait for. */
static const char added_at_end[] =
    "\n[LinFsp]\n"
    "HKLM,\"Software\\WOW6432Node\\WinFsp\",\"InstallDir\",,\"C:\\Program Files (x86)\\WinFsp\\\"\n"
    "HKLM,\"Software\\WinFsp\",\"InstallDir\",,\"C:\\Program Files (x86)\\WinFsp\\\"\n"
    "HKLM,\"Software\\Microsoft\\Windows NT\\CurrentVersion\\AeDebug\",\"Debugger\",,\"cmd.exe /c exit\"\n"
    "HKLM,\"Software\\Microsoft\\Windows NT\\CurrentVersion\\AeDebug\",\"Auto\",,\"1\"\n"
    "HKCU,\"Software\\Wine\\Drivers\",\"Graphics\",,\"null\"\n";

static bool begins_with(const char *line, const char *text) {
    return strncasecmp(line, text, strlen(text)) == 0;
}

static bool is_left_out(const char *line) {
    for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
        if (begins_with(line, left_out[i]))
            return true;
    return false;
}

int wine_inf_filter(FILE *from, FILE *to) {
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool install = false;
    while (getline(&line, &size, from) >= 0) {
        if (line[0] == '[')
            install = begins_with(line, "[DefaultInstall");
        if (install && is_left_out(line))
            continue;
        fputs(line, to);
        if (line[0] == '[' && install)
            fputs(strstr(line, ".Services]") ? added_to_services : added_to_install, to);
    }
    fputs(added_at_end, to);
    return ferror(from) || fflush(to) != 0 || ferror(to) ? -EIO : 0;
}
