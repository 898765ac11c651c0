/* The wire: replication rules. Both forms are taken: the first has a prefix beside the rule and one
 * destination, the second a filter, priorities, and a word about delete markers. */
#include "s3/lifecycle.h"
#include "s3/ops.h"

enum { RULES_MAX = 1000, RULE_ID_MAX = 255, PREFIX_MAX = 1024, ROLE_MAX = 2048 };

#define THIS_FORM                                                 \
    "for this version of Cross Region Replication configuration " \
    "schema. Please refer to S3 Developer Guide for more information."

static enum mr_status fail(struct protocol_call *call, const char *message)
{
    return protocol_fail(call, &s3_invalid_request, "%s", message);
}

static yyjson_val *status_of(yyjson_val *object, const char *member)
{
    return mr_json_get(mr_json_get(object, member), "Status");
}

static bool is_on(yyjson_val *object, const char *member)
{
    return mr_slice_equal(mr_json_text(status_of(object, member)), MR_S("Enabled"));
}

/* A member that may be missing, and is switched on or off when it is there. */
static bool is_switch(yyjson_val *object, const char *member)
{
    return mr_json_get(object, member) == NULL || is_on(object, member) ||
           mr_slice_equal(mr_json_text(status_of(object, member)), MR_S("Disabled"));
}

static bool is_second_form(yyjson_val *rule)
{
    return mr_json_get(rule, "Filter") != NULL;
}

/* ---- one rule ---- */

static enum mr_status check_filter(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *filter = mr_json_get(rule, "Filter");
    yyjson_val *both = mr_json_get(filter, "And");
    const int given = (mr_json_get(filter, "Prefix") != NULL) +
                      (mr_json_get(filter, "Tag") != NULL) + (both != NULL);
    const size_t joined =
        (mr_json_get(both, "Prefix") != NULL ? 1 : 0) + yyjson_arr_size(mr_json_get(both, "Tags"));
    yyjson_val *prefix = mr_json_get(both != NULL     ? both
                                     : filter != NULL ? filter
                                                      : rule,
                                     "Prefix");
    if ((filter == NULL) == (mr_json_get(rule, "Prefix") == NULL) || given > 1 ||
        (both != NULL && joined < 2))
        return s3_fail_malformed(call);
    if (mr_json_text(prefix).len > PREFIX_MAX)
        return fail(call, "The maximum size of a prefix is 1024.");
    struct mr_slice pairs;
    yyjson_val *tags = mr_json_get(both, "Tags");
    return tags == NULL ? MR_OK : s3_tags_read(call, tags, S3_TAGS_OBJECT, &pairs);
}

static bool has_tags(yyjson_val *rule)
{
    yyjson_val *filter = mr_json_get(rule, "Filter");
    return mr_json_get(filter, "Tag") != NULL ||
           yyjson_arr_size(mr_json_get(mr_json_get(filter, "And"), "Tags")) > 0;
}

static enum mr_status check_form(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *priority = mr_json_get(rule, "Priority");
    yyjson_val *markers = mr_json_get(rule, "DeleteMarkerReplication");
    if (!is_second_form(rule)) {
        if (priority != NULL)
            return fail(call, "Priority cannot be used " THIS_FORM);
        return markers == NULL ? MR_OK
                               : fail(call, "DeleteMarkerReplication cannot be used " THIS_FORM);
    }
    if (priority == NULL)
        return fail(call, "Priority must be specified " THIS_FORM);
    if (mr_json_get_i64(rule, "Priority", -1) < 0)
        return s3_fail_malformed(call);
    if (markers == NULL)
        return fail(call, "DeleteMarkerReplication must be specified " THIS_FORM);
    if (is_on(rule, "DeleteMarkerReplication") && has_tags(rule))
        return fail(call, "Delete marker replication is not supported if any Tag filter is "
                          "specified. Please refer to S3 Developer Guide for more information.");
    return MR_OK;
}

/* What would be said and not done. */
static enum mr_status check_absent(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *destination = mr_json_get(rule, "Destination");
    if (is_on(destination, "ReplicationTime") || is_on(destination, "Metrics"))
        return protocol_fail(call, &s3_not_implemented,
                             "millrace measures no replication: ReplicationTime and Metrics "
                             "cannot be enabled");
    if (is_on(mr_json_get(rule, "SourceSelectionCriteria"), "ReplicaModifications"))
        return protocol_fail(call, &s3_not_implemented,
                             "millrace does not replicate changes of replicas: "
                             "ReplicaModifications cannot be enabled");
    if (is_on(rule, "ExistingObjectReplication"))
        return protocol_fail(call, &s3_not_implemented,
                             "millrace replicates new objects: ExistingObjectReplication cannot "
                             "be enabled");
    if (mr_json_get(destination, "AccessControlTranslation") != NULL)
        return protocol_fail(call, &s3_not_implemented,
                             "millrace has one account, which owns all replicas: there is no "
                             "AccessControlTranslation");
    return MR_OK;
}

