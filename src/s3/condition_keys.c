/* What a request says to the conditions of a bucket's policy: keys of S3, and those of all
 * services.
 */
#include "base/codec.h"
#include "policy/request.h"
#include "s3/access.h"
#include "s3/ops.h"

static bool give(const struct s3_facts *facts, struct mr_slice text,
                 struct policy_values *ret_values)
{
    return policy_give(facts->call->arena, text, ret_values);
}

static bool give_cstr(const struct s3_facts *facts, const char *text,
                      struct policy_values *ret_values)
{
    return give(facts, mr_slice_cstr(text), ret_values);
}

/* ---- members of the input, as they came ---- */

static const struct {
    const char *key, *member, *inside; /* of the member, which is an object then */
} members[] = {
    {"s3:delimiter", "Delimiter", NULL},
    {"s3:if-match", "IfMatch", NULL},
    {"s3:if-none-match", "IfNoneMatch", NULL},
    {"s3:LocationConstraint", "CreateBucketConfiguration", "LocationConstraint"},
    {"s3:max-keys", "MaxKeys", NULL},
    {"s3:object-lock-legal-hold", "ObjectLockLegalHoldStatus", NULL},
    {"s3:object-lock-legal-hold", "LegalHold", "Status"},
    {"s3:object-lock-mode", "ObjectLockMode", NULL},
    {"s3:object-lock-mode", "Retention", "Mode"},
    {"s3:prefix", "Prefix", NULL},
    {"s3:VersionId", "VersionId", NULL},
    {"s3:x-amz-acl", "ACL", NULL},
    {"s3:x-amz-copy-source", "CopySource", NULL},
    {"s3:x-amz-grant-full-control", "GrantFullControl", NULL},
    {"s3:x-amz-grant-read", "GrantRead", NULL},
    {"s3:x-amz-grant-read-acp", "GrantReadACP", NULL},
    {"s3:x-amz-grant-write", "GrantWrite", NULL},
    {"s3:x-amz-grant-write-acp", "GrantWriteACP", NULL},
    {"s3:x-amz-metadata-directive", "MetadataDirective", NULL},
    {"s3:x-amz-object-ownership", "ObjectOwnership", NULL},
    {"s3:x-amz-server-side-encryption", "ServerSideEncryption", NULL},
    {"s3:x-amz-server-side-encryption-aws-kms-key-id", "SSEKMSKeyId", NULL},
    {"s3:x-amz-server-side-encryption-customer-algorithm", "SSECustomerAlgorithm", NULL},
    {"s3:x-amz-storage-class", "StorageClass", NULL},
    {"s3:x-amz-website-redirect-location", "WebsiteRedirectLocation", NULL},
};

static bool look_member(const struct s3_facts *facts, struct mr_slice key,
                        struct policy_values *ret_values)
{
    if (facts->if_match.ptr != NULL && mr_slice_equal_nocase(key, MR_S("s3:if-match")))
        return give(facts, facts->if_match, ret_values);
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        if (!mr_slice_equal_nocase(key, mr_slice_cstr(members[i].key)))
            continue;
        yyjson_val *value = mr_json_get(facts->call->in, members[i].member);
        if (members[i].inside != NULL)
            value = mr_json_get(value, members[i].inside);
        if (value != NULL)
            return give(facts, policy_text(value), ret_values);
    }
    /* AWS: who lists without a prefix lists with an empty one. */
    return mr_slice_equal_nocase(key, MR_S("s3:prefix")) &&
           strncmp(facts->operation, "ListObject", 10) == 0 && give_cstr(facts, "", ret_values);
}

/* ---- tags ---- */

struct tag {
    struct tag *next;
    struct mr_slice name, value;
};

static struct tag *tag_add(const struct s3_facts *facts, struct tag *tags, struct mr_slice name,
                           struct mr_slice value)
{
    struct tag *tag = MR_NEW(facts->call->arena, struct tag);
    *tag = (struct tag){tags, name, value};
    return tag;
}

/* Those that the request brings: as a form's text in a header, or as a document. */
static struct tag *request_tags(const struct s3_facts *facts)
{
    yyjson_val *tagging = mr_json_get(facts->call->in, "Tagging");
    struct mr_slice rest = mr_json_text(tagging), part;
    struct tag *tags = NULL;
    size_t at, count;
    yyjson_val *one;
    while (rest.len > 0 && mr_slice_split(&rest, '&', &part)) {
        const size_t equals = mr_slice_find(part, '=');
        tags = tag_add(
            facts, tags, mr_percent_decode(facts->call->arena, mr_slice_sub(part, 0, equals), true),
            equals == SIZE_MAX ? MR_S("")
                               : mr_percent_decode(facts->call->arena,
                                                   mr_slice_sub(part, equals + 1, SIZE_MAX), true));
    }
    yyjson_arr_foreach(mr_json_get(tagging, "TagSet"), at, count, one)
    {
        tags = tag_add(facts, tags, mr_json_get_text(one, "Key"), mr_json_get_text(one, "Value"));
    }
    return tags;
}

