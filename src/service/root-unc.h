/* SPDX-License-Identifier: MIT */
/*
 * /unc in silos: mounted when there is something to be seen there, and not before.
 *
 * As long as the machine has no network volume, and no launcher that would start one, a silo has no /unc: `mkdir /unc`
 * does there what it does without LinFsp. The first claim of a prefix has /unc mounted in all silos, some at a time,
 * and the volume is announced when that is done. A silo that starts later has it from its start. Some seconds after the
 * last volume's end it is unmounted where nobody uses it.
 */
#ifndef LINFSP_SERVICE_ROOT_UNC_H
#define LINFSP_SERVICE_ROOT_UNC_H

#include <stdbool.h>

#include "service/worker.h"

struct service;
struct silo;

void root_unc_init(struct service *service);
/* Silos are known from the journal: looks which of them are to have it. */
void root_unc_start(struct service *service);
/* Whether there is, or is about to be, something to be seen under /unc. */
bool root_unc_is_wanted(const struct service *service);
/* Something is, from now on: has it mounted in all silos that wait for that, in own first (NULL: in none). Costs the
 * same however many silos there are that have it. */
void root_unc_wanted(struct service *service, struct silo *own);
/* Nothing is, perhaps, from now on. */
void root_unc_unwanted(struct service *service);
/* Has it mounted in one silo that has been set up just now, if it is wanted. */
void root_unc_make(struct silo *silo);
/* Keeps a worker's answer, and what it takes of fds, until /unc is mounted in all silos, or half a second has passed;
 * then calls done with it. Returns false where nobody is waited for. */
bool root_unc_keeps(struct service *service, job_done done, uint64_t key, const struct job_result *result, int *fds,
                    size_t n_fds);
/* Drops what is kept. */
void root_unc_free(struct service *service);

#endif
