/* protocol/sigv4.h: the arithmetic of AWS Signature Version 4. Pure: no clock, no state.
 *
 * Servers check with it (auth.c), clients sign with it. All texts are slices of the caller's. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { SIGV4_KEY_BYTES = 32, SIGV4_HEX_BYTES = 64 };

struct sigv4_key {
    uint8_t bytes[SIGV4_KEY_BYTES];
};
/* date is "20260102". */
struct sigv4_key sigv4_key_make(struct mr_slice secret, struct mr_slice date,
                                struct mr_slice region, struct mr_slice service);

struct sigv4_header {
    struct mr_slice name, value; /* lower-case name; the value is trimmed and squeezed by us */
};
struct sigv4_request {
    struct mr_slice method;
    struct mr_slice path;               /* as on the wire */
    struct mr_slice query;              /* as on the wire */
    const struct sigv4_header *headers; /* the signed ones, sorted by name, doubles joined */
    size_t header_count;
    struct mr_slice payload_hash; /* hex, or one of the literals */
    bool s3;                      /* S3 encodes the path once and does not normalise it */
};
/* Appends the canonical request; X-Amz-Signature is left out of the query. */
void sigv4_canonical(struct mr_buf *buf, struct mr_arena *arena,
                     const struct sigv4_request *request);
/* scope: "20260102/us-east-1/s3/aws4_request"; time: "20260102T030405Z". */
void sigv4_string_to_sign(struct mr_buf *buf, struct mr_slice time, struct mr_slice scope,
                          struct mr_slice canonical);
/* Lower-case hex of HMAC-SHA-256(key, text) and a NUL. */
void sigv4_sign(const struct sigv4_key *key, struct mr_slice text,
                char ret[static SIGV4_HEX_BYTES + 1]);
/* Takes as long whether or where they differ. */
bool sigv4_equal(struct mr_slice a, struct mr_slice b);

/* Signatures of a streamed body: each covers the one before. */
struct sigv4_chain {
    struct sigv4_key key;
    struct mr_slice time, scope;
    char previous[SIGV4_HEX_BYTES + 1]; /* at first the request's own signature */
};
/* The next chunk's signature from the hash of its data (hex); it becomes `previous`. */
void sigv4_chain_chunk(struct sigv4_chain *chain, const char hash[static SIGV4_HEX_BYTES]);
/* The trailer's, from the hash of its "name:value\n" lines. */
void sigv4_chain_trailer(struct sigv4_chain *chain, const char hash[static SIGV4_HEX_BYTES]);
