/* SPDX-License-Identifier: MIT */
/* The life of a session: requests that outlive their operation, interrupts, the gate, the end. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/test-kernel.h"
#include "util/clock.h"

static atomic_bool all_asked;

static void *answer_later(void *request) {
    struct statvfs statistics = {.f_blocks = 123, .f_namemax = 255};
    while (!atomic_load(&all_asked))
        usleep(1000);
    return (void *)(intptr_t)linfsp_reply_statfs(request, &statistics);
}

/* Requests that outlive their operation: the channel goes on with others in between. */
static void test_later(void **state) {
    pthread_t threads[40];
    uint64_t uniques[40];
    size_t size;
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        seen.kept = NULL;
        uniques[i] = next_unique();
        send_request(FUSE_STATFS, uniques[i], NULL, 0, NULL, 0);
        assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
        assert_non_null(seen.kept);
        assert_int_equal(pthread_create(&threads[i], NULL, answer_later, seen.kept), 0);
    }
    atomic_store(&all_asked, true);
    bool got[40] = {false};
    for (size_t n = 0; n < ARRAY_SIZE(threads); n++) {
        ssize_t length = recv(kernel, answer, sizeof answer, 0);
        assert_int_equal(length, sizeof(struct fuse_out_header) + sizeof(struct fuse_statfs_out));
        assert_int_equal(BODY(fuse_statfs_out)->st.blocks, 123);
        for (size_t i = 0; i < ARRAY_SIZE(uniques); i++)
            if (uniques[i] == HEADER(answer)->unique)
                got[i] = true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_true(got[i]);
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    for (size_t i = 0; i < FSP_DETACHED_BUCKETS; i++)
        assert_null(session.detached[i]);
    assert_true(session.n_free > 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
}

static void test_never_answered(void **state) {
    size_t size;
    send_request(FUSE_STATFS, next_unique(), NULL, 0, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0); /* freed with the session */
}

static void test_interrupt_detached(void **state) {
    uint64_t unique = next_unique();
    struct fuse_interrupt_in in = {.unique = unique};
    size_t size;
    int error;
    send_request(FUSE_STATFS, unique, NULL, 0, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    assert_false(linfsp_request_interrupted(seen.kept));
    send_request(FUSE_INTERRUPT, unique | FUSE_INT_REQ_BIT, &in, sizeof in, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    assert_true(linfsp_request_interrupted(seen.kept));
    linfsp_reply_error(seen.kept, -EINTR);
    receive_answer(unique, &error);
    assert_int_equal(error, -EINTR);
}

static void test_interrupt_under_way(void **state) {
    struct fuse_lseek_in seek = {0};
    uint64_t unique = next_unique();
    struct fuse_interrupt_in in = {.unique = unique};
    int error;
    send_request(FUSE_LSEEK, unique, &seek, sizeof seek, NULL, 0);
    /* EAGAIN as long as no thread has begun with it: the kernel asks again, and so do we */
    for (bool again = true; again;) {
        send_request(FUSE_INTERRUPT, unique | FUSE_INT_REQ_BIT, &in, sizeof in, NULL, 0);
        ssize_t n = recv(kernel, answer, sizeof answer, 0);
        assert_true(n > 0);
        again = HEADER(answer)->unique == (unique | FUSE_INT_REQ_BIT);
        if (again)
            assert_int_equal(HEADER(answer)->error, -EAGAIN);
    }
    error = HEADER(answer)->error;
    assert_int_equal(error, -EINTR);
    assert_int_equal(seen.interrupted, 1);
}

static void test_interrupt_of_nothing(void **state) {
    struct fuse_interrupt_in in = {.unique = 0xabcdef0};
    int error;
    send_request(FUSE_INTERRUPT, in.unique | FUSE_INT_REQ_BIT, &in, sizeof in, NULL, 0);
    receive_answer(in.unique | FUSE_INT_REQ_BIT, &error);
    assert_int_equal(error, -EAGAIN);
}

/* Nothing is taken in a pause, and all is answered afterwards. */
static void test_pause(void **state) {
    uint64_t unique = 0;
    size_t size;
    int error;
    for (int round = 0; round < 50; round++) {
        assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
        assert_int_equal(fsp_session_pause(&session, 5000), 0);
        unique = next_unique();
        send_request(FUSE_LOOKUP, unique, NULL, 0, "x", 2);
        if (round % 10 == 0)
            usleep(5000);
        assert_int_equal(recv(kernel, answer, sizeof answer, MSG_DONTWAIT), -1);
        fsp_session_resume(&session);
        receive_answer(unique, &error);
        assert_int_equal(error, 0);
    }
}

/* One that is not answered yet stands in the way, and the session goes on. */
static void test_no_pause(void **state) {
    size_t size;
    int error;
    uint64_t unique = next_unique();
    send_request(FUSE_STATFS, unique, NULL, 0, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    assert_int_equal(fsp_session_pause(&session, 50), -EBUSY);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    linfsp_reply_error(seen.kept, -EIO);
    receive_answer(unique, &error);
    assert_int_equal(fsp_session_pause(&session, 5000), 0);
    fsp_session_resume(&session);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
}

static void test_cut_wakes(void **state) {
    int64_t before = clock_ms();
    usleep(20000); /* the channels are in read */
    assert_false(fsp_session_ended(&session));
    fsp_session_cut(&session);
    assert_int_equal(fsp_session_join(&session), 0);
    assert_true(clock_ms() - before < 5 * 1000);
}

/* An answer that comes when the session is cut goes nowhere, and nothing else is written to. */
static void test_late_answer(void **state) {
    size_t size;
    send_request(FUSE_STATFS, next_unique(), NULL, 0, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    fsp_session_cut(&session);
    assert_int_equal(fsp_session_join(&session), 0);
    assert_true(linfsp_reply_error(seen.kept, -EIO) < 0);
}

/* The gate's keeper, as linfsp_volume_run does it. */
static void *keep_gate(void *stop) {
    while (!atomic_load((atomic_bool *)stop)) {
        fsp_gate_tick(&session);
        usleep(1000);
    }
    return NULL;
}

/* Operations that block, all at once but the last: each time another channel is let through. */
static void test_gate_opens_for_blocked_operations(void **state) {
    struct fuse_lseek_in seek = {0};
    uint64_t uniques[3];
    size_t size;
    int error;
    atomic_bool stop = false;
    pthread_t keeper;
    assert_int_equal(atomic_load(&session.active), 1);
    pthread_create(&keeper, NULL, keep_gate, &stop);
    for (size_t i = 0; i < ARRAY_SIZE(uniques); i++) {
        uniques[i] = next_unique();
        send_request(FUSE_LSEEK, uniques[i], &seek, sizeof seek, NULL, 0);
    }
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0); /* before any of them is answered */
    assert_int_equal(atomic_load(&session.active), 4);
    for (size_t i = 0; i < ARRAY_SIZE(uniques); i++) {
        struct fuse_interrupt_in in = {.unique = uniques[i]};
        send_request(FUSE_INTERRUPT, uniques[i] | FUSE_INT_REQ_BIT, &in, sizeof in, NULL, 0);
        receive_answer(uniques[i], &error);
        assert_int_equal(error, -EINTR);
    }
    atomic_store(&stop, true);
    pthread_join(keeper, NULL);
}

static void test_gate_keeper_sleeps(void **state) {
    size_t size;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    int64_t next = 0;
    for (int i = 0; i < 200 && (next = fsp_gate_tick(&session)) >= 0; i++)
        usleep(1000);
    assert_int_equal(next, -1);
    assert_true(atomic_load(&session.asleep));
    assert_int_equal(fsp_gate_tick(&session), -1);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    assert_false(atomic_load(&session.asleep)); /* the request has woken it */
    assert_true(fsp_gate_tick(&session) >= 0);
}

static void test_trace(void **state) {
    size_t size;
    struct fuse_rename_in in = {.newdir = 44};
    session.trace = trace;
    ASK(FUSE_RENAME, &in, "one\0two\n", 9, &size);
    ask(FUSE_LOOKUP, NULL, 0, "error", 6, &size);
    assert_non_null(strstr(seen.trace[0], "RENAME inode 42 \"one\" \"two\\x0a\" uid 1000 pid 4711"));
    assert_non_null(strstr(seen.trace[1], "RENAME -> ok, 0 bytes"));
    assert_non_null(strstr(seen.trace[2], "LOOKUP inode 42 \"error\""));
    assert_non_null(strstr(seen.trace[3], "LOOKUP -> Permission denied"));
    ask(FUSE_LOOKUP, NULL, 0, "unterminated", 12, &size);
    ask(FUSE_RENAME, &in, sizeof in, "unterminated", 12, &size);
}

/* From here to end_capture standard error goes into a pipe. Returns the old one. */
static int begin_capture(int *ret_end) {
    int ends[2], old = dup(STDERR_FILENO);
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    assert_true(old >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    *ret_end = ends[0];
    return old;
}

static void end_capture(int old, int end, char *ret_text, size_t size) {
    dup2(old, STDERR_FILENO);
    close(old);
    ssize_t got = read(end, ret_text, size - 1);
    ret_text[got > 0 ? got : 0] = '\0';
    close(end);
}

/* An author is told of an answer of the wrong kind and of a second answer: in the trace, and on standard error. */
static void test_mistakes(void **state) {
    size_t size;
    char said[1000];
    int end, old = begin_capture(&end);
    session.trace = trace;
    int wrong = ask(FUSE_LOOKUP, NULL, 0, "wrong-kind", 11, &size);
    int right = ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size); /* its operation answers twice */
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "error", 6, &size), -EACCES);
    end_capture(old, end, said, sizeof said);
    assert_int_equal(wrong, -EIO);
    assert_int_equal(right, 0);
    assert_non_null(strstr(said, "LOOKUP: MISTAKE of the file system: this kind of answer does not belong to it"));
    assert_non_null(strstr(said, "LOOKUP: MISTAKE of the file system: it was answered a second time"));
    bool traced = false;
    for (size_t i = 0; i < ARRAY_SIZE(seen.trace); i++)
        traced |= strstr(seen.trace[i], "MISTAKE") != NULL;
    assert_true(traced);
}

/* A program built with an older header has fewer operations. */
static void test_older_operations(void **state) {
    struct linfsp_operations few = operations;
    struct fsp_session old;
    int pair[2];
    few.size = offsetof(struct linfsp_operations, getattr);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fsp_session_init(&old, &few, NULL, pair, 2, 4096), 0);
    assert_non_null(old.operations.lookup);
    assert_null(old.operations.getattr);
    assert_null(old.operations.ioctl);
    fsp_session_destroy(&old);
}

/* ---- threads of the program's own ------------------------------------------------------------------------------ */

struct own_threads {
    unsigned started, joined, fail_from;
    atomic_uint under_way;
    atomic_bool blocked_wake, blocked_other;
};

struct own_thread {
    struct own_threads *all;
    void (*run)(void *argument);
    void *argument;
    pthread_t thread;
};

static void *run_own(void *argument) {
    struct own_thread *own = argument;
    sigset_t signals;
    sigfillset(&signals);
    sigdelset(&signals, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &signals, NULL); /* as a program might have it */
    atomic_fetch_add(&own->all->under_way, 1);
    own->run(own->argument);
    pthread_sigmask(SIG_BLOCK, NULL, &signals);
    if (sigismember(&signals, SIGURG))
        atomic_store(&own->all->blocked_wake, true);
    if (sigismember(&signals, SIGUSR1))
        atomic_store(&own->all->blocked_other, true);
    atomic_fetch_sub(&own->all->under_way, 1);
    return NULL;
}

static int start_own(void *context, void (*run)(void *argument), void *argument, void **ret_thread) {
    struct own_threads *all = context;
    if (all->fail_from && all->started + 1 >= all->fail_from)
        return -EAGAIN;
    struct own_thread *own = calloc(1, sizeof *own);
    assert_non_null(own);
    *own = (struct own_thread){.all = all, .run = run, .argument = argument};
    assert_int_equal(pthread_create(&own->thread, NULL, run_own, own), 0);
    all->started++;
    *ret_thread = own;
    return 0;
}

static void join_own(void *context, void *thread) {
    struct own_threads *all = context;
    struct own_thread *own = thread;
    pthread_join(own->thread, NULL);
    free(own);
    all->joined++;
}

static int start_with_own(struct own_threads *all) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    kernel = pair[0];
    assert_int_equal(fsp_session_init(&session, &operations, &seen, &pair[1], 1, MAX_WRITE), 0);
    session.threads = (struct linfsp_threads){sizeof session.threads, all, start_own, join_own};
    return fsp_session_start(&session, 4, true);
}

