/* SPDX-License-Identifier: MIT */
/* Taking over what a service before this one has left. */
#ifndef LINFSP_SERVICE_RESTORE_H
#define LINFSP_SERVICE_RESTORE_H

struct service;

int restore_all(struct service *service);

#endif
