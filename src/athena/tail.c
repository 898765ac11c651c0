#include "athena/tail.h"
#include <errno.h>
#include <unistd.h>

enum { TAIL_BYTES = 8 };

struct body { /* an open file, or its bytes */
    int fd;
    struct mr_slice bytes;
    uint64_t size;
};

static bool read_at(const struct body *body, uint64_t at, char *to, size_t len)
{
    if (body->fd < 0) {
        if (body->bytes.len != body->size)
            return false;
        memcpy(to, body->bytes.ptr + at, len);
        return true;
    }
    for (size_t done = 0; done < len;) {
        const ssize_t got = pread(body->fd, to + done, len - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static enum mr_status read_footer(const struct body *body, size_t most, struct mr_buf *room,
                                  struct mr_slice *ret_footer, size_t *ret_whole)
{
    char tail[TAIL_BYTES];
    uint32_t len = 0;
    if (body->size < TAIL_BYTES || !read_at(body, body->size - TAIL_BYTES, tail, TAIL_BYTES) ||
        memcmp(tail + 4, "PAR1", 4) != 0)
        return MR_INVALID;
    for (int i = 3; i >= 0; i--)
        len = len << 8 | (unsigned char)tail[i];
    if (len > body->size - TAIL_BYTES)
        return MR_INVALID;
    const size_t wanted = len < most ? len : most;
    mr_buf_reset(room);
    if (!read_at(body, body->size - TAIL_BYTES - len, mr_buf_reserve(room, wanted), wanted))
        return MR_INVALID;
    *ret_footer = mr_slice_make(room->data, wanted);
    *ret_whole = len;
    return MR_OK;
}

enum mr_status athena_tail_read(struct s3_snapshot_reader *reader, const struct s3_object *object,
                                size_t most, struct mr_buf *room, struct mr_slice *ret_footer,
                                size_t *ret_whole)
{
    struct body body = {.size = object->size};
    enum mr_status status = s3_snapshot_read(reader, object, &body.fd, &body.bytes);
    if (status != MR_OK)
        return status;
    status = read_footer(&body, most, room, ret_footer, ret_whole);
    if (body.fd >= 0)
        close(body.fd);
    return status;
}
