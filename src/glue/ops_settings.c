/* The wire: settings of the catalog as a whole: resource policies, encryption, where it came from.
 * What a policy says is in access.c; encryption is told and not done, as everywhere here.
 * Stored: "glue/policy/<ARN>" (of the catalog: no ARN), "glue/settings/encryption". */
#include "base/codec.h"
#include "glue/internal.h"

static const struct protocol_fault fault_condition = {"ConditionCheckFailureException", 400, false};

/* ---- resource policies ---- */

/* A catalog's own ARN names the same policy as none. */
static struct mr_slice policy_name(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceArn");
    return mr_slice_ends_with(arn, MR_S(":catalog")) ? MR_S("") : arn;
}

/* Do the conditions that the call sets hold for the policy there is (or not)? */
static bool policy_conditions(struct protocol_call *call, yyjson_val *old)
{
    struct mr_slice hash = mr_json_get_text(call->in, "PolicyHashCondition");
    struct mr_slice exists = mr_json_get_text(call->in, "PolicyExistsCondition");
    if (old == NULL && (hash.len > 0 || mr_slice_equal(exists, MR_S("MUST_EXIST")))) {
        protocol_fail(call, &glue_fault_not_found, "Policy not found");
        return false;
    }
    if (old != NULL && mr_slice_equal(exists, MR_S("NOT_EXIST"))) {
        protocol_fail(call, &fault_condition, "Policy already exists");
        return false;
    }
    if (hash.len > 0 && !mr_slice_equal(hash, mr_json_get_text(old, "PolicyHash"))) {
        protocol_fail(call, &fault_condition, "Policy hash does not match the current policy");
        return false;
    }
    return true;
}

static struct mr_slice policy_json(struct protocol_call *call, yyjson_val *old,
                                   struct mr_slice *ret_hash)
{
    struct glue *glue = call->service;
    struct mr_slice policy = mr_json_get_text(call->in, "PolicyInJson");
    const double now = (double)store_now(glue->store) / 1000;
    uint8_t digest[16];
    mr_md5(policy, digest);
    *ret_hash = mr_base64(call->arena, mr_slice_make(digest, sizeof digest));
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "PolicyInJson", policy);
    mr_json_key_string(&json, "PolicyHash", *ret_hash);
    mr_json_key_number(&json, "CreateTime", mr_json_get_double(old, "CreateTime", now));
    mr_json_key_number(&json, "UpdateTime", now);
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static bool is_policy(struct protocol_call *call, struct mr_slice text)
{
    yyjson_val *policy = mr_json_parse(call->arena, text, GLUE_JSON_DEPTH);
    if (yyjson_is_obj(policy) && mr_json_get(policy, "Statement") != NULL)
        return true;
    protocol_fail(call, &glue_fault_invalid_input, "Policy is not valid JSON.");
    return false;
}

static void put_resource_policy(struct protocol_call *call)
{
    struct glue *glue = call->service;
    yyjson_val *old = NULL;
    struct mr_slice hash = {0}, name = policy_name(call);
    if (!is_policy(call, mr_json_get_text(call->in, "PolicyInJson")))
        return;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_doc(glue, call->arena, "policy", name, &old);
    if (status >= 0 && policy_conditions(call, old)) {
        store_doc_put(&entry, "glue", "policy", name, policy_json(call, old, &hash));
        status = store_commit(glue->store, &entry, &call->ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    mr_json_key_string(&call->out, "PolicyHash", hash);
    protocol_fail_internal(call, status);
}

static void get_resource_policy(struct protocol_call *call)
{
    static const char *const none[] = {NULL};
    yyjson_val *policy = NULL;
    enum mr_status status =
        glue_doc(call->service, call->arena, "policy", policy_name(call), &policy);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Policy not found");
    glue_copy_members(&call->out, policy, none);
    protocol_fail_internal(call, status);
}

static void delete_resource_policy(struct protocol_call *call)
{
    struct glue *glue = call->service;
    yyjson_val *old = NULL;
    struct mr_slice name = policy_name(call);
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_doc(glue, call->arena, "policy", name, &old);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Policy not found");
    if (status == MR_OK && policy_conditions(call, old)) {
        store_doc_delete(&entry, "glue", "policy", name);
        status = store_commit(glue->store, &entry, &call->ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    protocol_fail_internal(call, status);
}

static void get_resource_policies(struct protocol_call *call)
{
    glue_docs_list(call, "policy", "GetResourcePoliciesResponseList");
}

/* ---- encryption, import ---- */

static void put_encryption(struct protocol_call *call)
{
    struct glue *glue = call->service;
    yyjson_val *settings = mr_json_get(call->in, "DataCatalogEncryptionSettings");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, settings);
    struct store_entry entry = store_entry_make(call->arena);
    store_doc_put(&entry, "glue", "settings", MR_S("encryption"), mr_buf_slice(&buf));
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_commit(glue->store, &entry, &call->ticket);
    pthread_mutex_unlock(&glue->lock);
    mr_buf_fini(&buf);
    protocol_fail_internal(call, status);
}

static void get_encryption(struct protocol_call *call)
{
    static const struct {
        const char *name, *value;
    } defaults[] = {
        {"EncryptionAtRest", "{\"CatalogEncryptionMode\":\"DISABLED\"}"},
        {"ConnectionPasswordEncryption", "{\"ReturnConnectionPasswordEncrypted\":false}"},
    };
    yyjson_val *settings = NULL;
    enum mr_status status =
        glue_doc(call->service, call->arena, "settings", MR_S("encryption"), &settings);
    mr_json_key(&call->out, "DataCatalogEncryptionSettings");
    mr_json_object(&call->out);
    for (size_t i = 0; i < MR_COUNT(defaults); i++) {
        yyjson_val *value = mr_json_get(settings, defaults[i].name);
        if (value != NULL)
            mr_json_key_value(&call->out, defaults[i].name, value);
        else
            mr_json_key_raw(&call->out, defaults[i].name, mr_slice_cstr(defaults[i].value));
    }
    mr_json_object_end(&call->out);
    protocol_fail_internal(call, status);
}

/* There never was an older catalog of Athena's to bring over. */
static void get_import_status(struct protocol_call *call)
{
    mr_json_key_raw(&call->out, "ImportStatus", MR_S("{\"ImportCompleted\":true}"));
}

/* There is no older catalog of Athena's that could be left: all is here, as the status tells. */
static void import_catalog(struct protocol_call *call)
{
    (void)call;
}

const struct protocol_handler glue_settings_handlers[] = {
    {.operation = "PutResourcePolicy", .run = put_resource_policy},
    {.operation = "GetResourcePolicy", .run = get_resource_policy},
    {.operation = "GetResourcePolicies", .run = get_resource_policies},
    {.operation = "DeleteResourcePolicy", .run = delete_resource_policy},
    {.operation = "PutDataCatalogEncryptionSettings", .run = put_encryption},
    {.operation = "GetDataCatalogEncryptionSettings", .run = get_encryption},
    {.operation = "GetCatalogImportStatus", .run = get_import_status},
    {.operation = "ImportCatalogToGlue", .run = import_catalog},
};
const size_t glue_settings_handler_count = MR_COUNT(glue_settings_handlers);
