/* SPDX-License-Identifier: MIT */
/* `linfsp stop`: the service takes down all that it made; the verb returns when its process is gone. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "util/paths.h"
#include "wire/connect.h"

#define STOP_TIMEOUT_MS 60000
#define GONE_TIMEOUT_MS 10000
#define UNIT "linfspd.service"

static int await_end(const struct verb *verb, int pidfd, uint32_t pid) {
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    if (pidfd < 0)
        return 0;
    int ready;
    do
        ready = poll(&wait, 1, GONE_TIMEOUT_MS);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return verb_fail(verb, "the service took everything down, but its process %u does not end", pid);
    return 0;
}

/* Where systemd started it, systemd has to know that it is meant to end. */
static bool stopped_by_systemd(int *ret_status) {
    char path[4096], text[256];
    if (!systemd_has_unit(UNIT) || program_find("systemctl", path, sizeof path) < 0 ||
        program_ask((char *[]){path, "is-active", "--quiet", UNIT, NULL}, CLIENT_TIMEOUT_MS, text, sizeof text) != 0)
        return false;
    *ret_status = program_run((char *[]){path, "stop", UNIT, NULL});
    return true;
}

static int run(const struct verb *verb, int argc, char **argv) {
    int status = verb_simple_options(verb, argc, argv, NULL);
    if (status >= 0)
        return status;
    _cleanup_close_ int socket = -1, pidfd = -1;
    int result = client_open_quietly(&socket);
    if (wire_in_container())
        return verb_fail(verb,
                         "this is a container; the LinFsp service is stopped on the host, as root, by: linfsp stop");
    if (result == -ENODEV) {
        printf("the service is not running\n");
        return 0;
    }
    if (result < 0)
        return verb_fail(verb, "cannot connect to the service: %s", strerror(-result));
    if (geteuid() != 0)
        return verb_fail(verb, "the service is stopped by root: sudo linfsp stop");
    if (stopped_by_systemd(&status))
        return status == 0 ? 0 : verb_fail(verb, "systemd could not stop it; see: journalctl -u linfspd");
    static union wire_message answer;
    if (client_status(socket, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    uint32_t pid = answer.status.pid;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct wire_plain request;
    wire_begin(&request, WIRE_STOP, 2);
    result = client_call(socket, &request, NULL, 0, STOP_TIMEOUT_MS, NULL, NULL, &answer);
    if (result < 0 && result != -ECONNRESET) /* it may end before it has answered */
        return verb_fail(verb, "%s", answer.error.message);
    status = await_end(verb, pidfd, pid);
    if (status == 0)
        printf("linfspd stopped\n");
    return status;
}

const struct verb verb_stop = {
    .name = "stop",
    .summary = "stop the service: every volume is unmounted",
    .help = "usage: linfsp stop\n\n"
            "Unmounts every volume, takes /dev/linfsp out of every container and ends the\n"
            "service. File systems that were served end too; containers run on. Returns\n"
            "when all is gone. Where no service runs, there is nothing to do.\n\n"
            "examples:\n"
            "  sudo linfsp stop\n"
            "  sudo linfsp stop && sudo linfsp start\n",
    .run = run,
};
