/* Uploads by a browser's form: POST of multipart/form-data to a bucket. The fields say what headers
 * of a PutObject would; a signed policy says what they may be. The form is read whole, so it is as
 * large as a request in memory may be; larger objects come by PutObject or in parts. */
#include "s3/ops.h"
#include "protocol/sigv4.h"
#include "protocol/xml.h"

enum {
    FIELDS_MAX = 100,
    FIELDS_BYTES_MAX = 20 * 1024 /* AWS: all that is before the file's text */
};

struct field {
    struct mr_slice name, value; /* the name in lower case */
};
struct form {
    struct protocol_call *call;
    struct field fields[FIELDS_MAX];
    size_t count;
    struct mr_slice file, filename;
    bool has_file;
};

static const struct protocol_fault bad_policy = {"InvalidPolicyDocument", 400, false};
static const struct protocol_fault mismatch = {"SignatureDoesNotMatch", 403, false};
static const struct protocol_fault unknown_key = {"InvalidAccessKeyId", 403, false};
static const struct protocol_fault large_fields = {"MaxPostPreDataLengthExceededError", 400, false};
static const struct protocol_fault bad_form = {"MalformedPOSTRequest", 400, false};

static struct mr_slice field(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (mr_slice_equal(form->fields[i].name, mr_slice_cstr(name)))
            return form->fields[i].value;
    return (struct mr_slice){0};
}

static struct mr_slice lowered(struct mr_arena *arena, struct mr_slice text)
{
    char *copy = mr_arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] - 'A' + 'a');
    return mr_slice_make(copy, text.len);
}

static bool form_has(const struct form *form, const char *name)
{
    const struct mr_slice low = lowered(form->call->arena, mr_slice_cstr(name));
    return field(form, mr_arena_cstr(form->call->arena, low)).ptr != NULL;
}

/* ---- multipart/form-data ---- */

/* name="value" or name=value of a header's text; ptr NULL: absent. */
static struct mr_slice parameter(struct mr_slice header, const char *name)
{
    struct mr_slice part;
    while (header.ptr != NULL && mr_slice_split(&header, ';', &part)) {
        const size_t equals = mr_slice_find(part, '=');
        if (equals == SIZE_MAX ||
            !mr_slice_equal_nocase(mr_slice_trim(mr_slice_sub(part, 0, equals)),
                                   mr_slice_cstr(name)))
            continue;
        struct mr_slice value = mr_slice_trim(mr_slice_sub(part, equals + 1, SIZE_MAX));
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = mr_slice_sub(value, 1, value.len - 2);
        return value;
    }
    return (struct mr_slice){0};
}

static struct mr_slice disposition_of(struct mr_slice headers)
{
    struct mr_slice line;
    while (headers.ptr != NULL && mr_slice_split(&headers, '\n', &line)) {
        const size_t colon = mr_slice_find(line, ':');
        if (colon != SIZE_MAX &&
            mr_slice_equal_nocase(mr_slice_sub(line, 0, colon), MR_S("Content-Disposition")))
            return mr_slice_trim(mr_slice_sub(line, colon + 1, SIZE_MAX));
    }
    return (struct mr_slice){0};
}

/* AWS: of a whole path, what is behind the last slash or backslash. */
static struct mr_slice bare_name(struct mr_slice path)
{
    size_t at = path.len;
    while (at > 0 && path.ptr[at - 1] != '/' && path.ptr[at - 1] != '\\')
        at--;
    return mr_slice_sub(path, at, SIZE_MAX);
}

/* AWS: what comes behind the file is not looked at. */
static enum mr_status part_take(struct form *form, struct mr_slice part)
{
    struct mr_arena *arena = form->call->arena;
    const size_t gap = mr_slice_search(part, MR_S("\r\n\r\n"));
    if (gap == SIZE_MAX)
        return MR_INVALID;
    const struct mr_slice disposition = disposition_of(mr_slice_sub(part, 0, gap));
    const struct mr_slice name = lowered(arena, parameter(disposition, "name"));
    const struct mr_slice value = mr_slice_sub(part, gap + 4, SIZE_MAX);
    if (form->has_file)
        return MR_OK;
    if (mr_slice_equal(name, MR_S("file"))) {
        form->has_file = true;
        form->file = value;
        form->filename = bare_name(parameter(disposition, "filename"));
        return MR_OK;
    }
    if (name.len == 0 || form->count == FIELDS_MAX || !mr_slice_is_utf8(value))
        return MR_INVALID;
    form->fields[form->count++] = (struct field){name, value};
    return MR_OK;
}

