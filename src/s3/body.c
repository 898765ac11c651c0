#include "s3/body.h"
#include "base/point.h"
#include "base/log.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FOLDERS = 256,
    NAME_TEXT = 2 * S3_ID_BYTES - 1, /* the first byte is the folder */
    RUN_AT = 12,                     /* the last four bytes of an id are the run's tag */
    DROPS_MAX = 65536,               /* more are left to the collector of a later start */
    COPY_STEP = 64 << 20,
};

struct drop {
    struct s3_id id;
    int64_t ticket;
};

struct s3_bodies {
    struct store *store;
    struct mr_rng *rng;
    int root;                     /* <data>/objects */
    _Atomic int folders[FOLDERS]; /* descriptors, -1 until first used; kept open */
    unsigned run;                 /* tag of this run */
    pthread_mutex_t lock;         /* guards what follows, and the making of folders */
    struct {
        struct drop *drops; /* owned */
        size_t count, capacity;
        unsigned pins;
    } locked;
    void (*on_drop)(void *ctx);
    void *on_drop_ctx;
};

enum mr_status s3_bodies_open(struct s3_bodies **ret_bodies, struct store *store,
                              struct mr_rng *rng)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/objects", store_folder(store)) >= (int)sizeof path)
        return MR_RAISE(MR_FAIL_IO, "the data folder's name is too long");
    const enum mr_status status = store_folder_make(store, "objects");
    if (status != MR_OK)
        return status;
    const int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
    struct s3_bodies *bodies = mr_calloc(1, sizeof *bodies);
    bodies->store = store;
    bodies->rng = rng;
    bodies->root = root;
    for (size_t i = 0; i < FOLDERS; i++)
        atomic_store(&bodies->folders[i], -1);
    pthread_mutex_init(&bodies->lock, NULL);
    bodies->run = (unsigned)mr_rng_u64(rng);
    *ret_bodies = bodies;
    return MR_OK;
}

void s3_bodies_close(struct s3_bodies *bodies)
{
    if (bodies == NULL)
        return;
    for (size_t i = 0; i < FOLDERS; i++)
        if (atomic_load(&bodies->folders[i]) >= 0)
            close(atomic_load(&bodies->folders[i]));
    close(bodies->root);
    free(bodies->locked.drops);
    pthread_mutex_destroy(&bodies->lock);
    free(bodies);
}

/* ---- folders ---- */

