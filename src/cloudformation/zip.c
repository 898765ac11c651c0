/* A zip archive of stored entries: local headers and contents, central directory, end record
 * (APPNOTE 4.3). */
#include "cloudformation/zip.h"
#include "base/buf.h"
#include "base/codec.h"

enum {
    VERSION_NEEDED = 20,
    MADE_BY_UNIX = 3 << 8 | 20,
    MODE_0644_FILE = 0100644,
    DATE_1980_01_01 = 1 << 5 | 1,
};

static void put_u16(struct mr_buf *buf, unsigned value)
{
    mr_buf_byte(buf, (char)(value & 0xff));
    mr_buf_byte(buf, (char)(value >> 8 & 0xff));
}

/* What the local header and the directory say alike. */
static void put_common(struct mr_buf *buf, struct mr_slice name, struct mr_slice content)
{
    put_u16(buf, VERSION_NEEDED);
    put_u16(buf, 1 << 11); /* the name is UTF-8 */
    put_u16(buf, 0);       /* stored */
    put_u16(buf, 0);       /* midnight */
    put_u16(buf, DATE_1980_01_01);
    mr_buf_u32(buf, mr_crc32(0, content));
    mr_buf_u32(buf, (uint32_t)content.len);
    mr_buf_u32(buf, (uint32_t)content.len);
    put_u16(buf, (unsigned)name.len);
    put_u16(buf, 0); /* extra field */
}

struct mr_slice zip_of_files(struct mr_arena *arena, const struct zip_file *files, size_t count)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf buf = {0};
    size_t *starts = MR_NEW_ARRAY(arena, size_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        starts[i] = buf.len;
        mr_buf_append(&buf, MR_S("PK\3\4"));
        put_common(&buf, files[i].name, files[i].content);
        mr_buf_append(&buf, files[i].name);
        mr_buf_append(&buf, files[i].content);
    }
    const size_t directory = buf.len;
    for (size_t i = 0; i < count; i++) {
        mr_buf_append(&buf, MR_S("PK\1\2"));
        put_u16(&buf, MADE_BY_UNIX);
        put_common(&buf, files[i].name, files[i].content);
        put_u16(&buf, 0); /* comment */
        put_u16(&buf, 0); /* disk */
        put_u16(&buf, 0); /* internal attributes */
        mr_buf_u32(&buf, (uint32_t)MODE_0644_FILE << 16);
        mr_buf_u32(&buf, (uint32_t)starts[i]);
        mr_buf_append(&buf, files[i].name);
    }
    const size_t size = buf.len - directory;
    mr_buf_append(&buf, MR_S("PK\5\6"));
    mr_buf_u32(&buf, 0); /* disks */
    put_u16(&buf, (unsigned)count);
    put_u16(&buf, (unsigned)count);
    mr_buf_u32(&buf, (uint32_t)size);
    mr_buf_u32(&buf, (uint32_t)directory);
    put_u16(&buf, 0);
    return mr_arena_copy(arena, mr_buf_slice(&buf));
}
