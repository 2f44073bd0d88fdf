/* SPDX-License-Identifier: MIT */
/*
 * `linfsp run`: a throw-away container by bubblewrap. Its root is a fresh tmpfs of its own, into which the host's
 * programs are bound read-only: by that own root the service knows a container, so binding the whole of / would not do.
 * The verb becomes bwrap, which runs `linfsp await`, which waits for the service's devices and becomes the command:
 * nothing of ours stays, and the exit status is the command's.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "util/paths.h"
#include "wire/connect.h"

#define ARGUMENTS_MAX 1024
#define BINDS_MAX 64
#define OURSELVES "/run/.linfsp" /* this program, inside */
#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" LINFSP_DEVICE_DIR "/bin"

struct container {
    const char *name;
    bool user_namespace, read_only, keep_capabilities, network;
    char *binds[BINDS_MAX]; /* SRC:DST[:ro] */
    size_t n_binds;
};

struct arguments {
    const char *items[ARGUMENTS_MAX + 1];
    size_t count;
    bool overflow;
};

static void add(struct arguments *to, const char *argument) {
    if (to->count < ARGUMENTS_MAX)
        to->items[to->count++] = argument;
    else
        to->overflow = true;
}

#define ADD(to, ...)                                                                                                   \
    do {                                                                                                               \
        static const char *const more_[] = {__VA_ARGS__};                                                              \
        for (size_t i_ = 0; i_ < ARRAY_SIZE(more_); i_++)                                                              \
            add(to, more_[i_]);                                                                                        \
    } while (0)

