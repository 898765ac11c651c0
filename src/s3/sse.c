/* Encryption as S3 tells it. With keys of its own AWS encrypts for itself alone: how an object is
 * said to be encrypted so is kept and given back, as headers or by the bucket's default. With keys
 * of the client's own bodies are encrypted here too (customer.c). */
#include "s3/ops.h"

static const char *const names[] = {"AES256", "aws:kms", "aws:kms:dsse"};

enum mr_status s3_sse_parse(struct mr_slice name, enum s3_sse *ret_sse)
{
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (mr_slice_equal(name, mr_slice_cstr(names[i]))) {
            *ret_sse = (enum s3_sse)i;
            return MR_OK;
        }
    }
    return MR_INVALID;
}

void s3_sse_etag(struct s3 *s3, enum s3_sse sse, struct s3_meta *meta)
{
    meta->sse = sse; /* so that who looks at a part knows what its ETag is */
    if (sse != S3_SSE_AES256)
        mr_rng_fill(s3->options.rng, meta->md5, sizeof meta->md5);
}

/* The key that AWS manages is the same for an account and region. */
struct mr_slice s3_kms_arn(struct mr_arena *arena, struct s3_owner owner, struct mr_slice key)
{
    if (mr_slice_starts_with(key, MR_S("arn:")))
        return key;
    if (key.len > 0)
        return mr_arena_printf(
            arena, "arn:aws:kms:%.*s:%.*s:%s%.*s", MR_ARG(owner.region), MR_ARG(owner.account),
            mr_slice_starts_with(key, MR_S("alias/")) ? "" : "key/", MR_ARG(key));
    uint8_t digest[32];
    char hex[65];
    mr_sha256(
        mr_arena_printf(arena, "aws/s3 %.*s %.*s", MR_ARG(owner.account), MR_ARG(owner.region)),
        digest);
    mr_hex(digest, sizeof digest, hex);
    return mr_arena_printf(arena, "arn:aws:kms:%.*s:%.*s:key/%.8s-%.4s-%.4s-%.4s-%.12s",
                           MR_ARG(owner.region), MR_ARG(owner.account), hex, hex + 8, hex + 12,
                           hex + 16, hex + 20);
}

static struct mr_slice key_arn(struct protocol_call *call, struct mr_slice key)
{
    return s3_kms_arn(call->arena, (struct s3_owner){call->region, call->account}, key);
}

static void from_default(struct protocol_call *call, struct s3_meta *meta)
{
    struct s3_bucket_state state;
    if (s3_bucket_state(s3_of(call), call->arena, s3_in(call, "Bucket"), &state) != MR_OK)
        return; /* whoever commits finds out */
    meta->sse = state.sse;
    meta->kms_key = state.kms_key;
    meta->bucket_key = state.bucket_key;
}

static bool blocks_customers(yyjson_val *document)
{
    yyjson_val *rule =
        yyjson_arr_get_first(mr_json_get(mr_json_get(document, "encryption"), "Rules"));
    yyjson_val *blocked =
        mr_json_get(mr_json_get(rule, "BlockedEncryptionTypes"), "EncryptionType");
    size_t at, count;
    yyjson_val *type;
    yyjson_arr_foreach(blocked, at, count, type)
    {
        if (mr_slice_equal(mr_json_text(type), MR_S("SSE-C")))
            return true;
    }
    return false;
}

/* A bucket may refuse what clients' keys encrypt. */
static enum mr_status check_blocked(struct protocol_call *call)
{
    struct s3_bucket_state state;
    const struct mr_slice bucket = s3_in(call, "Bucket");
    if (s3_bucket_state(s3_of(call), call->arena, bucket, &state) != MR_OK ||
        !blocks_customers(state.document))
        return MR_OK; /* whoever commits finds out whether it is there */
    return protocol_fail(call, &s3_access_denied,
                         "User: arn:aws:iam::%.*s:root is not authorized to perform: s3:PutObject "
                         "on resource: \"arn:aws:s3:::%.*s/%.*s\" because this bucket has blocked "
                         "upload requests that specify Server Side Encryption with Customer "
                         "provided keys (SSE-C). Please specify a different server-side encryption "
                         "type",
                         MR_ARG(call->account), MR_ARG(bucket), MR_ARG(s3_in(call, "Key")));
}