static enum mr_status fail_absent(struct protocol_call *call, const char *name)
{
    return s3_fail_argument(
        call, name, MR_S(""),
        mr_arena_cstr(call->arena,
                      mr_arena_printf(call->arena,
                                      "Bucket POST must contain a field named '%s'.  If it is "
                                      "specified, please check the order of the fields.",
                                      name)));
}

static enum mr_status form_read(struct form *form)
{
    struct protocol_call *call = form->call;
    const struct mr_slice boundary = parameter(protocol_header(call, "content-type"), "boundary");
    const struct mr_slice mark = mr_arena_printf(call->arena, "\r\n--%.*s", MR_ARG(boundary));
    struct mr_slice rest = call->exchange->body;
    enum mr_status status = boundary.len > 0 ? MR_OK : MR_INVALID;
    if (mr_slice_starts_with(rest, mr_slice_sub(mark, 2, SIZE_MAX)))
        rest = mr_slice_sub(rest, mark.len - 2, SIZE_MAX);
    else
        status = MR_INVALID;
    while (status == MR_OK && !mr_slice_starts_with(rest, MR_S("--"))) {
        const size_t end = mr_slice_search(rest, mark);
        if (end == SIZE_MAX || end < 2 || !mr_slice_starts_with(rest, MR_S("\r\n")))
            status = MR_INVALID;
        else
            status = part_take(form, mr_slice_sub(rest, 2, end - 2));
        rest = end == SIZE_MAX ? MR_S("--") : mr_slice_sub(rest, end + mark.len, SIZE_MAX);
    }
    if (status != MR_OK)
        return protocol_fail(call, &bad_form,
                             "The body of your POST request is not well-formed "
                             "multipart/form-data.");
    if (!form->has_file)
        return s3_fail_argument(call, "file", MR_S("0"),
                                "POST requires exactly one file upload per request.");
    if (form->file.ptr - call->exchange->body.ptr > FIELDS_BYTES_MAX)
        return protocol_fail(call, &large_fields,
                             "Your POST request fields preceding the upload file were too large.");
    return field(form, "key").len == 0 ? fail_absent(call, "key") : MR_OK;
}

/* ---- who signed the policy ---- */

static enum mr_status check_v4(struct form *form, struct mr_slice secret, struct mr_slice scope)
{
    struct mr_slice date, region, service;
    char wanted[SIGV4_HEX_BYTES + 1];
    (void)mr_slice_split(&scope, '/', &date);
    (void)mr_slice_split(&scope, '/', &region);
    (void)mr_slice_split(&scope, '/', &service);
    const struct sigv4_key key = sigv4_key_make(secret, date, region, service);
    sigv4_sign(&key, field(form, "policy"), wanted);
    return sigv4_equal(mr_slice_cstr(wanted), field(form, "x-amz-signature")) ? MR_OK : MR_INVALID;
}

static enum mr_status check_v2(struct form *form, struct mr_slice secret)
{
    uint8_t digest[20];
    mr_hmac_sha1(secret, field(form, "policy"), digest);
    const struct mr_slice wanted =
        mr_base64(form->call->arena, mr_slice_make(digest, sizeof digest));
    return sigv4_equal(wanted, field(form, "signature")) ? MR_OK : MR_INVALID;
}

