/* SPDX-License-Identifier: MIT */
/*
 * Names of every kind, wherever a client may give one:
 *
 *     bytes DISK-SOCKET NET-SOCKET FOLDER
 *
 * For each byte but 0, and for characters that terminals or readers take for something else: a prefix, a file system's
 * name, a source, a mount point (a folder of that name, made in FOLDER) and, as fusermount3, an option. Says how many
 * were made and how many were refused, and holds what was made until it gets SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "client.h"

#define HELD_MAX 900 /* the others are given up at once */

static const char *const strange[] = {
    "\xe2\x80\xae", /* right to left from here */
    "\xe2\x80\x8b", /* a space without width */
    "\xe2\x80\xa8", /* a line's end */
    "\xe2\x81\xa6", /* an isolated direction */
    "\xef\xbb\xbf", /* a byte order mark */
    "\xc2\x85", /* next line */
    "\xc2\x9b", /* what ESC [ is, in one character */
    "\xc0\xaf", /* a slash, too long */
    "\xed\xa0\x80", /* half a surrogate pair */
    "\xf4\x90\x80\x80", /* beyond Unicode */
    "$(reboot)",        "`reboot`", "'; reboot; '", "\" reboot \"", "-rf", "--help", "%s%n",
    "\\x1b[2J",         "  ",       "..",           "\\",
};

static unsigned made, refused, held;

static void ask(const char *path, const void *request, size_t size, int folder) {
    static union answer answer;
    int fd = -1, connection = -1;
    for (int tries = 0; connection < 0 && tries < 200; tries++)
        if ((connection = try_connect(path)) < 0)
            usleep(20000);
    if (connection < 0)
        err(1, "%s", path);
    bool is_made = send_fds(connection, request, size, &folder, folder >= 0) > 0 &&
                   receive_fd(connection, &answer, sizeof answer, &fd, NULL) > 0 &&
                   answer.header.type == WIRE_VOLUME_CREATED;
    made += is_made;
    refused += !is_made;
    if (is_made && held < HELD_MAX) {
        held++;
        return; /* both descriptors stay open */
    }
    close(fd);
    close(connection);
}

static int make_folder(const char *in, const char *name, const char *more) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s%s", in, more, name, more);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -1; /* "/" is no name */
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void try_name(char **argv, const char *name) {
    struct wire_create_volume create = create_request();
    snprintf(create.prefix, sizeof create.prefix, "\\bytes\\a%sz", name);
    ask(argv[2], &create, sizeof create, -1);

    create = create_request();
    snprintf(create.prefix, sizeof create.prefix, "\\bytes%sz\\share", name);
    ask(argv[2], &create, sizeof create, -1);

    create = create_request();
    snprintf(create.letter, sizeof create.letter, "*");
    snprintf(create.file_system_name, sizeof create.file_system_name, "a%sz", name);
    ask(argv[1], &create, sizeof create, -1);

    create = create_request();
    snprintf(create.letter, sizeof create.letter, "*");
    snprintf(create.source, sizeof create.source, "a%sz", name);
    ask(argv[1], &create, sizeof create, -1);

    create = create_request();
    create.flags = WIRE_CREATE_MOUNT_POINT_FD;
    int folder = make_folder(argv[3], name, "a");
    snprintf(create.mount_point, sizeof create.mount_point, "%s/a%sa", argv[3], name);
    if (folder >= 0)
        ask(argv[1], &create, sizeof create, folder);
    close(folder);

    folder = make_folder(argv[3], name, "b");
    struct wire_fusermount mount = fusermount_request("");
    snprintf(mount.mount_point, sizeof mount.mount_point, "%s/b%sb", argv[3], name);
    snprintf(mount.options, sizeof mount.options, "fsname=a%sz,subtype=b", name);
    if (folder >= 0)
        ask(argv[1], &mount, sizeof mount, folder);
    close(folder);
}

int main(int argc, char **argv) {
    if (argc != 4)
        errx(2, "usage: bytes DISK-SOCKET NET-SOCKET FOLDER");
    for (int byte = 1; byte < 256; byte++)
        try_name(argv, (const char[]){(char)byte, 0});
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
        try_name(argv, strange[i]);
    printf("made %u refused %u\n", made, refused);
    say_ready();
    pause();
    return 0;
}
