/* The wire: buckets. */
#include "s3/ops.h"

static bool region_like(struct mr_slice text)
{
    size_t dashes = 0;
    if (mr_slice_equal(text, MR_S("EU")))
        return true;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '-')
            dashes++;
        else if ((c < 'a' || c > 'z') && (c < '0' || c > '9'))
            return false;
    }
    return dashes >= 2 && text.len <= 32;
}

/* Which region the bucket is to be in. AWS: the endpoint of us-east-1 makes buckets anywhere;
 * another one only its own, and wants that said. */
static enum mr_status location_of(struct protocol_call *call, struct mr_slice *ret_region)
{
    const struct mr_slice wanted =
        mr_json_get_text(mr_json_get(call->in, "CreateBucketConfiguration"), "LocationConstraint");
    const bool classic = mr_slice_equal(call->region, MR_S("us-east-1"));
    *ret_region = wanted.len > 0 ? wanted : call->region;
    if (!region_like(call->region)) { /* AWS: who signs for none is told which to sign for */
        protocol_fail_member(call, "Region", MR_S("us-east-1"));
        return protocol_fail(call, &s3_authorization_malformed,
                             "The authorization header is malformed; the region '%.*s' is wrong; "
                             "expecting 'us-east-1'",
                             MR_ARG(call->region));
    }
    if (wanted.len == 0 && !classic)
        return protocol_fail(call, &s3_illegal_location,
                             "The unspecified location constraint is incompatible for the region "
                             "specific endpoint this request was sent to.");
    if (wanted.len > 0 && (!region_like(wanted) || mr_slice_equal(wanted, MR_S("us-east-1")))) {
        protocol_fail_member(call, "LocationConstraint", wanted);
        return protocol_fail(call, &s3_invalid_location,
                             "The specified location-constraint is not valid");
    }
    if (wanted.len > 0 && !classic && !mr_slice_equal(wanted, call->region))
        return protocol_fail(call, &s3_illegal_location,
                             "The %.*s location constraint is incompatible for the region "
                             "specific endpoint this request was sent to.",
                             MR_ARG(wanted));
    return MR_OK;
}

/* Tags and ownership that the bucket is to have from the beginning. */
static enum mr_status settings_of(struct protocol_call *call, struct s3_new_bucket *wanted)
{
    yyjson_val *tags = mr_json_get(mr_json_get(call->in, "CreateBucketConfiguration"), "Tags");
    const struct mr_slice ownership = s3_in(call, "ObjectOwnership");
    struct mr_slice pairs;
    if (tags != NULL && s3_tags_read(call, tags, S3_TAGS_NEW_BUCKET, &pairs) != MR_OK)
        return MR_FAULT;
    if (yyjson_arr_size(tags) > 0)
        wanted->tags = s3_config_json(call, tags);
    if (ownership.len == 0)
        return MR_OK;
    if (!s3_ownership_ok(ownership))
        return s3_fail_argument(call, "x-amz-object-ownership", ownership,
                                "Invalid x-amz-object-ownership header: must be one of "
                                "BucketOwnerPreferred, ObjectWriter, BucketOwnerEnforced");
    wanted->ownership = mr_arena_printf(call->arena, "{\"Rules\":[{\"ObjectOwnership\":\"%.*s\"}]}",
                                        MR_ARG(ownership));
    return MR_OK;
}

/* AWS: one's own bucket again is fine in us-east-1 alone, and that is where it has to be. */
static bool may_be_made_again(struct protocol_call *call, const struct s3_new_bucket *wanted)
{
    yyjson_val *document;
    return mr_slice_equal(wanted->region, MR_S("us-east-1")) &&
           s3_bucket_get(s3_of(call), call->arena, wanted->name, &document) == MR_OK &&
           mr_slice_equal(mr_json_get_text(document, "region"), wanted->region);
}

/* Buckets of another kind: in one zone. */
static enum mr_status check_directory(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "CreateBucketConfiguration");
    return mr_json_get(wanted, "Location") == NULL && mr_json_get(wanted, "Bucket") == NULL
               ? MR_OK
               : protocol_fail(call, &s3_not_implemented,
                               "millrace has no directory buckets, which lie in one zone");
}

/* Where the suffix "-<12 digits>-<region>-an" begins that names of an account's own have. */
static size_t own_suffix(struct mr_slice name)
{
    for (size_t at = name.len; at-- > 0;) {
        struct mr_slice rest = mr_slice_sub(name, at, SIZE_MAX);
        size_t digits = 1;
        while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')
            digits++;
        if (rest.ptr[0] != '-' || digits != 13 || !mr_slice_ends_with(rest, MR_S("-an")) ||
            rest.len < 18 || rest.ptr[13] != '-')
            continue;
        if (region_like(mr_slice_sub(rest, 14, rest.len - 17)))
            return at;
    }
    return SIZE_MAX;
}

static enum mr_status fail_name(struct protocol_call *call, struct mr_slice bucket)
{
    protocol_fail_member(call, "BucketName", bucket);
    return protocol_fail(call, &s3_invalid_bucket_name, "The specified bucket is not valid.");
}