static void test_own_threads(void **state) {
    struct own_threads all = {0};
    size_t size;
    assert_int_equal(start_with_own(&all), 0);
    assert_int_equal(all.started, 4);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    assert_int_equal(atomic_load(&all.under_way), 4);
    fsp_gate_tick(&session); /* asks for the threads' times */
    fsp_session_cut(&session); /* one of them is in read, and has to be woken */
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(all.joined, 4);
    assert_int_equal(atomic_load(&all.under_way), 0);
    assert_false(atomic_load(&all.blocked_wake));
    assert_false(atomic_load(&all.blocked_other));
}

/* The third thread cannot be made: the two that run are ended, and no more is joined than was started. */
static void test_own_threads_fail(void **state) {
    struct own_threads all = {.fail_from = 3};
    assert_int_equal(start_with_own(&all), -EAGAIN);
    fsp_session_cut(&session);
    tear_down(state);
    assert_int_equal(all.started, 2);
    assert_int_equal(all.joined, 2);
    assert_int_equal(atomic_load(&all.under_way), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_mistakes), /* first: only so many mistakes of a process are printed */
        TEST(test_later),
        TEST(test_never_answered),
        TEST(test_interrupt_detached),
        TEST_THREADS(test_interrupt_under_way),
        TEST(test_interrupt_of_nothing),
        TEST_THREADS(test_pause),
        TEST_ADAPTIVE(test_pause),
        TEST(test_no_pause),
        TEST_THREADS(test_cut_wakes),
        TEST(test_late_answer),
        TEST_ADAPTIVE(test_gate_opens_for_blocked_operations),
        TEST_ADAPTIVE(test_gate_keeper_sleeps),
        TEST_ADAPTIVE(test_cut_wakes),
        TEST(test_trace),
        cmocka_unit_test(test_older_operations),
        cmocka_unit_test(test_own_threads),
        cmocka_unit_test(test_own_threads_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
