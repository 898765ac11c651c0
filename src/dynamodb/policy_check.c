/* What a resource policy has to be for DynamoDB to take it: fields, principals, the actions that a
 * table's or a stream's policy may name, resources that are its own. Pure but for the fault it
 * sets. */
#include "dynamodb/internal.h"
#include "policy/policy.h"

#define INVALID_POLICY "One or more parameter values were invalid: Invalid policy document: "

/* AWS: what the developer guide lists as supported by resource-based policies, and what the guides
 * of replication and of Redshift's integration put into them. */
static const char *const table_actions[] = {"DeleteItem",
                                            "GetItem",
                                            "PutItem",
                                            "Query",
                                            "Scan",
                                            "UpdateItem",
                                            "BatchGetItem",
                                            "BatchWriteItem",
                                            "ConditionCheckItem",
                                            "PartiQLDelete",
                                            "PartiQLInsert",
                                            "PartiQLSelect",
                                            "PartiQLUpdate",
                                            "DeleteTable",
                                            "DescribeTable",
                                            "UpdateTable",
                                            "DescribeTableReplicaAutoScaling",
                                            "UpdateTableReplicaAutoScaling",
                                            "ListTagsOfResource",
                                            "TagResource",
                                            "UntagResource",
                                            "CreateBackup",
                                            "DescribeContinuousBackups",
                                            "RestoreTableToPointInTime",
                                            "UpdateContinuousBackups",
                                            "DescribeContributorInsights",
                                            "UpdateContributorInsights",
                                            "ExportTableToPointInTime",
                                            "DescribeExport",
                                            "DescribeKinesisStreamingDestination",
                                            "DisableKinesisStreamingDestination",
                                            "EnableKinesisStreamingDestination",
                                            "UpdateKinesisStreamingDestination",
                                            "GetResourcePolicy",
                                            "PutResourcePolicy",
                                            "DeleteResourcePolicy",
                                            "DescribeTimeToLive",
                                            "UpdateTimeToLive",
                                            "AssociateTableReplica",
                                            "ReplicateSettings",
                                            "ReadDataForReplication",
                                            "WriteDataForReplication",
                                            "GetAbacStatus",
                                            "UpdateAbacStatus"};
static const char *const stream_actions[] = {"DescribeStream",    "GetRecords",
                                             "GetShardIterator",  "GetResourcePolicy",
                                             "PutResourcePolicy", "DeleteResourcePolicy"};
/* AWS: the only services whose integrations work by such a policy. */
static const char *const services[] = {"redshift.amazonaws.com",
                                       "replication.dynamodb.amazonaws.com"};

struct checking {
    struct protocol_call *call;
    struct mr_slice arn; /* of the table or stream */
    bool stream;
    struct mr_buf wrong; /* names of actions, each in quotes */
};

static enum mr_status refuse(struct checking *checking, const char *words)
{
    return protocol_fail(checking->call, &protocol_validation, INVALID_POLICY "%s", words);
}

/* One text, or an array of them. */
static enum mr_status each(struct checking *checking, yyjson_val *value, const char *wrong,
                           enum mr_status (*fn)(struct checking *checking, struct mr_slice text))
{
    size_t at, count;
    yyjson_val *one;
    enum mr_status status = MR_OK;
    if (yyjson_is_str(value))
        return fn(checking, mr_json_text(value));
    if (yyjson_arr_size(value) == 0)
        return refuse(checking, wrong);
    yyjson_arr_foreach(value, at, count, one)
    {
        if (status == MR_OK)
            status = yyjson_is_str(one) ? fn(checking, mr_json_text(one)) : refuse(checking, wrong);
    }
    return status;
}

/* ---- principals ---- */

static bool is_account(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return text.len == 12;
}

static enum mr_status check_aws(struct checking *checking, struct mr_slice text)
{
    struct mr_slice rest = text, parts[5] = {{0}};
    if (mr_slice_equal(text, MR_S("*")) || is_account(text))
        return MR_OK;
    for (size_t i = 0; i < MR_COUNT(parts) && mr_slice_split(&rest, ':', &parts[i]); i++)
        continue;
    const bool service =
        mr_slice_equal(parts[2], MR_S("iam")) || mr_slice_equal(parts[2], MR_S("sts"));
    if (mr_slice_equal(parts[0], MR_S("arn")) && service && is_account(parts[4]) && rest.len > 0)
        return MR_OK;
    /* AWS: what stays of a user or role that was deleted. */
    if (mr_slice_starts_with(text, MR_S("AIDA")) || mr_slice_starts_with(text, MR_S("AROA")))
        return MR_OK;
    return refuse(checking, "Invalid principal in policy");
}