static enum mr_status check_encryption(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *encryption =
        mr_json_get(mr_json_get(rule, "Destination"), "EncryptionConfiguration");
    const struct mr_slice key = mr_json_get_text(encryption, "ReplicaKmsKeyID");
    const bool selected =
        is_on(mr_json_get(rule, "SourceSelectionCriteria"), "SseKmsEncryptedObjects");
    if (selected && encryption == NULL)
        return fail(call, "EncryptionConfiguration must be specified if SseKmsEncryptedObjects is "
                          "present.");
    if (!selected && encryption != NULL)
        return fail(call, "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is "
                          "present.");
    if (encryption != NULL && !mr_slice_starts_with(key, MR_S("arn:aws:kms:")))
        return s3_fail_argument(call, "ReplicaKmsKeyID", key, "Invalid ReplicaKmsKeyID ARN.");
    return MR_OK;
}

static bool class_is_known(struct mr_slice class)
{
    static const char *const classes[] = {
        "STANDARD", "REDUCED_REDUNDANCY",  "STANDARD_IA", "ONEZONE_IA",
        "GLACIER",  "INTELLIGENT_TIERING", "GLACIER_IR",  "DEEP_ARCHIVE"};
    for (size_t i = 0; i < MR_COUNT(classes); i++)
        if (mr_slice_equal(class, mr_slice_cstr(classes[i])))
            return true;
    return class.len == 0;
}

static enum mr_status check_destination(struct protocol_call *call, yyjson_val *rule, bool locks)
{
    yyjson_val *destination = mr_json_get(rule, "Destination");
    const struct mr_slice bucket = s3_replication_bucket(rule);
    const struct mr_slice account = mr_json_get_text(destination, "Account");
    struct s3_bucket_state state;
    if (!s3_bucket_name_ok(bucket))
        return s3_fail_argument(call, "Bucket", mr_json_get_text(destination, "Bucket"),
                                "Invalid bucket ARN.");
    if (mr_slice_equal(bucket, s3_in(call, "Bucket")))
        return fail(call, "Destination bucket cannot be the same as the source bucket.");
    if (!class_is_known(mr_json_get_text(destination, "StorageClass")))
        return s3_fail_malformed(call);
    if (account.len > 0 && !mr_slice_equal(account, call->account))
        return protocol_fail(call, &s3_not_implemented,
                             "millrace has one account: there is no destination in %.*s",
                             MR_ARG(account));
    const enum mr_status status = s3_bucket_state(s3_of(call), call->arena, bucket, &state);
    protocol_fail_internal(call, status == MR_NOT_FOUND ? MR_OK : status);
    if (status == MR_NOT_FOUND)
        return fail(call, "Destination bucket must exist.");
    if (status != MR_OK)
        return MR_FAULT;
    if (state.versioning != S3_VERSIONS_ENABLED)
        return fail(call, "Destination bucket must have versioning enabled.");
    if (locks && !state.locks)
        return fail(call, "Destination bucket must have object lock enabled, as the source "
                          "bucket has.");
    return MR_OK;
}

static enum mr_status check_rule(struct protocol_call *call, yyjson_val *rule, bool locks)
{
    const struct mr_slice status = mr_json_get_text(rule, "Status");
    yyjson_val *criteria = mr_json_get(rule, "SourceSelectionCriteria");
    yyjson_val *destination = mr_json_get(rule, "Destination");
    if ((!mr_slice_equal(status, MR_S("Enabled")) && !mr_slice_equal(status, MR_S("Disabled"))) ||
        destination == NULL || !is_switch(rule, "DeleteMarkerReplication") ||
        !is_switch(rule, "ExistingObjectReplication") ||
        !is_switch(criteria, "SseKmsEncryptedObjects") ||
        !is_switch(criteria, "ReplicaModifications") || !is_switch(destination, "Metrics") ||
        !is_switch(destination, "ReplicationTime"))
        return s3_fail_malformed(call);
    if (mr_json_get_text(rule, "ID").len > RULE_ID_MAX)
        return s3_fail_argument(call, "ID", mr_json_get_text(rule, "ID"),
                                "ID length should not exceed allowed limit of 255");
    if (check_filter(call, rule) != MR_OK || check_form(call, rule) != MR_OK ||
        check_absent(call, rule) != MR_OK || check_encryption(call, rule) != MR_OK)
        return MR_FAULT;
    return check_destination(call, rule, locks);
}

/* ---- rules beside each other ---- */

