/* chain/chain.h: the chain as a whole: who carries what from where to where, how far each is
 * behind, up to when everything has landed (the watermark), and waiting for that.
 *
 * Threads: any, between open and close. */
#pragma once
#include "base/json.h"
#include "dynamodb/dynamodb.h"
#include "firehose/firehose.h"
#include "http/http.h"
#include "pipes/pipes.h"

struct chain;
struct chain_options {
    struct store *store;
    struct runtime *runtime;
    struct dynamodb *dynamodb;
    struct pipes *pipes;
    struct firehose *firehose;
};
MR_MUST_USE enum mr_status chain_open(struct chain **ret_chain,
                                      const struct chain_options *options);
/* Answers who still waits. Accepts NULL. */
void chain_close(struct chain *chain);

/* Members of an open object: now_ms, watermark_ms and behind_ms (null: not known yet since the
 * start), "deliveries" with the same of each, and "hops": kind, name, from, to, state, reason,
 * records_behind, bytes_behind, ms_behind, and "more" when there are more than were counted. */
void chain_status(struct chain *chain, struct mr_json *json);

/* The same for programs. `lag.more`: at least. The list lives in its arena. */
struct chain_hop {
    const struct hop *hop;
    struct hop_lag lag;
};
struct chain_report {
    int64_t now_ms, watermark_ms; /* 0: not known yet */
    struct chain_hop *hops;
    size_t count;
};
void chain_report_get(struct chain *chain, struct mr_arena *arena, struct chain_report *ret_report);

/* POST /_millrace/wait: answers when everything written before the request has landed, or by the
 * deadline. The exchange is the chain's until it has answered; no thread waits for it alone. */
void chain_wait(struct chain *chain, struct http_exchange *exchange);
