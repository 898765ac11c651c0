/* Bucket policies and the block of public access: how they are put and told. access.c acts on
 * them. */
#include "s3/ops.h"

enum { POLICY_BYTES_MAX = 20480 };

/* ---- is it public? ---- */

static bool is_everybody(yyjson_val *principal)
{
    if (yyjson_is_str(principal))
        return mr_slice_equal(mr_json_text(principal), MR_S("*"));
    yyjson_val *aws = mr_json_get(principal, "AWS");
    if (yyjson_is_str(aws))
        return mr_slice_equal(mr_json_text(aws), MR_S("*"));
    size_t at, count;
    yyjson_val *one;
    yyjson_arr_foreach(aws, at, count, one)
    {
        if (mr_slice_equal(mr_json_text(one), MR_S("*")))
            return true;
    }
    return false;
}

static bool statement_is_public(yyjson_val *statement)
{
    return mr_slice_equal(mr_json_get_text(statement, "Effect"), MR_S("Allow")) &&
           (mr_json_get(statement, "Principal") == NULL || /* all but some */
            is_everybody(mr_json_get(statement, "Principal"))) &&
           !s3_policy_conditions_fix(mr_json_get(statement, "Condition"));
}

bool s3_policy_is_public(yyjson_val *policy)
{
    yyjson_val *statements = mr_json_get(policy, "Statement");
    if (yyjson_is_obj(statements))
        return statement_is_public(statements);
    size_t at, count;
    yyjson_val *statement;
    yyjson_arr_foreach(statements, at, count, statement)
    {
        if (statement_is_public(statement))
            return true;
    }
    return false;
}

/* ---- policy ---- */

static void get_policy(struct protocol_call *call)
{
    s3_config_give(call, "policy", "Policy", NULL, &s3_no_policy,
                   "The bucket policy does not exist");
}

static void get_policy_status(struct protocol_call *call)
{
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    const struct mr_slice text = mr_json_get_text(document, "policy");
    if (text.len == 0) {
        protocol_fail_member(call, "BucketName", s3_in(call, "Bucket"));
        protocol_fail(call, &s3_no_policy, "The bucket policy does not exist");
        return;
    }
    mr_json_key(&call->out, "PolicyStatus");
    mr_json_object(&call->out);
    mr_json_key_bool(&call->out, "IsPublic",
                     s3_policy_is_public(mr_json_parse(call->arena, text, MR_JSON_DEPTH_MAX)));
    mr_json_object_end(&call->out);
}

bool s3_blocks_public(yyjson_val *document, const char *setting)
{
    yyjson_val *block = mr_json_get(document, "public_access");
    /* AWS: on in a new bucket, since April 2023. */
    return block == NULL || mr_json_get_bool(block, setting, false);
}

static void put_policy(struct protocol_call *call)
{
    const struct mr_slice text = s3_in(call, "Policy");
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    if (text.len > POLICY_BYTES_MAX) {
        protocol_fail(call, &s3_policy_too_large,
                      "Policy exceeds the maximum allowed document size.");
        return;
    }
    yyjson_val *policy = mr_json_parse(call->arena, text, 64);
    if (s3_policy_check(call, policy) != MR_OK)
        return;
    if (s3_policy_is_public(policy) && s3_blocks_public(document, "BlockPublicPolicy")) {
        protocol_fail(call, &s3_access_denied,
                      "User: arn:aws:iam::%.*s:root is not authorized to perform: "
                      "s3:PutBucketPolicy on resource: \"arn:aws:s3:::%.*s\" because public "
                      "policies are blocked by the BlockPublicPolicy block public access setting.",
                      MR_ARG(call->account), MR_ARG(s3_in(call, "Bucket")));
        return;
    }
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_string(&json, text);
    s3_config_store(call, "policy", mr_buf_slice(&buf));
    call->status = 204; /* AWS, against its model */
    mr_buf_fini(&buf);
}

static void delete_policy(struct protocol_call *call)
{
    s3_config_store(call, "policy", MR_S(""));
}

/* ---- public access block ---- */

static void get_access_block(struct protocol_call *call)
{
    s3_config_give(call, "public_access", "PublicAccessBlockConfiguration",
                   "{\"BlockPublicAcls\":true,\"IgnorePublicAcls\":true,\"BlockPublicPolicy\":true,"
                   "\"RestrictPublicBuckets\":true}",
                   &s3_no_access_block, "The public access block configuration was not found");
}

static void put_access_block(struct protocol_call *call)
{
    static const char *const names[] = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                        "RestrictPublicBuckets"};
    yyjson_val *wanted = mr_json_get(call->in, "PublicAccessBlockConfiguration");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(names); i++)
        mr_json_key_bool(&json, names[i], mr_json_get_bool(wanted, names[i], false));
    mr_json_object_end(&json);
    s3_config_store(call, "public_access", mr_buf_slice(&buf));
    mr_buf_fini(&buf);
}

static void delete_access_block(struct protocol_call *call)
{
    s3_config_store(call, "public_access", MR_S("false"));
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketPolicy", .run = delete_policy},
    {.operation = "DeletePublicAccessBlock", .run = delete_access_block},
    {.operation = "GetBucketPolicy", .run = get_policy},
    {.operation = "GetBucketPolicyStatus", .run = get_policy_status},
    {.operation = "GetPublicAccessBlock", .run = get_access_block},
    {.operation = "PutBucketPolicy", .run = put_policy},
    {.operation = "PutPublicAccessBlock", .run = put_access_block},
};
const struct s3_handlers s3_policy_handlers = {handlers, MR_COUNT(handlers)};
