/* Verification of SigV4 in its header and presigned forms. AWS: texts, codes and their order are
 * those of facts taken from production; each protocol has its own vocabulary (struct words). */
#include "base/codec.h"
#include "protocol/auth.h"
#include "protocol/auth_internal.h"
#include <stdlib.h>

enum { KEYS_MAX = 1000 };

/* ---- faults ---- */
struct words {
    struct protocol_fault missing, incomplete, scope, unknown, mismatch, expired, token;
};
static const struct words json_words = {
    {"MissingAuthenticationTokenException", 400, false},
    {"IncompleteSignatureException", 400, false},
    {"InvalidSignatureException", 400, false},
    {"UnrecognizedClientException", 400, false},
    {"InvalidSignatureException", 400, false},
    {"InvalidSignatureException", 400, false},
    {"UnrecognizedClientException", 400, false},
};
static const struct words rest_words = {
    {"MissingAuthenticationTokenException", 403, false},
    {"IncompleteSignatureException", 403, false},
    {"InvalidSignatureException", 403, false},
    {"UnrecognizedClientException", 403, false},
    {"InvalidSignatureException", 403, false},
    {"InvalidSignatureException", 403, false},
    {"UnrecognizedClientException", 403, false},
};
static const struct words query_words = {
    {"MissingAuthenticationToken", 403, false}, {"IncompleteSignature", 400, false},
    {"SignatureDoesNotMatch", 403, false},      {"InvalidClientTokenId", 403, false},
    {"SignatureDoesNotMatch", 403, false},      {"SignatureDoesNotMatch", 403, false},
    {"InvalidClientTokenId", 403, false},
};
static const struct words s3_words = {
    {"AccessDenied", 403, false},
    {"AuthorizationHeaderMalformed", 400, false},
    {"AuthorizationHeaderMalformed", 400, false},
    {"InvalidAccessKeyId", 403, false},
    {"SignatureDoesNotMatch", 403, false},
    {"RequestTimeTooSkewed", 403, false},
    {"InvalidToken", 400, false},
};

static const struct words *words_of(const struct protocol_call *call)
{
    switch (call->priv->wire) {
    case MODEL_REST_XML: return &s3_words;
    case MODEL_REST_JSON: return &rest_words;
    case MODEL_QUERY: return &query_words;
    case MODEL_JSON:
    case MODEL_CBOR: break;
    }
    return &json_words;
}

static bool is_s3(const struct protocol_call *call)
{
    return call->priv->wire == MODEL_REST_XML;
}

/* ---- keys ---- */
struct auth *auth_new(const struct protocol_credential *credentials, size_t count)
{
    struct auth *auth = mr_calloc(1, sizeof(*auth));
    auth->credentials = credentials;
    auth->count = count;
    pthread_mutex_init(&auth->lock, NULL);
    return auth;
}

static void keys_drop(struct auth *auth)
{
    size_t cursor = 0;
    struct mr_slice name;
    void *key;
    while (mr_map_next(&auth->locked.keys, &cursor, &name, &key))
        free(key);
    mr_map_fini(&auth->locked.keys);
}

void auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    keys_drop(auth);
    pthread_mutex_destroy(&auth->lock);
    free(auth);
}

static const struct protocol_credential *auth_credential(const struct auth *auth,
                                                         struct mr_slice access_key)
{
    for (size_t i = 0; i < auth->count; i++)
        if (mr_slice_equal(auth->credentials[i].access_key, access_key))
            return &auth->credentials[i];
    return NULL;
}

bool auth_basic(const struct auth *auth, struct http_exchange *exchange)
{
    const struct mr_slice header = http_header_get(exchange, "authorization");
    struct mr_slice pair, key;
    if (!mr_slice_starts_with(header, MR_S("Basic ")) ||
        mr_base64_decode(&exchange->arena,
                         mr_slice_trim(mr_slice_sub(header, sizeof "Basic" - 1, SIZE_MAX)),
                         &pair) != MR_OK ||
        !mr_slice_split(&pair, ':', &key) || pair.ptr == NULL)
        return false;
    const struct protocol_credential *credential = auth_credential(auth, key);
    return credential != NULL && credential->session_token.len == 0 &&
           sigv4_equal(credential->secret, pair);
}

