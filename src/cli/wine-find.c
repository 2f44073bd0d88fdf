/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "cli/wine.h"
#include "util/paths.h"

#define DLL "winfsp-x64.dll"

static bool is_there(const char *path) {
    return access(path, R_OK) == 0;
}

/* The first of several that is there. */
static int first_of(const char *const *places, size_t n, char *ret_path, size_t size) {
    for (size_t i = 0; i < n; i++)
        if (is_there(places[i])) {
            snprintf(ret_path, size, "%s", places[i]);
            return 0;
        }
    return -ENOENT;
}

#define FIRST_OF(places, to) first_of((places), ARRAY_SIZE(places), (to), sizeof(to))

/* Debian's `wine` is a script that tells of missing packages each time: what it runs is taken instead. */
static int find_loader(struct wine *wine) {
    static const char *const places[] = {"/usr/lib/wine/wine64",       "/opt/wine-stable/bin/wine64",
                                         "/opt/wine-stable/bin/wine",  "/opt/wine-staging/bin/wine64",
                                         "/opt/wine-staging/bin/wine", "/opt/wine-devel/bin/wine"};
    const char *named = getenv("WINELOADER");
    if (named && is_there(named)) {
        snprintf(wine->loader, sizeof wine->loader, "%s", named);
        return 0;
    }
    if (FIRST_OF(places, wine->loader) == 0 || program_find("wine64", wine->loader, sizeof wine->loader) == 0)
        return 0;
    return program_find("wine", wine->loader, sizeof wine->loader);
}

static int find_server(struct wine *wine) {
    static const char *const places[] = {"/usr/lib/wine/wineserver64", "/usr/lib/wine/wineserver",
                                         "/opt/wine-stable/bin/wineserver", "/opt/wine-staging/bin/wineserver",
                                         "/opt/wine-devel/bin/wineserver"};
    const char *named = getenv("WINESERVER");
    if (named && is_there(named)) {
        snprintf(wine->server, sizeof wine->server, "%s", named);
        return 0;
    }
    return FIRST_OF(places, wine->server) == 0 ? 0 : program_find("wineserver", wine->server, sizeof wine->server);
}

static int find_programs(struct wine *wine) {
    static const char *const places[] = {"/usr/lib/x86_64-linux-gnu/wine/x86_64-windows",
                                         "/usr/lib/wine/x86_64-windows",
                                         "/usr/lib64/wine/x86_64-windows",
                                         "/opt/wine-stable/lib64/wine/x86_64-windows",
                                         "/opt/wine-stable/lib/wine/x86_64-windows",
                                         "/opt/wine-staging/lib64/wine/x86_64-windows",
                                         "/opt/wine-devel/lib/wine/x86_64-windows"};
    return FIRST_OF(places, wine->programs);
}

static int find_list(struct wine *wine) {
    static const char *const places[] = {
        "/usr/share/wine/wine.inf", "/usr/share/wine/wine/wine.inf", "/opt/wine-stable/share/wine/wine.inf",
        "/opt/wine-staging/share/wine/wine.inf", "/opt/wine-devel/share/wine/wine.inf"};
    return FIRST_OF(places, wine->list);
}

/* In a container the one that the service brought; on the host that of this installation. */
static int find_dll(struct wine *wine) {
    static const char *const places[] = {LINFSP_DEVICE_DIR "/lib/" DLL, "/usr/local/lib/linfsp/lib/" DLL,
                                         "/usr/lib/linfsp/lib/" DLL};
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (is_there(places[0]) || length <= 0)
        return FIRST_OF(places, wine->dll);
    self[length] = 0;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(self, '/');
        *(slash ? slash : self) = 0;
    }
    if ((size_t)snprintf(wine->dll, sizeof wine->dll, "%.3900s/lib/linfsp/lib/" DLL, self) < sizeof wine->dll &&
        is_there(wine->dll))
        return 0;
    return FIRST_OF(places, wine->dll);
}

int wine_find(const struct verb *verb, struct wine *ret_wine) {
    struct wine *wine = ret_wine;
    *wine = (struct wine){0};
    if (find_loader(wine) < 0 || find_server(wine) < 0 || find_programs(wine) < 0 || find_list(wine) < 0)
        return verb_fail(verb,
                         "Wine for 64-bit programs is not installed here; on Debian, as root: apt install wine64"),
               -1;
    if (find_dll(wine) < 0)
        return verb_fail(verb,
                         "there is no " DLL " here: in a container the LinFsp service of the host brings it (as root: "
                         "linfsp start), where it was built on a machine with winegcc (wine64-tools)"),
               -1;
    return 0;
}
