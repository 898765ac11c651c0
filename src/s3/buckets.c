/* Buckets: one document each, VIEW_META "s3/bucket/<name>":
 *   {"created_ms": n, "region": "us-east-1", ...}
 * and further members for what was configured: "tags", "policy", "public_access", "ownership",
 * "encryption", "versioning", "lock", "cors", "lifecycle", "payer", "accelerate", "acl" (its
 * grants), each as JSON in
 * the names of the model. Absent: not configured. */
#include "s3/internal.h"

static bool ip_like(struct mr_slice name)
{
    int dots = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '.')
            dots++;
        else if (name.ptr[i] < '0' || name.ptr[i] > '9')
            return false;
    }
    return dots == 3;
}

/* AWS: names that mean something else there. */
static bool reserved(struct mr_slice name)
{
    static const char *const fronts[] = {"xn--", "sthree-", "amzn-s3-demo-"};
    static const char *const ends[] = {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};
    for (size_t i = 0; i < MR_COUNT(fronts); i++)
        if (mr_slice_starts_with(name, mr_slice_cstr(fronts[i])))
            return true;
    for (size_t i = 0; i < MR_COUNT(ends); i++)
        if (mr_slice_ends_with(name, mr_slice_cstr(ends[i])))
            return true;
    return false;
}

bool s3_bucket_name_ok(struct mr_slice name)
{
    if (name.len < 3 || name.len > 63 || ip_like(name) || reserved(name))
        return false;
    char before = '.';
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        const bool edge = i == 0 || i + 1 == name.len;
        if (!plain && (edge || (c != '-' && c != '.')))
            return false;
        if (!plain && (before == '.' || (c == '.' && before == '-'))) /* what dots part is a name */
            return false;
        before = c;
    }
    return true;
}

enum mr_status s3_bucket_create(struct s3 *s3, struct mr_arena *arena,
                                const struct s3_new_bucket *bucket, int64_t *ret_ticket)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_int(&json, "created_ms", store_now(s3->options.store));
    mr_json_key_string(&json, "region", bucket->region);
    if (bucket->locks) {
        mr_json_key_cstr(&json, "versioning", "Enabled");
        mr_json_key_raw(&json, "lock", MR_S("{\"ObjectLockEnabled\":\"Enabled\"}"));
    }
    mr_json_key_raw(&json, "tags", bucket->tags); /* an empty text writes nothing */
    mr_json_key_raw(&json, "ownership", bucket->ownership);
    mr_json_key_raw(&json, "acl", bucket->acl);
    mr_json_object_end(&json);
    struct store_entry entry = store_entry_make(arena);
    enum mr_status status = MR_EXISTS;
    pthread_mutex_lock(&s3->buckets);
    if (!s3_bucket_exists(s3, bucket->name)) {
        store_doc_put(&entry, "s3", "bucket", bucket->name,
                      mr_arena_copy(arena, mr_buf_slice(&buf)));
        status = store_commit(s3->options.store, &entry, ret_ticket);
    }
    pthread_mutex_unlock(&s3->buckets);
    mr_buf_fini(&buf);
    return status;
}

enum mr_status s3_bucket_get(struct s3 *s3, struct mr_arena *arena, struct mr_slice name,
                             yyjson_val **ret_document)
{
    struct mr_slice json;
    const enum mr_status status =
        store_doc_get(s3->options.store, arena, "s3", "bucket", name, &json);
    if (status != MR_OK)
        return status;
    *ret_document = mr_json_parse(arena, json, MR_JSON_DEPTH_MAX);
    if (*ret_document == NULL)
        return MR_RAISE(MR_FAIL_DATA, "the document of bucket '%.*s' is damaged", MR_ARG(name));
    return MR_OK;
}

