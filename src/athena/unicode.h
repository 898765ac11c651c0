/* athena/unicode.h: what is known of a code point: its general category, its other case. Pure. */
#pragma once
#include "base/slice.h"

/* The character that begins `text` at `at`, which is before its end; a byte that begins none is
 * itself, 0x110000 and more. *ret_len: its bytes. */
uint32_t athena_unicode_at(struct mr_slice text, size_t at, size_t *ret_len);
/* Appends UTF-8 of a code point to 4 bytes; how many they are. */
size_t athena_unicode_put(char *bytes, uint32_t code);
uint32_t athena_unicode_upper(uint32_t code); /* itself, when one letter is not enough */
uint32_t athena_unicode_lower(uint32_t code);
/* Whether the property's name, as \p{name} has it without regard to case, is known: a category
 * ("L", "Lu"), a class ("Alpha", "Punct") or a script ("Han"). */
bool athena_unicode_known(struct mr_slice property, int *ret_property);
bool athena_unicode_has(uint32_t code, int property);
enum athena_unicode_property { UNICODE_WORD = 1000, UNICODE_DIGIT, UNICODE_SPACE };
