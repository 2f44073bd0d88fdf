/* SPDX-License-Identifier: MIT */
/* The ledger: what is sent again to another server is done once. Both servers run here, one after the other. */
#include <fcntl.h>
#include <stdlib.h>

#include "lib/test-kernel.h"

static struct fsp_ledger *ledger;

/* A server that begins to use the ledger. */
static int start_server(void **state) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    kernel = pair[0];
    struct timeval limit = {.tv_sec = 20};
    setsockopt(kernel, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(fsp_session_init(&session, &operations, &seen, &pair[1], 1, MAX_WRITE), 0);
    session.ledger = ledger;
    return fsp_session_start(&session, 1, false);
}

static int set_up_new(void **state) {
    ledger = mmap(NULL, FSP_LEDGER_SIZE + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(fsp_ledger_open(ledger, FSP_LEDGER_SIZE + 4096), 0);
    return start_server(state);
}

static int tear_down_all(void **state) {
    int r = tear_down(state);
    munmap(ledger, FSP_LEDGER_SIZE + 4096);
    return r;
}

static void next_server(void **state) {
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(fsp_ledger_open(ledger, FSP_LEDGER_SIZE + 4096), 1);
    assert_int_equal(start_server(state), 0);
}

static unsigned slots_in_use(void) {
    unsigned n = 0;
    for (size_t i = 0; i < FSP_LEDGER_SLOTS; i++)
        n += atomic_load(&ledger->slots[i].unique) != 0;
    return n;
}

static const struct fuse_rename_in rename_in = {.newdir = 9};

static int rename_as(uint64_t unique) {
    int error;
    send_request(FUSE_RENAME, unique, &rename_in, sizeof rename_in, "a\0b", 4);
    receive_answer(unique, &error);
    return error;
}

static void wait_for_no_slots(void) {
    for (int i = 0; slots_in_use() > 0 && i < 2000; i++)
        usleep(1000);
    assert_int_equal(slots_in_use(), 0);
}

static void test_answered_requests_leave_nothing(void **state) {
    size_t size;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rename_as(next_unique()), 0);
        assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    }
    wait_for_no_slots();
    assert_int_equal(atomic_load(&ledger->overflowed), 0);
}

/* What an earlier server leaves in the ledger, as it does when it is killed. */
static struct fsp_ledger_slot *leave(uint64_t unique, enum fsp_ledger_phase phase) {
    struct fsp_ledger_slot *slot = &ledger->slots[(unique >> 1) % FSP_LEDGER_SLOTS];
    atomic_store(&slot->phase, phase);
    atomic_store(&slot->generation, ledger->generation);
    atomic_store(&slot->unique, unique);
    return slot;
}

static void test_not_begun(void **state) {
    uint64_t unique = next_unique();
    next_server(state);
    assert_int_equal(rename_as(unique | FUSE_UNIQUE_RESEND), 0);
    assert_int_equal(seen.calls, 1);
    assert_false(seen.may_be_done);
    wait_for_no_slots();
}

static void test_begun(void **state) {
    uint64_t unique = next_unique();
    leave(unique, FSP_LEDGER_BEGUN);
    next_server(state);
    assert_int_equal(rename_as(unique | FUSE_UNIQUE_RESEND), 0);
    assert_int_equal(seen.calls, 1);
    assert_true(seen.may_be_done);
    wait_for_no_slots();
    assert_int_equal(rename_as(next_unique()), 0);
    assert_false(seen.may_be_done);
}

static void test_answered(void **state) {
    uint64_t unique = next_unique();
    struct fuse_out_header header = {.len = sizeof header, .error = -ENOTEMPTY, .unique = unique};
    fsp_ledger_answer(leave(unique, FSP_LEDGER_BEGUN), &header, sizeof header);
    next_server(state);
    assert_int_equal(rename_as(unique | FUSE_UNIQUE_RESEND), -ENOTEMPTY);
    assert_int_equal(seen.calls, 0);
    wait_for_no_slots();
}

