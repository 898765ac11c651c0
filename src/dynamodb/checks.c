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

enum mr_status dynamodb_update_request_check(struct protocol_call *call)
{
    enum { UPDATES_MAX = 100 }; /* more name some index twice, or none that can be */
    yyjson_val *updates = mr_json_get(call->in, "GlobalSecondaryIndexUpdates");
    enum mr_status status =
        dynamodb_throughput_check(call, mr_json_get(call->in, "ProvisionedThroughput"));
    size_t count = yyjson_arr_size(updates);
    if (status == MR_OK && count > UPDATES_MAX)
        return protocol_fail(call, &dynamodb_limit_exceeded,
                             "Subscriber limit exceeded: Only 1 online index can be created or "
                             "deleted simultaneously per table");
    for (size_t i = 0; status == MR_OK && i < count; i++)
        status = check_index_update(call, updates, i);
    return status;
}
