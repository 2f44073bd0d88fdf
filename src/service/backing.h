/* SPDX-License-Identifier: MIT */
/* Backing files of servers without privileges. */
#ifndef LINFSP_SERVICE_BACKING_H
#define LINFSP_SERVICE_BACKING_H

struct connection;
struct wire_open_backing;
struct wire_close_backing;

void backing_open(struct connection *connection, const struct wire_open_backing *request);
void backing_close(struct connection *connection, const struct wire_close_backing *request);

#endif