static bool is_context(struct protocol_call *call, struct mr_slice text)
{
    struct mr_slice bytes;
    size_t at, count;
    yyjson_val *name, *value;
    if (mr_base64_decode(call->arena, text, &bytes) != MR_OK)
        return false;
    yyjson_val *map = mr_json_parse(call->arena, bytes, MR_JSON_DEPTH_MAX);
    if (!yyjson_is_obj(map))
        return false;
    yyjson_obj_foreach(map, at, count, name, value)
    {
        if (!yyjson_is_str(value))
            return false;
    }
    return true;
}

static enum mr_status fail_not_kms(struct protocol_call *call, struct mr_slice wanted)
{
    return s3_fail_argument(call, "x-amz-server-side-encryption",
                            wanted.len > 0 ? wanted : MR_S("null"),
                            "Server Side Encryption with AWS KMS managed key requires HTTP "
                            "header x-amz-server-side-encryption : aws:kms");
}

/* What a key of KMS is bound to: judged, and given back. */
static enum mr_status check_context(struct protocol_call *call, const struct s3_meta *meta)
{
    yyjson_val *given = mr_json_get(call->in, "SSEKMSEncryptionContext");
    const struct mr_slice context = mr_json_text(given);
    if (given == NULL)
        return MR_OK;
    if (!is_context(call, context))
        return s3_fail_argument(call, "x-amz-server-side-encryption-context", context,
                                "The header 'x-amz-server-side-encryption-context' shall be "
                                "Base64-encoded UTF-8 string holding JSON which represents a "
                                "string-string map");
    return meta->sse != S3_SSE_AES256 ? MR_OK
                                      : fail_not_kms(call, s3_in(call, "ServerSideEncryption"));
}

static enum mr_status sse_read(struct protocol_call *call, struct s3_meta *meta)
{
    static const char header[] = "x-amz-server-side-encryption";
    const struct mr_slice wanted = s3_in(call, "ServerSideEncryption");
    const struct mr_slice key = s3_in(call, "SSEKMSKeyId");
    meta->sse = S3_SSE_AES256;
    meta->kms_key = (struct mr_slice){0};
    meta->bucket_key = false;
    struct s3_customer customer;
    if (s3_customer_read(call, S3_CUSTOMER_TARGET, &customer) != MR_OK ||
        s3_customer_usable(call, &customer) != MR_OK)
        return MR_FAULT;
    if (customer.given)
        return check_blocked(call);
    if (wanted.len == 0 && key.len == 0) {
        from_default(call, meta);
        return MR_OK;
    }
    if (wanted.len > 0 && s3_sse_parse(wanted, &meta->sse) != MR_OK)
        return s3_fail_argument(call, header, wanted,
                                "The encryption method specified is not supported");
    if (key.len > 0 && meta->sse == S3_SSE_AES256)
        return fail_not_kms(call, wanted);
    if (meta->sse == S3_SSE_AES256)
        return MR_OK;
    meta->kms_key = key_arn(call, key);
    meta->bucket_key = mr_json_get_bool(call->in, "BucketKeyEnabled", false);
    return MR_OK;
}

enum mr_status s3_sse_read(struct protocol_call *call, struct s3_meta *meta)
{
    return sse_read(call, meta) == MR_OK ? check_context(call, meta) : MR_FAULT;
}

void s3_sse_write(struct protocol_call *call, const struct s3_meta *meta)
{
    if (meta->seal.len > 0) {
        mr_json_key_cstr(&call->out, "SSECustomerAlgorithm", "AES256");
        if (s3_in(call, "SSECustomerKeyMD5").len > 0)
            mr_json_key_string(&call->out, "SSECustomerKeyMD5", s3_in(call, "SSECustomerKeyMD5"));
        return;
    }
    mr_json_key_cstr(&call->out, "ServerSideEncryption", names[meta->sse]);
    if (meta->sse == S3_SSE_AES256)
        return;
    mr_json_key_string(&call->out, "SSEKMSKeyId", meta->kms_key);
    if (s3_in(call, "SSEKMSEncryptionContext").len > 0)
        mr_json_key_string(&call->out, "SSEKMSEncryptionContext",
                           s3_in(call, "SSEKMSEncryptionContext"));
    if (meta->bucket_key)
        mr_json_key_bool(&call->out, "BucketKeyEnabled", true);
}

/* ---- the bucket's default ---- */

