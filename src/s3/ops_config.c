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
    if (s3_ownership_ok(rule))
        s3_config_store(call, "ownership", s3_config_json(call, wanted));
    else
        s3_fail_malformed(call);
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
    if (mr_slice_equal(mr_json_get_text(wanted, "MFADelete"), MR_S("Enabled"))) {
        protocol_fail(call, &s3_not_implemented,
                      "millrace knows no MFA devices: MFA delete cannot be enabled");
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
    s3_config_store(call, "versioning", mr_arena_printf(call->arena, "\"%.*s\"", MR_ARG(status)));
}

/* ---- access control lists: the one that holds ---- */

static void owner_id(const struct protocol_call *call, char ret[static 65])
{
    uint8_t digest[32];
    mr_sha256(call->account, digest);
    mr_hex(digest, sizeof digest, ret);
}

static void write_acl(struct protocol_call *call)
{
    s3_write_owner(call, "Owner", false);
    mr_json_key(&call->out, "Grants");
    mr_json_array(&call->out);
    mr_json_object(&call->out);
    char id[65];
    owner_id(call, id);
    mr_json_key(&call->out, "Grantee");
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "Type", "CanonicalUser");
    mr_json_key_cstr(&call->out, "ID", id);
    mr_json_object_end(&call->out);
    mr_json_key_cstr(&call->out, "Permission", "FULL_CONTROL");
    mr_json_object_end(&call->out);
    mr_json_array_end(&call->out);
}

static void get_bucket_acl(struct protocol_call *call)
{
    if (s3_check_bucket(call) == MR_OK)
        write_acl(call);
}

static enum mr_status object_check(struct protocol_call *call)
{
    struct s3_meta meta;
    struct s3_which which;
    struct s3_version version;
    if (s3_check_bucket(call) != MR_OK || s3_which_in(call, &which, &version) != MR_OK)
        return MR_FAULT;
    const enum mr_status status = s3_find(s3_of(call), call->arena, &which, &meta, &call->ticket);
    return s3_fail_missing(call, &which, status, &meta);
}

static void get_object_acl(struct protocol_call *call)
{
    if (object_check(call) == MR_OK)
        write_acl(call);
}

/* AWS: a list that says what holds anyway, the owner's full control, is taken. */
static bool says_what_holds(struct protocol_call *call, yyjson_val *policy)
{
    yyjson_val *grants = mr_json_get(policy, "Grants");
    char id[65];
    size_t at, count;
    yyjson_val *grant;
    owner_id(call, id);
    yyjson_arr_foreach(grants, at, count, grant)
    {
        const struct mr_slice grantee = mr_json_get_text(mr_json_get(grant, "Grantee"), "ID");
        if (!mr_slice_equal(grantee, mr_slice_cstr(id)) ||
            !mr_slice_equal(mr_json_get_text(grant, "Permission"), MR_S("FULL_CONTROL")))
            return false;
    }
    return yyjson_arr_size(grants) > 0;
}

static void refuse_acl(struct protocol_call *call)
{
    yyjson_val *policy = mr_json_get(call->in, "AccessControlPolicy");
    if (policy != NULL && !says_what_holds(call, policy))
        (void)s3_fail_acl(call);
    else
        (void)s3_check_acl(call, false);
}

static void put_bucket_acl(struct protocol_call *call)
{
    if (s3_check_bucket(call) == MR_OK)
        refuse_acl(call);
}

static void put_object_acl(struct protocol_call *call)
{
    if (object_check(call) == MR_OK)
        refuse_acl(call);
}

/* ---- what a bucket does not have ---- */

#define ABSENT(function, fault, message)             \
    static void function(struct protocol_call *call) \
    {                                                \
        if (s3_check_bucket(call) == MR_OK)          \
            fail_absent(call, &fault, message);      \
    }
ABSENT(get_website, s3_no_website, "The specified bucket does not have a website configuration")
ABSENT(get_replication, s3_no_replication, "The replication configuration was not found")
#undef ABSENT

/* Reads that have an empty answer, and deletes of what is never there. */
static void nothing(struct protocol_call *call)
{
    (void)s3_check_bucket(call);
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

/* ---- what can be switched off alone, as it is never on ---- */

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
    if (mr_slice_equal(status, MR_S("Suspended")))
        s3_config_store(call, "accelerate", MR_S("\"Suspended\""));
    else if (mr_slice_equal(status, MR_S("Enabled")))
        protocol_fail(call, &s3_not_implemented, "millrace has no accelerated endpoints");
    else
        s3_fail_malformed(call);
}

static void put_logging(struct protocol_call *call)
{
    if (s3_check_bucket(call) == MR_OK &&
        mr_json_get(mr_json_get(call->in, "BucketLoggingStatus"), "LoggingEnabled") != NULL)
        protocol_fail(call, &s3_not_implemented, "millrace writes no access logs of buckets");
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketOwnershipControls", .run = delete_ownership},
    {.operation = "DeleteBucketReplication", .run = nothing},
    {.operation = "DeleteBucketTagging", .run = delete_tagging},
    {.operation = "DeleteBucketWebsite", .run = nothing},
    {.operation = "GetBucketAccelerateConfiguration", .run = get_accelerate},
    {.operation = "GetBucketAcl", .run = get_bucket_acl},
    {.operation = "GetBucketLogging", .run = nothing},
    {.operation = "GetBucketOwnershipControls", .run = get_ownership},
    {.operation = "GetBucketReplication", .run = get_replication},
    {.operation = "GetBucketRequestPayment", .run = get_request_payment},
    {.operation = "GetBucketTagging", .run = get_tagging},
    {.operation = "GetBucketVersioning", .run = get_versioning},
    {.operation = "GetBucketWebsite", .run = get_website},
    {.operation = "GetObjectAcl", .run = get_object_acl},
    {.operation = "PutBucketAccelerateConfiguration", .run = put_accelerate},
    {.operation = "PutBucketAcl", .run = put_bucket_acl},
    {.operation = "PutBucketLogging", .run = put_logging},
    {.operation = "PutBucketOwnershipControls", .run = put_ownership},
    {.operation = "PutBucketRequestPayment", .run = put_request_payment},
    {.operation = "PutBucketTagging", .run = put_tagging},
    {.operation = "PutBucketVersioning", .run = put_versioning},
    {.operation = "PutObjectAcl", .run = put_object_acl},
};
const struct s3_handlers s3_config_handlers = {handlers, MR_COUNT(handlers)};
