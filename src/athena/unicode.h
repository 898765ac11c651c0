/* athena/unicode.h: a code point in UTF-8. Pure. */
#pragma once
#include "base/slice.h"

/* Appends UTF-8 of a code point to 4 bytes; how many they are. */
size_t athena_unicode_put(char *bytes, uint32_t code);
