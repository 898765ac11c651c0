/* S3's own checks of what a signature claims. AWS: S3 has its own front door, so its codes, texts
 * and their order are not those of the other services. */
#include "base/codec.h"
#include "protocol/auth_internal.h"
#include <stdlib.h>

static const struct protocol_fault denied = {"AccessDenied", 403, false};
static const struct protocol_fault parameters = {"AuthorizationQueryParametersError", 400, false};
static const struct protocol_fault header_malformed = {"AuthorizationHeaderMalformed", 400, false};
static const struct protocol_fault argument = {"InvalidArgument", 400, false};
static const struct protocol_fault request = {"InvalidRequest", 400, false};
static const struct protocol_fault skewed = {"RequestTimeTooSkewed", 403, false};
static const struct protocol_fault mismatch = {"SignatureDoesNotMatch", 403, false};

static bool fail_argument(struct protocol_call *call, struct mr_slice name, struct mr_slice value,
                          const char *message)
{
    protocol_fail(call, &argument, "%s", message);
    protocol_fail_member(call, "ArgumentName", name);
    protocol_fail_member(call, "ArgumentValue", value);
    return false;
}

/* ---- what is claimed ---- */

static bool expires_read(struct protocol_call *call, struct claim *claim)
{
    const char *wrong = NULL;
    if (mr_slice_to_i64(protocol_query_value(call, "X-Amz-Expires"), &claim->expires_s) != MR_OK)
        wrong = "X-Amz-Expires should be a number";
    else if (claim->expires_s < 0)
        wrong = "X-Amz-Expires must be non-negative";
    else if (claim->expires_s > AUTH_PRESIGN_SECONDS_MAX)
        wrong = "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                "X-Amz-Expires must be less than 604800 seconds";
    if (wrong != NULL)
        protocol_fail(call, &parameters, "%s", wrong);
    return wrong == NULL;
}

