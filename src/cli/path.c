/* SPDX-License-Identifier: MIT */
/*
 * `linfsp path`: \\server\share\a to /unc/server/share/a, and back. The conversion itself is text; where a service
 * runs, it gives the case in which the prefix was claimed, which on Linux is the one that exists.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "util/paths.h"
#include "wire/prefix.h"

#define UNC_IN_SILO LINFSP_DEVICE_DIR "/unc"

static bool is_below(const char *path, const char *root) {
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Where network volumes are found here: a container whose root is no overlayfs has no /unc. */
static const char *unc_root_here(void) {
    struct stat status;
    if (stat(LINFSP_UNC_ROOT, &status) < 0 && stat(UNC_IN_SILO, &status) == 0)
        return UNC_IN_SILO;
    return LINFSP_UNC_ROOT;
}

static size_t components_of(const char *canonical) {
    size_t count = 1;
    for (; *canonical; canonical++)
        count += *canonical == '/';
    return count;
}

/* Puts the claimed prefix in the place of as many leading components. */
static void take_claimed_case(char *canonical, size_t size, const char *claimed_prefix) {
    char claimed[PREFIX_MAX];
    if (prefix_parse(claimed_prefix, claimed, NULL) < 0)
        return;
    char *rest = canonical;
    for (size_t left = components_of(claimed); rest && left > 0; left--)
        rest = strchr(rest + (rest != canonical), '/');
    size_t length = strlen(claimed), behind = rest ? strlen(rest) : 0;
    if (length + behind >= size)
        return;
    if (rest)
        memmove(canonical + length, rest, behind + 1);
    memcpy(canonical, claimed, length + !rest);
}

static void remember_prefix(const union wire_message *reply, void *userdata) {
    if (reply->header.type == WIRE_VOLUME)
        memcpy(userdata, reply->volume.prefix, WIRE_PREFIX_MAX);
}

/* Without a service, or a volume of that prefix, the text stays as it is. */
static void ask_service(int socket, char *canonical, size_t size) {
    struct wire_resolve_prefix request;
    static union wire_message answer;
    char unc[WIRE_PATH_MAX], claimed[WIRE_PREFIX_MAX] = "";
    wire_begin(&request, WIRE_RESOLVE_PREFIX, 1);
    if (prefix_to_unc(canonical, unc, sizeof unc) < 0 || WIRE_SET(request.prefix, unc) < 0)
        return;
    if (client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, remember_prefix, claimed, &answer) == 0 && claimed[0])
        take_claimed_case(canonical, size, claimed);
}

/* A relative path is meant from the current folder, which in a container may be named by where /unc leads to. */
static const char *make_absolute(const char *text, char *buffer, size_t size) {
    char folder[4096];
    if (text[0] == '/' || text[0] == '\\' || !getcwd(folder, sizeof folder))
        return text;
    if (strcmp(text, ".") == 0)
        snprintf(buffer, size, "%s", folder);
    else
        snprintf(buffer, size, "%s/%s", folder, text);
    return buffer;
}

static void print_json(const char *path, const char *unc) {
    json_object *object = json_object_new_object();
    json_add_text(object, "path", path);
    json_add_text(object, "unc", unc);
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

static int convert(const struct verb *verb, int socket, const char *text, bool json) {
    char buffer[8192], canonical[WIRE_PATH_MAX], path[WIRE_PATH_MAX + 32], unc[WIRE_PATH_MAX + 32];
    const char *full = make_absolute(text, buffer, sizeof buffer), *why = "it is too long";
    const char *root = is_below(full, UNC_IN_SILO) ? UNC_IN_SILO : LINFSP_UNC_ROOT;
    bool is_path = is_below(full, root);
    if (!is_path && full[0] == '/' && full[1] != '/')
        return verb_fail(verb, "%s: it is not below %s, and a prefix begins with \\\\ or //", text, LINFSP_UNC_ROOT);
    if (prefix_parse_path(full, root, canonical, sizeof canonical, &why) < 0)
        return verb_fail(verb, "%s: %s", text, why);
    if (socket >= 0)
        ask_service(socket, canonical, sizeof canonical);
    if (prefix_to_unc(canonical, unc, sizeof unc) < 0 ||
        prefix_to_path(canonical, unc_root_here(), path, sizeof path) < 0)
        return verb_fail(verb, "%s: it is too long", text);
    if (json)
        print_json(path, unc);
    else
        puts(is_path ? unc : path);
    return 0;
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {"json", no_argument, NULL, 'j'}, {0}};
    bool json = false;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c != 'j')
            return c == 'h' ? verb_show_help(verb) : verb_usage(verb);
        json = true;
    }
    if (optind == argc) {
        verb_fail(verb, "which path?");
        return verb_usage(verb);
    }
    _cleanup_close_ int socket = -1;
    (void)client_open_quietly(&socket);
    int status = 0;
    for (int i = optind; i < argc; i++)
        status |= convert(verb, socket, argv[i], json);
    return status;
}

const struct verb verb_path = {
    .name = "path",
    .summary = "convert \\\\server\\share\\file to /unc/server/share/file, and back",
    .help = "usage: linfsp path [--json] PATH...\n\n"
            "Prints each path in the other form, one a line. A path in the first form may\n"
            "be spelled with backslashes or slashes, \\server\\share also with a single\n"
            "leading backslash. Where a service runs, the prefix is printed in the case it\n"
            "was claimed in. In a container without /unc the path is below /dev/linfsp/unc.\n"
            "--json prints an object a line, with both forms.\n\n"
            "examples:\n"
            "  linfsp path '\\\\memfs\\share\\a\\b'     prints /unc/memfs/share/a/b\n"
            "  linfsp path /unc/memfs/share/a/b     prints \\\\memfs\\share\\a\\b\n"
            "  cd \"$(linfsp path '\\\\memfs\\share')\"\n",
    .run = run,
};
