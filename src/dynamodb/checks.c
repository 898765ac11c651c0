/* What CreateTable and UpdateTable refuse by looking at the request alone, before any table. */
#include "dynamodb/internal.h"

#define INVALID "One or more parameter values were invalid: "

static const int64_t units_max = 1000000000000;

enum mr_status dynamodb_throughput_check(struct protocol_call *call, yyjson_val *throughput)
{
    static const char *const names[] = {"ReadCapacityUnits", "WriteCapacityUnits"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        int64_t units = mr_json_get_i64(throughput, names[i], 0);
        if (units > units_max)
            return protocol_fail(call, &protocol_validation,
                                 "Given value %lld for %s is out of bounds", (long long)units,
                                 names[i]);
    }
    return MR_OK;
}

/* AWS: what the account may have a table or an index provisioned with; DescribeLimits tells it. */
enum mr_status dynamodb_units_check(struct protocol_call *call, yyjson_val *throughput,
                                    struct mr_slice index)
{
    static const char *const names[] = {"ReadCapacityUnits", "WriteCapacityUnits"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        const long long units = mr_json_get_i64(throughput, names[i], 0);
        if (units <= DYNAMODB_TABLE_UNITS_MAX)
            continue;
        const bool whole = index.len == 0;
        return protocol_fail(call, &dynamodb_limit_exceeded,
                             "The requested %s%s%.*s, %lld, is above the per %s maximum for the "
                             "account in %.*s. Per table maximum: %d. Refer to the Amazon DynamoDB "
                             "Developer Guide for current limits and how to request higher limits.",
                             names[i], whole ? "" : " for index ", MR_ARG(index), units,
                             whole ? "table" : "index", MR_ARG(call->region),
                             DYNAMODB_TABLE_UNITS_MAX);
    }
    return MR_OK;
}

static yyjson_val *change_of(yyjson_val *update, const char **ret_kind)
{
    static const char *const kinds[] = {"Update", "Create", "Delete"};
    yyjson_val *change = NULL;
    for (size_t i = 0; change == NULL && i < MR_COUNT(kinds); i++) {
        change = mr_json_get(update, kinds[i]);
        *ret_kind = kinds[i];
    }
    return change;
}

/* AWS: an index has another text for what is out of bounds, and it is this one. */
static enum mr_status check_index_units(struct protocol_call *call, yyjson_val *throughput)
{
    if (mr_json_get_i64(throughput, "ReadCapacityUnits", 0) <= units_max &&
        mr_json_get_i64(throughput, "WriteCapacityUnits", 0) <= units_max)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "This operation cannot be performed with given input values. Please "
                         "contact DynamoDB service team for more info: Action Blocked: "
                         "IndexUpdate");
}

static enum mr_status check_index_update(struct protocol_call *call, yyjson_val *updates, size_t at)
{
    const char *kind, *other_kind;
    yyjson_val *change = change_of(yyjson_arr_get(updates, at), &kind);
    if (change == NULL)
        return protocol_fail(call, &protocol_validation,
                             INVALID "One of GlobalSecondaryIndexUpdate.Update, "
                                     "GlobalSecondaryIndexUpdate.Create, "
                                     "GlobalSecondaryIndexUpdate.Delete must not be null");
    yyjson_val *update = yyjson_arr_get(updates, at);
    if ((mr_json_get(update, "Update") != NULL) + (mr_json_get(update, "Create") != NULL) +
            (mr_json_get(update, "Delete") != NULL) >
        1)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Only one global secondary index action is allowed per "
                                     "GlobalSecondaryIndexUpdate object");
    struct mr_slice name = mr_json_get_text(change, "IndexName");
    for (size_t i = 0; i < at; i++) {
        yyjson_val *other = change_of(yyjson_arr_get(updates, i), &other_kind);
        if (mr_slice_equal(mr_json_get_text(other, "IndexName"), name))
            return protocol_fail(call, &protocol_validation,
                                 INVALID "Only one global secondary index update per index is "
                                         "allowed simultaneously. Index: %.*s",
                                 MR_ARG(name));
    }
    return kind[0] == 'U' ? check_index_units(call, mr_json_get(change, "ProvisionedThroughput"))
                          : MR_OK;
}

enum mr_status dynamodb_class_check(struct protocol_call *call)
{
    const struct mr_slice name = mr_json_get_text(call->in, "TableClass");
    if (mr_json_get(call->in, "TableClass") == NULL || mr_slice_equal(name, MR_S("STANDARD")) ||
        mr_slice_equal(name, MR_S("STANDARD_INFREQUENT_ACCESS")))
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "Invalid table-class parameter provided. Please try again with a valid "
                         "table-class value: [STANDARD, STANDARD_INFREQUENT_ACCESS].");
}

/* ---- tags ---- */

enum mr_status dynamodb_tags_fail(struct protocol_call *call)
{
    return protocol_fail(call, &protocol_validation,
                         "Number of Tags exceed the current limit for the provided ResourceArn");
}

