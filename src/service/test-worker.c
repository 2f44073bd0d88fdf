/* SPDX-License-Identifier: MIT */
/*
 * The pool of workers, with real ones (the first argument): each job is answered once, whatever becomes of its worker;
 * a lane that lost too many gets none, and others are not held up by it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "service/reaper.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/proc.h"

static const char *program;
static sd_event *event;
static struct reaper *reaper;
static struct workers *workers;
static unsigned answers;
static int last_error;
static bool last_unanswered;

static void on_done(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    answers++;
    last_error = result->error;
    last_unanswered = result->unanswered;
}

static int start(const char *path) {
    static int null, watches;
    null = open("/dev/null", O_PATH | O_CLOEXEC);
    watches = inotify_init1(IN_CLOEXEC);
    int file = open(path, O_PATH | O_CLOEXEC);
    answers = 0;
    return file < 0 || (proc_folder() < 0 && proc_begin() < 0) || sd_event_new(&event) < 0 || reaper_new(&reaper) < 0 ||
                   workers_new(event, reaper, file, null, null, watches, null, null, &workers) < 0
               ? -1
               : 0;
}

static int set_up(void **state) {
    return start(program);
}

static int tear_down(void **state) {
    workers_free(workers);
    reaper_free(reaper);
    event = sd_event_unref(event);
    while (waitpid(-1, NULL, 0) > 0) {
    }
    return 0;
}

static struct lane lane_of(uint64_t silo, enum lane_kind kind) {
    return (struct lane){.silo = silo, .kind = kind};
}

/* A job of no type: the worker says so. */
static int submit(struct lane lane) {
    struct job job = {.type = 4711};
    return workers_submit(workers, &job, NULL, 0, lane, on_done, NULL, 0);
}

static void run_until(unsigned wanted) {
    for (unsigned turns = 0; answers < wanted && turns < 5000; turns++)
        (void)sd_event_run(event, 10000);
    assert_int_equal(answers, wanted);
}

/* The pids of the workers: children by that name. */
static size_t find_workers(pid_t *ret_pids, size_t max) {
    char path[64], name[32];
    size_t n = 0;
    _cleanup_fclose_ FILE *children = fopen("/proc/thread-self/children", "re");
    for (int pid; children && n < max && fscanf(children, "%d", &pid) == 1;) {
        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        _cleanup_fclose_ FILE *comm = fopen(path, "re");
        if (comm && fgets(name, sizeof name, comm) && strcmp(name, "linfspd-worker\n") == 0)
            ret_pids[n++] = pid;
    }
    return n;
}

static size_t await_workers(pid_t *ret_pids, size_t wanted) {
    size_t n = 0;
    for (int turns = 0; turns < 500 && n < wanted; turns++) {
        (void)sd_event_run(event, 10000);
        n = find_workers(ret_pids, wanted);
    }
    for (int turns = 0; turns < 30; turns++) /* until they have said that they are ready */
        (void)sd_event_run(event, 10000);
    return n;
}

static void each_job_is_answered_once(void **state) {
    if (geteuid() != 0)
        skip();
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(submit(lane_of(1 + i % 4, LANE_MOUNTS)), 0);
    run_until(40);
    assert_int_equal(last_error, -EINVAL);
    assert_false(last_unanswered);
    assert_true(workers_idle(workers));
    (void)sd_event_run(event, 50000);
    assert_int_equal(answers, 40);
}

static void lanes_are_told_apart(void **state) {
    const struct lane a = {.silo = 1, .user = 2, .kind = LANE_MOUNTS}, b = {.silo = 1, .user = 3, .kind = LANE_MOUNTS},
                      c = {.silo = 1, .user = 2, .kind = LANE_UNMOUNTS},
                      d = {.silo = 3, .user = 2, .kind = LANE_MOUNTS};
    assert_true(lane_equal(&a, &a));
    assert_false(lane_equal(&a, &b) || lane_equal(&a, &c) || lane_equal(&a, &d));
}