/* AWS: who puts or deletes an object is not asked what tags it has. */
static bool sees_tags(const char *operation)
{
    static const char *const seeing[] = {"DeleteObjectTagging", "GetObject",        "GetObjectAcl",
                                         "GetObjectAttributes", "GetObjectTagging", "HeadObject",
                                         "PutObjectAcl",        "PutObjectTagging"};
    for (size_t i = 0; i < MR_COUNT(seeing); i++)
        if (strcmp(operation, seeing[i]) == 0)
            return true;
    return false;
}

static struct tag *object_tags(const struct s3_facts *facts)
{
    struct s3_meta meta;
    int64_t ticket;
    struct tag *tags = NULL;
    struct mr_slice name, value;
    if (facts->which->key.len == 0 || !sees_tags(facts->operation) ||
        s3_find(s3_of(facts->call), facts->call->arena, facts->which, &meta, &ticket) != MR_OK)
        return NULL;
    while (s3_pairs_next(&meta.tags, &name, &value))
        tags = tag_add(facts, tags, name, value);
    return tags;
}

static bool give_tag(const struct s3_facts *facts, const struct tag *tags, struct mr_slice name,
                     struct policy_values *ret_values)
{
    for (; tags != NULL; tags = tags->next)
        if (mr_slice_equal(tags->name, name))
            return give(facts, tags->value, ret_values);
    return false;
}

static bool give_tag_names(const struct s3_facts *facts, const struct tag *tags,
                           struct policy_values *ret_values)
{
    size_t count = 0;
    for (const struct tag *tag = tags; tag != NULL; tag = tag->next)
        count++;
    struct mr_slice *names = MR_NEW_ARRAY(facts->call->arena, struct mr_slice, count + 1);
    *ret_values = (struct policy_values){names, count};
    for (; tags != NULL; tags = tags->next)
        *names++ = tags->name;
    return count > 0;
}

static bool after(struct mr_slice key, struct mr_slice prefix, struct mr_slice *ret_rest)
{
    *ret_rest = mr_slice_sub(key, prefix.len, SIZE_MAX);
    return mr_slice_equal_nocase(mr_slice_sub(key, 0, prefix.len), prefix);
}

static bool look_tags(const struct s3_facts *facts, struct mr_slice key,
                      struct policy_values *ret_values)
{
    struct mr_slice name;
    if (after(key, MR_S("s3:ExistingObjectTag/"), &name))
        return give_tag(facts, object_tags(facts), name, ret_values);
    if (after(key, MR_S("s3:RequestObjectTag/"), &name) ||
        after(key, MR_S("aws:RequestTag/"), &name))
        return give_tag(facts, request_tags(facts), name, ret_values);
    if (mr_slice_equal_nocase(key, MR_S("s3:RequestObjectTagKeys")) ||
        mr_slice_equal_nocase(key, MR_S("aws:TagKeys")))
        return give_tag_names(facts, request_tags(facts), ret_values);
    return false;
}

/* ---- how it came ---- */

enum proof { PROOF_NONE, PROOF_HEADER, PROOF_QUERY, PROOF_FORM };

static enum proof proof_of(struct protocol_call *call, bool *ret_v4)
{
    const struct mr_slice header = protocol_header(call, "authorization");
    *ret_v4 = true;
    if (header.ptr != NULL) {
        *ret_v4 = mr_slice_starts_with(header, MR_S("AWS4-"));
        return PROOF_HEADER;
    }
    if (protocol_query_value(call, "X-Amz-Signature").ptr != NULL)
        return PROOF_QUERY;
    *ret_v4 = false;
    if (protocol_query_value(call, "AWSAccessKeyId").ptr != NULL)
        return PROOF_QUERY;
    *ret_v4 = true;
    return call->operation_name == NULL && !call->anonymous ? PROOF_FORM : PROOF_NONE;
}

/* In milliseconds. */
static bool give_age(const struct s3_facts *facts, struct policy_values *ret_values)
{
    struct mr_slice text = protocol_header(facts->call, "x-amz-date");
    int64_t signed_ms;
    if (text.ptr == NULL)
        text = protocol_query_value(facts->call, "X-Amz-Date");
    if (text.ptr == NULL || mr_date_parse(text, &signed_ms) != MR_OK)
        return false;
    return give(
        facts,
        mr_arena_printf(facts->call->arena, "%lld", (long long)(facts->call->now_ms - signed_ms)),
        ret_values);
}

static bool give_date(const struct s3_facts *facts, int64_t ms, struct policy_values *ret_values)
{
    char text[32];
    return give(facts, mr_arena_copy(facts->call->arena, mr_date_iso8601(ms, text)), ret_values);
}

/* What a new object, or an old one, is to be retained until. */
static bool retained_until(const struct s3_facts *facts, int64_t *ret_ms)
{
    yyjson_val *until = mr_json_get(facts->call->in, "ObjectLockRetainUntilDate");
    if (until == NULL)
        until = mr_json_get(mr_json_get(facts->call->in, "Retention"), "RetainUntilDate");
    *ret_ms = (int64_t)(mr_json_double(until, 0) * 1000);
    return until != NULL;
}

