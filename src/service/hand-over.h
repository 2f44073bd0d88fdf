/* SPDX-License-Identifier: MIT */
/* Volumes that go from one living server to another (hand-over.c has the model). */
#ifndef LINFSP_SERVICE_HAND_OVER_H
#define LINFSP_SERVICE_HAND_OVER_H

struct connection;
struct wire_take_over;

/* WIRE_HAND_OVER: brings the client and the server of the volume that it names together. */
void hand_over_begin(struct connection *connection, const struct wire_take_over *request);

#endif
