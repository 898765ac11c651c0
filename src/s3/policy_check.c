/* What a bucket policy has to be for S3 to take it: fields, principals, actions, resources and
 * conditions that there are. Pure but for the fault it sets. */
#include "policy/policy.h"
#include "s3/ops.h"

/* AWS's actions that a bucket policy may name; behind '/': those of objects, others are of
 * buckets. */
static const char *const actions[] = {
    "CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "DeleteBucketWebsite",
    "GetAccelerateConfiguration", "GetAnalyticsConfiguration", "GetBucketAcl", "GetBucketCORS",
    "GetBucketLocation", "GetBucketLogging", "GetBucketNotification",
    "GetBucketObjectLockConfiguration", "GetBucketOwnershipControls", "GetBucketPolicy",
    "GetBucketPolicyStatus", "GetBucketPublicAccessBlock", "GetBucketRequestPayment",
    "GetBucketTagging", "GetBucketVersioning", "GetBucketWebsite", "GetEncryptionConfiguration",
    "GetIntelligentTieringConfiguration", "GetInventoryConfiguration", "GetLifecycleConfiguration",
    "GetMetricsConfiguration", "GetReplicationConfiguration", "GetBucketMetadataTableConfiguration",
    "CreateBucketMetadataTableConfiguration", "DeleteBucketMetadataTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration", "ListBucket", "ListBucketMultipartUploads",
    "ListBucketVersions", "ListTagsForResource", "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration", "PutBucketAcl", "PutBucketCORS", "PutBucketLogging",
    "PutBucketNotification", "PutBucketObjectLockConfiguration", "PutBucketOwnershipControls",
    "PutBucketPolicy", "PutBucketPublicAccessBlock", "PutBucketRequestPayment", "PutBucketTagging",
    "PutBucketVersioning", "PutBucketWebsite", "PutEncryptionConfiguration",
    "PutIntelligentTieringConfiguration", "PutInventoryConfiguration", "PutLifecycleConfiguration",
    "PutMetricsConfiguration", "PutReplicationConfiguration", "TagResource", "UntagResource",
    "GetBucketAbac", "PutBucketAbac",
    /* objects */
    "/AbortMultipartUpload", "/BypassGovernanceRetention", "/DeleteObject", "/DeleteObjectTagging",
    "/DeleteObjectVersion", "/DeleteObjectVersionTagging", "/GetObject", "/GetObjectAcl",
    "/GetObjectAttributes", "/GetObjectLegalHold", "/GetObjectRetention", "/GetObjectTagging",
    "/GetObjectTorrent", "/GetObjectVersion", "/GetObjectVersionAcl", "/GetObjectVersionAttributes",
    "/GetObjectVersionForReplication", "/GetObjectVersionTagging", "/GetObjectVersionTorrent",
    "/InitiateReplication", "/ListMultipartUploadParts", "/ObjectOwnerOverrideToBucketOwner",
    "/PutObject", "/PutObjectAcl", "/PutObjectLegalHold", "/PutObjectRetention",
    "/PutObjectTagging", "/PutObjectVersionAcl", "/PutObjectVersionTagging", "/ReplicateDelete",
    "/ReplicateObject", "/ReplicateTags", "/RestoreObject", "/UpdateObjectEncryption"};

static enum mr_status fail(struct protocol_call *call, const char *words)
{
    return protocol_fail(call, &s3_malformed_policy, "%s", words);
}

