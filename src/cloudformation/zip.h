/* cloudformation/zip.h: files as a zip archive, for functions whose code stands in the template. */
#pragma once
#include "base/arena.h"

struct zip_file {
    struct mr_slice name, content;
};
/* The archive, in the arena: the files stored as they are, readable by everyone. The same input
 * gives the same bytes. */
struct mr_slice zip_of_files(struct mr_arena *arena, const struct zip_file *files, size_t count);
