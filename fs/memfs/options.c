/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "message.h"
#include "sddl.h"
#include "wire/prefix.h"

#define PASS_FROM (UINT64_C(64) << 10) /* where reading and writing more than makes up for what opening costs */
#define NAME_MAX_BYTES 63 /* of a file system's type, as liblinfsp has it */

const char options_help[] =
    "memfs: a file system in memory, as a disk or on the network\n"
    "\n"
    "  memfs -i -F NTFS -m Z:                          a disk at /mnt/z, for this container only\n"
    "  memfs -i -F NTFS -m Y: -u '\\memfs\\share'        also a network volume: /unc/memfs/share here,\n"
    "                                                  on the host and in every container\n"
    "  memfs -b -m /tmp/scratch                        on a directory, in the background\n"
    "\n"
    "Where it is mounted (at least one of the two):\n"
    "  -m, --mount-point=X: | * | DIRECTORY   X: is /mnt/x, * the first free letter from z: down;\n"
    "                         a directory must be empty, or is made and removed again\n"
    "  -u, --prefix=\\SERVER\\SHARE   a network volume; quote it, a shell eats backslashes\n"
    "                         (//SERVER/SHARE needs no quotes)\n"
    "\n"
    "Limits. Without -n and -s the volume holds half of the memory, in files of any number and size.\n"
    "  -n, --nodes=N          files, directories and further hard links, with the root; -1: no limit;\n"
    "                         1024 if only -s is given\n"
    "  -s, --file-size=SIZE   bytes of one file, with K, M, G, T; -1: no limit; 16M if only -n is given\n"
    "                         With both limits the volume holds N x SIZE, and never more than the memory that\n"
    "                         this process may use. Beyond: ENOSPC (\"No space left on device\").\n"
    "\n"
    "How it behaves:\n"
    "  -i, --ignore-case      names that differ in case only are one name, in the case of its creation\n"
    "  -F, --name=NAME        mount shows the type fuse.NAME; default WinFsp-MEMFS\n"
    "  -S, --root-sddl=SDDL   owner, group and mode of the root, as a security descriptor; default 0777.\n"
    "                         D:P(A;;FA;;;OW)(A;;FRFX;;;WD) is 0755\n"
    "  -t, --timeout=MS       the kernel may remember names and attributes for so long; 0: it asks each\n"
    "                         time; -1, the default: for good, and file contents, too\n"
    "  -f, --flush            drop a file's cached pages when it is closed\n"
    "      --pass-through[=SIZE]   the kernel reads and writes files of SIZE and more by itself, as fast as tmpfs;\n"
    "                         default 64K, 0: every file. With a limit -s it only reads them. Files that are\n"
    "                         open may grow beyond the volume's size.\n"
    "\n"
    "Slow I/O, to try out programs:\n"
    "  -M, --max-delay=MS     the longest delay of a read, write or listing; delays are random\n"
    "  -P, --percent=N        of 100 delays this many do not hold up other requests; default 0\n"
    "  -R, --rarefy=N         halve delays up to N times at random: long delays become rare; default 0\n"
    "\n"
    "  -d, --debug=FLAGS      other than 0: trace each request (0 to 4294967295, or -1)\n"
    "  -D, --log-file=FILE    write the trace there; - is standard error, the default\n"
    "  -b, --background       return once mounted\n"
    "      --take-over        replace the memfs that runs there: its volume, files and options go on here, and it\n"
    "                         ends. If that fails, it goes on\n"
    "  -h, --help, -V, --version\n"
    "\n"
    "It runs until it is stopped (Ctrl-C, SIGTERM) or unmounted; then its files are gone. atime is kept as\n"
    "with relatime. The volume is mounted nosuid and nodev.\n";

enum { PASS_THROUGH = 256, TAKE_OVER }; /* long options that have no letter */

