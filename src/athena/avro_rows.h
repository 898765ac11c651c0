/* athena/avro_rows.h: the records of an Avro object file, each as a line of JSON, which what reads
 * the JSON SerDe's lines takes: dates, timestamps and decimals are texts there, bytes base64.
 *
 * The schema is the file's own; columns find its fields by name. Of the table's schema
 * (avro.schema.literal) count a field's aliases and default, for files that lack it. Nothing in
 * the file is trusted.
 * Memory: one block, one record and its text. A zeroed one is ready. One thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "iceberg/avro.h"

struct athena_avro {
    struct mr_arena head, block, record;
    struct avro_reader reader;
    struct mr_buf line;
    yyjson_val **absent; /* of the table's fields, those with a default that the file lacks */
    size_t absent_count;
    void *map; /* of the object's file; NULL: none */
    size_t map_len;
    bool open, ended;
};
/* Takes the descriptor; -1: all is in `bytes`, which are copied. An object without bytes has no
 * records. `fields`: of the table's schema, an array or NULL; borrowed. MR_INVALID: it is no such
 * file. MR_FAIL_IO. */
MR_MUST_USE enum mr_status athena_avro_open(struct athena_avro *avro, int fd, struct mr_slice bytes,
                                            yyjson_val *fields);
/* The next record; valid until the next call. MR_END. MR_INVALID: the file is damaged. */
MR_MUST_USE enum mr_status athena_avro_next(struct athena_avro *avro, struct mr_slice *ret_line);
void athena_avro_close(struct athena_avro *avro); /* a second call is harmless */