static bool look_lock(const struct s3_facts *facts, struct mr_slice key,
                      struct policy_values *ret_values)
{
    int64_t until_ms;
    const bool date = mr_slice_equal_nocase(key, MR_S("s3:object-lock-retain-until-date"));
    if (!date && !mr_slice_equal_nocase(key, MR_S("s3:object-lock-remaining-retention-days")))
        return false;
    if (!retained_until(facts, &until_ms))
        return false;
    if (date)
        return give_date(facts, until_ms, ret_values);
    const int64_t days = (until_ms - facts->call->now_ms + 86399999) / 86400000;
    return give(facts, mr_arena_printf(facts->call->arena, "%lld", (long long)days), ret_values);
}

/* ---- the rest ---- */

/* Of what needs s3:PutObject: does an object come to be? Not of the steps of an upload before. */
static bool give_creation(const struct s3_facts *facts, struct policy_values *ret_values)
{
    static const char *const makers[] = {"CompleteMultipartUpload", "CopyObject", "PutObject"};
    static const char *const steps[] = {"CreateMultipartUpload", "UploadPart", "UploadPartCopy"};
    for (size_t i = 0; i < MR_COUNT(makers); i++)
        if (strcmp(facts->operation, makers[i]) == 0)
            return give_cstr(facts, "true", ret_values);
    for (size_t i = 0; i < MR_COUNT(steps); i++)
        if (strcmp(facts->operation, steps[i]) == 0)
            return give_cstr(facts, "false", ret_values);
    return false;
}

static bool look_request(const struct s3_facts *facts, const char *name,
                         struct policy_values *ret_values)
{
    struct protocol_call *call = facts->call;
    bool v4;
    if (strcmp(name, "authType") == 0) {
        static const char *const types[] = {NULL, "REST-HEADER", "REST-QUERY-STRING", "POST"};
        return give_cstr(facts, types[proof_of(call, &v4)], ret_values);
    }
    if (strcmp(name, "signatureversion") == 0)
        return proof_of(call, &v4) != PROOF_NONE &&
               give_cstr(facts, v4 ? "AWS4-HMAC-SHA256" : "AWS", ret_values);
    if (strcmp(name, "signatureAge") == 0)
        return give_age(facts, ret_values);
    if (strcmp(name, "x-amz-content-sha256") == 0)
        return give(facts, protocol_header(call, name), ret_values);
    if (strcmp(name, "ObjectCreationOperation") == 0)
        return give_creation(facts, ret_values);
    return give(facts, call->account, ret_values);
}

static const char *const others[] = {"s3:authType",         "s3:ObjectCreationOperation",
                                     "s3:ResourceAccount",  "s3:signatureAge",
                                     "s3:signatureversion", "s3:x-amz-content-sha256"};

bool s3_facts_look(void *ctx, struct mr_slice key, struct policy_values *ret_values)
{
    const struct s3_facts *facts = ctx;
    const struct policy_request request = {facts->call, facts->caller};
    for (size_t i = 0; i < MR_COUNT(others); i++)
        if (mr_slice_equal_nocase(key, mr_slice_cstr(others[i])))
            return look_request(facts, others[i] + sizeof "s3:" - 1, ret_values);
    return policy_request_look(&request, key, ret_values) || look_member(facts, key, ret_values) ||
           look_tags(facts, key, ret_values) || look_lock(facts, key, ret_values);
}

bool s3_condition_key_known(struct mr_slice key)
{
    /* These S3 has besides: some with a name of their own, some that no request here has. */
    static const char *const absent[] = {"s3:AccessGrantsInstanceArn",
                                         "s3:AccessPointNetworkOrigin",
                                         "s3:AccessPointTag/",
                                         "s3:BucketTag/",
                                         "s3:DataAccessPointAccount",
                                         "s3:DataAccessPointArn",
                                         "s3:ExistingObjectTag/",
                                         "s3:InventoryAccessibleOptionalFields",
                                         "s3:JobSuspendedCause",
                                         "s3:RequestObjectTag/",
                                         "s3:RequestObjectTagKeys",
                                         "s3:TlsVersion",
                                         "s3:destinationRegion",
                                         "s3:isReplicationPauseRequest",
                                         "s3:object-lock-remaining-retention-days",
                                         "s3:object-lock-retain-until-date"};
    if (!mr_slice_equal_nocase(mr_slice_sub(key, 0, 3), MR_S("s3:")))
        return true;
    for (size_t i = 0; i < MR_COUNT(members); i++)
        if (mr_slice_equal_nocase(key, mr_slice_cstr(members[i].key)))
            return true;
    for (size_t i = 0; i < MR_COUNT(others); i++)
        if (mr_slice_equal_nocase(key, mr_slice_cstr(others[i])))
            return true;
    for (size_t i = 0; i < MR_COUNT(absent); i++) {
        const struct mr_slice name = mr_slice_cstr(absent[i]);
        const bool open = mr_slice_ends_with(name, MR_S("/"));
        if (mr_slice_equal_nocase(open ? mr_slice_sub(key, 0, name.len) : key, name))
            return true;
    }
    return false;
}
