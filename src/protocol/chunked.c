#include "base/codec.h"
#include "protocol/chunked.h"
#include <assert.h>
#include <openssl/evp.h>

enum state {
    STATE_SIZE,     /* in a chunk's first line */
    STATE_DATA,     /* `left` bytes of it are to come */
    STATE_DATA_END, /* its line end */
    STATE_TRAILER,  /* lines behind the last chunk */
    STATE_DONE,
};

struct chunked {
    struct mr_arena *arena;
    struct http_sink sink;
    struct sigv4_chain *chain;
    EVP_MD_CTX *digest; /* of the chunk's data; NULL without a chain */
    enum state state;
    enum chunked_error error;
    uint64_t left, decoded;
    struct chunked_small last, small; /* the chunk that is read or was; the first too small one */
    size_t line_len;
    char line[CHUNKED_LINE_MAX];
    char signature[SIGV4_HEX_BYTES];
    bool trailer_signed;
    char trailer_signature[SIGV4_HEX_BYTES];
    struct http_header trailers[CHUNKED_TRAILERS_MAX];
    size_t trailer_count;
};

struct chunked *chunked_new(struct mr_arena *arena, struct http_sink sink,
                            struct sigv4_chain *chain)
{
    struct chunked *chunked = MR_NEW(arena, struct chunked);
    chunked->arena = arena;
    chunked->sink = sink;
    chunked->chain = chain;
    if (chain != NULL) {
        chunked->digest = EVP_MD_CTX_new();
        assert(chunked->digest != NULL);
    }
    return chunked;
}

void chunked_fini(struct chunked *chunked)
{
    if (chunked == NULL)
        return;
    EVP_MD_CTX_free(chunked->digest);
    chunked->digest = NULL;
}

static enum mr_status fail(struct chunked *chunked, enum chunked_error error)
{
    chunked->error = error;
    return MR_INVALID;
}

static enum mr_status chunk_check(struct chunked *chunked)
{
    uint8_t digest[32];
    char hex[SIGV4_HEX_BYTES + 1];
    if (chunked->chain == NULL)
        return MR_OK;
    EVP_DigestFinal_ex(chunked->digest, digest, NULL);
    mr_hex(digest, sizeof(digest), hex);
    sigv4_chain_chunk(chunked->chain, hex);
    if (!sigv4_equal(mr_slice_make(chunked->chain->previous, SIGV4_HEX_BYTES),
                     mr_slice_make(chunked->signature, SIGV4_HEX_BYTES)))
        return fail(chunked, CHUNKED_BAD_SIGNATURE);
    return MR_OK;
}

static bool hex_size(struct mr_slice text, uint64_t *ret_size)
{
    uint64_t size = 0;
    if (text.len == 0 || text.len > 12)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const char low = (char)(c | 32);
        if (c >= '0' && c <= '9')
            size = size << 4 | (uint64_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            size = size << 4 | (uint64_t)(low - 'a' + 10);
        else
            return false;
    }
    *ret_size = size;
    return true;
}

static enum mr_status size_line(struct chunked *chunked, struct mr_slice line)
{
    static const struct mr_slice extension = MR_S_INIT("chunk-signature=");
    struct mr_slice rest = line, size, signature = {0};
    (void)mr_slice_split(&rest, ';', &size);
    rest = mr_slice_trim(rest);
    if (rest.ptr != NULL && mr_slice_starts_with(rest, extension))
        signature = mr_slice_sub(rest, extension.len, SIZE_MAX);
    if (!hex_size(mr_slice_trim(size), &chunked->left))
        return fail(chunked, CHUNKED_BAD_FRAME);
    if (chunked->chain != NULL) {
        if (signature.len != SIGV4_HEX_BYTES)
            return fail(chunked, CHUNKED_BAD_SIGNATURE);
        memcpy(chunked->signature, signature.ptr, SIGV4_HEX_BYTES);
        EVP_DigestInit_ex(chunked->digest, EVP_sha256(), NULL);
    }
    if (chunked->left > 0) {
        if (chunked->last.number > 0 && chunked->last.size < CHUNKED_SIZE_MIN &&
            chunked->small.number == 0)
            chunked->small = chunked->last;
        chunked->last = (struct chunked_small){chunked->last.number + 1, chunked->left};
        chunked->state = STATE_DATA;
        return MR_OK;
    }
    chunked->state = STATE_TRAILER;
    return chunk_check(chunked);
}

/* The signature over the trailers as they came. */
static enum mr_status trailer_check(struct chunked *chunked)
{
    if (chunked->chain == NULL || (chunked->trailer_count == 0 && !chunked->trailer_signed))
        return MR_OK;
    if (!chunked->trailer_signed)
        return fail(chunked, CHUNKED_BAD_SIGNATURE);
    struct mr_buf text = {0};
    uint8_t digest[32];
    char hex[SIGV4_HEX_BYTES + 1];
    for (size_t i = 0; i < chunked->trailer_count; i++)
        mr_buf_printf(&text, "%.*s:%.*s\n", MR_ARG(chunked->trailers[i].name),
                      MR_ARG(chunked->trailers[i].value));
    mr_sha256(mr_buf_slice(&text), digest);
    mr_buf_fini(&text);
    mr_hex(digest, sizeof(digest), hex);
    sigv4_chain_trailer(chunked->chain, hex);
    if (!sigv4_equal(mr_slice_make(chunked->chain->previous, SIGV4_HEX_BYTES),
                     mr_slice_make(chunked->trailer_signature, SIGV4_HEX_BYTES)))
        return fail(chunked, CHUNKED_BAD_SIGNATURE);
    return MR_OK;
}

