/* s3/ops.h: what the files of the wire share: faults and small helpers. */
#pragma once
#include "s3/internal.h"
#include "s3/range.h"

#define S3_FAULTS(X)                                                               \
    X(access_denied, "AccessDenied", 403, false)                                   \
    X(acl_not_supported, "AccessControlListNotSupported", 400, false)              \
    X(authorization_malformed, "AuthorizationHeaderMalformed", 400, false)         \
    X(bad_request, "BadRequest", 400, false)                                       \
    X(bucket_acl, "InvalidBucketAclWithObjectOwnership", 400, false)               \
    X(bucket_acl_public, "InvalidBucketAclWithBlockPublicAccessError", 400, false) \
    X(bad_digest, "BadDigest", 400, false)                                         \
    X(bucket_exists_for_us, "BucketAlreadyOwnedByYou", 409, false)                 \
    X(bucket_not_empty, "BucketNotEmpty", 409, false)                              \
    X(conflict, "ConditionalRequestConflict", 409, false)                          \
    X(cross_location, "CrossLocationLoggingProhibitted", 403, false)               \
    X(entity_too_large, "EntityTooLarge", 400, false)                              \
    X(entity_too_small, "EntityTooSmall", 400, false)                              \
    X(illegal_location, "IllegalLocationConstraintException", 400, false)          \
    X(illegal_versioning, "IllegalVersioningConfigurationException", 400, false)   \
    X(invalid_argument, "InvalidArgument", 400, false)                             \
    X(invalid_bucket_state, "InvalidBucketState", 409, false)                      \
    X(invalid_bucket_name, "InvalidBucketName", 400, false)                        \
    X(invalid_digest, "InvalidDigest", 400, false)                                 \
    X(invalid_location, "InvalidLocationConstraint", 400, false)                   \
    X(invalid_object_state, "InvalidObjectState", 403, false)                      \
    X(invalid_encryption, "InvalidEncryptionAlgorithmError", 400, false)           \
    X(invalid_owner, "InvalidBucketOwnerAWSAccountID", 400, false)                 \
    X(invalid_part, "InvalidPart", 400, false)                                     \
    X(invalid_part_number, "InvalidPartNumber", 416, false)                        \
    X(invalid_part_order, "InvalidPartOrder", 400, false)                          \
    X(invalid_range, "InvalidRange", 416, false)                                   \
    X(invalid_redirect, "InvalidRedirectLocation", 400, false)                     \
    X(invalid_request, "InvalidRequest", 400, false)                               \
    X(invalid_storage_class, "InvalidStorageClass", 400, false)                    \
    X(invalid_target, "InvalidTargetBucketForLogging", 400, false)                 \
    X(invalid_tag, "InvalidTag", 400, false)                                       \
    X(invalid_uri, "InvalidURI", 400, false)                                       \
    X(key_too_long, "KeyTooLongError", 400, false)                                 \
    X(malformed_acl, "MalformedACLError", 400, false)                              \
    X(malformed_policy, "MalformedPolicy", 400, false)                             \
    X(malformed_trailer, "MalformedTrailerError", 400, false)                      \
    X(malformed_xml, "MalformedXML", 400, false)                                   \
    X(method_not_allowed, "MethodNotAllowed", 405, false)                          \
    X(metadata_too_large, "MetadataTooLarge", 400, false)                          \
    X(missing_body, "MissingRequestBodyError", 400, false)                         \
    X(missing_header, "MissingSecurityHeader", 400, false)                         \
    X(missing_length, "MissingContentLength", 411, false)                          \
    X(missing_namespace, "MissingNamespaceHeader", 400, false)                     \
    X(no_configuration, "NoSuchConfiguration", 404, false)                         \
    X(no_access_block, "NoSuchPublicAccessBlockConfiguration", 404, false)         \
    X(no_cors, "NoSuchCORSConfiguration", 404, false)                              \
    X(no_encryption, "ServerSideEncryptionConfigurationNotFoundError", 404, false) \
    X(no_lifecycle, "NoSuchLifecycleConfiguration", 404, false)                    \
    X(no_lock_of_object, "NoSuchObjectLockConfiguration", 404, false)              \
    X(no_object_lock, "ObjectLockConfigurationNotFoundError", 404, false)          \
    X(no_ownership, "OwnershipControlsNotFoundError", 404, false)                  \
    X(no_policy, "NoSuchBucketPolicy", 404, false)                                 \
    X(no_replication, "ReplicationConfigurationNotFoundError", 404, false)         \
    X(no_such_bucket, "NoSuchBucket", 404, false)                                  \
    X(no_such_key, "NoSuchKey", 404, false)                                        \
    X(no_such_upload, "NoSuchUpload", 404, false)                                  \
    X(no_such_version, "NoSuchVersion", 404, false)                                \
    X(no_tags, "NoSuchTagSet", 404, false)                                         \
    X(no_website, "NoSuchWebsiteConfiguration", 404, false)                        \
    X(not_implemented, "NotImplemented", 501, false)                               \
    X(not_in_active_tier, "ObjectNotInActiveTierError", 403, false)                \
    X(policy_too_large, "PolicyTooLarge", 400, false)                              \
    X(precondition_failed, "PreconditionFailed", 412, false)                       \
    X(too_many_configurations, "TooManyConfigurations", 400, false)                \
    X(headers_too_large, "RequestHeaderSectionTooLarge", 400, false)               \
    X(unexpected_content, "UnexpectedContent", 400, false)

