/* SPDX-License-Identifier: MIT */
/*
 * The MUP (multiple UNC provider): what becomes of a walk to \server\share.
 *
 * A process walks to a name below /unc. The kernel holds it and asks the folder's pipe (folder.h). The MUP finds out
 * what stands there: it asks its providers in order. The table of prefixes (unc.h) is the first. Policy decides whether
 * this process may open it. Then a worker mounts it in that silo, and the process goes on. Publishing a volume mounts
 * nothing anywhere.
 */
#ifndef LINFSP_SERVICE_MUP_H
#define LINFSP_SERVICE_MUP_H

#include "service/folder.h"

enum mup_kind { MUP_NOTHING, MUP_FOLDER, MUP_VOLUME, MUP_LAUNCH };

struct mup_question {
    struct service *service;
    const struct silo *silo; /* whose folder it is */
    const struct walk *walk;
    const char *path; /* "server/share" */
    bool again; /* it was opened there before */
};

struct mup_answer {
    enum mup_kind kind;
    uint64_t volume;
    uint64_t launcher; /* MUP_LAUNCH: the connection (launch.h) */
    bool read_only;
};

/* Returns 0 with what stands at the path, as far as the asker may know, or a negative errno for it. */
int mup_ask(const struct mup_question *question, struct mup_answer *ret_answer);

/* Whose process walks. A container may have been given a folder of another's /unc (-v /unc/nas:/media). NULL: that
 * cannot be told. */
const struct silo *mup_walker(const struct mup_question *question);

/* Somebody walked to that name of the folder. */
void mup_walk(struct folder *folder, const char *text, const struct walk *walk);
/* Shows what that silo lists in the folder: all of it, or that name. */
void mup_list(struct folder *folder);
void mup_show(struct folder *folder, const char *text);
/* The name of this folder in the one above, when it leads to nothing any more. */
struct name *mup_unwanted(const struct folder *folder);
/* The folder may have nothing in it any more. */
void mup_tidy(struct folder *folder);

/* Reads from the rules whether the silo lists all that it may open (browse = yes), and shows or hides that; does so for
 * all silos, after a new configuration. */
void mup_browse(struct silo *silo);
void mup_browse_anew(struct service *service);

/* The volume can be opened from now on: it is shown in its own silo, on the host, and where it may be browsed. */
void mup_publish(struct volume *volume);
/* The same for one of the service before us, while nothing of /unc is known yet. */
void mup_restore(struct volume *volume);
/* It cannot be opened any more, and is unmounted wherever it was: as long as its name_list is not empty that is not
 * done, and volume_withdrawn is called then. */
void mup_withdraw(struct volume *volume);
/* Gives its prefix back. */
void mup_release(struct volume *volume);

#endif
