/* SPDX-License-Identifier: MIT */
/*
 * The ledger: which requests a server was at when it died, and how it answered them.
 *
 * If a server dies, the kernel sends the requests that it had taken to the next server, with FUSE_UNIQUE_RESEND in
 * their number. Some must not simply be done a second time: to make a directory that is there is an error. So the
 * library notes each such request in memory that outlives the server: that it has begun; its answer, before that is
 * sent; that the answer was sent. The next server finds one of three things. The request is not in the ledger: nothing
 * was done. It has begun: the file system is told that it may be done (linfsp_request_may_be_done). It has an answer:
 * that is sent, and the file system is not asked.
 *
 * The memory belongs to the volume (linfsp_volume_state): the ledger stands in its first FSP_LEDGER_SIZE bytes, the
 * file system's own state behind it. A server may be killed between any two stores, so a slot is valid at each moment.
 * The memory may hold anything at all: who wrote it ran with our own uid, but may have gone wrong.
 */
#ifndef LINFSP_LIB_LEDGER_H
#define LINFSP_LIB_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FSP_LEDGER_SLOTS 1024
#define FSP_LEDGER_ANSWER_MAX 232

enum fsp_ledger_phase {
    FSP_LEDGER_BEGUN = 1,
    FSP_LEDGER_ANSWERED = 2,
};

struct fsp_ledger_slot {
    _Atomic uint64_t unique; /* without FUSE_UNIQUE_RESEND; 0: the slot is free */
    _Atomic uint32_t phase;
    _Atomic uint32_t generation; /* the server that was last at it */
    uint32_t size; /* of the answer */
    uint32_t reserved;
    unsigned char answer[FSP_LEDGER_ANSWER_MAX];
};
_Static_assert(sizeof(struct fsp_ledger_slot) == 256, "a slot's size is part of the ledger's version");

struct fsp_ledger {
    uint64_t magic; /* written last */
    uint32_t version;
    uint32_t generation; /* counts servers */
    uint64_t state_size; /* of what is behind the ledger */
    _Atomic uint32_t overflowed; /* a request had no slot, so one that is in none may have begun */
    uint32_t reserved;
    int64_t opened_at; /* by the latest server; ns, as clock_ns */
    unsigned char more[4096 - 40];
    struct fsp_ledger_slot slots[FSP_LEDGER_SLOTS];
};
#define FSP_LEDGER_SIZE sizeof(struct fsp_ledger)
_Static_assert(sizeof(struct fsp_ledger) % 4096 == 0, "the state begins on a page");

struct linfsp_request;

/* Begins to use a ledger in memory of size bytes. Returns 1 if an earlier server used it, 0 if the memory was new, or
 * -EPROTO if it holds something else. */
int fsp_ledger_open(struct fsp_ledger *ledger, uint64_t size);
/* Notes that request is about to be done. Returns true if it has an answer already: that was sent, and the request is
 * at its end. Sets request->may_be_done. */
bool fsp_ledger_begin(struct fsp_ledger *ledger, struct linfsp_request *request);
/* Notes the answer that is about to be sent. */
void fsp_ledger_answer(struct fsp_ledger_slot *slot, const void *answer, size_t size);
/* The answer was sent. */
void fsp_ledger_end(struct fsp_ledger_slot *slot);

#endif
