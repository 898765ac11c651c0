/* Where the pieces of an aws-chunked body are cut changes nothing: whole and cut, it is good or bad
 * alike, and gives the same bytes. The first byte says how long the pieces are. */
#include "protocol/chunked.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static enum mr_status append(void *ctx, struct mr_slice data)
{
    mr_buf_append(ctx, data);
    return MR_OK;
}

static enum mr_status decode(struct mr_slice body, size_t piece, struct mr_buf *plain,
                             size_t *ret_trailers)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct chunked *chunked = chunked_new(&arena, (struct http_sink){append, plain}, NULL);
    enum mr_status status = MR_OK;
    for (size_t at = 0; at < body.len && status == MR_OK; at += piece)
        status = chunked_feed(chunked, mr_slice_sub(body, at, piece));
    if (status == MR_OK)
        status = chunked_finish(chunked);
    require(chunked_decoded(chunked) == plain->len);
    const struct http_header *trailers;
    *ret_trailers = chunked_trailers(chunked, &trailers);
    chunked_fini(chunked);
    mr_arena_fini(&arena);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct mr_slice body = mr_slice_make(data + 1, size - 1);
    struct mr_buf whole = {0}, cut = {0};
    size_t whole_trailers, cut_trailers;
    const enum mr_status status = decode(body, body.len, &whole, &whole_trailers);
    require(decode(body, 1u + data[0] % 32, &cut, &cut_trailers) == status);
    if (status == MR_OK) {
        require(mr_slice_equal(mr_buf_slice(&whole), mr_buf_slice(&cut)));
        require(whole_trailers == cut_trailers);
    }
    mr_buf_fini(&whole);
    mr_buf_fini(&cut);
    return 0;
}
