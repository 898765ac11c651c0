/* main/serve.h: the whole server: wires the services together, starts and stops them. */
#pragma once
#include "base/base.h"

struct serve;
struct serve_options {
    const char *data;        /* data folder */
    const char *address;     /* numeric */
    int port;                /* 0: a free one */
    const char *credentials; /* file in the form of ~/.aws/credentials, or NULL */
    const char *region, *account;
    uint64_t segment_bytes;     /* of the journal; 0: the default; only for tests */
    uint64_t memtable_bytes;    /* of the view; 0: the default; only for tests */
    uint64_t query_cache_bytes; /* of columns that Athena keeps in memory; 0: it keeps none */
    bool shard_limits;          /* of Kinesis: throughput as on AWS */
    bool testing;               /* opens /_millrace/reset and /_millrace/clock */
};
extern const struct serve_options serve_options_default;

/* Starts everything; on return the server answers. A message says why when it cannot. */
MR_MUST_USE enum mr_status serve_start(struct serve **ret_serve,
                                       const struct serve_options *options);
int serve_port(const struct serve *serve);
/* Ends requests in hand, stops pumps and functions, makes everything durable, frees all. */
void serve_stop(struct serve *serve);

/* The subcommand: runs until SIGTERM or SIGINT. Returns the exit status. */
int serve_main(int argc, char **argv);
