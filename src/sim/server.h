/* sim/server.h: the server of this incarnation, its clients, and the look at what has landed. */
#pragma once
#include "sim/history.h"
#include "main/internal.h"

struct serve *sim_server_start(void);
/* Makes the resources of the chain, or finds them: the table, and then the way from there. */
void sim_table_make(struct serve *serve);
void sim_way_make(struct serve *serve);
/* Asks over and over what of the journal nobody needs, as the server itself does every minute. */
void sim_retain_begin(struct serve *serve);
void sim_retain_end(void);
void sim_pipes_start(struct serve *serve); /* those that somebody stopped */
/* A request, as JSON. A fault is an outcome; `ret_result` is valid as long as the arena. */
void sim_call(struct serve *serve, struct mr_arena *arena, const char *service,
              const char *operation, struct mr_slice input, struct protocol_result *ret_result);
yyjson_val *sim_output(struct mr_arena *arena, const struct protocol_result *result);
/* An attribute of an item; 0: it has none. */
int64_t sim_number(yyjson_val *item, const char *name);

/* Clients, until their share of the operations is done. */
void sim_clients_begin(struct serve *serve, size_t operations);
void sim_clients_join(void);
/* Waits until all has landed, and checks it. */
void sim_landed_check(struct serve *serve);
