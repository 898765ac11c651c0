/* Every body against its record: there, as long as it says, and with its checksums; and body files
 * that no record names. */
#include "verify/internal.h"
#include "base/codec.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KIND_PART = 2, KIND_BODY = 3, KIND_VERSION = 4, ID_TEXT = 2 * S3_ID_BYTES + 1 };

enum mr_status verify_get(const struct verify *verify, enum view_space space, struct mr_slice key,
                          struct mr_buf *buf)
{
    struct view_iterator *at = view_snapshot_iterate(verify->snapshot, space, key);
    view_iterator_seek(at, key);
    enum mr_status status = MR_NOT_FOUND;
    if (view_iterator_valid(at) && mr_slice_equal(view_iterator_key(at), key)) {
        mr_buf_append(buf, view_iterator_value(at));
        status = MR_OK;
    } else if (view_iterator_status(at) < 0) {
        status = view_iterator_status(at);
    }
    view_iterator_free(at);
    return status;
}

struct mr_slice verify_object_text(struct mr_arena *arena, struct mr_slice stored)
{
    const char *kind = "";
    if (stored.len > 0 && stored.ptr[0] == KIND_PART)
        return mr_arena_copy(arena, MR_S("a part of an upload"));
    if (stored.len > S3_VERSION_TAIL && stored.ptr[0] == KIND_VERSION) {
        kind = " (an older version)";
        stored = mr_slice_sub(stored, 1, stored.len - 2 - S3_VERSION_TAIL);
    }
    struct mr_slice key = stored, bucket;
    (void)mr_slice_split(&key, '\0', &bucket);
    return mr_arena_printf(arena, "s3://%.*s/%.*s%s", MR_ARG(bucket), MR_ARG(key), kind);
}

/* ---- one body ---- */

enum mr_status verify_body_open(const struct verify *verify, const struct s3_meta *meta,
                                struct verify_body *ret_body)
{
    *ret_body = (struct verify_body){0};
    if (meta->place == S3_IN_VIEW) {
        struct mr_arena arena;
        mr_arena_init(&arena);
        const enum mr_status status =
            verify_get(verify, VIEW_OBJECT, s3_body_key(&arena, &meta->body), &ret_body->small);
        ret_body->bytes = mr_buf_slice(&ret_body->small);
        mr_arena_fini(&arena);
        return status;
    }
    char id[ID_TEXT], path[4096];
    struct stat info;
    mr_hex(meta->body.bytes, S3_ID_BYTES, id);
    (void)snprintf(path, sizeof path, "%s/objects/%.2s/%s", store_folder(verify->options.store), id,
                   id + 2);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? MR_NOT_FOUND
                   : MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
    void *map = MAP_FAILED;
    const bool known = fstat(fd, &info) == 0;
    if (known && info.st_size > 0)
        map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (!known || (info.st_size > 0 && map == MAP_FAILED))
        return MR_RAISE(MR_FAIL_IO, "cannot map '%s': %s", path, strerror(errno));
    if (info.st_size > 0) {
        ret_body->map = map;
        ret_body->bytes = mr_slice_make(map, (size_t)info.st_size);
    }
    return MR_OK;
}

void verify_body_close(struct verify_body *body)
{
    if (body->map != NULL)
        (void)munmap(body->map, body->bytes.len);
    mr_buf_fini(&body->small);
    *body = (struct verify_body){0};
}

/* NULL: all is well. */
static const char *wrong_with(const struct s3_meta *meta, struct mr_slice bytes)
{
    struct s3_sums sums;
    const bool summed = meta->sum.algorithm != S3_NO_SUM && !meta->composite;
    if (bytes.len != meta->size)
        return "the body's length differs from its record";
    s3_digest_bytes(bytes, summed ? 1U << meta->sum.algorithm : 0, &sums);
    const bool is_md5 = meta->part_count == 0 && meta->sse == S3_SSE_AES256; /* the ETag */
    if (is_md5 && memcmp(sums.md5, meta->md5, sizeof sums.md5) != 0)
        return "the body's bytes differ from its MD5 (the ETag)";
    if (summed && !s3_sum_equal(&sums.of[meta->sum.algorithm], &meta->sum))
        return "the body's bytes differ from its checksum";
    return NULL;
}

/* Of one that was made of parts, each part by its own sum, where it has one. */
static const char *wrong_parts(const struct s3_meta *meta, struct mr_slice bytes)
{
    struct mr_slice rest = meta->parts;
    struct s3_part part;
    size_t from = 0;
    while (s3_parts_next(&rest, &part)) {
        struct s3_sums sums;
        const struct mr_slice piece = mr_slice_sub(bytes, from, (size_t)part.size);
        from += (size_t)part.size;
        if (part.sum.algorithm == S3_NO_SUM)
            continue;
        s3_digest_bytes(piece, 1U << part.sum.algorithm, &sums);
        if (!s3_sum_equal(&sums.of[part.sum.algorithm], &part.sum))
            return "a part's bytes differ from its checksum";
    }
    return NULL;
}

