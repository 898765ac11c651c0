/* Access control lists as requests ask for them: by a canned name, by headers that grant, or as a
 * document. A list is kept as the JSON array of its grants, in the names of the model; nothing is
 * kept of one that gives the owner full control and nobody else anything. What a list grants to
 * everybody, access.c looks at; the account's own callers need no list. */
#include "s3/ops.h"

enum { GRANTS_MAX = 100, CANONICAL_ID_TEXT = 64 };

#define GROUPS "http://acs.amazonaws.com/groups/"
static const char all_users[] = GROUPS "global/AllUsers";
static const char authenticated[] = GROUPS "global/AuthenticatedUsers";
static const char log_delivery[] = GROUPS "s3/LogDelivery";
/* AWS: who reads the images that virtual machines are made from. */
static const char ec2[] = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c";
#undef GROUPS

struct grants {
    struct protocol_call *call;
    struct mr_buf buf;
    struct mr_json json;
    size_t count;
    bool others; /* somebody else is granted something, or the owner less than all */
    struct s3_acl *acl;
};

static bool is_public(struct mr_slice group)
{
    return mr_slice_equal(group, mr_slice_cstr(all_users)) ||
           mr_slice_equal(group, mr_slice_cstr(authenticated));
}

static void grant_add(struct grants *grants, bool group, struct mr_slice who,
                      struct mr_slice permission)
{
    char owner[S3_OWNER_ID_TEXT];
    s3_owner_id(grants->call->account, owner);
    const bool all = mr_slice_equal(permission, MR_S("FULL_CONTROL"));
    grants->others = grants->others || !all || !mr_slice_equal(who, mr_slice_cstr(owner));
    grants->acl->everybody = grants->acl->everybody || (group && is_public(who));
    grants->count++;
    mr_json_object(&grants->json);
    mr_json_key(&grants->json, "Grantee");
    mr_json_object(&grants->json);
    mr_json_key_cstr(&grants->json, "Type", group ? "Group" : "CanonicalUser");
    mr_json_key_string(&grants->json, group ? "URI" : "ID", who);
    mr_json_object_end(&grants->json);
    mr_json_key_string(&grants->json, "Permission", permission);
    mr_json_object_end(&grants->json);
}

/* ---- canned lists ---- */

static void owner_add(struct grants *grants)
{
    char owner[S3_OWNER_ID_TEXT];
    s3_owner_id(grants->call->account, owner);
    grant_add(grants, false, mr_slice_cstr(owner), MR_S("FULL_CONTROL"));
}

static enum mr_status canned_read(struct grants *grants, struct mr_slice name, bool bucket)
{
    static const struct {
        const char *name;
        const char *who;
        const char *permissions[2];
        bool group, of_buckets, of_objects;
    } canned[] = {
        {"private", NULL, {NULL}, false, true, true},
        {"public-read", all_users, {"READ"}, true, true, true},
        {"public-read-write", all_users, {"READ", "WRITE"}, true, true, true},
        {"authenticated-read", authenticated, {"READ"}, true, true, true},
        {"aws-exec-read", ec2, {"READ"}, false, true, true},
        {"log-delivery-write", log_delivery, {"WRITE", "READ_ACP"}, true, true, false},
        /* The bucket's owner owns its objects, and has all already. */
        {"bucket-owner-read", NULL, {NULL}, false, true, true},
        {"bucket-owner-full-control", NULL, {NULL}, false, true, true},
    };
    size_t at = 0;
    while (at < MR_COUNT(canned) && !(mr_slice_equal(name, mr_slice_cstr(canned[at].name)) &&
                                      (bucket ? canned[at].of_buckets : canned[at].of_objects)))
        at++;
    if (at == MR_COUNT(canned))
        return s3_fail_argument(grants->call, "x-amz-acl", name, "");
    owner_add(grants);
    for (size_t i = 0; i < MR_COUNT(canned[at].permissions); i++)
        if (canned[at].permissions[i] != NULL)
            grant_add(grants, canned[at].group, mr_slice_cstr(canned[at].who),
                      mr_slice_cstr(canned[at].permissions[i]));
    return MR_OK;
}