/* AWS: what carries the policy comes whole, or not at all. */
static enum mr_status check_signed(struct form *form)
{
    static const char *const v4[] = {"policy", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date",
                                     "X-Amz-Signature"};
    static const char *const v2[] = {"policy", "AWSAccessKeyId", "signature"};
    bool is_v4 = false, any = false;
    for (size_t i = 1; i < MR_COUNT(v4); i++)
        is_v4 = is_v4 || form_has(form, v4[i]);
    for (size_t i = 0; i < MR_COUNT(v2); i++)
        any = any || is_v4 || form_has(form, v2[i]);
    const char *const *names = is_v4 ? v4 : v2;
    for (size_t i = 0; any && i < (is_v4 ? MR_COUNT(v4) : MR_COUNT(v2)); i++)
        if (!form_has(form, names[i]))
            return fail_absent(form->call, names[i]);
    return MR_OK;
}

/* With credentials a form must be signed; without, nobody looks at signatures. */
static enum mr_status check_signature(struct form *form)
{
    struct protocol_call *call = form->call;
    struct mr_slice scope = field(form, "x-amz-credential"), access_key, secret = {0};
    const bool v4 = scope.ptr != NULL;
    if (v4)
        (void)mr_slice_split(&scope, '/', &access_key);
    else
        access_key = field(form, "awsaccesskeyid");
    call->access_key = access_key.ptr == NULL ? MR_S("") : access_key;
    const enum mr_status known =
        protocol_secret_of(call, call->access_key, field(form, "x-amz-security-token"), &secret);
    if (known == MR_END)
        return MR_OK;
    if (field(form, "policy").ptr == NULL && call->access_key.len == 0) {
        call->anonymous = true; /* what anybody may do is seen later */
        return MR_OK;
    }
    if (check_signed(form) != MR_OK)
        return MR_FAULT;
    if (known == MR_NOT_FOUND) {
        protocol_fail_member(call, "AWSAccessKeyId", call->access_key);
        return protocol_fail(call, &unknown_key,
                             "The AWS Access Key Id you provided does not exist in our records.");
    }
    if ((v4 ? check_v4(form, secret, scope) : check_v2(form, secret)) == MR_OK)
        return MR_OK;
    protocol_fail_member(call, "AWSAccessKeyId", call->access_key);
    return protocol_fail(call, &mismatch,
                         "The request signature we calculated does not match the signature you "
                         "provided. Check your key and signing method.");
}

/* ---- what the policy allows ---- */

static enum mr_status fail_policy(struct protocol_call *call, const char *why)
{
    return protocol_fail(call, &s3_access_denied, "Invalid according to Policy: %s", why);
}

/* AWS: every condition is told in its long form. */
static enum mr_status fail_condition(struct protocol_call *call, const char *kind,
                                     struct mr_slice name, struct mr_slice wanted)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_string(&json, mr_arena_printf(call->arena, "$%.*s", MR_ARG(name)));
    const struct mr_slice named = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    json = mr_json_make(&buf);
    mr_json_string(&json, wanted);
    const enum mr_status status =
        protocol_fail(call, &s3_access_denied,
                      "Invalid according to Policy: Policy Condition failed: [\"%s\", %.*s, %.*s]",
                      kind, MR_ARG(named), MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return status;
}

static enum mr_status fail_simple(struct protocol_call *call, const char *why)
{
    return protocol_fail(call, &bad_policy, "Invalid Policy: Invalid Simple-Condition%s", why);
}

/* A bound of a length: some clients write numbers as texts. */
static bool bound_read(yyjson_val *value, int64_t *ret_bound)
{
    uint64_t number = 0;
    const bool whole = (yyjson_is_str(value) || mr_json_is_number(value)) &&
                       mr_slice_to_u64(mr_json_text(value), &number) == MR_OK;
    *ret_bound = number <= INT64_MAX ? (int64_t)number : INT64_MAX;
    return whole;
}

static enum mr_status check_length(struct form *form, yyjson_val *condition)
{
    struct protocol_call *call = form->call;
    const int64_t size = (int64_t)form->file.len;
    int64_t least, most;
    if (!bound_read(yyjson_arr_get(condition, 1), &least) ||
        !bound_read(yyjson_arr_get(condition, 2), &most))
        return fail_simple(call, ": content-length-range takes two numbers that are not negative");
    if (size >= least && size <= most)
        return MR_OK;
    protocol_fail_member(call, "ProposedSize",
                         mr_arena_printf(call->arena, "%lld", (long long)size));
    protocol_fail_member(
        call, size < least ? "MinSizeAllowed" : "MaxSizeAllowed",
        mr_arena_printf(call->arena, "%lld", (long long)(size < least ? least : most)));
    if (size < least)
        return protocol_fail(call, &s3_entity_too_small,
                             "Your proposed upload is smaller than the minimum allowed size");
    return protocol_fail(call, &s3_entity_too_large,
                         "Your proposed upload exceeds the maximum allowed size");
}

