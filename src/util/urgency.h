/* SPDX-License-Identifier: MIT */
/*
 * Urgency: the service, its workers and its catcher run before all ordinary tasks of the host. A container's entry
 * point may be a program in /dev/linfsp/bin, which a runtime looks for some milliseconds after it has made the
 * container's root. On a host whose CPUs are all busy a nice value does not suffice: the kernel compares nice values
 * within one session only (sched_autogroup), and a task that wakes up may have to wait for the end of another's slice.
 *
 * So these processes have the real-time policy SCHED_RR, with its lowest priority. All of them sleep nearly always. A
 * process that does not is lowered: after URGENCY_USEC without a sleep the kernel sends SIGXCPU (RLIMIT_RTTIME), and
 * the process becomes an ordinary one, with the nice value that it has.
 */
#ifndef LINFSP_UTIL_URGENCY_H
#define LINFSP_UTIL_URGENCY_H

#define URGENCY_USEC 100000

/* Needs CAP_SYS_NICE. Children inherit it. Returns 0 or a negative errno. */
int urgency_raise(void);
void urgency_lower(void);
/* For a program without an event loop: it lowers itself when SIGXCPU comes. */
void urgency_lower_by_signal(void);

#endif
