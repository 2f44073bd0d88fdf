/* SPDX-License-Identifier: MIT */
/*
 * The folders of silos' /unc, and the names in them.
 *
 * A folder is an autofs file system of one level (worker/folder.h). Each silo has one for /unc, and one for each
 * \server that somebody there went to. A folder is known to the service by its number. It has a name for each thing
 * that is shown or open in it:
 *
 *     SHOWN      it is listed, and nothing is mounted on it
 *     OPENING    a worker mounts a volume, or the folder below, on it
 *     OPEN       that is mounted
 *     CLOSING    a worker unmounts it if nobody uses it: then it is SHOWN again
 *     HIDING     a worker unmounts it everywhere, and removes it
 *
 * An open volume that nobody uses is unmounted after a second or two, so that df and the like never come to wait for
 * its server. The next access mounts it again; if that comes soon, the volume stays longer from then on.
 *
 * All that touches a folder is done by workers: a silo can hold its own folders' locks for as long as it likes.
 */
#ifndef LINFSP_SERVICE_FOLDER_H
#define LINFSP_SERVICE_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "util/hash.h"
#include "util/list.h"
#include "wire/prefix.h"

struct service;
struct silo;
struct volume;

#define FOLDERS_PER_SILO_MAX 256
#define FOLDERS_KEPT_MAX 1024 /* of the host */
#define NAMES_PER_SILO_MAX 4096 /* of one silo, shown or open */

/* Somebody waits at a name. */
struct walk {
    uint32_t token;
    pid_t pid, process; /* of the thread, and its process */
    uid_t uid;
    gid_t gid;
    bool launched; /* it has waited for a launcher already */
    uint64_t silo; /* whose process it is, where that is another one than the folder's; 0: it is not */
};

enum name_state { NAME_SHOWN, NAME_OPENING, NAME_OPEN, NAME_CLOSING, NAME_HIDING };

struct name {
    struct folder *folder;
    uint64_t id; /* key */
    UT_hash_handle by_id;
    UT_hash_handle hash; /* of its folder, by text */
    struct list_node of_volume;
    enum name_state state;
    bool listed; /* it stays when it is not open */
    bool there; /* OPENING: it was OPEN before */
    uint64_t elsewhere; /* OPENING: the volume that is mounted, where it is in the walker's silo alone; else 0 */
    bool hide_wanted; /* OPENING, CLOSING: it is to be hidden after that */
    unsigned hides_lost; /* workers that died, or were given up, while they hid it */
    bool show_again; /* it is to be shown after it was hidden */
    bool waits; /* OPENING, CLOSING, HIDING: `walk` is to be looked at after that */
    struct walk walk; /* OPENING: whom the worker answers; or see waits */
    uint64_t volume, child; /* what is, or is to be, mounted: one of the two; both 0: nothing */
    uint64_t since; /* when somebody opened it first: ns since the epoch; 0: nobody has */
    uid_t uid; /* who that was */
    uint64_t opener; /* the number of the silo in which it was; 0: the folder's own */
    uint64_t close_at, close_after; /* OPEN: when a worker tries to unmount it next, us, and how long after that */
    uint64_t closed_at; /* when it was last unmounted because nobody used it, us; 0: it never was */
    char text[]; /* key */
};

struct folder {
    struct service *service;
    uint64_t id; /* key */
    UT_hash_handle hash;
    UT_hash_handle by_place;
    uint64_t silo; /* its number */
    struct list_node of_silo;
    unsigned failures; /* of reading its pipe, one after the other */
    unsigned answers_lost; /* workers that died or lacked something, one after the other, over answers to walks */
    unsigned take_ups_lost; /* workers that died over taking it up */
    bool live; /* it is there, and its pipe is open */
    struct list_node kept; /* of the service: it is in no folder above, and may be in use elsewhere */
    bool unshown; /* names came while a worker made the folder: they are shown as soon as it is live */
    bool uncertain; /* a worker that was to make it was lost */
    bool restored; /* the service before this one made it */
    struct list_node of_open; /* of the service: a volume is open in it */
    uint64_t close_at; /* of its names, the first */
    bool closing;
    int pipe;
    sd_event_source *io;
    struct name *names; /* hash */
    char place[24 + PREFIX_MAX]; /* key: silo and path */
    char path[PREFIX_MAX]; /* "" for /unc itself */
};

struct folder *folder_find(struct service *service, uint64_t id);
struct folder *folder_at(struct service *service, uint64_t silo, const char *path);
/* Enters a new folder into the tables; folder_take makes it live. */
struct folder *folder_new(struct service *service, struct silo *silo, const char *path);
/* Its pipe: taken over, and closed with it. */
int folder_take(struct folder *folder, int pipe);
struct name *folder_name(struct folder *folder, const char *text);

/* The name is listed from now on. volume: 0 where it is a folder. */
void folder_show(struct folder *folder, const char *text, struct volume *volume);
/* Has the volume, or else the folder of that path, mounted on the name, for this walk. */
int folder_open(struct folder *folder, const char *text, const struct walk *walk, struct volume *volume,
                bool read_only);
/* Lets a walk go on, with an error when status is not 0. */
void folder_answer(struct folder *folder, const struct walk *walk, int status);
/* Unmounts what is on the name, everywhere, and removes it. */
void name_hide(struct name *name);

/* The silo has ended: so do its folders. */
void folders_end(struct silo *silo);
/* The host's /unc: made, or taken up from the service before. Then all that was restored is taken up. */
int folders_start(struct service *service);
/* Whether the host's /unc is being made, or others are being taken up; the latter is true for two seconds at most. */
bool folders_are_starting(const struct service *service);
/* Takes /unc off the host. folders_are_stopped says when that is done. */
void folders_stop(struct service *service);
bool folders_are_stopped(const struct service *service);
void folders_free(struct service *service);

/* From the journal. */
struct folder_record {
    uint64_t silo;
    char path[PREFIX_MAX];
};
struct name_record {
    uint64_t folder, volume, child, since, opener;
    uid_t uid;
    char text[NAME_MAX + 1];
};
int folder_restore(struct service *service, uint64_t id, const struct folder_record *record);
int name_restore(struct service *service, uint64_t id, const struct name_record *record);

#endif