bool auth_s3_query(struct protocol_call *call, struct claim *claim)
{
    if (claim->credential.ptr == NULL || claim->signed_headers.ptr == NULL ||
        claim->signature.ptr == NULL || claim->time.ptr == NULL ||
        protocol_query_value(call, "X-Amz-Expires").ptr == NULL) {
        protocol_fail(call, &parameters,
                      "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                      "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                      "X-Amz-Expires parameters.");
        return false;
    }
    if (!mr_slice_equal(protocol_query_value(call, "X-Amz-Algorithm"), MR_S("AWS4-HMAC-SHA256"))) {
        protocol_fail(call, &parameters,
                      "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and "
                      "AWS4-ECDSA-P256-SHA256\"");
        return false;
    }
    if (claim->time.len != sizeof "20260102T030405Z" - 1 ||
        mr_date_parse(claim->time, &claim->time_ms) != MR_OK) {
        protocol_fail(call, &parameters,
                      "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
        return false;
    }
    return expires_read(call, claim);
}

bool auth_s3_header(struct protocol_call *call, struct claim *claim)
{
    if (claim->credential.ptr == NULL || claim->signature.ptr == NULL ||
        claim->signed_headers.ptr == NULL)
        protocol_fail(call, &header_malformed,
                      "The authorization header is malformed; the authorization header requires "
                      "three components: Credential, SignedHeaders, and Signature.");
    else if (claim->time.ptr == NULL || mr_date_parse(claim->time, &claim->time_ms) != MR_OK)
        protocol_fail(call, &denied,
                      "AWS authentication requires a valid Date or x-amz-date "
                      "header");
    return !protocol_failed(call);
}

/* ---- the scope ---- */

static bool is_date(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return text.len == 8;
}

/* What is wrong with the scope, or nothing. */
static struct mr_slice scope_wrong(struct protocol_call *call, const struct claim *claim)
{
    const struct scope *scope = &claim->scope;
    const char *service =
        call->priv->service == NULL ? "s3" : call->priv->service->model->signing_name;
    char basic[32];
    const struct mr_slice day = mr_slice_sub(mr_date_basic(claim->time_ms, basic), 0, 8);
    if (scope->terminator.len == 0 || scope->access_key.len == 0 || scope->region.len == 0)
        return MR_S("the Credential is mal-formed; expecting "
                    "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    if (!is_date(scope->date))
        return mr_arena_printf(call->arena,
                               "incorrect date format \"%.*s\". This date in the credential must "
                               "be in the format \"yyyyMMdd\".",
                               MR_ARG(scope->date));
    if (!mr_slice_equal(scope->service, mr_slice_cstr(service)))
        return mr_arena_printf(call->arena,
                               "incorrect service \"%.*s\". This endpoint belongs to \"%s\".",
                               MR_ARG(scope->service), service);
    if (!mr_slice_equal(scope->terminator, MR_S("aws4_request")))
        return mr_arena_printf(call->arena,
                               "incorrect terminal \"%.*s\". This endpoint uses \"aws4_request\".",
                               MR_ARG(scope->terminator));
    if (!mr_slice_equal(scope->date, day))
        return mr_arena_printf(call->arena,
                               "Invalid credential date \"%.*s\". This date is not the same as "
                               "X-Amz-Date: \"%.*s\".",
                               MR_ARG(scope->date), MR_ARG(day));
    return (struct mr_slice){0};
}

bool auth_s3_scope(struct protocol_call *call, const struct claim *claim)
{
    const struct mr_slice wrong = scope_wrong(call, claim);
    if (wrong.len == 0)
        return true;
    if (!claim->presigned)
        protocol_fail(call, &header_malformed, "The authorization header is malformed; %.*s",
                      MR_ARG(wrong));
    else if (mr_slice_starts_with(wrong, MR_S("Invalid ")))
        protocol_fail_slice(call, &parameters, wrong);
    else
        protocol_fail(call, &parameters, "Error parsing the X-Amz-Credential parameter; %.*s",
                      MR_ARG(wrong));
    return false;
}

/* ---- headers ---- */

bool auth_s3_headers(struct protocol_call *call, const struct claim *claim)
{
    struct mr_buf missing = {0};
    /* The SDK for JavaScript signs HTTP/2's own name of the host. */
    if (!auth_is_signed(claim->signed_headers, MR_S("host")) &&
        !auth_is_signed(claim->signed_headers, MR_S(":authority")))
        mr_buf_append(&missing, MR_S("host"));
    for (size_t i = 0; i < call->exchange->header_count; i++) {
        const struct mr_slice name = call->exchange->headers[i].name;
        if (mr_slice_starts_with(name, MR_S("x-amz-")) &&
            !auth_is_signed(claim->signed_headers, name))
            mr_buf_printf(&missing, "%s%.*s", missing.len > 0 ? ", " : "", MR_ARG(name));
    }
    if (missing.len > 0) {
        protocol_fail(call, &denied,
                      "There were headers present in the request which were not signed");
        protocol_fail_member(call, "HeadersNotSigned",
                             mr_arena_copy(call->arena, mr_buf_slice(&missing)));
    }
    mr_buf_fini(&missing);
    return !protocol_failed(call);
}

bool auth_s3_content(struct protocol_call *call, bool required)
{
    static const char *const words[] = {
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    };
    uint8_t hash[32];
    const struct mr_slice value = protocol_header(call, "x-amz-content-sha256");
    if (value.ptr == NULL && required) {
        protocol_fail(call, &request,
                      "Missing required header for this request: x-amz-content-sha256");
        return false;
    }
    if (value.ptr == NULL || (value.len == 64 && mr_unhex(value, hash, sizeof hash) == MR_OK))
        return true;
    for (size_t i = 0; i < MR_COUNT(words); i++)
        if (mr_slice_equal(value, mr_slice_cstr(words[i])))
            return true;
    return fail_argument(
        call, MR_S("x-amz-content-sha256"), value,
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, "
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.");
}

void auth_s3_mechanism(struct protocol_call *call, bool both)
{
    (void)fail_argument(call, MR_S("Authorization"), protocol_header(call, "authorization"),
                        both ? "Only one auth mechanism allowed; only the X-Amz-Algorithm query "
                               "parameter, Signature query string parameter or the Authorization "
                               "header should be specified"
                             : "Unsupported Authorization Type");
}

/* ---- times ---- */

static void fail_skewed(struct protocol_call *call, const struct claim *claim)
{
    char now[32];
    protocol_fail(call, &skewed,
                  "The difference between the request time and the current time is too large.");
    protocol_fail_member(call, "RequestTime", claim->time);
    protocol_fail_member(call, "ServerTime", mr_date_iso8601(call->priv->signing_now_ms, now));
    protocol_fail_member(call, "MaxAllowedSkewMilliseconds", MR_S("900000"));
}

static void tell_times(struct protocol_call *call, int64_t until_ms)
{
    char until[32], now[32];
    protocol_fail_member(call, "Expires", mr_date_iso8601(until_ms, until));
    protocol_fail_member(call, "ServerTime", mr_date_iso8601(call->priv->signing_now_ms, now));
}

void auth_s3_expired(struct protocol_call *call, int64_t expired_ms, struct mr_slice expires)
{
    protocol_fail(call, &denied, "Request has expired");
    if (expires.len > 0)
        protocol_fail_member(call, "X-Amz-Expires", expires);
    tell_times(call, expired_ms);
}

bool auth_s3_time(struct protocol_call *call, const struct claim *claim)
{
    const int64_t now = call->priv->signing_now_ms;
    const int64_t until = claim->time_ms + claim->expires_s * 1000;
    if (!claim->presigned) {
        if (llabs(now - claim->time_ms) > AUTH_SKEW_MS)
            fail_skewed(call, claim);
    } else if (now < claim->time_ms - AUTH_SKEW_MS) {
        /* AWS: here the date is told in milliseconds. */
        protocol_fail(call, &denied, "Request is not yet valid");
        protocol_fail_member(call, "X-Amz-Date",
                             mr_arena_printf(call->arena, "%lld", (long long)claim->time_ms));
        tell_times(call, until);
    } else if (now >= until) {
        auth_s3_expired(call, until, protocol_query_value(call, "X-Amz-Expires"));
    }
    return !protocol_failed(call);
}

/* ---- the signature ---- */

/* "41 57 53": what a client can compare where text hides a difference. */
static struct mr_slice bytes_told(struct protocol_call *call, struct mr_slice text)
{
    static const char digits[] = "0123456789abcdef";
    char *room = mr_arena_alloc(call->arena, text.len * 3 + 1), *end = room;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        if (i > 0)
            *end++ = ' ';
        *end++ = digits[byte >> 4];
        *end++ = digits[byte & 15];
    }
    return mr_slice_make(room, (size_t)(end - room));
}

void auth_s3_mismatch(struct protocol_call *call, struct mr_slice access_key,
                      struct mr_slice signature, struct mr_slice to_sign, struct mr_slice canonical)
{
    protocol_fail(call, &mismatch,
                  "The request signature we calculated does not match the signature you provided. "
                  "Check your key and signing method.");
    protocol_fail_member(call, "AWSAccessKeyId", access_key);
    protocol_fail_member(call, "StringToSign", to_sign);
    protocol_fail_member(call, "SignatureProvided", signature);
    protocol_fail_member(call, "StringToSignBytes", bytes_told(call, to_sign));
    if (canonical.len == 0)
        return;
    protocol_fail_member(call, "CanonicalRequest", canonical);
    protocol_fail_member(call, "CanonicalRequestBytes", bytes_told(call, canonical));
}
