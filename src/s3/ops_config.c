/* The wire: what can be configured about a bucket. Stored as members of its document, in the names
 * of the model. What is not implemented says so when it is put, and is plainly absent when asked
 * for. */
#include "s3/ops.h"

/* ---- stored members ---- */

yyjson_val *s3_config_document(struct protocol_call *call)
{
    yyjson_val *document = NULL;
    const struct mr_slice bucket = s3_in(call, "Bucket");
    if (s3_check_bucket(call) != MR_OK)
        return NULL;
    const enum mr_status status = s3_bucket_get(s3_of(call), call->arena, bucket, &document);
    if (status == MR_NOT_FOUND)
        s3_fail_no_bucket(call, bucket);
    protocol_fail_internal(call, status);
    call->ticket = s3_read_ticket(s3_of(call));
    return document;
}

void s3_config_write_named(struct mr_json *json, yyjson_val *object, const char *member,
                           struct mr_slice name)
{
    size_t at, count;
    yyjson_val *key, *value;
    mr_json_object(json);
    if (mr_json_get_text(object, member).len == 0)
        mr_json_key_string(json, member, name);
    yyjson_obj_foreach(object, at, count, key, value)
    {
        if (mr_slice_equal(mr_json_text(key), mr_slice_cstr(member)) &&
            mr_json_text(value).len == 0)
            continue;
        mr_json_name(json, mr_json_text(key));
        mr_json_value(json, value);
    }
    mr_json_object_end(json);
}

void s3_config_store(struct protocol_call *call, const char *member, struct mr_slice json)
{
    const struct mr_slice bucket = s3_in(call, "Bucket");
    if (s3_check_bucket(call) != MR_OK)
        return;
    const enum mr_status status =
        s3_bucket_set(s3_of(call), call->arena, bucket, member, json, &call->ticket);
    if (status == MR_NOT_FOUND)
        s3_fail_no_bucket(call, bucket);
    protocol_fail_internal(call, status);
}

struct mr_slice s3_config_json(struct protocol_call *call, yyjson_val *value)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, value);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void fail_absent(struct protocol_call *call, const struct protocol_fault *fault,
                        const char *message)
{
    protocol_fail_member(call, "BucketName", s3_in(call, "Bucket"));
    protocol_fail(call, fault, "%s", message);
}

void s3_config_give(struct protocol_call *call, const char *member, const char *output,
                    const char *fallback, const struct protocol_fault *fault, const char *message)
{
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    yyjson_val *value = mr_json_get(document, member);
    if (value != NULL && !yyjson_is_bool(value))
        mr_json_key_value(&call->out, output, value);
    else if (value == NULL && fallback != NULL)
        mr_json_key_raw(&call->out, output, mr_slice_cstr(fallback));
    else
        fail_absent(call, fault, message);
}

/* ---- ownership ---- */

static void get_ownership(struct protocol_call *call)
{
    s3_config_give(call, "ownership", "OwnershipControls",
                   "{\"Rules\":[{\"ObjectOwnership\":\"BucketOwnerEnforced\"}]}", &s3_no_ownership,
                   "The bucket ownership controls were not found");
}

bool s3_ownership_ok(struct mr_slice rule)
{
    return mr_slice_equal(rule, MR_S("BucketOwnerPreferred")) ||
           mr_slice_equal(rule, MR_S("ObjectWriter")) ||
           mr_slice_equal(rule, MR_S("BucketOwnerEnforced"));
}

static void put_ownership(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "OwnershipControls");
    const struct mr_slice rule =
        mr_json_get_text(yyjson_arr_get_first(mr_json_get(wanted, "Rules")), "ObjectOwnership");
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    if (!s3_ownership_ok(rule) || yyjson_arr_size(mr_json_get(wanted, "Rules")) != 1)
        s3_fail_malformed(call);
    else if (mr_slice_equal(rule, MR_S("BucketOwnerEnforced")) &&
             mr_json_get(document, "acl") != NULL) /* AWS: that has to be given up first */
        s3_fail_bucket_acl(call);
    else
        s3_config_store(call, "ownership", s3_config_json(call, wanted));
}

