/* SPDX-License-Identifier: MIT */
#include "winfsp/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fsp_pending {
    struct fsp_pending *next;
    uint64_t hint;
    UINT32 kind;
    bool returned; /* the operation has, with STATUS_PENDING */
    bool answered; /* before that */
    FSP_FSCTL_TRANSACT_RSP response; /* the answer's head */
    fsp_pending_answer *answer;
    void *argument;
};

void fsp_pending_init(struct fsp_volume *volume) {
    pthread_mutex_init(&volume->pending.lock, NULL);
}

void fsp_pending_destroy(struct fsp_volume *volume) {
    fsp_pending_cancel(volume);
    pthread_mutex_destroy(&volume->pending.lock);
}

static void enter(struct fsp_volume *volume, struct fsp_pending *pending) {
    pthread_mutex_lock(&volume->pending.lock);
    pending->next = volume->pending.first;
    volume->pending.first = pending;
    pthread_mutex_unlock(&volume->pending.lock);
}

/* Under the lock. */
static struct fsp_pending **place_of(struct fsp_volume *volume, uint64_t hint, UINT32 kind) {
    struct fsp_pending **place = &volume->pending.first;
    while (*place && ((*place)->hint != hint || (*place)->kind != kind))
        place = &(*place)->next;
    return place;
}

static void take_out(struct fsp_pending **place) {
    if (*place)
        *place = (*place)->next;
}

/* The operation has returned. True: it was answered already. */
static bool settle(struct fsp_volume *volume, struct fsp_pending *pending, NTSTATUS status) {
    pthread_mutex_lock(&volume->pending.lock);
    bool answered = pending->answered;
    pending->returned = true;
    if (status != STATUS_PENDING || answered)
        take_out(place_of(volume, pending->hint, pending->kind));
    pthread_mutex_unlock(&volume->pending.lock);
    return answered;
}

static void finish(struct fsp_pending *pending, const FSP_FSCTL_TRANSACT_RSP *response) {
    NTSTATUS status = response ? (NTSTATUS)response->IoStatus.Status : STATUS_CANCELLED;
    pending->answer(pending->argument, status == STATUS_PENDING ? STATUS_INTERNAL_ERROR : status, response);
    free(pending);
}

NTSTATUS fsp_transact_pending(struct fsp_volume *volume, struct fsp_transaction *transaction,
                              fsp_pending_answer *answer, void *argument) {
    struct fsp_pending *pending = calloc(1, sizeof *pending);
    if (!pending)
        return STATUS_INSUFFICIENT_RESOURCES;
    pending->hint = transaction->request.Hint;
    pending->kind = transaction->request.Kind;
    pending->answer = answer;
    pending->argument = argument;
    enter(volume, pending);
    NTSTATUS status = fsp_transact(volume, transaction);
    bool answered = settle(volume, pending, status);
    if (status != STATUS_PENDING)
        free(pending);
    else if (answered)
        finish(pending, &pending->response);
    return status;
}

VOID FSP_ABI FspFileSystemSendResponse(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_RSP *Response) {
    struct fsp_volume *volume = fsp_volume_of(FileSystem);
    if (!Response || Response->Size < sizeof *Response)
        return;
    pthread_mutex_lock(&volume->pending.lock);
    struct fsp_pending **place = place_of(volume, Response->Hint, Response->Kind), *pending = *place;
    bool ready = pending && pending->returned;
    if (ready)
        take_out(place);
    else if (pending && !pending->answered) {
        pending->answered = true;
        memcpy(&pending->response, Response, sizeof pending->response);
    }
    pthread_mutex_unlock(&volume->pending.lock);
    if (FileSystem->DebugLog & (UINT32_C(1) << (Response->Kind & 31)))
        FspDebugLogResponse(Response);
    if (ready)
        finish(pending, Response);
}

void fsp_pending_cancel(struct fsp_volume *volume) {
    for (;;) {
        pthread_mutex_lock(&volume->pending.lock);
        struct fsp_pending **place = &volume->pending.first;
        while (*place && !(*place)->returned)
            place = &(*place)->next;
        struct fsp_pending *pending = *place;
        if (pending)
            take_out(place);
        pthread_mutex_unlock(&volume->pending.lock);
        if (!pending)
            return;
        finish(pending, NULL);
    }
}

/* ---- waiting --------------------------------------------------------------------------------------------------- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool done;
    NTSTATUS status;
    FSP_FSCTL_TRANSACT_RSP *response;
};

static void wake(void *argument, NTSTATUS status, const FSP_FSCTL_TRANSACT_RSP *response) {
    struct waiter *waiter = argument;
    pthread_mutex_lock(&waiter->lock);
    waiter->status = status;
    if (response)
        memcpy(waiter->response, response, sizeof *response);
    waiter->done = true;
    pthread_cond_signal(&waiter->woken);
    pthread_mutex_unlock(&waiter->lock);
}

NTSTATUS fsp_transact_wait(struct fsp_volume *volume, struct fsp_transaction *transaction) {
    struct waiter waiter = {.response = &transaction->response};
    pthread_mutex_init(&waiter.lock, NULL);
    pthread_cond_init(&waiter.woken, NULL);
    NTSTATUS status = fsp_transact_pending(volume, transaction, wake, &waiter);
    if (status == STATUS_PENDING) {
        pthread_mutex_lock(&waiter.lock);
        while (!waiter.done)
            pthread_cond_wait(&waiter.woken, &waiter.lock);
        status = waiter.status;
        pthread_mutex_unlock(&waiter.lock);
    }
    pthread_cond_destroy(&waiter.woken);
    pthread_mutex_destroy(&waiter.lock);
    return status;
}