/* An answer with a body, twice: the second server is killed as well. */
static void test_answered_with_a_body(void **state) {
    struct fuse_create_in in = {.flags = O_RDWR};
    struct {
        struct fuse_out_header header;
        struct fuse_entry_out entry;
        struct fuse_open_out open;
    } sent = {.entry.nodeid = 77, .open.fh = 5};
    uint64_t unique = next_unique();
    int error;
    sent.header.len = sizeof sent;
    fsp_ledger_answer(leave(unique, FSP_LEDGER_BEGUN), &sent, sizeof sent);
    next_server(state);
    next_server(state);
    send_request(FUSE_CREATE, unique | FUSE_UNIQUE_RESEND, &in, sizeof in, "a", 2);
    assert_int_equal(receive_answer(unique | FUSE_UNIQUE_RESEND, &error), sizeof sent - sizeof sent.header);
    assert_int_equal(error, 0);
    assert_memory_equal(answer + sizeof sent.header, &sent.entry, sizeof sent - sizeof sent.header);
    wait_for_no_slots();
}

static void test_full(void **state) {
    for (uint64_t i = 0; i < FSP_LEDGER_SLOTS; i++)
        leave(1000000 + 2 * i, FSP_LEDGER_BEGUN);
    uint64_t unique = next_unique();
    assert_int_equal(rename_as(unique), 0);
    assert_int_equal(atomic_load(&ledger->overflowed), 1);
    next_server(state);
    assert_int_equal(rename_as(unique | FUSE_UNIQUE_RESEND), 0); /* it is not known whether it had begun */
    assert_true(seen.may_be_done);
}

/* Slots that an earlier server has left are used again, though not soon. */
static void test_stale(void **state) {
    for (uint64_t i = 0; i < FSP_LEDGER_SLOTS; i++)
        leave(1000000 + 2 * i, FSP_LEDGER_ANSWERED);
    next_server(state);
    ledger->opened_at -= INT64_C(120000000000);
    assert_int_equal(rename_as(next_unique()), 0);
    assert_int_equal(atomic_load(&ledger->overflowed), 0);
}

static void test_garbage(void **state) {
    struct fsp_ledger *other = calloc(1, FSP_LEDGER_SIZE + 4096);
    assert_non_null(other);
    assert_int_equal(fsp_ledger_open(other, 4096), -EPROTO);
    other->magic = 1;
    assert_int_equal(fsp_ledger_open(other, FSP_LEDGER_SIZE + 4096), -EPROTO);
    other->magic = ledger->magic;
    other->version = ledger->version + 1;
    other->state_size = 4096;
    assert_int_equal(fsp_ledger_open(other, FSP_LEDGER_SIZE + 4096), -EPROTO);
    other->version = ledger->version;
    assert_int_equal(fsp_ledger_open(other, FSP_LEDGER_SIZE), -EPROTO);
    assert_int_equal(fsp_ledger_open(other, FSP_LEDGER_SIZE + 4096), 1);
    free(other);
    /* an answer that is none is not sent: the request is done instead */
    static const uint32_t sizes[] = {0, 1, sizeof(struct fuse_out_header) - 1, FSP_LEDGER_ANSWER_MAX + 1, UINT32_MAX};
    next_server(state);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint64_t unique = next_unique();
        leave(unique, FSP_LEDGER_ANSWERED)->size = sizes[i];
        assert_int_equal(rename_as(unique | FUSE_UNIQUE_RESEND), 0);
        assert_int_equal(seen.calls, i + 1);
    }
}

int main(void) {
#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_new, tear_down_all)
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_answered_requests_leave_nothing),
        LEDGER_TEST(test_not_begun),
        LEDGER_TEST(test_begun),
        LEDGER_TEST(test_answered),
        LEDGER_TEST(test_answered_with_a_body),
        LEDGER_TEST(test_full),
        LEDGER_TEST(test_stale),
        LEDGER_TEST(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
