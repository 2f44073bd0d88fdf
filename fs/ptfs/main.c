/* SPDX-License-Identifier: MIT */
/* The program ptfs: options, the volume, signals. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ptfs.h"
#include "util/cleanup.h"
#include "util/help.h"

#define FAIL_OVER_SECONDS 30
#define PINNED_MAX ((size_t)1 << 17) /* pinned files take memory of the kernel's */

static const char usage[] =
    "usage: ptfs [OPTION]... -p DIRECTORY -m MOUNTPOINT [-u PREFIX]\n"
    "Shows a directory as a volume: at a letter, a folder, or on the network.\n"
    "\n"
    "  ptfs -p /srv/data -m Z:                          a disk at /mnt/z\n"
    "  ptfs -p /srv/data -m /tmp/data                   a disk at a folder\n"
    "  ptfs -p /srv/data -u '\\server\\data'              /unc/server/data, on the host and in all containers\n"
    "\n"
    "  -p, --directory=DIRECTORY   what is shown\n"
    "  -m, --mount-point=POINT     a letter (Z:), * for the first that is free, or a directory\n"
    "  -u, --prefix=PREFIX         \\\\server\\share: a network volume\n"
    "  -F, --file-system=NAME      the type that mount(8) shows behind \"fuse.\"; ptfs unless given\n"
    "  -t, --timeout=MS            for how long the kernel may remember names and attributes, 0 not at all, -1 for "
    "ever.\n"
    "                              Unless given, until the directory changes, and for a second where it cannot be\n"
    "                              watched\n"
    "  -r, --read-only\n"
    "      --pass-through=SIZE     have the kernel read and write files by itself that are opened to be changed and "
    "have\n"
    "                              SIZE bytes (K, M, G) or more, and 32 times that where they are only read or only\n"
    "                              written; 1M unless given, 0: each file\n"
    "      --fail-over[=SECONDS]   should this program be killed, the volume and its open files wait for the same\n"
    "                              command to be started again, for that long; 30 unless given\n"
    "      --no-pass-through       read and write through this program even where the kernel could by itself\n"
    "  -d, --debug                 print each request and its answer\n"
    "      --help, --version\n";

struct arguments {
    const char *directory;
    struct linfsp_volume_options volume;
    uint64_t timeout;
    bool timeout_given;
    uint64_t pass_from;
    bool no_pass_through;
};

static linfsp_volume *running;

static void stop(int signal_number) {
    linfsp_volume_stop(running);
}

static void print_trace(void *context, const char *line) {
    fprintf(stderr, "%s\n", line);
}

static uint64_t parse_timeout(const char *text) {
    char *end;
    long long value = strtoll(text, &end, 10); // NOLINT(clang-analyzer-core.NonNullParamChecker)
    if (*end || end == text || value < -1)
        errx(2, "time-out \"%s\": milliseconds, or -1 for ever", text);
    return value < 0 ? LINFSP_TIMEOUT_INFINITE : (uint64_t)value;
}

static uint64_t parse_size(const char *text) {
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10); // NOLINT(clang-analyzer-core.NonNullParamChecker)
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (errno || end == text || *text == '-' || (*end && (!unit || end[1])) || value > UINT64_MAX >> shift)
        errx(2, "size \"%s\": bytes, or a number with K, M or G", text);
    return (uint64_t)value << shift;
}

static uint32_t parse_seconds(const char *text) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || end == text || *text == '-' || value < 1 || value > 300)
        errx(2, "time \"%s\": seconds, 1 to 300", text);
    return (uint32_t)value;
}

bool ptfs_is_local(int fd) {
    static const unsigned long types[] = {
        0x01021994 /* tmpfs */, 0xef53 /* ext4 */, 0x58465342 /* xfs */, 0x9123683e /* btrfs */, 0xf2f52010 /* f2fs */,
        0x2fc12fc1 /* zfs */,   0x794c7630 /* overlay */};
    struct statfs status;
    if (fstatfs(fd, &status) < 0)
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((unsigned long)status.f_type == types[i])
            return true;
    return false;
}

