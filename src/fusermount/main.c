/* SPDX-License-Identifier: MIT */
/*
 * fusermount3, the helper that libfuse, go-fuse, fuser and others run where they may not mount: the same arguments,
 * words, exit statuses and socket protocol, but no rights of its own. It holds the mount point by a descriptor, asks
 * linfspd to mount on it, and sends the fuse descriptor that comes back on to its caller. With auto_unmount it stays as
 * the volume's life line until its caller is gone.
 *
 * What is allowed is the service's to decide; what is checked here is checked to say it in the words that programs
 * know. Where the caller may mount by itself (a privileged container) it is done so, as if LinFsp were not there. Under
 * the name umount.fuse it is what umount(8) runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fusermount/comm.h"
#include "fusermount/direct.h"
#include "fusermount/mount-point.h"
#include "fusermount/options.h"
#include "fusermount/report.h"
#include "fusermount/service.h"
#include "util/cleanup.h"
#include "wire/connect.h"

/* That of the libfuse whose helper this one is measured by; programs look for a number here. */
#define SPOKEN_VERSION "3.14.0"
#define DEVICE "disk"
#define CONFIGURATION "/etc/fuse.conf"
#define MOUNT_TABLE "/etc/mtab"
#define PREFIX_VARIABLE "LINFSP_UNC" /* what -o unc= says, for programs that refuse options they do not know */
#define HOLD_VARIABLE "LINFSP_HOLD" /* the same for -o x-linfsp.hold= */
#define RECONNECT_MS 200
#define ALREADY_TURNS 200
#define ALREADY_MS 10
#define AGAIN_MS 100
#define AGAIN_TURNS 20
#define DIED_TURNS 80

struct call {
    const char *options;
    const char *comm; /* --comm-fd */
    const char *mount_point;
    char **mount_points; /* umount(8)'s may be several; NULL-terminated */
    const char *types; /* of the mounts that umount -a is for */
    bool all; /* -a */
    bool unmount, lazy, quiet, wait_only;
    bool for_caller; /* -E: umount2(2) of the caller's (worker/unmount-call.h) */
};

/* A mount made, and how to end it. */
struct mounted {
    int fuse;
    int service; /* its life line; -1: mounted with our own rights */
    struct service_volume volume;
    char path[PATH_MAX];
};

/* ---- arguments ------------------------------------------------------------------------------------------------- */

static void show_help(void) {
    printf("%s: [options] mountpoint\n"
           "Options:\n"
           " -h\t\t    print help\n"
           " -V\t\t    print version\n"
           " -o opt[,opt...]    mount options\n"
           " -u\t\t    unmount\n"
           " -q\t\t    quiet\n"
           " -z\t\t    lazy unmount\n",
           report_name);
}

static void show_version(void) {
    printf("fusermount3 version: %s (LinFsp %s)\n", SPOKEN_VERSION, LINFSP_VERSION);
}

/* Exits where the arguments end the run by themselves. */
static void parse_options(int argc, char **argv, struct call *call) {
    static const struct option options[] = {
        {"unmount", no_argument, NULL, 'u'},      {"lazy", no_argument, NULL, 'z'},
        {"quiet", no_argument, NULL, 'q'},        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {"options", required_argument, NULL, 'o'},
        {"auto-unmount", no_argument, NULL, 'U'}, {"comm-fd", required_argument, NULL, 'c'},
        {"sync-init", no_argument, NULL, 's'},    {0}};
    for (int c; (c = getopt_long(argc, argv, "hVo:uzqE", options, NULL)) != -1;)
        switch (c) {
        case 'h':
            show_help();
            exit(EXIT_FAILURE); /* so does libfuse's */
        case 'V':
            show_version();
            exit(EXIT_SUCCESS);
        case 'o':
            call->options = optarg;
            break;
        case 'u':
            call->unmount = true;
            break;
        case 'z':
            call->lazy = true;
            break;
        case 'q':
            call->quiet = true;
            break;
        case 'E':
            call->for_caller = true;
            break;
        case 'U':
            call->unmount = call->wait_only = true;
            break;
        case 'c':
            call->comm = optarg;
            break;
        default: /* -s, too: libfuse 3.18 and later ask for it first, and then go back to the usual protocol */
            exit(EXIT_FAILURE);
        }
}

/* umount(8) runs /sbin/umount.fuse MOUNT-POINT [-nlfvr] [-t TYPE], with the mount point as the mount table has it.
 * Under the name umount we are run in the place of umount(8) itself. */
