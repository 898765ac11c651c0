/* protocol/auth_internal.h: what auth.c and auth_v2.c share. */
#pragma once
#include "protocol/auth.h"
#include "protocol/internal.h"

struct auth {
    const struct protocol_credential *credentials;
    size_t count;
    pthread_mutex_t lock;
    struct {
        struct mr_map keys; /* credential scope -> struct sigv4_key, owned */
    } locked;
};
/* The credential, or NULL and the fault of an unknown key. */
const struct protocol_credential *auth_known(struct protocol_call *call,
                                             struct mr_slice access_key);
/* The session token must be the credential's own; sets the fault. */
bool auth_token_check(struct protocol_call *call, const struct protocol_credential *credential,
                      struct mr_slice token);
/* S3's "Request has expired". */
void auth_expired(struct protocol_call *call, int64_t expired_ms);
void auth_mismatch(struct protocol_call *call, struct mr_slice access_key,
                   struct mr_slice signature, struct mr_slice to_sign, struct mr_slice canonical);
/* Signature Version 2 of S3: boto3's default for presigned URLs, and its header form. */
void auth_verify_v2(struct protocol_call *call);
