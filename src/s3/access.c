#include "s3/access.h"
#include "policy/request.h"
#include "s3/ops.h"
#include <assert.h>

/* ---- buckets that have a policy ---- */

static enum mr_status load(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct s3 *s3 = ctx;
    struct mr_arena arena;
    if (mr_slice_search(json, MR_S("\"policy\"")) == SIZE_MAX)
        return MR_OK;
    mr_arena_init(&arena);
    yyjson_val *document = mr_json_parse(&arena, json, MR_JSON_DEPTH_MAX);
    if (mr_json_get_text(document, "policy").len > 0)
        policy_guarded_set(&s3->guarded, name, true);
    mr_arena_fini(&arena);
    return MR_OK;
}

enum mr_status s3_guarded_load(struct s3 *s3)
{
    return store_doc_each(s3->options.store, "s3", "bucket", MR_S(""), load, s3);
}

/* ---- operations and what they need ---- */

/* What a list has to grant; of the bucket, or of the object. */
enum grant {
    NO_LIST,
    BUCKET_READ,
    BUCKET_WRITE,
    BUCKET_ACP,
    BUCKET_WRITE_ACP,
    OBJECT_READ,
    OBJECT_ACP,
    OBJECT_WRITE_ACP
};

struct rule {
    const char *operation, *action;
    const char *of_version; /* instead, when the request names a version; NULL: the same */
    enum grant grant;
};

