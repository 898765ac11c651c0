/* Tokens of transactions: documents "dynamodb/token/<token>" with the checksum of what was asked,
 * which does not depend on the order of members (clients' maps have none), when, and what a repeat
 * is told. Old ones go with the entries of later transactions, a few at a
 * time, in the order in which they came. */
#include "base/codec.h"
#include "dynamodb/internal.h"
#include <inttypes.h>
#include <stdlib.h>

enum { TOKEN_LIFE_MS = 10 * 60 * 1000, SWEPT_AT_ONCE = 4, TOKEN_MAX = 36 };

struct token {
    struct token *next;
    int64_t made_ms;
    size_t len;
    char text[TOKEN_MAX];
};

struct dynamodb_tokens {
    pthread_mutex_t lock;
    struct {
        struct token *first, **last;
    } locked;
};

/* ---- what was asked ---- */

/* A finisher that carries every bit of both to the top. */
static uint64_t mixed(uint64_t a, uint64_t b)
{
    uint64_t hash = (a ^ (b + 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
    hash *= 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 29;
}

static uint64_t scalar_content(yyjson_val *value)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_value(&json, value);
    return mixed(text.len, mr_crc32c(0, mr_buf_slice(&text)));
}

/* `unordered`: the members of a set. */
static uint64_t content_of(yyjson_val *value, bool unordered)
{
    const uint64_t list = 1, object = 2;
    size_t index, max;
    yyjson_val *key, *each;
    if (yyjson_is_arr(value)) {
        uint64_t hash = list;
        yyjson_arr_foreach(value, index, max, each)
        {
            const uint64_t one = content_of(each, false);
            hash = unordered ? hash + mixed(list, one) : mixed(hash, one);
        }
        return hash;
    }
    if (!yyjson_is_obj(value))
        return scalar_content(value);
    uint64_t sum = object;
    yyjson_obj_foreach(value, index, max, key, each)
    {
        const struct mr_slice name = mr_json_text(key);
        const bool set = mr_slice_equal(name, MR_S("SS")) || mr_slice_equal(name, MR_S("NS")) ||
                         mr_slice_equal(name, MR_S("BS"));
        sum += mixed(scalar_content(key), content_of(each, set));
    }
    return sum;
}

uint32_t dynamodb_token_content(yyjson_val *request)
{
    const uint64_t hash = content_of(request, false);
    return (uint32_t)(hash ^ hash >> 32);
}

/* ---- tokens ---- */

static void tokens_push(struct dynamodb_tokens *tokens, struct mr_slice text, int64_t made_ms)
{
    struct token *token = mr_calloc(1, sizeof(*token));
    token->made_ms = made_ms;
    token->len = text.len < TOKEN_MAX ? text.len : TOKEN_MAX;
    memcpy(token->text, text.ptr, token->len);
    pthread_mutex_lock(&tokens->lock);
    *tokens->locked.last = token;
    tokens->locked.last = &token->next;
    pthread_mutex_unlock(&tokens->lock);
}

/* The oldest token if it is too old, taken off the list; else NULL. */
static struct token *tokens_pop_expired(struct dynamodb_tokens *tokens, int64_t now_ms)
{
    pthread_mutex_lock(&tokens->lock);
    struct token *token = tokens->locked.first;
    if (token != NULL && now_ms - token->made_ms < TOKEN_LIFE_MS)
        token = NULL;
    if (token != NULL) {
        tokens->locked.first = token->next;
        if (token->next == NULL)
            tokens->locked.last = &tokens->locked.first;
    }
    pthread_mutex_unlock(&tokens->lock);
    return token;
}

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    tokens_push(ctx, name, mr_json_get_i64(mr_json_parse(&arena, json, 4), "ms", 0));
    mr_arena_fini(&arena);
    return MR_OK;
}

enum mr_status dynamodb_tokens_open(struct dynamodb *dynamodb)
{
    struct dynamodb_tokens *tokens = mr_calloc(1, sizeof(*tokens));
    pthread_mutex_init(&tokens->lock, NULL);
    tokens->locked.last = &tokens->locked.first;
    dynamodb->tokens = tokens;
    return store_doc_each(dynamodb->store, "dynamodb", "token", (struct mr_slice){0}, load_one,
                          tokens);
}

void dynamodb_tokens_close(struct dynamodb *dynamodb)
{
    struct dynamodb_tokens *tokens = dynamodb->tokens;
    if (tokens == NULL)
        return;
    for (struct token *token; (token = tokens_pop_expired(tokens, INT64_MAX)) != NULL;)
        free(token);
    pthread_mutex_destroy(&tokens->lock);
    free(tokens);
    dynamodb->tokens = NULL;
}

enum mr_status dynamodb_token_check(struct dynamodb *dynamodb, struct mr_arena *arena,
                                    const struct dynamodb_token *token, yyjson_val **ret_known)
{
    struct mr_slice json;
    enum mr_status status =
        store_doc_get(dynamodb->store, arena, "dynamodb", "token", token->text, &json);
    *ret_known = NULL;
    if (status != MR_OK)
        return status;
    yyjson_val *doc = mr_json_parse(arena, json, 4);
    if (token->now_ms - mr_json_get_i64(doc, "ms", 0) >= TOKEN_LIFE_MS)
        return MR_NOT_FOUND;
    *ret_known = mr_json_get(doc, "known");
    return mr_json_get_i64(doc, "content", -1) == (int64_t)token->content ? MR_EXISTS : MR_INVALID;
}

void dynamodb_token_add(struct dynamodb *dynamodb, struct store_entry *entry,
                        const struct dynamodb_token *token)
{
    for (int i = 0; i < SWEPT_AT_ONCE; i++) {
        struct token *old = tokens_pop_expired(dynamodb->tokens, token->now_ms);
        if (old == NULL)
            break;
        struct mr_slice text = mr_arena_copy(entry->arena, mr_slice_make(old->text, old->len));
        store_doc_delete(entry, "dynamodb", "token", text);
        free(old);
    }
    store_doc_put(entry, "dynamodb", "token", token->text,
                  mr_arena_printf(entry->arena,
                                  "{\"content\":%" PRIu32 ",\"ms\":%" PRId64 ",\"known\":%.*s}",
                                  token->content, token->now_ms, MR_ARG(token->json)));
    tokens_push(dynamodb->tokens, token->text, token->now_ms);
}