static const struct option long_options[] = {
    {"debug", required_argument, NULL, 'd'},     {"log-file", required_argument, NULL, 'D'},
    {"flush", no_argument, NULL, 'f'},           {"name", required_argument, NULL, 'F'},
    {"ignore-case", no_argument, NULL, 'i'},     {"mount-point", required_argument, NULL, 'm'},
    {"max-delay", required_argument, NULL, 'M'}, {"nodes", required_argument, NULL, 'n'},
    {"percent", required_argument, NULL, 'P'},   {"rarefy", required_argument, NULL, 'R'},
    {"file-size", required_argument, NULL, 's'}, {"root-sddl", required_argument, NULL, 'S'},
    {"timeout", required_argument, NULL, 't'},   {"prefix", required_argument, NULL, 'u'},
    {"background", no_argument, NULL, 'b'},      {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},         {"pass-through", optional_argument, NULL, PASS_THROUGH},
    {"take-over", no_argument, NULL, TAKE_OVER}, {NULL, 0, NULL, 0},
};
static const char short_options[] = ":d:D:fF:im:M:n:P:R:s:S:t:u:bhV";

/* ---- numbers --------------------------------------------------------------------------------------------------- */

/* A decimal number, all of text. */
static int parse_number(const char *text, uint64_t *ret_number, const char **ret_rest) {
    char *rest;
    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    errno = 0;
    unsigned long long number = strtoull(text, &rest, 10);
    if (errno != 0)
        return -ERANGE;
    *ret_number = number;
    *ret_rest = rest;
    return 0;
}

static int parse_bounded(int option, const char *text, uint32_t maximum, uint32_t *ret_number,
                         struct options_error *ret_error) {
    uint64_t number;
    const char *rest;
    if (parse_number(text, &number, &rest) < 0 || *rest || number > maximum)
        return REFUSE(ret_error, "-%c %s: must be a number from 0 to %u", option, text, maximum);
    *ret_number = (uint32_t)number;
    return 0;
}

/* How far a size's suffix shifts, -1 for one that is not known. "MiB" and "MB" are as good as "M". */
static int parse_suffix(const char *suffix) {
    static const char letters[] = "KMGTPE";
    if (!*suffix)
        return 0;
    const char *letter = strchr(letters, toupper((unsigned char)*suffix));
    bool ends = !suffix[1] || !strcasecmp(suffix + 1, "B") || !strcasecmp(suffix + 1, "iB");
    return letter && ends ? 10 * (int)(letter - letters + 1) : -1;
}

/* -1 and 0 stand for no limit. */
static int parse_limit(int option, const char *text, bool suffixes, uint64_t *ret_limit,
                       struct options_error *ret_error) {
    uint64_t number;
    const char *rest;
    if (!strcmp(text, "-1")) {
        *ret_limit = OPTIONS_UNLIMITED;
        return 0;
    }
    int r = parse_number(text, &number, &rest);
    int shift = r < 0 ? -1 : suffixes ? parse_suffix(rest) : *rest ? -1 : 0;
    if (r == -ERANGE || (shift > 0 && number > UINT64_MAX >> shift))
        return REFUSE(ret_error, "-%c %s: is too large; -1 stands for no limit", option, text);
    if (r < 0 || shift < 0)
        return REFUSE(ret_error, "-%c %s: must be a number%s, or -1 for no limit", option, text,
                      suffixes ? " of bytes, also with K, M, G or T behind it" : "");
    *ret_limit = number == 0 ? OPTIONS_UNLIMITED : number << shift;
    return 0;
}

static int parse_pass_through(const char *text, uint64_t *ret_from, struct options_error *ret_error) {
    const char *rest = "";
    *ret_from = PASS_FROM;
    int shift = !text ? 0 : parse_number(text, ret_from, &rest) < 0 ? -1 : parse_suffix(rest);
    if (shift < 0 || (shift > 0 && *ret_from > UINT64_MAX >> shift))
        return REFUSE(ret_error, "--pass-through=%.100s: must be a number of bytes, also with K, M, G or T behind it",
                      text);
    *ret_from <<= shift;
    return 0;
}