static enum mr_status trailer_line(struct chunked *chunked, struct mr_slice line)
{
    if (line.len == 0) {
        chunked->state = STATE_DONE;
        return trailer_check(chunked);
    }
    const size_t colon = mr_slice_find(line, ':');
    if (colon == SIZE_MAX || colon == 0)
        return fail(chunked, CHUNKED_BAD_FRAME);
    const struct mr_slice name = mr_arena_lower(chunked->arena, mr_slice_sub(line, 0, colon));
    const struct mr_slice value = mr_slice_trim(mr_slice_sub(line, colon + 1, SIZE_MAX));
    if (mr_slice_equal(name, MR_S("x-amz-trailer-signature"))) {
        if (value.len != SIGV4_HEX_BYTES || chunked->trailer_signed)
            return fail(chunked, CHUNKED_BAD_SIGNATURE);
        memcpy(chunked->trailer_signature, value.ptr, SIGV4_HEX_BYTES);
        chunked->trailer_signed = true;
        return MR_OK;
    }
    if (chunked->trailer_count == CHUNKED_TRAILERS_MAX)
        return fail(chunked, CHUNKED_BAD_FRAME);
    chunked->trailers[chunked->trailer_count++] =
        (struct http_header){name, mr_arena_copy(chunked->arena, value)};
    return MR_OK;
}

static enum mr_status line_end(struct chunked *chunked)
{
    struct mr_slice line = mr_slice_make(chunked->line, chunked->line_len);
    chunked->line_len = 0;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    else if (chunked->state != STATE_TRAILER) /* some clients end trailers by "\n" alone */
        return fail(chunked, CHUNKED_BAD_FRAME);
    switch (chunked->state) {
    case STATE_SIZE: return size_line(chunked, line);
    case STATE_DATA_END:
        chunked->state = STATE_SIZE;
        return line.len == 0 ? MR_OK : fail(chunked, CHUNKED_BAD_FRAME);
    case STATE_TRAILER: return trailer_line(chunked, line);
    case STATE_DATA:
    case STATE_DONE: break;
    }
    return fail(chunked, CHUNKED_BAD_FRAME);
}

/* Takes from *data up to a line's end. */
static enum mr_status line_feed(struct chunked *chunked, struct mr_slice *data)
{
    const size_t end = mr_slice_find(*data, '\n');
    const size_t take = end == SIZE_MAX ? data->len : end;
    if (take > CHUNKED_LINE_MAX - chunked->line_len)
        return fail(chunked, CHUNKED_BAD_FRAME);
    memcpy(chunked->line + chunked->line_len, data->ptr, take);
    chunked->line_len += take;
    *data = mr_slice_sub(*data, end == SIZE_MAX ? take : take + 1, SIZE_MAX);
    return end == SIZE_MAX ? MR_OK : line_end(chunked);
}

static enum mr_status data_feed(struct chunked *chunked, struct mr_slice *data)
{
    struct mr_slice piece = *data;
    if (piece.len > chunked->left)
        piece.len = (size_t)chunked->left;
    *data = mr_slice_sub(*data, piece.len, SIZE_MAX);
    chunked->left -= piece.len;
    chunked->decoded += piece.len;
    if (chunked->digest != NULL)
        EVP_DigestUpdate(chunked->digest, piece.ptr, piece.len);
    if (chunked->sink.on_data(chunked->sink.ctx, piece) != MR_OK)
        return fail(chunked, CHUNKED_SINK);
    if (chunked->left > 0)
        return MR_OK;
    chunked->state = STATE_DATA_END;
    return chunk_check(chunked);
}

enum mr_status chunked_feed(struct chunked *chunked, struct mr_slice data)
{
    if (chunked->error != CHUNKED_GOOD)
        return MR_INVALID;
    while (data.len > 0) {
        enum mr_status status;
        if (chunked->state == STATE_DONE)
            status = fail(chunked, CHUNKED_BAD_FRAME);
        else if (chunked->state == STATE_DATA)
            status = data_feed(chunked, &data);
        else
            status = line_feed(chunked, &data);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

enum mr_status chunked_finish(struct chunked *chunked)
{
    if (chunked->error != CHUNKED_GOOD)
        return MR_INVALID;
    /* Some clients leave out the empty line at the very end. */
    if (chunked->state == STATE_TRAILER) {
        if (chunked->line_len > 0 && line_end(chunked) != MR_OK)
            return MR_INVALID;
        if (chunked->state == STATE_TRAILER)
            return trailer_line(chunked, MR_S(""));
    }
    return chunked->state == STATE_DONE ? MR_OK : fail(chunked, CHUNKED_BAD_FRAME);
}

enum chunked_error chunked_error(const struct chunked *chunked)
{
    return chunked->error;
}

struct chunked_small chunked_small(const struct chunked *chunked)
{
    return chunked->small;
}

uint64_t chunked_decoded(const struct chunked *chunked)
{
    return chunked->decoded;
}

size_t chunked_trailers(const struct chunked *chunked, const struct http_header **ret_trailers)
{
    *ret_trailers = chunked->trailers;
    return chunked->trailer_count;
}
