/* An INI file: [section], name = value, comments by # or ; at the beginning of a line. */
#include "main/credentials.h"
#include <stdio.h>
#include <stdlib.h>

static enum mr_status read_file(struct mr_buf *buf, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return MR_FAIL_IO;
    size_t got;
    do {
        got = fread(mr_buf_reserve(buf, 4096), 1, 4096, file);
        buf->len += got;
    } while (got > 0 && buf->len < (1U << 20));
    (void)fclose(file);
    return MR_OK;
}

static bool complete(const struct protocol_credential *credential)
{
    return credential->access_key.len > 0 && credential->secret.len > 0;
}

/* A line "name = value" of the section at hand. */
static bool take_line(struct mr_arena *arena, struct mr_slice line,
                      struct protocol_credential *credential)
{
    const size_t equals = mr_slice_find(line, '=');
    if (equals == SIZE_MAX)
        return false;
    const struct mr_slice name = mr_slice_trim(mr_slice_sub(line, 0, equals));
    const struct mr_slice value =
        mr_arena_copy(arena, mr_slice_trim(mr_slice_sub(line, equals + 1, SIZE_MAX)));
    if (mr_slice_equal(name, MR_S("aws_access_key_id")))
        credential->access_key = value;
    else if (mr_slice_equal(name, MR_S("aws_secret_access_key")))
        credential->secret = value;
    else if (mr_slice_equal(name, MR_S("aws_session_token")))
        credential->session_token = value;
    return true;
}

static enum mr_status parse(struct mr_arena *arena, struct mr_slice text,
                            struct protocol_credential *credentials, size_t *ret_count,
                            char message[static 256])
{
    struct mr_slice rest = text, line;
    size_t count = 0;
    for (int number = 1; mr_slice_split(&rest, '\n', &line); number++) {
        line = mr_slice_trim(line);
        if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
            continue;
        if (line.ptr[0] == '[') {
            if (count > 0 && !complete(&credentials[count - 1])) {
                (void)snprintf(message, 256, "the section before line %d lacks a key", number);
                return MR_INVALID;
            }
            if (count == CREDENTIALS_MAX) {
                (void)snprintf(message, 256, "more than %d sections", CREDENTIALS_MAX);
                return MR_INVALID;
            }
            credentials[count++] = (struct protocol_credential){0};
        } else if (count == 0 || !take_line(arena, line, &credentials[count - 1])) {
            (void)snprintf(message, 256, "line %d is neither [section] nor name = value", number);
            return MR_INVALID;
        }
    }
    if (count == 0 || !complete(&credentials[count - 1])) {
        (void)snprintf(message, 256,
                       "no section with aws_access_key_id and "
                       "aws_secret_access_key at its end");
        return MR_INVALID;
    }
    *ret_count = count;
    return MR_OK;
}

enum mr_status credentials_read(struct mr_arena *arena, const char *path,
                                struct protocol_credential **ret_credentials, size_t *ret_count,
                                char message[static 256])
{
    struct mr_buf buf = {0};
    enum mr_status status = read_file(&buf, path);
    if (status != MR_OK) {
        (void)snprintf(message, 256, "cannot read it");
    } else {
        *ret_credentials = MR_NEW_ARRAY(arena, struct protocol_credential, CREDENTIALS_MAX);
        status = parse(arena, mr_buf_slice(&buf), *ret_credentials, ret_count, message);
    }
    mr_buf_fini(&buf);
    return status;
}