static const struct rule rules[] = {
    {"AbortMultipartUpload", "AbortMultipartUpload", NULL, NO_LIST},
    {"CompleteMultipartUpload", "PutObject", NULL, BUCKET_WRITE},
    {"CopyObject", "PutObject", NULL, BUCKET_WRITE},
    {"CreateBucket", "CreateBucket", NULL, NO_LIST},
    {"CreateMultipartUpload", "PutObject", NULL, BUCKET_WRITE},
    {"DeleteBucket", "DeleteBucket", NULL, NO_LIST},
    {"DeleteBucketAnalyticsConfiguration", "PutAnalyticsConfiguration", NULL, NO_LIST},
    {"DeleteBucketCors", "PutBucketCORS", NULL, NO_LIST},
    {"DeleteBucketEncryption", "PutEncryptionConfiguration", NULL, NO_LIST},
    {"DeleteBucketIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration", NULL,
     NO_LIST},
    {"DeleteBucketInventoryConfiguration", "PutInventoryConfiguration", NULL, NO_LIST},
    {"DeleteBucketLifecycle", "PutLifecycleConfiguration", NULL, NO_LIST},
    {"DeleteBucketMetricsConfiguration", "PutMetricsConfiguration", NULL, NO_LIST},
    {"DeleteBucketOwnershipControls", "PutBucketOwnershipControls", NULL, NO_LIST},
    {"DeleteBucketPolicy", "DeleteBucketPolicy", NULL, NO_LIST},
    {"DeleteBucketReplication", "PutReplicationConfiguration", NULL, NO_LIST},
    {"DeleteBucketTagging", "PutBucketTagging", NULL, NO_LIST},
    {"DeleteBucketWebsite", "DeleteBucketWebsite", NULL, NO_LIST},
    {"DeleteObject", "DeleteObject", "DeleteObjectVersion", BUCKET_WRITE},
    {"DeleteObjectTagging", "DeleteObjectTagging", "DeleteObjectVersionTagging", NO_LIST},
    {"DeletePublicAccessBlock", "PutBucketPublicAccessBlock", NULL, NO_LIST},
    {"GetBucketAccelerateConfiguration", "GetAccelerateConfiguration", NULL, NO_LIST},
    {"GetBucketAcl", "GetBucketAcl", NULL, BUCKET_ACP},
    {"GetBucketAnalyticsConfiguration", "GetAnalyticsConfiguration", NULL, NO_LIST},
    {"GetBucketCors", "GetBucketCORS", NULL, NO_LIST},
    {"GetBucketEncryption", "GetEncryptionConfiguration", NULL, NO_LIST},
    {"GetBucketIntelligentTieringConfiguration", "GetIntelligentTieringConfiguration", NULL,
     NO_LIST},
    {"GetBucketInventoryConfiguration", "GetInventoryConfiguration", NULL, NO_LIST},
    {"GetBucketLifecycleConfiguration", "GetLifecycleConfiguration", NULL, NO_LIST},
    {"GetBucketLocation", "GetBucketLocation", NULL, NO_LIST},
    {"GetBucketLogging", "GetBucketLogging", NULL, NO_LIST},
    {"GetBucketMetricsConfiguration", "GetMetricsConfiguration", NULL, NO_LIST},
    {"GetBucketNotificationConfiguration", "GetBucketNotification", NULL, NO_LIST},
    {"GetBucketOwnershipControls", "GetBucketOwnershipControls", NULL, NO_LIST},
    {"GetBucketPolicy", "GetBucketPolicy", NULL, NO_LIST},
    {"GetBucketPolicyStatus", "GetBucketPolicyStatus", NULL, NO_LIST},
    {"GetBucketReplication", "GetReplicationConfiguration", NULL, NO_LIST},
    {"GetBucketRequestPayment", "GetBucketRequestPayment", NULL, NO_LIST},
    {"GetBucketTagging", "GetBucketTagging", NULL, NO_LIST},
    {"GetBucketVersioning", "GetBucketVersioning", NULL, NO_LIST},
    {"GetBucketWebsite", "GetBucketWebsite", NULL, NO_LIST},
    {"GetObject", "GetObject", "GetObjectVersion", OBJECT_READ},
    {"GetObjectAcl", "GetObjectAcl", "GetObjectVersionAcl", OBJECT_ACP},
    {"GetObjectAttributes", "GetObjectAttributes", "GetObjectVersionAttributes", NO_LIST},
    {"GetObjectLegalHold", "GetObjectLegalHold", NULL, NO_LIST},
    {"GetObjectLockConfiguration", "GetBucketObjectLockConfiguration", NULL, NO_LIST},
    {"GetObjectRetention", "GetObjectRetention", NULL, NO_LIST},
    {"GetObjectTagging", "GetObjectTagging", "GetObjectVersionTagging", NO_LIST},
    {"GetPublicAccessBlock", "GetBucketPublicAccessBlock", NULL, NO_LIST},
    {"HeadBucket", "ListBucket", NULL, BUCKET_READ},
    {"HeadObject", "GetObject", "GetObjectVersion", OBJECT_READ},
    {"ListBucketAnalyticsConfigurations", "GetAnalyticsConfiguration", NULL, NO_LIST},
    {"ListBucketIntelligentTieringConfigurations", "GetIntelligentTieringConfiguration", NULL,
     NO_LIST},
    {"ListBucketInventoryConfigurations", "GetInventoryConfiguration", NULL, NO_LIST},
    {"ListBucketMetricsConfigurations", "GetMetricsConfiguration", NULL, NO_LIST},
    {"ListBuckets", "ListAllMyBuckets", NULL, NO_LIST},
    {"ListMultipartUploads", "ListBucketMultipartUploads", NULL, BUCKET_READ},
    {"ListObjectVersions", "ListBucketVersions", NULL, BUCKET_READ},
    {"ListObjects", "ListBucket", NULL, BUCKET_READ},
    {"ListObjectsV2", "ListBucket", NULL, BUCKET_READ},
    {"ListParts", "ListMultipartUploadParts", NULL, NO_LIST},
    {"PutBucketAccelerateConfiguration", "PutAccelerateConfiguration", NULL, NO_LIST},
    {"PutBucketAcl", "PutBucketAcl", NULL, BUCKET_WRITE_ACP},
    {"PutBucketCors", "PutBucketCORS", NULL, NO_LIST},
    {"PutBucketEncryption", "PutEncryptionConfiguration", NULL, NO_LIST},
    {"PutBucketLifecycleConfiguration", "PutLifecycleConfiguration", NULL, NO_LIST},
    {"PutBucketLogging", "PutBucketLogging", NULL, NO_LIST},
    {"PutBucketMetricsConfiguration", "PutMetricsConfiguration", NULL, NO_LIST},
    {"PutBucketNotificationConfiguration", "PutBucketNotification", NULL, NO_LIST},
    {"PutBucketOwnershipControls", "PutBucketOwnershipControls", NULL, NO_LIST},
    {"PutBucketPolicy", "PutBucketPolicy", NULL, NO_LIST},
    {"PutBucketReplication", "PutReplicationConfiguration", NULL, NO_LIST},
    {"PutBucketRequestPayment", "PutBucketRequestPayment", NULL, NO_LIST},
    {"PutBucketTagging", "PutBucketTagging", NULL, NO_LIST},
    {"PutBucketVersioning", "PutBucketVersioning", NULL, NO_LIST},
    {"PutBucketWebsite", "PutBucketWebsite", NULL, NO_LIST},
    {"PutObject", "PutObject", NULL, BUCKET_WRITE},
    {"PutObjectAcl", "PutObjectAcl", "PutObjectVersionAcl", OBJECT_WRITE_ACP},
    {"PutObjectLegalHold", "PutObjectLegalHold", NULL, NO_LIST},
    {"PutObjectLockConfiguration", "PutBucketObjectLockConfiguration", NULL, NO_LIST},
    {"PutObjectRetention", "PutObjectRetention", NULL, NO_LIST},
    {"PutObjectTagging", "PutObjectTagging", "PutObjectVersionTagging", NO_LIST},
    {"PutPublicAccessBlock", "PutBucketPublicAccessBlock", NULL, NO_LIST},
    {"RestoreObject", "RestoreObject", NULL, NO_LIST},
    {"UploadPart", "PutObject", NULL, BUCKET_WRITE},
    {"UploadPartCopy", "PutObject", NULL, BUCKET_WRITE},
};

