/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/wine.h"
#include "util/paths.h"

#define SYSTEM "drive_c/windows/system32"
#define DRIVERS SYSTEM "/drivers"
#define OURS "drive_c/Program Files (x86)/WinFsp"
#define OURS_BIN OURS "/bin"
#define INF "drive_c/windows/inf/linfsp.inf"
#define DLL "winfsp-x64.dll"

/* ---- programs -------------------------------------------------------------------------------------------------- */

/* Wine is not to look for a screen, and to be quiet unless somebody wants to know. */
void wine_set_environment(const char *prefix) {
    setenv("WINEPREFIX", prefix, 1);
    setenv("WINEDEBUG", "-all,err+module,err+seh", 0);
    setenv("WINEARCH", "win64", 1);
    setenv("WINEDLLOVERRIDES", "mscoree,mshtml=", 0);
    unsetenv("DISPLAY");
}

int wine_spawn(const char *prefix, const char *const *arguments) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        if (null >= 0) {
            dup2(null, 0);
            dup2(null, 1);
        }
        wine_set_environment(prefix);
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    if (child < 0)
        return -1;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

void wine_prefix_end(const struct wine *wine, const char *prefix) {
    const char *const kill[] = {wine->server, "-k", NULL}, *const wait[] = {wine->server, "-w", NULL};
    wine_spawn(prefix, kill);
    wine_spawn(prefix, wait);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static int path_in(const char *prefix, const char *name, char *ret_path) {
    return snprintf(ret_path, PATH_MAX, "%s/%s", prefix, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int make_folders(const char *prefix) {
    // NOLINTBEGIN(bugprone-suspicious-missing-comma): some are made of two
    static const char *const folders[] = {"",
                                          "dosdevices",
                                          "drive_c",
                                          "drive_c/windows",
                                          "drive_c/windows/inf",
                                          "drive_c/windows/temp",
                                          SYSTEM,
                                          DRIVERS,
                                          "drive_c/Program Files",
                                          "drive_c/Program Files (x86)",
                                          "drive_c/users",
                                          OURS,
                                          OURS_BIN};
    // NOLINTEND(bugprone-suspicious-missing-comma)
    char path[PATH_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        int r = path_in(prefix, folders[i], path);
        if (r == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
            r = -errno;
        if (r < 0)
            return r;
    }
    return 0;
}

/* A link; one that is there stays, unless it leads to what it is to replace. */
static int make_link(const char *prefix, const char *name, const char *target, const char *replaces) {
    char path[PATH_MAX], before[PATH_MAX];
    int r = path_in(prefix, name, path);
    if (r < 0)
        return r;
    ssize_t length = replaces ? readlink(path, before, sizeof before - 1) : -1;
    if (length >= 0) {
        before[length] = 0;
        if (strcmp(before, replaces) == 0)
            unlink(path);
    }
    return symlink(target, path) < 0 && errno != EEXIST ? -errno : 0;
}

/* Drive Z: is the volume Z:, whether that is there or not; B: is the machine's own root, which Wine has as Z:. */
static int make_drives(const char *prefix) {
    struct stat status;
    char name[32], target[32];
    int r = make_link(prefix, "dosdevices/c:", "../drive_c", NULL);
    if (r == 0)
        r = make_link(prefix, "dosdevices/b:", "/", NULL);
    for (char letter = 'd'; r == 0 && letter <= 'z'; letter++) {
        snprintf(name, sizeof name, "dosdevices/%c:", letter);
        snprintf(target, sizeof target, "/mnt/%c", letter);
        r = make_link(prefix, name, target, "/");
    }
    const char *unc = lstat(LINFSP_UNC_ROOT, &status) == 0 ? LINFSP_UNC_ROOT : LINFSP_DEVICE_DIR LINFSP_UNC_ROOT;
    return r < 0 ? r : make_link(prefix, "dosdevices/unc", unc, NULL);
}

static int make_dll_links(const struct wine *wine, const char *prefix) {
    int r = make_link(prefix, SYSTEM "/" DLL, wine->dll, NULL);
    return r < 0 ? r : make_link(prefix, OURS "/bin/" DLL, wine->dll, NULL);
}

/* Wine's own DLLs and programs, each a link. */
static int make_program_links(const struct wine *wine, const char *prefix) {
    _cleanup_closedir_ DIR *programs = opendir(wine->programs);
    char name[512], target[PATH_MAX + 256];
    int r = 0;
    if (!programs)
        return -errno;
    for (struct dirent *entry; r == 0 && (entry = readdir(programs));) {
        const char *end = strrchr(entry->d_name, '.');
        if (entry->d_name[0] == '.' || !end || strcmp(end, ".a") == 0)
            continue;
        snprintf(name, sizeof name, SYSTEM "/%s%s", strcmp(end, ".sys") == 0 ? "drivers/" : "", entry->d_name);
        snprintf(target, sizeof target, "%s/%s", wine->programs, entry->d_name);
        r = make_link(prefix, name, target, NULL);
        if (r == 0 && (strcmp(entry->d_name, "explorer.exe") == 0 || strcmp(entry->d_name, "regedit.exe") == 0)) {
            snprintf(name, sizeof name, "drive_c/windows/%s", entry->d_name);
            r = make_link(prefix, name, target, NULL);
        }
    }
    return r;
}

/* Wine is told not to make the prefix its own way: "disable" in this file. */
static int make_files(const struct wine *wine, const char *prefix) {
    char path[PATH_MAX];
    int r = path_in(prefix, ".update-timestamp", path);
    _cleanup_fclose_ FILE *stamp = r < 0 ? NULL : fopen(path, "we");
    if (!stamp || fputs("disable\n", stamp) < 0 || fflush(stamp) != 0)
        return r < 0 ? r : -EIO;
    r = path_in(prefix, INF, path);
    _cleanup_fclose_ FILE *from = fopen(wine->list, "re");
    _cleanup_fclose_ FILE *to = r < 0 ? NULL : fopen(path, "we");
    if (!from || !to)
        return r < 0 ? r : -errno;
    return wine_inf_filter(from, to);
}

/* ---- a prefix -------------------------------------------------------------------------------------------------- */

bool wine_prefix_exists(const char *prefix) {
    char path[PATH_MAX];
    return path_in(prefix, "system.reg", path) == 0 && access(path, F_OK) == 0;
}

static int fail(const struct verb *verb, const char *prefix, int error) {
    verb_fail(verb, "cannot make a Wine prefix in %s: %s", prefix, strerror(-error));
    return -1;
}

/* The server writes the registry down when it ends; services that were registered now are started with the next one. */
int wine_prefix_make(const struct verb *verb, const struct wine *wine, const char *prefix) {
    const char *const install[] = {wine->loader,
                                   "rundll32.exe",
                                   "setupapi.dll,InstallHinfSection",
                                   "DefaultInstall",
                                   "128",
                                   "C:\\windows\\inf\\linfsp.inf",
                                   NULL};
    int r = make_folders(prefix);
    if (r == 0)
        r = make_drives(prefix);
    if (r == 0)
        r = make_program_links(wine, prefix);
    if (r == 0)
        r = make_dll_links(wine, prefix);
    if (r == 0)
        r = make_files(wine, prefix);
    if (r < 0)
        return fail(verb, prefix, r);
    int status = wine_spawn(prefix, install);
    wine_prefix_end(wine, prefix);
    if (status == 0 && wine_prefix_exists(prefix))
        return 0;
    verb_fail(verb, "cannot make a Wine prefix in %s: Wine's setup failed (%s %d); WINEDEBUG=err+all shows why", prefix,
              WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return -1;
}

bool wine_prefix_prepared(const struct wine *wine, const char *prefix) {
    char path[PATH_MAX], target[PATH_MAX];
    ssize_t length = path_in(prefix, OURS "/bin/" DLL, path) < 0 ? -1 : readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    return strcmp(target, wine->dll) == 0;
}

/* The registry is changed by Wine's own program, as its server may be running. */
int wine_prefix_prepare(const struct verb *verb, const struct wine *wine, const char *prefix) {
    const char *const add[] = {wine->loader, "reg.exe",    "add", "HKLM\\Software\\WinFsp",
                               "/v",         "InstallDir", "/d",  "C:\\Program Files (x86)\\WinFsp\\",
                               "/f",         "/reg:32",    NULL};
    char path[PATH_MAX];
    int r = path_in(prefix, OURS "/bin/" DLL, path);
    bool prepared = r == 0 && access(path, F_OK) == 0;
    if (r == 0)
        r = make_folders(prefix);
    if (r == 0)
        r = make_drives(prefix);
    if (r == 0)
        r = make_dll_links(wine, prefix);
    if (r < 0)
        return fail(verb, prefix, r);
    int status = prepared ? 0 : wine_spawn(prefix, add);
    if (status == 0)
        return 0;
    verb_fail(verb, "cannot write the registry of %s: Wine's reg.exe failed; WINEDEBUG=err+all shows why", prefix);
    unlink(path);
    return -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    remove(path);
    return 0;
}

void wine_prefix_remove(const char *prefix) {
    nftw(prefix, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
