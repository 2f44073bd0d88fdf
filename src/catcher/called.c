/* SPDX-License-Identifier: MIT */
#include "catcher/called.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "catcher/machine.h"
#include "catcher/memory.h"
#include "catcher/tool-names.h"
#include "util/cleanup.h"
#include "util/proc.h"

#define NAME_SIZE 256
#define ARGUMENTS_MAX 64
#define BEGINS_TO_WAIT_MS 100

static const struct {
    const char *name;
    enum catcher_kind kind;
} commands[] = {{"umount", CATCHER_UNMOUNTER}, {"chroot", CATCHER_CHROOT}};

/* What the kernel says of a thread's system call. The thread may have told us of it and not have begun to wait yet: it
 * is "running" then. */
static bool read_call(pid_t thread, char *ret_text, size_t size) {
    for (int i = 0; i < BEGINS_TO_WAIT_MS; i++) {
        _cleanup_fclose_ FILE *file = proc_open_text("%d/syscall", (int)thread);
        if (!file || !fgets(ret_text, (int)size, file))
            return false;
        if (strncmp(ret_text, "running", strlen("running")) != 0)
            return true;
        (void)poll(NULL, 0, 1);
    }
    return false;
}

/* Where the thread's new argv is, in its memory. */
static bool find_arguments(pid_t thread, uint64_t *ret_argv, unsigned *ret_word) {
    char text[256] = "";
    unsigned long long arguments[3];
    unsigned which;
    long number;
    if (!read_call(thread, text, sizeof text) ||
        sscanf(text, "%ld %llx %llx %llx", &number, &arguments[0], &arguments[1], &arguments[2]) != 4 ||
        !machine_is_execve(number, &which, ret_word))
        return false;
    *ret_argv = arguments[which];
    return true;
}

/* Reads at most size - 1 bytes of an argument. Returns false where there is none. */
static bool read_argument(pid_t thread, uint64_t argv, unsigned word, unsigned number, char *ret_text, size_t size) {
    uint64_t address = 0;
    if (!memory_read(thread, argv + (uint64_t)number * word, &address, word) || address == 0)
        return false;
    size_t to_page = 4096 - address % 4096; /* the next page may not be there */
    size_t first = to_page < size ? to_page : size;
    if (!memory_read(thread, address, ret_text, first))
        return false;
    if (!memchr(ret_text, 0, first) && first < size)
        first += memory_read_some(thread, address + first, ret_text + first, size - first);
    ret_text[first < size ? first : size - 1] = 0;
    return true;
}

/* What comes after its last slash; "": the argument is not there, or too long. */
static void read_name(pid_t thread, uint64_t argv, unsigned word, unsigned number, char ret_name[NAME_SIZE]) {
    char text[NAME_SIZE];
    ret_name[0] = 0;
    if (!read_argument(thread, argv, word, number, text, sizeof text) || strlen(text) == sizeof text - 1)
        return;
    const char *slash = strrchr(text, '/');
    snprintf(ret_name, NAME_SIZE, "%s", slash ? slash + 1 : text);
}

static bool is_among(const char *const names[], size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_ours(const char *name, enum catcher_kind *ret_kind) {
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(name, commands[i].name) == 0) {
            *ret_kind = commands[i].kind;
            return true;
        }
    bool manages = is_among(catcher_package_managers, catcher_n_package_managers, name);
    *ret_kind = manages ? CATCHER_PACKAGES : CATCHER_TOOL;
    return manages || is_among(catcher_tools, catcher_n_tools, name);
}

