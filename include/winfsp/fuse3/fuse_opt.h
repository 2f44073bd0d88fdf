/* SPDX-License-Identifier: MIT */
/** FUSE 3 has the same options as FUSE 2. */
#include "../fuse/fuse_opt.h"