#define S3_FAULT_DECLARE(name, code, status, server) extern const struct protocol_fault s3_##name;
S3_FAULTS(S3_FAULT_DECLARE)
#undef S3_FAULT_DECLARE

/* A member of the input, as text; empty when absent. */
static inline struct mr_slice s3_in(const struct protocol_call *call, const char *name)
{
    return mr_json_get_text(call->in, name);
}
static inline struct s3 *s3_of(const struct protocol_call *call)
{
    return call->service;
}

/* These set the fault and return MR_FAULT when something is wrong, else MR_OK. */
enum mr_status s3_check_bucket(struct protocol_call *call);
enum mr_status s3_check_owner(struct protocol_call *call);
/* Is it ours that the client expects to meet? Empty: it expects nothing. */
enum mr_status s3_check_account(struct protocol_call *call, struct mr_slice owner);
enum mr_status s3_check_key(struct protocol_call *call, struct mr_slice key);
/* PartNumber of the input. */
enum mr_status s3_check_part_number(struct protocol_call *call);
/* The upload that the input means. */
enum mr_status s3_check_upload(struct protocol_call *call, struct s3_upload *ret_upload);
/* Bucket, Key and VersionId of the input. `room` is where the version is kept. */
enum mr_status s3_which_in(struct protocol_call *call, struct s3_which *ret_which,
                           struct s3_version *room);
/* A version's id as a client names it (absent: NULL). */
enum mr_status s3_version_in(struct protocol_call *call, yyjson_val *value,
                             const struct s3_version **ret_version, struct s3_version *room);
/* A member of the input that counts (of the wire `name`), refused when it is negative; of a page's
 * limit no more than a page is left. */
enum mr_status s3_count_in(struct protocol_call *call, const char *member, const char *name,
                           int64_t fallback, int64_t *ret_count);
enum mr_status s3_limit_in(struct protocol_call *call, const char *member, const char *name,
                           int64_t *ret_limit);
/* The header that tells where the call's bucket lies, if it is there. */
void s3_tell_region(struct protocol_call *call);
/* What the query names fits together; the path can be read; no header is there that another
 * operation takes; all of them together are not too large. */
enum mr_status s3_check_request(struct protocol_call *call);
/* Headers that would have to change what is done, and are not implemented. */
enum mr_status s3_check_unsupported(struct protocol_call *call);

/* What a request says about an access control list. */
struct s3_acl {
    bool asked;             /* it says something */
    bool everybody;         /* all users, or all that are authenticated, are granted something */
    struct mr_slice grants; /* a JSON array; empty: the owner has all, nobody else anything */
};
enum mr_status s3_acl_parse(struct protocol_call *call, bool bucket, struct s3_acl *ret_acl);
/* AWS: a bucket whose owner owns everything has no lists. */
enum mr_status s3_fail_no_acl(struct protocol_call *call);
/* The list of a new object or bucket, when that may have it. */
enum mr_status s3_acl_of_object(struct protocol_call *call, struct mr_slice *ret_grants);
enum mr_status s3_acl_of_bucket(struct protocol_call *call, struct mr_slice *ret_grants);
/* Ownership is enforced, or is to be, and there is a list of the bucket. */
enum mr_status s3_fail_bucket_acl(struct protocol_call *call);