/* AWS: names of an account's own, in a region, end in both, and are asked for as such. */
static enum mr_status check_namespace(struct protocol_call *call,
                                      const struct s3_new_bucket *wanted)
{
    const struct mr_slice namespace = s3_in(call, "BucketNamespace");
    const size_t at = own_suffix(wanted->name);
    const bool own = mr_slice_equal(namespace, MR_S("account-regional"));
    if (namespace.len > 0 && !own && !mr_slice_equal(namespace, MR_S("global")))
        return s3_fail_argument(call, "x-amz-bucket-namespace", namespace,
                                "Invalid x-amz-bucket-namespace header: must be one of global, "
                                "account-regional");
    if (at != SIZE_MAX && namespace.len == 0) {
        protocol_fail_member(call, "Header", MR_S("x-amz-bucket-namespace"));
        return protocol_fail(call, &s3_missing_namespace,
                             "The requested bucket is an account-regional namespace bucket, but "
                             "your request is missing the required x-amz-bucket-namespace header.");
    }
    const struct mr_slice suffix = mr_arena_printf(call->arena, "-%.*s-%.*s-an",
                                                   MR_ARG(call->account), MR_ARG(wanted->region));
    const bool fits = at != SIZE_MAX && at > 0 &&
                      mr_slice_equal(mr_slice_sub(wanted->name, at, SIZE_MAX), suffix);
    return (own ? fits : at == SIZE_MAX) ? MR_OK : fail_name(call, wanted->name);
}

static void create_bucket(struct protocol_call *call)
{
    const struct mr_slice bucket = s3_in(call, "Bucket");
    struct s3_new_bucket wanted = {
        .name = bucket,
        .locks = mr_json_get_bool(call->in, "ObjectLockEnabledForBucket", false),
    };
    if (!s3_bucket_name_ok(bucket)) {
        (void)fail_name(call, bucket);
        return;
    }
    if (s3_body_check_md5(call) != MR_OK || check_directory(call) != MR_OK ||
        s3_acl_of_bucket(call, &wanted.acl) != MR_OK ||
        location_of(call, &wanted.region) != MR_OK || check_namespace(call, &wanted) != MR_OK ||
        settings_of(call, &wanted) != MR_OK)
        return;
    enum mr_status status = s3_bucket_create(s3_of(call), call->arena, &wanted, &call->ticket);
    if (status == MR_EXISTS && !may_be_made_again(call, &wanted)) {
        protocol_fail_member(call, "BucketName", bucket);
        protocol_fail(call, &s3_bucket_exists_for_us,
                      "Your previous request to create the named bucket succeeded and you already "
                      "own it.");
        return;
    }
    protocol_fail_internal(call, status);
    mr_json_key_string(&call->out, "Location",
                       mr_arena_printf(call->arena, "/%.*s", MR_ARG(bucket)));
    mr_json_key_string(&call->out, "BucketArn",
                       mr_arena_printf(call->arena, "arn:aws:s3:::%.*s", MR_ARG(bucket)));
}

static void delete_bucket(struct protocol_call *call)
{
    const struct mr_slice bucket = s3_in(call, "Bucket");
    if (s3_check_bucket(call) != MR_OK)
        return;
    const enum mr_status status = s3_bucket_delete(s3_of(call), call->arena, bucket, &call->ticket);
    if (status == MR_OK) {
        s3_metrics_set(s3_of(call)->metrics, bucket, NULL);
        s3_access_log_set(s3_of(call)->log, bucket, NULL);
    } else if (status == MR_NOT_FOUND) {
        s3_fail_no_bucket(call, bucket);
    } else if (status == MR_EXISTS || status == MR_FULL) {
        protocol_fail_member(call, "BucketName", bucket);
        protocol_fail(call, &s3_bucket_not_empty, "The bucket you tried to delete is not empty%s",
                      status == MR_FULL ? ". You must delete all versions in the bucket." : "");
    }
    protocol_fail_internal(call, status);
}

static struct mr_slice region_of(struct protocol_call *call, struct mr_slice bucket)
{
    yyjson_val *document = NULL;
    const enum mr_status status = s3_bucket_get(s3_of(call), call->arena, bucket, &document);
    if (status == MR_NOT_FOUND)
        s3_fail_no_bucket(call, bucket);
    protocol_fail_internal(call, status);
    call->ticket = s3_read_ticket(s3_of(call));
    return mr_json_get_text(document, "region");
}

/* AWS: the oldest name of a place tells it to GetBucketLocation alone. */
static struct mr_slice modern(struct mr_slice region)
{
    return mr_slice_equal(region, MR_S("EU")) ? MR_S("eu-west-1") : region;
}

void s3_tell_region(struct protocol_call *call)
{
    yyjson_val *document;
    if (call->exchange != NULL &&
        s3_bucket_get(s3_of(call), call->arena, s3_in(call, "Bucket"), &document) == MR_OK)
        protocol_reply_header(call, MR_S("x-amz-bucket-region"),
                              modern(mr_json_get_text(document, "region")));
}