/* A derived key serves for a day. The cache is emptied when full, which a new day does by itself.
 */
enum mr_status protocol_secret_of(const struct protocol_call *call, struct mr_slice access_key,
                                  struct mr_slice token, struct mr_slice *ret_secret)
{
    const struct auth *auth = call->priv->protocol->auth;
    if (auth == NULL)
        return MR_END;
    const struct protocol_credential *credential = auth_credential(auth, access_key);
    if (credential == NULL || !sigv4_equal(credential->session_token, token))
        return MR_NOT_FOUND;
    *ret_secret = credential->secret;
    return MR_OK;
}

static struct sigv4_key key_of(struct auth *auth, const struct protocol_credential *credential,
                               struct mr_slice credential_scope, const struct scope *scope)
{
    pthread_mutex_lock(&auth->lock);
    struct sigv4_key *key = mr_map_get(&auth->locked.keys, credential_scope);
    if (key == NULL) {
        if (auth->locked.keys.count >= KEYS_MAX)
            keys_drop(auth);
        key = mr_malloc(sizeof(*key));
        *key = sigv4_key_make(credential->secret, scope->date, scope->region, scope->service);
        mr_map_put(&auth->locked.keys, credential_scope, key);
    }
    const struct sigv4_key copy = *key;
    pthread_mutex_unlock(&auth->lock);
    return copy;
}

/* ---- what the request claims ---- */
static struct mr_slice header_part(struct mr_slice header, struct mr_slice name)
{
    const size_t at = mr_slice_search(header, name);
    if (at == SIZE_MAX)
        return (struct mr_slice){0};
    struct mr_slice rest = mr_slice_sub(header, at + name.len, SIZE_MAX), part = {0};
    (void)mr_slice_split(&rest, ',', &part);
    return mr_slice_trim(part);
}

static struct mr_slice pair_value(const struct protocol_call *call, struct mr_slice name)
{
    const struct protocol_pair *pair = pair_find(call, name);
    return pair == NULL ? (struct mr_slice){0} : pair->value;
}

static void incomplete(struct protocol_call *call, const struct claim *claim,
                       struct mr_slice authorization)
{
    struct mr_buf text = {0};
    if (claim->credential.ptr == NULL)
        mr_buf_append(&text, MR_S("Authorization header requires 'Credential' parameter. "));
    if (claim->signature.ptr == NULL)
        mr_buf_append(&text, MR_S("Authorization header requires 'Signature' parameter. "));
    if (claim->signed_headers.ptr == NULL)
        mr_buf_append(&text, MR_S("Authorization header requires 'SignedHeaders' parameter. "));
    if (claim->time.ptr == NULL)
        mr_buf_append(&text, MR_S("Authorization header requires existence of either a "
                                  "'X-Amz-Date' or a 'Date' header. "));
    mr_buf_printf(&text, "Authorization=%.*s", MR_ARG(authorization));
    protocol_fail_slice(call, &words_of(call)->incomplete, mr_buf_slice(&text));
    mr_buf_fini(&text);
}

static bool claim_header(struct protocol_call *call, struct claim *claim)
{
    const struct mr_slice header = protocol_header(call, "authorization");
    claim->credential = header_part(header, MR_S("Credential="));
    claim->signed_headers = header_part(header, MR_S("SignedHeaders="));
    claim->signature = header_part(header, MR_S("Signature="));
    claim->time = protocol_header(call, "x-amz-date");
    if (claim->time.ptr == NULL)
        claim->time = protocol_header(call, "date");
    claim->token = protocol_header(call, "x-amz-security-token");
    if (is_s3(call))
        return auth_s3_header(call, claim);
    if (claim->credential.ptr == NULL || claim->signature.ptr == NULL ||
        claim->signed_headers.ptr == NULL || claim->time.ptr == NULL ||
        mr_date_parse(claim->time, &claim->time_ms) != MR_OK) {
        incomplete(call, claim, header);
        return false;
    }
    return true;
}

