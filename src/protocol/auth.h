/* protocol/auth.h: who signed a request. Signatures are checked only when the protocol was given
 * credentials. */
#pragma once
#include "protocol/protocol.h"
#include "protocol/sigv4.h"

struct auth;
struct auth *auth_new(const struct protocol_credential *credentials, size_t count);
void auth_free(struct auth *auth); /* accepts NULL */

/* "Authorization: Basic" with an access key and its secret. */
bool auth_basic(const struct auth *auth, struct http_exchange *exchange);

/* What the header said about the body, for those who read it. */
struct auth_body {
    bool hash_known; /* x-amz-content-sha256 is a real hash: the body must have it */
    uint8_t hash[32];
    bool framed;        /* aws-chunked */
    bool chunks_signed; /* chain is set */
    struct sigv4_chain chain;
};
/* The signature of the header or the query. `body` is the whole body; S3's may be still to come,
 * because its header tells the hash. Sets the fault; fills priv->auth_body. */
void auth_verify(struct protocol_call *call, struct mr_slice body);
/* The body's real hash against the one announced; sets the fault when they differ. */
void auth_body_check(struct protocol_call *call, const uint8_t hash[static 32]);
