/* SPDX-License-Identifier: MIT */
/*
 * Whose silos are: the host's user who owns the outermost user namespace around one. Such namespaces any user can make,
 * by the thousand, with whatever root within; so what they cost the service is bounded per owner. Root's own are not
 * counted.
 */
#ifndef LINFSP_SERVICE_OWNER_H
#define LINFSP_SERVICE_OWNER_H

struct silo;

/* Counts a silo for its owner (target.owner_uid). -EDQUOT where that is one too many: it is not to be served. */
int owner_admit(struct silo *silo);
/* Counts it whether there is room or not: it was served before. */
void owner_adopt(struct silo *silo);
/* Undoes either; nothing where neither was done. */
void owner_leave(struct silo *silo);

#endif
