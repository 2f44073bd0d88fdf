/* SPDX-License-Identifier: MIT */
/*
 * Services: a program that starts, runs until it is told to stop, and stops.
 *
 * Model. There is no service manager: a service runs in console mode. FspServiceLoop has a thread call OnStart, waits
 * until FspServiceStop or a signal (SIGINT, SIGTERM, SIGHUP) asks it to stop, and calls OnStop. A service's own state
 * stands behind the FSP_SERVICE that the program sees.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/format.h"
#include "winfsp/platform.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

struct service_state {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop_asked, start_done;
    NTSTATUS start_result;
    bool stopping;
};

/* The process's service that runs, for FspFileSystemStopServiceIfNecessary and signals. */
static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static FSP_SERVICE *current;

static struct service_state *state_of(FSP_SERVICE *service) {
    return (struct service_state *)service->StatusHandle;
}

/* ---- creation -------------------------------------------------------------------------------------------------- */

NTSTATUS FSP_ABI FspServiceCreate(PWSTR ServiceName, FSP_SERVICE_START *OnStart, FSP_SERVICE_STOP *OnStop,
                                  FSP_SERVICE_CONTROL *OnControl, FSP_SERVICE **PService) {
    size_t units = ServiceName ? fsp_wide_length(ServiceName) : 0;
    *PService = NULL;
    FSP_SERVICE *service = calloc(1, sizeof *service + (units + 1) * sizeof(WCHAR));
    struct service_state *state = calloc(1, sizeof *state);
    if (!service || !state) {
        free(service);
        free(state);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->changed, NULL);
    service->Version = sizeof *service;
    service->OnStart = OnStart;
    service->OnStop = OnStop;
    service->OnControl = OnControl;
    service->AcceptControl = OnStop ? SERVICE_ACCEPT_STOP : 0;
    service->StatusHandle = (SERVICE_STATUS_HANDLE)state;
    service->ServiceStatus.dwCurrentState = SERVICE_STOPPED;
    if (units > 0)
        memcpy(service->ServiceName, ServiceName, units * sizeof(WCHAR));
    *PService = service;
    return STATUS_SUCCESS;
}

VOID FSP_ABI FspServiceDelete(FSP_SERVICE *Service) {
    if (!Service)
        return;
    struct service_state *state = state_of(Service);
    pthread_cond_destroy(&state->changed);
    pthread_mutex_destroy(&state->lock);
    free(state);
    free(Service);
}

VOID FSP_ABI FspServiceAllowConsoleMode(FSP_SERVICE *Service) {
    Service->AllowConsoleMode = TRUE;
}

VOID FSP_ABI FspServiceAcceptControl(FSP_SERVICE *Service, ULONG Control) {
    Service->AcceptControl |= Control;
}

VOID FSP_ABI FspServiceRequestTime(FSP_SERVICE *Service _unused_, ULONG Time _unused_) {
}

VOID FSP_ABI FspServiceSetExitCode(FSP_SERVICE *Service, ULONG ExitCode) {
    Service->ExitCode = ExitCode;
}

ULONG FSP_ABI FspServiceGetExitCode(FSP_SERVICE *Service) {
    return Service->ExitCode;
}

/* ---- the loop -------------------------------------------------------------------------------------------------- */

static void start_service(void *argument) {
    FSP_SERVICE *service = argument;
    struct service_state *state = state_of(service);
    PWSTR *arguments = NULL;
    ULONG count = 0;
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    if (fsp_program_arguments(&count, &arguments) == 0) {
        PWSTR before = count > 0 ? arguments[0] : NULL;
        if (count > 0)
            arguments[0] = service->ServiceName;
        status = service->OnStart ? service->OnStart(service, count, arguments) : STATUS_SUCCESS;
        if (count > 0)
            arguments[0] = before;
        fsp_free_arguments(count, arguments);
    }
    pthread_mutex_lock(&state->lock);
    state->start_result = status;
    state->start_done = true;
    service->ServiceStatus.dwCurrentState = NT_SUCCESS(status) ? SERVICE_RUNNING : SERVICE_STOPPED;
    pthread_cond_broadcast(&state->changed);
    pthread_mutex_unlock(&state->lock);
}

static void ask_to_stop(FSP_SERVICE *service) {
    struct service_state *state = state_of(service);
    pthread_mutex_lock(&state->lock);
    state->stop_asked = true;
    pthread_cond_broadcast(&state->changed);
    pthread_mutex_unlock(&state->lock);
}

static void stop_by_signal(void *argument) {
    ask_to_stop(argument);
}

static void log_state(FSP_SERVICE *service, ULONG type, const char *what, NTSTATUS status) {
    _cleanup_free_ char *name = fsp_wide_to_utf8_new(service->ServiceName);
    char line[512];
    if (NT_SUCCESS(status))
        snprintf(line, sizeof line, "The service %s %s.", name ? name : "", what);
    else
        snprintf(line, sizeof line, "The service %s %s (Status=%x).", name ? name : "", what, (unsigned)status);
    fsp_write_system_log(type, line);
}

/* True: it is stopped. False: OnStop would not, and the service goes on. */
static bool try_stop(FSP_SERVICE *service) {
    struct service_state *state = state_of(service);
    NTSTATUS status = STATUS_SUCCESS;
    service->ServiceStatus.dwCurrentState = SERVICE_STOP_PENDING;
    if (service->OnStop && (service->AcceptControl & SERVICE_ACCEPT_STOP))
        status = service->OnStop(service);
    pthread_mutex_lock(&state->lock);
    state->stop_asked = false;
    service->ServiceStatus.dwCurrentState = NT_SUCCESS(status) ? SERVICE_STOPPED : SERVICE_RUNNING;
    pthread_mutex_unlock(&state->lock);
    log_state(service, NT_SUCCESS(status) ? EVENTLOG_INFORMATION_TYPE : EVENTLOG_ERROR_TYPE,
              NT_SUCCESS(status) ? "has been stopped" : "has failed to stop", status);
    return NT_SUCCESS(status);
}