static const struct rule *rule_of(const char *operation)
{
    for (size_t i = 0; i < MR_COUNT(rules); i++)
        if (strcmp(rules[i].operation, operation) == 0)
            return &rules[i];
    return NULL;
}

/* ---- who asks ---- */

static struct policy_caller caller_of(struct protocol_call *call)
{
    char owner[S3_OWNER_ID_TEXT];
    struct policy_caller caller = policy_caller_of(call);
    if (call->anonymous)
        return caller;
    s3_owner_id(call->account, owner);
    caller.canonical = mr_arena_copy(call->arena, mr_slice_cstr(owner));
    return caller;
}

/* ---- one question ---- */

struct access {
    struct protocol_call *call;
    const struct s3_which *which;
    const char *operation;
    struct mr_slice if_match; /* of one of several deletes */
    struct policy_caller caller;
    yyjson_val *document, *policy; /* the latter may be NULL */
    struct mr_slice action, resource;
    enum policy_verdict verdict;
};

/* Most calls are the owner's, about a bucket without a policy: nobody need be asked. */
static bool is_concerned(struct protocol_call *call, struct mr_slice bucket)
{
    return call->exchange != NULL &&
           (call->anonymous || policy_guarded_has(&s3_of(call)->guarded, bucket));
}

/* False, perhaps with a fault: there is nothing to judge by. */
static bool access_begin(struct access *access, struct protocol_call *call,
                         const struct s3_which *which, const char *operation)
{
    struct s3 *s3 = s3_of(call);
    *access = (struct access){.call = call, .which = which, .operation = operation};
    if (!is_concerned(call, which->bucket))
        return false;
    const enum mr_status status = s3_bucket_get(s3, call->arena, which->bucket, &access->document);
    if (status == MR_NOT_FOUND && call->anonymous)
        s3_fail_no_bucket(call, which->bucket);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return false;
    access->caller = caller_of(call);
    access->policy = mr_json_parse(call->arena, mr_json_get_text(access->document, "policy"), 64);
    return true;
}

static void judge(struct access *access, const char *action, bool of_object)
{
    struct protocol_call *call = access->call;
    struct s3_facts facts = {call, &access->caller, access->which, access->operation,
                             access->if_match};
    access->action = mr_arena_printf(call->arena, "s3:%s", action);
    access->resource = mr_arena_printf(
        call->arena, "arn:aws:s3:::%.*s%s%.*s", MR_ARG(access->which->bucket), of_object ? "/" : "",
        of_object ? (int)access->which->key.len : 0, access->which->key.ptr);
    const struct policy_asked asked = {.arena = call->arena,
                                       .caller = &access->caller,
                                       .action = access->action,
                                       .resource = access->resource,
                                       .look = s3_facts_look,
                                       .ctx = &facts};
    access->verdict =
        access->policy == NULL ? POLICY_SAYS_NOTHING : policy_judge(access->policy, &asked);
}

/* ---- access control lists ---- */

static bool list_grants(yyjson_val *grants, const char *permission)
{
    size_t at, count;
    yyjson_val *grant;
    yyjson_arr_foreach(grants, at, count, grant)
    {
        const struct mr_slice who = mr_json_get_text(mr_json_get(grant, "Grantee"), "URI");
        const struct mr_slice what = mr_json_get_text(grant, "Permission");
        if (mr_slice_ends_with(who, MR_S("/global/AllUsers")) &&
            (mr_slice_equal(what, MR_S("FULL_CONTROL")) ||
             mr_slice_equal(what, mr_slice_cstr(permission))))
            return true;
    }
    return false;
}