static bool claim_query(struct protocol_call *call, struct claim *claim)
{
    claim->presigned = true;
    claim->credential = pair_value(call, MR_S("X-Amz-Credential"));
    claim->signed_headers = pair_value(call, MR_S("X-Amz-SignedHeaders"));
    claim->signature = pair_value(call, MR_S("X-Amz-Signature"));
    claim->time = pair_value(call, MR_S("X-Amz-Date"));
    claim->token = pair_value(call, MR_S("X-Amz-Security-Token"));
    if (is_s3(call))
        return auth_s3_query(call, claim);
    if (claim->credential.ptr != NULL && claim->signed_headers.ptr != NULL &&
        claim->signature.ptr != NULL && mr_date_parse(claim->time, &claim->time_ms) == MR_OK &&
        mr_slice_to_i64(pair_value(call, MR_S("X-Amz-Expires")), &claim->expires_s) == MR_OK &&
        claim->expires_s >= 0 && claim->expires_s <= AUTH_PRESIGN_SECONDS_MAX)
        return true;
    protocol_fail(call, &words_of(call)->incomplete,
                  "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                  "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                  "X-Amz-Expires parameters.");
    return false;
}

/* ---- checks in AWS's order ---- */
static bool scope_check(struct protocol_call *call, const struct claim *claim)
{
    if (is_s3(call))
        return auth_s3_scope(call, claim);
    const struct scope *scope = &claim->scope;
    /* Paths of our own may be signed for any service. */
    const struct mr_slice service = call->priv->service == NULL
                                        ? scope->service
                                        : mr_slice_cstr(call->priv->service->model->signing_name);
    struct mr_buf text = {0};
    if (scope->region.len == 0)
        mr_buf_printf(&text, "Credential should be scoped to a valid region, not '%.*s'. ",
                      MR_ARG(scope->region));
    if (!mr_slice_equal(scope->service, service))
        mr_buf_printf(&text, "Credential should be scoped to correct service: '%.*s'. ",
                      MR_ARG(service));
    if (!mr_slice_equal(scope->terminator, MR_S("aws4_request")))
        mr_buf_printf(&text,
                      "Credential should be scoped with a valid terminator: 'aws4_request', not "
                      "'%.*s'. ",
                      MR_ARG(scope->terminator));
    char basic[32];
    if (!mr_slice_equal(mr_slice_sub(mr_date_basic(claim->time_ms, basic), 0, 8), scope->date))
        mr_buf_printf(&text,
                      "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                      "version of date from HTTP: '%.*s' != '%.8s', from '%.*s'. ",
                      MR_ARG(scope->date), basic, MR_ARG(claim->time));
    if (text.len > 0)
        protocol_fail_slice(call, &words_of(call)->scope, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return !protocol_failed(call);
}

static bool time_check_header(struct protocol_call *call, const struct claim *claim)
{
    const int64_t early = call->priv->signing_now_ms - AUTH_SKEW_MS,
                  late = call->priv->signing_now_ms + AUTH_SKEW_MS;
    char sent[32], limit[32], now[32];
    if (claim->time_ms >= early && claim->time_ms <= late)
        return true;
    (void)mr_date_basic(claim->time_ms, sent);
    (void)mr_date_basic(call->priv->signing_now_ms, now);
    if (claim->time_ms < early) {
        (void)mr_date_basic(early, limit);
        protocol_fail(call, &words_of(call)->expired,
                      "Signature expired: %.16s is now earlier than %.16s (%.16s - 15 min.)", sent,
                      limit, now);
    } else {
        (void)mr_date_basic(late, limit);
        protocol_fail(call, &words_of(call)->expired,
                      "Signature not yet current: %.16s is still later than %.16s (%.16s + 15 "
                      "min.)",
                      sent, limit, now);
    }
    return false;
}

static bool time_check_query(struct protocol_call *call, const struct claim *claim)
{
    static const struct protocol_fault denied = {"AccessDenied", 403, false};
    if (call->priv->signing_now_ms < claim->time_ms - AUTH_SKEW_MS)
        protocol_fail(call, &denied, "Request is not valid yet");
    else if (call->priv->signing_now_ms >= claim->time_ms + claim->expires_s * 1000)
        protocol_fail(call, &words_of(call)->expired, "Signature expired: %.*s",
                      MR_ARG(claim->time));
    return !protocol_failed(call);
}

static bool time_check(struct protocol_call *call, const struct claim *claim)
{
    if (is_s3(call))
        return auth_s3_time(call, claim);
    return claim->presigned ? time_check_query(call, claim) : time_check_header(call, claim);
}

bool auth_is_signed(struct mr_slice names, struct mr_slice name)
{
    struct mr_slice part;
    while (names.ptr != NULL && mr_slice_split(&names, ';', &part))
        if (mr_slice_equal_nocase(part, name))
            return true;
    return false;
}

static bool headers_check(struct protocol_call *call, const struct claim *claim)
{
    if (is_s3(call))
        return auth_s3_headers(call, claim);
    /* The SDK for JavaScript signs HTTP/2's own name of the host. */
    if (auth_is_signed(claim->signed_headers, MR_S("host")) ||
        auth_is_signed(claim->signed_headers, MR_S(":authority")))
        return true;
    protocol_fail(call, &words_of(call)->scope,
                  "'Host' must be a 'SignedHeader' in the AWS Authorization.");
    return false;
}

bool auth_token_check(struct protocol_call *call, const struct protocol_credential *credential,
                      struct mr_slice token)
{
    if (sigv4_equal(credential->session_token, token))
        return true;
    protocol_fail(call, &words_of(call)->token,
                  is_s3(call) ? "The provided token is malformed or otherwise invalid."
                              : "The security token included in the request is invalid.");
    return false;
}

const struct protocol_credential *auth_known(struct protocol_call *call, struct mr_slice access_key)
{
    const struct auth *auth = call->priv->protocol->auth;
    const struct protocol_credential *credential = auth_credential(auth, access_key);
    if (credential != NULL)
        return credential;
    protocol_fail(call, &words_of(call)->unknown,
                  is_s3(call) ? "The AWS Access Key Id you provided does not exist in our records."
                              : "The security token included in the request is invalid.");
    if (is_s3(call))
        protocol_fail_member(call, "AWSAccessKeyId", access_key);
    return NULL;
}

/* ---- the signature itself ---- */
static struct sigv4_header *signed_headers(struct protocol_call *call, struct mr_slice names,
                                           size_t *ret_count)
{
    size_t count = 1, used = 0;
    for (size_t i = 0; i < names.len; i++)
        count += names.ptr[i] == ';';
    struct sigv4_header *headers = MR_NEW_ARRAY(call->arena, struct sigv4_header, count);
    struct mr_slice name;
    while (names.ptr != NULL && mr_slice_split(&names, ';', &name)) {
        struct mr_slice value = {0};
        for (size_t i = 0; i < call->exchange->header_count; i++) {
            const struct http_header *header = &call->exchange->headers[i];
            if (!mr_slice_equal(header->name, name))
                continue;
            value = value.ptr == NULL ? header->value
                                      : mr_arena_printf(call->arena, "%.*s,%.*s", MR_ARG(value),
                                                        MR_ARG(header->value));
        }
        if (value.ptr == NULL &&
            (mr_slice_equal(name, MR_S("host")) || mr_slice_equal(name, MR_S(":authority"))))
            value = call->exchange->host;
        headers[used++] = (struct sigv4_header){name, value};
    }
    *ret_count = used;
    return headers;
}

static struct mr_slice payload_hash(struct protocol_call *call, const struct claim *claim,
                                    struct mr_slice body)
{
    struct mr_slice hash = protocol_header(call, "x-amz-content-sha256");
    if (hash.ptr == NULL && claim->presigned)
        hash = pair_value(call, MR_S("X-Amz-Content-Sha256"));
    if (hash.ptr != NULL)
        return hash;
    if (claim->presigned && is_s3(call))
        return MR_S("UNSIGNED-PAYLOAD");
    uint8_t digest[32];
    char *hex = mr_arena_alloc(call->arena, 65);
    mr_sha256(body, digest);
    mr_hex(digest, sizeof(digest), hex);
    return mr_slice_make(hex, 64);
}

static void fail_mismatch(struct protocol_call *call)
{
    protocol_fail(call, &words_of(call)->mismatch,
                  "The request signature we calculated does not match the signature you "
                  "provided. Check your AWS Secret Access Key and signing method. Consult the "
                  "service documentation for details.");
}

static void signature_check(struct protocol_call *call, const struct claim *claim,
                            const struct protocol_credential *credential, struct mr_slice body)
{
    struct auth_body *note = &call->priv->auth_body;
    struct mr_buf canonical = {0}, to_sign = {0};
    struct sigv4_request request = {.method = call->exchange->method,
                                    .path = call->exchange->path,
                                    .query = call->exchange->query,
                                    .payload_hash = payload_hash(call, claim, body),
                                    .s3 = is_s3(call)};
    request.headers = signed_headers(call, claim->signed_headers, &request.header_count);
    sigv4_canonical(&canonical, call->arena, &request);
    const struct mr_slice scope =
        mr_slice_sub(claim->credential, claim->scope.access_key.len + 1, SIZE_MAX);
    char basic[32], expected[SIGV4_HEX_BYTES + 1];
    const struct mr_slice time = mr_date_basic(claim->time_ms, basic);
    sigv4_string_to_sign(&to_sign, time, scope, mr_buf_slice(&canonical));
    note->chain.key =
        key_of(call->priv->protocol->auth, credential, claim->credential, &claim->scope);
    note->chain.scope = scope;
    note->chain.time = mr_arena_copy(call->arena, time);
    sigv4_sign(&note->chain.key, mr_buf_slice(&to_sign), expected);
    memcpy(note->chain.previous, expected, sizeof(expected));
    const bool equal = sigv4_equal(mr_slice_make(expected, SIGV4_HEX_BYTES), claim->signature);
    if (!equal && is_s3(call))
        auth_s3_mismatch(call, claim->scope.access_key, claim->signature, mr_buf_slice(&to_sign),
                         mr_buf_slice(&canonical));
    else if (!equal)
        fail_mismatch(call);
    mr_buf_fini(&canonical);
    mr_buf_fini(&to_sign);
}

static void missing(struct protocol_call *call)
{
    if (is_s3(call) && call->priv->service != NULL && call->priv->service->on_call != NULL &&
        call->operation != NULL && call->priv->operation->handler != NULL)
        call->anonymous = true;
    else if (is_s3(call))
        protocol_fail(call, &s3_words.missing, "Access Denied");
    else
        protocol_fail(call, &words_of(call)->missing, "Request is missing Authentication Token");
}

static void verify_v4(struct protocol_call *call, struct mr_slice body, bool presigned)
{
    struct claim claim = {0};
    if (presigned ? !claim_query(call, &claim) : !claim_header(call, &claim))
        return;
    claim.scope = scope_parse(claim.credential);
    if (!scope_check(call, &claim) || !headers_check(call, &claim) || !time_check(call, &claim))
        return;
    const struct protocol_credential *credential = auth_known(call, claim.scope.access_key);
    if (credential != NULL && is_s3(call) && !auth_s3_content(call, !presigned))
        return;
    if (credential != NULL && auth_token_check(call, credential, claim.token))
        signature_check(call, &claim, credential, body);
}

static bool is_v4(struct mr_slice algorithm)
{
    return mr_slice_starts_with(algorithm, MR_S("AWS4-HMAC-SHA256"));
}

static void body_note(struct protocol_call *call)
{
    struct auth_body *note = &call->priv->auth_body;
    const struct mr_slice hash = protocol_header(call, "x-amz-content-sha256");
    const struct mr_slice encoding = protocol_header(call, "content-encoding");
    /* AWS: the encoding by itself says nothing. Who sends frames without the hash that names them
     * tells the length of what is in them. */
    note->framed = mr_slice_starts_with(hash, MR_S("STREAMING-")) ||
                   (mr_slice_search(encoding, MR_S("aws-chunked")) != SIZE_MAX &&
                    protocol_header(call, "x-amz-decoded-content-length").ptr != NULL);
    note->chunks_signed = call->priv->protocol->auth != NULL &&
                          mr_slice_starts_with(hash, MR_S("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"));
    note->hash_known = hash.len == 64 && mr_unhex(hash, note->hash, 32) == MR_OK;
}

/* A request must carry one proof of who sends it, of a kind that its service takes. */
static void refuse_mechanism(struct protocol_call *call, struct mr_slice header, bool both)
{
    static const struct protocol_fault fault = {"InvalidSignatureException", 400, false};
    if (is_s3(call) && header.ptr != NULL)
        auth_s3_mechanism(call, both);
    else if (both)
        protocol_fail(call, &fault,
                      "Found both 'X-Amz-Algorithm' as a query-string param and "
                      "'Authorization' as HTTP header.");
    else
        missing(call);
}

/* Without credentials there is no telling whose signature it is, but how long a URL is good. */
static void check_unverified(struct protocol_call *call)
{
    struct claim claim = {0};
    if (!is_s3(call) || !auth_s3_content(call, false) || call->exchange->query.len == 0)
        return;
    pairs_of(call);
    if (pair_find(call, MR_S("X-Amz-Algorithm")) != NULL)
        (void)(claim_query(call, &claim) && time_check(call, &claim));
    else if (pair_find(call, MR_S("AWSAccessKeyId")) != NULL)
        auth_expiry_v2(call);
}

void auth_verify(struct protocol_call *call, struct mr_slice body)
{
    body_note(call);
    if (call->operation != NULL && (call->operation->flags & MODEL_UNSIGNED))
        return;
    if (call->priv->protocol->auth == NULL) {
        check_unverified(call);
        return;
    }
    pairs_of(call);
    const struct mr_slice header = protocol_header(call, "authorization");
    const bool old_query = is_s3(call) && pair_find(call, MR_S("AWSAccessKeyId")) != NULL;
    const bool query = pair_find(call, MR_S("X-Amz-Algorithm")) != NULL;
    if (header.ptr != NULL && (query || old_query))
        refuse_mechanism(call, header, true);
    else if (query)
        verify_v4(call, body, true);
    else if (is_v4(header))
        verify_v4(call, body, false);
    else if (old_query || (is_s3(call) && mr_slice_starts_with(header, MR_S("AWS "))))
        auth_verify_v2(call);
    else
        refuse_mechanism(call, header, false);
}

bool protocol_session_of(struct protocol_call *call, struct mr_slice *ret_id,
                         struct mr_slice *ret_arn)
{
    struct mr_slice token = protocol_header(call, "x-amz-security-token"), text, id;
    if (token.ptr == NULL)
        token = protocol_query_value(call, "X-Amz-Security-Token");
    if (token.ptr == NULL)
        token = protocol_query_value(call, "x-amz-security-token");
    if (token.ptr == NULL || mr_base64_decode(call->arena, token, &text) != MR_OK ||
        !mr_slice_starts_with(text, MR_S(PROTOCOL_SESSION_MARK)))
        return false;
    text = mr_slice_sub(text, sizeof PROTOCOL_SESSION_MARK - 1, SIZE_MAX);
    if (!mr_slice_split(&text, '\n', &id) || text.len == 0)
        return false;
    *ret_id = id;
    *ret_arn = text;
    return true;
}

void auth_body_check(struct protocol_call *call, const uint8_t hash[static 32])
{
    static const struct protocol_fault mismatch = {"XAmzContentSHA256Mismatch", 400, false};
    const struct auth_body *note = &call->priv->auth_body;
    if (!note->hash_known || memcmp(hash, note->hash, 32) == 0)
        return;
    char claimed[65], computed[65];
    mr_hex(note->hash, 32, claimed);
    mr_hex(hash, 32, computed);
    if (!is_s3(call)) {
        fail_mismatch(call);
        return;
    }
    protocol_fail(call, &mismatch,
                  "The provided 'x-amz-content-sha256' header does not match what "
                  "was computed.");
    protocol_fail_member(call, "ClientComputedContentSHA256", mr_slice_cstr(claimed));
    protocol_fail_member(call, "S3ComputedContentSHA256", mr_slice_cstr(computed));
}

void auth_check(struct protocol_call *call)
{
    const struct mr_slice body = call->exchange->body;
    auth_verify(call, body);
    if (protocol_failed(call) || !call->priv->auth_body.hash_known ||
        (!is_s3(call) && call->priv->protocol->auth == NULL))
        return;
    uint8_t hash[32];
    mr_sha256(body, hash);
    auth_body_check(call, hash);
}