static void head_bucket(struct protocol_call *call)
{
    const struct mr_slice region = modern(region_of(call, s3_in(call, "Bucket")));
    if (protocol_failed(call) || s3_check_owner(call) != MR_OK)
        return;
    mr_json_key_string(&call->out, "BucketRegion", region);
    mr_json_key_bool(&call->out, "AccessPointAlias", false);
    mr_json_key_string(
        &call->out, "BucketArn",
        mr_arena_printf(call->arena, "arn:aws:s3:::%.*s", MR_ARG(s3_in(call, "Bucket"))));
}

static void get_bucket_location(struct protocol_call *call)
{
    const struct mr_slice region = region_of(call, s3_in(call, "Bucket"));
    if (protocol_failed(call) || s3_check_owner(call) != MR_OK)
        return;
    if (!mr_slice_equal(region, MR_S("us-east-1"))) /* AWS: the first region has no name */
        mr_json_key_string(&call->out, "LocationConstraint", region);
}

/* ---- ListBuckets ---- */

struct bucket_walk {
    struct protocol_call *call;
    struct mr_slice after, region, last;
    int64_t limit;
    bool cut, detailed;
};

static enum mr_status list_bucket(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct bucket_walk *walk = ctx;
    struct protocol_call *call = walk->call;
    yyjson_val *document = mr_json_parse(call->arena, json, MR_JSON_DEPTH_MAX);
    const struct mr_slice region = modern(mr_json_get_text(document, "region"));
    if (mr_slice_compare(name, walk->after) <= 0 ||
        (walk->region.len > 0 && !mr_slice_equal(region, walk->region)))
        return MR_OK;
    if (walk->limit-- == 0) {
        walk->cut = true;
        return MR_END;
    }
    walk->last = mr_arena_copy(call->arena, name);
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "Name", name);
    s3_write_time(call, "CreationDate", mr_json_get_i64(document, "created_ms", 0));
    if (walk->detailed) {
        mr_json_key_string(&call->out, "BucketRegion", region);
        mr_json_key_string(&call->out, "BucketArn",
                           mr_arena_printf(call->arena, "arn:aws:s3:::%.*s", MR_ARG(name)));
    }
    mr_json_object_end(&call->out);
    return MR_OK;
}

static void list_buckets(struct protocol_call *call)
{
    enum { BUCKETS_MAX = 10000 };
    struct bucket_walk walk = {.call = call, .region = s3_in(call, "BucketRegion")};
    const struct mr_slice token = s3_in(call, "ContinuationToken");
    const struct mr_slice prefix = s3_in(call, "Prefix");
    walk.limit = mr_json_get_i64(call->in, "MaxBuckets", BUCKETS_MAX);
    walk.detailed = mr_json_get(call->in, "MaxBuckets") != NULL || prefix.len > 0 ||
                    walk.region.len > 0; /* AWS: as recorded */
    if (walk.limit < 1 || walk.limit > BUCKETS_MAX) {
        s3_fail_argument(call, "max-buckets", s3_in(call, "MaxBuckets"),
                         "Argument max-buckets must be an integer between 1 and 10000");
        return;
    }
    if (token.len > 0 && mr_base64_decode(call->arena, token, &walk.after) != MR_OK) {
        s3_fail_argument(call, "continuation-token", token,
                         "The continuation token provided is incorrect");
        return;
    }
    if (mr_json_get(call->in, "BucketRegion") != NULL && !region_like(walk.region)) {
        protocol_fail_member(call, "ArgumentName", MR_S("bucket-region"));
        protocol_fail(call, &s3_invalid_argument, "Argument value %.*s is not a valid AWS Region",
                      MR_ARG(walk.region));
        return;
    }
    s3_write_owner(call, "Owner", false);
    mr_json_key(&call->out, "Buckets");
    mr_json_array(&call->out);
    const enum mr_status status =
        store_doc_each(s3_of(call)->options.store, "s3", "bucket", prefix, list_bucket, &walk);
    mr_json_array_end(&call->out);
    protocol_fail_internal(call, status);
    if (walk.cut)
        mr_json_key_string(&call->out, "ContinuationToken", mr_base64(call->arena, walk.last));
    if (prefix.len > 0)
        mr_json_key_string(&call->out, "Prefix", prefix);
    call->ticket = s3_read_ticket(s3_of(call));
}

static const struct protocol_handler handlers[] = {
    {.operation = "CreateBucket", .run = create_bucket},
    {.operation = "DeleteBucket", .run = delete_bucket},
    {.operation = "GetBucketLocation", .run = get_bucket_location, .flags = PROTOCOL_INLINE},
    {.operation = "HeadBucket", .run = head_bucket, .flags = PROTOCOL_INLINE},
    {.operation = "ListBuckets", .run = list_buckets},
};
const struct s3_handlers s3_bucket_handlers = {handlers, MR_COUNT(handlers)};
