#include "verify/pieces.h"
#include "kinesis/kinesis.h"
#include "streams/streams.h"

enum { TABLE_DIGITS = 21, KINESIS_DIGITS = 56 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ',';
}

/* Length of the JSON object or array that begins `text`; 0: it does not end. */
static size_t json_length(struct mr_slice text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

bool verify_piece_next(struct mr_slice *rest, struct mr_slice *ret_piece)
{
    while (rest->len > 0 && is_blank(rest->ptr[0]))
        *rest = mr_slice_sub(*rest, 1, SIZE_MAX);
    if (rest->len == 0)
        return false;
    size_t len = rest->ptr[0] == '{' || rest->ptr[0] == '[' ? json_length(*rest) : 0;
    if (len == 0) {
        const size_t line = mr_slice_find(*rest, '\n');
        len = line == SIZE_MAX ? rest->len : line;
    }
    *ret_piece = mr_slice_trim(mr_slice_sub(*rest, 0, len));
    *rest = mr_slice_sub(*rest, len, SIZE_MAX);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool verify_token_next(struct mr_slice *rest, int64_t *ret_position)
{
    size_t at = 0;
    while (at < rest->len) {
        size_t end = at;
        while (end < rest->len && is_digit(rest->ptr[end]))
            end++;
        const struct mr_slice digits = mr_slice_sub(*rest, at, end - at);
        const bool found = (digits.len == TABLE_DIGITS && digits.ptr[0] == '1' &&
                            streams_sequence_parse(digits, ret_position) == MR_OK) ||
                           (digits.len == KINESIS_DIGITS &&
                            kinesis_sequence_position(digits, ret_position) == MR_OK);
        if (found && *ret_position > 0) {
            *rest = mr_slice_sub(*rest, end, SIZE_MAX);
            return true;
        }
        at = end == at ? at + 1 : end;
    }
    return false;
}
