/* The catalog's resource policy acts: a Deny that fits refuses. What it does not speak of, the
 * account's own callers may do, for access is by key here. Asked before each call of the wire about
 * the catalog; what is no part of that (crawlers, classifiers) has no policy on AWS either. Who
 * reads a table asks for its database and the catalog as well. The root can always delete the
 * policy. */
#include "glue/internal.h"
#include "policy/request.h"
#include <string.h>

struct question {
    struct protocol_call *call;
    struct policy_caller caller;
    yyjson_val *policy;
};

static bool look(void *ctx, struct mr_slice key, struct policy_values *ret_values)
{
    struct question *question = ctx;
    const struct policy_request request = {question->call, &question->caller};
    return policy_request_look(&request, key, ret_values);
}

/* `resource`: what stands behind the account in its ARN. */
static void ask(struct question *question, struct mr_slice resource)
{
    struct protocol_call *call = question->call;
    const struct policy_asked asked = {
        .arena = call->arena,
        .caller = &question->caller,
        .action = mr_arena_printf(call->arena, "glue:%s", call->operation_name),
        .resource = mr_arena_printf(call->arena, "arn:aws:glue:%.*s:%.*s:%.*s",
                                    MR_ARG(call->region), MR_ARG(call->account), MR_ARG(resource)),
        .look = look,
        .ctx = question};
    if (protocol_failed(call) || policy_judge(question->policy, &asked) != POLICY_DENIES)
        return;
    protocol_fail(call, &glue_fault_denied,
                  "User: %.*s is not authorized to perform: %.*s on resource: %.*s with an "
                  "explicit deny in a resource-based policy",
                  MR_ARG(policy_caller_name(&question->caller)), MR_ARG(asked.action),
                  MR_ARG(asked.resource));
}

/* Under a database: "table/<database>/<name>". */
static void ask_below(struct question *question, const char *kind, struct mr_slice database,
                      struct mr_slice name)
{
    struct mr_arena *arena = question->call->arena;
    if (name.len > 0)
        ask(question, mr_arena_printf(arena, "%s/%.*s/%.*s", kind, MR_ARG(database),
                                      MR_ARG(glue_lower(arena, name))));
}

static bool is_named(const char *operation, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strstr(operation, *words) != NULL)
            return true;
    return false;
}

/* The database that the call names. */
static struct mr_slice database_of(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "DatabaseName");
    if (name.len == 0)
        name = mr_json_get_text(mr_json_get(call->in, "DatabaseInput"), "Name");
    if (name.len == 0 && strstr(call->operation_name, "Database") != NULL)
        name = mr_json_get_text(call->in, "Name");
    return glue_lower(call->arena, name);
}

static void ask_all(struct question *question)
{
    struct protocol_call *call = question->call;
    const struct mr_slice database = database_of(call);
    size_t index, max;
    yyjson_val *name;
    ask(question, MR_S("catalog"));
    if (database.len == 0)
        return;
    ask(question, mr_arena_printf(call->arena, "database/%.*s", MR_ARG(database)));
    ask_below(question, "table", database, mr_json_get_text(call->in, "TableName"));
    ask_below(question, "table", database,
              mr_json_get_text(mr_json_get(call->in, "TableInput"), "Name"));
    if (mr_json_get(call->in, "DatabaseName") != NULL)
        ask_below(question, "table", database, mr_json_get_text(call->in, "Name"));
    yyjson_arr_foreach(mr_json_get(call->in, "TablesToDelete"), index, max, name)
    {
        ask_below(question, "table", database, mr_json_text(name));
    }
    ask_below(question, "userDefinedFunction", database,
              mr_json_get_text(call->in, "FunctionName"));
    ask_below(question, "userDefinedFunction", database,
              mr_json_get_text(mr_json_get(call->in, "FunctionInput"), "FunctionName"));
}

void glue_authorize(struct glue *glue, struct protocol_call *call)
{
    static const char *const others[] = {"Crawl",       "Classifier", "SecurityConfiguration",
                                         "TagResource", "GetTags",    NULL};
    yyjson_val *document = NULL;
    if (call->exchange == NULL || is_named(call->operation_name, others))
        return;
    const enum mr_status status = glue_doc(glue, call->arena, "policy", MR_S(""), &document);
    if (status != MR_OK) {
        protocol_fail_internal(call, status);
        return;
    }
    struct question question = {.call = call, .caller = policy_caller_of(call)};
    if (strcmp(call->operation_name, "DeleteResourcePolicy") == 0 &&
        question.caller.session.len == 0)
        return;
    question.policy =
        mr_json_parse(call->arena, mr_json_get_text(document, "PolicyInJson"), GLUE_JSON_DEPTH);
    ask_all(&question);
}