enum mr_status s3_fail_no_bucket(struct protocol_call *call, struct mr_slice bucket);
enum mr_status s3_fail_no_key(struct protocol_call *call, struct mr_slice key);
/* The outcome of looking for an object: no such bucket, key or version; the latest is a delete
 * marker. MR_OK for MR_OK, unless the version that was named is a marker. */
enum mr_status s3_fail_missing(struct protocol_call *call, const struct s3_which *which,
                               enum mr_status status, const struct s3_meta *meta);
enum mr_status s3_fail_no_upload(struct protocol_call *call, struct mr_slice upload_id);
enum mr_status s3_fail_condition(struct protocol_call *call, const char *condition);
enum mr_status s3_fail_malformed(struct protocol_call *call);
enum mr_status s3_fail_argument(struct protocol_call *call, const char *name, struct mr_slice value,
                                const char *message);
/* x-amz-checksum-algorithm names none that there is. */
enum mr_status s3_fail_algorithm(struct protocol_call *call);
/* A header that implies what is not implemented. */
enum mr_status s3_fail_header(struct protocol_call *call, const char *header, const char *more);
/* A change of the input's bucket and key, asked for by this call. */
struct s3_change s3_change_of(struct protocol_call *call);
/* The outcomes of s3_change_apply; MR_OK for MR_OK. */
enum mr_status s3_fail_change(struct protocol_call *call, enum mr_status status);
/* A member of the input that is a time, in milliseconds; INT64_MIN: it is not there. */
int64_t s3_in_time(struct protocol_call *call, const char *name);
/* What the conditions of a read say of the object; the input has them under these names. */
struct s3_condition_names {
    const char *if_match, *if_none_match, *modified_since, *unmodified_since;
};
enum s3_read_verdict s3_read_judge_call(struct protocol_call *call,
                                        const struct s3_condition_names *names,
                                        const struct s3_meta *meta);
/* If-Match and If-None-Match of the input, checked, into the change. */
enum mr_status s3_conditions_read(struct protocol_call *call, struct s3_change *change);

struct mr_slice s3_version_print(struct protocol_call *call, const struct s3_version *version);
/* "VersionId" of what was read, when its bucket keeps or kept versions. */
void s3_write_version(struct protocol_call *call, struct mr_slice bucket,
                      const struct s3_meta *meta);
/* The same of what a change made. */
void s3_write_made(struct protocol_call *call, const struct s3_change *change);
enum { S3_OWNER_ID_TEXT = 65 }; /* with a NUL */
/* The canonical id of an account. */
void s3_owner_id(struct mr_slice account, char ret[static S3_OWNER_ID_TEXT]);
void s3_write_owner(struct protocol_call *call, const char *member, bool with_name);
/* A time that S3 tells of what it keeps: in whole seconds, in documents as in headers. */
void s3_write_time(struct protocol_call *call, const char *member, int64_t ms);
/* Copied into the call's arena, with quotes. */
struct mr_slice s3_quoted_etag(struct protocol_call *call, const struct s3_meta *meta);
/* "ChecksumCRC32": "...", and "ChecksumType". */
void s3_write_sum(struct protocol_call *call, const struct s3_meta *meta);
struct mr_slice s3_sum_text(struct protocol_call *call, const struct s3_meta *meta);
/* For a reply that tells what was read without a lock: everything committed so far. */
int64_t s3_read_ticket(struct s3 *s3);

/* What tags are put on: they are counted and refused differently. */
enum s3_tagged { S3_TAGS_OBJECT, S3_TAGS_BUCKET, S3_TAGS_NEW_BUCKET };
/* Reads a TagSet array into pairs. */
enum mr_status s3_tags_read(struct protocol_call *call, yyjson_val *set, enum s3_tagged kind,
                            struct mr_slice *ret_pairs);
/* The same from the form text of x-amz-tagging. */
enum mr_status s3_tags_parse(struct protocol_call *call, struct mr_slice text,
                             struct mr_slice *ret_pairs);
/* Writes the member TagSet. */
void s3_tags_write(struct mr_json *json, struct mr_slice pairs);

