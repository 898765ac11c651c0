/* Keys that clients bring along (SSE-C): read from a request, held against what a record says. AWS
 * takes them by TLS alone; where TLS ends is not for this server to know. */
#include "s3/ops.h"

/* The headers' names for the target of a request and for the source of a copy. */
static const struct {
    const char *algorithm, *key, *md5;
} members[] = {
    {"SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"},
    {"CopySourceSSECustomerAlgorithm", "CopySourceSSECustomerKey", "CopySourceSSECustomerKeyMD5"},
};

/* AWS: the argument it names is the same whichever is wrong. */
static enum mr_status fail_argument(struct protocol_call *call, const char *message)
{
    return s3_fail_argument(call, "x-amz-server-side-encryption", MR_S("null"), message);
}

/* All three are there? */
static enum mr_status check_whole(struct protocol_call *call, bool algorithm, bool key, bool md5)
{
#define SPECIFYING \
    "Requests specifying Server Side Encryption with Customer provided keys must provide "
    if (!algorithm)
        return fail_argument(call, SPECIFYING "a valid encryption algorithm.");
    if (!key)
        return fail_argument(call, SPECIFYING "an appropriate secret key.");
    if (!md5)
        return fail_argument(call, SPECIFYING "the client calculated MD5 of the secret key.");
    return MR_OK;
}

/* The key's bytes against its MD5; a key of another length is not usable. */
static enum mr_status key_read(struct protocol_call *call, struct mr_slice base64,
                               struct s3_customer *customer)
{
    struct mr_slice bytes, told;
    uint8_t md5[S3_MD5_BYTES];
    if (mr_base64_decode(call->arena, base64, &bytes) != MR_OK)
        bytes = MR_S("");
    mr_md5(bytes, md5);
    if (mr_base64_decode(call->arena, customer->md5, &told) != MR_OK ||
        !mr_slice_equal(told, mr_slice_make(md5, sizeof md5)))
        return fail_argument(call, "The calculated MD5 hash of the key did not match the hash that "
                                   "was provided.");
    customer->usable = bytes.len == sizeof customer->key.bytes;
    if (customer->usable)
        memcpy(customer->key.bytes, bytes.ptr, bytes.len);
    return MR_OK;
}

enum mr_status s3_customer_read(struct protocol_call *call, enum s3_customer_of of,
                                struct s3_customer *ret_customer)
{
    yyjson_val *algorithm = mr_json_get(call->in, members[of].algorithm);
    yyjson_val *key = mr_json_get(call->in, members[of].key);
    yyjson_val *md5 = mr_json_get(call->in, members[of].md5);
    const struct mr_slice method = s3_in(call, "ServerSideEncryption");
    *ret_customer = (struct s3_customer){.md5 = mr_json_text(md5)};
    if (algorithm == NULL && key == NULL && md5 == NULL)
        return MR_OK;
    ret_customer->given = true;
    if (of == S3_CUSTOMER_TARGET && method.len > 0)
        return s3_fail_argument(call, "x-amz-server-side-encryption", method,
                                "Server Side Encryption with Customer provided key is incompatible "
                                "with the encryption method specified");
    if (check_whole(call, algorithm != NULL, key != NULL, md5 != NULL) != MR_OK)
        return MR_FAULT;
    if (!mr_slice_equal(mr_json_text(algorithm), MR_S("AES256"))) {
        protocol_fail_member(call, "ArgumentName", MR_S("x-amz-server-side-encryption"));
        protocol_fail_member(call, "ArgumentValue", mr_json_text(algorithm));
        return protocol_fail(call, &s3_invalid_encryption,
                             "The Encryption request you specified is not valid. Supported value: "
                             "AES256.");
    }
    return key_read(call, mr_json_text(key), ret_customer);
}

enum mr_status s3_customer_usable(struct protocol_call *call, const struct s3_customer *customer)
{
    return !customer->given || customer->usable
               ? MR_OK
               : fail_argument(call, "The secret key was invalid for the specified algorithm.");
}

enum mr_status s3_customer_check(struct protocol_call *call, enum s3_customer_of of,
                                 const struct s3_meta *meta, struct s3_customer *ret_customer)
{
    if (s3_customer_read(call, of, ret_customer) != MR_OK)
        return MR_FAULT;
    const bool sealed = meta->seal.len > 0;
    if (!sealed && ret_customer->given)
        return protocol_fail(call, &s3_invalid_request,
                             "The encryption parameters are not applicable to this object.");
    if (sealed && !ret_customer->given)
        return protocol_fail(call, &s3_invalid_request, S3_SEALED_TEXT);
    if (sealed && (!ret_customer->usable || !s3_seal_fits(meta->seal, &ret_customer->key)))
        return protocol_fail(call, &s3_access_denied, SPECIFYING "the correct secret key.");
    return MR_OK;
}

enum mr_status s3_customer_check_part(struct protocol_call *call, const struct s3_upload *upload,
                                      struct s3_customer *ret_customer)
{
    if (s3_customer_read(call, S3_CUSTOMER_TARGET, ret_customer) != MR_OK)
        return MR_FAULT;
    const bool sealed = upload->meta.seal.len > 0;
    if (sealed != ret_customer->given)
        return protocol_fail(call, &s3_invalid_request,
                             "The multipart upload initiate requested encryption. Subsequent part "
                             "requests must include the appropriate encryption parameters.");
    if (sealed && (!ret_customer->usable || !s3_seal_fits(upload->meta.seal, &ret_customer->key)))
        return protocol_fail(call, &s3_invalid_request,
                             "The provided encryption parameters did not match the ones used "
                             "originally.");
    return MR_OK;
}

/* ---- bodies ---- */

void s3_sealing_begin(struct s3_sealing *sealing, struct s3 *s3, struct s3_writer *writer,
                      const struct s3_customer *customer)
{
    sealing->customer = *customer;
    if (!customer->given)
        return;
    mr_rng_fill(s3->options.rng, sealing->nonce.bytes, sizeof sealing->nonce.bytes);
    s3_cipher_seal(&sealing->cipher, &customer->key, &sealing->nonce);
    writer->cipher = &sealing->cipher;
}

void s3_sealing_fini(struct s3_sealing *sealing)
{
    s3_cipher_fini(&sealing->cipher);
}

void s3_sealing_end(struct s3_sealing *sealing, struct s3 *s3, struct mr_arena *arena,
                    struct mr_slice head, struct s3_meta *meta)
{
    struct mr_buf seal = {0};
    meta->seal = (struct mr_slice){0};
    if (!sealing->customer.given)
        return;
    if (head.len > 0)
        mr_buf_append(&seal, mr_slice_sub(head, 0, S3_SEAL_HEAD_BYTES));
    else
        s3_seal_begin(&seal, s3->options.rng, &sealing->customer.key);
    s3_seal_add(&seal, meta->size, &sealing->nonce);
    s3_seal_etag(&sealing->customer.key, &sealing->nonce, meta->md5);
    meta->seal = mr_arena_copy(arena, mr_buf_slice(&seal));
    mr_buf_fini(&seal);
}
