/* The wire: CopyObject, UploadPartCopy. */
#include "s3/ops.h"
#include "s3/range.h"
#include <ctype.h>

struct source {
    struct s3_which which;
    struct s3_version version;
    struct s3_meta meta;
    struct s3_source body;
    struct s3_customer customer; /* whose key it takes to read the body */
};

/* ---- the source ---- */

static enum mr_status fail_source(struct protocol_call *call, const char *message)
{
    return s3_fail_argument(call, "x-amz-copy-source", s3_in(call, "CopySource"), message);
}

static bool is_percent_encoded(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%')
            continue;
        if (text.len - i < 3 || !isxdigit((unsigned char)text.ptr[i + 1]) ||
            !isxdigit((unsigned char)text.ptr[i + 2]))
            return false;
    }
    return true;
}

/* "/bucket/key?versionId=x", percent-encoded, the first slash optional. */
static enum mr_status source_parse(struct protocol_call *call, struct source *source)
{
    struct mr_slice text = s3_in(call, "CopySource");
    const size_t question = mr_slice_search(text, MR_S("?versionId="));
    const struct mr_slice version =
        question == SIZE_MAX ? (struct mr_slice){0} : mr_slice_sub(text, question + 11, SIZE_MAX);
    if (!is_percent_encoded(text))
        return fail_source(call, "Invalid copy source encoding.");
    text = mr_percent_decode(call->arena, mr_slice_sub(text, 0, question), false);
    if (mr_slice_starts_with(text, MR_S("/")))
        text = mr_slice_sub(text, 1, SIZE_MAX);
    const size_t slash = mr_slice_find(text, '/');
    if (!s3_bucket_name_ok(mr_slice_sub(text, 0, slash)))
        return fail_source(call, "Invalid copy source bucket name");
    if (slash == SIZE_MAX || slash + 1 == text.len)
        return fail_source(call, "Invalid copy source object key");
    source->which = (struct s3_which){
        .bucket = mr_slice_sub(text, 0, slash),
        .key = mr_slice_sub(text, slash + 1, SIZE_MAX),
    };
    if (version.ptr == NULL)
        return MR_OK;
    if (s3_version_parse(version, &source->version) != MR_OK)
        return fail_source(call, "Invalid version id specified");
    source->which.version = &source->version;
    return MR_OK;
}

static enum mr_status source_judge(struct protocol_call *call, const struct s3_meta *meta)
{
    static const struct s3_condition_names names = {"CopySourceIfMatch", "CopySourceIfNoneMatch",
                                                    "CopySourceIfModifiedSince",
                                                    "CopySourceIfUnmodifiedSince"};
    switch (s3_read_judge_call(call, &names, meta)) {
    case S3_READ_IF_MATCH: return s3_fail_condition(call, "x-amz-copy-source-If-Match");
    case S3_READ_UNMODIFIED_SINCE:
        return s3_fail_condition(call, "x-amz-copy-source-If-Unmodified-Since");
    case S3_READ_NOT_MODIFIED: /* AWS: a copy answers 412, not 304 */
        return s3_fail_condition(call, mr_json_get(call->in, names.if_none_match) != NULL
                                           ? "x-amz-copy-source-If-None-Match"
                                           : "x-amz-copy-source-If-Modified-Since");
    case S3_READ_YES: break;
    }
    return MR_OK;
}

/* AWS: an object that is copied whole has a refusal of its own. */
static enum mr_status check_archived(struct protocol_call *call, const struct s3_meta *meta)
{
    if (s3_in(call, "UploadId").len > 0 ||
        s3_meta_is_readable(meta, store_now(s3_of(call)->options.store)))
        return s3_check_readable(call, meta);
    return protocol_fail(call, &s3_not_in_active_tier,
                         "The source object of the COPY action is not in the active tier and is "
                         "only stored in Amazon S3 Glacier.");
}

/* On MR_OK the descriptor is the caller's. */
static enum mr_status source_open(struct protocol_call *call, struct source *source)
{
    struct s3 *s3 = s3_of(call);
    if (s3_check_account(call, s3_in(call, "ExpectedSourceBucketOwner")) != MR_OK ||
        source_parse(call, source) != MR_OK || s3_authorize_source(call, &source->which) != MR_OK)
        return MR_FAULT;
    const enum mr_status status =
        s3_find_open(s3, call->arena, &source->which, &source->meta, &source->body, &call->ticket);
    if (status == MR_OK && source->meta.marker)
        return protocol_fail(call, &s3_invalid_request,
                             "The source of a copy request may not specifically refer to a delete "
                             "marker by version id.");
    if (s3_fail_missing(call, &source->which, status, &source->meta) != MR_OK)
        return MR_FAULT;
    if (s3_customer_check(call, S3_CUSTOMER_SOURCE, &source->meta, &source->customer) == MR_OK &&
        source_judge(call, &source->meta) == MR_OK &&
        check_archived(call, &source->meta) == MR_OK) {
        if (source->customer.given)
            source->body.key = &source->customer.key;
        source->body.seal = source->meta.seal;
        return MR_OK;
    }
    s3_source_close(&source->body);
    return MR_FAULT;
}

