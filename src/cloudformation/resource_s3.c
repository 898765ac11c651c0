/* AWS::S3::Bucket, AWS::S3::BucketPolicy */
#include "cloudformation/members.h"
#include "cloudformation/resource_bucket.h"
#include "cloudformation/resource_types.h"

/* ---- AWS::S3::Bucket ---- */

static const struct resource_property bucket_properties[] = {
    {"BucketName", RESOURCE_REPLACES},
    {"AccessControl", 0},
    {"BucketEncryption", 0},
    {"CorsConfiguration", 0},
    {"LifecycleConfiguration", 0},
    {"LoggingConfiguration", 0},
    {"NotificationConfiguration", 0},
    {"ObjectLockConfiguration", 0},
    {"ObjectLockEnabled", RESOURCE_REPLACES},
    {"OwnershipControls", 0},
    {"PublicAccessBlockConfiguration", 0},
    {"ReplicationConfiguration", 0},
    {"Tags", 0},
    {"VersioningConfiguration", 0},
    {"WebsiteConfiguration", 0},
};

static const char *const bucket_attributes[] = {
    "Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL", NULL};

void bucket_request(struct request *request, struct resource_call *call, const char *operation)
{
    request_open(request, call, "s3", operation);
    request_text(request, "Bucket", call->physical);
}

/* PublicRead -> public-read */
static struct mr_slice canned_acl(struct resource_call *call)
{
    const struct mr_slice name = resource_property_text(call, "AccessControl");
    struct mr_buf buf = {0};
    for (size_t i = 0; i < name.len; i++) {
        const bool is_upper = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z';
        if (is_upper && i > 0)
            mr_buf_byte(&buf, '-');
        mr_buf_byte(&buf, is_upper ? (char)(name.ptr[i] - 'A' + 'a') : name.ptr[i]);
    }
    const struct mr_slice acl = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return acl;
}

static bool takes_acls(struct resource_call *call)
{
    yyjson_val *rules = mr_json_get(resource_property(call, "OwnershipControls"), "Rules");
    const struct mr_slice rule = mr_json_get_text(yyjson_arr_get_first(rules), "ObjectOwnership");
    return rule.len > 0 && !mr_slice_equal(rule, MR_S("BucketOwnerEnforced"));
}

static bool set_acl(struct resource_call *call)
{
    struct request request;
    if (!resource_changed(call, "AccessControl"))
        return true;
    const struct mr_slice acl = canned_acl(call);
    /* AWS: "Private" is how a bucket begins, also one that takes no lists. */
    if (mr_slice_equal(acl, MR_S("private")) && !takes_acls(call))
        return true;
    bucket_request(&request, call, "PutBucketAcl");
    request_text(&request, "ACL", acl.len > 0 ? acl : MR_S("private"));
    return request_done(&request);
}

/* Puts the property as the operation's member, or takes away what was there before. */
static bool set_member(struct resource_call *call, const char *property, const char *put,
                       const char *member, const char *take_away)
{
    struct request request;
    if (!resource_changed(call, property))
        return true;
    yyjson_val *value = resource_property(call, property);
    bucket_request(&request, call, value != NULL ? put : take_away);
    if (value != NULL)
        request_value(&request, member, value);
    return request_done(&request);
}

static bool set_versioning(struct resource_call *call)
{
    struct request request;
    if (!resource_changed(call, "VersioningConfiguration"))
        return true;
    yyjson_val *value = resource_property(call, "VersioningConfiguration");
    bucket_request(&request, call, "PutBucketVersioning");
    if (value != NULL)
        request_value(&request, "VersioningConfiguration", value);
    else
        mr_json_key_raw(&request.json, "VersioningConfiguration",
                        MR_S("{\"Status\":\"Suspended\"}"));
    return request_done(&request);
}

/* Replication goes before the versions that it needs, and comes behind them. */
static bool set_versions(struct resource_call *call)
{
    if (resource_property(call, "ReplicationConfiguration") == NULL)
        return bucket_set_replication(call) && set_versioning(call);
    return set_versioning(call) && bucket_set_replication(call);
}

static bool set_tags(struct resource_call *call)
{
    struct request request;
    if (call->before != NULL && !resource_changed(call, "Tags"))
        return true;
    if (resource_property(call, "Tags") == NULL && yyjson_arr_size(call->stack_tags) == 0) {
        if (call->before == NULL)
            return true;
        bucket_request(&request, call, "DeleteBucketTagging");
        return request_done(&request);
    }
    bucket_request(&request, call, "PutBucketTagging");
    mr_json_key(&request.json, "Tagging");
    mr_json_object(&request.json);
    request_tag_list(&request, "TagSet", resource_property(call, "Tags"));
    mr_json_object_end(&request.json);
    return request_done(&request);
}