/* ---- grantees ---- */

static bool canonical(struct mr_slice id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!((id.ptr[i] >= '0' && id.ptr[i] <= '9') || (id.ptr[i] >= 'a' && id.ptr[i] <= 'f')))
            return false;
    return id.len == CANONICAL_ID_TEXT;
}

/* AWS: who is none is told by its place: "id" of a header, "CanonicalUser/ID" of a document. */
static enum mr_status user_add(struct grants *grants, const char *place, struct mr_slice id,
                               struct mr_slice permission)
{
    if (!canonical(id))
        return s3_fail_argument(grants->call, place, id, "Invalid id");
    grant_add(grants, false, id, permission);
    return MR_OK;
}

static enum mr_status group_add(struct grants *grants, const char *place, struct mr_slice uri,
                                struct mr_slice permission)
{
    if (!is_public(uri) && !mr_slice_equal(uri, mr_slice_cstr(log_delivery)))
        return s3_fail_argument(grants->call, place, uri, "Invalid group uri");
    grant_add(grants, true, uri, permission);
    return MR_OK;
}

/* AWS: since October 2025. */
static enum mr_status fail_email(struct grants *grants)
{
    return protocol_fail(grants->call, &s3_method_not_allowed,
                         "The specified method is not allowed against this resource.");
}

/* ---- headers: id="...", uri="..." ---- */

static const struct {
    const char *member, *header, *permission;
} grant_headers[] = {
    {"GrantFullControl", "x-amz-grant-full-control", "FULL_CONTROL"},
    {"GrantRead", "x-amz-grant-read", "READ"},
    {"GrantReadACP", "x-amz-grant-read-acp", "READ_ACP"},
    {"GrantWrite", "x-amz-grant-write", "WRITE"},
    {"GrantWriteACP", "x-amz-grant-write-acp", "WRITE_ACP"},
};

static enum mr_status grantee_read(struct grants *grants, struct mr_slice one, size_t header)
{
    const struct mr_slice permission = mr_slice_cstr(grant_headers[header].permission);
    const size_t equals = mr_slice_find(one, '=');
    const struct mr_slice kind = mr_slice_trim(mr_slice_sub(one, 0, equals));
    struct mr_slice who = {0};
    if (equals != SIZE_MAX)
        who = mr_slice_trim(mr_slice_sub(one, equals + 1, SIZE_MAX));
    if (who.len >= 2 && who.ptr[0] == '"' && who.ptr[who.len - 1] == '"')
        who = mr_slice_sub(who, 1, who.len - 2);
    if (equals != SIZE_MAX && mr_slice_equal_nocase(kind, MR_S("id")))
        return user_add(grants, "id", who, permission);
    if (equals != SIZE_MAX && mr_slice_equal_nocase(kind, MR_S("uri")))
        return group_add(grants, "uri", who, permission);
    if (equals != SIZE_MAX && mr_slice_equal_nocase(kind, MR_S("emailAddress")))
        return fail_email(grants);
    return s3_fail_argument(grants->call, grant_headers[header].header,
                            s3_in(grants->call, grant_headers[header].member),
                            "Argument format not recognized");
}

static enum mr_status headers_read(struct grants *grants)
{
    for (size_t i = 0; i < MR_COUNT(grant_headers); i++) {
        struct mr_slice rest = s3_in(grants->call, grant_headers[i].member), one;
        while (rest.ptr != NULL && mr_slice_split(&rest, ',', &one)) {
            const enum mr_status status = grantee_read(grants, one, i);
            if (status != MR_OK)
                return status;
        }
    }
    return MR_OK;
}

/* ---- documents ---- */

