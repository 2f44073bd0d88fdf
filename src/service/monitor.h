/* SPDX-License-Identifier: MIT */
/*
 * Watching containers come: the proc connector's exec and comm events, a scan of /proc at the start and whenever events
 * were lost, and, where the kernel has no proc connector, a scan every quarter of a second. Going is seen by each
 * silo's own pidfd (silo.c).
 */
#ifndef LINFSP_SERVICE_MONITOR_H
#define LINFSP_SERVICE_MONITOR_H

#include "service/service.h"

int monitor_new(struct service *service, struct monitor **ret_monitor);
void monitor_free(struct monitor *monitor);
/* Looks at all processes there are. */
void monitor_scan(struct monitor *monitor);
const char *monitor_kind(const struct monitor *monitor); /* "proc-connector" or "polling" */

#endif
