/* SPDX-License-Identifier: MIT */
/*
 * The numbers of volumes and folders. None is given twice, whatever dies: numbers are set aside by the hundred, and how
 * far is in the journal. So a service that starts knows that whatever the stage has below that number, and the journal
 * does not, is nobody's, also where a service before it was killed before it could sweep.
 */
#ifndef LINFSP_SERVICE_NUMBERS_H
#define LINFSP_SERVICE_NUMBERS_H

#include <stdint.h>
#include <stdio.h>

struct service;

uint64_t number_volume(struct service *service);
uint64_t number_folder(struct service *service);
/* When the journal has been read: goes on from where the services before this one were, and notes that as the place up
 * to which the stage is swept. */
int numbers_restore(struct service *service);

#endif