static void read_encryption(yyjson_val *document, struct s3_bucket_state *ret_state)
{
    yyjson_val *encryption = mr_json_get(document, "encryption");
    yyjson_val *rule = yyjson_arr_get_first(mr_json_get(encryption, "Rules"));
    yyjson_val *by_default = mr_json_get(rule, "ApplyServerSideEncryptionByDefault");
    if (s3_sse_parse(mr_json_get_text(by_default, "SSEAlgorithm"), &ret_state->sse) != MR_OK ||
        ret_state->sse == S3_SSE_AES256)
        return;
    ret_state->kms_key = mr_json_get_text(encryption, "Key");
    ret_state->bucket_key = mr_json_get_bool(rule, "BucketKeyEnabled", false);
}

enum mr_status s3_bucket_state(struct s3 *s3, struct mr_arena *arena, struct mr_slice name,
                               struct s3_bucket_state *ret_state)
{
    yyjson_val *document;
    const enum mr_status status = s3_bucket_get(s3, arena, name, &document);
    if (status != MR_OK)
        return status;
    const struct mr_slice versioning = mr_json_get_text(document, "versioning");
    yyjson_val *lock = mr_json_get(document, "lock");
    yyjson_val *retention = mr_json_get(mr_json_get(lock, "Rule"), "DefaultRetention");
    const int64_t days = mr_json_get_i64(retention, "Days", 0);
    const int64_t years = mr_json_get_i64(retention, "Years", 0);
    const struct mr_slice mode = mr_json_get_text(retention, "Mode");
    *ret_state = (struct s3_bucket_state){
        .locks = lock != NULL,
        .retention = mr_slice_equal(mode, MR_S("GOVERNANCE"))   ? S3_GOVERNANCE
                     : mr_slice_equal(mode, MR_S("COMPLIANCE")) ? S3_COMPLIANCE
                                                                : S3_NOT_RETAINED,
        .document = document,
        .retain_ms = (days + 365 * years) * INT64_C(86400000),
    };
    read_encryption(document, ret_state);
    ret_state->versioning = mr_slice_equal(versioning, MR_S("Enabled"))     ? S3_VERSIONS_ENABLED
                            : mr_slice_equal(versioning, MR_S("Suspended")) ? S3_VERSIONS_SUSPENDED
                                                                            : S3_VERSIONS_NEVER;
    return MR_OK;
}

static struct mr_slice document_with(struct mr_arena *arena, yyjson_val *document,
                                     const char *member, struct mr_slice text)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t at, count;
    yyjson_val *name, *value;
    mr_json_object(&json);
    yyjson_obj_foreach(document, at, count, name, value)
    {
        if (mr_slice_equal(mr_json_text(name), mr_slice_cstr(member)))
            continue;
        mr_json_name(&json, mr_json_text(name));
        mr_json_value(&json, value);
    }
    mr_json_key_raw(&json, member, text);
    mr_json_object_end(&json);
    const struct mr_slice result = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return result;
}

enum mr_status s3_bucket_set(struct s3 *s3, struct mr_arena *arena, struct mr_slice name,
                             const char *member, struct mr_slice json, int64_t *ret_ticket)
{
    yyjson_val *document;
    struct store_entry entry = store_entry_make(arena);
    pthread_mutex_lock(&s3->buckets);
    enum mr_status status = s3_bucket_get(s3, arena, name, &document);
    if (status == MR_OK) {
        const bool policy = strcmp(member, "policy") == 0;
        store_doc_put(&entry, "s3", "bucket", name, document_with(arena, document, member, json));
        if (policy && json.len > 0) /* before it is there: nobody passes it by */
            policy_guarded_set(&s3->guarded, name, true);
        status = store_commit(s3->options.store, &entry, ret_ticket);
        if (policy && json.len == 0 && status == MR_OK)
            policy_guarded_set(&s3->guarded, name, false);
    }
    pthread_mutex_unlock(&s3->buckets);
    return status;
}

/* ---- deleting ---- */

