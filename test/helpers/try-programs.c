/* SPDX-License-Identifier: MIT */
/*
 * Tries FUSE programs in a container, as a user would, and prints a line for each: its name, a tab, and "works" or why
 * not.
 *
 *     try-programs FOLDER [NAME...]        the programs of these names, all without; it works in FOLDER, which is made
 *     try-programs --list                  names, a tab, and what they speak FUSE with
 *
 * Each program is started in the foreground on a directory of its own, all of them at once. Of each the mount must
 * appear, a file must read "hello" through it, where it can be written to a new file must be written, read and removed;
 * then `fusermount3 -u` must unmount it, and the program end. Programs find what they serve in /srv (fuse-image makes
 * it). It needs no shell and no library: it runs in any image. s3fs has its bucket from a thread that speaks as much of
 * S3's protocol as that takes.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PATIENCE_MS 15000
#define WORDS 16

/* In arguments @ stands for the mount point, % for a directory of the program's own, ^ for the S3 server's address. */
static const struct program {
    const char *name, *family;
    bool writes;
    const char *file; /* that says hello, below the mount point; NULL: the new one only */
    const char *before[WORDS];
    const char *command[WORDS];
} programs[] = {
    {"bindfs", "libfuse 2", true, "file", {NULL}, {"bindfs", "-f", "%/source", "@"}},
    {"unionfs", "libfuse 2", true, "file", {NULL}, {"unionfs", "-f", "-o", "cow", "%/upper=RW:/srv/source=RO", "@"}},
    {"encfs", "libfuse 2", true, NULL, {NULL}, {"encfs", "-f", "--standard", "--stdinpass", "%/cipher", "@"}},
    {"archivemount",
     "libfuse 2",
     false,
     "file",
     {NULL},
     {"archivemount", "-f", "-o", "readonly", "/srv/source.tar", "@"}},
    {"fuse2fs", "libfuse 2", false, "file", {NULL}, {"fuse2fs", "-f", "-o", "ro", "/srv/image.ext2", "@"}},
    {"fuse-zip", "libfuse 2", false, "file", {NULL}, {"fuse-zip", "-f", "-r", "/srv/source.zip", "@"}},
    {"s3fs",
     "libfuse 2",
     false,
     "file",
     {NULL},
     {"s3fs", "-f", "-o", "url=http://^,use_path_request_style,passwd_file=%/password,ro", "bucket", "@"}},
    {"sshfs",
     "libfuse 3",
     true,
     "file",
     {NULL},
     {"sshfs", "-f", "-o", "ssh_command=/usr/bin/fake-ssh", "host:%/source", "@"}},
    {"squashfuse", "libfuse 3", false, "file", {NULL}, {"squashfuse", "-f", "/srv/image.squashfs", "@"}},
    {"fuse-overlayfs",
     "libfuse 3",
     true,
     "file",
     {NULL},
     {"fuse-overlayfs", "-f", "-o", "lowerdir=/srv/source,upperdir=%/upper,workdir=%/work", "@"}},
    {"mergerfs",
     "libfuse, a copy of its own",
     true,
     "file",
     {NULL},
     {"mergerfs", "-f", "-o", "category.create=ff", "%/source:/srv/source", "@"}},
    {"gocryptfs",
     "go-fuse",
     true,
     NULL,
     {"gocryptfs", "-q", "-init", "-plaintextnames", "-scryptn", "10", "-passfile", "/srv/password", "%/cipher"},
     {"gocryptfs", "-q", "-fg", "-passfile", "/srv/password", "%/cipher", "@"}},
    {"rclone", "bazil", true, "file", {NULL}, {"rclone", "mount", "--config", "/dev/null", ":local:%/source", "@"}},
    {"restic",
     "bazil",
     false,
     "snapshots/latest/srv/source/file",
     {NULL},
     {"restic", "-q", "-r", "/srv/restic", "--password-file", "/srv/password", "--no-lock", "--no-cache", "mount",
      "@"}},
    {"ntfs-3g", "mount(2) alone", false, "file", {NULL}, {"ntfs-3g", "-o", "no_detach,ro", "/srv/image.ntfs", "@"}},
    {"static-fuse2", "libfuse 2, static", false, "file", {NULL}, {"static-fuse2", "-f", "@"}},
    {"static-fuse3", "libfuse 3, static", false, "file", {NULL}, {"static-fuse3", "-f", "@"}},
};

static struct trial {
    bool wanted, failed;
    pid_t pid;
    char at[256], own[256], log[256];
} trials[COUNT(programs)];

static char server[32]; /* the S3 server's address */

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void rest(void) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static int write_file(const char *path, const char *text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    ssize_t done = write(fd, text, strlen(text));
    int r = close(fd) < 0 ? -errno : 0;
    return done < 0 ? -errno : r;
}

static int read_file(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, text, size - 1);
    int r = length < 0 ? -errno : 0;
    close(fd);
    text[length < 0 ? 0 : length] = 0;
    return r;
}

/* ---- a bucket with one object, "file" -------------------------------------------------------------------------- */

