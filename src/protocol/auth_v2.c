/* S3's old signatures: Signature = base64(HMAC-SHA1(secret, string)), string =
 *   METHOD \n Content-MD5 \n Content-Type \n Expires or Date \n x-amz-* headers, a line each
 *   /bucket/key[?subresources]
 * boto3 still presigns so by default, and puts x-amz-* headers, content-type and content-md5 of the
 * signed request into the query. */
#include "base/codec.h"
#include "protocol/auth_internal.h"
#include <stdlib.h>

/* Query names that are part of the resource; sorted. */
static const char *const subresources[] = {
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
};

/* A header, or the query member of the same name that a presigner made of it. */
static struct mr_slice header_or_query(const struct protocol_call *call, const char *name)
{
    const struct mr_slice header = protocol_header(call, name);
    if (header.ptr != NULL)
        return header;
    const struct protocol_pair *pair = pair_find(call, mr_slice_cstr(name));
    return pair == NULL ? MR_S("") : pair->value;
}

static int by_name(const void *a, const void *b)
{
    const struct http_header *left = a, *right = b;
    return mr_slice_compare(left->name, right->name);
}

static void amz_headers(struct mr_buf *buf, struct protocol_call *call)
{
    const struct http_exchange *exchange = call->exchange;
    const size_t room = exchange->header_count + call->priv->pair_count + 1;
    struct http_header *headers = MR_NEW_ARRAY(call->arena, struct http_header, room);
    size_t count = 0;
    for (size_t i = 0; i < exchange->header_count; i++)
        if (mr_slice_starts_with(exchange->headers[i].name, MR_S("x-amz-")))
            headers[count++] = exchange->headers[i];
    for (size_t i = 0; i < call->priv->pair_count; i++)
        if (mr_slice_starts_with(call->priv->pairs[i].name, MR_S("x-amz-")))
            headers[count++] =
                (struct http_header){call->priv->pairs[i].name, call->priv->pairs[i].value};
    qsort(headers, count, sizeof(*headers), by_name);
    for (size_t i = 0; i < count; i++)
        mr_buf_printf(buf, "%.*s:%.*s\n", MR_ARG(headers[i].name),
                      MR_ARG(mr_slice_trim(headers[i].value)));
}

static void resource(struct mr_buf *buf, struct protocol_call *call)
{
    const struct mr_slice bucket =
        route_host_bucket(call->exchange->host, call->priv->protocol->host);
    if (bucket.len > 0)
        mr_buf_printf(buf, "/%.*s", MR_ARG(bucket));
    mr_buf_append(buf, call->exchange->path);
    char separator = '?';
    for (size_t i = 0; i < MR_COUNT(subresources); i++) {
        const struct protocol_pair *pair = pair_find(call, mr_slice_cstr(subresources[i]));
        if (pair == NULL)
            continue;
        mr_buf_printf(buf, "%c%s", separator, subresources[i]);
        if (pair->has_value)
            mr_buf_printf(buf, "=%.*s", MR_ARG(pair->value));
        separator = '&';
    }
}

struct claim_v2 {
    struct mr_slice access_key, signature, date;
};

static bool claim_query(struct protocol_call *call, struct claim_v2 *claim)
{
    static const struct protocol_fault denied = {"AccessDenied", 403, false};
    const struct protocol_pair *key = pair_find(call, MR_S("AWSAccessKeyId"));
    const struct protocol_pair *signature = pair_find(call, MR_S("Signature"));
    const struct protocol_pair *expires = pair_find(call, MR_S("Expires"));
    int64_t expires_s;
    if (key == NULL || signature == NULL || expires == NULL ||
        mr_slice_to_i64(expires->value, &expires_s) != MR_OK) {
        protocol_fail(call, &denied,
                      "Query-string authentication requires the Signature, Expires "
                      "and AWSAccessKeyId parameters");
        return false;
    }
    if (call->priv->signing_now_ms / 1000 >= expires_s) {
        auth_s3_expired(call, expires_s > INT64_MAX / 1000 ? INT64_MAX : expires_s * 1000,
                        (struct mr_slice){0});
        return false;
    }
    *claim = (struct claim_v2){key->value, signature->value, expires->value};
    return true;
}

/* "AWS key:signature"; the Date line is empty when x-amz-date is there. */
static bool claim_header(struct protocol_call *call, struct claim_v2 *claim)
{
    static const struct protocol_fault malformed = {"InvalidArgument", 400, false};
    static const struct protocol_fault skewed = {"RequestTimeTooSkewed", 403, false};
    struct mr_slice rest = mr_slice_sub(protocol_header(call, "authorization"), 4, SIZE_MAX);
    const struct mr_slice amz_date = protocol_header(call, "x-amz-date");
    const struct mr_slice date = protocol_header(call, "date");
    int64_t time_ms;
    if (!mr_slice_split(&rest, ':', &claim->access_key) || rest.len == 0) {
        protocol_fail(call, &malformed,
                      "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature");
        return false;
    }
    claim->signature = mr_slice_trim(rest);
    claim->date = amz_date.ptr != NULL ? MR_S("") : date;
    if (mr_date_parse(amz_date.ptr != NULL ? amz_date : date, &time_ms) != MR_OK ||
        llabs(call->priv->signing_now_ms - time_ms) > 15 * 60 * 1000) {
        protocol_fail(call, &skewed,
                      "The difference between the request time and the current time is too large.");
        return false;
    }
    return true;
}

void auth_expiry_v2(struct protocol_call *call)
{
    struct claim_v2 claim = {0};
    (void)claim_query(call, &claim);
}

void auth_verify_v2(struct protocol_call *call)
{
    struct claim_v2 claim = {0};
    const bool presigned = pair_find(call, MR_S("AWSAccessKeyId")) != NULL;
    if (presigned ? !claim_query(call, &claim) : !claim_header(call, &claim))
        return;
    const struct protocol_credential *credential = auth_known(call, claim.access_key);
    if (credential == NULL ||
        !auth_token_check(call, credential, header_or_query(call, "x-amz-security-token")))
        return;
    struct mr_buf text = {0};
    mr_buf_printf(&text, "%.*s\n%.*s\n%.*s\n%.*s\n", MR_ARG(call->exchange->method),
                  MR_ARG(header_or_query(call, "content-md5")),
                  MR_ARG(header_or_query(call, "content-type")), MR_ARG(claim.date));
    amz_headers(&text, call);
    resource(&text, call);
    uint8_t digest[20];
    mr_hmac_sha1(credential->secret, mr_buf_slice(&text), digest);
    const struct mr_slice expected = mr_base64(call->arena, mr_slice_make(digest, sizeof(digest)));
    if (!sigv4_equal(expected, claim.signature))
        auth_s3_mismatch(call, claim.access_key, claim.signature, mr_buf_slice(&text), MR_S(""));
    mr_buf_fini(&text);
}