/* The list of rules has another name here, and so has the default inside a rule. */
static yyjson_val *encryption_of(struct resource_call *call)
{
    yyjson_val *rules = mr_json_get(resource_property(call, "BucketEncryption"),
                                    "ServerSideEncryptionConfiguration");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *value;
    size_t j, members;
    mr_json_object(&json);
    mr_json_key(&json, "Rules");
    mr_json_array(&json);
    for (size_t i = 0; i < yyjson_arr_size(rules); i++) {
        yyjson_val *rule = yyjson_arr_get(rules, i);
        mr_json_object(&json);
        yyjson_obj_foreach(members_of(rule), j, members, key, value)
        {
            const bool is_default =
                mr_slice_equal(mr_json_text(key), MR_S("ServerSideEncryptionByDefault"));
            mr_json_name(&json, is_default ? MR_S("ApplyServerSideEncryptionByDefault")
                                           : mr_json_text(key));
            mr_json_value(&json, value);
        }
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    yyjson_val *encryption = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return encryption;
}

static bool set_encryption(struct resource_call *call)
{
    struct request request;
    if (!resource_changed(call, "BucketEncryption"))
        return true;
    const bool is_on = resource_property(call, "BucketEncryption") != NULL;
    bucket_request(&request, call, is_on ? "PutBucketEncryption" : "DeleteBucketEncryption");
    if (is_on)
        request_value(&request, "ServerSideEncryptionConfiguration", encryption_of(call));
    return request_done(&request);
}

static void bucket_configure(struct resource_call *call)
{
    const bool good = set_member(call, "OwnershipControls", "PutBucketOwnershipControls",
                                 "OwnershipControls", "DeleteBucketOwnershipControls") &&
                      set_member(call, "PublicAccessBlockConfiguration", "PutPublicAccessBlock",
                                 "PublicAccessBlockConfiguration", "DeletePublicAccessBlock") &&
                      set_acl(call) && set_versions(call) && set_encryption(call) &&
                      set_tags(call) && bucket_set_cors(call) && bucket_set_lifecycle(call) &&
                      bucket_set_lock(call) && bucket_set_notifications(call) &&
                      bucket_set_logging(call) && bucket_set_website(call);
    const struct mr_slice name = call->physical, region = call->region;
    struct mr_arena *arena = call->arena;
    if (!good)
        return;
    resource_attribute(call, "Arn", mr_arena_printf(arena, "arn:aws:s3:::%.*s", MR_ARG(name)));
    resource_attribute(call, "DomainName",
                       mr_arena_printf(arena, "%.*s.s3.amazonaws.com", MR_ARG(name)));
    resource_attribute(call, "DualStackDomainName",
                       mr_arena_printf(arena, "%.*s.s3.dualstack.%.*s.amazonaws.com", MR_ARG(name),
                                       MR_ARG(region)));
    resource_attribute(
        call, "RegionalDomainName",
        mr_arena_printf(arena, "%.*s.s3.%.*s.amazonaws.com", MR_ARG(name), MR_ARG(region)));
    resource_attribute(call, "WebsiteURL",
                       mr_arena_printf(arena, "http://%.*s.s3-website-%.*s.amazonaws.com",
                                       MR_ARG(name), MR_ARG(region)));
}

/* CreateBucket succeeds on a bucket that one owns already (in us-east-1), so existence is asked. */
static bool bucket_exists(struct resource_call *call)
{
    struct request request;
    bucket_request(&request, call, "HeadBucket");
    return request_send(&request) != NULL || !resource_fault_is_gone(call);
}

static void bucket_create(struct resource_call *call)
{
    struct request request;
    if (!call->resumed && bucket_exists(call)) {
        resource_fail(call, "%.*s already exists", MR_ARG(call->physical));
        call->physical = MR_S("");
        return;
    }
    bucket_request(&request, call, "CreateBucket");
    if (!mr_slice_equal(call->region, MR_S("us-east-1"))) {
        mr_json_key(&request.json, "CreateBucketConfiguration");
        mr_json_object(&request.json);
        mr_json_key_string(&request.json, "LocationConstraint", call->region);
        mr_json_object_end(&request.json);
    }
    request_value(&request, "ObjectLockEnabledForBucket",
                  resource_property(call, "ObjectLockEnabled"));
    if (!request_create(&request))
        return;
    bucket_configure(call);
}

static void bucket_drop(struct resource_call *call)
{
    struct request request;
    bucket_request(&request, call, "DeleteBucket");
    request_drop(&request, NULL);
}

const struct resource_type resource_bucket = {
    .name = "AWS::S3::Bucket",
    .service = "S3",
    .properties = bucket_properties,
    .property_count = MR_COUNT(bucket_properties),
    .attributes = bucket_attributes,
    .name_property = "BucketName",
    .name_max = 63,
    .name_lower = true,
    .exists = bucket_exists,
    .create = bucket_create,
    .update = bucket_configure,
    .drop = bucket_drop,
};

/* ---- AWS::S3::BucketPolicy ---- */

static const struct resource_property policy_properties[] = {
    {"Bucket", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"PolicyDocument", RESOURCE_REQUIRED},
};

static const char *const no_attributes[] = {NULL};

static void policy_put(struct resource_call *call)
{
    struct request request;
    bucket_request(&request, call, "PutBucketPolicy");
    request_document(&request, "Policy", resource_property(call, "PolicyDocument"));
    if (request_send(&request) != NULL)
        return;
    resource_fail_fault(call);
    if (call->before == NULL)
        call->physical = MR_S("");
}

static void policy_drop(struct resource_call *call)
{
    struct request request;
    bucket_request(&request, call, "DeleteBucketPolicy");
    if (request_send(&request) == NULL && !resource_fault_is_gone(call))
        resource_fail_fault(call);
}

const struct resource_type resource_bucket_policy = {
    .name = "AWS::S3::BucketPolicy",
    .service = "S3",
    .properties = policy_properties,
    .property_count = MR_COUNT(policy_properties),
    .attributes = no_attributes,
    .name_property = "Bucket",
    .name_max = 63,
    .create = policy_put,
    .update = policy_put,
    .drop = policy_drop,
};
