/* SPDX-License-Identifier: MIT */
/* `linfsp share` and `linfsp unshare`: a prefix for a volume that is mounted already, whatever program serves it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/elsewhere.h"
#include "cli/target.h"
#include "util/cleanup.h"
#include "util/mount-table.h"
#include "wire/prefix.h"

#define SHARE_TIMEOUT_MS 30000

/* Only --help is an option of both. Returns < 0 to go on with count arguments, else the exit status. */
static int take_arguments(const struct verb *verb, int argc, char **argv, int count) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        return c == 'h' ? verb_show_help(verb) : verb_usage(verb);
    if (argc - optind != count) {
        verb_fail(verb, count == 2 ? "a mount point and a prefix are wanted" : "a mount point or a prefix is wanted");
        return verb_usage(verb);
    }
    return -1;
}

/* A mount point as the service knows it: absolute, and as the kernel shows it. */
static int set_target(const char *text, char *ret_target, size_t size) {
    char folder[4096];
    struct wire_unmount parsed;
    wire_begin(&parsed, WIRE_UNMOUNT, 1);
    int result = target_parse(text, getcwd(folder, sizeof folder) ? folder : "/", &parsed);
    if (result < 0)
        return result;
    return wire_set_string(ret_target, size, parsed.target);
}

/* What a program mounted by itself, as it may in a container with CAP_SYS_ADMIN, is not the service's. */
static bool is_foreign_mount(const char *path) {
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    bool found = false;
    struct mount_line line;
    while (table && mount_table_next(table, &text, &size, &line))
        if (strcmp(line.point, path) == 0)
            found = mount_type_is_fuse(line.type);
    return found;
}

static int send_request(const struct verb *verb, const struct wire_share *request, const char *shown) {
    static union wire_message answer;
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    int result = client_call(socket, request, NULL, 0, SHARE_TIMEOUT_MS, NULL, NULL, &answer);
    struct wire_share followed = *request;
    if (result == -ENOENT && target_follow_links(followed.mount_point))
        result = client_call(socket, &followed, NULL, 0, SHARE_TIMEOUT_MS, NULL, NULL, &answer);
    if (result == -ENOENT && is_foreign_mount(request->mount_point))
        return verb_fail(
            verb,
            "%s was not mounted by LinFsp: its program may mount by itself here (CAP_SYS_ADMIN), and only what "
            "LinFsp mounts can be shared",
            shown);
    char elsewhere[512];
    if (result == -ENOENT && volume_elsewhere(socket, request->mount_point, elsewhere, sizeof elsewhere) > 0)
        return verb_fail(verb,
                         "%s is not mounted here, but it is %s; a volume is shared and unshared in its own container",
                         shown, elsewhere);
    if (result == -ENOENT && target_lacks_colon(shown))
        return verb_fail(verb, TARGET_LACKS_COLON, shown, shown);
    return result < 0 ? verb_fail_about(verb, shown, answer.error.message) : 0;
}

static int run_share(const struct verb *verb, int argc, char **argv) {
    int done = take_arguments(verb, argc, argv, 2);
    if (done >= 0)
        return done;
    const char *mount_point = argv[optind], *prefix = argv[optind + 1], *why;
    char canonical[PREFIX_MAX], path[PREFIX_MAX + 8];
    struct wire_share request;
    wire_begin(&request, WIRE_SHARE, 1);
    if (prefix_parse(prefix, canonical, &why) < 0)
        return verb_fail(verb, "prefix \"%s\": %s", prefix, why);
    int result = WIRE_SET(request.prefix, prefix);
    if (result == 0)
        result = set_target(mount_point, request.mount_point, sizeof request.mount_point);
    if (result < 0)
        return verb_fail(verb, "%s: %s", mount_point, strerror(-result));
    int status = send_request(verb, &request, mount_point);
    if (status == 0 && prefix_to_path(canonical, "/unc", path, sizeof path) == 0)
        puts(path);
    return status;
}

static int run_unshare(const struct verb *verb, int argc, char **argv) {
    int done = take_arguments(verb, argc, argv, 1);
    if (done >= 0)
        return done;
    const char *target = argv[optind];
    struct wire_share request;
    wire_begin(&request, WIRE_UNSHARE, 1);
    int result = set_target(target, request.mount_point, sizeof request.mount_point);
    if (result < 0)
        return verb_fail(verb, "%s: %s", target, strerror(-result));
    return send_request(verb, &request, target);
}

const struct verb verb_share = {
    .name = "share",
    .summary = "give a mounted volume a prefix, so that everybody sees it",
    .help = "usage: linfsp share MOUNTPOINT PREFIX\n\n"
            "The volume is seen at /unc/SERVER/SHARE from then on, on the host and in every\n"
            "container, for as long as it is mounted; the path is printed. Whatever program\n"
            "serves it: a file system of LinFsp's, or sshfs, rclone and the like mounted in a\n"
            "container that LinFsp serves. Where other users are to look into it, that\n"
            "program is given -o allow_other.\n\n"
            "examples:\n"
            "  linfsp share /mnt/photos '\\nas\\photos'\n"
            "  linfsp share Z: //memfs/share\n",
    .run = run_share,
};

const struct verb verb_unshare = {
    .name = "unshare",
    .summary = "take a volume's prefix back",
    .help = "usage: linfsp unshare MOUNTPOINT|PREFIX\n\n"
            "The volume stays at its mount point, and goes from /unc everywhere.\n\n"
            "examples:\n"
            "  linfsp unshare /mnt/photos\n"
            "  linfsp unshare '\\nas\\photos'\n",
    .run = run_unshare,
};
