/* dynamodb/access.h: who may do what: resource policies of tables, their indexes and streams.
 *
 * Asked before each call of the wire; calls from inside the process (pipes, stacks) are not. As
 * long as there is no policy, a call costs one load. Private to dynamodb/. */
#pragma once
#include "dynamodb/internal.h"

struct item_statement;

/* Under admin, behind the commit. */
void dynamodb_guarded_set(struct dynamodb *dynamodb, struct mr_slice arn, bool has_policy);
/* Of the documents that are there. */
MR_MUST_USE enum mr_status dynamodb_guarded_load(struct dynamodb *dynamodb);

/* Of protocol_on_call, for dynamodb and its streams: sets the fault when the call may not do what
 * it asks. */
void dynamodb_authorize(void *ctx, struct protocol_call *call);
/* The same for one statement of a batch: then its row tells. */
bool dynamodb_statement_denied(struct protocol_call *call, const struct item_statement *statement,
                               struct mr_slice *ret_message);
/* What a statement's caller needs: "PartiQLSelect". */
const char *dynamodb_statement_needs(const struct item_statement *statement);
/* Another account's policies, which might allow it, are not here. Returns MR_FAULT. */
MR_MUST_USE enum mr_status dynamodb_deny_stranger(struct protocol_call *call, const char *action,
                                                  struct mr_slice arn);
/* Whether the policy forbids the caller to put another one. */
bool dynamodb_policy_locks_out(struct protocol_call *call, struct mr_slice arn, yyjson_val *policy);