/* Goes over a value that is one text or an array of them; MR_INVALID: it is neither, or empty. */
static enum mr_status each(yyjson_val *value, enum mr_status (*fn)(void *ctx, struct mr_slice text),
                           void *ctx)
{
    size_t at, count;
    yyjson_val *one;
    if (yyjson_is_str(value))
        return fn(ctx, mr_json_text(value));
    if (yyjson_arr_size(value) == 0)
        return MR_INVALID;
    yyjson_arr_foreach(value, at, count, one)
    {
        const enum mr_status status = yyjson_is_str(one) ? fn(ctx, mr_json_text(one)) : MR_INVALID;
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

/* ---- fields ---- */

static enum mr_status check_fields(struct protocol_call *call, yyjson_val *object,
                                   const char *const *known, size_t known_count)
{
    struct mr_slice other;
    return mr_json_has_other(object, known, known_count, &other)
               ? protocol_fail(call, &s3_malformed_policy, "Unknown field %.*s", MR_ARG(other))
               : MR_OK;
}

/* ---- principals ---- */

static bool digits(struct mr_slice text, size_t len)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return text.len == len;
}

static enum mr_status check_account(void *ctx, struct mr_slice text)
{
    (void)ctx;
    struct mr_slice rest = text, part[5] = {{0}};
    if (mr_slice_equal(text, MR_S("*")) || digits(text, 12))
        return MR_OK;
    for (size_t i = 0; i < MR_COUNT(part) && mr_slice_split(&rest, ':', &part[i]); i++)
        continue;
    if (mr_slice_equal(part[0], MR_S("arn")) && rest.len > 0 &&
        (digits(part[4], 12) || mr_slice_equal(part[4], MR_S("cloudfront"))) &&
        (mr_slice_equal(part[2], MR_S("iam")) || mr_slice_equal(part[2], MR_S("sts"))))
        return MR_OK;
    /* AWS: what is left of a user or role that was deleted. */
    return mr_slice_starts_with(text, MR_S("AIDA")) || mr_slice_starts_with(text, MR_S("AROA"))
               ? MR_OK
               : MR_INVALID;
}

static enum mr_status check_service(void *ctx, struct mr_slice text)
{
    (void)ctx;
    return mr_slice_search(text, MR_S(".amazonaws.com")) != SIZE_MAX ||
                   mr_slice_ends_with(text, MR_S(".aws.internal"))
               ? MR_OK
               : MR_INVALID;
}

static enum mr_status check_any(void *ctx, struct mr_slice text)
{
    (void)ctx;
    return text.len > 0 ? MR_OK : MR_INVALID;
}

static enum mr_status check_principal(struct protocol_call *call, yyjson_val *principal)
{
    size_t at, count;
    yyjson_val *name, *value;
    if (yyjson_is_str(principal) && mr_slice_equal(mr_json_text(principal), MR_S("*")))
        return MR_OK;
    if (yyjson_obj_size(principal) == 0)
        return fail(call, "Invalid policy syntax.");
    yyjson_obj_foreach(principal, at, count, name, value)
    {
        const struct mr_slice kind = mr_json_text(name);
        enum mr_status status;
        if (mr_slice_equal(kind, MR_S("AWS")))
            status = each(value, check_account, NULL);
        else if (mr_slice_equal(kind, MR_S("Service")))
            status = each(value, check_service, NULL);
        else if (mr_slice_equal(kind, MR_S("Federated")) ||
                 mr_slice_equal(kind, MR_S("CanonicalUser")))
            status = each(value, check_any, NULL);
        else
            return fail(call, "Invalid policy syntax.");
        if (status == MR_OK)
            continue;
        protocol_fail_member(call, "Detail",
                             mr_arena_printf(call->arena, "\"%.*s\" : %.*s", MR_ARG(kind),
                                             MR_ARG(s3_config_json(call, value))));
        return fail(call, "Invalid principal in policy");
    }
    return MR_OK;
}

/* ---- actions and resources ---- */

struct targets {
    struct mr_slice bucket;
    bool of_bucket, of_objects; /* what the resources name */
    bool idle;                  /* an action that none of them has */
};

static enum mr_status check_resource(void *ctx, struct mr_slice text)
{
    struct targets *targets = ctx;
    struct mr_slice rest = text, part;
    if (mr_slice_equal(text, MR_S("*"))) {
        targets->of_bucket = targets->of_objects = true;
        return MR_OK;
    }
    for (int i = 0; i < 5; i++) {
        const bool more = mr_slice_split(&rest, ':', &part);
        if (!more || (i == 0 && !mr_slice_equal(part, MR_S("arn"))) ||
            (i == 1 && !mr_slice_starts_with(part, MR_S("aws"))) ||
            (i == 2 && !mr_slice_equal(part, MR_S("s3"))))
            return MR_INVALID;
    }
    const size_t slash = mr_slice_find(rest, '/');
    const struct mr_slice name = mr_slice_sub(rest, 0, slash);
    if (name.len == 0 || !mr_slice_like(targets->bucket, name, MR_LIKE_ONE))
        return MR_INVALID;
    const bool open = name.ptr[name.len - 1] == '*'; /* it goes on over the slash */
    targets->of_bucket = targets->of_bucket || slash == SIZE_MAX;
    targets->of_objects = targets->of_objects || slash != SIZE_MAX || open;
    return MR_OK;
}

static enum mr_status check_action(void *ctx, struct mr_slice text)
{
    struct targets *targets = ctx;
    bool known = mr_slice_equal(text, MR_S("*")), applies = known;
    const struct mr_slice name = mr_slice_sub(text, 3, SIZE_MAX);
    const bool ours = mr_slice_equal_nocase(mr_slice_sub(text, 0, 3), MR_S("s3:"));
    for (size_t i = 0; ours && i < MR_COUNT(actions); i++) {
        const bool object = actions[i][0] == '/';
        if (!mr_slice_like(mr_slice_cstr(actions[i] + (object ? 1 : 0)), name,
                           MR_LIKE_ONE | MR_LIKE_NOCASE))
            continue;
        known = true;
        applies = applies || (object ? targets->of_objects : targets->of_bucket);
    }
    targets->idle = targets->idle || !applies;
    return known ? MR_OK : MR_INVALID;
}

static enum mr_status check_targets(struct protocol_call *call, yyjson_val *statement)
{
    struct targets targets = {.bucket = s3_in(call, "Bucket")};
    yyjson_val *resource = mr_json_get(statement, "Resource");
    yyjson_val *action = mr_json_get(statement, "Action");
    const bool plain = resource != NULL && action != NULL; /* nothing said by what it is not */
    if (each(resource != NULL ? resource : mr_json_get(statement, "NotResource"), check_resource,
             &targets) != MR_OK)
        return fail(call, "Policy has invalid resource");
    if (each(action != NULL ? action : mr_json_get(statement, "NotAction"), check_action,
             &targets) != MR_OK)
        return fail(call, "Policy has invalid action");
    return plain && targets.idle
               ? fail(call, "Action does not apply to any resource(s) in statement")
               : MR_OK;
}

/* ---- conditions ---- */

static enum mr_status check_address(void *ctx, struct mr_slice text)
{
    return policy_address_valid(ctx, text) ? MR_OK : MR_INVALID;
}

static enum mr_status check_values(struct protocol_call *call, struct mr_slice operation,
                                   yyjson_val *values)
{
    return policy_operator_of_addresses(policy_operator_parse(operation).name) &&
                   each(values, check_address, call->arena) != MR_OK
               ? fail(call, "Invalid IP address in Conditions")
               : MR_OK;
}

static enum mr_status check_conditions(struct protocol_call *call, yyjson_val *conditions)
{
    size_t i, j, count, more;
    yyjson_val *operation, *keys, *key, *values;
    if (conditions == NULL)
        return MR_OK;
    if (!yyjson_is_obj(conditions))
        return fail(call, "Invalid policy syntax.");
    yyjson_obj_foreach(conditions, i, count, operation, keys)
    {
        if (!policy_operator_known(policy_operator_parse(mr_json_text(operation)).name))
            return protocol_fail(call, &s3_malformed_policy, "Invalid Condition type : %.*s",
                                 MR_ARG(mr_json_text(operation)));
        if (!yyjson_is_obj(keys))
            return fail(call, "Invalid policy syntax.");
        yyjson_obj_foreach(keys, j, more, key, values)
        {
            if (mr_slice_find(mr_json_text(key), ':') == SIZE_MAX ||
                !s3_condition_key_known(mr_json_text(key)))
                return fail(call, "Policy has an invalid condition key");
            if (check_values(call, mr_json_text(operation), values) != MR_OK)
                return MR_FAULT;
        }
    }
    return MR_OK;
}

/* AWS: keys that only some actions have; a name that ends in '/' stands for all that begin so. */
static const struct of_actions {
    const char *key, *actions;
} of_actions[] = {
    {"s3:delimiter", "ListBucket ListBucketVersions"},
    {"s3:max-keys", "ListBucket ListBucketVersions"},
    {"s3:prefix", "ListBucket ListBucketVersions"},
    {"s3:ExistingObjectTag/",
     "DeleteObjectTagging DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes "
     "GetObjectTagging GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes "
     "GetObjectVersionTagging PutObjectAcl PutObjectTagging PutObjectVersionAcl "
     "PutObjectVersionTagging UpdateObjectEncryption"},
    {"s3:if-match", "DeleteObject PutObject"},
    {"s3:if-none-match", "PutObject"},
    {"s3:ObjectCreationOperation", "PutObject"},
    {"s3:object-lock-legal-hold", "PutObject PutObjectLegalHold"},
    {"s3:object-lock-mode", "PutObject PutObjectRetention"},
    {"s3:object-lock-remaining-retention-days", "PutObject PutObjectRetention"},
    {"s3:object-lock-retain-until-date", "PutObject PutObjectRetention"},
    {"s3:RequestObjectTag/",
     "BypassGovernanceRetention PutObject PutObjectTagging PutObjectVersionTagging"},
    {"s3:RequestObjectTagKeys",
     "BypassGovernanceRetention PutObject PutObjectTagging PutObjectVersionTagging"},
    {"s3:x-amz-acl", "BypassGovernanceRetention CreateBucket PutBucketAcl PutObject PutObjectAcl "
                     "PutObjectVersionAcl"},
    {"s3:x-amz-copy-source", "BypassGovernanceRetention PutObject"},
    {"s3:x-amz-metadata-directive", "BypassGovernanceRetention PutObject"},
    {"s3:x-amz-object-ownership", "CreateBucket"},
    {"s3:x-amz-server-side-encryption",
     "BypassGovernanceRetention PutObject ReplicateObject UpdateObjectEncryption"},
    {"s3:x-amz-server-side-encryption-aws-kms-key-id",
     "BypassGovernanceRetention PutObject ReplicateObject UpdateObjectEncryption"},
    {"s3:x-amz-server-side-encryption-customer-algorithm",
     "BypassGovernanceRetention PutObject ReplicateObject"},
    {"s3:x-amz-storage-class",
     "BypassGovernanceRetention PutObject PutObjectAcl PutObjectVersionAcl"},
    {"s3:x-amz-website-redirect-location", "BypassGovernanceRetention PutObject"},
};

struct having {
    struct mr_slice actions; /* of those, blanks between */
    bool any;                /* of them is named */
};

static enum mr_status check_having(void *ctx, struct mr_slice text)
{
    struct having *having = ctx;
    struct mr_slice rest = having->actions, action;
    const struct mr_slice name =
        mr_slice_equal(text, MR_S("*")) ? text : mr_slice_sub(text, 3, SIZE_MAX); /* "s3:" */
    while (rest.len > 0 && mr_slice_split(&rest, ' ', &action))
        having->any = having->any || mr_slice_like(action, name, MR_LIKE_ONE | MR_LIKE_NOCASE);
    return MR_OK;
}

static bool key_applies(struct mr_slice key, yyjson_val *action)
{
    for (size_t i = 0; i < MR_COUNT(of_actions); i++) {
        const struct mr_slice name = mr_slice_cstr(of_actions[i].key);
        const bool open = mr_slice_ends_with(name, MR_S("/"));
        struct having having = {.actions = mr_slice_cstr(of_actions[i].actions)};
        if (mr_slice_equal_nocase(open ? mr_slice_sub(key, 0, name.len) : key, name))
            return each(action, check_having, &having) != MR_OK || having.any;
    }
    return true;
}

/* AWS: what only some actions have is no condition of others. */
static enum mr_status check_applies(struct protocol_call *call, yyjson_val *statement)
{
    yyjson_val *action = mr_json_get(statement, "Action"), *operation, *keys, *key, *values;
    size_t i, j, count, more;
    yyjson_obj_foreach(mr_json_get(statement, "Condition"), i, count, operation, keys)
    {
        yyjson_obj_foreach(keys, j, more, key, values)
        {
            if (action != NULL && !key_applies(mr_json_text(key), action))
                return fail(call, "Conditions do not apply to combination of actions and "
                                  "resources in statement");
        }
    }
    return MR_OK;
}

/* AWS: conditions on these keys that hold for fixed values alone make a statement private. */
static bool key_is_fixed(struct mr_slice key)
{
    static const char *const known[] = {"aws:SourceIp",
                                        "aws:SourceArn",
                                        "aws:SourceVpc",
                                        "aws:SourceVpce",
                                        "aws:SourceOwner",
                                        "aws:SourceAccount",
                                        "aws:userid",
                                        "aws:PrincipalArn",
                                        "aws:PrincipalOrgID",
                                        "aws:PrincipalOrgPaths",
                                        "aws:PrincipalAccount",
                                        "s3:DataAccessPointAccount",
                                        "s3:DataAccessPointArn",
                                        "aws:SourceOrgID",
                                        "aws:SourceOrgPaths",
                                        "aws:VpceAccount",
                                        "aws:VpceOrgID",
                                        "aws:VpceOrgPaths"};
    for (size_t i = 0; i < MR_COUNT(known); i++)
        if (mr_slice_equal_nocase(key, mr_slice_cstr(known[i])))
            return true;
    return false;
}

/* AWS: ranges wider than these are as good as everybody. */
static bool range_is_wide(struct mr_slice range)
{
    const bool v6 = mr_slice_find(range, ':') != SIZE_MAX;
    const size_t slash = mr_slice_find(range, '/');
    uint64_t bits = 128;
    if (slash != SIZE_MAX && mr_slice_to_u64(mr_slice_sub(range, slash + 1, SIZE_MAX), &bits))
        return true;
    return bits < (v6 ? 32 : 8);
}

static enum mr_status check_fixed(void *ctx, struct mr_slice text)
{
    const bool addresses = *(const bool *)ctx;
    const bool open =
        addresses ? range_is_wide(text)
                  : mr_slice_find(text, '*') != SIZE_MAX || mr_slice_find(text, '?') != SIZE_MAX;
    return open ? MR_INVALID : MR_OK;
}

bool s3_policy_conditions_fix(yyjson_val *conditions)
{
    static const char *const operators[] = {"StringEquals", "StringEqualsIgnoreCase",
                                            "StringLike",   "ArnEquals",
                                            "ArnLike",      "IpAddress"};
    size_t i, j, count, more;
    yyjson_val *operation, *keys, *key, *values;
    if (conditions == NULL)
        return false;
    yyjson_obj_foreach(conditions, i, count, operation, keys)
    {
        const struct policy_operator parsed = policy_operator_parse(mr_json_text(operation));
        const struct mr_slice name = parsed.name;
        bool fixed = false;
        for (size_t at = 0; at < MR_COUNT(operators); at++)
            fixed = fixed || mr_slice_equal_nocase(name, mr_slice_cstr(operators[at]));
        bool addresses = mr_slice_equal_nocase(name, MR_S("IpAddress"));
        yyjson_obj_foreach(keys, j, more, key, values)
        {
            if (fixed && !parsed.if_exists && parsed.quantifier != POLICY_FOR_ALL_VALUES &&
                key_is_fixed(mr_json_text(key)) && each(values, check_fixed, &addresses) == MR_OK)
                return true;
        }
    }
    return false;
}

/* ---- the whole ---- */

static enum mr_status check_statement(struct protocol_call *call, yyjson_val *statement)
{
    static const char *const known[] = {"Sid",          "Effect",      "Principal",
                                        "NotPrincipal", "Action",      "NotAction",
                                        "Resource",     "NotResource", "Condition"};
    static const char *const needed[][2] = {
        {"Principal", "NotPrincipal"}, {"Action", "NotAction"}, {"Resource", "NotResource"}};
    const struct mr_slice effect = mr_json_get_text(statement, "Effect");
    yyjson_val *principal = mr_json_get(statement, "Principal");
    if (!yyjson_is_obj(statement))
        return fail(call, "Invalid policy syntax.");
    if (check_fields(call, statement, known, MR_COUNT(known)) != MR_OK)
        return MR_FAULT;
    if (effect.len == 0)
        return fail(call, "Missing required field Effect");
    if (!mr_slice_equal(effect, MR_S("Allow")) && !mr_slice_equal(effect, MR_S("Deny")))
        return protocol_fail(call, &s3_malformed_policy, "Invalid effect: %.*s", MR_ARG(effect));
    for (size_t i = 0; i < MR_COUNT(needed); i++) {
        const bool is = mr_json_get(statement, needed[i][0]) != NULL;
        const bool is_not = mr_json_get(statement, needed[i][1]) != NULL;
        if (is && is_not)
            return fail(call, "Invalid policy syntax.");
        if (!is && !is_not)
            return protocol_fail(call, &s3_malformed_policy, "Missing required field %s",
                                 needed[i][0]);
    }
    if (principal == NULL)
        principal = mr_json_get(statement, "NotPrincipal");
    if (check_principal(call, principal) != MR_OK || check_targets(call, statement) != MR_OK)
        return MR_FAULT;
    if (check_conditions(call, mr_json_get(statement, "Condition")) != MR_OK)
        return MR_FAULT;
    return check_applies(call, statement);
}

enum mr_status s3_policy_check(struct protocol_call *call, yyjson_val *policy)
{
    static const char *const known[] = {"Version", "Id", "Statement"};
    yyjson_val *statements = mr_json_get(policy, "Statement");
    yyjson_val *version = mr_json_get(policy, "Version");
    size_t at, count;
    yyjson_val *statement;
    if (!yyjson_is_obj(policy))
        return fail(call, "Policies must be valid JSON and the first byte must be '{'");
    if (check_fields(call, policy, known, MR_COUNT(known)) != MR_OK)
        return MR_FAULT;
    if (version != NULL && !mr_slice_equal(mr_json_text(version), MR_S("2012-10-17")) &&
        !mr_slice_equal(mr_json_text(version), MR_S("2008-10-17")))
        return fail(call, "The policy must contain a valid version string");
    if (statements == NULL)
        return fail(call, "Missing required field Statement");
    if (yyjson_is_obj(statements))
        return check_statement(call, statements);
    if (yyjson_arr_size(statements) == 0)
        return fail(call, "Could not parse the policy: Statement is empty!");
    yyjson_arr_foreach(statements, at, count, statement)
    {
        if (check_statement(call, statement) != MR_OK)
            return MR_FAULT;
    }
    return MR_OK;
}
