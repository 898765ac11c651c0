/* base/codec.h: hex, base64, percent-encoding, checksums, digests. OpenSSL and zlib do the heavy
 * work. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

void mr_hex(const void *bytes, size_t len, char *ret); /* 2*len lower-case digits and a NUL */
/* `text` is exactly 2*len digits of either case, else MR_INVALID. */
MR_MUST_USE enum mr_status mr_unhex(struct mr_slice text, void *ret, size_t len);
void mr_base64_append(struct mr_buf *buf, struct mr_slice bytes);
struct mr_slice mr_base64(struct mr_arena *arena, struct mr_slice bytes);
/* Standard alphabet, padding required, nothing else inside: MR_OK or MR_INVALID. */
MR_MUST_USE enum mr_status mr_base64_decode(struct mr_arena *arena, struct mr_slice text,
                                            struct mr_slice *ret_bytes);
size_t mr_base64_decoded_size(struct mr_slice text); /* of valid text */
size_t mr_base64_letters(struct mr_slice text);      /* how many come before anything else */
/* RFC 3986: unreserved characters stay, others become %XX; '/' stays when keep_slash. */
void mr_percent_encode(struct mr_buf *buf, struct mr_slice text, bool keep_slash);
/* Decodes %XX (and '+' as blank when plus_is_space); a bad escape stays as it is. */
struct mr_slice mr_percent_decode(struct mr_arena *arena, struct mr_slice text, bool plus_is_space);
/* Checksums start with 0 and go on with what the part before gave. CRC-32 is zlib's, CRC-32C is
 * Castagnoli's, by the CPU's instruction where there is one. */
uint32_t mr_crc32(uint32_t crc, struct mr_slice bytes);
uint32_t mr_crc32c(uint32_t crc, struct mr_slice bytes);
uint32_t mr_crc32c_portable(uint32_t crc, struct mr_slice bytes); /* without the instruction */
uint64_t mr_crc64nvme(uint64_t crc, struct mr_slice bytes);
void mr_md5(struct mr_slice bytes, uint8_t ret[static 16]);
void mr_sha1(struct mr_slice bytes, uint8_t ret[static 20]);
void mr_sha256(struct mr_slice bytes, uint8_t ret[static 32]);
void mr_sha512(struct mr_slice bytes, uint8_t ret[static 64]);
void mr_hmac_sha256(struct mr_slice key, struct mr_slice bytes, uint8_t ret[static 32]);
void mr_hmac_sha1(struct mr_slice key, struct mr_slice bytes, uint8_t ret[static 20]);
/* gzip of the whole input appended to buf. */
void mr_gzip(struct mr_buf *buf, struct mr_slice bytes);
void mr_zlib(struct mr_buf *buf, struct mr_slice bytes); /* the same as HTTP's "deflate" */
/* MR_INVALID: damaged, or longer than bytes_max. Several members in a row are read as one. */
MR_MUST_USE enum mr_status mr_gunzip(struct mr_buf *buf, struct mr_slice bytes, size_t bytes_max);
MR_MUST_USE enum mr_status mr_unzlib(struct mr_buf *buf, struct mr_slice bytes, size_t bytes_max);
