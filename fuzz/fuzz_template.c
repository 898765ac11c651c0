/* Any bytes as a CloudFormation template: it is refused with a reason, or its resources and outputs
 * are evaluated, each to a value or to a reason, never to both. */
#include "cloudformation/evaluate.h"
#include "cloudformation/parameters.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum mr_status look_up(void *ctx, struct mr_slice logical, struct mr_slice attribute,
                              struct mr_slice *ret_value)
{
    (void)ctx;
    *ret_value = attribute.len > 0 ? attribute : logical;
    return MR_OK;
}

static void evaluate_all(struct evaluation *evaluation, yyjson_val *section)
{
    yyjson_val *key, *member;
    size_t i, count;
    if (section == NULL)
        return;
    yyjson_obj_foreach(section, i, count, key, member)
    {
        yyjson_val *value = evaluate(evaluation, member);
        if (value != NULL && evaluation->error.len > 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    struct template template;
    struct mr_slice error = MR_S("");
    mr_arena_init(&arena);
    struct evaluation evaluation = {
        .arena = &arena,
        .template = &template,
        .region = MR_S("us-east-1"),
        .account = MR_S("000000000000"),
        .stack_name = MR_S("stack"),
        .stack_id = MR_S("arn"),
        .resource = look_up,
    };
    enum mr_status status = template_parse(&arena, mr_slice_make(data, size), &template, &error);
    if (status == MR_OK)
        status = parameters_resolve(&arena, &template, NULL, NULL, &evaluation.parameters, &error);
    if ((status == MR_OK) != (error.len == 0))
        abort();
    if (status == MR_OK) {
        evaluate_all(&evaluation, template.resources);
        evaluate_all(&evaluation, template.outputs);
    }
    mr_arena_fini(&arena);
    return 0;
}
