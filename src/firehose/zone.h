/* firehose/zone.h: the time zones that CustomTimeZone names, from the system's zone files.
 *
 * AWS takes UTC and an older list of IANA names (Asia/Calcutta, not Asia/Kolkata). A zone is read
 * once and kept. Threads: any. */
#pragma once
#include "base/clock.h"
#include <pthread.h>

struct zone;
struct zones { /* a zeroed struct with an initialized lock is empty */
    pthread_mutex_t lock;
    struct zone *list; /* guarded */
};
void zones_init(struct zones *zones);
void zones_fini(struct zones *zones);
/* Empty, or "UTC": the zone without offset. The zone lives as long as `zones`. MR_INVALID: AWS
 * takes no such name. MR_NOT_FOUND: this system has no file of it that can be read. */
MR_MUST_USE enum mr_status zones_find(struct zones *zones, struct mr_slice name,
                                      const struct zone **ret_zone);

struct zone_time {
    struct mr_date date; /* as the zone's clocks show it */
    int64_t utc_ms;
    int offset_s;               /* east of UTC */
    struct mr_slice name;       /* "America/New_York" */
    struct mr_slice short_name; /* "EDT" */
    bool is_utc;
};
/* `zone` NULL: UTC. */
struct zone_time zone_time_at(const struct zone *zone, int64_t utc_ms);

/* ---- zone_names.c ---- */
bool zone_name_is_known(struct mr_slice name);