/* ---- the bytes ---- */

/* What is made of the source: a new body with `len` of its bytes from `offset`, and its digests. */
struct copying {
    const struct source *source;
    uint64_t offset, len;
    bool keep;                   /* the digests are the source's, so the kernel may copy */
    unsigned set;                /* of digests, else */
    struct s3_customer customer; /* encrypts the new body */
    struct s3_body body;         /* results */
    struct s3_sums sums;
    struct s3_sealing sealing;
};

static enum mr_status copy_body(struct protocol_call *call, struct copying *copying)
{
    struct s3_digest digest = {0};
    struct s3_writer writer;
    s3_writer_open(s3_of(call)->bodies, call->arena, &writer);
    s3_sealing_begin(&copying->sealing, s3_of(call), &writer, &copying->customer);
    if (!copying->keep)
        s3_digest_init(&digest, copying->set);
    enum mr_status status = s3_source_copy(&copying->source->body, copying->offset, copying->len,
                                           &writer, copying->keep ? NULL : &digest);
    if (!copying->keep)
        s3_digest_finish(&digest, &copying->sums);
    if (status == MR_OK)
        status = s3_writer_finish(&writer, &copying->body);
    s3_sealing_fini(&copying->sealing);
    if (status == MR_OK)
        return MR_OK;
    s3_writer_abandon(&writer);
    protocol_fail_internal(call, status);
    return MR_FAULT;
}

/* ---- CopyObject ---- */

static enum mr_status self_copy_check(struct protocol_call *call, const struct source *source,
                                      bool replace)
{
    const bool same = mr_slice_equal(source->which.bucket, s3_in(call, "Bucket")) &&
                      mr_slice_equal(source->which.key, s3_in(call, "Key"));
    /* AWS: an older version may be made the current one again. */
    if (!same || source->which.version != NULL || replace || s3_in(call, "StorageClass").len > 0 ||
        s3_in(call, "WebsiteRedirectLocation").len > 0 ||
        s3_in(call, "ServerSideEncryption").len > 0 ||
        s3_in(call, "SSECustomerAlgorithm").len > 0 || s3_in(call, "ChecksumAlgorithm").len > 0)
        return MR_OK;
    return protocol_fail(call, &s3_invalid_request,
                         "This copy request is illegal because it is trying to copy an object to "
                         "itself without changing the object's metadata, storage class, website "
                         "redirect location or encryption attributes.");
}

static enum mr_status directive_read(struct protocol_call *call, bool of_tags, bool *ret_replace)
{
    const struct mr_slice directive =
        s3_in(call, of_tags ? "TaggingDirective" : "MetadataDirective");
    *ret_replace = mr_slice_equal(directive, MR_S("REPLACE"));
    if (*ret_replace || directive.len == 0 || mr_slice_equal(directive, MR_S("COPY")))
        return MR_OK;
    return s3_fail_argument(call, of_tags ? "x-amz-tagging-directive" : "x-amz-metadata-directive",
                            directive,
                            of_tags ? "Unknown tagging directive." : "Unknown metadata directive.");
}

/* What the copy will have besides its body. */
static enum mr_status copy_meta(struct protocol_call *call, const struct source *source,
                                struct s3_meta *meta)
{
    bool replace, replace_tags;
    if (directive_read(call, false, &replace) != MR_OK ||
        directive_read(call, true, &replace_tags) != MR_OK ||
        self_copy_check(call, source, replace) != MR_OK)
        return MR_FAULT;
    struct s3_meta given = {0};
    if (s3_headers_read(call, &given) != MR_OK)
        return MR_FAULT;
    *meta = source->meta;
    if (replace) {
        memcpy(meta->headers, given.headers, sizeof meta->headers);
        meta->user = given.user;
    } else {
        meta->headers[S3_STORAGE_CLASS] = given.headers[S3_STORAGE_CLASS];
        meta->headers[S3_REDIRECT] = given.headers[S3_REDIRECT];
    }
    meta->acl = given.acl; /* AWS: not copied */
    meta->restored_until_ms = 0;
    meta->sse = given.sse;
    meta->kms_key = given.kms_key;
    meta->bucket_key = given.bucket_key;
    meta->retention = given.retention;
    meta->retain_until_ms = given.retain_until_ms;
    meta->hold = given.hold;
    meta->parts = (struct mr_slice){0};
    if (replace_tags)
        meta->tags = (struct mr_slice){0};
    return replace_tags ? s3_headers_tags(call, meta) : MR_OK;
}

