/* Zone files in the form of RFC 8536: the block of 64-bit times behind that of 32-bit ones. */
#include "firehose/zone.h"
#include "base/arena.h"
#include "base/log.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"

enum { FILE_BYTES_MAX = 64 << 10, HEADER_BYTES = 44, TYPES_MAX = 256 };

struct zone_type {
    int32_t offset_s;
    const char *short_name; /* into `bytes` */
};
struct zone {
    struct zone *next;
    char name[64];
    char *bytes; /* the file, owned, a NUL behind it */
    size_t count;
    const char *times; /* `count` big-endian 64-bit seconds */
    const uint8_t *kinds;
    struct zone_type types[TYPES_MAX];
    size_t type_count;
};

static uint32_t big32(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t big64(const char *at)
{
    return (int64_t)((uint64_t)big32(at) << 32 | big32(at + 4));
}

/* What a header counts. */
struct counts {
    uint64_t utc, std, leaps, times, types, chars;
};

static bool read_counts(struct mr_slice file, size_t at, struct counts *ret)
{
    if (at > file.len || file.len - at < HEADER_BYTES || memcmp(file.ptr + at, "TZif", 4) != 0)
        return false;
    const char *numbers = file.ptr + at + 20;
    *ret = (struct counts){big32(numbers),      big32(numbers + 4),  big32(numbers + 8),
                           big32(numbers + 12), big32(numbers + 16), big32(numbers + 20)};
    return true;
}

static uint64_t block_bytes(const struct counts *n, uint64_t time_bytes)
{
    return n->times * (time_bytes + 1) + n->types * 6 + n->chars + n->leaps * (time_bytes + 4) +
           n->std + n->utc;
}

/* False: no zone file, or one whose rule for later years is not spelt out in it. */
static bool parse(struct zone *zone, size_t len)
{
    const struct mr_slice file = mr_slice_make(zone->bytes, len);
    struct counts n;
    if (!read_counts(file, 0, &n) || file.ptr[4] < '2')
        return false;
    const uint64_t second = HEADER_BYTES + block_bytes(&n, 4);
    if (second > len || !read_counts(file, (size_t)second, &n))
        return false;
    const uint64_t start = second + HEADER_BYTES, bytes = block_bytes(&n, 8);
    if (start + bytes > len || n.types == 0 || n.types > TYPES_MAX || n.chars == 0)
        return false;
    zone->count = (size_t)n.times;
    zone->times = file.ptr + start;
    zone->kinds = (const uint8_t *)zone->times + n.times * 8;
    const char *types = (const char *)zone->kinds + n.times, *chars = types + n.types * 6;
    if (chars[n.chars - 1] != '\0')
        return false;
    zone->type_count = (size_t)n.types;
    for (size_t i = 0; i < zone->type_count; i++) {
        const uint8_t at = (uint8_t)types[i * 6 + 5];
        if (at >= n.chars)
            return false;
        zone->types[i] = (struct zone_type){(int32_t)big32(types + i * 6), chars + at};
    }
    for (size_t i = 0; i < zone->count; i++)
        if (zone->kinds[i] >= zone->type_count)
            return false;
    const struct mr_slice rule = mr_slice_sub(file, (size_t)(start + bytes), SIZE_MAX);
    const int64_t year_2037 = 2114380800;
    return mr_slice_find(rule, ',') == SIZE_MAX ||
           (zone->count > 0 && big64(zone->times + (zone->count - 1) * 8) >= year_2037);
}

static struct zone *zone_open(struct mr_slice name)
{
    char path[128];
    (void)snprintf(path, sizeof path, ZONE_FOLDER "/%.*s", MR_ARG(name));
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct zone *zone = mr_calloc(1, sizeof *zone);
    (void)snprintf(zone->name, sizeof zone->name, "%.*s", MR_ARG(name));
    zone->bytes = mr_calloc(1, FILE_BYTES_MAX + 1);
    const ssize_t len = read(fd, zone->bytes, FILE_BYTES_MAX);
    close(fd);
    if (len > 0 && parse(zone, (size_t)len))
        return zone;
    mr_log(MR_LOG_WARN, "firehose", "the zone file '%s' cannot be used", path);
    free(zone->bytes);
    free(zone);
    return NULL;
}

void zones_init(struct zones *zones)
{
    *zones = (struct zones){0};
    pthread_mutex_init(&zones->lock, NULL);
}

void zones_fini(struct zones *zones)
{
    while (zones->list != NULL) {
        struct zone *zone = zones->list;
        zones->list = zone->next;
        free(zone->bytes);
        free(zone);
    }
    pthread_mutex_destroy(&zones->lock);
}

enum mr_status zones_find(struct zones *zones, struct mr_slice name, const struct zone **ret_zone)
{
    *ret_zone = NULL;
    if (name.len == 0 || mr_slice_equal(name, MR_S("UTC")))
        return MR_OK;
    if (!zone_name_is_known(name))
        return MR_INVALID;
    pthread_mutex_lock(&zones->lock);
    struct zone *zone = zones->list;
    while (zone != NULL && !mr_slice_equal(mr_slice_cstr(zone->name), name))
        zone = zone->next;
    if (zone == NULL && (zone = zone_open(name)) != NULL) {
        zone->next = zones->list;
        zones->list = zone;
    }
    pthread_mutex_unlock(&zones->lock);
    *ret_zone = zone;
    return zone == NULL ? MR_NOT_FOUND : MR_OK;
}

/* The newest change of the clocks that is not after the time. */
static const struct zone_type *type_at(const struct zone *zone, int64_t seconds)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (big64(zone->times + middle * 8) <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return &zone->types[low == 0 ? 0 : zone->kinds[low - 1]];
}

struct zone_time zone_time_at(const struct zone *zone, int64_t utc_ms)
{
    struct zone_time time = {.utc_ms = utc_ms, .is_utc = zone == NULL};
    if (zone == NULL) {
        time.name = time.short_name = MR_S("UTC");
        time.date = mr_date_from_ms(utc_ms);
        return time;
    }
    const int64_t seconds = utc_ms >= 0 ? utc_ms / 1000 : -((999 - utc_ms) / 1000);
    const struct zone_type *type = type_at(zone, seconds);
    time.offset_s = type->offset_s;
    time.name = mr_slice_cstr(zone->name);
    time.short_name = mr_slice_cstr(type->short_name);
    time.date = mr_date_from_ms(utc_ms + (int64_t)type->offset_s * 1000);
    return time;
}
