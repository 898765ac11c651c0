/* firehose/rows.h: the Iceberg destination: records routed to tables, and a buffer of them turned
 * into a commit of its table when it lands.
 *
 * A buffer's name is "<database>\x1f<table>"; each of its records begins with a byte that tells the
 * operation. */
#pragma once
#include "firehose/buffers.h"
#include "firehose/config.h"
#include "iceberg/iceberg.h"

struct record_failure;
#define ROWS_SEPARATOR '\x1f'
enum rows_operation { ROWS_INSERT = 'I', ROWS_UPDATE = 'U', ROWS_DELETE = 'D' };

/* Where a record goes, by what the function or the query says of it (objects or NULL), else by the
 * configuration. NULL: fine; else why not. `name` and the operation's byte are appended. */
const struct record_failure *rows_route(const struct delivery_config *config, yyjson_val *otf,
                                        yyjson_val *query, struct mr_buf *name,
                                        char *ret_operation);

struct rows_failure {
    const struct buffer_record *record;
    struct mr_slice data;
    const char *code;
    struct mr_slice message;
};
struct rows_run {
    const struct iceberg *ice;
    const struct delivery_config *config;
    struct mr_arena *arena;
    const struct buffer *buffer;
    void (*failed)(void *ctx, const struct rows_failure *failure);
    void *ctx;
    struct iceberg_table table;
    struct iceberg_change change; /* to be joined and ended when `changes` */
    bool changes;
    uint64_t failures;
};
/* The table's entry in DestinationTableConfigurationList, or NULL. */
yyjson_val *rows_table_config(const struct delivery_config *config, struct mr_slice buffer_name);
/* Stages files and metadata. MR_NOT_FOUND: the table's bucket is not there; MR_AGAIN: the table
 * cannot be read now. Both with `message`. iceberg_change_end has to follow in each case. */
MR_MUST_USE enum mr_status rows_prepare(struct rows_run *run, char message[static 512]);
/* Instead, when rows_prepare could not: all records fail. */
void rows_give_up(struct rows_run *run, const char *code, struct mr_slice message);
