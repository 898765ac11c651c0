/* dynamodb/statement.h: what transactions and pages share with PartiQL. Private to dynamodb/. */
#pragma once
#include "dynamodb/internal.h"
#include "item/partiql.h"

/* {Statement, Parameters}: MR_OK or MR_FAULT. */
MR_MUST_USE enum mr_status dynamodb_statement_read(struct protocol_call *call, yyjson_val *request,
                                                   struct item_statement *ret_statement);
/* The write that a statement is (INSERT, UPDATE, DELETE), or the check or read of one item (EXISTS,
 * SELECT: an item that must be there and fit), checked and placed. It points into the statement. */
MR_MUST_USE enum mr_status dynamodb_statement_prepare(struct protocol_call *call,
                                                      struct dynamodb_table *table,
                                                      struct item_statement *statement,
                                                      struct dynamodb_write *write);
/* Whether its condition names all keys of the table, and, `plain`, asks nothing else; not `plain`:
 * asks something else too. */
bool dynamodb_statement_reads_one(struct mr_arena *arena, const struct dynamodb_table *table,
                                  const struct item_statement *statement, bool plain);
/* What a SELECT shows of an item. */
void dynamodb_statement_item_json(struct mr_json *json, const struct item_statement *statement,
                                  struct mr_slice item);
/* NextToken: the place behind which a further call goes on. */
void dynamodb_statement_token_json(struct protocol_call *call, struct mr_slice keys);
