/* SPDX-License-Identifier: MIT */
/*
 * A service without workers, for tests of what it decides. Silos, sockets and namespaces are real, in a mount namespace
 * of the test's own; the pool of workers is the test's: it refuses jobs, or keeps them for the test to answer.
 */
#ifndef LINFSP_SERVICE_TEST_SERVICE_H
#define LINFSP_SERVICE_TEST_SERVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "service/service.h"
#include "service/silo.h"
#include "util/cleanup.h"
#include "worker/job.h"

extern struct service service;
extern const char *why_not; /* the machine lacks something: tests are skipped */
extern pid_t container; /* the first process of one */
extern int refuse, refuse_once; /* jobs of this type; 0: none. The latter: the next one */

#define NEEDS_A_HOST()                                                                                                 \
    do {                                                                                                               \
        if (why_not)                                                                                                   \
            skip();                                                                                                    \
    } while (0)

/* For cmocka: before all tests; before and after each one. */
int make_host(void **state);
int set_up(void **state);
int tear_down(void **state);

/* Answers the job of this type, which must have been submitted. The job is copied to ret_job, unless that is NULL. */
void answer(enum job_type type, const struct job_result *result, struct job *ret_job);
bool is_submitted(enum job_type type);
/* Sets a key of the one rule that there is. */
void add_rule(const char *key, const char *value);
/* Of the container; NULL: it is none. */
struct silo *the_silo(void);
/* In the mount namespace of the container's first process; with namespaces of its own, CLONE_NEW... It is no child of
 * ours: such would be the service's. */
pid_t start_second_process(int namespaces);
/* The container, as a worker sets it up. */
void set_up_silo(void);
/* The first process ends, and a worker is to seek another one; it finds this one. */
void lose_anchor(void);
void find_anchor(pid_t pid);
/* As a runtime's hook does. */
void ask_to_prepare(void);
/* Sends a message as a client of the host's does, and has the service read it. */
void send_to_service(const void *message, const int *fds, size_t n_fds);
/* Returns 0, the error that the client is told, or -EAGAIN where it still waits. */
int client_is_told(void);

#endif