static enum mr_status fail_malformed(struct protocol_call *call)
{
    return protocol_fail(call, &s3_malformed_acl,
                         "The XML you provided was not well-formed or did not validate against "
                         "our published schema");
}

static bool permission_known(struct mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT(grant_headers); i++)
        if (mr_slice_equal(name, mr_slice_cstr(grant_headers[i].permission)))
            return true;
    return false;
}

static enum mr_status grant_read(struct grants *grants, yyjson_val *grant)
{
    yyjson_val *grantee = mr_json_get(grant, "Grantee");
    const struct mr_slice type = mr_json_get_text(grantee, "Type");
    const struct mr_slice permission = mr_json_get_text(grant, "Permission");
    if (!permission_known(permission))
        return fail_malformed(grants->call);
    if (mr_slice_equal(type, MR_S("CanonicalUser")) && mr_json_get(grantee, "ID") != NULL)
        return user_add(grants, "CanonicalUser/ID", mr_json_get_text(grantee, "ID"), permission);
    if (mr_slice_equal(type, MR_S("Group")) && mr_json_get(grantee, "URI") != NULL)
        return group_add(grants, "Group/URI", mr_json_get_text(grantee, "URI"), permission);
    if (mr_slice_equal(type, MR_S("AmazonCustomerByEmail")))
        return fail_email(grants);
    return fail_malformed(grants->call);
}

static enum mr_status document_read(struct grants *grants, yyjson_val *policy)
{
    char owner[S3_OWNER_ID_TEXT];
    yyjson_val *list = mr_json_get(policy, "Grants");
    const struct mr_slice owner_told = mr_json_get_text(mr_json_get(policy, "Owner"), "ID");
    size_t at, count;
    yyjson_val *grant;
    s3_owner_id(grants->call->account, owner);
    if (owner_told.len == 0 || list == NULL || yyjson_arr_size(list) > GRANTS_MAX)
        return fail_malformed(grants->call);
    if (!mr_slice_equal(owner_told, mr_slice_cstr(owner)))
        return protocol_fail(grants->call, &s3_access_denied, "Access Denied");
    grants->others = yyjson_arr_size(list) == 0;
    yyjson_arr_foreach(list, at, count, grant)
    {
        if (grant_read(grants, grant) != MR_OK)
            return MR_FAULT;
    }
    return MR_OK;
}

/* ---- the request ---- */

static enum mr_status grants_read(struct grants *grants, bool bucket)
{
    struct protocol_call *call = grants->call;
    const struct mr_slice canned = s3_in(call, "ACL");
    yyjson_val *policy = mr_json_get(call->in, "AccessControlPolicy");
    bool headers = false;
    for (size_t i = 0; i < MR_COUNT(grant_headers); i++)
        headers = headers || s3_in(call, grant_headers[i].member).len > 0;
    grants->acl->asked = canned.len > 0 || headers || policy != NULL;
    if (canned.len > 0 && headers)
        return protocol_fail(call, &s3_invalid_request,
                             "Specifying both Canned ACLs and Header Grants is not allowed");
    if ((canned.len > 0 || headers) && policy != NULL)
        return protocol_fail(call, &s3_unexpected_content, "This request does not support content");
    if (canned.len > 0)
        return canned_read(grants, canned, bucket);
    return policy != NULL ? document_read(grants, policy) : headers_read(grants);
}

enum mr_status s3_acl_parse(struct protocol_call *call, bool bucket, struct s3_acl *ret_acl)
{
    struct grants grants = {.call = call, .acl = ret_acl};
    *ret_acl = (struct s3_acl){.grants = MR_S("")};
    grants.json = mr_json_make(&grants.buf);
    mr_json_array(&grants.json);
    const enum mr_status status = grants_read(&grants, bucket);
    mr_json_array_end(&grants.json);
    if (status == MR_OK && grants.others)
        ret_acl->grants = mr_arena_copy(call->arena, mr_buf_slice(&grants.buf));
    mr_buf_fini(&grants.buf);
    return status;
}
