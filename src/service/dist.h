/* SPDX-License-Identifier: MIT */
/*
 * The programs and libraries that are put into silos: one copy of each on our own file system, to which the folders of
 * all silos link.
 *
 * So a file is one inode for all silos. Nobody in a silo can write to it or change it. A write lease would hold up each
 * start of a program in other silos; but the kernel gives none on a file that somebody else has open for reading, and
 * the service has each of them open. A file whose content is the same stays the same inode when the service starts
 * anew. One that another version replaces is kept in dist/before, and open, while silos link to it.
 *
 * Between two services nobody has them open: a lease that is taken then is broken as soon as the next one starts, which
 * takes the kernel at most /proc/sys/fs/lease-break-time (45 s).
 */
#ifndef LINFSP_SERVICE_DIST_H
#define LINFSP_SERVICE_DIST_H

#include <systemd/sd-event.h>

struct dist;

/* from: the folder that has bin/ and lib/. Returns 0 or a negative errno. */
int dist_new(sd_event *event, const char *from, struct dist **ret_dist);
void dist_free(struct dist *dist);

#endif