static yyjson_val *object_grants(struct access *access)
{
    struct s3_meta meta;
    int64_t ticket;
    if (s3_find(s3_of(access->call), access->call->arena, access->which, &meta, &ticket) != MR_OK)
        return NULL;
    return mr_json_parse(access->call->arena, meta.acl, MR_JSON_DEPTH_MAX);
}

static bool granted(struct access *access, enum grant grant)
{
    static const char *const permissions[] = {
        [BUCKET_READ] = "READ",           [BUCKET_WRITE] = "WRITE", [BUCKET_ACP] = "READ_ACP",
        [BUCKET_WRITE_ACP] = "WRITE_ACP", [OBJECT_READ] = "READ",   [OBJECT_ACP] = "READ_ACP",
        [OBJECT_WRITE_ACP] = "WRITE_ACP"};
    if (grant == NO_LIST || s3_acl_disabled(access->document) ||
        s3_blocks_public(access->document, "IgnorePublicAcls"))
        return false;
    return list_grants(grant >= OBJECT_READ ? object_grants(access)
                                            : mr_json_get(access->document, "acl"),
                       permissions[grant]);
}

/* ---- the decision ---- */

/* AWS: the root is never locked out of the policy itself. */
static bool is_rescue(const struct access *access)
{
    static const char *const actions[] = {"s3:PutBucketPolicy", "s3:GetBucketPolicy",
                                          "s3:DeleteBucketPolicy"};
    for (size_t i = 0; i < MR_COUNT(actions); i++)
        if (mr_slice_equal(access->action, mr_slice_cstr(actions[i])))
            return !access->call->anonymous && access->caller.session.len == 0;
    return false;
}

static bool allows(struct access *access, const char *action, bool of_object, enum grant grant)
{
    judge(access, action, of_object);
    if (access->verdict == POLICY_DENIES)
        return is_rescue(access);
    if (!access->call->anonymous)
        return true;
    /* AWS: somebody has to pay. */
    if (mr_slice_equal(mr_json_get_text(access->document, "payer"), MR_S("Requester")))
        return false;
    if (access->verdict == POLICY_ALLOWS &&
        !(s3_policy_is_public(access->policy) &&
          s3_blocks_public(access->document, "RestrictPublicBuckets")))
        return true;
    return granted(access, grant);
}

/* AWS: to others than the account's own it is not told why. */
static struct mr_slice refusal(const struct access *access)
{
    const struct policy_caller *caller = &access->caller;
    if (access->call->anonymous)
        return MR_S("Access Denied");
    return mr_arena_printf(access->call->arena,
                           "User: %.*s is not authorized to perform: %.*s on resource: \"%.*s\" "
                           "with an explicit deny in a resource-based policy",
                           MR_ARG(policy_caller_name(caller)), MR_ARG(access->action),
                           MR_ARG(access->resource));
}

static enum mr_status require(struct access *access, const char *action, bool of_object,
                              enum grant grant)
{
    if (allows(access, action, of_object, grant))
        return MR_OK;
    if (strcmp(access->operation, "HeadBucket") == 0) /* AWS: where it is, everybody may know */
        s3_tell_region(access->call);
    return protocol_fail_slice(access->call, &s3_access_denied, refusal(access));
}

/* What a request wants besides: tags, lists, retention and holds of a new object. */
static enum mr_status require_more(struct access *access)
{
    static const struct {
        const char *member, *action;
    } more[] = {
        {"Tagging", "PutObjectTagging"},
        {"ACL", "PutObjectAcl"},
        {"GrantFullControl", "PutObjectAcl"},
        {"GrantRead", "PutObjectAcl"},
        {"GrantReadACP", "PutObjectAcl"},
        {"GrantWriteACP", "PutObjectAcl"},
        {"ObjectLockMode", "PutObjectRetention"},
        {"ObjectLockLegalHoldStatus", "PutObjectLegalHold"},
    };
    for (size_t i = 0; i < MR_COUNT(more); i++)
        if (mr_json_get(access->call->in, more[i].member) != NULL &&
            require(access, more[i].action, true, NO_LIST) != MR_OK)
            return MR_FAULT;
    return MR_OK;
}

/* AWS: who compares with an object's ETag has to be one who may read it. */
static bool compares(struct mr_slice if_match)
{
    return if_match.ptr != NULL && !mr_slice_equal(if_match, MR_S("*"));
}

