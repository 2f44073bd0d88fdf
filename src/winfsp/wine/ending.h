/* SPDX-License-Identifier: MIT */
#ifndef LINFSP_WINFSP_WINE_ENDING_H
#define LINFSP_WINFSP_WINE_ENDING_H

#include "linfsp/linfsp.h"

/* stop(argument) is called, in a thread of Wine's, each time that the program is told to end, until wine_unwatch. One
 * at a time: -EBUSY. */
int wine_watch(void (*stop)(void *argument), void *argument);
void wine_unwatch(void);

/* Wine's threads, for liblinfsp. */
const struct linfsp_threads *wine_threads(void);

#endif