static void delete_ownership(struct protocol_call *call)
{
    s3_config_store(call, "ownership", MR_S("false"));
}

/* ---- tags ---- */

static void get_tagging(struct protocol_call *call)
{
    s3_config_give(call, "tags", "TagSet", NULL, &s3_no_tags, "The TagSet does not exist");
}

static void put_tagging(struct protocol_call *call)
{
    struct mr_slice pairs;
    yyjson_val *set = mr_json_get(mr_json_get(call->in, "Tagging"), "TagSet");
    if (s3_tags_read(call, set, S3_TAGS_BUCKET, &pairs) != MR_OK)
        return;
    s3_config_store(call, "tags", pairs.len > 0 ? s3_config_json(call, set) : MR_S(""));
    call->status = 204; /* AWS, against its model */
}

static void delete_tagging(struct protocol_call *call)
{
    s3_config_store(call, "tags", MR_S(""));
}

/* ---- versions ---- */

static void get_versioning(struct protocol_call *call)
{
    yyjson_val *document = s3_config_document(call);
    const struct mr_slice status = mr_json_get_text(document, "versioning");
    if (status.len > 0)
        mr_json_key_string(&call->out, "Status", status);
}

static void put_versioning(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "VersioningConfiguration");
    const struct mr_slice status = mr_json_get_text(wanted, "Status");
    if (s3_check_bucket(call) != MR_OK)
        return;
    const struct mr_slice mfa = mr_json_get_text(wanted, "MFADelete");
    if (mr_slice_equal(mfa, MR_S("Enabled"))) {
        protocol_fail(call, &s3_not_implemented,
                      "millrace knows no MFA devices: MFA delete cannot be enabled");
        return;
    }
    if (mfa.len > 0 && !mr_slice_equal(mfa, MR_S("Disabled"))) {
        s3_fail_malformed(call);
        return;
    }
    if (!mr_slice_equal(status, MR_S("Enabled")) && !mr_slice_equal(status, MR_S("Suspended"))) {
        if (status.len == 0) /* AWS: by this very code */
            protocol_fail(call, &s3_illegal_versioning, "The Versioning element must be specified");
        else
            s3_fail_malformed(call);
        return;
    }
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    if (mr_json_get(document, "lock") != NULL && mr_slice_equal(status, MR_S("Suspended"))) {
        protocol_fail(call, &s3_invalid_bucket_state,
                      "An Object Lock configuration is present on this bucket, so the versioning "
                      "state cannot be changed.");
        return;
    }
    if (mr_json_get(document, "replication") != NULL && mr_slice_equal(status, MR_S("Suspended"))) {
        protocol_fail(call, &s3_invalid_bucket_state,
                      "A replication configuration is present on this bucket, so the versioning "
                      "state cannot be changed.");
        return;
    }
    s3_config_store(call, "versioning", mr_arena_printf(call->arena, "\"%.*s\"", MR_ARG(status)));
}

/* ---- what a bucket does not have ---- */

/* Kinds of configurations by name, none of which can be put (501): a list of them is empty. */
static void get_named(struct protocol_call *call)
{
    if (s3_check_bucket(call) == MR_OK)
        protocol_fail(call, &s3_no_configuration, "The specified configuration does not exist.");
}

static void list_named(struct protocol_call *call)
{
    if (s3_check_bucket(call) == MR_OK)
        mr_json_key_bool(&call->out, "IsTruncated", false);
}

/* ---- who pays: told, and without consequence where there is one account ---- */

static void get_request_payment(struct protocol_call *call)
{
    yyjson_val *document = s3_config_document(call);
    const struct mr_slice payer = mr_json_get_text(document, "payer");
    if (document != NULL)
        mr_json_key_string(&call->out, "Payer", payer.len > 0 ? payer : MR_S("BucketOwner"));
}

