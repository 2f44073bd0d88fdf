/* SPDX-License-Identifier: MIT */
/* The text behind -o: what of it the helper itself must know. The service decides what is allowed. */
#ifndef LINFSP_FUSERMOUNT_OPTIONS_H
#define LINFSP_FUSERMOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct options {
    bool auto_unmount;
    bool block_device; /* blkdev */
    bool set_user_id, devices; /* suid, dev: asked for */
    bool shared; /* unc= or uns=: only the service can do that */
    char *asked; /* what goes to the service: all but what is not the caller's to say (user_id= and such); never NULL */
    /* what mount(2) takes, for a mount with our own rights */
    unsigned long flags; /* MS_* */
    char *source; /* fsname=, or NULL */
    char *subtype; /* or NULL */
    char *data; /* the file system's own options, separated by commas; never NULL */
    char *unknown; /* the first option that is none of fusermount's, or NULL */
};

/* Splits text at commas; in fsname= and subtype= a backslash takes the character behind it as it is. The last one of
 * several counts. Returns 0 or -ENOMEM. */
int options_parse(const char *text, struct options *ret_options);
void options_done(struct options *options);

#endif