struct doomed { /* bodies of the parts that go with a bucket */
    struct doomed *next;
    struct s3_meta part;
};

static enum mr_status doom_upload(struct s3 *s3, struct store_entry *entry, struct mr_slice id,
                                  struct doomed **doomed)
{
    struct s3_stored_part *parts;
    size_t count;
    const enum mr_status status = s3_upload_parts(s3, entry->arena, id, &parts, &count);
    if (status != MR_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        struct doomed *one = MR_NEW(entry->arena, struct doomed);
        *one = (struct doomed){*doomed, parts[i].meta};
        *doomed = one;
        s3_entry_drop(entry, &parts[i].meta);
        store_entry_delete(entry, VIEW_OBJECT, s3_part_key(entry->arena, id, parts[i].number));
    }
    return MR_OK;
}

static enum mr_status doom_uploads(struct s3 *s3, struct store_entry *entry, struct mr_slice bucket,
                                   struct doomed **doomed)
{
    const struct mr_slice prefix = s3_uploads_prefix(entry->arena, bucket);
    struct view_iterator *iterator =
        view_iterate(store_view(s3->options.store), VIEW_OBJECT, prefix);
    enum mr_status status = MR_OK;
    for (view_iterator_first(iterator); status == MR_OK && view_iterator_valid(iterator);
         view_iterator_next(iterator)) {
        struct mr_slice key, id;
        const struct mr_slice stored = mr_arena_copy(entry->arena, view_iterator_key(iterator));
        s3_upload_key_split(stored, prefix, &key, &id);
        status = doom_upload(s3, entry, id, doomed);
        store_entry_delete(entry, VIEW_OBJECT, stored);
    }
    view_iterator_free(iterator);
    return status;
}

static bool nothing_below(struct s3 *s3, struct mr_slice prefix)
{
    struct view_iterator *iterator =
        view_iterate(store_view(s3->options.store), VIEW_OBJECT, prefix);
    view_iterator_first(iterator);
    const bool empty = !view_iterator_valid(iterator);
    view_iterator_free(iterator);
    return empty;
}

static enum mr_status delete_locked(struct s3 *s3, struct store_entry *entry, struct mr_slice name,
                                    struct doomed **doomed, int64_t *ret_ticket)
{
    if (!s3_bucket_exists(s3, name))
        return MR_NOT_FOUND;
    if (!nothing_below(s3, s3_bucket_prefix(entry->arena, name)))
        return MR_EXISTS;
    if (!nothing_below(s3, s3_versions_prefix(entry->arena, name)))
        return MR_FULL;
    const enum mr_status status = doom_uploads(s3, entry, name, doomed);
    if (status != MR_OK)
        return status;
    store_doc_delete(entry, "s3", "bucket", name);
    return store_commit(s3->options.store, entry, ret_ticket);
}

enum mr_status s3_bucket_delete(struct s3 *s3, struct mr_arena *arena, struct mr_slice name,
                                int64_t *ret_ticket)
{
    struct store_entry entry = store_entry_make(arena);
    struct doomed *doomed = NULL;
    pthread_mutex_lock(&s3->buckets);
    pthread_mutex_lock(&s3->many);
    for (size_t i = 0; i < S3_STRIPES; i++) /* nobody is between his check and his commit */
        pthread_mutex_lock(&s3->stripes[i].lock);
    const enum mr_status status = delete_locked(s3, &entry, name, &doomed, ret_ticket);
    for (size_t i = S3_STRIPES; i-- > 0;)
        pthread_mutex_unlock(&s3->stripes[i].lock);
    pthread_mutex_unlock(&s3->many);
    if (status == MR_OK)
        policy_guarded_set(&s3->guarded, name, false);
    pthread_mutex_unlock(&s3->buckets);
    for (; status == MR_OK && doomed != NULL; doomed = doomed->next)
        s3_body_drop(s3->bodies, &doomed->part, *ret_ticket);
    return status;
}