static int parse_timeout(const char *text, uint64_t *ret_timeout, struct options_error *ret_error) {
    uint64_t number;
    const char *rest;
    bool infinite = !strcmp(text, "-1") || !strcasecmp(text, "infinite");
    if (!infinite && (parse_number(text, &number, &rest) < 0 || *rest || number > UINT32_MAX))
        return REFUSE(ret_error, "-t %s: must be a number of milliseconds, or -1 for good", text);
    /* 4294967295 is how WinFsp has -1 */
    *ret_timeout = infinite || number == UINT32_MAX ? LINFSP_TIMEOUT_INFINITE : number;
    return 0;
}

static int parse_debug(const char *text, bool *ret_trace, struct options_error *ret_error) {
    char *rest;
    errno = 0;
    long long flags = strtoll(text, &rest, 0);
    if (rest == text || *rest || errno != 0 || flags < -1 || flags > UINT32_MAX)
        return REFUSE(ret_error, "-d %s: must be a number from 0 to 4294967295, or -1 for all", text);
    *ret_trace = flags != 0;
    return 0;
}

/* ---- texts ----------------------------------------------------------------------------------------------------- */

static int parse_name(const char *text, const char **ret_name, struct options_error *ret_error) {
    if (!*text)
        return REFUSE(ret_error, "-F: the file system's name is empty");
    if (strlen(text) > NAME_MAX_BYTES)
        return REFUSE(ret_error, "-F %.80s...: the file system's name is longer than %d bytes", text, NAME_MAX_BYTES);
    for (const char *at = text; *at; at++)
        if (!(isalnum((unsigned char)*at) && (unsigned char)*at < 0x80) && !strchr(".-_", *at))
            return REFUSE(ret_error, "-F %s: a file system's name is made of letters, digits, '.', '-' and '_'", text);
    *ret_name = text;
    return 0;
}

static int parse_prefix(const char *text, const char **ret_prefix, struct options_error *ret_error) {
    char canonical[PREFIX_MAX];
    const char *why = "not a prefix";
    if (*text && !strpbrk(text, "\\/"))
        return REFUSE(
            ret_error,
            "-u %s: has no backslashes. Did the shell take them? Quote the prefix: -u '\\server\\share', or write "
            "-u //server/share",
            text);
    if (prefix_parse(text, canonical, &why) < 0)
        return REFUSE(ret_error, "-u %.64s%s: %s; a prefix is \\server\\share", text, strlen(text) > 64 ? "..." : "",
                      why);
    *ret_prefix = text;
    return 0;
}

static int parse_sddl(const char *text, const char **ret_sddl, struct options_error *ret_error) {
    struct sddl sddl;
    struct sddl_error error;
    if (sddl_parse(text, &sddl, &error) < 0)
        return REFUSE(ret_error, "-S %.200s: %s", text, error.message);
    *ret_sddl = text;
    return 0;
}

static int parse_text(int option, const char *what, const char *text, const char **ret_text,
                      struct options_error *ret_error) {
    if (!*text)
        return REFUSE(ret_error, "-%c: the %s is empty", option, what);
    *ret_text = text;
    return 0;
}