static void wait_for_stop(FSP_SERVICE *service) {
    struct service_state *state = state_of(service);
    pthread_mutex_lock(&state->lock);
    while (!state->stop_asked)
        pthread_cond_wait(&state->changed, &state->lock);
    pthread_mutex_unlock(&state->lock);
}

static NTSTATUS start_and_wait(FSP_SERVICE *service) {
    struct service_state *state = state_of(service);
    struct fsp_thread *thread;
    service->ServiceStatus.dwCurrentState = SERVICE_START_PENDING;
    int r = fsp_thread_start(start_service, service, &thread);
    if (r < 0)
        return fsp_status_from_errno(r);
    fsp_thread_join(thread);
    if (!NT_SUCCESS(state->start_result)) {
        service->ExitCode = FspWin32FromNtStatus(state->start_result);
        log_state(service, EVENTLOG_ERROR_TYPE, "has failed to start", state->start_result);
        return STATUS_SUCCESS;
    }
    log_state(service, EVENTLOG_INFORMATION_TYPE, "has been started", STATUS_SUCCESS);
    do
        wait_for_stop(service);
    while (!try_stop(service));
    return STATUS_SUCCESS;
}

static bool make_current(FSP_SERVICE *service) {
    pthread_mutex_lock(&current_lock);
    bool free = current == NULL;
    if (free)
        current = service;
    pthread_mutex_unlock(&current_lock);
    return free;
}

NTSTATUS FSP_ABI FspServiceLoop(FSP_SERVICE *Service) {
    if (!Service->AllowConsoleMode)
        return FspNtStatusFromWin32(1063); /* ERROR_FAILED_SERVICE_CONTROLLER_CONNECT */
    if (!make_current(Service))
        return STATUS_INVALID_PARAMETER;
    int r = fsp_watch_signals(stop_by_signal, Service);
    NTSTATUS status = r < 0 ? fsp_status_from_errno(r) : start_and_wait(Service);
    if (r == 0)
        fsp_unwatch_signals();
    pthread_mutex_lock(&current_lock);
    current = NULL;
    pthread_mutex_unlock(&current_lock);
    return status;
}

VOID FSP_ABI FspServiceStop(FSP_SERVICE *Service) {
    ask_to_stop(Service);
}

ULONG FSP_ABI FspServiceRunEx(PWSTR ServiceName, FSP_SERVICE_START *OnStart, FSP_SERVICE_STOP *OnStop,
                              FSP_SERVICE_CONTROL *OnControl, PVOID UserContext) {
    FSP_SERVICE *service;
    NTSTATUS status = FspServiceCreate(ServiceName, OnStart, OnStop, OnControl, &service);
    if (!NT_SUCCESS(status)) {
        fsp_write_system_log(EVENTLOG_ERROR_TYPE, "the service cannot be created: out of memory");
        return FspWin32FromNtStatus(status);
    }
    service->UserContext = UserContext;
    FspServiceAllowConsoleMode(service);
    status = FspServiceLoop(service);
    ULONG exit_code = FspServiceGetExitCode(service);
    FspServiceDelete(service);
    if (NT_SUCCESS(status))
        return exit_code;
    char line[80];
    snprintf(line, sizeof line, "the service cannot be run (Status=%x)", (unsigned)status);
    fsp_write_system_log(EVENTLOG_ERROR_TYPE, line);
    return FspWin32FromNtStatus(status);
}

/* The volume has ended by itself: a program that does nothing else ends with it. */
VOID FSP_ABI FspFileSystemStopServiceIfNecessary(FSP_FILE_SYSTEM *FileSystem _unused_, BOOLEAN Normally) {
    if (Normally)
        return;
    pthread_mutex_lock(&current_lock);
    if (current)
        ask_to_stop(current);
    pthread_mutex_unlock(&current_lock);
}

/* ---- logs ------------------------------------------------------------------------------------------------------ */

BOOLEAN FSP_ABI FspServiceIsInteractive(VOID) {
    return fsp_is_interactive();
}

/* Whoever may end all processes may do what a service may. */
NTSTATUS FSP_ABI FspServiceContextCheck(HANDLE Token _unused_, PBOOLEAN PIsLocalSystem) {
    bool root = fsp_own_uid() == 0;
    if (PIsLocalSystem)
        *PIsLocalSystem = root;
    return root ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

VOID FSP_ABI FspServiceLogV(ULONG Type, PWSTR Format, FSP_VA_LIST Arguments) {
    char line[FSP_FORMAT_MAX * 3];
    fsp_format_wide(line, sizeof line, Format, Arguments);
    fsp_write_system_log(Type, line);
}

VOID FSP_ABI FspServiceLog(ULONG Type, PWSTR Format, ...) {
    FSP_VA_LIST arguments;
    FSP_VA_START(arguments, Format);
    FspServiceLogV(Type, Format, arguments);
    FSP_VA_END(arguments);
}

VOID FSP_ABI FspEventLogV(ULONG Type, PWSTR Format, FSP_VA_LIST Arguments) {
    FspServiceLogV(Type, Format, Arguments);
}

VOID FSP_ABI FspEventLog(ULONG Type, PWSTR Format, ...) {
    FSP_VA_LIST arguments;
    FSP_VA_START(arguments, Format);
    FspServiceLogV(Type, Format, arguments);
    FSP_VA_END(arguments);
}