/* What the client says about the body it sends. */
struct s3_upload_checks {
    unsigned set;                /* algorithms to compute */
    enum s3_algorithm algorithm; /* the client's */
    enum s3_algorithm kept;      /* the one to store: the client's, or CRC64NVME */
    bool has_sum, trailer;       /* where the sum is: in `sum`, or in the trailer of that name */
    struct s3_sum sum;
    bool has_md5;
    struct mr_slice md5; /* 16 bytes */
};
/* An object of parts: is what the client says of its checksum one, and one alone? */
enum mr_status s3_checks_of_whole(struct protocol_call *call);
enum mr_status s3_checks_read(struct protocol_call *call, struct s3_upload_checks *ret_checks);
/* The trailer, once the body is there. */
enum mr_status s3_checks_trailer(struct protocol_call *call, struct s3_upload_checks *checks);
/* The body of a request that sets something (XML) against the digests that came with it; required:
 * one has to. */
MR_MUST_USE enum mr_status s3_body_check(struct protocol_call *call, bool required);
/* The same by its MD5 alone, where checksums are those of something else. */
MR_MUST_USE enum mr_status s3_body_check_md5(struct protocol_call *call);
enum mr_status s3_checks_verify(struct protocol_call *call, const struct s3_upload_checks *checks,
                                const struct s3_sums *sums);

/* Content headers, storage class, metadata and tags of the input into the meta. */
enum mr_status s3_headers_read(struct protocol_call *call, struct s3_meta *meta);
enum mr_status s3_headers_tags(struct protocol_call *call, struct s3_meta *meta);

/* ---- customer.c: keys that clients bring along ---- */
enum s3_customer_of { S3_CUSTOMER_TARGET, S3_CUSTOMER_SOURCE /* of a copy */ };
struct s3_customer {
    bool given;
    bool usable; /* of the length that it has to have: */
    struct s3_customer_key key;
    struct mr_slice md5; /* as the client told it */
};
/* What the request says, as far as it can be wrong by itself, but for the key's length. */
enum mr_status s3_customer_read(struct protocol_call *call, enum s3_customer_of of,
                                struct s3_customer *ret_customer);
/* To encrypt with. */
enum mr_status s3_customer_usable(struct protocol_call *call, const struct s3_customer *customer);
/* Reads it, and holds it against an object that is to be read, or an upload that a part is for. */
enum mr_status s3_customer_check(struct protocol_call *call, enum s3_customer_of of,
                                 const struct s3_meta *meta, struct s3_customer *ret_customer);
enum mr_status s3_customer_check_part(struct protocol_call *call, const struct s3_upload *upload,
                                      struct s3_customer *ret_customer);
/* A body that is encrypted while it is written, if the client wants that. */
struct s3_sealing {
    struct s3_customer customer;
    struct s3_nonce nonce;
    struct s3_cipher cipher;
};
/* Both stay where they are until the end. */
void s3_sealing_begin(struct s3_sealing *sealing, struct s3 *s3, struct s3_writer *writer,
                      const struct s3_customer *customer);
void s3_sealing_fini(struct s3_sealing *sealing); /* accepts a zeroed one */
/* The record's seal (`head`: of the upload that it belongs to; empty: a new one), and an ETag
 * instead of the MD5; size and MD5 are there. */
void s3_sealing_end(struct s3_sealing *sealing, struct s3 *s3, struct mr_arena *arena,
                    struct mr_slice head, struct s3_meta *meta);

/* A body on its way from the wire. */
struct s3_incoming {
    struct s3 *s3;
    struct s3_writer writer;
    struct s3_sealing sealing;
    struct s3_digest digest;
    struct s3_upload_checks checks;
    struct s3_sums sums; /* these two set by s3_incoming_finish */
    struct s3_body body;
    struct s3_upload upload; /* of a part */
    const char *event;       /* what is told of it; NULL: a put */
};
/* For `open`: sets call->sink and call->stream. */
enum mr_status s3_incoming_open(struct protocol_call *call, uint64_t bytes_max);
/* For `run`: checks the sums and finishes the body, which is gone on a fault. */
enum mr_status s3_incoming_finish(struct protocol_call *call, struct s3_incoming *incoming);
/* For `abandon`, and after any fault. */
void s3_incoming_abandon(struct s3_incoming *incoming);

