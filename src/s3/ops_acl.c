/* The wire: access control lists. A bucket takes them when its ownership is not enforced, which is
 * how one begins. */
#include "s3/ops.h"

/* AWS: without rules the writer owns, as it was before there were any. */
bool s3_acl_disabled(yyjson_val *document)
{
    yyjson_val *ownership = mr_json_get(document, "ownership");
    yyjson_val *rule = yyjson_arr_get_first(mr_json_get(ownership, "Rules"));
    return ownership == NULL ||
           mr_slice_equal(mr_json_get_text(rule, "ObjectOwnership"), MR_S("BucketOwnerEnforced"));
}

enum mr_status s3_fail_no_acl(struct protocol_call *call)
{
    return protocol_fail(call, &s3_acl_not_supported, "The bucket does not allow ACLs");
}

static enum mr_status check_public(struct protocol_call *call, yyjson_val *document,
                                   const struct s3_acl *acl)
{
    if (!acl->everybody || !s3_blocks_public(document, "BlockPublicAcls"))
        return MR_OK;
    const struct mr_slice key = s3_in(call, "Key");
    return protocol_fail(
        call, &s3_access_denied,
        "User: arn:aws:iam::%.*s:root is not authorized to perform: s3:%s on resource: "
        "\"arn:aws:s3:::%.*s%s%.*s\" because public access control lists (ACLs) are blocked by the "
        "BlockPublicAcls block public access setting.",
        MR_ARG(call->account), call->operation_name == NULL ? "PutObject" : call->operation_name,
        MR_ARG(s3_in(call, "Bucket")), key.len > 0 ? "/" : "", MR_ARG(key));
}

/* ---- lists that come with something new ---- */

enum mr_status s3_acl_of_object(struct protocol_call *call, struct mr_slice *ret_grants)
{
    struct s3_acl acl;
    *ret_grants = MR_S("");
    if (s3_acl_parse(call, false, &acl) != MR_OK)
        return MR_FAULT;
    if (acl.grants.len == 0)
        return MR_OK;
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return MR_FAULT;
    if (s3_acl_disabled(document))
        return s3_fail_no_acl(call);
    *ret_grants = acl.grants;
    return check_public(call, document, &acl);
}

enum mr_status s3_acl_of_bucket(struct protocol_call *call, struct mr_slice *ret_grants)
{
    const struct mr_slice ownership = s3_in(call, "ObjectOwnership");
    struct s3_acl acl;
    if (s3_acl_parse(call, true, &acl) != MR_OK)
        return MR_FAULT;
    *ret_grants = acl.grants;
    if (acl.grants.len == 0)
        return MR_OK;
    if (ownership.len == 0 || mr_slice_equal(ownership, MR_S("BucketOwnerEnforced")))
        return s3_fail_bucket_acl(call);
    if (acl.everybody) /* AWS: a new bucket blocks public access, since April 2023 */
        return protocol_fail(call, &s3_bucket_acl_public,
                             "Bucket cannot have public ACLs set with BlockPublicAccess enabled");
    return MR_OK;
}

enum mr_status s3_fail_bucket_acl(struct protocol_call *call)
{
    return protocol_fail(call, &s3_bucket_acl,
                         "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced "
                         "setting");
}

/* ---- Get ---- */

static void write_acl(struct protocol_call *call, struct mr_slice grants)
{
    char owner[S3_OWNER_ID_TEXT];
    s3_owner_id(call->account, owner);
    if (grants.len == 0)
        grants = mr_arena_printf(call->arena,
                                 "[{\"Grantee\":{\"Type\":\"CanonicalUser\",\"ID\":\"%s\"},"
                                 "\"Permission\":\"FULL_CONTROL\"}]",
                                 owner);
    s3_write_owner(call, "Owner", false);
    mr_json_key_raw(&call->out, "Grants", grants);
}

