/* protocol/auth_internal.h: what auth.c and auth_v2.c share. */
#pragma once
#include "protocol/auth.h"
#include "protocol/internal.h"

enum { AUTH_SKEW_MS = 15 * 60 * 1000, AUTH_PRESIGN_SECONDS_MAX = 604800 };

struct auth {
    const struct protocol_credential *credentials;
    size_t count;
    pthread_mutex_t lock;
    struct {
        struct mr_map keys; /* credential scope -> struct sigv4_key, owned */
    } locked;
};
/* What a request of Version 4 claims about itself. */
struct claim {
    struct mr_slice credential; /* "AK/20260102/us-east-1/s3/aws4_request" */
    struct mr_slice signed_headers, signature, time, token;
    struct scope scope;
    bool presigned;
    int64_t time_ms, expires_s;
};
/* The credential, or NULL and the fault of an unknown key. */
const struct protocol_credential *auth_known(struct protocol_call *call,
                                             struct mr_slice access_key);
/* The session token must be the credential's own; sets the fault. */
bool auth_token_check(struct protocol_call *call, const struct protocol_credential *credential,
                      struct mr_slice token);
void auth_mismatch(struct protocol_call *call, struct mr_slice access_key,
                   struct mr_slice signature, struct mr_slice to_sign, struct mr_slice canonical);
/* Signature Version 2 of S3: boto3's default for presigned URLs, and its header form. */
void auth_verify_v2(struct protocol_call *call);
/* Of a URL: is it whole, and still good? */
void auth_expiry_v2(struct protocol_call *call);

/* ---- S3's own checks and words (auth_s3.c); each false has set its fault ---- */

/* Whether `names`, joined by semicolons, has `name`. */
bool auth_is_signed(struct mr_slice names, struct mr_slice name);
/* The query's parameters, all of them; fills in what they mean. */
bool auth_s3_query(struct protocol_call *call, struct claim *claim);
/* The header's components and the request's date. */
bool auth_s3_header(struct protocol_call *call, struct claim *claim);
bool auth_s3_scope(struct protocol_call *call, const struct claim *claim);
bool auth_s3_headers(struct protocol_call *call, const struct claim *claim);
bool auth_s3_time(struct protocol_call *call, const struct claim *claim);
/* x-amz-content-sha256: a digest or one of the words for what has none; `required` by Version 4. */
bool auth_s3_content(struct protocol_call *call, bool required);
/* Both a header and a query, or a header of no kind that S3 knows. */
void auth_s3_mechanism(struct protocol_call *call, bool both);
/* "Request has expired"; `expires` is X-Amz-Expires, or empty for what has none. */
void auth_s3_expired(struct protocol_call *call, int64_t expired_ms, struct mr_slice expires);
void auth_s3_mismatch(struct protocol_call *call, struct mr_slice access_key,
                      struct mr_slice signature, struct mr_slice to_sign,
                      struct mr_slice canonical);
