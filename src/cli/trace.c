/* SPDX-License-Identifier: MIT */
/* `linfsp trace VOLUME`: the requests of a volume that runs, and their answers. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/meters.h"
#include "cli/process.h"
#include "cli/target.h"
#include "util/clock.h"
#include "util/plural.h"

#define TURN_MS 20
#define CREDIT INT64_C(20000) /* lines that the server writes, at most, when we are gone */

struct wanted {
    const char *target;
    struct wire_volume found;
    bool is_found;
};

static const char *without_backslashes(const char *prefix) {
    return prefix + strspn(prefix, "\\");
}

static bool names(const char *target, const struct wire_volume *volume) {
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, volume->id);
    return strcmp(target, number) == 0 || (volume->mount_point[0] && strcmp(target, volume->mount_point) == 0) ||
           (volume->unc_path[0] && strcmp(target, volume->unc_path) == 0) ||
           (volume->prefix[0] && strcasecmp(without_backslashes(target), without_backslashes(volume->prefix)) == 0);
}

static void take_volume(const union wire_message *reply, void *userdata) {
    struct wanted *wanted = userdata;
    if (reply->header.type == WIRE_VOLUME && !wanted->is_found && names(wanted->target, &reply->volume)) {
        wanted->found = reply->volume;
        wanted->is_found = true;
    }
}

static int find_volume(const struct verb *verb, struct wanted *wanted) {
    static union wire_message answer;
    struct wire_plain request;
    struct wire_unmount parsed;
    static char path[WIRE_PATH_MAX];
    char folder[WIRE_PATH_MAX];
    const char *given = wanted->target;
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    wire_begin(&parsed, WIRE_UNMOUNT, 1);
    if (target_parse(wanted->target, getcwd(folder, sizeof folder) ? folder : "/", &parsed) == 0 && parsed.target[0]) {
        snprintf(path, sizeof path, "%s", parsed.target); /* "Z:" and relative paths, as umount takes them */
        wanted->target = path;
    }
    wire_begin(&request, WIRE_LIST_VOLUMES, 1);
    if (client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, take_volume, wanted, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    if (!wanted->is_found && wanted->target == path && target_follow_links(path) &&
        client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, take_volume, wanted, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    if (!wanted->is_found && target_lacks_colon(given))
        return verb_fail(verb, TARGET_LACKS_COLON, given, given);
    if (!wanted->is_found)
        return verb_fail(verb, "%s is no volume here: linfsp volumes shows them", wanted->target);
    return 0;
}

/* A server may write anything there: a line is to stay a line. */
static void print_line(const char *text, size_t size) {
    for (size_t i = 0; i < size && text[i]; i++)
        putchar((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
    putchar('\n');
}

/* Prints the lines up to next; returns how many were overwritten before they could be read. */
static uint64_t print_lines(int fd, uint64_t from, uint64_t next) {
    uint64_t lost = 0;
    if (next - from > METERS_LINES) {
        lost = next - from - METERS_LINES;
        from = next - METERS_LINES;
    }
    for (uint64_t number = from; number < next; number++) {
        struct meters_line line;
        off_t at = (off_t)(offsetof(struct meters, lines) + number % METERS_LINES * sizeof line);
        if (pread(fd, &line, sizeof line, at) == sizeof line && line.sequence == number + 1)
            print_line(line.text, sizeof line.text);
        else
            lost++;
    }
    return lost;
}

static int follow(const struct verb *verb, int fd, const struct wire_volume *volume, int64_t end) {
    uint64_t seen = 0, next = 0;
    int64_t credit = CREDIT;
    bool first = true;
    while (end < 0 || clock_ms() < end) {
        if (pwrite(fd, &credit, sizeof credit, offsetof(struct meters, trace_credit)) != sizeof credit ||
            pread(fd, &next, sizeof next, offsetof(struct meters, trace_next)) != sizeof next)
            return verb_fail(verb, "the volume's counters cannot be read: %s", strerror(errno));
        if (first || next < seen)
            seen = next;
        first = false;
        uint64_t lost = print_lines(fd, seen, next);
        seen = next;
        if (lost)
            printf("(%" PRIu64 " %s lost here: the server is faster than this output)\n", lost,
                   plural(lost, "line was", "lines were"));
        if (fflush(stdout) != 0)
            return EXIT_FAILURE;
        /* it is gone when its server has no more of these descriptors */
        _cleanup_close_ int again = clock_ms() % 1000 < TURN_MS ? meters_open(volume, O_RDONLY) : 0;
        if (again == 0)
            (void)steal_fd(&again);
        else if (again < 0)
            return verb_fail(verb, "the volume has ended");
        (void)poll(NULL, 0, TURN_MS);
    }
    credit = 0;
    (void)!pwrite(fd, &credit, sizeof credit, offsetof(struct meters, trace_credit));
    return 0;
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"seconds", required_argument, NULL, 's'}, {0}};
    int64_t end = -1;
    for (int c; (c = getopt_long(argc, argv, "hs:", options, NULL)) != -1;) {
        char *rest = "";
        if (c == 's')
            end = clock_ms() + (int64_t)(strtod(optarg, &rest) * 1000);
        if (c != 's' || *rest)
            return c == 'h' ? verb_show_help(verb) : verb_usage(verb);
    }
    if (optind + 1 != argc) {
        verb_fail(verb, "which volume?");
        return verb_usage(verb);
    }
    struct wanted wanted = {.target = argv[optind]};
    int status = find_volume(verb, &wanted);
    if (status != 0)
        return status;
    _cleanup_close_ int fd = meters_open(&wanted.found, O_RDWR);
    if (fd == -EACCES)
        return verb_fail(verb, "%s: its server is another user's: sudo linfsp trace %s", argv[optind], argv[optind]);
    if (fd < 0)
        return verb_fail(verb, "%s: its server has no trace: it is not built on liblinfsp, or on an older one",
                         argv[optind]);
    return follow(verb, fd, &wanted.found, end);
}

const struct verb verb_trace = {
    .name = "trace",
    .summary = "show the requests of a running volume, and their answers",
    .help = "usage: linfsp trace [-s SECONDS] VOLUME\n\n"
            "Prints a line for each request to a volume and one for its answer, tied by the\n"
            "request's number, until it is interrupted; the server need not be restarted, and\n"
            "goes on as before when the trace ends. VOLUME is a mount point, a prefix, a path\n"
            "under /unc or a number. The server must be built on liblinfsp.\n\n"
            "  -s, --seconds=SECONDS  for so long\n\n"
            "examples:\n"
            "  linfsp trace Z:\n"
            "  sudo linfsp trace /unc/nas/photos | grep -v LOOKUP\n",
    .run = run,
};
