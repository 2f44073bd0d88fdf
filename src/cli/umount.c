/* SPDX-License-Identifier: MIT */
/* `linfsp umount`: by mount point, drive letter, prefix, path under /unc, or number. The service decides who may. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/elsewhere.h"
#include "cli/target.h"
#include "cli/users.h"

#define UMOUNT_TIMEOUT_MS 30000
#define VOLUMES_MAX 4096

/* As a request says it: of itself it fails when files are open. */
struct manner {
    uint32_t force, flags;
};

struct found {
    uint64_t ids[VOLUMES_MAX];
    size_t count;
};

static void remember(const union wire_message *reply, void *userdata) {
    struct found *found = userdata;
    if (reply->header.type == WIRE_VOLUME && found->count < VOLUMES_MAX)
        found->ids[found->count++] = reply->volume.id;
}

/* The volume that was meant, and its device; volumes of other containers are not looked at. */
struct meant {
    const struct wire_unmount *request;
    uint32_t fuse_device;
};

static void match(const union wire_message *reply, void *userdata) {
    struct meant *meant = userdata;
    const struct wire_volume *volume = &reply->volume;
    if (reply->header.type != WIRE_VOLUME)
        return;
    const char *target = meant->request->target;
    if (meant->request->volume ? meant->request->volume == volume->id
                               : (strcmp(target, volume->mount_point) == 0 || strcmp(target, volume->unc_path) == 0 ||
                                  (volume->prefix[0] && strcasecmp(target, volume->prefix) == 0)))
        meant->fuse_device = volume->fuse_device;
}

static int fail_busy(const struct verb *verb, int socket, const struct wire_unmount *request, const char *shown,
                     const char *why) {
    static union wire_message last;
    struct meant meant = {.request = request};
    struct wire_plain list;
    char users[512] = "", text[2048];
    wire_begin(&list, WIRE_LIST_VOLUMES, 1);
    if (client_call(socket, &list, NULL, 0, CLIENT_TIMEOUT_MS, match, &meant, &last) >= 0 && meant.fuse_device)
        users_text(meant.fuse_device, users, sizeof users);
    snprintf(text, sizeof text, "%s: %s; end that first, or see --lazy and --force", why,
             users[0] ? users : "a process uses it");
    return verb_fail_about(verb, shown, text);
}

static int umount_one(const struct verb *verb, int socket, struct wire_unmount *request, const char *shown) {
    static union wire_message answer;
    char elsewhere[512];
    int result = client_call(socket, request, NULL, 0, UMOUNT_TIMEOUT_MS, NULL, NULL, &answer);
    struct wire_unmount followed = *request;
    if (result == -ENOENT && target_follow_links(followed.target))
        result = client_call(socket, &followed, NULL, 0, UMOUNT_TIMEOUT_MS, NULL, NULL, &answer);
    if (result == -EBUSY)
        return fail_busy(verb, socket, request, shown, answer.error.message);
    if (result == -ENOENT && !request->volume &&
        volume_elsewhere(socket, request->target, elsewhere, sizeof elsewhere) > 0)
        return verb_fail(verb, "%s is not mounted here, but it is %s", shown, elsewhere);
    if (result == -ENOENT && target_lacks_colon(shown))
        return verb_fail(verb, TARGET_LACKS_COLON, shown, shown);
    return result < 0 ? verb_fail_about(verb, shown, answer.error.message) : 0;
}

static int umount_all(const struct verb *verb, int socket, const struct manner *manner) {
    static struct found found;
    static union wire_message answer;
    struct wire_plain list;
    wire_begin(&list, WIRE_LIST_VOLUMES, 1);
    if (client_call(socket, &list, NULL, 0, CLIENT_TIMEOUT_MS, remember, &found, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    int status = 0;
    for (size_t i = 0; i < found.count; i++) {
        struct wire_unmount request;
        char shown[32];
        wire_begin(&request, WIRE_UNMOUNT, (uint32_t)i + 2);
        request.volume = found.ids[i];
        request.force = manner->force;
        request.flags = manner->flags;
        snprintf(shown, sizeof shown, "volume %llu", (unsigned long long)found.ids[i]);
        status |= umount_one(verb, socket, &request, shown);
    }
    return status;
}

static int umount_targets(const struct verb *verb, int socket, char **targets, const struct manner *manner) {
    char folder[4096] = "/";
    int status = 0;
    if (!getcwd(folder, sizeof folder))
        strcpy(folder, "/");
    if (chdir("/") < 0) /* else this command itself might work in the volume */
        return verb_fail(verb, "/: %s", strerror(errno));
    for (uint32_t serial = 1; *targets; targets++, serial++) {
        struct wire_unmount request;
        wire_begin(&request, WIRE_UNMOUNT, serial);
        request.force = manner->force;
        request.flags = manner->flags;
        int result = target_parse(*targets, folder, &request);
        if (result < 0)
            status = verb_fail(verb, "%s: %s", *targets, strerror(-result));
        else
            status |= umount_one(verb, socket, &request, *targets);
    }
    return status;
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"force", no_argument, NULL, 'f'},
                                            {"lazy", no_argument, NULL, 'l'},
                                            {0}};
    bool all = false;
    struct manner manner = {.flags = WIRE_UNMOUNT_NOT_LAZY};
    for (int c; (c = getopt_long(argc, argv, "hafl", options, NULL)) != -1;) {
        if (c == 'h')
            return verb_show_help(verb);
        if (c == 'a')
            all = true;
        else if (c == 'f')
            manner = (struct manner){.force = 1};
        else if (c == 'l')
            manner.flags = 0;
        else
            return verb_usage(verb);
    }
    if (all == (optind < argc)) {
        verb_fail(verb, all ? "give --all or a target, not both"
                            : "give a target: a mount point, a letter, a prefix or a number");
        return verb_usage(verb);
    }
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    return all ? umount_all(verb, socket, &manner) : umount_targets(verb, socket, argv + optind, &manner);
}

const struct verb verb_umount = {
    .name = "umount",
    .summary = "unmount a volume wherever it is mounted",
    .help = "usage: linfsp umount [--lazy | --force] TARGET...\n"
            "       linfsp umount [--lazy | --force] --all\n\n"
            "A target is a mount point, a drive letter, a prefix, a path under /unc, or a\n"
            "number from `linfsp volumes`. The volume goes everywhere at once, and its file\n"
            "system ends. Fails when files are open at its mount point; files open by way of\n"
            "/unc do not hold it. Allowed for whoever serves the volume, for root in its\n"
            "container, and for root on the host, where --all means the volumes of all\n"
            "containers.\n\n"
            "  -a, --all    every volume that `linfsp volumes` lists here\n"
            "  -l, --lazy   also if files are open: ends when they are closed\n"
            "  -f, --force  also if files are open, or it hangs: who uses it gets errors\n\n"
            "examples:\n"
            "  linfsp umount Z:\n"
            "  linfsp umount /mnt/z\n"
            "  linfsp umount '\\memfs\\share'\n"
            "  sudo linfsp umount --all --force\n",
    .run = run,
};