/* A mount point; a letter that lacks its colon would be a directory of that name. */
static int parse_mount_point(const char *text, const char **ret_mount_point, struct options_error *ret_error) {
    if (isalpha((unsigned char)text[0]) && !text[1])
        return REFUSE(ret_error, "-m %s: did you mean the letter, -m %s:? A directory of that name is ./%s", text, text,
                      text);
    return parse_text('m', "mount point", text, ret_mount_point, ret_error);
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

static int parse_option(int option, const char *text, struct options *options, struct options_error *ret_error) {
    switch (option) {
    case 'b':
        options->background = true;
        return 0;
    case 'd':
        return parse_debug(text, &options->trace, ret_error);
    case 'D':
        return parse_text('D', "log file's name", text, &options->log_file, ret_error);
    case 'f':
        options->purge = true;
        return 0;
    case 'F':
        return parse_name(text, &options->file_system_name, ret_error);
    case 'i':
        options->case_insensitive = true;
        return 0;
    case 'm':
        return parse_mount_point(text, &options->mount_point, ret_error);
    case 'M':
        return parse_bounded('M', text, 24 * 60 * 60 * 1000, &options->delay_max, ret_error);
    case 'n':
        return parse_limit('n', text, false, &options->nodes_max, ret_error);
    case 'P':
        return parse_bounded('P', text, 100, &options->delay_percent, ret_error);
    case 'R':
        return parse_bounded('R', text, 63, &options->delay_rarefy, ret_error);
    case 's':
        return parse_limit('s', text, true, &options->file_size_max, ret_error);
    case 'S':
        return parse_sddl(text, &options->root_sddl, ret_error);
    case 't':
        return parse_timeout(text, &options->timeout, ret_error);
    case TAKE_OVER:
        options->take_over = true;
        return 0;
    case PASS_THROUGH:
        return parse_pass_through(text, &options->pass_from, ret_error);
    default:
        return parse_prefix(text, &options->prefix, ret_error);
    }
}

/* What getopt_long could make nothing of. */
static int fail_option(int result, char **argv, struct options_error *ret_error) {
    const char *argument = argv[optind - 1];
    bool is_long = argument && !strncmp(argument, "--", 2);
    if (result == ':')
        return is_long ? REFUSE(ret_error, "%.100s: needs a value behind it", argument)
                       : REFUSE(ret_error, "-%c: needs a value behind it", optopt);
    if (is_long)
        return REFUSE(ret_error, "%.100s: no such option, or not with a value; see memfs --help", argument);
    return REFUSE(ret_error, "-%c: no such option; see memfs --help", optopt);
}

/* With neither -n nor -s only memory is a limit, as with tmpfs. With one of them the other is as WinFsp's memfs has it.
 */
static void set_limits(struct options *options) {
    bool none = options->nodes_max == 0 && options->file_size_max == 0;
    if (options->nodes_max == 0)
        options->nodes_max = none ? OPTIONS_UNLIMITED : 1024;
    if (options->file_size_max == 0)
        options->file_size_max = none ? OPTIONS_UNLIMITED : 16 << 20;
}

static int check_together(int argc, char **argv, const struct options *options, struct options_error *ret_error) {
    if (optind < argc)
        return REFUSE(ret_error, "%.100s: every value needs its option in front of it, such as -m %.100s", argv[optind],
                      argv[optind]);
    if (!options->mount_point && !options->prefix)
        return REFUSE(ret_error, "where to? Give a mount point (-m Z:), a prefix (-u '\\server\\share'), or both");
    if (options->take_over && options->mount_point && !strcmp(options->mount_point, "*"))
        return REFUSE(ret_error, "--take-over: say which letter; * would be any");
    if (options->delay_max > 0 && options->pass_from != OPTIONS_UNLIMITED)
        return REFUSE(ret_error, "-M and --pass-through: what the kernel does by itself cannot be slowed down");
    if (options->delay_max == 0 && (options->delay_percent > 0 || options->delay_rarefy > 0))
        return REFUSE(ret_error, "-%c: slow I/O needs the greatest delay as well, -M MILLISECONDS",
                      options->delay_percent > 0 ? 'P' : 'R');
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options, struct options_error *ret_error) {
    struct options options = {
        .file_system_name = "WinFsp-MEMFS",
        .timeout = LINFSP_TIMEOUT_INFINITE,
        .pass_from = OPTIONS_UNLIMITED,
    };
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1;) {
        int r = 0;
        if (option == 'h' || option == 'V') {
            options.action = option == 'h' ? OPTIONS_HELP : OPTIONS_VERSION;
            *ret_options = options;
            return 0;
        }
        if (option == ':' || option == '?')
            r = fail_option(option, argv, ret_error);
        else
            r = parse_option(option, optarg, &options, ret_error);
        if (r < 0)
            return r;
    }
    set_limits(&options);
    int r = check_together(argc, argv, &options, ret_error);
    if (r == 0)
        *ret_options = options;
    return r;
}

uint64_t options_volume_size(const struct options *options) {
    uint64_t size;
    if (options->nodes_max == OPTIONS_UNLIMITED || options->file_size_max == OPTIONS_UNLIMITED ||
        __builtin_mul_overflow(options->nodes_max, options->file_size_max, &size))
        return OPTIONS_UNLIMITED;
    return size;
}