/* A field's value as the policy sees it. */
static struct mr_slice judged(const struct form *form, struct mr_slice name)
{
    if (mr_slice_starts_with(name, MR_S("$")))
        name = mr_slice_sub(name, 1, SIZE_MAX);
    name = lowered(form->call->arena, name);
    if (mr_slice_equal(name, MR_S("bucket")))
        return s3_in(form->call, "Bucket");
    return field(form, mr_arena_cstr(form->call->arena, name));
}

static bool starts(struct mr_slice value, struct mr_slice prefix, bool each)
{
    struct mr_slice one;
    if (!each)
        return mr_slice_starts_with(value, prefix);
    while (value.ptr != NULL && mr_slice_split(&value, ',', &one)) /* AWS: lists, for types */
        if (!mr_slice_starts_with(mr_slice_trim(one), prefix))
            return false;
    return true;
}

static enum mr_status check_pair(struct form *form, yyjson_val *condition)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(condition);
    yyjson_val *name = yyjson_obj_iter_next(&iter);
    yyjson_val *value = yyjson_obj_iter_get_val(name);
    if (yyjson_obj_size(condition) != 1)
        return fail_simple(form->call,
                           ": Simple-Conditions must have exactly one property specified.");
    if (!yyjson_is_str(value))
        return fail_simple(form->call, ": value must be a string.");
    return mr_slice_equal(judged(form, mr_json_text(name)), mr_json_text(value))
               ? MR_OK
               : fail_condition(form->call, "eq", mr_json_text(name), mr_json_text(value));
}

static enum mr_status check_condition(struct form *form, yyjson_val *condition)
{
    if (yyjson_is_obj(condition))
        return check_pair(form, condition);
    const struct mr_slice kind =
        lowered(form->call->arena, mr_json_text(yyjson_arr_get(condition, 0)));
    if (yyjson_arr_size(condition) != 3)
        return fail_simple(form->call, "");
    if (mr_slice_equal(kind, MR_S("content-length-range")))
        return check_length(form, condition);
    const struct mr_slice name = mr_json_text(yyjson_arr_get(condition, 1));
    const struct mr_slice wanted = mr_json_text(yyjson_arr_get(condition, 2));
    const struct mr_slice bare = mr_slice_sub(name, 1, SIZE_MAX);
    const bool equal = mr_slice_equal(kind, MR_S("eq"));
    if (!equal && !mr_slice_equal(kind, MR_S("starts-with")))
        return fail_simple(form->call, "");
    if (!yyjson_is_str(yyjson_arr_get(condition, 2)) || !mr_slice_starts_with(name, MR_S("$")))
        return fail_simple(form->call, "");
    const struct mr_slice value = judged(form, name);
    if (equal ? mr_slice_equal(value, wanted)
              : starts(value, wanted, mr_slice_equal_nocase(bare, MR_S("content-type"))))
        return MR_OK;
    return fail_condition(form->call, equal ? "eq" : "starts-with", bare, wanted);
}

static bool condition_names(struct form *form, yyjson_val *condition, struct mr_slice wanted)
{
    if (!yyjson_is_obj(condition)) {
        const struct mr_slice name = mr_json_text(yyjson_arr_get(condition, 1));
        return mr_slice_equal_nocase(mr_slice_sub(name, 1, SIZE_MAX), wanted);
    }
    size_t at, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(condition, at, count, name, value)
    {
        if (mr_slice_equal(lowered(form->call->arena, mr_json_text(name)), wanted))
            return true;
    }
    return false;
}

/* AWS: every field must be spoken of, but for those that carry the policy itself; the bucket is
 * one, though the form's address names it. */