/* ---- what is configured about a bucket: members of its document ---- */
bool s3_ownership_ok(struct mr_slice rule);
/* A policy that a bucket of the call's input may be given. */
enum mr_status s3_policy_check(struct protocol_call *call, yyjson_val *policy);
/* Do its conditions let in those alone that they name? */
bool s3_policy_conditions_fix(yyjson_val *conditions);
/* One of the four settings of the block of public access. */
bool s3_blocks_public(yyjson_val *document, const char *setting);
/* Does a statement let everybody in, whoever it may be? */
bool s3_policy_is_public(yyjson_val *policy);
/* The bucket's document, or NULL with the fault set. */
yyjson_val *s3_config_document(struct protocol_call *call);
/* Sets a member; an empty text takes it away. */
void s3_config_store(struct protocol_call *call, const char *member, struct mr_slice json);
/* An object as it is, but for its name: where it has none in `member`, it gets `name`. */
void s3_config_write_named(struct mr_json *json, yyjson_val *object, const char *member,
                           struct mr_slice name);
struct mr_slice s3_config_json(struct protocol_call *call, yyjson_val *value);
/* Is the request's endpoint one that the bucket has? */
enum mr_status s3_check_accelerated(struct protocol_call *call);
/* Writes the stored member as the output's member; a stored `false` says that it was taken away,
 * and nothing stored that AWS's default holds (no default: absent as well). */
void s3_config_give(struct protocol_call *call, const char *member, const char *output,
                    const char *fallback, const struct protocol_fault *fault, const char *message);

/* How an object is to be encrypted, from the request or its bucket's default; and told. Of one that
 * a client's key encrypts, whether that may be; the seal is made with the body. */
enum mr_status s3_sse_read(struct protocol_call *call, struct s3_meta *meta);
void s3_sse_write(struct protocol_call *call, const struct s3_meta *meta);

/* Retention and legal hold of a new object, from the request's headers; and told. */
enum mr_status s3_lock_read(struct protocol_call *call, struct s3_meta *meta);
void s3_lock_write(struct protocol_call *call, const struct s3_meta *meta);
/* A part of what will be locked brings a digest. */
enum mr_status s3_lock_check_part(struct protocol_call *call, const struct s3_meta *upload);
/* "Expiration" of a current object, when a lifecycle rule will end it. */
void s3_write_expiration(struct protocol_call *call, struct mr_slice key,
                         const struct s3_meta *meta);

/* Objects in archive classes: may the call read it? And "Restore" of one that it may. */
enum mr_status s3_check_readable(struct protocol_call *call, const struct s3_meta *meta);
void s3_write_restore(struct protocol_call *call, const struct s3_meta *meta);
void s3_write_restore_status(struct protocol_call *call, const struct s3_meta *meta);
/* "ReplicationStatus" of an object that a rule of replication is about. */
void s3_write_replication(struct protocol_call *call, const struct s3_meta *meta);
/* "AbortDate" and "AbortRuleId" of an upload that a lifecycle rule will give up. */
void s3_write_abort(struct protocol_call *call, const struct s3_upload *upload);
/* PutObject of the call's input with a body that is there already. */
void s3_put_whole(struct protocol_call *call, struct mr_slice body, const char *event);
/* website.c */
const char *s3_website(struct protocol_call *call, struct mr_slice bucket, struct mr_slice path);
/* form.c */
void s3_form(struct protocol_call *call, struct mr_slice bucket);

extern const struct protocol_browser s3_browser;

struct s3_handlers {
    const struct protocol_handler *list;
    size_t count;
};
extern const struct s3_handlers s3_bucket_handlers, s3_config_handlers, s3_object_handlers,
    s3_read_handlers, s3_list_handlers, s3_multipart_handlers, s3_copy_handlers, s3_tag_handlers,
    s3_upload_list_handlers, s3_cors_handlers, s3_sse_handlers, s3_policy_handlers,
    s3_lifecycle_handlers, s3_lock_handlers, s3_notify_handlers, s3_metrics_handlers,
    s3_acl_handlers, s3_restore_handlers, s3_logging_handlers, s3_website_handlers,
    s3_replication_handlers;

/* ops_metrics.c */
/* Of protocol_on_answer. */
void s3_on_answer(void *ctx, struct protocol_call *call);