static void answer(int client, const char *kind, const char *body, bool head) {
    char text[2048];
    int length = snprintf(
        text, sizeof text,
        "HTTP/1.1 %s\r\nContent-Length: %zu\r\nContent-Type: %s\r\nETag: \"b1946ac92492d2347c6235b4d2611184\"\r\n"
        "Last-Modified: Sun, 01 Jan 2023 00:00:00 GMT\r\nConnection: close\r\n\r\n%s",
        kind[0] == '4' ? kind : "200 OK", strlen(body), kind[0] == '4' ? "text/plain" : kind, head ? "" : body);
    (void)!write(client, text, (size_t)length);
}

static void serve_one(int client) {
    static const char list[] =
        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>"
        "<Prefix></Prefix><Marker></Marker><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents><Key>file</"
        "Key>"
        "<LastModified>2023-01-01T00:00:00.000Z</LastModified><ETag>\"b1946ac92492d2347c6235b4d2611184\"</"
        "ETag><Size>6</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>";
    char request[8192] = "";
    size_t length = 0;
    ssize_t more;
    while (!strstr(request, "\r\n\r\n") && length < sizeof request - 1 &&
           (more = read(client, request + length, sizeof request - 1 - length)) > 0)
        request[length += (size_t)more] = 0;
    bool head = strncmp(request, "HEAD ", 5) == 0;
    const char *path = strchr(request, ' ');
    if (!path)
        return;
    if (strncmp(path, " /bucket/file ", 14) == 0 || strncmp(path, " /bucket/file?", 14) == 0)
        answer(client, "binary/octet-stream", "hello\n", head);
    else if (!head && (strncmp(path, " /bucket/?", 10) == 0 || strncmp(path, " /bucket/ ", 10) == 0))
        answer(client, "application/xml", list, false);
    else
        answer(client, "404 Not Found", "", head);
}

static void *serve(void *listener) {
    for (;;) {
        int client = accept4(*(int *)listener, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) {
            serve_one(client);
            shutdown(client, SHUT_WR);
            close(client);
        }
    }
    return NULL;
}

/* Some engines leave even the loopback interface down. */
static void bring_up_loopback(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && !(request.ifr_flags & IFF_UP)) {
        request.ifr_flags |= IFF_UP;
        (void)ioctl(fd, SIOCSIFFLAGS, &request);
    }
    if (fd >= 0)
        close(fd);
}

static int start_server(void) {
    static int listener;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    pthread_t thread;
    bring_up_loopback();
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 16) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    snprintf(server, sizeof server, "127.0.0.1:%d", ntohs(address.sin_port));
    return -pthread_create(&thread, NULL, serve, &listener);
}

/* ---- a program ------------------------------------------------------------------------------------------------- */

static void expand(const char *word, const struct trial *trial, char *text, size_t size) {
    size_t length = 0;
    text[0] = 0;
    for (; *word && length < size - 1; word++) {
        const char *part = *word == '@' ? trial->at : *word == '%' ? trial->own : *word == '^' ? server : NULL;
        if (part)
            snprintf(text + length, size - length, "%s", part);
        else
            snprintf(text + length, size - length, "%c", *word);
        length = strlen(text);
    }
}

