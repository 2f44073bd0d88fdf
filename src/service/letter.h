/* SPDX-License-Identifier: MIT */
/* The folders in /mnt that workers make for drive letters, and who is to remove them. */
#ifndef LINFSP_SERVICE_LETTER_H
#define LINFSP_SERVICE_LETTER_H

#include <stdint.h>

struct silo;
struct volume;

/* The bit of the volume's letter in silo.letter_folders; 0: it has none. */
uint32_t letter_bit(const struct volume *volume);
/* A volume may find the folder of one that is just being unmounted, and mount on it before it is removed: then it has
 * it to remove. Takes no silo. */
void letter_inherit(struct volume *volume, const struct silo *silo);
/* The same where all that is known of the volume is its intent. */
void letter_inherit_unless_made(struct volume *volume);
/* With the last letter. Until then one may be on its way that finds the folder of another. */
void letters_forget(struct silo *silo, const struct volume *gone);
/* A letter of the silo's has gone, and whoever unmounted it has been told. */
void letters_settle(struct silo *silo);

#endif
