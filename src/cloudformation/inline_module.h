/* cloudformation/inline_module.h: the module that AWS puts beside a function's inline code, by
 * which it answers requests of custom resources. */
#pragma once
#include "cloudformation/zip.h"

/* Does the source use it? Then *ret_file is it. */
bool inline_module(struct mr_slice source, bool is_python, struct zip_file *ret_file);
