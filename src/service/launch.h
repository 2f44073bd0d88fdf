/* SPDX-License-Identifier: MIT */
/*
 * Launchers: programs that start a file system when somebody first walks to its \server\share.
 *
 * A launcher runs in a silo, as any user. On its connection it names its classes: these are names of servers. The MUP
 * asks here for a path that no volume has. For a class's name the answer is a folder; for a name in that folder the
 * walk is held, the launcher is told the prefix, and the walk goes on when a volume is published under that prefix,
 * when the launcher says that none comes, or after 30 s. The service itself starts nothing. The launcher has no power
 * that any program of its silo lacks: the file system that it starts claims its prefix as all do.
 */
#ifndef LINFSP_SERVICE_LAUNCH_H
#define LINFSP_SERVICE_LAUNCH_H

#include "service/mup.h"

struct connection;
struct wire_offer_classes;
struct wire_start;

#define LAUNCHES_PER_LAUNCHER_MAX 64 /* walks held at a time */

/* The connection is a launcher's from now on. */
void launch_offer(struct connection *connection, const struct wire_offer_classes *request);
/* A launcher of that silo says that no file system comes. */
void launch_failed(struct connection *connection, const struct wire_start *request);
/* The connection closes: what it was to start does not come. */
void launcher_closed(struct connection *connection);

/* A provider of the MUP. */
int launch_ask(const struct mup_question *question, struct mup_answer *ret_answer);
/* Holds the walk to that path, for which launch_ask has answered MUP_LAUNCH. */
int launch_wait(struct folder *folder, const char *text, const char *path, const struct walk *walk, uint64_t launcher);
/* A volume has been published under that prefix. */
void launch_published(struct service *service, const char *prefix);
void launches_free(struct service *service);

#endif