enum mr_status dynamodb_tags_check(struct protocol_call *call, yyjson_val *tags)
{
    const size_t count = yyjson_arr_size(tags);
    if (count > DYNAMODB_TAGS_MAX)
        return dynamodb_tags_fail(call);
    for (size_t i = 0; i < count; i++) {
        const struct mr_slice key = mr_json_get_text(yyjson_arr_get(tags, i), "Key");
        if (mr_slice_starts_with(key, MR_S("aws:")))
            return protocol_fail(call, &protocol_validation,
                                 "Tag Key cannot be prefixed with aws:, Key: %.*s", MR_ARG(key));
        for (size_t k = 0; k < i; k++)
            if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(tags, k), "Key"), key))
                return protocol_fail(call, &protocol_validation,
                                     "Duplicate Tag Keys provided as input: Duplicate Tag Key "
                                     "found %.*s",
                                     MR_ARG(key));
    }
    return MR_OK;
}

/* ---- UpdateTable: what cannot be changed together ---- */

static enum mr_status refuse(struct protocol_call *call, const char *text)
{
    return protocol_fail(call, &protocol_validation, INVALID "%s", text);
}

static bool has_any(struct protocol_call *call, const char *const *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (mr_json_get(call->in, members[i]) != NULL)
            return true;
    return false;
}

/* Whether an update of the list has that kind of action. */
static bool has_action(yyjson_val *updates, const char *kind)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(updates);
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;)
        if (mr_json_get(each, kind) != NULL)
            return true;
    return false;
}

/* AWS: the first of these that is there must be there alone. Seen on AWS in all pairs; updates of
 * indexes beside WarmThroughput were not. */
static enum mr_status check_alone(struct protocol_call *call)
{
    static const struct {
        const char *member, *text;
    } rules[] = {
        {"SSESpecification",
         "Server-Side Encryption modification must be the only operation in the request"},
        {"TableClass", "TableClass modification must be the only operation in the request"},
        {"DeletionProtectionEnabled",
         "DeletionProtection modification must be the only operation in the request"},
        {"OnDemandThroughput",
         "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"},
        {"WarmThroughput", "WarmThroughput must be the only operation in the request"},
    };
    static const char *const others[] = {"ProvisionedThroughput", "StreamSpecification",
                                         "BillingMode"};
    yyjson_val *updates = mr_json_get(call->in, "GlobalSecondaryIndexUpdates");
    for (size_t i = 0; i < MR_COUNT(rules); i++) {
        if (mr_json_get(call->in, rules[i].member) == NULL)
            continue;
        const bool limits = rules[i].member[0] == 'O', warm = rules[i].member[0] == 'W';
        if (warm && has_action(updates, "Create"))
            return refuse(call, "Create global secondary index cannot be specified when updating "
                                "WarmThroughput");
        bool other = has_any(call, others, MR_COUNT(others) - limits);
        for (size_t k = i + 1; !other && k < MR_COUNT(rules); k++)
            other = mr_json_get(call->in, rules[k].member) != NULL;
        if (limits)
            other = other || has_action(updates, "Create") || has_action(updates, "Delete");
        else if (!warm)
            other = other || yyjson_arr_size(updates) > 0;
        return other ? refuse(call, rules[i].text) : MR_OK;
    }
    return MR_OK;
}

bool dynamodb_index_comes_or_goes(const struct protocol_call *call)
{
    yyjson_val *updates = mr_json_get(call->in, "GlobalSecondaryIndexUpdates");
    return has_action(updates, "Create") || has_action(updates, "Delete");
}

enum mr_status dynamodb_index_refuse_another(struct protocol_call *call)
{
    return protocol_fail(call, &dynamodb_limit_exceeded,
                         "Subscriber limit exceeded: Only 1 online index can be created or "
                         "deleted simultaneously per table");
}

static enum mr_status check_together(struct protocol_call *call)
{
    const bool units = mr_json_get(call->in, "ProvisionedThroughput") != NULL;
    const bool stream = mr_json_get(call->in, "StreamSpecification") != NULL;
    const bool provisions =
        units || mr_slice_equal(mr_json_get_text(call->in, "BillingMode"), MR_S("PROVISIONED"));
    const bool indexes = dynamodb_index_comes_or_goes(call);
    if (stream && provisions)
        return refuse(call, "You cannot modify stream status while updating table IOPS");
    if (indexes && units)
        return refuse(call, "You cannot create or delete index while updating table IOPS");
    if (indexes && stream)
        return refuse(call, "You cannot create or delete index while changing stream status");
    return check_alone(call);
}

enum mr_status dynamodb_update_request_check(struct protocol_call *call)
{
    enum { UPDATES_MAX = 100 }; /* more name some index twice, or none that can be */
    yyjson_val *updates = mr_json_get(call->in, "GlobalSecondaryIndexUpdates");
    enum mr_status status =
        dynamodb_throughput_check(call, mr_json_get(call->in, "ProvisionedThroughput"));
    size_t count = yyjson_arr_size(updates);
    if (status == MR_OK && updates != NULL && count == 0)
        return refuse(call, "List of GlobalSecondaryIndexUpdates is empty");
    if (status == MR_OK && count > UPDATES_MAX)
        return dynamodb_index_refuse_another(call);
    for (size_t i = 0; status == MR_OK && i < count; i++)
        status = check_index_update(call, updates, i);
    if (status == MR_OK)
        status = dynamodb_class_check(call);
    if (status == MR_OK)
        status = dynamodb_sse_check(call, mr_json_get(call->in, "SSESpecification"));
    return status == MR_OK ? check_together(call) : status;
}
