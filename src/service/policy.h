/* SPDX-License-Identifier: MIT */
/* Who may have what (policy.c has the model). */
#ifndef LINFSP_SERVICE_POLICY_H
#define LINFSP_SERVICE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct mount_options;
struct silo;
struct volume;
struct wire_create_volume;

/* Each returns 0, or a negative errno with a message. */
int policy_create(const struct silo *silo, const struct ucred *peer, bool network,
                  const struct wire_create_volume *request, char *ret_message, size_t size);
int policy_fusermount(const struct silo *silo, const struct ucred *peer, const struct mount_options *options,
                      char *ret_message, size_t size);
int policy_share(const struct silo *silo, const struct volume *volume, char *ret_message, size_t size);
bool policy_allow_other(const struct silo *silo, const struct ucred *peer, bool network);
/* Whether a server may have one more volume held. */
int policy_hold(const struct silo *silo, const struct ucred *peer, char *ret_message, size_t size);
#define POLICY_HELD_VOLUMES_MAX 64 /* of a silo; of a user of the host */
/* Whose the limits are in that silo, for errors: "this container". */
const char *policy_limited(const struct silo *silo);
/* Whether there is no room for one more connection of that user. */
bool policy_connections_full(const struct silo *silo, uid_t uid);
bool policy_may_end(const struct silo *silo, const struct ucred *peer, const struct volume *volume);

#endif
