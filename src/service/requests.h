/* SPDX-License-Identifier: MIT */
/* What each message asks for. */
#ifndef LINFSP_SERVICE_REQUESTS_H
#define LINFSP_SERVICE_REQUESTS_H

struct connection;
struct silo;
union wire_message;

/* Does what a message asks. */
void request_handle(struct connection *connection, const union wire_message *message);
/* Goes on with a list as far as the socket takes it. */
void request_continue_list(struct connection *connection);
/* One of the silo's connections goes on with its list, a few rows. */
void request_list_turn(struct silo *silo);

#endif
