/* Encryption as S3 tells it. Nothing is encrypted by us and there are no keys: how an object is
 * said to be encrypted is kept and given back, as headers or by the bucket's default. Keys of the
 * client's own, which would have to be honoured, are refused (s3_check_unsupported). */
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

/* AWS: a key is told by its ARN, however it was named. The key that AWS manages itself is the same
 * for an account and region. */
static struct mr_slice key_arn(struct protocol_call *call, struct mr_slice key)
{
    if (mr_slice_starts_with(key, MR_S("arn:")))
        return key;
    if (key.len > 0)
        return mr_arena_printf(call->arena, "arn:aws:kms:%.*s:%.*s:%s%.*s", MR_ARG(call->region),
                               MR_ARG(call->account),
                               mr_slice_starts_with(key, MR_S("alias/")) ? "" : "key/",
                               MR_ARG(key));
    uint8_t digest[32];
    char hex[65];
    mr_sha256(mr_arena_printf(call->arena, "aws/s3 %.*s %.*s", MR_ARG(call->account),
                              MR_ARG(call->region)),
              digest);
    mr_hex(digest, sizeof digest, hex);
    return mr_arena_printf(call->arena, "arn:aws:kms:%.*s:%.*s:key/%.8s-%.4s-%.4s-%.4s-%.12s",
                           MR_ARG(call->region), MR_ARG(call->account), hex, hex + 8, hex + 12,
                           hex + 16, hex + 20);
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

enum mr_status s3_sse_read(struct protocol_call *call, struct s3_meta *meta)
{
    static const char header[] = "x-amz-server-side-encryption";
    const struct mr_slice wanted = s3_in(call, "ServerSideEncryption");
    const struct mr_slice key = s3_in(call, "SSEKMSKeyId");
    meta->sse = S3_SSE_AES256;
    meta->kms_key = (struct mr_slice){0};
    meta->bucket_key = false;
    if (wanted.len == 0 && key.len == 0) {
        from_default(call, meta);
        return MR_OK;
    }
    if (wanted.len > 0 && s3_sse_parse(wanted, &meta->sse) != MR_OK)
        return s3_fail_argument(call, header, wanted,
                                "The encryption method specified is not supported");
    if (key.len > 0 && meta->sse == S3_SSE_AES256)
        return s3_fail_argument(call, header, wanted.len > 0 ? wanted : MR_S("null"),
                                "Server Side Encryption with AWS KMS managed key requires HTTP "
                                "header x-amz-server-side-encryption : aws:kms");
    if (meta->sse == S3_SSE_AES256)
        return MR_OK;
    meta->kms_key = key_arn(call, key);
    meta->bucket_key = mr_json_get_bool(call->in, "BucketKeyEnabled", false);
    return MR_OK;
}

void s3_sse_write(struct protocol_call *call, const struct s3_meta *meta)
{
    mr_json_key_cstr(&call->out, "ServerSideEncryption", names[meta->sse]);
    if (meta->sse == S3_SSE_AES256)
        return;
    mr_json_key_string(&call->out, "SSEKMSKeyId", meta->kms_key);
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

static enum mr_status check_default(struct protocol_call *call, yyjson_val *wanted)
{
    yyjson_val *rules = mr_json_get(wanted, "Rules");
    yyjson_val *by_default =
        mr_json_get(yyjson_arr_get_first(rules), "ApplyServerSideEncryptionByDefault");
    const struct mr_slice key = mr_json_get_text(by_default, "KMSMasterKeyID");
    enum s3_sse kind;
    if (yyjson_arr_size(rules) != 1 ||
        s3_sse_parse(mr_json_get_text(by_default, "SSEAlgorithm"), &kind) != MR_OK)
        return s3_fail_malformed(call);
    if (key.len > 0 && kind == S3_SSE_AES256)
        return s3_fail_argument(call, "ApplyServerSideEncryptionByDefault", MR_S("AES256"),
                                "a KMSMasterKeyID is not applicable if the default sse algorithm "
                                "is not aws:kms or aws:kms:dsse");
    return MR_OK;
}

static void put_encryption(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "ServerSideEncryptionConfiguration");
    yyjson_val *rule = yyjson_arr_get_first(mr_json_get(wanted, "Rules"));
    yyjson_val *by_default = mr_json_get(rule, "ApplyServerSideEncryptionByDefault");
    if (s3_check_bucket(call) != MR_OK || check_default(call, wanted) != MR_OK)
        return;
    /* AWS: the answer always says whether bucket keys are used. */
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key(&json, "Rules");
    mr_json_array(&json);
    mr_json_object(&json);
    mr_json_key_value(&json, "ApplyServerSideEncryptionByDefault", by_default);
    mr_json_key_bool(&json, "BucketKeyEnabled", mr_json_get_bool(rule, "BucketKeyEnabled", false));
    mr_json_object_end(&json);
    mr_json_array_end(&json);
    /* Ours: the key as every object will tell it. */
    mr_json_key_string(&json, "Key", key_arn(call, mr_json_get_text(by_default, "KMSMasterKeyID")));
    mr_json_object_end(&json);
    s3_config_store(call, "encryption", mr_buf_slice(&buf));
    mr_buf_fini(&buf);
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