/* A job is at work, and nobody answers: both workers are stopped. */
static void submit_to_stopped_workers(pid_t pids[2]) {
    assert_int_equal(await_workers(pids, 2), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(kill(pids[i], SIGSTOP), 0);
    assert_int_equal(submit(lane_of(1, LANE_MOUNTS)), 0);
}

static void a_worker_that_dies_is_told(void **state) {
    pid_t pids[2];
    if (geteuid() != 0)
        skip();
    submit_to_stopped_workers(pids);
    (void)sd_event_run(event, 10000);
    assert_int_equal(answers, 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(kill(pids[i], SIGKILL), 0);
    run_until(1);
    assert_int_equal(last_error, -EIO);
    assert_true(last_unanswered);
    for (unsigned turns = 0; turns < 20; turns++) /* the other's death is seen, too */
        (void)sd_event_run(event, 10000);
    assert_int_equal(submit(lane_of(1, LANE_MOUNTS)), 0); /* others were started */
    run_until(2);
    assert_int_equal(last_error, -EINVAL);
}

static bool is_among(pid_t pid, const pid_t *pids, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* So many workers, all at work and stopped. */
static void occupy(pid_t *ret_pids, unsigned wanted) {
    for (unsigned busy = 0; busy < wanted; busy += 2) {
        assert_int_equal(await_workers(ret_pids, busy + 2), busy + 2);
        for (unsigned i = 0; i < busy + 2; i++)
            assert_int_equal(kill(ret_pids[i], SIGSTOP), 0);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(submit(lane_of(1 + busy + i, LANE_MOUNTS)), 0);
    }
}

/* To make workers anew for each rush takes longer than what they are for. */
static void workers_of_a_rush_are_kept_for_the_next(void **state) {
    pid_t before[6], after[64];
    if (geteuid() != 0)
        skip();
    occupy(before, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(kill(before[i], SIGCONT), 0);
    run_until(6);
    for (unsigned turns = 0; turns < 20; turns++)
        (void)sd_event_run(event, 10000);
    size_t n = find_workers(after, 64);
    for (size_t i = 0; i < 6; i++)
        assert_true(is_among(before[i], after, n));
}

/* A lane has two jobs at work at most; those of another lane go on beside. */
static void a_lane_holds_up_itself_only(void **state) {
    pid_t pids[2];
    if (geteuid() != 0)
        skip();
    assert_int_equal(await_workers(pids, 2), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(kill(pids[i], SIGSTOP), 0);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(submit(lane_of(1, LANE_MOUNTS)), 0);
    assert_int_equal(submit(lane_of(2, LANE_MOUNTS)), 0);
    assert_int_equal(submit(lane_of(1, LANE_UNMOUNTS)), 0);
    run_until(2);
    for (unsigned turns = 0; turns < 20; turns++)
        (void)sd_event_run(event, 10000);
    assert_int_equal(answers, 2);
    assert_false(workers_idle(workers));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(kill(pids[i], SIGCONT), 0);
    run_until(8);
}

static void run_for(unsigned seconds) {
    int64_t end = clock_ms() + seconds * INT64_C(1000);
    do
        (void)sd_event_run(event, 100000);
    while (clock_ms() < end);
}

/* A process that leaves nothing of that CPU to tasks of the policy SCHED_IDLE. */
static pid_t fill_cpu(const cpu_set_t *cpu) {
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sched_setaffinity(0, sizeof *cpu, cpu) < 0 || setpriority(PRIO_PROCESS, 0, -20) < 0)
        _exit(1);
    for (;;) {
    }
}

static void a_worker_without_a_cpu_is_not_given_up(void **state) {
    const struct sched_param none = {0};
    cpu_set_t cpu;
    pid_t pids[2];
    if (geteuid() != 0)
        skip();
    CPU_ZERO(&cpu);
    CPU_SET(sched_getcpu(), &cpu);
    assert_int_equal(await_workers(pids, 2), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sched_setaffinity(pids[i], sizeof cpu, &cpu), 0);
        assert_int_equal(sched_setscheduler(pids[i], SCHED_IDLE, &none), 0);
        assert_int_equal(kill(pids[i], SIGSTOP), 0);
    }
    pid_t filler = fill_cpu(&cpu);
    assert_int_equal(submit(lane_of(1, LANE_MOUNTS)), 0);
    run_for(1);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(kill(pids[i], SIGCONT), 0);
    run_for(7);
    unsigned answered = answers;
    int error = last_error;
    assert_int_equal(kill(filler, SIGKILL), 0);
    if (answered) /* the CPU was not so full */
        assert_int_equal(error, -EINVAL);
    run_until(1);
    assert_int_equal(last_error, -EINVAL);
    assert_false(last_unanswered);
}

static void a_worker_that_waits_is_given_up(void **state) {
    pid_t pids[2];
    if (geteuid() != 0)
        skip();
    submit_to_stopped_workers(pids);
    run_for(3);
    assert_int_equal(answers, 0);
    run_until(1);
    assert_int_equal(last_error, -ETIMEDOUT);
    assert_true(last_unanswered);
    for (size_t i = 0; i < 2; i++)
        (void)kill(pids[i], SIGKILL);
}

static unsigned count_descriptors(void) {
    unsigned n = 0;
    _cleanup_closedir_ DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        n++;
    return n;
}

/* A job whose result has two descriptors, which on_done does not take. */
static void descriptors_that_nobody_takes_are_closed(void **state) {
    char folder[] = "/tmp/test-worker.XXXXXX", path[64];
    pid_t pids[2];
    if (geteuid() != 0)
        skip();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(await_workers(pids, 2), 2);
    unsigned before = count_descriptors();
    for (unsigned i = 0; i < 20; i++) {
        struct job job = {.type = JOB_DEVICE_BIND, .target.host = true};
        const int fds[] = {socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
                           socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
        snprintf(job.inject.folder, sizeof job.inject.folder, "%s", folder);
        assert_int_equal(workers_submit(workers, &job, fds, 2, lane_of(1, LANE_FOLDERS), on_done, NULL, 0), 0);
        close(fds[0]);
        close(fds[1]);
        run_until(i + 1);
        assert_int_equal(last_error, 0);
    }
    assert_true(count_descriptors() < before + 20);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, i ? "net" : "disk");
        (void)unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

/* Both workers die, and the service has not seen it: the job was received by nobody, and another worker does it. */
static void a_job_that_no_worker_received_is_done_by_another(void **state) {
    pid_t pids[2];
    char folder[] = "/tmp/linfsp-worker.XXXXXX", path[64];
    struct job job = {.type = JOB_DEVICE_BIND, .target = {.host = true, .silo = 1}};
    if (geteuid() != 0)
        skip();
    assert_non_null(mkdtemp(folder));
    snprintf(job.inject.folder, sizeof job.inject.folder, "%s", folder);
    assert_int_equal(await_workers(pids, 2), 2);
    for (size_t i = 0; i < 2; i++) {
        siginfo_t ended;
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t)pids[i], &ended, WEXITED | WNOWAIT), 0);
    }
    int fds[2];
    for (size_t i = 0; i < 2; i++)
        fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(workers_submit(workers, &job, fds, 2, lane_of(1, LANE_FOLDERS), on_done, NULL, 0), 0);
    close(fds[0]);
    close(fds[1]);
    run_until(1);
    assert_int_equal(last_error, 0);
    assert_false(last_unanswered);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, i ? "net" : "disk");
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

/* No worker is left and none can be made. One is made, and has the job, soon after descriptors are there again; the
 * service sleeps meanwhile. */
static void a_job_waits_until_a_worker_can_be_made(void **state) {
    pid_t pids[2];
    struct rlimit limit;
    if (geteuid() != 0)
        skip();
    assert_int_equal(await_workers(pids, 2), 2);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){4, limit.rlim_max}), 0);
    for (size_t i = 0; i < 2; i++)
        (void)kill(pids[i], SIGKILL);
    for (unsigned turns = 0; turns < 20; turns++)
        (void)sd_event_run(event, 10000);
    int r = submit(lane_of(1, LANE_MOUNTS));
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (unsigned turns = 0; turns < 20; turns++)
        (void)sd_event_run(event, 10000);
    clock_gettime(CLOCK_MONOTONIC, &end);
    unsigned answered = answers;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(r, 0);
    assert_int_equal(answered, 0);
    assert_true((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 > 100);
    run_until(1);
    assert_int_equal(answers, 1);
    assert_int_equal(last_error, -EINVAL);
}