static enum mr_status check_extra(struct form *form, yyjson_val *conditions)
{
    static const char *const free_ones[] = {"policy", "x-amz-signature", "awsaccesskeyid",
                                            "signature", "file"};
    for (size_t i = 0; i <= form->count; i++) {
        const struct mr_slice name = i == form->count ? MR_S("bucket") : form->fields[i].name;
        bool spoken_of = mr_slice_starts_with(name, MR_S("x-ignore-"));
        for (size_t j = 0; j < MR_COUNT(free_ones); j++)
            spoken_of = spoken_of || mr_slice_equal(name, mr_slice_cstr(free_ones[j]));
        size_t at, count;
        yyjson_val *condition;
        yyjson_arr_foreach(conditions, at, count, condition)
        {
            spoken_of = spoken_of || condition_names(form, condition, name);
        }
        if (!spoken_of)
            return fail_policy(form->call, mr_arena_cstr(form->call->arena,
                                                         mr_arena_printf(form->call->arena,
                                                                         "Extra input fields: %.*s",
                                                                         MR_ARG(name))));
    }
    return MR_OK;
}

static enum mr_status check_policy(struct form *form)
{
    struct protocol_call *call = form->call;
    const struct mr_slice text = field(form, "policy");
    struct mr_slice json;
    int64_t until_ms;
    size_t at, count;
    yyjson_val *condition, *policy = NULL;
    if (text.ptr == NULL)
        return MR_OK;
    if (mr_base64_decode(call->arena, text, &json) == MR_OK)
        policy = mr_json_parse(call->arena, json, 16);
    if (!yyjson_is_obj(policy))
        return protocol_fail(call, &bad_policy, "Invalid Policy: Invalid JSON.");
    yyjson_val *conditions = mr_json_get(policy, "conditions");
    if (mr_json_get(policy, "expiration") == NULL)
        return protocol_fail(call, &bad_policy, "Invalid Policy: Policy missing expiration.");
    if (!yyjson_is_arr(conditions))
        return protocol_fail(call, &bad_policy, "Invalid Policy: Policy missing conditions.");
    if (mr_date_parse(mr_json_get_text(policy, "expiration"), &until_ms) != MR_OK)
        return protocol_fail(call, &bad_policy,
                             "Invalid Policy: Invalid 'expiration' value: '%.*s'",
                             MR_ARG(mr_json_get_text(policy, "expiration")));
    if (until_ms <= call->now_ms)
        return fail_policy(call, "Policy expired.");
    yyjson_arr_foreach(conditions, at, count, condition)
    {
        if (check_condition(form, condition) != MR_OK)
            return MR_FAULT;
    }
    return check_extra(form, conditions);
}

/* ---- the object ---- */

static struct mr_slice key_of(const struct form *form)
{
    const struct mr_slice key = field(form, "key"), mark = MR_S("${filename}");
    const size_t at = mr_slice_search(key, mark);
    if (at == SIZE_MAX)
        return key;
    return mr_arena_printf(form->call->arena, "%.*s%.*s%.*s", MR_ARG(mr_slice_sub(key, 0, at)),
                           MR_ARG(form->filename),
                           MR_ARG(mr_slice_sub(key, at + mark.len, SIZE_MAX)));
}

/* A tag set as XML, in the form of the header. */
static enum mr_status tags_text(struct form *form, struct mr_buf *text)
{
    const struct mr_slice given = field(form, "tagging");
    if (given.len == 0)
        return MR_OK;
    const struct xml_node *root = xml_parse(form->call->arena, given);
    const struct xml_node *set = root == NULL ? NULL : xml_child(root, MR_S("TagSet"));
    if (set == NULL)
        return s3_fail_malformed(form->call);
    for (const struct xml_node *tag = set->first; tag != NULL; tag = tag->next) {
        const struct xml_node *key = xml_child(tag, MR_S("Key"));
        const struct xml_node *value = xml_child(tag, MR_S("Value"));
        if (key == NULL || value == NULL)
            return s3_fail_malformed(form->call);
        if (text->len > 0)
            mr_buf_byte(text, '&');
        mr_percent_encode(text, key->text, false);
        mr_buf_byte(text, '=');
        mr_percent_encode(text, value->text, false);
    }
    return MR_OK;
}