static enum mr_status check_algorithm(struct protocol_call *call)
{
    const struct mr_slice wanted = s3_in(call, "ChecksumAlgorithm");
    return wanted.len == 0 || s3_algorithm_of(wanted) != S3_NO_SUM ? MR_OK
                                                                   : s3_fail_algorithm(call);
}

static enum s3_algorithm copy_algorithm(struct protocol_call *call, const struct s3_meta *source)
{
    const enum s3_algorithm wanted = s3_algorithm_of(s3_in(call, "ChecksumAlgorithm"));
    if (wanted != S3_NO_SUM)
        return wanted;
    return source->sum.algorithm != S3_NO_SUM ? source->sum.algorithm : S3_CRC64NVME;
}

static void write_result(struct protocol_call *call, const char *member, const struct s3_meta *meta)
{
    mr_json_key(&call->out, member);
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "ETag", s3_quoted_etag(call, meta));
    s3_write_time(call, "LastModified", meta->modified_ms);
    s3_write_sum(call, meta);
    mr_json_object_end(&call->out);
}

static void write_source_version(struct protocol_call *call, const struct source *source)
{
    struct s3_bucket_state state;
    if (s3_bucket_state(s3_of(call), call->arena, source->which.bucket, &state) == MR_OK &&
        state.versioning != S3_VERSIONS_NEVER)
        mr_json_key_string(&call->out, "CopySourceVersionId",
                           s3_version_print(call, &source->meta.version));
}

static enum mr_status copy_commit(struct protocol_call *call, const struct source *source,
                                  struct s3_change *change, struct s3_meta *meta)
{
    struct s3 *s3 = s3_of(call);
    const enum s3_algorithm algorithm = copy_algorithm(call, &source->meta);
    struct copying copying = {.source = source, .len = source->meta.size, .set = 1u << algorithm};
    if (s3_customer_read(call, S3_CUSTOMER_TARGET, &copying.customer) != MR_OK)
        return MR_FAULT;
    /* A copy is never made of parts, so its ETag and sum must be those of the whole. */
    copying.keep = source->meta.part_count == 0 && source->meta.sum.algorithm == algorithm &&
                   !source->meta.composite && source->meta.seal.len == 0 &&
                   source->meta.sse == S3_SSE_AES256 && !copying.customer.given;
    if (copy_body(call, &copying) != MR_OK)
        return MR_FAULT;
    if (!copying.keep) {
        memcpy(meta->md5, copying.sums.md5, sizeof meta->md5);
        meta->sum = copying.sums.of[algorithm];
        meta->composite = false;
        meta->part_count = 0;
    }
    s3_meta_set_body(meta, &copying.body);
    s3_sealing_end(&copying.sealing, s3, call->arena, MR_S(""), meta);
    s3_sse_etag(s3, meta->sse, meta);
    meta->modified_ms = store_now(s3->options.store);
    change->meta = meta;
    change->body = &copying.body;
    const enum mr_status changed = s3_change_apply(s3, call->arena, change, &call->ticket);
    if (changed != MR_OK)
        s3_body_discard(s3->bodies, &copying.body);
    return s3_fail_change(call, changed);
}

static void copy_object(struct protocol_call *call)
{
    struct source source = {0};
    struct s3_meta meta;
    struct s3_change change = s3_change_of(call);
    change.event = "ObjectCreated:Copy";
    if (s3_check_bucket(call) != MR_OK || s3_check_key(call, change.key) != MR_OK ||
        check_algorithm(call) != MR_OK || s3_check_unsupported(call) != MR_OK ||
        s3_conditions_read(call, &change) != MR_OK || source_open(call, &source) != MR_OK)
        return;
    enum mr_status status = copy_meta(call, &source, &meta);
    if (status == MR_OK && meta.size > S3_PUT_BYTES_MAX)
        status = protocol_fail(call, &s3_invalid_request,
                               "The specified copy source is larger than the maximum allowable "
                               "size for a copy source: 5368709120");
    if (status == MR_OK)
        status = copy_commit(call, &source, &change, &meta);
    s3_source_close(&source.body);
    if (status != MR_OK)
        return;
    write_result(call, "CopyObjectResult", &meta);
    write_source_version(call, &source);
    s3_write_made(call, &change);
    s3_sse_write(call, &meta);
    s3_write_expiration(call, change.key, &meta);
}