static enum mr_status check_two(struct protocol_call *call, yyjson_val *one, yyjson_val *other)
{
    const struct mr_slice id = mr_json_get_text(one, "ID");
    if (id.len > 0 && mr_slice_equal(id, mr_json_get_text(other, "ID")))
        return s3_fail_argument(call, "ID", id,
                                "Rule Id must be unique. Found same Id for more than one rule");
    if (is_second_form(one) != is_second_form(other))
        return fail(call, "All rules of a replication configuration must be of the same version "
                          "of the schema.");
    if (is_second_form(one)) {
        const int64_t priority = mr_json_get_i64(one, "Priority", 0);
        if (priority != mr_json_get_i64(other, "Priority", 0))
            return MR_OK;
        return protocol_fail(call, &s3_invalid_request,
                             "Found duplicate priority %lld: priorities must be unique.",
                             (long long)priority);
    }
    const struct mr_slice a = mr_json_get_text(one, "Prefix");
    const struct mr_slice b = mr_json_get_text(other, "Prefix");
    if (!mr_slice_equal(s3_replication_bucket(one), s3_replication_bucket(other)))
        return fail(call, "Number of distinct destination bucket ARNs cannot exceed 1");
    if (mr_slice_starts_with(a, b) || mr_slice_starts_with(b, a))
        return protocol_fail(call, &s3_invalid_request,
                             "Found overlapping prefixes '%.*s' and '%.*s'", MR_ARG(a), MR_ARG(b));
    return MR_OK;
}

static enum mr_status check_rules(struct protocol_call *call, yyjson_val *rules, bool locks)
{
    size_t i, j, count, more;
    yyjson_val *rule, *other;
    yyjson_arr_foreach(rules, i, count, rule)
    {
        if (check_rule(call, rule, locks) != MR_OK)
            return MR_FAULT;
        yyjson_arr_foreach(rules, j, more, other)
        {
            if (j >= i)
                break;
            if (check_two(call, other, rule) != MR_OK)
                return MR_FAULT;
        }
    }
    return MR_OK;
}

static bool role_is_good(struct mr_slice role)
{
    return role.len <= ROLE_MAX && mr_slice_starts_with(role, MR_S("arn:aws:iam::")) &&
           mr_slice_search(role, MR_S(":role/")) == 25;
}

static enum mr_status check_all(struct protocol_call *call, yyjson_val *wanted)
{
    yyjson_val *rules = mr_json_get(wanted, "Rules");
    const struct mr_slice role = mr_json_get_text(wanted, "Role");
    struct s3_bucket_state state;
    if (role.len == 0 || yyjson_arr_size(rules) == 0 || yyjson_arr_size(rules) > RULES_MAX)
        return s3_fail_malformed(call);
    if (!role_is_good(role))
        return s3_fail_argument(call, "Role", role, "Invalid Role ARN.");
    const enum mr_status status =
        s3_bucket_state(s3_of(call), call->arena, s3_in(call, "Bucket"), &state);
    if (status == MR_NOT_FOUND)
        return s3_fail_no_bucket(call, s3_in(call, "Bucket"));
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return MR_FAULT;
    if (state.versioning != S3_VERSIONS_ENABLED)
        return fail(call, "Versioning must be 'Enabled' on the bucket to apply a replication "
                          "configuration");
    return check_rules(call, rules, state.locks);
}

/* ---- operations ---- */

/* AWS: a rule without a name gets one. */
static void write_rule(struct protocol_call *call, struct mr_json *json, yyjson_val *rule)
{
    char id[37];
    mr_rng_uuid(s3_of(call)->options.rng, id);
    s3_config_write_named(json, rule, "ID", mr_slice_cstr(id));
}

static struct mr_slice stored_form(struct protocol_call *call, yyjson_val *wanted)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t at, count;
    yyjson_val *rule;
    mr_json_object(&json);
    mr_json_key_string(&json, "Role", mr_json_get_text(wanted, "Role"));
    mr_json_key(&json, "Rules");
    mr_json_array(&json);
    yyjson_arr_foreach(mr_json_get(wanted, "Rules"), at, count, rule)
    {
        write_rule(call, &json, rule);
    }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void put_replication(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "ReplicationConfiguration");
    if (s3_check_bucket(call) == MR_OK && check_all(call, wanted) == MR_OK)
        s3_config_store(call, "replication", stored_form(call, wanted));
}

static void get_replication(struct protocol_call *call)
{
    s3_config_give(call, "replication", "ReplicationConfiguration", NULL, &s3_no_replication,
                   "The replication configuration was not found");
}

static void delete_replication(struct protocol_call *call)
{
    s3_config_store(call, "replication", MR_S(""));
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketReplication", .run = delete_replication},
    {.operation = "GetBucketReplication", .run = get_replication},
    {.operation = "PutBucketReplication", .run = put_replication},
};
const struct s3_handlers s3_replication_handlers = {handlers, MR_COUNT(handlers)};

/* ---- told of an object ---- */

void s3_write_replication(struct protocol_call *call, const struct s3_meta *meta)
{
    static const char *const names[] = {
        [S3_REPLICATION_PENDING] = "PENDING",
        [S3_REPLICATION_COMPLETED] = "COMPLETED",
        [S3_REPLICATION_FAILED] = "FAILED",
        [S3_REPLICA] = "REPLICA",
    };
    if (meta->replication != S3_NOT_REPLICATED)
        mr_json_key_cstr(&call->out, "ReplicationStatus", names[meta->replication]);
}
