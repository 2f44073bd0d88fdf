/* SPDX-License-Identifier: MIT */
/* Asking the launcher. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/launcher.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

#define ANSWER_SECONDS 30

void launch_address(uid_t uid, struct sockaddr_un *ret_address) {
    const char *runtime = uid == geteuid() ? getenv("XDG_RUNTIME_DIR") : NULL;
    size_t size = sizeof ret_address->sun_path;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (uid == 0)
        snprintf(ret_address->sun_path, size, "/run/linfsp-launcher.sock");
    else if (runtime && strlen(runtime) < size - 32)
        snprintf(ret_address->sun_path, size, "%s/linfsp-launcher.sock", runtime);
    else
        snprintf(ret_address->sun_path, size, "/tmp/linfsp-launcher-%u.sock", (unsigned)uid);
}

/* In /tmp anybody may have made the socket: whoever listens must be that user. */
static int connect_to(uid_t uid, int *ret_socket) {
    struct sockaddr_un address;
    struct ucred peer;
    socklen_t size = sizeof peer;
    struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    launch_address(uid, &address);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -errno;
    if (peer.uid != uid)
        return -EPERM;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    *ret_socket = steal_fd(&fd);
    return 0;
}

static int connect_to_any(int *ret_socket) {
    uid_t own = geteuid();
    int r = connect_to(own, ret_socket);
    return r < 0 && own != 0 ? connect_to(0, ret_socket) : r;
}

/* Puts an argument behind the others. False: there is no room. */
static bool put(WCHAR *message, size_t *units, PCWSTR text, ULONG length) {
    size_t n = length == (ULONG)-1 ? fsp_wide_length(text) : length;
    if (n >= LAUNCH_MESSAGE_UNITS - *units)
        return false;
    memcpy(message + *units, text, n * sizeof *message);
    *units += n;
    message[(*units)++] = 0;
    return true;
}

/* The decimal number behind a '!'. */
static ULONG error_of(const WCHAR *text, size_t units) {
    ULONG error = 0;
    for (size_t i = 0; i < units && text[i] >= '0' && text[i] <= '9'; i++)
        error = error * 10 + (ULONG)(text[i] - '0');
    return error ? error : ERROR_INVALID_FUNCTION;
}

/* What an answer says. Buffer's size is in bytes. */
static NTSTATUS take_answer(const WCHAR *answer, size_t units, PWSTR buffer, PULONG size, PULONG ret_error) {
    ULONG room = size ? *size : 0, used = (ULONG)((units - 1) * sizeof(WCHAR));
    if (size)
        *size = 0;
    if (answer[0] == FspLaunchCmdFailure) {
        *ret_error = error_of(answer + 1, units - 1);
        return STATUS_SUCCESS;
    }
    if (answer[0] != FspLaunchCmdSuccess)
        return STATUS_INTERNAL_ERROR;
    *ret_error = ERROR_SUCCESS;
    if (!buffer)
        return STATUS_SUCCESS;
    if (used > room) {
        *ret_error = ERROR_MORE_DATA;
        return STATUS_SUCCESS;
    }
    memcpy(buffer, answer + 1, used);
    if (size)
        *size = used;
    return STATUS_SUCCESS;
}

static NTSTATUS ask(WCHAR *message, size_t units, PWSTR buffer, PULONG size, PULONG ret_error) {
    _cleanup_close_ int fd = -1;
    int r = connect_to_any(&fd);
    if (r == -ENOENT || r == -ECONNREFUSED)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (r < 0)
        return fsp_status_from_errno(r);
    if (send(fd, message, units * sizeof *message, MSG_NOSIGNAL) < 0)
        return fsp_status_from_errno(-errno);
    ssize_t n = recv(fd, message, LAUNCH_MESSAGE_UNITS * sizeof *message, 0);
    if (n < 0)
        return errno == EAGAIN ? STATUS_IO_TIMEOUT : fsp_status_from_errno(-errno);
    return n < (ssize_t)sizeof *message ? STATUS_INTERNAL_ERROR
                                        : take_answer(message, (size_t)n / sizeof *message, buffer, size, ret_error);
}

/* NOLINTBEGIN(readability-non-const-parameter): the types are the API's */

