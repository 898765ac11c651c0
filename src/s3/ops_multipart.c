/* The wire: uploads in parts, from their begin to their end. Listings are in ops_uploads.c. */
#include "s3/ops.h"
#include <assert.h>

enum mr_status s3_check_part_number(struct protocol_call *call)
{
    const int64_t number = mr_json_get_i64(call->in, "PartNumber", 0);
    if (number >= 1 && number <= S3_PARTS_MAX)
        return MR_OK;
    return s3_fail_argument(call, "partNumber", s3_in(call, "PartNumber"),
                            "Part number must be an integer between 1 and 10000, inclusive");
}

enum mr_status s3_check_upload(struct protocol_call *call, struct s3_upload *ret_upload)
{
    const struct mr_slice id = s3_in(call, "UploadId");
    if (s3_check_bucket(call) != MR_OK)
        return MR_FAULT;
    const enum mr_status status = s3_upload_find(s3_of(call), call->arena, s3_in(call, "Bucket"),
                                                 s3_in(call, "Key"), id, ret_upload);
    if (status == MR_NOT_FOUND)
        return s3_fail_no_upload(call, id);
    protocol_fail_internal(call, status);
    return status;
}

/* ---- CreateMultipartUpload ---- */

enum mr_status s3_fail_algorithm(struct protocol_call *call)
{
    return protocol_fail(call, &s3_invalid_request,
                         "Checksum algorithm provided is unsupported. Please try again with any of "
                         "the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
}

static enum mr_status sum_kind_read(struct protocol_call *call, struct s3_meta *meta)
{
    const struct mr_slice named = s3_in(call, "ChecksumAlgorithm");
    const struct mr_slice kind = s3_in(call, "ChecksumType");
    const bool full = mr_slice_equal(kind, MR_S("FULL_OBJECT"));
    const bool composite = mr_slice_equal(kind, MR_S("COMPOSITE"));
    const enum s3_algorithm algorithm = s3_algorithm_of(named);
    if (named.len > 0 && algorithm == S3_NO_SUM)
        return s3_fail_algorithm(call);
    if (kind.len > 0 && !full && !composite)
        return protocol_fail(call, &s3_invalid_request,
                             "Value for x-amz-checksum-type header is invalid.");
    if (kind.len > 0 && named.len == 0)
        return protocol_fail(call, &s3_invalid_request,
                             "The x-amz-checksum-type header can only be used with the "
                             "x-amz-checksum-algorithm header.");
    if (full && !s3_algorithm_is_crc(algorithm))
        return protocol_fail(call, &s3_invalid_request,
                             "The FULL_OBJECT checksum type cannot be used with the %s checksum "
                             "algorithm.",
                             s3_algorithm_header(algorithm) + sizeof "x-amz-checksum-" - 1);
    if (composite && algorithm == S3_CRC64NVME)
        return protocol_fail(call, &s3_invalid_request,
                             "The COMPOSITE checksum type cannot be used with the crc64nvme "
                             "checksum algorithm.");
    meta->sum.algorithm = algorithm;
    meta->composite = algorithm != S3_NO_SUM && algorithm != S3_CRC64NVME && !full;
    return MR_OK;
}

/* An upload has the head of the seal that its object will have. */
static enum mr_status seal_begin(struct protocol_call *call, struct s3_meta *meta)
{
    struct s3_customer customer;
    struct mr_buf seal = {0};
    if (s3_customer_read(call, S3_CUSTOMER_TARGET, &customer) != MR_OK)
        return MR_FAULT;
    if (customer.given)
        s3_seal_begin(&seal, s3_of(call)->options.rng, &customer.key);
    meta->seal = mr_arena_copy(call->arena, mr_buf_slice(&seal));
    mr_buf_fini(&seal);
    return MR_OK;
}

static void create_upload(struct protocol_call *call)
{
    struct s3 *s3 = s3_of(call);
    struct s3_upload upload = {.bucket = s3_in(call, "Bucket"), .key = s3_in(call, "Key")};
    if (s3_check_bucket(call) != MR_OK || s3_check_key(call, upload.key) != MR_OK ||
        s3_check_unsupported(call) != MR_OK || s3_headers_read(call, &upload.meta) != MR_OK ||
        s3_headers_tags(call, &upload.meta) != MR_OK || sum_kind_read(call, &upload.meta) != MR_OK)
        return;
    upload.meta.modified_ms = store_now(s3->options.store);
    if (seal_begin(call, &upload.meta) != MR_OK)
        return;
    const enum mr_status status = s3_upload_begin(s3, call->arena, &upload, &call->ticket);
    if (status == MR_NOT_FOUND)
        s3_fail_no_bucket(call, upload.bucket);
    protocol_fail_internal(call, status);
    mr_json_key_string(&call->out, "Bucket", upload.bucket);
    mr_json_key_string(&call->out, "Key", upload.key);
    mr_json_key_string(&call->out, "UploadId", upload.id);
    s3_sse_write(call, &upload.meta);
    s3_write_abort(call, &upload);
    if (upload.meta.sum.algorithm == S3_NO_SUM)
        return;
    mr_json_key_cstr(&call->out, "ChecksumAlgorithm", s3_algorithm_name(upload.meta.sum.algorithm));
    mr_json_key_cstr(&call->out, "ChecksumType",
                     upload.meta.composite ? "COMPOSITE" : "FULL_OBJECT");
}

/* ---- UploadPart ---- */

static enum s3_algorithm upload_algorithm(const struct s3_upload *upload)
{
    return upload->meta.sum.algorithm != S3_NO_SUM ? upload->meta.sum.algorithm : S3_CRC64NVME;
}

static enum mr_status fail_sum_kind(struct protocol_call *call, enum s3_algorithm wanted,
                                    enum s3_algorithm given)
{
    return protocol_fail(
        call, &s3_invalid_request,
        "Checksum Type mismatch occurred, expected checksum Type: %s, actual "
        "checksum Type: %s",
        s3_algorithm_header(wanted) + sizeof "x-amz-checksum-" - 1,
        given == S3_NO_SUM ? "null" : s3_algorithm_header(given) + sizeof "x-amz-checksum-" - 1);
}

/* A checksum of another algorithm, which could not be held against anything, is none. */
static enum mr_status check_others(struct protocol_call *call, yyjson_val *given,
                                   enum s3_algorithm wanted)
{
    for (int i = S3_NO_SUM + 1; i < S3_ALGORITHMS; i++) {
        const enum s3_algorithm algorithm = (enum s3_algorithm)i;
        if (algorithm != wanted && mr_json_get(given, s3_algorithm_member(algorithm)) != NULL)
            return fail_sum_kind(call, wanted, algorithm);
    }
    return MR_OK;
}

/* The part's checksum must be of the kind the upload was begun with, if that was said. */
static enum mr_status part_sum_check(struct protocol_call *call, const struct s3_upload *upload,
                                     enum s3_algorithm given)
{
    const enum s3_algorithm wanted = upload->meta.sum.algorithm;
    if (wanted == S3_NO_SUM || wanted == given || (given == S3_NO_SUM && !upload->meta.composite))
        return MR_OK;
    return fail_sum_kind(call, wanted, given);
}

static void part_open(struct protocol_call *call)
{
    struct s3_upload upload;
    struct s3_customer customer;
    if (s3_check_unsupported(call) != MR_OK || s3_check_part_number(call) != MR_OK ||
        s3_check_upload(call, &upload) != MR_OK ||
        s3_customer_check_part(call, &upload, &customer) != MR_OK ||
        s3_lock_check_part(call, &upload.meta) != MR_OK ||
        s3_incoming_open(call, S3_PUT_BYTES_MAX) != MR_OK)
        return;
    struct s3_incoming *incoming = call->stream;
    incoming->upload = upload;
    if (part_sum_check(call, &upload, incoming->checks.algorithm) != MR_OK) {
        s3_incoming_abandon(incoming);
        return;
    }
    /* Both: the one the client can check now, and the one of the whole. */
    s3_digest_fini(&incoming->digest);
    s3_digest_init(&incoming->digest, incoming->checks.set | 1u << upload_algorithm(&upload));
}

static void part_abandon(struct protocol_call *call)
{
    s3_incoming_abandon(call->stream);
}

static void part_run(struct protocol_call *call)
{
    struct s3_incoming *incoming = call->stream;
    struct s3 *s3 = incoming->s3;
    if (s3_incoming_finish(call, incoming) != MR_OK)
        return;
    struct s3_meta part = {
        .modified_ms = store_now(s3->options.store),
        .sum = incoming->sums.of[upload_algorithm(&incoming->upload)],
    };
    memcpy(part.md5, incoming->sums.md5, sizeof part.md5);
    s3_meta_set_body(&part, &incoming->body);
    s3_sealing_end(&incoming->sealing, s3, call->arena, incoming->upload.meta.seal, &part);
    s3_sse_etag(s3, incoming->upload.meta.sse, &part);
    const uint32_t number = (uint32_t)mr_json_get_i64(call->in, "PartNumber", 0);
    const enum mr_status status = s3_upload_add(s3, call->arena, &incoming->upload, number, &part,
                                                &incoming->body, &call->ticket);
    if (status != MR_OK) {
        s3_body_discard(s3->bodies, &incoming->body);
        if (status == MR_NOT_FOUND)
            s3_fail_no_upload(call, incoming->upload.id);
        protocol_fail_internal(call, status);
        return;
    }
    atomic_fetch_add(&s3->bytes_in, part.size);
    const struct s3_sum *shown = &incoming->sums.of[incoming->checks.kept];
    mr_json_key_string(&call->out, "ETag", s3_quoted_etag(call, &part));
    /* AWS: what neither the upload nor the part names is not told here. */
    if (incoming->upload.meta.sum.algorithm != S3_NO_SUM || incoming->checks.algorithm != S3_NO_SUM)
        mr_json_key_string(&call->out, s3_algorithm_member(shown->algorithm),
                           s3_sum_base64(call->arena, shown));
    s3_sse_write(call, &incoming->upload.meta);
}

/* ---- CompleteMultipartUpload ---- */

static enum mr_status fail_part(struct protocol_call *call, yyjson_val *asked, struct mr_slice id)
{
    protocol_fail_member(call, "UploadId", id);
    protocol_fail_member(call, "PartNumber", mr_json_get_text(asked, "PartNumber"));
    protocol_fail_member(call, "ETag", mr_json_get_text(asked, "ETag"));
    return protocol_fail(call, &s3_invalid_part,
                         "One or more of the specified parts could not be found.  The part may not "
                         "have been uploaded, or the specified entity tag may not match the "
                         "part's entity tag.");
}

static enum mr_status fail_small(struct protocol_call *call, const struct s3_stored_part *part)
{
    protocol_fail_member(call, "ETag", s3_quoted_etag(call, &part->meta));
    protocol_fail_member(call, "MinSizeAllowed", MR_S("5242880"));
    protocol_fail_member(call, "PartNumber", mr_arena_printf(call->arena, "%u", part->number));
    protocol_fail_member(call, "ProposedSize",
                         mr_arena_printf(call->arena, "%llu", (unsigned long long)part->meta.size));
    return protocol_fail(call, &s3_entity_too_small,
                         "Your proposed upload is smaller than the minimum allowed size");
}

/* Does the request's part fit the stored one? */
static enum mr_status part_check(struct protocol_call *call, const struct s3_upload *upload,
                                 yyjson_val *asked, const struct s3_stored_part *part)
{
    const enum s3_algorithm algorithm = part->meta.sum.algorithm;
    if (!s3_etag_fits(mr_json_get_text(asked, "ETag"), &part->meta))
        return fail_part(call, asked, upload->id);
    if (upload->meta.sum.algorithm != S3_NO_SUM && check_others(call, asked, algorithm) != MR_OK)
        return MR_FAULT;
    yyjson_val *sum = mr_json_get(asked, s3_algorithm_member(algorithm));
    if (sum != NULL &&
        !mr_slice_equal(mr_json_text(sum), s3_sum_base64(call->arena, &part->meta.sum)))
        return fail_part(call, asked, upload->id);
    if (sum == NULL && upload->meta.composite)
        return protocol_fail(call, &s3_invalid_request,
                             "The upload was created using a %s checksum. The complete request "
                             "must include the checksum for each part. It was missing for part %u "
                             "in the request.",
                             s3_algorithm_header(algorithm) + sizeof "x-amz-checksum-" - 1,
                             part->number);
    return MR_OK;
}

/* The stored parts that the request names, in its order. */
static enum mr_status parts_choose(struct protocol_call *call, const struct s3_upload *upload,
                                   struct s3_stored_part **ret_chosen, size_t *ret_count)
{
    yyjson_val *asked_list = mr_json_get(mr_json_get(call->in, "MultipartUpload"), "Parts");
    const size_t total = yyjson_arr_size(asked_list);
    struct s3_stored_part *stored = NULL, *chosen;
    size_t stored_count = 0, at, count, seen = 0;
    yyjson_val *asked;
    int64_t before = 0;
    if (mr_json_get(call->in, "MultipartUpload") == NULL)
        return protocol_fail(call, &s3_invalid_request, "You must specify at least one part");
    if (total == 0 || total > S3_PARTS_MAX)
        return s3_fail_malformed(call);
    const enum mr_status status =
        s3_upload_parts(s3_of(call), call->arena, upload->id, &stored, &stored_count);
    if (status != MR_OK) {
        protocol_fail_internal(call, status);
        return MR_FAULT;
    }
    chosen = MR_NEW_ARRAY(call->arena, struct s3_stored_part, total);
    yyjson_arr_foreach(asked_list, at, count, asked)
    {
        const int64_t number = mr_json_get_i64(asked, "PartNumber", 0);
        if (mr_json_get(asked, "PartNumber") == NULL || mr_json_get_text(asked, "ETag").len == 0)
            return s3_fail_malformed(call);
        if (number <= before && at > 0)
            return protocol_fail(call, &s3_invalid_part_order,
                                 "The list of parts was not in ascending order. Parts must be "
                                 "ordered by part number.");
        before = number;
        while (seen < stored_count && stored[seen].number < number)
            seen++;
        if (seen == stored_count || stored[seen].number != number)
            return fail_part(call, asked, upload->id);
        if (part_check(call, upload, asked, &stored[seen]) != MR_OK)
            return MR_FAULT;
        chosen[at] = stored[seen];
    }
    for (size_t i = 0; i + 1 < total; i++)
        if (chosen[i].meta.size < S3_PART_BYTES_MIN)
            return fail_small(call, &chosen[i]);
    *ret_chosen = chosen;
    *ret_count = total;
    return MR_OK;
}

/* Size, ETag, sum and table of parts of the whole. */
static void whole_of(struct protocol_call *call, const struct s3_stored_part *chosen, size_t count,
                     struct s3_meta *object)
{
    struct mr_buf md5s = {0}, sums = {0}, parts = {0}, seal = {0};
    struct s3_sums digests;
    mr_buf_append(&seal, object->seal);
    object->size = 0;
    object->sum = chosen[0].meta.sum;
    for (size_t i = 0; i < count; i++) {
        const struct s3_meta *part = &chosen[i].meta;
        const struct s3_part row = {chosen[i].number, part->size, part->sum};
        mr_buf_append(&md5s, mr_slice_make(part->md5, S3_MD5_BYTES));
        mr_buf_append(&sums, s3_sum_slice(&part->sum));
        s3_parts_add(&parts, &row);
        mr_buf_append(&seal, s3_seal_segments(part->seal));
        object->size += part->size;
        if (i > 0 && !object->composite)
            s3_sum_combine(&object->sum, &part->sum, part->size);
    }
    mr_md5(mr_buf_slice(&md5s), object->md5);
    if (object->composite) {
        s3_digest_bytes(mr_buf_slice(&sums), 1u << object->sum.algorithm, &digests);
        object->sum = digests.of[object->sum.algorithm];
    }
    object->part_count = (uint32_t)count;
    object->parts = mr_arena_copy(call->arena, mr_buf_slice(&parts));
    object->seal = mr_arena_copy(call->arena, mr_buf_slice(&seal));
    mr_buf_fini(&seal);
    mr_buf_fini(&md5s);
    mr_buf_fini(&sums);
    mr_buf_fini(&parts);
}

/* What the client says about the whole. */
static enum mr_status whole_check(struct protocol_call *call, const struct s3_meta *object)
{
    const struct mr_slice kind = s3_in(call, "ChecksumType");
    const char *const is = object->composite ? "COMPOSITE" : "FULL_OBJECT";
    if (kind.len > 0 && !mr_slice_equal(kind, mr_slice_cstr(is)))
        return protocol_fail(call, &s3_bad_digest,
                             "The upload was created using the %s checksum mode. The complete "
                             "request must use the same checksum mode.",
                             is);
    if (check_others(call, call->in, object->sum.algorithm) != MR_OK)
        return MR_FAULT;
    const struct mr_slice sum = s3_in(call, s3_algorithm_member(object->sum.algorithm));
    const struct mr_slice bare = s3_sum_base64(call->arena, &object->sum);
    if (sum.len > 0 && !mr_slice_equal(sum, bare) &&
        !mr_slice_equal(sum, s3_sum_text(call, object)))
        return protocol_fail(
            call, &s3_bad_digest, "The %s you specified did not match the calculated checksum.",
            s3_algorithm_header(object->sum.algorithm) + sizeof "x-amz-checksum-" - 1);
    const int64_t size = mr_json_get_i64(call->in, "MpuObjectSize", (int64_t)object->size);
    if ((uint64_t)size != object->size)
        return protocol_fail(call, &s3_invalid_request,
                             "The provided 'x-amz-mp-object-size' header value %lld does not match "
                             "what was computed: %llu",
                             (long long)size, (unsigned long long)object->size);
    return MR_OK;
}

/* AWS: the key need not come along, unless it is told, or the upload names a checksum. */
static enum mr_status check_key(struct protocol_call *call, const struct s3_upload *upload)
{
    struct s3_customer customer;
    const bool needed = upload->meta.seal.len > 0 && upload->meta.sum.algorithm != S3_NO_SUM;
    if (!needed && mr_json_get(call->in, "SSECustomerAlgorithm") == NULL &&
        mr_json_get(call->in, "SSECustomerKey") == NULL)
        return MR_OK;
    return s3_customer_check_part(call, upload, &customer);
}

static void complete_upload(struct protocol_call *call)
{
    struct s3 *s3 = s3_of(call);
    struct s3_upload upload;
    struct s3_stored_part *chosen = NULL;
    size_t count = 0;
    struct s3_change change = s3_change_of(call);
    change.event = "ObjectCreated:CompleteMultipartUpload";
    if (s3_check_upload(call, &upload) != MR_OK || check_key(call, &upload) != MR_OK ||
        s3_body_check_md5(call) != MR_OK || s3_checks_of_whole(call) != MR_OK ||
        s3_conditions_read(call, &change) != MR_OK ||
        parts_choose(call, &upload, &chosen, &count) != MR_OK)
        return;
    struct s3_meta object = upload.meta;
    object.marker = false;
    whole_of(call, chosen, count, &object);
    if (whole_check(call, &object) != MR_OK)
        return;
    object.modified_ms = store_now(s3->options.store);
    const enum mr_status status =
        s3_upload_finish(s3, call->arena, &upload, chosen, count, &object, &change, &call->ticket);
    if (status == MR_AGAIN)
        s3_fail_no_upload(call, upload.id);
    if (change.conflict) {
        protocol_fail_member(call, "Condition", MR_S("If-None-Match"));
        protocol_fail_member(call, "Key", upload.key);
        protocol_fail(call, &s3_conflict,
                      "The conditional request cannot succeed due to a conflicting operation "
                      "against this resource.");
    }
    if (s3_fail_change(call, status) != MR_OK)
        return;
    const struct mr_slice host = call->exchange != NULL ? call->exchange->host : MR_S("localhost");
    mr_json_key_string(&call->out, "Location",
                       mr_arena_printf(call->arena, "http://%.*s/%.*s/%.*s", MR_ARG(host),
                                       MR_ARG(upload.bucket), MR_ARG(upload.key)));
    mr_json_key_string(&call->out, "Bucket", upload.bucket);
    mr_json_key_string(&call->out, "Key", upload.key);
    mr_json_key_string(&call->out, "ETag", s3_quoted_etag(call, &object));
    s3_write_sum(call, &object);
    s3_write_made(call, &change);
    s3_sse_write(call, &object);
    s3_write_expiration(call, upload.key, &object);
}

static void abort_upload(struct protocol_call *call)
{
    struct s3_upload upload;
    if (s3_check_upload(call, &upload) != MR_OK)
        return;
    if (mr_json_get(call->in, "IfMatchInitiatedTime") != NULL) { /* AWS: of directory buckets */
        s3_fail_header(call, "x-amz-if-match-initiated-time", NULL);
        return;
    }
    const enum mr_status status = s3_upload_abort(s3_of(call), call->arena, &upload, &call->ticket);
    if (status == MR_NOT_FOUND)
        s3_fail_no_upload(call, upload.id);
    protocol_fail_internal(call, status);
}

static const struct protocol_handler handlers[] = {
    {.operation = "AbortMultipartUpload", .run = abort_upload},
    {.operation = "CompleteMultipartUpload", .run = complete_upload},
    {.operation = "CreateMultipartUpload", .run = create_upload},
    {.operation = "UploadPart",
     .run = part_run,
     .open = part_open,
     .abandon = part_abandon,
     .flags = PROTOCOL_STREAM},
};
const struct s3_handlers s3_multipart_handlers = {handlers, MR_COUNT(handlers)};
