/* athena/modify.h: DELETE, UPDATE and MERGE of Iceberg tables, merge-on-read: rows are named by
 * position delete files, what they become goes into new data files, and both are one snapshot.
 *
 * The rows that change are found by one query, whose result is kept in the query's folder before
 * anything is made of it: what is random or slow happens once. The snapshot stands on the one that
 * the query read; when another writer was faster, the statement fails with ICEBERG_COMMIT_ERROR. */
#pragma once
#include "athena/write.h"

/* The statement as a SELECT. NULL: the error is set. */
struct athena_node *athena_modify_query(struct athena_write *write);
/* Before the query is translated: the table, and write->query. False: the error is set. */
bool athena_modify_prepare(struct athena_write *write);
/* Once the query's columns are known: write->columns. False: the error is set. */
bool athena_modify_columns(struct athena_write *write);
/* Runs the query; makes the position delete files of write->deletes; write->sql are then the rows
 * to be written, of which write->rows tells the number only afterwards. MR_INVALID: the error is
 * set. */
MR_MUST_USE enum mr_status athena_modify_gather(struct athena_write *write);