static _Noreturn void become(const char *const *words, const struct trial *trial) {
    static char texts[WORDS][1024];
    char *arguments[WORDS + 1] = {NULL};
    int input = open("/srv/password", O_RDONLY), log = open(trial->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (input < 0)
        input = open("/dev/null", O_RDONLY);
    dup2(input, 0);
    dup2(log, 1);
    dup2(log, 2);
    for (int i = 0; i < WORDS && words[i]; i++) {
        expand(words[i], trial, texts[i], sizeof texts[i]);
        arguments[i] = texts[i];
    }
    execvp(arguments[0], arguments);
    if (errno == ENOENT) {
        char here[64];
        snprintf(here, sizeof here, "/dev/linfsp/bin/%s", arguments[0]);
        if (strncmp(arguments[0], "fusermount", 10) == 0)
            execv(here, arguments);
        errno = ENOENT;
    }
    dprintf(2, errno == ENOENT ? "not in this image\n" : "cannot be run: %s\n", strerror(errno));
    _exit(127);
}

static pid_t launch(const char *const *words, const struct trial *trial) {
    pid_t pid = fork();
    if (pid == 0)
        become(words, trial);
    return pid;
}

static bool ended(struct trial *trial) {
    return trial->pid <= 0 || waitpid(trial->pid, NULL, WNOHANG) != 0;
}

static bool mounted(const char *at) {
    static char line[4096];
    char wanted[300];
    bool found = false;
    snprintf(wanted, sizeof wanted, " %s ", at);
    FILE *table = fopen("/proc/self/mounts", "re");
    while (table && fgets(line, sizeof line, table))
        found = found || (strstr(line, wanted) && strstr(line, " fuse"));
    if (table)
        fclose(table);
    return found;
}

static int run(const char *const *words, const struct trial *trial) {
    int status = 0;
    pid_t pid = launch(words, trial);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -errno;
    return status;
}

static void start(size_t i, const char *folder) {
    static const char *const folders[] = {"source", "upper", "work", "cipher"};
    const struct program *program = &programs[i];
    struct trial *trial = &trials[i];
    char path[512];
    snprintf(trial->at, sizeof trial->at, "%s/%s", folder, program->name);
    snprintf(trial->own, sizeof trial->own, "%s/%s.own", folder, program->name);
    snprintf(trial->log, sizeof trial->log, "%s/%s.log", folder, program->name);
    mkdir(trial->at, 0755);
    mkdir(trial->own, 0755);
    for (size_t n = 0; n < COUNT(folders); n++) {
        snprintf(path, sizeof path, "%s/%s", trial->own, folders[n]);
        mkdir(path, 0755);
    }
    snprintf(path, sizeof path, "%s/source/file", trial->own);
    (void)write_file(path, "hello\n", 0644);
    snprintf(path, sizeof path, "%s/password", trial->own);
    (void)write_file(path, "key:secret\n", 0600);
    if (program->before[0] && run(program->before, trial) != 0)
        return;
    trial->pid = launch(program->command, trial);
}

/* ---- what is to be seen of it ---------------------------------------------------------------------------------- */

/* The last line that it printed: why it gave up, mostly. */
static const char *last_words(const struct trial *trial) {
    static char text[8192];
    if (read_file(trial->log, text, sizeof text) < 0 || !text[0])
        return "it said nothing";
    char *end = text + strlen(text);
    while (end > text && (end[-1] == '\n' || end[-1] == ' '))
        *--end = 0;
    char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

static int reads_hello(const char *path) {
    char text[64];
    int r = read_file(path, text, sizeof text);
    return r < 0 ? r : strcmp(text, "hello\n") == 0 ? 0 : -EBADMSG;
}

static int look(const struct program *program, const struct trial *trial) {
    char path[512];
    int r = 0;
    if (program->file) {
        snprintf(path, sizeof path, "%s/%s", trial->at, program->file);
        r = reads_hello(path);
    }
    if (r < 0 || !program->writes)
        return r;
    snprintf(path, sizeof path, "%s/new-%s-%d", trial->at, program->name, (int)getpid());
    if ((r = write_file(path, "hello\n", 0644)) < 0 || (r = reads_hello(path)) < 0)
        return r;
    return unlink(path) < 0 ? -errno : 0;
}

static bool wait_for(bool (*condition)(struct trial *), struct trial *trial) {
    for (long end = now_ms() + PATIENCE_MS; !condition(trial); rest())
        if (now_ms() > end)
            return false;
    return true;
}

static bool is_mounted_or_ended(struct trial *trial) {
    return mounted(trial->at) || ended(trial);
}

static bool is_unmounted(struct trial *trial) {
    return !mounted(trial->at);
}

/* Prints the line; returns whether the program works. */
static bool judge(size_t i) {
    const struct program *program = &programs[i];
    struct trial *trial = &trials[i];
    const char *unmount[] = {"fusermount3", "-u", trial->at, NULL};
    bool waited = wait_for(is_mounted_or_ended, trial);
    int r;
    if (!mounted(trial->at)) {
        printf("%s\t%s%s\n", program->name, waited ? "" : "no mount appeared: ", last_words(trial));
        return false;
    }
    if ((r = look(program, trial)) < 0) {
        printf("%s\twhat it mounts does not work: %s\n", program->name, strerror(-r));
        return false;
    }
    if (run(unmount, trial) != 0 || !wait_for(is_unmounted, trial)) {
        printf("%s\tcannot be unmounted: %s\n", program->name, last_words(trial));
        return false;
    }
    if (!wait_for(ended, trial)) {
        printf("%s\tdoes not end when it is unmounted\n", program->name);
        return false;
    }
    printf("%s\tworks\n", program->name);
    return true;
}

static bool is_wanted(const char *name, char **names) {
    if (!*names)
        return true;
    while (*names)
        if (strcmp(*names++, name) == 0)
            return true;
    return false;
}

/* As an entry point this may be ahead of the service, which a program of a user's is not, or has a hook for
 * (docs/engines.md). */
static void await_device(void) {
    for (long end = now_ms() + 2000; access("/dev/fuse", F_OK) < 0 && now_ms() < end;)
        rest();
}

static int list(void) {
    for (size_t i = 0; i < COUNT(programs); i++)
        printf("%s\t%s\n", programs[i].name, programs[i].family);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "--list") == 0)
        return list();
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    setenv("HOME", argv[1], 1);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
    umask(022);
    if ((mkdir(argv[1], 0755) < 0 && errno != EEXIST) || start_server() < 0) {
        perror(argv[1]);
        return 2;
    }
    await_device();
    for (size_t i = 0; i < COUNT(programs); i++)
        if ((trials[i].wanted = is_wanted(programs[i].name, argv + 2)))
            start(i, argv[1]);
    for (size_t i = 0; i < COUNT(programs); i++)
        if (trials[i].wanted)
            trials[i].failed = !judge(i);
    for (size_t i = 0; i < COUNT(programs); i++)
        if (trials[i].wanted && trials[i].pid > 0 && trials[i].failed)
            kill(trials[i].pid, SIGKILL);
    return 0;
}