static enum mr_status check_service(struct checking *checking, struct mr_slice text)
{
    for (size_t i = 0; i < MR_COUNT(services); i++) {
        if (mr_slice_equal(text, mr_slice_cstr(services[i])))
            return MR_OK;
    }
    return refuse(checking, "Policy contains invalid service principal");
}

static enum mr_status check_any(struct checking *checking, struct mr_slice text)
{
    return text.len > 0 ? MR_OK : refuse(checking, "Invalid principal in policy");
}

static enum mr_status check_principal(struct checking *checking, yyjson_val *principal)
{
    static const char wrong[] = "Invalid principal in policy";
    size_t at, count;
    yyjson_val *key, *value;
    enum mr_status status = MR_OK;
    if (yyjson_is_str(principal))
        return mr_slice_equal(mr_json_text(principal), MR_S("*")) ? MR_OK : refuse(checking, wrong);
    if (yyjson_obj_size(principal) == 0)
        return refuse(checking, wrong);
    yyjson_obj_foreach(principal, at, count, key, value)
    {
        struct mr_slice kind = mr_json_text(key);
        if (status != MR_OK)
            break;
        if (mr_slice_equal(kind, MR_S("AWS")))
            status = each(checking, value, wrong, check_aws);
        else if (mr_slice_equal(kind, MR_S("Service")))
            status = each(checking, value, wrong, check_service);
        else if (mr_slice_equal(kind, MR_S("Federated")) ||
                 mr_slice_equal(kind, MR_S("CanonicalUser")))
            status = each(checking, value, wrong, check_any);
        else
            status = refuse(checking, wrong);
    }
    return status;
}

/* ---- actions and resources ---- */

static bool names_action(struct mr_slice pattern, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mr_slice_like(mr_slice_cstr(names[i]), pattern, MR_LIKE_ONE | MR_LIKE_NOCASE))
            return true;
    }
    return false;
}

/* All wrong names are told together. */
static enum mr_status check_action(struct checking *checking, struct mr_slice text)
{
    const size_t colon = mr_slice_find(text, ':');
    struct mr_slice name = colon == SIZE_MAX ? MR_S("") : mr_slice_sub(text, colon + 1, SIZE_MAX);
    const bool ours = mr_slice_equal_nocase(mr_slice_sub(text, 0, colon), MR_S("dynamodb"));
    const bool known = checking->stream
                           ? names_action(name, stream_actions, MR_COUNT(stream_actions))
                           : names_action(name, table_actions, MR_COUNT(table_actions));
    if (!mr_slice_equal(text, MR_S("*")) && !(ours && known))
        mr_buf_printf(&checking->wrong, "%s\"%.*s\"", checking->wrong.len > 0 ? ", " : "",
                      MR_ARG(text));
    return MR_OK;
}

static enum mr_status check_resource(struct checking *checking, struct mr_slice text)
{
    struct mr_slice below = mr_slice_starts_with(text, checking->arn)
                                ? mr_slice_sub(text, checking->arn.len, SIZE_MAX)
                                : MR_S("");
    struct mr_slice index =
        mr_arena_printf(checking->call->arena, "%.*s/index/i", MR_ARG(checking->arn));
    if (mr_slice_like(checking->arn, text, MR_LIKE_ONE) || mr_slice_starts_with(below, MR_S("/")) ||
        mr_slice_like(index, text, MR_LIKE_ONE))
        return MR_OK;
    return protocol_fail(checking->call, &protocol_validation,
                         INVALID_POLICY "The following resource names are invalid: \"%.*s\"",
                         MR_ARG(text));
}

/* ---- conditions ---- */

static enum mr_status check_conditions(struct checking *checking, yyjson_val *conditions)
{
    size_t at, count;
    yyjson_val *operation, *keys;
    yyjson_obj_foreach(conditions, at, count, operation, keys)
    {
        const struct mr_slice name = mr_json_text(operation);
        if (!policy_operator_known(policy_operator_parse(name).name))
            return protocol_fail(checking->call, &protocol_validation,
                                 INVALID_POLICY "Invalid Condition type : %.*s", MR_ARG(name));
        if (!yyjson_is_obj(keys))
            return refuse(checking, "Condition is not valid");
    }
    return MR_OK;
}

