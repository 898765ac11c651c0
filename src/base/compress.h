/* base/compress.h: packing and unpacking piece by piece, in constant memory. One thread at a time.
 */
#pragma once
#include "base/buf.h"

enum mr_packing { MR_PACKING_NONE, MR_PACKING_GZIP, MR_PACKING_ZSTD };

struct mr_packer;
/* Appends to `buf`, which outlives the packer. `level`: of ZSTD, 1 to 22; 0: the library's. */
struct mr_packer *mr_packer_new(enum mr_packing packing, int level, struct mr_buf *buf);
void mr_packer_add(struct mr_packer *packer, struct mr_slice bytes);
void mr_packer_end(struct mr_packer *packer); /* appends the end and frees; accepts NULL */

struct mr_unpacker;
struct mr_unpacker *mr_unpacker_new(enum mr_packing packing);
void mr_unpacker_free(struct mr_unpacker *unpacker); /* accepts NULL */
/* Appends what the next 4 KiB of `*input` unpack to, 5 MiB at most, and cuts off what it took: call
 * again until that is empty. Several members in a row are read as one. MR_INVALID:
 * damaged. */
MR_MUST_USE enum mr_status mr_unpacker_take(struct mr_unpacker *unpacker, struct mr_slice *input,
                                            struct mr_buf *buf);
/* The input so far ends where a member ends; nothing taken yet counts as such. */
bool mr_unpacker_is_whole(const struct mr_unpacker *unpacker);

/* One frame of Zstandard, with the length of what is in it. `level`: 1 to 22; 0: the library's. */
void mr_zstd(struct mr_buf *buf, struct mr_slice bytes, int level);