static void parse_arguments(int argc, char **argv, struct arguments *arguments) {
    enum { NO_PASS_THROUGH = 256, PASS_THROUGH, FAIL_OVER, HELP, VERSION };
    static const struct option options[] = {{"directory", required_argument, NULL, 'p'},
                                            {"mount-point", required_argument, NULL, 'm'},
                                            {"prefix", required_argument, NULL, 'u'},
                                            {"file-system", required_argument, NULL, 'F'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {"read-only", no_argument, NULL, 'r'},
                                            {"no-pass-through", no_argument, NULL, NO_PASS_THROUGH},
                                            {"pass-through", required_argument, NULL, PASS_THROUGH},
                                            {"fail-over", optional_argument, NULL, FAIL_OVER},
                                            {"debug", no_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, HELP},
                                            {"version", no_argument, NULL, VERSION},
                                            {0}};
    for (int c; (c = getopt_long(argc, argv, "p:m:u:F:t:rd", options, NULL)) != -1;) {
        switch (c) {
        case 'p':
            arguments->directory = optarg;
            break;
        case 'm':
            arguments->volume.mount_point = optarg;
            break;
        case 'u':
            arguments->volume.prefix = optarg;
            break;
        case 'F':
            arguments->volume.file_system_name = optarg;
            break;
        case 't':
            arguments->timeout = parse_timeout(optarg);
            arguments->timeout_given = true;
            break;
        case 'r':
            arguments->volume.flags |= LINFSP_VOLUME_READ_ONLY;
            break;
        case 'd':
            arguments->volume.trace = print_trace;
            break;
        case PASS_THROUGH:
            arguments->pass_from = parse_size(optarg);
            break;
        case FAIL_OVER:
            arguments->volume.fail_over = optarg ? parse_seconds(optarg) : FAIL_OVER_SECONDS;
            break;
        case NO_PASS_THROUGH:
            arguments->no_pass_through = true;
            break;
        case HELP:
            help_print(stdout, usage, terminal_width());
            exit(0);
        case VERSION:
            printf("ptfs %s\n", linfsp_version());
            exit(0);
        default:
            errx(2, "ptfs --help shows the options");
        }
    }
    if (optind < argc)
        errx(2, "\"%s\" is not understood; ptfs --help shows the options", argv[optind]);
    if (!arguments->directory)
        errx(2, "which directory? -p DIRECTORY");
    if (!arguments->volume.mount_point && !arguments->volume.prefix)
        errx(2, "where? -m MOUNTPOINT, -u PREFIX, or both");
}

static void init(void *context, uint64_t granted) {
    struct ptfs *ptfs = context;
    ptfs->pass_through = ptfs->pass_through && (granted & LINFSP_WANT_PASSTHROUGH);
    ptfs->own_umask = granted & LINFSP_WANT_DONT_MASK;
    if (ptfs->watch)
        (void)watch_start(ptfs); /* without it the kernel remembers less */
}

static void destroy(void *context) {
    struct ptfs *ptfs = context;
    watch_stop(ptfs);
    seek_finish(&ptfs->seeks);
}

static const struct linfsp_operations operations = {
    .size = sizeof operations,
    .init = init,
    .destroy = destroy,
    .lookup = ptfs_lookup,
    .forget = ptfs_forget,
    .getattr = ptfs_getattr,
    .setattr = ptfs_setattr,
    .readlink = ptfs_readlink,
    .mknod = ptfs_mknod,
    .mkdir = ptfs_mkdir,
    .symlink = ptfs_symlink,
    .unlink = ptfs_unlink,
    .rmdir = ptfs_rmdir,
    .rename = ptfs_rename,
    .link = ptfs_link,
    .open = ptfs_open,
    .create = ptfs_create,
    .tmpfile = ptfs_tmpfile,
    .read = ptfs_read,
    .write = ptfs_write,
    .flush = ptfs_flush,
    .release = ptfs_release,
    .fsync = ptfs_fsync,
    .opendir = ptfs_opendir,
    .readdir = ptfs_readdir,
    .releasedir = ptfs_releasedir,
    .fsyncdir = ptfs_fsyncdir,
    .statfs = ptfs_statfs,
    .setxattr = ptfs_setxattr,
    .getxattr = ptfs_getxattr,
    .listxattr = ptfs_listxattr,
    .removexattr = ptfs_removexattr,
    .fallocate = ptfs_fallocate,
    .lseek = ptfs_lseek,
    .copy_file_range = ptfs_copy_file_range,
};

/* Raises the limit of descriptors. Returns how many may pin files that the kernel knows of: some are left for files
 * that are opened. */
static size_t raise_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 512;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur / 4 * 3 < PINNED_MAX ? (size_t)(limit.rlim_cur / 4 * 3) : PINNED_MAX;
}