/* ---- statements ---- */

static enum mr_status check_members(struct checking *checking, yyjson_val *object,
                                    const char *const *known, size_t known_count)
{
    struct mr_slice other;
    return mr_json_has_other(object, known, known_count, &other)
               ? protocol_fail(checking->call, &protocol_validation,
                               INVALID_POLICY "Unknown field %.*s", MR_ARG(other))
               : MR_OK;
}

static enum mr_status check_statement(struct checking *checking, yyjson_val *statement)
{
    static const char *const members[] = {"Sid",          "Effect",      "Principal",
                                          "NotPrincipal", "Action",      "Resource",
                                          "NotAction",    "NotResource", "Condition"};
    if (!yyjson_is_obj(statement))
        return refuse(checking, "Statement is not valid");
    enum mr_status status = check_members(checking, statement, members, MR_COUNT(members));
    if (status != MR_OK)
        return status;
    struct mr_slice effect = mr_json_get_text(statement, "Effect");
    yyjson_val *principal = mr_json_get(statement, "Principal");
    yyjson_val *action = mr_json_get(statement, "Action");
    yyjson_val *resource = mr_json_get(statement, "Resource");
    yyjson_val *condition = mr_json_get(statement, "Condition");
    if (principal == NULL)
        principal = mr_json_get(statement, "NotPrincipal");
    if (action == NULL)
        action = mr_json_get(statement, "NotAction");
    if (!mr_slice_equal(effect, MR_S("Allow")) && !mr_slice_equal(effect, MR_S("Deny")))
        return protocol_fail(checking->call, &protocol_validation,
                             INVALID_POLICY "Invalid effect: %.*s", MR_ARG(effect));
    if (principal == NULL)
        return refuse(checking, "Missing required field Principal");
    if (action == NULL)
        return refuse(checking, "Missing required field Action");
    if (resource == NULL && mr_json_get(statement, "NotResource") == NULL)
        return refuse(checking, "Missing required field Resource");
    if (condition != NULL && !yyjson_is_obj(condition))
        return refuse(checking, "Condition is not valid");
    status = check_principal(checking, principal);
    if (status == MR_OK)
        status = check_conditions(checking, condition);
    if (status == MR_OK)
        status = each(checking, action, "Action is not valid", check_action);
    if (status == MR_OK && resource != NULL)
        status = each(checking, resource, "Resource is not valid", check_resource);
    return status;
}

static enum mr_status check_policy(struct checking *checking, yyjson_val *policy)
{
    static const char *const members[] = {"Version", "Id", "Statement"};
    yyjson_val *statements = mr_json_get(policy, "Statement"), *statement;
    struct mr_slice version = mr_json_get_text(policy, "Version");
    size_t at, count;
    if (!yyjson_is_obj(policy))
        return refuse(checking, "This policy contains invalid Json");
    enum mr_status status = check_members(checking, policy, members, MR_COUNT(members));
    if (status != MR_OK)
        return status;
    if (statements == NULL)
        return refuse(checking, "Missing required field Statement");
    if (mr_json_get(policy, "Version") != NULL && !mr_slice_equal(version, MR_S("2012-10-17")) &&
        !mr_slice_equal(version, MR_S("2008-10-17")))
        return refuse(checking, "The policy must contain a valid version string");
    if (!yyjson_is_arr(statements))
        return check_statement(checking, statements);
    yyjson_arr_foreach(statements, at, count, statement)
    {
        if (status == MR_OK)
            status = check_statement(checking, statement);
    }
    return status;
}

enum mr_status dynamodb_policy_check(struct protocol_call *call, struct mr_slice arn,
                                     yyjson_val *policy)
{
    struct checking checking = {
        .call = call, .arn = arn, .stream = mr_slice_search(arn, MR_S("/stream/")) != SIZE_MAX};
    enum mr_status status = check_policy(&checking, policy);
    if (status == MR_OK && checking.wrong.len > 0)
        status = protocol_fail(call, &protocol_validation,
                               INVALID_POLICY "The following action names are invalid: %.*s",
                               MR_ARG(mr_buf_slice(&checking.wrong)));
    mr_buf_fini(&checking.wrong);
    return status;
}
