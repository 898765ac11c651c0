/* protocol/chunked.h: takes the frames off S3's aws-chunked bodies, signed or not.
 *
 *   400;chunk-signature=<64 hex>\r\n<1024 bytes>\r\n ... 0;chunk-signature=...\r\n<trailers>\r\n
 *
 * Resumes at any byte: the pieces' borders mean nothing. Memory: one line of at most
 * CHUNKED_LINE_MAX bytes and the trailers. With a chain every chunk's signature is checked; its
 * data has then already gone to the sink, which must keep nothing of a body that failed. */
#pragma once
#include "http/http.h"
#include "protocol/sigv4.h"

enum { CHUNKED_LINE_MAX = 8192, CHUNKED_TRAILERS_MAX = 32 };

enum chunked_error {
    CHUNKED_GOOD,
    CHUNKED_BAD_FRAME,     /* not the format */
    CHUNKED_BAD_SIGNATURE, /* a chunk or the trailer is not signed as it must be */
    CHUNKED_SINK,          /* the sink refused */
};

/* AWS: only the last chunk may be smaller. */
enum { CHUNKED_SIZE_MIN = 8192 };
struct chunked_small {
    uint64_t number, size; /* its place, from 1 on; 0: there is none */
};

struct chunked;
/* Lives in the arena, but its digest does not: chunked_fini. chain may be NULL: signatures are not
 * looked at; else it is used until the end. */
struct chunked *chunked_new(struct mr_arena *arena, struct http_sink sink,
                            struct sigv4_chain *chain);
void chunked_fini(struct chunked *chunked); /* accepts NULL */
/* MR_OK or MR_INVALID, which sticks. */
MR_MUST_USE enum mr_status chunked_feed(struct chunked *chunked, struct mr_slice data);
/* The body is over: MR_OK when it was complete. */
MR_MUST_USE enum mr_status chunked_finish(struct chunked *chunked);
enum chunked_error chunked_error(const struct chunked *chunked);
/* The first chunk that is too small and has another behind it: such a body is read to its end. */
struct chunked_small chunked_small(const struct chunked *chunked);
uint64_t chunked_decoded(const struct chunked *chunked); /* bytes given to the sink */
/* Trailers in their order, names in lower case, x-amz-trailer-signature not among them. */
size_t chunked_trailers(const struct chunked *chunked, const struct http_header **ret_trailers);