static void get_bucket_acl(struct protocol_call *call)
{
    yyjson_val *document = s3_config_document(call);
    yyjson_val *acl = mr_json_get(document, "acl");
    if (document != NULL)
        write_acl(call,
                  s3_acl_disabled(document) || acl == NULL ? MR_S("") : s3_config_json(call, acl));
}

static enum mr_status find_object(struct protocol_call *call, struct s3_which *ret_which,
                                  struct s3_version *room, struct s3_meta *ret_meta)
{
    if (s3_check_bucket(call) != MR_OK || s3_which_in(call, ret_which, room) != MR_OK)
        return MR_FAULT;
    const enum mr_status status =
        s3_find(s3_of(call), call->arena, ret_which, ret_meta, &call->ticket);
    return s3_fail_missing(call, ret_which, status, ret_meta);
}

static void get_object_acl(struct protocol_call *call)
{
    struct s3_meta meta;
    struct s3_which which;
    struct s3_version version;
    if (find_object(call, &which, &version, &meta) != MR_OK)
        return;
    yyjson_val *document = s3_config_document(call);
    if (document != NULL)
        write_acl(call, s3_acl_disabled(document) ? MR_S("") : meta.acl);
}

/* ---- Put ---- */

/* What is to be set, and whether there is anything to do: AWS takes, where lists are disabled, what
 * says that the owner has all (but not by the name "private"), and sets nothing. */
static enum mr_status wanted(struct protocol_call *call, bool bucket, struct mr_slice *ret_grants,
                             bool *ret_set)
{
    struct s3_acl acl;
    yyjson_val *document = s3_config_document(call);
    if (document == NULL || s3_acl_parse(call, bucket, &acl) != MR_OK)
        return MR_FAULT;
    if (!acl.asked) {
        protocol_fail_member(call, "MissingHeaderName", MR_S("x-amz-acl"));
        return protocol_fail(call, &s3_missing_header,
                             "Your request was missing a required header");
    }
    *ret_set = !s3_acl_disabled(document);
    *ret_grants = acl.grants;
    if (!*ret_set && (acl.grants.len > 0 || mr_slice_equal(s3_in(call, "ACL"), MR_S("private"))))
        return s3_fail_no_acl(call);
    return check_public(call, document, &acl);
}

static void put_bucket_acl(struct protocol_call *call)
{
    struct mr_slice grants;
    bool set = false;
    if (wanted(call, true, &grants, &set) == MR_OK && set)
        s3_config_store(call, "acl", grants);
}

struct relist {
    struct mr_slice grants;
    struct s3_meta meta; /* result */
};

static enum mr_status relist(void *ctx, struct s3_meta *meta)
{
    struct relist *change = ctx;
    change->meta = *meta;
    if (meta->marker)
        return MR_END;
    meta->acl = change->grants;
    return MR_OK;
}

static void put_object_acl(struct protocol_call *call)
{
    struct s3_which which;
    struct s3_version version;
    struct s3_meta meta;
    struct relist change = {0};
    const struct s3_event event = {
        .name = "ObjectAcl:Put", .request_id = call->request_id, .access_key = call->access_key};
    bool set = false;
    if (find_object(call, &which, &version, &meta) != MR_OK ||
        wanted(call, false, &change.grants, &set) != MR_OK || !set)
        return;
    const enum mr_status status =
        s3_amend(s3_of(call), call->arena, &which, relist, &change, &event, &call->ticket);
    (void)s3_fail_missing(call, &which, status == MR_END ? MR_OK : status, &change.meta);
}

static const struct protocol_handler handlers[] = {
    {.operation = "GetBucketAcl", .run = get_bucket_acl},
    {.operation = "GetObjectAcl", .run = get_object_acl},
    {.operation = "PutBucketAcl", .run = put_bucket_acl},
    {.operation = "PutObjectAcl", .run = put_object_acl},
};
const struct s3_handlers s3_acl_handlers = {handlers, MR_COUNT(handlers)};
