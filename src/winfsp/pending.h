/* SPDX-License-Identifier: MIT */
/*
 * Requests that the file system answers later (STATUS_PENDING).
 *
 * Model. Before the operation is called its hint is entered here, with what is to happen when the answer comes. If the
 * operation returns anything but STATUS_PENDING the entry is taken back. FspFileSystemSendResponse finds the entry by
 * the hint and kind, takes it out, and calls it: each request is answered once. An answer that comes before the
 * operation has returned waits for that. A response whose hint nobody waits for is ignored. When the volume ends,
 * whoever waits is answered STATUS_CANCELLED.
 */
#ifndef WINFSP_PENDING_H
#define WINFSP_PENDING_H

#include "winfsp/transaction.h"

/* status and response are the answer's; response is NULL where the volume has ended. */
typedef void fsp_pending_answer(void *argument, NTSTATUS status, const FSP_FSCTL_TRANSACT_RSP *response);

void fsp_pending_init(struct fsp_volume *volume);
void fsp_pending_destroy(struct fsp_volume *volume);
/* Calls the operation. When the status is STATUS_PENDING answer(argument) is called later, once, from another thread.
 * Otherwise the status is the result, and answer is not called. */
NTSTATUS fsp_transact_pending(struct fsp_volume *volume, struct fsp_transaction *transaction,
                              fsp_pending_answer *answer, void *argument);
/* Calls the operation and waits for its answer, which is then the transaction's response. */
NTSTATUS fsp_transact_wait(struct fsp_volume *volume, struct fsp_transaction *transaction);
/* Answers whoever waits: nobody else will. */
void fsp_pending_cancel(struct fsp_volume *volume);

#endif