static bool is_umount_helper(const char *name) {
    const char *base = strrchr(name, '/');
    base = base ? base + 1 : name;
    return strncmp(base, "umount.", 7) == 0 || strcmp(base, "umount") == 0;
}

static void parse_umount_options(int argc, char **argv, struct call *call) {
    static const struct option options[] = {{"lazy", no_argument, NULL, 'l'},
                                            {"force", no_argument, NULL, 'f'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"no-mtab", no_argument, NULL, 'n'},
                                            {"read-only", no_argument, NULL, 'r'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"types", required_argument, NULL, 't'},
                                            {"all", no_argument, NULL, 'a'},
                                            {0}};
    call->unmount = true;
    for (int c; (c = getopt_long(argc, argv, "nlfvrdiqaN:t:", options, NULL)) != -1;)
        switch (c) {
        case 'l':
        case 'f':
            call->lazy = true;
            break;
        case 'q':
            call->quiet = true;
            break;
        case 'a':
            call->all = true;
            break;
        case 't':
            call->types = optarg;
            break;
        case 'N':
            report("unmounting in another namespace is not supported");
            exit(EXIT_FAILURE);
        case '?':
            exit(EXIT_FAILURE);
        default:
            break;
        }
    call->mount_points = argv + optind;
}

static bool parse(int argc, char **argv, struct call *ret_call) {
    struct call call = {.options = ""};
    (argc > 0 && is_umount_helper(argv[0]) ? parse_umount_options : parse_options)(argc, argv, &call);
    if (call.lazy && !call.unmount)
        report("-z can only be used with -u");
    else if (optind >= argc && !call.all)
        report("missing mountpoint argument");
    else if (argc > optind + 1 && !call.mount_points)
        report("extra arguments after the mountpoint");
    else {
        call.mount_point = argv[optind];
        *ret_call = call;
        return true;
    }
    return false;
}

/* ---- mount ----------------------------------------------------------------------------------------------------- */

static bool check_options(const struct options *options, bool by_ourselves) {
    bool root = getuid() == 0;
    if (options->set_user_id && !(root && by_ourselves))
        report("unsafe option suid ignored");
    if (options->devices && !(root && by_ourselves))
        report("unsafe option dev ignored");
    if (options->block_device && !root) {
        report("option blkdev is privileged");
        return false;
    }
    return true;
}

static void report_no_connection(int error) {
    char text[512];
    if (error == -ENODEV)
        wire_no_service_message(text, sizeof text);
    else
        snprintf(text, sizeof text, "cannot connect to the LinFsp service: %s",
                 error == -EAGAIN ? "it has too many connections; try again" : strerror(-error));
    report("%s", text);
}

/* One attempt. On failure message says why. */
static int ask_service(int mount_point, const struct options *options, struct mounted *mounted,
                       char message[WIRE_TEXT_MAX]) {
    close_fd(&mounted->service);
    message[0] = 0;
    int result = wire_connect(DEVICE, -1, &mounted->service);
    if (result == 0)
        result = service_mount(mounted->service, mount_point, mounted->path, options->asked, options->auto_unmount,
                               &mounted->volume, message);
    return result;
}

/* What a service that was just started may say until it has put away what the one before it left half-made. */
static bool may_pass(int error) {
    return error == -ECONNRESET || error == -EPIPE || error == -ENODEV || error == -EEXIST || error == -EBUSY ||
           error == -ENOTEMPTY;
}

/* If the service dies while it is asked, whoever looks after it may start another in a moment: it is asked again. */
static int mount_by_service(int mount_point, const struct options *options, struct mounted *mounted) {
    char message[WIRE_TEXT_MAX];
    int result = ask_service(mount_point, options, mounted, message);
    bool died = result == -ECONNRESET || result == -EPIPE;
    for (int turn = 0; turn < (died ? DIED_TURNS : AGAIN_TURNS); turn++) {
        bool told_to = result == -EAGAIN && message[0]; /* else there are too many connections */
        if (!told_to && !(died && may_pass(result)))
            break;
        (void)poll(NULL, 0, AGAIN_MS);
        result = ask_service(mount_point, options, mounted, message);
        died = died || result == -ECONNRESET || result == -EPIPE;
    }
    if (result < 0 && message[0])
        report("%s", message);
    else if (result < 0)
        report_no_connection(result);
    else
        mounted->fuse = result;
    return result < 0 ? result : 0;
}

