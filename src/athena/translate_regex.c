/* Calls with regular expressions. */
#include "athena/regex.h"
#include "athena/translate_call.h"
#include <ctype.h>

/* Appends `pattern` as RE2 of DuckDB understands it, when it is sure to mean the same there: only
 * whether there is a match is asked, so neither groups nor which of several matters. */
static bool plain_pattern(struct mr_buf *out, struct mr_slice pattern)
{
    static const char *const classes[][2] = {{"d", "\\p{Nd}"},
                                             {"D", "\\P{Nd}"},
                                             {"w", "[\\p{L}\\p{M}\\p{Nd}\\p{Pc}]"},
                                             {"W", "[^\\p{L}\\p{M}\\p{Nd}\\p{Pc}]"},
                                             {"s", "[\\t-\\r\\x{85}\\p{Z}]"},
                                             {"S", "[^\\t-\\r\\x{85}\\p{Z}]"}};
    bool in_class = false;
    for (size_t i = 0; i < pattern.len; i++) {
        const char byte = pattern.ptr[i];
        const char next = i + 1 < pattern.len ? pattern.ptr[i + 1] : '\0';
        if (byte == '\\') {
            const char *found =
                ispunct((unsigned char)next) && next != '<' && next != '>' ? "" : NULL;
            for (size_t c = 0; c < MR_COUNT(classes) && !in_class; c++)
                found = classes[c][0][0] == next ? classes[c][1] : found;
            if (found == NULL)
                return false;
            mr_buf_append(out,
                          found[0] == '\0' ? mr_slice_sub(pattern, i, 2) : mr_slice_cstr(found));
            i++;
            continue;
        }
        if (byte == '[' ? in_class : byte == ']' && !in_class)
            return false; /* a class in a class; a bracket by itself */
        if (byte == '[') {
            in_class = true;
            const bool negated = next == '^';
            if (i + 1 + negated < pattern.len && pattern.ptr[i + 1 + negated] == ']')
                return false;
        }
        in_class = in_class && byte != ']';
        const bool special = byte == '$' || byte == '{' || (byte == '(' && next == '?') ||
                             (next == '+' && mr_byte_in(byte, "*+?}"));
        if ((special && !in_class) || (in_class && byte == '&' && next == '&') || byte == '\0')
            return false;
        mr_buf_byte(out, byte);
    }
    return !in_class;
}

void athena_emit_regexp_like(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *pattern = athena_call_argument(call, 1);
    struct mr_buf plain = {0};
    while (pattern->kind == AST_COERCE)
        pattern = pattern->left;
    const char *why;
    struct athena_regex *regex = pattern->kind == AST_STRING && plain_pattern(&plain, pattern->text)
                                     ? athena_regex_make(translation->arena, pattern->text, &why)
                                     : NULL;
    if (regex != NULL) {
        athena_call_template(translation, call, "regexp_matches($1, ");
        athena_emit_string(translation, mr_buf_slice(&plain));
        athena_emit_text(translation, ")");
    } else {
        athena_call_template(translation, call, "mr_regexp_like($1, $2)");
    }
    athena_regex_free(regex);
    mr_buf_fini(&plain);
}

/* The pieces between the matches, and for each match what the lambda makes of its groups. Each part
 * is the text before a match and the groups, the last the rest of the text. */
static void emit_lambda(struct athena_translation *translation, const struct athena_node *call,
                        const struct athena_node *lambda)
{
    struct mr_slice name;
    static const char *const value = "struct_extract_at(mr_p, 1)[mr_i + 1:mr_i + "
                                     "struct_extract_at(mr_p, 2) - 1]";
    if (!athena_call_names(translation, call, lambda, 1, &name))
        return;
    athena_call_template(
        translation, call,
        "list_transform([row(mr_regexp_parts($1, $2), mr_regexp_groups($1, $2) + 1)], lambda mr_p: "
        "list_reduce(list_transform(range(1, len(struct_extract_at(mr_p, 1)) + 1, "
        "struct_extract_at(mr_p, 2)), lambda mr_i: struct_extract_at(mr_p, 1)[mr_i] || CASE WHEN "
        "mr_i = len(struct_extract_at(mr_p, 1)) THEN '' ELSE ");
    athena_call_body(translation, lambda, &name, &value, 1);
    athena_emit_text(translation, " END), lambda mr_a, mr_b: mr_a || mr_b))[1]");
}

void athena_emit_regexp_replace(struct athena_translation *translation,
                                const struct athena_node *call)
{
    const struct athena_node *last = athena_call_argument(call, 2);
    if (last->kind == AST_LAMBDA)
        emit_lambda(translation, call, last);
    else
        athena_call_template(translation, call, "mr_regexp_replace($1, $2, $3)");
}