static enum mr_status require_reading(struct access *access, const struct rule *rule)
{
    const bool changes =
        strcmp(rule->action, "PutObject") == 0 || strcmp(rule->action, "DeleteObject") == 0;
    return changes && compares(s3_in(access->call, "IfMatch"))
               ? require(access, "GetObject", true, OBJECT_READ)
               : MR_OK;
}

/* AWS: who may not list a bucket does not learn what is not in it. */
static enum mr_status require_listing(struct access *access)
{
    struct s3_meta meta;
    int64_t ticket;
    const enum mr_status status =
        s3_find(s3_of(access->call), access->call->arena, access->which, &meta, &ticket);
    return status == MR_NOT_FOUND ? require(access, "ListBucket", false, BUCKET_READ) : MR_OK;
}

static enum mr_status require_rule(struct access *access, const struct rule *rule)
{
    struct protocol_call *call = access->call;
    const bool of_object = access->which->key.len > 0;
    const bool of_version = rule->of_version != NULL && s3_in(call, "VersionId").len > 0;
    /* AWS: a list that lets one write lets nobody delete versions. */
    const enum grant grant = of_version && rule->grant == BUCKET_WRITE ? NO_LIST : rule->grant;
    if (require(access, of_version ? rule->of_version : rule->action, of_object, grant) != MR_OK)
        return MR_FAULT;
    if (strcmp(rule->operation, "GetObjectAttributes") == 0 &&
        require(access, of_version ? "GetObjectVersion" : "GetObject", true, OBJECT_READ) != MR_OK)
        return MR_FAULT;
    if (mr_json_get_bool(call->in, "BypassGovernanceRetention", false) &&
        require(access, "BypassGovernanceRetention", true, NO_LIST) != MR_OK)
        return MR_FAULT;
    if (require_reading(access, rule) != MR_OK)
        return MR_FAULT;
    if (strcmp(rule->action, "PutObject") == 0)
        return require_more(access);
    return strcmp(rule->action, "GetObject") == 0 ||
                   strcmp(rule->action, "GetObjectAttributes") == 0
               ? require_listing(access)
               : MR_OK;
}

/* ---- the questions ---- */

void s3_authorize_as(struct protocol_call *call, const char *operation)
{
    struct s3_which which = {.bucket = s3_in(call, "Bucket"), .key = s3_in(call, "Key")};
    struct s3_version version;
    struct access access;
    if (!is_concerned(call, which.bucket) ||
        strcmp(operation, "DeleteObjects") == 0) /* object by object: s3_delete_refusal */
        return;
    const struct rule *rule = rule_of(operation);
    assert(rule != NULL); /* of every operation that has a handler */
    if (call->anonymous &&
        (strcmp(operation, "ListBuckets") == 0 || strcmp(operation, "CreateBucket") == 0)) {
        protocol_fail(call, &s3_access_denied, "Access Denied");
        return;
    }
    if (s3_version_parse(s3_in(call, "VersionId"), &version) == MR_OK)
        which.version = &version;
    if (access_begin(&access, call, &which, operation))
        (void)require_rule(&access, rule);
}

void s3_authorize(void *ctx, struct protocol_call *call)
{
    (void)ctx;
    if (s3_check_request(call) == MR_OK && s3_check_accelerated(call) == MR_OK)
        s3_authorize_as(call, call->operation_name);
}

enum mr_status s3_authorize_source(struct protocol_call *call, const struct s3_which *source)
{
    struct access access;
    if (!access_begin(&access, call, source, "GetObject"))
        return protocol_failed(call) ? MR_FAULT : MR_OK;
    if (require(&access, source->version != NULL ? "GetObjectVersion" : "GetObject", true,
                OBJECT_READ) != MR_OK)
        return MR_FAULT;
    return require_listing(&access);
}

struct mr_slice s3_delete_refusal(struct protocol_call *call, const struct s3_change *deletion)
{
    const struct s3_which which = {deletion->bucket, deletion->key, deletion->version};
    struct access access;
    const bool of_version = which.version != NULL;
    if (!access_begin(&access, call, &which, "DeleteObject"))
        return MR_S("");
    access.if_match = deletion->if_match;
    if (!allows(&access, of_version ? "DeleteObjectVersion" : "DeleteObject", true,
                of_version ? NO_LIST : BUCKET_WRITE) ||
        (deletion->bypass && !allows(&access, "BypassGovernanceRetention", true, NO_LIST)) ||
        (compares(deletion->if_match) && !allows(&access, "GetObject", true, OBJECT_READ)))
        return refusal(&access);
    return MR_S("");
}