/* 1 where the service is to be asked instead. */
static int mount_by_ourselves(int mount_point, mode_t type, const struct options *options, struct mounted *mounted) {
    int fuse = direct_mount(mount_point, type, options);
    if (fuse == -ENXIO || fuse == -EPERM || fuse == -EACCES)
        return 1; /* no device, or an LSM or seccomp is against it */
    if (fuse < 0)
        report("mount failed: %s", strerror(-fuse));
    mounted->fuse = fuse;
    return fuse < 0 ? fuse : 0;
}

static int make_mount(const struct options *options, struct mounted *mounted) {
    mode_t type;
    _cleanup_close_ int mount_point = mount_point_pin(mounted->path, &type);
    if (mount_point < 0)
        return mount_point;
    bool privileged = direct_is_privileged() && !options->shared;
    if (!check_options(options, privileged))
        return -EPERM;
    if (privileged && options->unknown) {
        report("unknown option '%s'", options->unknown);
        return -EINVAL;
    }
    int result = privileged ? mount_by_ourselves(mount_point, type, options, mounted) : 1;
    return result == 1 ? mount_by_service(mount_point, options, mounted) : result;
}

/* ---- auto_unmount ---------------------------------------------------------------------------------------------- */

/* Whether the caller's end of comm is closed. */
static bool has_hung_up(int comm) {
    char bytes[64];
    ssize_t size = recv(comm, bytes, sizeof bytes, MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

/* The service is gone, and with it the life line: looks for the next one. 1: the volume has ended; 0: go on. */
static int find_next_service(struct mounted *mounted) {
    close_fd(&mounted->service);
    if (wire_connect(DEVICE, 0, &mounted->service) < 0)
        return 0;
    int result = service_attach(mounted->service, &mounted->volume);
    if (result < 0)
        close_fd(&mounted->service);
    return result == -ENOENT;
}

static void wait_on_life_line(int comm, struct mounted *mounted) {
    for (;;) {
        struct pollfd wait[2] = {{.fd = comm, .events = POLLIN}, {.fd = mounted->service, .events = POLLIN}};
        (void)poll(wait, 2, mounted->service < 0 ? RECONNECT_MS : -1);
        if (wait[0].revents && has_hung_up(comm))
            break;
        int heard = wait[1].revents ? service_listen(mounted->service, &mounted->volume) : 0;
        if (heard == 1 || ((heard < 0 || mounted->service < 0) && find_next_service(mounted) == 1))
            return;
    }
    char message[WIRE_TEXT_MAX];
    if (mounted->service >= 0)
        (void)service_unmount(mounted->service, mounted->volume.id, NULL, true, false, message);
}

/* The file system may have ended in good order, and somebody else's may be mounted there by now: only a dead one is
 * ours to remove. */
static bool is_dead(const char *path) {
    if (!mount_point_is_fuse(path))
        return false;
    struct stat status;
    return stat(path, &status) < 0 && errno == ENOTCONN;
}

static int unmount(const char *path, bool lazy, bool quiet, bool ended);

static void wait_for_death(int comm, const char *path) {
    struct pollfd wait = {.fd = comm, .events = POLLIN};
    do
        (void)poll(&wait, 1, -1);
    while (!has_hung_up(comm));
    if (is_dead(path))
        (void)unmount(path, true, true, false);
}

static int open_comm(const struct call *call) {
    const char *text = call->comm ? call->comm : getenv(COMM_VARIABLE);
    if (text)
        return comm_open(text);
    report("old style mounting not supported");
    return -EINVAL;
}

static void undo(struct mounted *mounted) {
    char message[WIRE_TEXT_MAX];
    close_fd(&mounted->fuse);
    if (mounted->service >= 0)
        (void)service_unmount(mounted->service, mounted->volume.id, NULL, true, false, message);
    else
        (void)mount_point_unmount(mounted->path, true);
}

static int mount_and_send(const struct options *options, int comm, struct mounted *mounted) {
    int result = make_mount(options, mounted);
    if (result < 0)
        return result;
    result = comm_send(comm, mounted->fuse);
    if (result < 0) {
        undo(mounted);
        return result;
    }
    close_fd(&mounted->fuse); /* a copy kept here would hide the caller's death */
    if (!options->auto_unmount)
        return 0;
    comm_stay_behind(comm, mounted->service);
    if (mounted->service >= 0)
        wait_on_life_line(comm, mounted);
    else
        wait_for_death(comm, mounted->path);
    return 0;
}

/* The options, behind what the environment says: what is said in options counts more. */
static int take_options(const char *text, struct options *ret_options) {
    const char *prefix = getenv(PREFIX_VARIABLE), *hold = getenv(HOLD_VARIABLE);
    bool has_prefix = prefix && prefix[0], has_hold = hold && hold[0];
    _cleanup_free_ char *all = NULL;
    if (!has_prefix && !has_hold)
        return options_parse(text, ret_options);
    if (asprintf(&all, "%s%s%s%s%s%s%s", has_hold ? "x-linfsp.hold=" : "", has_hold ? hold : "",
                 has_hold && (has_prefix || text[0]) ? "," : "", has_prefix ? "unc=" : "", has_prefix ? prefix : "",
                 has_prefix && text[0] ? "," : "", text) < 0) {
        all = NULL; /* it is undefined then */
        return -ENOMEM;
    }
    return options_parse(all, ret_options);
}

static int run_mount(const struct call *call, const char *path) {
    struct mounted mounted = {.fuse = -1, .service = -1};
    struct options options;
    int comm = open_comm(call);
    if (comm < 0)
        return comm;
    if (take_options(call->options, &options) < 0) {
        report("failed to allocate memory");
        return -ENOMEM;
    }
    snprintf(mounted.path, sizeof mounted.path, "%s", path);
    int result = mount_and_send(&options, comm, &mounted);
    close_fd(&mounted.fuse);
    close_fd(&mounted.service);
    options_done(&options);
    return result;
}

/* ---- unmount --------------------------------------------------------------------------------------------------- */

static int report_unmount(const char *path, int error, const char *message, bool quiet) {
    if (quiet)
        return error;
    if (error == -ENOENT && getuid() != 0)
        report("entry for %s not found in %s", path, MOUNT_TABLE);
    else
        report("failed to unmount %s: %s", path, message ? message : strerror(-error));
    return error;
}

/* No volume of the service's: with whatever rights the caller has, the kernel decides. */
static int unmount_by_ourselves(const char *path, bool lazy, bool quiet) {
    int result = mount_point_unmount(path, lazy);
    /* What is missing is said before who may not. */
    if (result == -EPERM && !mount_point_is_fuse(path))
        result = -EINVAL;
    return result < 0 ? report_unmount(path, result, NULL, quiet) : 0;
}

static int unmount_without_service(const char *path, bool lazy, bool quiet) {
    bool may_try = getuid() == 0 || direct_is_privileged();
    int result = may_try ? mount_point_unmount(path, lazy) : -EPERM;
    if (result == 0)
        return 0;
    if (!mount_point_is_fuse(path))
        return report_unmount(path, !may_try ? -ENOENT : result == -EPERM ? -EINVAL : result, NULL, quiet);
    if (result != -EPERM)
        return report_unmount(path, result, NULL, quiet);
    if (!quiet)
        report_no_connection(-ENODEV);
    return -ENODEV;
}

/* A folder above it may have another name by now than when it was mounted: what is there tells which volume it is. A
 * bind mount of a volume, or of something in it, is not the volume: the volume's own mount is elsewhere still. */
static int unmount_by_device(int service, const char *path, const struct mount_entry *entry, bool lazy,
                             char message[WIRE_TEXT_MAX]) {
    char own_path[WIRE_PATH_MAX] = "";
    uint64_t volume = entry->fuse && entry->whole ? service_find(service, entry->minor, own_path) : 0;
    struct mount_entry own = volume && own_path[0] ? mount_point_look_up(own_path) : (struct mount_entry){0};
    bool elsewhere = own.fuse && own.whole && own.minor == entry->minor && own.id != entry->id;
    return volume && !elsewhere ? service_unmount(service, volume, NULL, lazy, false, message) : -ENOENT;
}

/* By its path, unless the topmost mount there is something else than a volume: then that is meant. In a chroot the
 * service knows the volume by another path. */
static int unmount_by_service(int service, const char *path, bool lazy, bool ended, char message[WIRE_TEXT_MAX]) {
    struct mount_entry entry = mount_point_look_up(path);
    if (entry.mounted && !(entry.fuse && entry.whole))
        return -ENOENT;
    if (mount_point_is_elsewhere())
        return !entry.mounted && ended ? 0 : unmount_by_device(service, path, &entry, lazy, message);
    int result = service_unmount(service, 0, path, lazy, ended, message);
    return result == -ENOENT ? unmount_by_device(service, path, &entry, lazy, message) : result;
}

static int unmount(const char *path, bool lazy, bool quiet, bool ended) {
    char message[WIRE_TEXT_MAX];
    _cleanup_close_ int service = -1;
    if (strcmp(path, "/") == 0)
        return report_unmount(path, getuid() == 0 ? -EINVAL : -ENOENT, NULL, quiet);
    int result = wire_connect(DEVICE, direct_is_privileged() ? 0 : -1, &service);
    if (result == -ENODEV)
        return unmount_without_service(path, lazy, quiet);
    if (result < 0) {
        if (!quiet)
            report_no_connection(result);
        return result;
    }
    result = unmount_by_service(service, path, lazy, ended, message);
    if (result == -ENOENT && (getuid() == 0 || direct_is_privileged()))
        return unmount_by_ourselves(path, lazy, quiet);
    if (result == -EPERM) /* another user's: to the caller there is no such mount */
        result = -ENOENT;
    return result < 0 ? report_unmount(path, result, result == -EBUSY ? NULL : message, quiet) : 0;
}

/* For a program whose umount2(2) was refused. Its descriptor is closed by now, so the service may be unmounting
 * already, or may have done so. */
static int unmount_for_caller(const char *path, bool lazy, bool quiet) {
    int result = -EALREADY;
    for (int i = 0; i < ALREADY_TURNS && result == -EALREADY; i++) {
        if (i > 0)
            (void)poll(NULL, 0, ALREADY_MS);
        result = unmount(path, lazy, quiet, true);
    }
    return result;
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static int run_wait(const struct call *call, const char *path) {
    int comm = open_comm(call);
    if (comm < 0)
        return comm;
    comm_stay_behind(comm, -1);
    wait_for_death(comm, path);
    return 0;
}

/* Whether types, as of umount -t, has that type. */
static bool has_type(const char *types, const char *type) {
    size_t length = strlen(type);
    for (const char *word = types; *word; word += strcspn(word, ","), word += *word == ',')
        if (strcspn(word, ",") == length && strncmp(word, type, length) == 0)
            return true;
    return false;
}

static int unmount_type(const char *type, const char *path, void *context) {
    const struct call *call = context;
    return has_type(call->types, type) ? unmount(path, call->lazy, call->quiet, false) : 0;
}

static int unmount_named(const struct call *call, char *const *texts) {
    char path[PATH_MAX];
    if (!*texts)
        return chdir("/") < 0 ? -errno : 0; /* all names are known now: what is unmounted is not where we stand */
    int found = mount_point_of_source(*texts, path) ? 0 : mount_point_resolve(*texts, true, path);
    int others = unmount_named(call, texts + 1);
    int result = found < 0 ? found : unmount(path, call->lazy, call->quiet, false);
    return result < 0 ? result : others;
}

/* umount(8), and what it runs for a type: several mount points, or all of a type. */
static int run_umount(const struct call *call) {
    int result = !call->all    ? unmount_named(call, call->mount_points)
                 : call->types ? mount_points_of_fuse(unmount_type, (void *)call)
                               : -EINVAL;
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The service knows us by our effective ids; installed set-user-id they would not be the caller's. */
static bool drop_rights(void) {
    return !getauxval(AT_SECURE) ||
           (setresgid(getgid(), getgid(), getgid()) == 0 && setresuid(getuid(), getuid(), getuid()) == 0);
}

int main(int argc, char **argv) {
    struct call call;
    char path[PATH_MAX];
    if (argc > 0)
        report_name = argv[0];
    if (!drop_rights() || !parse(argc, argv, &call))
        return EXIT_FAILURE;
    if (call.mount_points)
        return run_umount(&call);
    if (mount_point_resolve(call.mount_point, call.unmount, path) < 0)
        return EXIT_FAILURE;
    if (chdir("/") < 0) {
        report("failed to chdir to '/'");
        return EXIT_FAILURE;
    }
    int result = call.wait_only    ? run_wait(&call, path)
                 : call.for_caller ? unmount_for_caller(path, call.lazy, call.quiet)
                 : call.unmount    ? unmount(path, call.lazy, call.quiet, false)
                                   : run_mount(&call, path);
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
