/* SPDX-License-Identifier: MIT */
/* Hard and symbolic links, FIFOs, sockets, device nodes. */
#include "posix-check.h"

#include <limits.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

static void link_hard(void) {
    put_file("a", "one file");
    struct stat before = stat_of("a");
    let_time_pass();
    OK(link("a", "b"));
    EQUAL(stat_of("a").st_nlink, 2);
    EQUAL(stat_of("b").st_ino, before.st_ino);
    EXPECT(is_before(before.st_ctim, stat_of("a").st_ctim));
    put_file("b", "changed");
    expect_file("a", "changed");
    OK(chmod("a", 0600));
    EQUAL(stat_of("b").st_mode & 0777, 0600);
    OK(unlink("a"));
    EQUAL(stat_of("b").st_nlink, 1);
    expect_file("b", "changed");
    OK(mkdir("d", 0777));
    FAILS(EEXIST, link("b", "d"));
    FAILS(EPERM, link("d", "e"));
    FAILS(ENOENT, link("a", "e"));
    FAILS(ENOENT, link("b", "x/e"));
    OK(symlink("b", "s"));
    OK(link("s", "t")); /* of the symbolic link itself */
    EXPECT(S_ISLNK(stat_of("t").st_mode));
    OK(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
    EXPECT(S_ISREG(stat_of("u").st_mode));
}

enum { LINKERS = 4, LINKS_TRIED = 70000 };

static struct linker {
    pthread_t thread;
    int number, made, error;
} linkers[LINKERS];

static void *make_links(void *argument) {
    struct linker *linker = argument;
    char name[24];
    while (linker->made < LINKS_TRIED / LINKERS) {
        snprintf(name, sizeof name, "%d.%d", linker->number, linker->made);
        if (link("f", name) < 0) {
            linker->error = errno;
            break;
        }
        linker->made++;
    }
    return NULL;
}

static void *remove_links(void *argument) {
    struct linker *linker = argument;
    char name[24];
    for (int i = 0; i < linker->made; i++) {
        snprintf(name, sizeof name, "%d.%d", linker->number, i);
        unlink(name);
    }
    return NULL;
}

/* Several at it: it is not about how fast one is. */
static void run_linkers(void *(*function)(void *)) {
    for (int i = 0; i < LINKERS; i++) {
        linkers[i].number = i;
        EQUAL(pthread_create(&linkers[i].thread, NULL, function, &linkers[i]), 0);
    }
    for (int i = 0; i < LINKERS; i++)
        pthread_join(linkers[i].thread, NULL);
}

/* As many links as the file system allows, then EMLINK. */
static void link_too_many(void) {
    int made = 0, refused = 0;
    put_file("f", "");
    long most = pathconf("f", _PC_LINK_MAX);
    run_linkers(make_links);
    for (int i = 0; i < LINKERS; i++) {
        if (linkers[i].error == ENOSPC)
            skip("the volume was made for fewer files (memfs -n)");
        EXPECT(linkers[i].error == 0 || linkers[i].error == EMLINK);
        refused += linkers[i].error == EMLINK;
        made += linkers[i].made;
    }
    EQUAL(stat_of("f").st_nlink, made + 1);
    if (refused > 0)
        EXPECT(made > 30000);
    else
        EXPECT(on_tmpfs() || most > LINKS_TRIED); /* which counts without a limit */
    run_linkers(remove_links);
    EQUAL(stat_of("f").st_nlink, 1);
}

static void link_symbolic(void) {
    char got[PATH_MAX + 1], target[PATH_MAX + 1];
    OK(symlink("target", "l"));
    EQUAL(readlink("l", got, sizeof got), 6);
    EXPECT(memcmp(got, "target", 6) == 0);
    EQUAL(readlink("l", got, 3), 3);
    EQUAL(stat_of("l").st_size, 6);
    EQUAL(stat_of("l").st_mode, S_IFLNK | 0777);
    FAILS(ENOENT, open("l", O_RDONLY));
    put_file("l", "through it");
    expect_file("target", "through it");
    FAILS(EEXIST, symlink("x", "l"));
    FAILS(EINVAL, readlink("target", got, sizeof got));
    FAILS(ENOENT, symlink("", "empty"));
    OK(symlink("b", "a"));
    OK(symlink("a", "b"));
    FAILS(ELOOP, open("a", O_RDONLY));
    memset(target, 't', sizeof target);
    target[PATH_MAX - 1] = '\0';
    OK(symlink(target, "long"));
    EQUAL(readlink("long", got, sizeof got), PATH_MAX - 1);
    EXPECT(memcmp(got, target, PATH_MAX - 1) == 0);
    OK(mkdir("d", 0777));
    OK(symlink("d", "to-d"));
    put_file("to-d/f", "x");
    expect_file("d/f", "x");
    FAILS(ENOTDIR, rmdir("to-d"));
    OK(unlink("to-d"));
    /* replaced, it must not be remembered */
    OK(unlink("l"));
    OK(symlink("other", "l"));
    EQUAL(readlink("l", got, sizeof got), 5);
}

static void special_fifo(void) {
    char got[8];
    OK(mkfifo("p", 0640));
    EQUAL(stat_of("p").st_mode, S_IFIFO | 0640);
    FAILS(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
    if (OK(fork()) == 0) {
        int fd = (int)OK(open("p", O_WRONLY));
        EQUAL(write(fd, "through", 7), 7);
        _exit(0);
    }
    int fd = (int)OK(open("p", O_RDONLY));
    EQUAL(read(fd, got, sizeof got), 7);
    EXPECT(memcmp(got, "through", 7) == 0);
    EQUAL(read(fd, got, sizeof got), 0);
    int status;
    OK(wait(&status));
    EQUAL(status, 0);
}

static void special_socket(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
    char got[8];
    int listener = (int)OK(socket(AF_UNIX, SOCK_STREAM, 0)), client = (int)OK(socket(AF_UNIX, SOCK_STREAM, 0));
    OK(bind(listener, (struct sockaddr *)&address, sizeof address));
    EXPECT(S_ISSOCK(stat_of("s").st_mode));
    OK(listen(listener, 1));
    OK(connect(client, (struct sockaddr *)&address, sizeof address));
    int server = (int)OK(accept(listener, NULL, NULL));
    EQUAL(write(client, "hello", 5), 5);
    EQUAL(read(server, got, sizeof got), 5);
    FAILS(ENXIO, open("s", O_RDWR));
    int another = (int)OK(socket(AF_UNIX, SOCK_STREAM, 0));
    FAILS(EADDRINUSE, bind(another, (struct sockaddr *)&address, sizeof address));
    OK(unlink("s"));
}

static void special_device(void) {
    need_root();
    struct statvfs volume;
    if (mknod("null", S_IFCHR | 0666, makedev(1, 3)) < 0 && errno == EPERM)
        skip("no device nodes may be made here");
    OK(statvfs(".", &volume));
    struct stat status = stat_of("null");
    EXPECT(S_ISCHR(status.st_mode));
    EQUAL(status.st_rdev, makedev(1, 3));
    if (volume.f_flag & ST_NODEV)
        FAILS(EACCES, open("null", O_RDWR));
    else
        EQUAL(write((int)OK(open("null", O_WRONLY)), "x", 1), 1);
    OK(mknod("large", S_IFBLK | 0600, makedev(259, 70000)));
    EQUAL(stat_of("large").st_rdev, makedev(259, 70000));
    EXPECT(S_ISBLK(stat_of("large").st_mode));
}

static void special_make_regular(void) {
    OK(mknod("f", S_IFREG | 0666, 0));
    EQUAL(stat_of("f").st_mode, S_IFREG | 0644);
    EQUAL(stat_of("f").st_size, 0);
    FAILS(EEXIST, mknod("f", S_IFIFO | 0666, 0));
    OK(mknod("g", 0600, 0));
    EXPECT(S_ISREG(stat_of("g").st_mode));
}

const struct check link_checks[] = {
    CHECK(link_hard),      CHECK(link_too_many),  CHECK(link_symbolic),        CHECK(special_fifo),
    CHECK(special_socket), CHECK(special_device), CHECK(special_make_regular), CHECKS_END,
};