static void get_encryption(struct protocol_call *call)
{
    s3_config_give(call, "encryption", "ServerSideEncryptionConfiguration",
                   "{\"Rules\":[{\"ApplyServerSideEncryptionByDefault\":{\"SSEAlgorithm\":"
                   "\"AES256\"},\"BucketKeyEnabled\":false}]}",
                   &s3_no_encryption, "The server side encryption configuration was not found");
}

static enum mr_status check_default(struct protocol_call *call, yyjson_val *by_default)
{
    const struct mr_slice key = mr_json_get_text(by_default, "KMSMasterKeyID");
    enum s3_sse kind;
    if (s3_sse_parse(mr_json_get_text(by_default, "SSEAlgorithm"), &kind) != MR_OK)
        return s3_fail_malformed(call);
    if (key.len > 0 && kind == S3_SSE_AES256)
        return s3_fail_argument(call, "ApplyServerSideEncryptionByDefault", MR_S("AES256"),
                                "a KMSMasterKeyID is not applicable if the default sse algorithm "
                                "is not aws:kms or aws:kms:dsse");
    return MR_OK;
}

static enum mr_status check_blocked_types(struct protocol_call *call, yyjson_val *blocked)
{
    size_t at, count;
    yyjson_val *type;
    yyjson_arr_foreach(mr_json_get(blocked, "EncryptionType"), at, count, type)
    {
        if (!mr_slice_equal(mr_json_text(type), MR_S("NONE")) &&
            !mr_slice_equal(mr_json_text(type), MR_S("SSE-C")))
            return s3_fail_malformed(call);
    }
    return MR_OK;
}

/* AWS: the answer always says whether bucket keys are used; what is blocked stays so until it is
 * said that nothing is. */
static struct mr_slice rule_json(struct protocol_call *call, yyjson_val *rule, yyjson_val *before)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *by_default = mr_json_get(rule, "ApplyServerSideEncryptionByDefault");
    yyjson_val *blocked = mr_json_get(rule, "BlockedEncryptionTypes");
    const bool said = by_default != NULL;
    if (!said)
        by_default = mr_json_get(before, "ApplyServerSideEncryptionByDefault");
    if (blocked == NULL)
        blocked = mr_json_get(before, "BlockedEncryptionTypes");
    mr_json_object(&json);
    mr_json_key(&json, "Rules");
    mr_json_array(&json);
    mr_json_object(&json);
    if (by_default != NULL)
        mr_json_key_value(&json, "ApplyServerSideEncryptionByDefault", by_default);
    else
        mr_json_key_raw(&json, "ApplyServerSideEncryptionByDefault",
                        MR_S("{\"SSEAlgorithm\":\"AES256\"}"));
    mr_json_key_bool(&json, "BucketKeyEnabled",
                     mr_json_get_bool(said ? rule : before, "BucketKeyEnabled", false));
    if (blocked != NULL)
        mr_json_key_value(&json, "BlockedEncryptionTypes", blocked);
    mr_json_object_end(&json);
    mr_json_array_end(&json);
    /* Ours: the key as every object will tell it. */
    mr_json_key_string(&json, "Key", key_arn(call, mr_json_get_text(by_default, "KMSMasterKeyID")));
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void put_encryption(struct protocol_call *call)
{
    yyjson_val *rules =
        mr_json_get(mr_json_get(call->in, "ServerSideEncryptionConfiguration"), "Rules");
    yyjson_val *rule = yyjson_arr_get_first(rules);
    yyjson_val *by_default = mr_json_get(rule, "ApplyServerSideEncryptionByDefault");
    yyjson_val *blocked = mr_json_get(rule, "BlockedEncryptionTypes");
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    if (yyjson_arr_size(rules) != 1 || (by_default == NULL && blocked == NULL)) {
        s3_fail_malformed(call);
        return;
    }
    if ((by_default != NULL && check_default(call, by_default) != MR_OK) ||
        check_blocked_types(call, blocked) != MR_OK)
        return;
    yyjson_val *before = mr_json_get(mr_json_get(document, "encryption"), "Rules");
    s3_config_store(call, "encryption", rule_json(call, rule, yyjson_arr_get_first(before)));
}

static void delete_encryption(struct protocol_call *call)
{
    s3_config_store(call, "encryption", MR_S(""));
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketEncryption", .run = delete_encryption},
    {.operation = "GetBucketEncryption", .run = get_encryption},
    {.operation = "PutBucketEncryption", .run = put_encryption},
};
const struct s3_handlers s3_sse_handlers = {handlers, MR_COUNT(handlers)};
