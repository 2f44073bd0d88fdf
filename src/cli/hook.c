/* SPDX-License-Identifier: MIT */
/*
 * `linfsp hook`: an OCI hook at createRuntime. The runtime (runc, crun) runs it with the container's state on standard
 * input, when the container's mounts are made, /dev among them, and before its root is changed to them; and waits for
 * its end. So a container has its /dev/linfsp before its first instruction.
 *
 * A runtime takes a hook's failure for the container's: nothing here fails. Whatever goes wrong is said on standard
 * error, the exit status is 0, and a timer ends the process where anything takes too long. The container is then found
 * as any other is.
 */
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "wire/connect.h"

#define LIMIT_MS 900 /* for everything */
#define STATE_MAX (1 << 20)
#define LATE "linfsp hook: the service does not answer in time; the container starts all the same\n"

static void on_late(int signal) {
    ssize_t written = write(STDERR_FILENO, LATE, sizeof LATE - 1);
    (void)written;
    _exit(0);
}

static void limit_time(void) {
    struct sigaction action = {.sa_handler = on_late};
    struct itimerval timer = {.it_value.tv_usec = LIMIT_MS * 1000};
    sigaction(SIGALRM, &action, NULL);
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm, NULL); /* a mask is inherited */
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void json_object_done(json_object **object) {
    json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_object_done)

/* The state is one JSON object, up to the end of the input. */
static json_object *read_state(void) {
    _cleanup_free_ char *text = malloc(STATE_MAX + 1);
    size_t size = 0;
    for (ssize_t got; text && size < STATE_MAX; size += (size_t)got) {
        got = read(STDIN_FILENO, text + size, STATE_MAX - size);
        if (got < 0 && errno != EINTR)
            return NULL;
        if (got == 0)
            break;
        if (got < 0)
            got = 0;
    }
    if (!text)
        return NULL;
    text[size] = '\0';
    json_object *state = json_tokener_parse(text);
    if (state && json_object_is_type(state, json_type_object))
        return state;
    json_object_put(state);
    return NULL;
}

static const char *text_member(json_object *object, const char *name) {
    json_object *member;
    return json_object_object_get_ex(object, name, &member) && json_object_is_type(member, json_type_string)
               ? json_object_get_string(member)
               : NULL;
}

/* Where the container's root is, by its bundle's configuration: relative to the bundle, unless it is absolute. */
static int find_root(const char *bundle, char *ret_path, size_t size) {
    char path[WIRE_PATH_MAX];
    json_object *root;
    if ((size_t)snprintf(path, sizeof path, "%s/config.json", bundle) >= sizeof path)
        return -ENAMETOOLONG;
    _cleanup_json_ json_object *config = json_object_from_file(path);
    if (!config || !json_object_is_type(config, json_type_object))
        return access(path, R_OK) < 0 ? -errno : -EBADMSG;
    const char *root_path =
        json_object_object_get_ex(config, "root", &root) && json_object_is_type(root, json_type_object)
            ? text_member(root, "path")
            : NULL;
    if (!root_path || !*root_path)
        return -ENODATA;
    int length = root_path[0] == '/' ? snprintf(ret_path, size, "%s", root_path)
                                     : snprintf(ret_path, size, "%s/%s", bundle, root_path);
    return (size_t)length >= size ? -ENAMETOOLONG : 0;
}

static int prepare(const struct verb *verb, uint32_t pid, const char *rootfs) {
    static union wire_message answer;
    struct wire_prepare_silo request;
    _cleanup_close_ int socket = -1;
    wire_begin(&request, WIRE_PREPARE_SILO, 1);
    request.pid = pid;
    if (WIRE_SET(request.rootfs, rootfs) < 0)
        return verb_fail(verb, "%s: this path is too long", rootfs);
    if (client_open(verb, &socket) < 0)
        return EXIT_FAILURE;
    if (client_call(socket, &request, NULL, 0, LIMIT_MS - 100, NULL, NULL, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    return 0;
}

static int handle_state(const struct verb *verb) {
    char rootfs[WIRE_PATH_MAX];
    json_object *pid;
    _cleanup_json_ json_object *state = read_state();
    if (!state)
        return verb_fail(verb, "standard input is not a container's state: a runtime runs this, as a hook");
    const char *bundle = text_member(state, "bundle");
    if (!json_object_object_get_ex(state, "pid", &pid) || json_object_get_int64(pid) <= 1 ||
        json_object_get_int64(pid) > INT32_MAX)
        return verb_fail(verb, "the state names no process: this is a hook for createRuntime");
    if (!bundle)
        return verb_fail(verb, "the state names no bundle");
    int r = find_root(bundle, rootfs, sizeof rootfs);
    if (r < 0)
        return verb_fail(verb, "cannot find the container's root by %s/config.json: %s", bundle, strerror(-r));
    return prepare(verb, (uint32_t)json_object_get_int64(pid), rootfs);
}

static int run(const struct verb *verb, int argc, char **argv) {
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return verb_show_help(verb);
    limit_time();
    if (argc > 1)
        verb_note(verb, "unexpected argument '%s'", argv[1]);
    if (handle_state(verb) != 0)
        verb_note(verb, "the container starts all the same");
    return 0;
}

const struct verb verb_hook = {
    .name = "hook",
    .summary = NULL,
    .help = "usage: linfsp hook < STATE\n\n"
            "For container runtimes, as an OCI hook at createRuntime: has the service put\n"
            "/dev/linfsp into a container before its entry point runs. Without it a\n"
            "container gets it within milliseconds of its start.\n\n"
            "STATE is what a runtime gives to its hooks, a JSON object with the members\n"
            "pid and bundle. It never fails and takes less than a second: where it can do\n"
            "nothing it says why, and the container starts all the same.\n\n"
            "It is not run by hand. `linfsp cdi` describes it to engines that know CDI,\n"
            "hooks.d/linfsp.json to podman and CRI-O, and linfsp-runtime adds it for the\n"
            "others.\n",
    .run = run,
};