/* Whether a file of that name takes the command as its first argument ("busybox-static umount"). */
static bool takes_command(const char *name) {
    static const char *const files[] = {"busybox", "toybox", "coreutils"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (strncmp(name, files[i], strlen(files[i])) == 0)
            return true;
    return false;
}

/* The command that it is executed as: "umount ..." or "busybox umount ...". Returns which argument that is. */
static unsigned read_command(pid_t thread, uint64_t argv, unsigned word, char ret_name[NAME_SIZE]) {
    unsigned number = 0;
    read_name(thread, argv, word, number, ret_name);
    if (takes_command(ret_name))
        read_name(thread, argv, word, ++number, ret_name);
    return number;
}

static bool called_as(pid_t thread, enum catcher_kind *ret_kind) {
    char name[NAME_SIZE];
    uint64_t argv;
    unsigned word;
    if (!find_arguments(thread, &argv, &word))
        return false;
    (void)read_command(thread, argv, word, name);
    return is_ours(name, ret_kind);
}

/* What an argument says behind an option that tells where to write; all of an argument that is no option; or NULL. */
static const char *place_in(const char *text) {
    static const char *const options[] = {
        "-C", "-d", "-o", "-t", "--directory=", "--target-directory=", "--one-top-level="};
    if (text[0] != '-')
        return text;
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (strncmp(text, options[i], strlen(options[i])) == 0)
            return text + strlen(options[i]);
    return NULL;
}

/* Whether the argument is a folder that helpers are in, with a slash or two at its end, or an option that ends in one:
 * "-C/usr/bin". */
static bool is_folder(const char *text) {
    static const char *const folders[] = {"", "/usr", "/usr/bin", "/bin"};
    const char *path = place_in(text);
    size_t length = path ? strlen(path) : 0;
    if (length > 1 && strcmp(path + length - 2, "/.") == 0)
        length--;
    if (length == 0 || path[0] != '/')
        return false;
    while (length > 0 && path[length - 1] == '/')
        length--;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (length == strlen(folders[i]) && memcmp(path, folders[i], length) == 0)
            return true;
    return false;
}

static bool is_in_folder(pid_t thread) {
    char folder[64]; /* a longer one is none of those */
    return proc_read_link(folder, sizeof folder, "%d/cwd", (int)thread) > 0 && is_folder(folder);
}

static const struct catcher_unpacker *find_unpacker(const char *name) {
    for (size_t i = 0; i < catcher_n_unpackers; i++)
        if (strcmp(name, catcher_unpackers[i].name) == 0)
            return &catcher_unpackers[i];
    return NULL;
}

/* Whether the command writes where it stands: an argument says "here", or has an unpacker unpack. The first argument
 * may lack its dash ("tar xf"). */
static bool writes_here(const struct catcher_unpacker *unpacker, const char *text, unsigned number) {
    if (strcmp(text, ".") == 0 || strcmp(text, "./") == 0 || strcmp(text, "./.") == 0)
        return true;
    if (!unpacker || unpacker->letter == 0)
        return unpacker != NULL;
    if (strncmp(text, "--", 2) == 0)
        return strcmp(text, "--extract") == 0 || strcmp(text, "--get") == 0;
    return (text[0] == '-' || number == 1) && strchr(text, unpacker->letter);
}

static bool called_on_helper(pid_t thread) {
    char text[4096], name[NAME_SIZE];
    bool here = false;
    uint64_t argv;
    unsigned word;
    if (!find_arguments(thread, &argv, &word))
        return false;
    unsigned command = read_command(thread, argv, word, name);
    const struct catcher_unpacker *unpacker = find_unpacker(name);
    for (unsigned i = command + 1; i < ARGUMENTS_MAX && read_argument(thread, argv, word, i, text, sizeof text); i++) {
        if (strstr(text, "fusermount") || is_folder(text))
            return true;
        here |= writes_here(unpacker, text, i - command);
    }
    return here && is_in_folder(thread);
}

void called_look(pid_t thread, enum catcher_kind kind, struct called *ret_called) {
    struct called called = {.kind = kind};
    called.ours = kind != CATCHER_MANY || called_as(thread, &called.kind);
    called.changes_helpers =
        called.ours && (called.kind == CATCHER_PACKAGES || (called.kind == CATCHER_TOOL && called_on_helper(thread)));
    *ret_called = called;
}
