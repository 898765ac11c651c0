/* cloudformation/zip.h: one file as a zip archive, for functions whose code stands in the template.
 */
#pragma once
#include "base/arena.h"

/* The archive, in the arena: the file stored as it is, readable by everyone. The same input gives
 * the same bytes. */
struct mr_slice zip_of_file(struct mr_arena *arena, struct mr_slice name, struct mr_slice content);