/* Takes up what an earlier ptfs has left, and notes from now on what a later one needs. */
static void use_state(struct ptfs *ptfs, const char *directory) {
    size_t size = 0;
    struct state *state = linfsp_volume_state(ptfs->volume, &size);
    int r = 0;
    if (state)
        r = state_open(state, size, ptfs->nodes.root.key.device, ptfs->nodes.root.key.inode);
    if (r == -ESTALE || r == -EPROTO)
        errx(1, "the volume that waits there shows another directory than %s, or is another version's", directory);
    bool earlier = r > 0;
    if (r >= 0 && state)
        r = node_table_use_state(&ptfs->nodes, state, earlier);
    if (r >= 0)
        r = handles_init(&ptfs->handles, state);
    if (r < 0)
        errx(1, "%s", strerror(-r));
    if (earlier)
        ptfs_restore_handles(ptfs);
}

/* A volume with fail-over outlives a process that a signal ends: until we catch those, they wait. */
static void hold_signals(bool hold) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &signals, NULL);
}

static void catch_signals(void) {
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv) {
    struct arguments arguments = {
        .timeout = 1000,
        .pass_from = 1 << 20,
        .volume = {.size = sizeof arguments.volume,
                   .file_system_name = "ptfs",
                   .want = LINFSP_WANT_READDIRPLUS | LINFSP_WANT_PARALLEL_DIRECTORY | LINFSP_WANT_HANDLE_KILLPRIV |
                           LINFSP_WANT_AUTO_INVALIDATE | LINFSP_WANT_PASSTHROUGH | LINFSP_WANT_CACHE_SYMLINKS |
                           LINFSP_WANT_ATOMIC_TRUNCATE | LINFSP_WANT_POSIX_ACL | LINFSP_WANT_DONT_MASK}};
    parse_arguments(argc, argv, &arguments);
    if (arguments.volume.fail_over) {
        arguments.no_pass_through = true; /* what is registered for the kernel is not known to who comes after us */
        arguments.volume.want &= ~LINFSP_WANT_PASSTHROUGH;
        arguments.volume.state_size = sizeof(struct state);
        hold_signals(true);
    }
    umask(0); /* the caller's has been applied to the modes we are given */
    size_t pinned_max = raise_limit();
    int root = open(arguments.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        err(1, "%s", arguments.directory);
    struct ptfs ptfs = {.seeks = SEEKS_NONE,
                        .watches = WATCHES_NONE,
                        .watch = !arguments.timeout_given &&
                                 !arguments.volume.fail_over, /* the next ptfs has not seen what changed */
                        .timeout = arguments.timeout,
                        .act_as_caller = geteuid() == 0,
                        .pass_through = !arguments.no_pass_through,
                        .pass_from = arguments.pass_from,
                        .no_flush = ptfs_is_local(root)};
    struct stat status;
    if (stat("/proc/self/fd", &status) < 0)
        err(1, "ptfs needs /proc: /proc/self/fd");
    int r = node_table_init(&ptfs.nodes, root, pinned_max);
    if (r < 0)
        errx(1, "%s: %s", arguments.directory, strerror(-r));
    struct linfsp_error error;
    if (linfsp_volume_create(&arguments.volume, &operations, &ptfs, &ptfs.volume, &error) < 0)
        errx(1, "%s", error.message);
    running = ptfs.volume;
    use_state(&ptfs, arguments.directory);
    if (arguments.volume.fail_over && !linfsp_volume_fail_over(ptfs.volume))
        warnx("the volume ends with this program: kernel or service do not allow fail-over");
    catch_signals();
    if (arguments.volume.fail_over)
        hold_signals(false);
    const char *point = linfsp_volume_mount_point(ptfs.volume), *unc = linfsp_volume_unc_path(ptfs.volume);
    printf("%s at %s%s%s\n", arguments.directory, point ? point : "", point && unc ? " and " : "", unc ? unc : "");
    fflush(stdout);
    r = linfsp_volume_run(ptfs.volume);
    const char *why = linfsp_volume_end_reason(ptfs.volume);
    if (r < 0)
        warnx("the volume ended: %s", why ? why : strerror(-r));
    node_table_leave(&ptfs.nodes);
    node_table_close(&ptfs.nodes);
    handles_close(&ptfs.handles);
    linfsp_volume_destroy(ptfs.volume);
    return r < 0 ? 1 : 0;
}