/* A worker that does one job and ends on its way back. */
static int be_dying_worker(void) {
    static struct job job;
    static struct job_result result;
    prctl(PR_SET_NAME, "linfspd-worker");
    if (recv(3, &job, sizeof job, 0) <= 0 || send(3, &result, sizeof result, MSG_NOSIGNAL) < 0 ||
        recv(3, &job, sizeof job, 0) != sizeof job)
        return 1;
    result.ticket = job.ticket;
    result.error = -EINVAL;
    if (send(3, &result, sizeof result, MSG_NOSIGNAL) < 0)
        return 1;
    usleep(300000);
    return 0;
}

static int set_up_dying(void **state) {
    return start("/proc/self/exe");
}

static void a_worker_on_its_way_back_gets_no_job(void **state) {
    pid_t pids[2];
    if (geteuid() != 0)
        skip();
    assert_int_equal(await_workers(pids, 2), 2);
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(submit(lane_of(i, LANE_MOUNTS)), 0);
        run_until(i);
        assert_int_equal(last_error, -EINVAL);
        assert_false(last_unanswered);
    }
}

/* Whoever seeks an anchor tries again later and later, and could not do without. */
static void a_lane_that_lost_too_many(void **state) {
    static const enum lane_kind kinds[] = {LANE_MOUNTS, LANE_MOUNTS, LANE_ANCHORS, LANE_ANCHORS};
    pid_t pids[4];
    if (geteuid() != 0)
        skip();
    for (unsigned lost = 0; lost < 8; lost += 4) {
        for (unsigned busy = 0; busy < 4; busy++) {
            unsigned there = busy < 2 ? 2 : 4;
            assert_int_equal(await_workers(pids, there), there);
            for (unsigned i = 0; i < there; i++)
                assert_int_equal(kill(pids[i], SIGSTOP), 0);
            assert_int_equal(submit(lane_of(1, kinds[busy])), 0);
        }
        for (unsigned turns = 0; answers < lost + 4 && turns < 2000; turns++)
            (void)sd_event_run(event, 10000);
        assert_int_equal(answers, lost + 4);
        assert_int_equal(last_error, -ETIMEDOUT);
    }
    assert_int_equal(submit(lane_of(1, LANE_MOUNTS)), -ETIMEDOUT);
    assert_int_equal(submit(lane_of(1, LANE_ANCHORS)), 0);
    run_until(9);
    assert_int_equal(last_error, -EINVAL);
}

int main(int argc, char **argv) {
    if (argc > 0 && strcmp(argv[0], "linfspd-worker") == 0)
        return be_dying_worker();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_worker_on_its_way_back_gets_no_job, set_up_dying, tear_down),
        cmocka_unit_test(lanes_are_told_apart),
        cmocka_unit_test_setup_teardown(each_job_is_answered_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_that_dies_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_that_no_worker_received_is_done_by_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_waits_until_a_worker_can_be_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_of_a_rush_are_kept_for_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lane_holds_up_itself_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_without_a_cpu_is_not_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_that_waits_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lane_that_lost_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(descriptors_that_nobody_takes_are_closed, set_up, tear_down),
    };
    program = argc > 1 ? argv[1] : "src/worker/linfspd-worker";
    sigset_t children; /* as in the service: sd_event takes them */
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
