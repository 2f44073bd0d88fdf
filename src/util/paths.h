/* SPDX-License-Identifier: MIT */
/* Where LinFsp's things are. Fixed by design: a client in any image must find them without a configuration. */
#ifndef LINFSP_UTIL_PATHS_H
#define LINFSP_UTIL_PATHS_H

#define LINFSP_DEVICE_DIR "/dev/linfsp" /* in a silo: disk, net, bin, lib, unc */
#define LINFSP_RUN_DIR "/run/linfsp" /* on the host: the service's own tmpfs */
#define LINFSP_RUN_SOURCE "linfsp-run" /* what that tmpfs is called in mount tables */
#define LINFSP_HOST_DIR LINFSP_RUN_DIR "/host" /* disk and net of the host */
#define LINFSP_UNC_ROOT "/unc"
#define LINFSP_LETTER_ROOT "/mnt"
#define LINFSP_START_COMMAND "linfsp start"

#endif
