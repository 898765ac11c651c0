#include "base/codec.h"
#include "protocol/sigv4.h"
#include <openssl/crypto.h>
#include <stdlib.h>

static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct sigv4_key sigv4_key_make(struct mr_slice secret, struct mr_slice date,
                                struct mr_slice region, struct mr_slice service)
{
    struct sigv4_key key;
    struct mr_buf first = {0};
    mr_buf_append(&first, MR_S("AWS4"));
    mr_buf_append(&first, secret);
    mr_hmac_sha256(mr_buf_slice(&first), date, key.bytes);
    OPENSSL_cleanse(first.data, first.len);
    mr_buf_fini(&first);
    const struct mr_slice rest[] = {region, service, MR_S("aws4_request")};
    for (size_t i = 0; i < MR_COUNT(rest); i++) {
        struct sigv4_key next;
        mr_hmac_sha256(mr_slice_make(key.bytes, SIGV4_KEY_BYTES), rest[i], next.bytes);
        key = next;
    }
    return key;
}

/* ---- the canonical request ---- */
struct part { /* one name=value of the query, encoded */
    struct mr_slice name, value;
};

static int by_name_then_value(const void *a, const void *b)
{
    const struct part *left = a, *right = b;
    const int order = mr_slice_compare(left->name, right->name);
    return order != 0 ? order : mr_slice_compare(left->value, right->value);
}

static struct mr_slice encode_again(struct mr_arena *arena, struct mr_slice text)
{
    struct mr_buf encoded = {0};
    mr_percent_encode(&encoded, mr_percent_decode(arena, text, false), false);
    const struct mr_slice result = mr_arena_copy(arena, mr_buf_slice(&encoded));
    mr_buf_fini(&encoded);
    return result;
}

static void canonical_query(struct mr_buf *buf, struct mr_arena *arena, struct mr_slice query)
{
    size_t count = 1, used = 0;
    for (size_t i = 0; i < query.len; i++)
        count += query.ptr[i] == '&';
    struct part *parts = MR_NEW_ARRAY(arena, struct part, count);
    struct mr_slice text;
    while (query.len > 0 && mr_slice_split(&query, '&', &text)) {
        const size_t equals = mr_slice_find(text, '=');
        const struct mr_slice name = encode_again(arena, mr_slice_sub(text, 0, equals));
        if (text.len == 0 || mr_slice_equal(name, MR_S("X-Amz-Signature")))
            continue;
        parts[used].name = name;
        if (equals != SIZE_MAX)
            parts[used].value = encode_again(arena, mr_slice_sub(text, equals + 1, SIZE_MAX));
        used++;
    }
    qsort(parts, used, sizeof(*parts), by_name_then_value);
    for (size_t i = 0; i < used; i++) {
        mr_buf_printf(buf, "%s%.*s=", i > 0 ? "&" : "", MR_ARG(parts[i].name));
        mr_buf_append(buf, parts[i].value);
    }
}

/* Without empty, "." and ".." segments. */
static void normal_path(struct mr_buf *buf, struct mr_slice path)
{
    struct mr_slice segment;
    const size_t start = buf->len;
    const bool ends_open = path.len > 0 && path.ptr[path.len - 1] == '/';
    while (path.len > 0 && mr_slice_split(&path, '/', &segment)) {
        if (segment.len == 0 || mr_slice_equal(segment, MR_S(".")))
            continue;
        if (mr_slice_equal(segment, MR_S(".."))) {
            while (buf->len > start && buf->data[--buf->len] != '/')
                ;
            continue;
        }
        mr_buf_byte(buf, '/');
        mr_percent_encode(buf, segment, false);
    }
    if (buf->len == start || ends_open)
        mr_buf_byte(buf, '/');
}

static void canonical_path(struct mr_buf *buf, struct mr_arena *arena,
                           const struct sigv4_request *request)
{
    if (request->s3)
        mr_percent_encode(buf, mr_percent_decode(arena, request->path, false), true);
    else
        normal_path(buf, request->path);
}

/* Trimmed, runs of blanks as one. */
static void squeezed(struct mr_buf *buf, struct mr_slice value)
{
    value = mr_slice_trim(value);
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ')
            mr_buf_byte(buf, value.ptr[i]);
}

void sigv4_canonical(struct mr_buf *buf, struct mr_arena *arena,
                     const struct sigv4_request *request)
{
    mr_buf_append(buf, request->method);
    mr_buf_byte(buf, '\n');
    canonical_path(buf, arena, request);
    mr_buf_byte(buf, '\n');
    canonical_query(buf, arena, request->query);
    mr_buf_byte(buf, '\n');
    for (size_t i = 0; i < request->header_count; i++) {
        mr_buf_append(buf, request->headers[i].name);
        mr_buf_byte(buf, ':');
        squeezed(buf, request->headers[i].value);
        mr_buf_byte(buf, '\n');
    }
    mr_buf_byte(buf, '\n');
    for (size_t i = 0; i < request->header_count; i++) {
        if (i > 0)
            mr_buf_byte(buf, ';');
        mr_buf_append(buf, request->headers[i].name);
    }
    mr_buf_byte(buf, '\n');
    mr_buf_append(buf, request->payload_hash);
}

void sigv4_string_to_sign(struct mr_buf *buf, struct mr_slice time, struct mr_slice scope,
                          struct mr_slice canonical)
{
    uint8_t digest[32];
    char hex[65];
    mr_sha256(canonical, digest);
    mr_hex(digest, sizeof(digest), hex);
    mr_buf_printf(buf, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%s", MR_ARG(time), MR_ARG(scope), hex);
}

void sigv4_sign(const struct sigv4_key *key, struct mr_slice text,
                char ret[static SIGV4_HEX_BYTES + 1])
{
    uint8_t digest[32];
    mr_hmac_sha256(mr_slice_make(key->bytes, SIGV4_KEY_BYTES), text, digest);
    mr_hex(digest, sizeof(digest), ret);
}

bool sigv4_equal(struct mr_slice a, struct mr_slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ---- streamed bodies ---- */
static void chain_next(struct sigv4_chain *chain, struct mr_slice text)
{
    sigv4_sign(&chain->key, text, chain->previous);
}

void sigv4_chain_chunk(struct sigv4_chain *chain, const char hash[static SIGV4_HEX_BYTES])
{
    struct mr_buf text = {0};
    mr_buf_printf(&text, "AWS4-HMAC-SHA256-PAYLOAD\n%.*s\n%.*s\n%s\n%s\n%.64s", MR_ARG(chain->time),
                  MR_ARG(chain->scope), chain->previous, empty_hash, hash);
    chain_next(chain, mr_buf_slice(&text));
    mr_buf_fini(&text);
}

void sigv4_chain_trailer(struct sigv4_chain *chain, const char hash[static SIGV4_HEX_BYTES])
{
    struct mr_buf text = {0};
    mr_buf_printf(&text, "AWS4-HMAC-SHA256-TRAILER\n%.*s\n%.*s\n%s\n%.64s", MR_ARG(chain->time),
                  MR_ARG(chain->scope), chain->previous, hash);
    chain_next(chain, mr_buf_slice(&text));
    mr_buf_fini(&text);
}
