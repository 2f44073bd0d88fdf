/* SPDX-License-Identifier: MIT */
#include "lib/ledger.h"

#include <errno.h>
#include <string.h>

#include "lib/session.h"
#include "util/clock.h"

#define MAGIC UINT64_C(0x7265676465506673)
#define VERSION 1
#define PROBES 64 /* slots that one request may stand in */
/* By then each request that was sent again has come. What an earlier server left in a slot is of no use any more. */
#define STALE_NS INT64_C(60000000000)

/* A number that no request has: the slot is being filled in. */
#define UNIQUE_NONE UINT64_MAX

int fsp_ledger_open(struct fsp_ledger *ledger, uint64_t size) {
    if (size < FSP_LEDGER_SIZE)
        return -EPROTO;
    if (ledger->magic == 0) {
        ledger->version = VERSION;
        ledger->generation = 1;
        ledger->state_size = size - FSP_LEDGER_SIZE;
        ledger->opened_at = clock_ns();
        atomic_thread_fence(memory_order_release);
        ledger->magic = MAGIC;
        return 0;
    }
    if (ledger->magic != MAGIC || ledger->version != VERSION || ledger->state_size != size - FSP_LEDGER_SIZE)
        return -EPROTO;
    ledger->generation++;
    ledger->opened_at = clock_ns();
    for (size_t i = 0; i < FSP_LEDGER_SLOTS; i++)
        if (atomic_load(&ledger->slots[i].unique) == UNIQUE_NONE)
            atomic_store(&ledger->slots[i].unique, 0);
    return 1;
}

/* What must not be done twice, or answered twice in different ways: an opening makes a handle. */
static bool is_noted(uint32_t opcode) {
    switch (opcode) {
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_SYMLINK:
    case FUSE_LINK:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_CREATE:
    case FUSE_TMPFILE:
    case FUSE_OPEN:
    case FUSE_OPENDIR:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
    case FUSE_COPY_FILE_RANGE:
    case FUSE_COPY_FILE_RANGE_64:
    case FUSE_IOCTL:
        return true;
    default:
        return false;
    }
}

/* The i-th slot in which a request may stand. */
static struct fsp_ledger_slot *slot_of(struct fsp_ledger *ledger, uint64_t unique, unsigned i) {
    return &ledger->slots[((unique >> 1) + i) % FSP_LEDGER_SLOTS];
}

static bool find(struct fsp_ledger *ledger, uint64_t unique, struct fsp_ledger_slot **ret_slot) {
    for (unsigned i = 0; i < PROBES; i++)
        if (atomic_load_explicit(&slot_of(ledger, unique, i)->unique, memory_order_acquire) == unique) {
            *ret_slot = slot_of(ledger, unique, i);
            return true;
        }
    return false;
}

/* The phase is set before the number: a slot that is found has a phase of its own request. */
static bool take(const struct fsp_ledger *ledger, struct fsp_ledger_slot *slot, uint64_t unique) {
    uint64_t before = atomic_load_explicit(&slot->unique, memory_order_relaxed);
    bool stale = before != 0 && before != UNIQUE_NONE && atomic_load(&slot->generation) != ledger->generation &&
                 clock_ns() - ledger->opened_at > STALE_NS;
    if ((before != 0 && !stale) || !atomic_compare_exchange_strong(&slot->unique, &before, UNIQUE_NONE))
        return false;
    atomic_store_explicit(&slot->phase, FSP_LEDGER_BEGUN, memory_order_relaxed);
    atomic_store_explicit(&slot->generation, ledger->generation, memory_order_relaxed);
    atomic_store_explicit(&slot->unique, unique, memory_order_release);
    return true;
}

static struct fsp_ledger_slot *new_slot(struct fsp_ledger *ledger, uint64_t unique) {
    for (unsigned i = 0; i < PROBES; i++) {
        struct fsp_ledger_slot *slot = slot_of(ledger, unique, i);
        if (take(ledger, slot, unique))
            return slot;
    }
    atomic_store(&ledger->overflowed, 1);
    return NULL;
}

bool fsp_ledger_begin(struct fsp_ledger *ledger, struct linfsp_request *request) {
    if (!is_noted(request->opcode))
        return false;
    uint64_t unique = request->unique & ~FUSE_UNIQUE_RESEND;
    bool again = request->unique & FUSE_UNIQUE_RESEND;
    struct fsp_ledger_slot *slot;
    if (!again || !find(ledger, unique, &slot)) {
        request->may_be_done = again && atomic_load(&ledger->overflowed);
        request->slot = new_slot(ledger, unique);
        return false;
    }
    request->may_be_done = true;
    request->slot = slot;
    atomic_store(&slot->generation, ledger->generation);
    if (atomic_load_explicit(&slot->phase, memory_order_acquire) != FSP_LEDGER_ANSWERED)
        return false;
    uint32_t size = slot->size;
    if (size < sizeof(struct fuse_out_header) || size > sizeof slot->answer || size > sizeof request->answer)
        return false;
    memcpy(&request->answer, slot->answer, size);
    fsp_answer_again(request, size - sizeof(struct fuse_out_header));
    return true;
}

void fsp_ledger_answer(struct fsp_ledger_slot *slot, const void *answer, size_t size) {
    if (size > sizeof slot->answer || atomic_load_explicit(&slot->phase, memory_order_relaxed) == FSP_LEDGER_ANSWERED)
        return;
    memcpy(slot->answer, answer, size);
    slot->size = (uint32_t)size;
    atomic_store_explicit(&slot->phase, FSP_LEDGER_ANSWERED, memory_order_release);
}

void fsp_ledger_end(struct fsp_ledger_slot *slot) {
    atomic_store_explicit(&slot->unique, 0, memory_order_release);
}
