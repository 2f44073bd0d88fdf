/* SPDX-License-Identifier: MIT */
/* Publishing a volume that is mounted already, and taking it back. */
#ifndef LINFSP_SERVICE_SHARE_H
#define LINFSP_SERVICE_SHARE_H

struct connection;
struct wire_share;

struct volume;
/* Of a volume that is being taken back: it is not mounted under /unc any more. */
void share_withdrawn(struct volume *volume);
void share_create(struct connection *connection, const struct wire_share *request);
void share_remove(struct connection *connection, const struct wire_share *request);

#endif