static void put_request_payment(struct protocol_call *call)
{
    const struct mr_slice payer =
        mr_json_get_text(mr_json_get(call->in, "RequestPaymentConfiguration"), "Payer");
    if (mr_slice_equal(payer, MR_S("Requester")) || mr_slice_equal(payer, MR_S("BucketOwner")))
        s3_config_store(call, "payer", mr_arena_printf(call->arena, "\"%.*s\"", MR_ARG(payer)));
    else
        s3_fail_malformed(call);
}

/* ---- acceleration: there is no way to the bucket that is shorter; its endpoint answers ---- */

static void get_accelerate(struct protocol_call *call)
{
    const struct mr_slice status = mr_json_get_text(s3_config_document(call), "accelerate");
    if (status.len > 0)
        mr_json_key_string(&call->out, "Status", status);
}

static void put_accelerate(struct protocol_call *call)
{
    const struct mr_slice status =
        mr_json_get_text(mr_json_get(call->in, "AccelerateConfiguration"), "Status");
    if (!mr_slice_equal(status, MR_S("Suspended")) && !mr_slice_equal(status, MR_S("Enabled")))
        s3_fail_malformed(call);
    else if (mr_slice_find(s3_in(call, "Bucket"), '.') != SIZE_MAX)
        protocol_fail(call, &s3_invalid_request,
                      "S3 Transfer Acceleration is not supported for buckets with periods (.) in "
                      "their names");
    else
        s3_config_store(call, "accelerate",
                        mr_arena_printf(call->arena, "\"%.*s\"", MR_ARG(status)));
}

enum mr_status s3_check_accelerated(struct protocol_call *call)
{
    yyjson_val *document;
    if (call->exchange == NULL ||
        mr_slice_search(call->exchange->host, MR_S(".s3-accelerate.")) == SIZE_MAX ||
        s3_bucket_get(s3_of(call), call->arena, s3_in(call, "Bucket"), &document) != MR_OK)
        return MR_OK;
    const struct mr_slice status = mr_json_get_text(document, "accelerate");
    if (mr_slice_equal(status, MR_S("Enabled")))
        return MR_OK;
    return protocol_fail(call, &s3_invalid_request, "S3 Transfer Acceleration is %s on this bucket",
                         status.len > 0 ? "disabled" : "not configured");
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketAnalyticsConfiguration", .run = get_named},
    {.operation = "DeleteBucketIntelligentTieringConfiguration", .run = get_named},
    {.operation = "DeleteBucketInventoryConfiguration", .run = get_named},
    {.operation = "DeleteBucketOwnershipControls", .run = delete_ownership},
    {.operation = "DeleteBucketTagging", .run = delete_tagging},
    {.operation = "GetBucketAccelerateConfiguration", .run = get_accelerate},
    {.operation = "GetBucketAnalyticsConfiguration", .run = get_named},
    {.operation = "GetBucketIntelligentTieringConfiguration", .run = get_named},
    {.operation = "GetBucketInventoryConfiguration", .run = get_named},
    {.operation = "GetBucketOwnershipControls", .run = get_ownership},
    {.operation = "GetBucketRequestPayment", .run = get_request_payment},
    {.operation = "GetBucketTagging", .run = get_tagging},
    {.operation = "GetBucketVersioning", .run = get_versioning},
    {.operation = "ListBucketAnalyticsConfigurations", .run = list_named},
    {.operation = "ListBucketIntelligentTieringConfigurations", .run = list_named},
    {.operation = "ListBucketInventoryConfigurations", .run = list_named},
    {.operation = "PutBucketAccelerateConfiguration", .run = put_accelerate},
    {.operation = "PutBucketOwnershipControls", .run = put_ownership},
    {.operation = "PutBucketRequestPayment", .run = put_request_payment},
    {.operation = "PutBucketTagging", .run = put_tagging},
    {.operation = "PutBucketVersioning", .run = put_versioning},
};
const struct s3_handlers s3_config_handlers = {handlers, MR_COUNT(handlers)};