static void write_metadata(const struct form *form, struct mr_json *json)
{
    const struct mr_slice meta = MR_S("x-amz-meta-");
    mr_json_key(json, "Metadata");
    mr_json_object(json);
    for (size_t i = 0; i < form->count; i++) {
        if (!mr_slice_starts_with(form->fields[i].name, meta))
            continue;
        mr_json_name(json, mr_slice_sub(form->fields[i].name, meta.len, SIZE_MAX));
        mr_json_string(json, form->fields[i].value);
    }
    mr_json_object_end(json);
}

/* What is no text in the model. */
static void write_typed(const struct form *form, struct mr_json *json)
{
    int64_t until_ms;
    if (mr_date_parse(field(form, "x-amz-object-lock-retain-until-date"), &until_ms) == MR_OK)
        mr_json_key_timestamp(json, "ObjectLockRetainUntilDate", until_ms);
    if (mr_slice_equal_nocase(field(form, "x-amz-server-side-encryption-bucket-key-enabled"),
                              MR_S("true")))
        mr_json_key_bool(json, "BucketKeyEnabled", true);
}

static void write_input(const struct form *form, struct mr_json *json, struct mr_slice tags)
{
    static const char *const members[][2] = {
        {"content-type", "ContentType"},
        {"cache-control", "CacheControl"},
        {"content-disposition", "ContentDisposition"},
        {"content-encoding", "ContentEncoding"},
        {"content-language", "ContentLanguage"},
        {"expires", "ExpiresText"}, /* as a header has it: not of the model */
        {"acl", "ACL"},
        {"x-amz-object-lock-mode", "ObjectLockMode"},
        {"x-amz-object-lock-legal-hold", "ObjectLockLegalHoldStatus"},
        {"x-amz-storage-class", "StorageClass"},
        {"x-amz-server-side-encryption", "ServerSideEncryption"},
        {"x-amz-server-side-encryption-aws-kms-key-id", "SSEKMSKeyId"},
        {"x-amz-server-side-encryption-context", "SSEKMSEncryptionContext"},
        {"x-amz-server-side-encryption-customer-algorithm", "SSECustomerAlgorithm"},
        {"x-amz-server-side-encryption-customer-key", "SSECustomerKey"},
        {"x-amz-server-side-encryption-customer-key-md5", "SSECustomerKeyMD5"},
        {"x-amz-website-redirect-location", "WebsiteRedirectLocation"},
        {"x-amz-checksum-crc32", "ChecksumCRC32"},
        {"x-amz-checksum-crc32c", "ChecksumCRC32C"},
        {"x-amz-checksum-crc64nvme", "ChecksumCRC64NVME"},
        {"x-amz-checksum-sha1", "ChecksumSHA1"},
        {"x-amz-checksum-sha256", "ChecksumSHA256"},
        {"x-amz-checksum-sha512", "ChecksumSHA512"},
        {"x-amz-checksum-md5", "ChecksumMD5"},
        {"x-amz-checksum-xxhash64", "ChecksumXXHASH64"},
        {"x-amz-checksum-xxhash3", "ChecksumXXHASH3"},
        {"x-amz-checksum-xxhash128", "ChecksumXXHASH128"},
    };
    mr_json_object(json);
    mr_json_key_string(json, "Bucket", s3_in(form->call, "Bucket"));
    mr_json_key_string(json, "Key", key_of(form));
    if (tags.len > 0)
        mr_json_key_string(json, "Tagging", tags);
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        const struct mr_slice value = field(form, members[i][0]);
        if (value.len > 0)
            mr_json_key_string(json, members[i][1], value);
    }
    write_typed(form, json);
    write_metadata(form, json);
    mr_json_object_end(json);
}