static char *keep(const char *text) {
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

/* The host's programs. What is a symbolic link there (/bin to usr/bin) is the same link inside. */
static void add_host_folders(struct arguments *to) {
    static const char *const links[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    ADD(to, "--ro-bind", "/usr", "/usr");
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        char target[PATH_MAX];
        struct stat status;
        if (lstat(links[i], &status) < 0)
            continue;
        ssize_t length = readlink(links[i], target, sizeof target - 1);
        if (length > 0)
            target[length] = '\0';
        add(to, length > 0 ? "--symlink" : "--ro-bind");
        add(to, length > 0 ? keep(target) : links[i]);
        add(to, links[i]);
    }
    ADD(to, "--ro-bind", "/etc", "/etc", "--ro-bind-try", "/opt", "/opt", "--ro-bind-try", "/nix", "/nix");
}

/* Returns 0 or, where a bind cannot be understood, its index + 1. */
static size_t add_binds(struct arguments *to, const struct container *container) {
    for (size_t i = 0; i < container->n_binds; i++) {
        char *source = container->binds[i], *target = strchr(source, ':');
        if (!target || target == source || target[1] != '/')
            return i + 1;
        *target++ = '\0';
        char *mode = strchr(target, ':');
        bool read_only = mode && strcmp(mode, ":ro") == 0;
        if (mode && !read_only)
            return i + 1;
        if (mode)
            *mode = '\0';
        add(to, read_only ? "--ro-bind" : "--bind");
        add(to, source);
        add(to, target);
    }
    return 0;
}

static size_t add_container(struct arguments *to, const struct container *container, const char *home) {
    ADD(to, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent");
    if (!container->network)
        add(to, "--unshare-net");
    if (container->user_namespace)
        add(to, "--unshare-user");
    add(to, "--hostname");
    add(to, container->name);
    if (!container->keep_capabilities)
        ADD(to, "--cap-drop", "ALL");
    add_host_folders(to);
    ADD(to, "--dev", "/dev", "--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp", "--tmpfs", "/run", "--dir",
        "/mnt", "--dir", "/home", "--dir", "/var", "--perms", "1777", "--dir", "/var/tmp", "--symlink", "../run",
        "/var/run", "--dir");
    add(to, home);
    size_t wrong = add_binds(to, container);
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    add(to, "--ro-bind");
    add(to, keep(self));
    add(to, OURSELVES);
    ADD(to, "--chdir", "/");
    if (container->read_only)
        ADD(to, "--remount-ro", "/");
    return wrong;
}

/* Little goes in of the environment, as with any container. */
static char **make_environment(const char *home) {
    static char *environment[8];
    size_t count = 0;
    char text[PATH_MAX + 16];
    const char *term = getenv("TERM"), *language = getenv("LANG");
    environment[count++] = keep("PATH=" SEARCH_PATH);
    environment[count++] = keep("container=bubblewrap");
    snprintf(text, sizeof text, "HOME=%s", home);
    environment[count++] = keep(text);
    if (term && (size_t)snprintf(text, sizeof text, "TERM=%s", term) < sizeof text)
        environment[count++] = keep(text);
    if (language && (size_t)snprintf(text, sizeof text, "LANG=%s", language) < sizeof text)
        environment[count++] = keep(text);
    return environment;
}

static bool service_runs(void) {
    _cleanup_close_ int socket = -1;
    return client_open_quietly(&socket) == 0;
}

static const char *default_shell(void) {
    const char *shell = getenv("SHELL");
    return shell && strncmp(shell, "/usr/", 5) != 0 && strncmp(shell, "/bin/", 5) != 0 ? "/bin/sh"
           : shell                                                                     ? shell
                                                                                       : "/bin/sh";
}

static int run_container(const struct verb *verb, const struct container *container, char **command) {
    char bubblewrap[PATH_MAX];
    if (program_find("bwrap", bubblewrap, sizeof bubblewrap) < 0)
        return verb_fail(verb, "bubblewrap (bwrap) is not installed; as root: apt install bubblewrap"), 125;
    static struct arguments arguments;
    const char *home = getuid() == 0 ? "/root" : "/home/user";
    add(&arguments, bubblewrap);
    size_t wrong = add_container(&arguments, container, home);
    if (wrong > 0) {
        verb_fail(verb, "--bind '%s': it takes SOURCE:TARGET or SOURCE:TARGET:ro, TARGET an absolute path",
                  container->binds[wrong - 1]);
        return verb_usage(verb), 125;
    }
    ADD(&arguments, "--", OURSELVES, "await");
    if (!service_runs()) {
        verb_note(verb,
                  "the LinFsp service does not run: this container has no /dev/linfsp (start it, as root, by: %s)",
                  LINFSP_START_COMMAND);
        ADD(&arguments, "--timeout", "0");
    }
    add(&arguments, "--");
    if (!*command)
        add(&arguments, keep(default_shell()));
    for (; *command; command++)
        add(&arguments, *command);
    if (arguments.overflow)
        return verb_fail(verb, "there are too many arguments"), 125;
    fflush(NULL);
    execve(bubblewrap, (char *const *)(uintptr_t)arguments.items, make_environment(home));
    return verb_fail(verb, "cannot run %s: %s", bubblewrap, strerror(errno)), 125;
}

static int run(const struct verb *verb, int argc, char **argv) {
    enum { BIND = 256, KEEP, NAME, NETWORK, READ_ONLY, USERS };
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"bind", required_argument, NULL, BIND},
                                            {"keep-caps", no_argument, NULL, KEEP},
                                            {"name", required_argument, NULL, NAME},
                                            {"network", no_argument, NULL, NETWORK},
                                            {"read-only", no_argument, NULL, READ_ONLY},
                                            {"user-namespace", no_argument, NULL, USERS},
                                            {0}};
    struct container container = {.name = "linfsp-run"};
    for (int c; (c = getopt_long(argc, argv, "+h", options, NULL)) != -1;) {
        if (c == 'h')
            return verb_show_help(verb);
        if (c == BIND && container.n_binds == BINDS_MAX)
            return verb_fail(verb, "there are too many binds"), 125;
        if (c == BIND)
            container.binds[container.n_binds++] = optarg;
        else if (c == KEEP)
            container.keep_capabilities = true;
        else if (c == NAME)
            container.name = optarg;
        else if (c == NETWORK)
            container.network = true;
        else if (c == READ_ONLY)
            container.read_only = true;
        else if (c == USERS)
            container.user_namespace = true;
        else
            return verb_usage(verb), 125;
    }
    if (container.name[0] == '\0' || strlen(container.name) > 64)
        return verb_fail(verb, "--name '%s': it takes 1 to 64 characters", container.name), 125;
    return run_container(verb, &container, argv + optind);
}

const struct verb verb_run = {
    .name = "run",
    .summary = "run a command in a throw-away container (bubblewrap)",
    .help = "usage: linfsp run [OPTION...] [--] [COMMAND [ARGUMENT...]]\n\n"
            "Runs COMMAND (else a shell) in a new container without Docker: own processes,\n"
            "host name, network, /dev, /tmp, /run and an empty root, with the host's /usr,\n"
            "/etc and /opt read-only. No capabilities. All of it is gone afterwards. The\n"
            "exit status is the command's, 125 where there was no container. It is meant\n"
            "for trying file systems and for tests, not as a wall against hostile programs.\n\n"
            "      --bind SRC:DST[:ro]  the host's SRC is seen at DST\n"
            "      --keep-caps          keep root's capabilities inside\n"
            "      --name NAME          host name of the container\n"
            "      --network            share the host's network\n"
            "      --read-only          the root cannot be written\n"
            "      --user-namespace     user ids of its own (always so for an ordinary user)\n\n"
            "examples:\n"
            "  linfsp run\n"
            "  linfsp run sh -c 'memfs -i -F NTFS -m Z: & sleep 1; ls -ld /mnt/z'\n"
            "  linfsp run --bind \"$PWD:/src\" --name build -- make -C /src\n",
    .run = run,
};
