/* SPDX-License-Identifier: MIT */
#ifndef LINFSP_WINFSP_WINE_DRIVE_H
#define LINFSP_WINFSP_WINE_DRIVE_H

/*
 * Takes the drive of a volume of ours out of our own prefix, and puts it back. mount_point is "/mnt/z"; others, and
 * NULL, are no drives.
 *
 * Programs of one prefix share a server process, which opens files on their behalf. If one of them opened a file of
 * ours the server would wait for us, and we may wait for the server. So our own prefix does not have the drive.
 */
void wine_drive_hide(const char *mount_point);
void wine_drive_show(const char *mount_point);

#endif