static enum mr_status input_make(struct form *form)
{
    struct protocol_call *call = form->call;
    struct mr_buf buf = {0}, tags = {0};
    struct mr_json json = mr_json_make(&buf);
    const enum mr_status status = tags_text(form, &tags);
    if (status == MR_OK) {
        write_input(form, &json, mr_buf_slice(&tags));
        call->in = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    }
    mr_buf_fini(&buf);
    mr_buf_fini(&tags);
    return status;
}

/* ---- the reply ---- */

static struct mr_slice encoded(struct protocol_call *call, struct mr_slice text, bool keep_slash)
{
    struct mr_buf buf = {0};
    mr_percent_encode(&buf, text, keep_slash);
    const struct mr_slice result = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return result;
}

static void reply_created(struct protocol_call *call, struct mr_slice where, struct mr_slice etag)
{
    struct mr_buf *body = &call->exchange->reply_body;
    mr_buf_append(body, MR_S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>"));
    xml_element(body, MR_S("Location"), where);
    xml_element(body, MR_S("Bucket"), s3_in(call, "Bucket"));
    xml_element(body, MR_S("Key"), s3_in(call, "Key"));
    xml_element(body, MR_S("ETag"), etag);
    mr_buf_append(body, MR_S("</PostResponse>"));
}

static void reply(struct form *form, yyjson_val *made)
{
    struct protocol_call *call = form->call;
    const struct mr_slice key = s3_in(call, "Key"), bucket = s3_in(call, "Bucket");
    const struct mr_slice etag = mr_json_get_text(made, "ETag");
    const struct mr_slice version = mr_json_get_text(made, "VersionId");
    const struct mr_slice wanted = field(form, "success_action_status");
    struct mr_slice redirect = field(form, "success_action_redirect");
    const struct mr_slice where =
        mr_arena_printf(call->arena, "http://%.*s/%.*s/%.*s", MR_ARG(call->exchange->host),
                        MR_ARG(bucket), MR_ARG(encoded(call, key, true)));
    if (redirect.len == 0)
        redirect = field(form, "redirect");
    protocol_reply_header(call, MR_S("etag"), etag);
    if (version.len > 0)
        protocol_reply_header(call, MR_S("x-amz-version-id"), version);
    if (mr_slice_starts_with(redirect, MR_S("http://")) ||
        mr_slice_starts_with(redirect, MR_S("https://"))) {
        const char joint = mr_slice_find(redirect, '?') == SIZE_MAX ? '?' : '&';
        call->status = 303;
        protocol_reply_header(call, MR_S("location"),
                              mr_arena_printf(call->arena, "%.*s%cbucket=%.*s&key=%.*s&etag=%.*s",
                                              MR_ARG(redirect), joint, MR_ARG(bucket),
                                              MR_ARG(encoded(call, key, false)),
                                              MR_ARG(encoded(call, etag, false))));
        return;
    }
    protocol_reply_header(call, MR_S("location"), where);
    call->status = mr_slice_equal(wanted, MR_S("200"))   ? 200
                   : mr_slice_equal(wanted, MR_S("201")) ? 201
                                                         : 204;
    if (call->status == 201)
        reply_created(call, where, etag);
}

void s3_form(struct protocol_call *call, struct mr_slice bucket)
{
    struct form *form = MR_NEW(call->arena, struct form);
    struct mr_buf buf = {0};
    form->call = call;
    call->in = mr_json_parse(
        call->arena, mr_arena_printf(call->arena, "{\"Bucket\":\"%.*s\"}", MR_ARG(bucket)), 4);
    if (!s3_bucket_name_ok(bucket)) {
        s3_fail_no_bucket(call, bucket);
        return;
    }
    if (s3_check_bucket(call) != MR_OK)
        return;
    if (form_read(form) != MR_OK || check_signature(form) != MR_OK || check_policy(form) != MR_OK ||
        input_make(form) != MR_OK)
        return;
    s3_authorize_as(call, "PutObject");
    if (protocol_failed(call))
        return;
    call->out = mr_json_make(&buf);
    mr_json_object(&call->out);
    s3_put_whole(call, form->file, "ObjectCreated:Post");
    if (!protocol_failed(call)) {
        mr_json_object_end(&call->out);
        reply(form, mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX));
    }
    mr_buf_fini(&buf);
}
