/* SPDX-License-Identifier: MIT */
/*
 * Clients that stop (SIGSTOP) as soon as they have sent a request, and never read what is answered:
 *
 *     still SOCKET COUNT FOLDER      so many for each type of request, and as many that have sent nothing
 *
 * FOLDER: where mounts are asked for, each on a folder of its own. Prints "ready" when all have stopped. Ends with
 * SIGTERM, and they with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client.h"

#define FIRST WIRE_CREATE_VOLUME
#define LAST WIRE_HAND_OVER
#define CHILDREN_MAX 1024

static union {
    struct wire_header header;
    struct wire_create_volume create;
    struct wire_fusermount fusermount;
    struct wire_unmount unmount;
    struct wire_resolve_prefix resolve;
    struct wire_share share;
    struct wire_take_over take_over;
    char room[WIRE_MESSAGE_MAX];
} message;

/* A request that the service does something for, with descriptor FOLDER where it takes one. Returns its size. */
static size_t fill(int type, int number, bool *ret_folder) {
    memset(&message, 0, sizeof message);
    size_t size = sizeof(struct wire_plain);
    *ret_folder = type == WIRE_FUSERMOUNT || type == WIRE_OPEN_BACKING || type == WIRE_CLOSE_BACKING;
    switch (type) {
    case WIRE_CREATE_VOLUME:
        message.create = create_request();
        snprintf(message.create.prefix, sizeof message.create.prefix, "\\still\\%d", number);
        size = sizeof message.create;
        break;
    case WIRE_FUSERMOUNT:
        message.fusermount = fusermount_request("/tmp/still");
        size = sizeof message.fusermount;
        break;
    case WIRE_ATTACH_VOLUME:
        size = sizeof(struct wire_attach_volume);
        break;
    case WIRE_UNMOUNT:
        snprintf(message.unmount.target, sizeof message.unmount.target, "/tmp/still");
        size = sizeof message.unmount;
        break;
    case WIRE_RESOLVE_PREFIX:
        snprintf(message.resolve.prefix, sizeof message.resolve.prefix, "\\still\\%d", number);
        size = sizeof message.resolve;
        break;
    case WIRE_OPEN_BACKING:
        size = sizeof(struct wire_open_backing);
        break;
    case WIRE_CLOSE_BACKING:
        size = sizeof(struct wire_close_backing);
        break;
    case WIRE_SHARE:
    case WIRE_UNSHARE:
        snprintf(message.share.prefix, sizeof message.share.prefix, "\\still\\late");
        size = sizeof message.share;
        break;
    case WIRE_PREPARE_SILO:
        size = sizeof(struct wire_prepare_silo);
        break;
    case WIRE_ASK_POLICY:
        size = sizeof(struct wire_ask_policy);
        break;
    case WIRE_OFFER_CLASSES:
        size = sizeof(struct wire_offer_classes);
        break;
    case WIRE_START_FAILED:
        size = sizeof(struct wire_start);
        break;
    case WIRE_TAKE_OVER:
    case WIRE_HAND_OVER:
        snprintf(message.take_over.target, sizeof message.take_over.target, "\\still\\%d", number);
        size = sizeof message.take_over;
        break;
    default:
        break;
    }
    message.header = (struct wire_header){
        .magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = (uint16_t)type, .size = (uint32_t)size, .serial = 1};
    return size;
}

static _Noreturn void be_still(const char *path, int type, int number, int folder) {
    bool with_folder;
    size_t size = fill(type, number, &with_folder);
    char name[32];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(name, sizeof name, "%d-%d", (int)getpid(), number);
    if (with_folder && mkdirat(folder, name, 0755) == 0)
        folder = openat(folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < 200;
         tries++) /* a service that has enough of this silo refuses for a moment */
        if ((fd = try_connect(path)) < 0)
            usleep(20000);
    if (fd >= 0 && type >= FIRST)
        (void)send_fds(fd, &message, size, &folder, with_folder);
    for (;;)
        raise(SIGSTOP);
}

int main(int argc, char **argv) {
    pid_t children[CHILDREN_MAX];
    size_t count = 0;
    if (argc != 4)
        errx(2, "usage: still SOCKET COUNT FOLDER");
    int folder = open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        err(1, "%s", argv[3]);
    for (int type = FIRST - 1; type <= LAST; type++)
        for (int i = 0; i < atoi(argv[2]) && count < CHILDREN_MAX; i++, count++)
            if ((children[count] = fork()) == 0)
                be_still(argv[1], type, (int)count, folder);
    for (size_t i = 0; i < count; i++)
        (void)waitpid(children[i], NULL, WUNTRACED);
    say_ready();
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    (void)sigwaitinfo(&end, NULL);
    for (size_t i = 0; i < count; i++)
        (void)kill(children[i], SIGKILL);
    return 0;
}
