/* protocol/cbor.h: CBOR (RFC 8949) as the Java SDKs speak it to Kinesis, and all newer ones to
 * CloudWatch (RPC v2), to and from our JSON.
 *
 * Reading: byte strings become base64 text, times (tag 1) numbers of seconds, other tags nothing.
 * Definite and indefinite lengths, floats of all sizes. Writing is led by the model: base64 text of
 * a blob becomes a byte string, a timestamp tag 1 with whole milliseconds.
 *
 * AWS: the SDKs write and read tag 1 with milliseconds here, where the RFC has seconds. A number
 * too large to be seconds of our age is taken for milliseconds, so both are read. */
#pragma once
#include "base/json.h"
#include "protocol/model.h"

enum {
    CBOR_DEPTH_MAX = 64,
    CBOR_JSON_BYTES_MAX = 64 << 20, /* of what an item reads as */
};

/* Appends the JSON of the one item that `cbor` is. MR_INVALID: it is none, or too deep, or has keys
 * that are no texts; MR_FULL: larger than CBOR_JSON_BYTES_MAX. */
MR_MUST_USE enum mr_status cbor_to_json(struct mr_buf *json, struct mr_slice cbor);
/* The same of what the model knows as `shape`: a byte string where it has a text is MR_INVALID. */
MR_MUST_USE enum mr_status cbor_input_to_json(struct mr_buf *json,
                                              const struct model_service *service,
                                              const struct model_shape *shape,
                                              struct mr_slice cbor);
/* Appends the CBOR of `value`. `shape` NULL: no model, so that texts stay texts. Times are seconds,
 * as RPC v2 has them, when `seconds`. */
void cbor_from_json(struct mr_buf *cbor, bool seconds, const struct model_service *service,
                    const struct model_shape *shape, yyjson_val *value);
