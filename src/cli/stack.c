/* CreateStack or UpdateStack, then DescribeStacks until the stack rests. */
#include "cli/stack.h"
#include "base/codec.h"
#include <stdio.h>

enum { WAIT_MS_MAX = 600000 };

static void add_member(struct mr_buf *form, const char *name, struct mr_slice value)
{
    mr_buf_printf(form, "&%s=", name);
    mr_percent_encode(form, value, false);
}

static void make_form(struct mr_buf *form, const char *action, const char *name,
                      struct mr_slice template, const struct stack_parameter *parameters,
                      size_t count)
{
    mr_buf_printf(form, "Action=%s&Version=2010-05-15", action);
    add_member(form, "StackName", mr_slice_cstr(name));
    if (template.ptr == NULL)
        return;
    add_member(form, "TemplateBody", template);
    add_member(form, "Capabilities.member.1", MR_S("CAPABILITY_NAMED_IAM"));
    for (size_t i = 0; i < count; i++) {
        char member[64];
        (void)snprintf(member, sizeof member, "Parameters.member.%zu.ParameterKey", i + 1);
        add_member(form, member, parameters[i].name);
        (void)snprintf(member, sizeof member, "Parameters.member.%zu.ParameterValue", i + 1);
        add_member(form, member, parameters[i].value);
    }
}

static enum mr_status ask(struct client *client, struct mr_arena *arena, const char *action,
                          const char *name, struct mr_slice template,
                          const struct stack_parameter *parameters, size_t count,
                          struct client_reply *reply)
{
    struct mr_buf form = {0};
    make_form(&form, action, name, template, parameters, count);
    const enum mr_status status =
        client_query(client, arena, "cloudformation", mr_buf_slice(&form), reply);
    mr_buf_fini(&form);
    return status;
}

static struct mr_slice text_of(const struct xml_node *node, const char *name)
{
    const struct xml_node *child = node == NULL ? NULL : xml_child(node, mr_slice_cstr(name));
    return child == NULL ? MR_S("") : child->text;
}

/* Result/Stacks/member */
static const struct xml_node *stack_node(const struct client_reply *reply)
{
    static const char *const path[] = {"DescribeStacksResult", "Stacks", "member"};
    const struct xml_node *node = reply->xml;
    for (size_t i = 0; node != NULL && i < MR_COUNT(path); i++)
        node = xml_child(node, mr_slice_cstr(path[i]));
    return node;
}

static void read_outputs(struct mr_arena *arena, const struct xml_node *stack,
                         struct stack_outputs *outputs)
{
    const struct xml_node *list = xml_child(stack, MR_S("Outputs"));
    size_t count = 0;
    for (const struct xml_node *node = list == NULL ? NULL : list->first; node != NULL;
         node = node->next)
        count++;
    outputs->items = MR_NEW_ARRAY(arena, struct stack_parameter, count + 1);
    for (const struct xml_node *node = list == NULL ? NULL : list->first; node != NULL;
         node = node->next)
        outputs->items[outputs->count++] = (struct stack_parameter){
            .name = text_of(node, "OutputKey"), .value = text_of(node, "OutputValue")};
}

static void tell_failures(struct client *client, struct mr_arena *arena, const char *name)
{
    struct client_reply reply;
    if (ask(client, arena, "DescribeStackEvents", name, (struct mr_slice){0}, NULL, 0, &reply) !=
            MR_OK ||
        reply.xml == NULL)
        return;
    const struct xml_node *result = xml_child(reply.xml, MR_S("DescribeStackEventsResult"));
    const struct xml_node *list = result == NULL ? NULL : xml_child(result, MR_S("StackEvents"));
    for (const struct xml_node *node = list == NULL ? NULL : list->first; node != NULL;
         node = node->next) {
        const struct mr_slice state = text_of(node, "ResourceStatus");
        const struct mr_slice reason = text_of(node, "ResourceStatusReason");
        if (mr_slice_ends_with(state, MR_S("_FAILED")) && reason.len > 0)
            (void)fprintf(stderr, "millrace: up: %.*s: %.*s: %.*s\n",
                          MR_ARG(text_of(node, "LogicalResourceId")), MR_ARG(state),
                          MR_ARG(reason));
    }
}

static enum mr_status wait_for(struct client *client, struct mr_arena *arena, const char *name,
                               struct stack_outputs *outputs)
{
    for (int64_t waited = 0, wait = 5; waited < WAIT_MS_MAX; waited += wait) {
        struct client_reply reply;
        if (ask(client, arena, "DescribeStacks", name, (struct mr_slice){0}, NULL, 0, &reply) !=
            MR_OK) {
            client_complain("up", &reply);
            return MR_FAULT;
        }
        const struct xml_node *stack = stack_node(&reply);
        const struct mr_slice state = text_of(stack, "StackStatus");
        if (mr_slice_equal(state, MR_S("CREATE_COMPLETE")) ||
            mr_slice_equal(state, MR_S("UPDATE_COMPLETE"))) {
            read_outputs(arena, stack, outputs);
            return MR_OK;
        }
        if (!mr_slice_ends_with(state, MR_S("_IN_PROGRESS"))) {
            (void)fprintf(stderr, "millrace: up: stack %s is %.*s\n", name, MR_ARG(state));
            tell_failures(client, arena, name);
            return MR_FAULT;
        }
        client_pause(wait);
        wait = wait < 200 ? wait * 2 : wait;
    }
    (void)fprintf(stderr, "millrace: up: stack %s takes too long\n", name);
    return MR_FAULT;
}

enum mr_status stack_deploy(struct client *client, struct mr_arena *arena, const char *name,
                            struct mr_slice template, const struct stack_parameter *parameters,
                            size_t count, struct stack_outputs *ret_outputs)
{
    struct client_reply reply;
    *ret_outputs = (struct stack_outputs){0};
    enum mr_status status =
        ask(client, arena, "CreateStack", name, template, parameters, count, &reply);
    if (status != MR_OK && mr_slice_equal(reply.code, MR_S("AlreadyExistsException"))) {
        status = ask(client, arena, "UpdateStack", name, template, parameters, count, &reply);
        if (status != MR_OK &&
            mr_slice_equal(reply.message, MR_S("No updates are to be performed."))) {
            (void)fprintf(stderr, "stack %s is as the template says\n", name);
            status = MR_OK;
        }
    }
    if (status != MR_OK) {
        client_complain("up", &reply);
        return MR_FAULT;
    }
    return wait_for(client, arena, name, ret_outputs);
}

struct mr_slice stack_output(const struct stack_outputs *outputs, const char *name)
{
    for (size_t i = 0; i < outputs->count; i++)
        if (mr_slice_equal(outputs->items[i].name, mr_slice_cstr(name)))
            return outputs->items[i].value;
    return MR_S("");
}
