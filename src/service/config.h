/* SPDX-License-Identifier: MIT */
/* /etc/linfsp.conf: lines "key = value", '#' begins a comment. */
#ifndef LINFSP_SERVICE_CONFIG_H
#define LINFSP_SERVICE_CONFIG_H

#include "service/service.h"

/* Reads the file over the defaults; a missing file is no error. -EINVAL, after a line in the log that names file, line
 * and key. */
int config_read(const char *path, struct limits *ret_limits);

#endif