/* ---- UploadPartCopy ---- */

static enum mr_status copy_range(struct protocol_call *call, const struct source *source,
                                 uint64_t *ret_first, uint64_t *ret_len)
{
    const struct mr_slice text = s3_in(call, "CopySourceRange");
    const size_t dash = mr_slice_find(text, '-');
    uint64_t first = 0, last = 0;
    *ret_first = 0;
    *ret_len = source->meta.size;
    if (text.len == 0)
        return MR_OK;
    if (!mr_slice_starts_with(text, MR_S("bytes=")) || dash == SIZE_MAX ||
        mr_slice_to_u64(mr_slice_sub(text, 6, dash - 6), &first) != MR_OK ||
        mr_slice_to_u64(mr_slice_sub(text, dash + 1, SIZE_MAX), &last) != MR_OK || last < first)
        return s3_fail_argument(call, "x-amz-copy-source-range", text,
                                "The x-amz-copy-source-range value must be of the form "
                                "bytes=first-last where first and last are the zero-based offsets "
                                "of the first and last bytes to copy");
    if (last >= source->meta.size) {
        protocol_fail_member(call, "ArgumentName", MR_S("x-amz-copy-source-range"));
        protocol_fail_member(call, "ArgumentValue", text);
        return protocol_fail(call, &s3_invalid_argument,
                             "Range specified is not valid for source object of size: %llu",
                             (unsigned long long)source->meta.size);
    }
    *ret_first = first;
    *ret_len = last - first + 1;
    return MR_OK;
}

static enum mr_status part_copy(struct protocol_call *call, const struct source *source,
                                const struct s3_upload *upload, struct s3_meta *ret_part)
{
    struct s3 *s3 = s3_of(call);
    const enum s3_algorithm algorithm =
        upload->meta.sum.algorithm != S3_NO_SUM ? upload->meta.sum.algorithm : S3_CRC64NVME;
    struct copying copying = {.source = source, .set = 1u << algorithm};
    if (s3_customer_check_part(call, upload, &copying.customer) != MR_OK ||
        copy_range(call, source, &copying.offset, &copying.len) != MR_OK ||
        copy_body(call, &copying) != MR_OK)
        return MR_FAULT;
    *ret_part = (struct s3_meta){
        .modified_ms = store_now(s3->options.store),
        .sum = copying.sums.of[algorithm],
    };
    memcpy(ret_part->md5, copying.sums.md5, sizeof copying.sums.md5);
    s3_meta_set_body(ret_part, &copying.body);
    s3_sealing_end(&copying.sealing, s3, call->arena, upload->meta.seal, ret_part);
    s3_sse_etag(s3, upload->meta.sse, ret_part);
    const uint32_t number = (uint32_t)mr_json_get_i64(call->in, "PartNumber", 0);
    const enum mr_status status =
        s3_upload_add(s3, call->arena, upload, number, ret_part, &copying.body, &call->ticket);
    if (status != MR_OK)
        s3_body_discard(s3->bodies, &copying.body);
    if (status == MR_NOT_FOUND)
        return s3_fail_no_upload(call, upload->id);
    protocol_fail_internal(call, status);
    return status;
}

static void upload_part_copy(struct protocol_call *call)
{
    struct source source = {0};
    struct s3_upload upload;
    struct s3_meta part;
    if (s3_check_unsupported(call) != MR_OK || s3_check_part_number(call) != MR_OK ||
        s3_check_upload(call, &upload) != MR_OK || source_open(call, &source) != MR_OK)
        return;
    const enum mr_status status = part_copy(call, &source, &upload, &part);
    s3_source_close(&source.body);
    if (status != MR_OK)
        return;
    write_result(call, "CopyPartResult", &part);
    write_source_version(call, &source);
    s3_sse_write(call, &upload.meta);
}

static const struct protocol_handler handlers[] = {
    {.operation = "CopyObject", .run = copy_object},
    {.operation = "UploadPartCopy", .run = upload_part_copy},
};
const struct s3_handlers s3_copy_handlers = {handlers, MR_COUNT(handlers)};