NTSTATUS FSP_ABI FspLaunchCallLauncherPipeEx(WCHAR Command, ULONG Argc, PWSTR *Argv, ULONG *Argl, PWSTR Buffer,
                                             PULONG PSize, BOOLEAN AllowImpersonation _unused_, PULONG PLauncherError) {
    size_t units = 1;
    if (!PLauncherError || (Argc > 0 && !Argv))
        return STATUS_INVALID_PARAMETER;
    *PLauncherError = ERROR_SUCCESS;
    _cleanup_free_ WCHAR *message = malloc(LAUNCH_MESSAGE_UNITS * sizeof *message);
    if (!message)
        return STATUS_INSUFFICIENT_RESOURCES;
    message[0] = Command;
    for (ULONG i = 0; i < Argc; i++)
        if (Argv[i] && !put(message, &units, Argv[i], Argl ? Argl[i] : (ULONG)-1))
            return STATUS_INVALID_PARAMETER;
    return ask(message, units, Buffer, PSize, PLauncherError);
}

NTSTATUS FSP_ABI FspLaunchCallLauncherPipe(WCHAR Command, ULONG Argc, PWSTR *Argv, ULONG *Argl, PWSTR Buffer,
                                           PULONG PSize, PULONG PLauncherError) {
    return FspLaunchCallLauncherPipeEx(Command, Argc, Argv, Argl, Buffer, PSize, FALSE, PLauncherError);
}

NTSTATUS FSP_ABI FspLaunchStartEx(PWSTR ClassName, PWSTR InstanceName, ULONG Argc, PWSTR *Argv, BOOLEAN HasSecret,
                                  BOOLEAN AllowImpersonation, PULONG PLauncherError) {
    PWSTR arguments[2 + FSP_LAUNCH_ARGUMENTS_MAX + 1] = {ClassName, InstanceName};
    if (!ClassName || !InstanceName || Argc > FSP_LAUNCH_ARGUMENTS_MAX + (HasSecret ? 1u : 0u) ||
        (HasSecret && Argc == 0) || (Argc > 0 && !Argv))
        return STATUS_INVALID_PARAMETER;
    for (ULONG i = 0; i < Argc; i++)
        if (!(arguments[2 + i] = Argv[i]))
            return STATUS_INVALID_PARAMETER;
    return FspLaunchCallLauncherPipeEx(HasSecret ? FspLaunchCmdStartWithSecret : FspLaunchCmdStart, Argc + 2, arguments,
                                       NULL, NULL, NULL, AllowImpersonation, PLauncherError);
}

NTSTATUS FSP_ABI FspLaunchStart(PWSTR ClassName, PWSTR InstanceName, ULONG Argc, PWSTR *Argv, BOOLEAN HasSecret,
                                PULONG PLauncherError) {
    return FspLaunchStartEx(ClassName, InstanceName, Argc, Argv, HasSecret, FALSE, PLauncherError);
}

NTSTATUS FSP_ABI FspLaunchStop(PWSTR ClassName, PWSTR InstanceName, PULONG PLauncherError) {
    PWSTR arguments[] = {ClassName, InstanceName};
    if (!ClassName || !InstanceName)
        return STATUS_INVALID_PARAMETER;
    return FspLaunchCallLauncherPipe(FspLaunchCmdStop, 2, arguments, NULL, NULL, NULL, PLauncherError);
}

NTSTATUS FSP_ABI FspLaunchGetInfo(PWSTR ClassName, PWSTR InstanceName, PWSTR Buffer, PULONG PSize,
                                  PULONG PLauncherError) {
    PWSTR arguments[] = {ClassName, InstanceName};
    if (!ClassName || !InstanceName || !Buffer || !PSize)
        return STATUS_INVALID_PARAMETER;
    return FspLaunchCallLauncherPipe(FspLaunchCmdGetInfo, 2, arguments, NULL, Buffer, PSize, PLauncherError);
}

NTSTATUS FSP_ABI FspLaunchGetNameList(PWSTR Buffer, PULONG PSize, PULONG PLauncherError) {
    if (!Buffer || !PSize)
        return STATUS_INVALID_PARAMETER;
    return FspLaunchCallLauncherPipe(FspLaunchCmdGetNameList, 0, NULL, NULL, Buffer, PSize, PLauncherError);
}

/* NOLINTEND(readability-non-const-parameter) */
