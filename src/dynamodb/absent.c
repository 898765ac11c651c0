/* Operations on what a server of one region does not have: they say so. Global tables of the first
 * version AWS makes no more, either; contributor insights are off, and turning them on answers 501,
 * because no rules of CloudWatch's would report. */
#include "dynamodb/internal.h"

static const struct protocol_fault global_table_not_found = {"GlobalTableNotFoundException", 400,
                                                             false};

void dynamodb_no_global_table(struct protocol_call *call)
{
    protocol_fail(call, &global_table_not_found, "Global table with name '%.*s' does not exist.",
                  MR_ARG(mr_json_get_text(call->in, "GlobalTableName")));
}

void dynamodb_create_global_table(struct protocol_call *call)
{
    protocol_fail(call, &protocol_validation,
                  "DynamoDB global tables version 2017.11.29 is not supported. We recommend using "
                  "DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 "
                  "(Legacy).");
}

void dynamodb_list_global_tables(struct protocol_call *call)
{
    mr_json_key(&call->out, "GlobalTables");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
}

/* ---- contributor insights ---- */

static struct dynamodb_table *find_table(struct protocol_call *call)
{
    return dynamodb_need_table(call, mr_json_get_text(call->in, "TableName"), true);
}

void dynamodb_describe_contributor_insights(struct protocol_call *call)
{
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
    const struct mr_slice name = mr_json_get_text(call->in, "IndexName");
    if (table == NULL)
        return;
    if (name.len > 0) {
        const struct dynamodb_index *index = dynamodb_table_index(table, name);
        if (index == NULL || index->local) {
            protocol_fail(call, &dynamodb_not_found,
                          "Requested resource not found: Index %.*s for table %.*s", MR_ARG(name),
                          MR_ARG(table->name));
            return;
        }
    }
    mr_json_key_string(&call->out, "TableName", table->name);
    if (name.len > 0)
        mr_json_key_string(&call->out, "IndexName", name);
    mr_json_key_cstr(&call->out, "ContributorInsightsStatus", "DISABLED");
}

void dynamodb_list_contributor_insights(struct protocol_call *call)
{
    if (mr_json_get(call->in, "TableName") != NULL) {
        struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
        if (table == NULL)
            return;
    }
    mr_json_key(&call->out, "ContributorInsightsSummaries");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
}
