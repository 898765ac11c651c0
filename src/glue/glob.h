/* glue/glob.h: the patterns of a crawler's exclusions. */
#pragma once
#include "base/slice.h"

/* Does `path` (relative to the include path) fit the pattern? `*` and `?` stop at '/', `**` does
 * not; [abc], [a-z], [!a] and {one,two} as in shells; a backslash takes the next character as it
 * is. */
bool glue_glob_match(struct mr_slice pattern, struct mr_slice path);