/* The record has gone, or names another body, since the snapshot was taken. */
static bool has_changed(const struct verify *verify, struct mr_slice stored,
                        const struct s3_meta *meta)
{
    struct mr_buf now = {0};
    struct s3_meta newer;
    const enum mr_status status =
        view_get(store_view(verify->options.store), VIEW_OBJECT, stored, &now);
    const bool same = status == MR_OK && s3_meta_decode(mr_buf_slice(&now), &newer) == MR_OK &&
                      memcmp(&newer.body, &meta->body, sizeof newer.body) == 0;
    mr_buf_fini(&now);
    return verify->options.serving && !same;
}

static enum mr_status check_body(struct verify *verify, struct mr_slice stored,
                                 const struct s3_meta *meta)
{
    struct verify_body body;
    enum mr_status status = verify_body_open(verify, meta, &body);
    const char *wrong = NULL;
    if (status < 0)
        return status;
    if (status == MR_NOT_FOUND)
        wrong = has_changed(verify, stored, meta) ? NULL : "the body is gone";
    else
        wrong = wrong_with(meta, body.bytes);
    if (status == MR_OK && wrong == NULL)
        wrong = wrong_parts(meta, body.bytes);
    if (wrong != NULL) {
        char id[ID_TEXT], file[ID_TEXT + 16];
        struct verify_finding finding = verify_finding_none;
        mr_hex(meta->body.bytes, S3_ID_BYTES, id);
        (void)snprintf(file, sizeof file, "objects/%.2s/%s", id, id + 2);
        finding.kind = VERIFY_BODY;
        finding.object = verify_object_text(&verify->arena, stored);
        finding.file = meta->place == S3_IN_FILE ? file : NULL;
        verify_find(&verify->report, &finding, "%s", wrong);
        (void)mr_map_put(&verify->damaged, stored, verify);
    }
    verify_body_close(&body);
    return MR_OK;
}

/* ---- files that nobody names ---- */

struct ids {
    struct s3_id *list; /* owned */
    size_t count, capacity;
};

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, S3_ID_BYTES);
}

static void add_id(struct ids *ids, const struct s3_id *id)
{
    if (ids->count == ids->capacity) {
        ids->capacity = ids->capacity == 0 ? 1024 : ids->capacity * 2;
        ids->list = mr_realloc(ids->list, ids->capacity * sizeof *ids->list);
    }
    ids->list[ids->count++] = *id;
}

static uint64_t count_orphans(const char *folder, unsigned first, const struct ids *ids)
{
    uint64_t orphans = 0;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/objects/%02x", folder, first);
    DIR *open_folder = opendir(path);
    for (const struct dirent *item; open_folder != NULL && (item = readdir(open_folder)) != NULL;) {
        struct s3_id id = {.bytes = {(uint8_t)first}};
        if (mr_unhex(mr_slice_cstr(item->d_name), id.bytes + 1, S3_ID_BYTES - 1) == MR_OK)
            orphans +=
                ids->count == 0 || bsearch(&id, ids->list, ids->count, sizeof id, by_bytes) == NULL;
    }
    if (open_folder != NULL)
        (void)closedir(open_folder);
    return orphans;
}

/* No loss and no finding: a crash between a body's fsync and its entry leaves such a file. */
static void look_for_orphans(struct verify *verify, struct ids *ids)
{
    uint64_t orphans = 0;
    if (verify->options.serving)
        return; /* staged bodies, and those about to be unlinked, look the same */
    if (ids->count > 0)
        qsort(ids->list, ids->count, sizeof *ids->list, by_bytes);
    for (unsigned i = 0; i < 256; i++)
        orphans += count_orphans(store_folder(verify->options.store), i, ids);
    if (orphans > 0)
        verify_remark(&verify->report,
                      "%llu body files are named by no object: left by writes that were "
                      "interrupted; the next start removes them",
                      (unsigned long long)orphans);
}

enum mr_status verify_bodies(struct verify *verify)
{
    struct view_iterator *at = view_snapshot_iterate(verify->snapshot, VIEW_OBJECT, MR_S(""));
    struct ids ids = {0};
    enum mr_status status = MR_OK;
    for (view_iterator_first(at); status == MR_OK && view_iterator_valid(at);
         view_iterator_next(at)) {
        const struct mr_slice stored = view_iterator_key(at);
        struct s3_meta meta;
        if (stored.len == 0 || stored.ptr[0] == KIND_BODY)
            continue;
        if (s3_meta_decode(view_iterator_value(at), &meta) != MR_OK) {
            struct verify_finding finding = verify_finding_none;
            finding.kind = VERIFY_BODY;
            finding.object = verify_object_text(&verify->arena, stored);
            verify_find(&verify->report, &finding, "the object's record cannot be read");
            continue;
        }
        if (meta.place == S3_IN_FILE)
            add_id(&ids, &meta.body);
        if (meta.place != S3_NO_BODY)
            status = check_body(verify, stored, &meta);
    }
    if (status == MR_OK)
        status = view_iterator_status(at);
    view_iterator_free(at);
    if (status == MR_OK)
        look_for_orphans(verify, &ids);
    free(ids.list);
    return status;
}