static int folder_make(struct s3_bodies *bodies, uint8_t folder)
{
    char name[4];
    (void)snprintf(name, sizeof name, "%02x", folder);
    const bool made = mkdirat(bodies->root, name, 0777) == 0;
    if (!made && errno != EEXIST)
        return -1;
    /* A folder that is not durable would take its bodies with it. It may stem from a run that was
     * killed before this fsync, so it is done in any case. */
    if (fsync(bodies->root) != 0)
        return -1;
    return openat(bodies->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* -1: raised. */
static int folder_of(struct s3_bodies *bodies, uint8_t folder)
{
    int fd = atomic_load(&bodies->folders[folder]);
    if (fd >= 0)
        return fd;
    pthread_mutex_lock(&bodies->lock);
    fd = atomic_load(&bodies->folders[folder]);
    if (fd < 0) {
        fd = folder_make(bodies, folder);
        if (fd >= 0)
            atomic_store(&bodies->folders[folder], fd);
        else
            (void)MR_RAISE(MR_FAIL_IO, "cannot make objects/%02x: %s", folder, strerror(errno));
    }
    pthread_mutex_unlock(&bodies->lock);
    return fd;
}

static void file_name(const struct s3_id *id, char ret[static NAME_TEXT])
{
    mr_hex(id->bytes + 1, S3_ID_BYTES - 1, ret);
}

/* ---- writing ---- */

static void id_make(struct s3_bodies *bodies, struct s3_id *ret_id)
{
    mr_rng_fill(bodies->rng, ret_id->bytes, S3_ID_BYTES);
    memcpy(ret_id->bytes + RUN_AT, &bodies->run, sizeof bodies->run);
}

struct s3_body s3_body_small(struct s3_bodies *bodies, struct mr_slice bytes)
{
    assert(bytes.len <= S3_SMALL_BYTES_MAX);
    struct s3_body body = {.place = S3_IN_VIEW, .size = bytes.len, .bytes = bytes};
    id_make(bodies, &body.id);
    return body;
}

void s3_meta_set_body(struct s3_meta *meta, const struct s3_body *body)
{
    meta->place = body->place;
    meta->body = body->id;
    meta->size = body->size;
}

void s3_body_discard(struct s3_bodies *bodies, const struct s3_body *body)
{
    if (body->place == S3_IN_FILE)
        s3_file_remove(bodies, &body->id);
}

void s3_writer_open(struct s3_bodies *bodies, struct mr_arena *arena, struct s3_writer *writer)
{
    *writer = (struct s3_writer){.bodies = bodies, .arena = arena, .fd = -1};
    id_make(bodies, &writer->id);
}

static enum mr_status file_append(struct s3_writer *writer, struct mr_slice bytes)
{
    while (bytes.len > 0) {
        const size_t part = mr_point_write(MR_POINT_S3_BODY_WRITE, bytes.len);
        const ssize_t written = part == 0 ? -1 : write(writer->fd, bytes.ptr, part);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return MR_RAISE(MR_FAIL_IO, "cannot write a body: %s", strerror(errno));
        writer->size += (uint64_t)written;
        bytes = mr_slice_sub(bytes, (size_t)written, SIZE_MAX);
    }
    return MR_OK;
}

/* What was small so far becomes a file. */
static enum mr_status file_begin(struct s3_writer *writer)
{
    char name[NAME_TEXT];
    const struct mr_slice small = mr_slice_make(writer->small, (size_t)writer->size);
    const int folder = folder_of(writer->bodies, writer->id.bytes[0]);
    if (folder < 0)
        return MR_FAIL_IO;
    file_name(&writer->id, name);
    if (mr_point_good(MR_POINT_S3_BODY_CREATE))
        writer->fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot make a body: %s", strerror(errno));
    writer->size = 0;
    return file_append(writer, small);
}

static enum mr_status append(struct s3_writer *writer, struct mr_slice bytes)
{
    if (writer->fd < 0 && bytes.len > S3_SMALL_BYTES_MAX - writer->size) {
        const enum mr_status status = file_begin(writer);
        if (status != MR_OK)
            return status;
    }
    if (writer->fd >= 0)
        return file_append(writer, bytes);
    if (writer->small == NULL)
        writer->small = mr_arena_alloc(writer->arena, S3_SMALL_BYTES_MAX);
    if (bytes.len > 0)
        memcpy(writer->small + writer->size, bytes.ptr, bytes.len);
    writer->size += bytes.len;
    return MR_OK;
}

enum mr_status s3_writer_append(struct s3_writer *writer, struct mr_slice bytes)
{
    char room[S3_SMALL_BYTES_MAX];
    enum mr_status status = MR_OK;
    if (!s3_cipher_works(writer->cipher))
        return append(writer, bytes);
    while (status == MR_OK && bytes.len > 0) {
        const struct mr_slice part = mr_slice_sub(bytes, 0, sizeof room);
        memcpy(room, part.ptr, part.len);
        s3_cipher_apply(writer->cipher, room, part.len);
        status = append(writer, mr_slice_make(room, part.len));
        bytes = mr_slice_sub(bytes, part.len, SIZE_MAX);
    }
    return status;
}

enum mr_status s3_writer_finish(struct s3_writer *writer, struct s3_body *ret_body)
{
    *ret_body = (struct s3_body){.place = S3_IN_VIEW, .id = writer->id, .size = writer->size};
    if (writer->fd < 0) {
        ret_body->bytes = mr_slice_make(writer->small, (size_t)writer->size);
        return MR_OK;
    }
    ret_body->place = S3_IN_FILE;
    const int folder = folder_of(writer->bodies, writer->id.bytes[0]);
    if (folder >= 0 && mr_point_good(MR_POINT_S3_BODY_SYNC) && fdatasync(writer->fd) == 0 &&
        mr_point_good(MR_POINT_S3_BODY_FOLDER_SYNC) && fsync(folder) == 0) {
        close(writer->fd);
        writer->fd = -1;
        mr_point(MR_POINT_S3_BODY_DURABLE);
        return MR_OK;
    }
    const int code = errno;
    s3_writer_abandon(writer);
    return MR_RAISE(MR_FAIL_IO, "cannot make a body durable: %s", strerror(code));
}

void s3_writer_abandon(struct s3_writer *writer)
{
    if (writer->fd < 0)
        return;
    close(writer->fd);
    writer->fd = -1;
    s3_file_remove(writer->bodies, &writer->id);
}

/* ---- reading ---- */

static enum mr_status file_open(struct s3_bodies *bodies, const struct s3_id *id, int *ret_fd)
{
    char name[NAME_TEXT];
    const int folder = folder_of(bodies, id->bytes[0]);
    if (folder < 0)
        return MR_FAIL_IO;
    file_name(id, name);
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return MR_NOT_FOUND;
    if (fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot open a body: %s", strerror(errno));
    *ret_fd = fd;
    return MR_OK;
}

enum mr_status s3_source_open(struct s3_bodies *bodies, struct mr_arena *arena,
                              const struct s3_meta *meta, struct s3_source *ret_source)
{
    *ret_source = (struct s3_source){.fd = -1, .bytes = MR_S("")};
    if (meta->place == S3_IN_FILE)
        return file_open(bodies, &meta->body, &ret_source->fd);
    if (meta->size == 0)
        return MR_OK; /* nothing was put */
    struct mr_buf buf = {0};
    enum mr_status status =
        view_get(store_view(bodies->store), VIEW_OBJECT, s3_body_key(arena, &meta->body), &buf);
    if (status == MR_OK && buf.len != meta->size)
        status = MR_RAISE(MR_FAIL_DATA, "a body has %zu bytes, its record says %llu", buf.len,
                          (unsigned long long)meta->size);
    if (status == MR_OK)
        ret_source->bytes = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return status;
}

void s3_source_close(struct s3_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

/* By way of our memory: to digest it, or because the file system cannot copy by itself. */
static enum mr_status copy_by_hand(int fd, uint64_t offset, uint64_t len, struct s3_writer *writer,
                                   struct s3_cipher *cipher, struct s3_digest *digest)
{
    enum { STEP = 1 << 18 };
    char *room = mr_malloc(STEP);
    enum mr_status status = MR_OK;
    while (status == MR_OK && len > 0) {
        const ssize_t got = pread(fd, room, len < STEP ? (size_t)len : STEP, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            status = MR_RAISE(MR_FAIL_IO, "cannot read a body: %s",
                              got == 0 ? "it is shorter than its record" : strerror(errno));
            break;
        }
        const struct mr_slice bytes = mr_slice_make(room, (size_t)got);
        if (s3_cipher_works(cipher))
            s3_cipher_apply(cipher, room, (size_t)got);
        if (digest != NULL)
            s3_digest_update(digest, bytes);
        status = s3_writer_append(writer, bytes);
        offset += (uint64_t)got;
        len -= (uint64_t)got;
    }
    free(room);
    return status;
}

static enum mr_status copy_by_kernel(int fd, uint64_t offset, uint64_t len,
                                     struct s3_writer *writer)
{
    while (len > 0) {
        off_t from = (off_t)offset;
        const size_t step = len < COPY_STEP ? (size_t)len : COPY_STEP;
        const ssize_t copied = copy_file_range(fd, &from, writer->fd, NULL, step, 0);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied <= 0)
            return copy_by_hand(fd, offset, len, writer, NULL, NULL);
        writer->size += (uint64_t)copied;
        offset += (uint64_t)copied;
        len -= (uint64_t)copied;
    }
    return MR_OK;
}

static enum mr_status copy_small(const struct s3_source *source, uint64_t offset, uint64_t len,
                                 struct s3_writer *writer, struct s3_cipher *cipher,
                                 struct s3_digest *digest)
{
    struct mr_slice bytes = mr_slice_sub(source->bytes, (size_t)offset, (size_t)len);
    if (s3_cipher_works(cipher)) {
        char *room = mr_arena_alloc(writer->arena, bytes.len);
        memcpy(room, bytes.ptr, bytes.len);
        s3_cipher_apply(cipher, room, bytes.len);
        bytes = mr_slice_make(room, bytes.len);
    }
    if (digest != NULL)
        s3_digest_update(digest, bytes);
    return s3_writer_append(writer, bytes);
}

static enum mr_status copy(const struct s3_source *source, uint64_t offset, uint64_t len,
                           struct s3_writer *writer, struct s3_cipher *cipher,
                           struct s3_digest *digest)
{
    if (source->fd < 0)
        return copy_small(source, offset, len, writer, cipher, digest);
    if (digest != NULL || len <= S3_SMALL_BYTES_MAX || s3_cipher_works(cipher) ||
        s3_cipher_works(writer->cipher))
        return copy_by_hand(source->fd, offset, len, writer, cipher, digest);
    if (writer->fd < 0) {
        const enum mr_status status = file_begin(writer);
        if (status != MR_OK)
            return status;
    }
    return copy_by_kernel(source->fd, offset, len, writer);
}

enum mr_status s3_source_copy(const struct s3_source *source, uint64_t offset, uint64_t len,
                              struct s3_writer *writer, struct s3_digest *digest)
{
    struct s3_cipher cipher = {0};
    if (len > 0 && source->key != NULL) {
        const enum mr_status status = s3_cipher_open(&cipher, source->key, source->seal, offset);
        if (status != MR_OK)
            return status;
    }
    const enum mr_status status = copy(source, offset, len, writer, &cipher, digest);
    s3_cipher_fini(&cipher);
    return status;
}

/* ---- the ops that go with a record ---- */

void s3_entry_body(struct store_entry *entry, const struct s3_body *body)
{
    if (body->place == S3_IN_VIEW && body->size > 0)
        store_entry_put(entry, VIEW_OBJECT, s3_body_key(entry->arena, &body->id), body->bytes);
}

void s3_entry_drop(struct store_entry *entry, const struct s3_meta *old)
{
    if (old->place == S3_IN_VIEW && old->size > 0)
        store_entry_delete(entry, VIEW_OBJECT, s3_body_key(entry->arena, &old->body));
}

/* ---- removing ---- */

void s3_file_remove(struct s3_bodies *bodies, const struct s3_id *id)
{
    char name[NAME_TEXT];
    const int folder = folder_of(bodies, id->bytes[0]);
    file_name(id, name);
    if (folder >= 0 &&
        (!mr_point_good(MR_POINT_S3_BODY_REMOVE) || unlinkat(folder, name, 0) != 0) &&
        errno != ENOENT)
        mr_log(MR_LOG_WARN, "s3", "cannot remove a body: %s", strerror(errno));
    mr_point(MR_POINT_S3_BODY_REMOVED);
}

void s3_bodies_on_drop(struct s3_bodies *bodies, void (*fn)(void *ctx), void *ctx)
{
    bodies->on_drop = fn;
    bodies->on_drop_ctx = ctx;
}

void s3_body_drop(struct s3_bodies *bodies, const struct s3_meta *old, int64_t ticket)
{
    if (old->place != S3_IN_FILE)
        return;
    pthread_mutex_lock(&bodies->lock);
    const bool first = bodies->locked.count == 0;
    if (bodies->locked.count == bodies->locked.capacity && bodies->locked.capacity < DROPS_MAX) {
        bodies->locked.capacity = first ? 64 : bodies->locked.capacity * 2;
        bodies->locked.drops = mr_realloc(bodies->locked.drops,
                                          bodies->locked.capacity * sizeof *bodies->locked.drops);
    }
    if (bodies->locked.count < bodies->locked.capacity)
        bodies->locked.drops[bodies->locked.count++] = (struct drop){old->body, ticket};
    pthread_mutex_unlock(&bodies->lock);
    if (first && bodies->on_drop != NULL)
        bodies->on_drop(bodies->on_drop_ctx);
}

bool s3_bodies_sweep(struct s3_bodies *bodies)
{
    pthread_mutex_lock(&bodies->lock);
    if (bodies->locked.pins > 0) { /* who unpins last wakes the sweep */
        pthread_mutex_unlock(&bodies->lock);
        return false;
    }
    struct drop *drops = bodies->locked.drops;
    const size_t count = bodies->locked.count;
    bodies->locked.drops = NULL;
    bodies->locked.count = bodies->locked.capacity = 0;
    pthread_mutex_unlock(&bodies->lock);
    int64_t ticket = 0;
    for (size_t i = 0; i < count; i++)
        ticket = drops[i].ticket > ticket ? drops[i].ticket : ticket;
    /* When the entries can never become durable the old bodies are what a restart needs. */
    if (count > 0 && store_wait(bodies->store, ticket) == MR_OK)
        for (size_t i = 0; i < count; i++)
            s3_file_remove(bodies, &drops[i].id);
    free(drops);
    return count > 0;
}

void s3_bodies_pin(struct s3_bodies *bodies)
{
    pthread_mutex_lock(&bodies->lock);
    bodies->locked.pins++;
    pthread_mutex_unlock(&bodies->lock);
}

void s3_bodies_unpin(struct s3_bodies *bodies)
{
    pthread_mutex_lock(&bodies->lock);
    assert(bodies->locked.pins > 0);
    const bool wake = --bodies->locked.pins == 0 && bodies->locked.count > 0;
    pthread_mutex_unlock(&bodies->lock);
    if (wake && bodies->on_drop != NULL)
        bodies->on_drop(bodies->on_drop_ctx);
}

bool s3_bodies_pinned(struct s3_bodies *bodies)
{
    pthread_mutex_lock(&bodies->lock);
    const bool pinned = bodies->locked.pins > 0;
    pthread_mutex_unlock(&bodies->lock);
    return pinned;
}

/* ---- bodies of earlier runs ---- */

static bool old_id(struct s3_bodies *bodies, unsigned folder, const char *name,
                   struct s3_id *ret_id)
{
    ret_id->bytes[0] = (uint8_t)folder;
    return mr_unhex(mr_slice_cstr(name), ret_id->bytes + 1, S3_ID_BYTES - 1) == MR_OK &&
           memcmp(ret_id->bytes + RUN_AT, &bodies->run, sizeof bodies->run) != 0;
}

static size_t old_in_folder(struct s3_bodies *bodies, unsigned folder, struct s3_id *ids,
                            size_t max, bool *ret_more)
{
    char name[4];
    (void)snprintf(name, sizeof name, "%02x", folder);
    *ret_more = false;
    const int fd = openat(bodies->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return 0; /* not made yet */
    }
    size_t count = 0;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        struct s3_id id;
        if (!old_id(bodies, folder, entry->d_name, &id))
            continue;
        *ret_more = count == max;
        if (*ret_more)
            break;
        ids[count++] = id;
    }
    closedir(entries);
    return count;
}

size_t s3_bodies_old(struct s3_bodies *bodies, unsigned *folder, struct s3_id *ids, size_t max)
{
    size_t count = 0;
    while (*folder < FOLDERS) {
        bool more;
        const size_t found = old_in_folder(bodies, *folder, ids + count, max - count, &more);
        if (more && count > 0)
            break; /* this folder begins the next call */
        count += found;
        (*folder)++;
    }
    return count;
}
