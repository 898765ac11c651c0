#include "base/clock.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const int64_t ms_per_day = 86400000;

static int64_t system_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_now_ms(void *ctx)
{
    (void)ctx;
    return system_now_us() / 1000;
}

const struct mr_clock mr_clock_system = {.now_ms = system_now_ms};

/* ---- the steady clock ----
 *
 * It is the monotonic clock plus an offset. While the system's clock agrees, the offset stands and
 * a look takes no lock. A thread that looks without the lock reads the monotonic clock, the offset,
 * and last whether the offset shrinks: so it never pairs a shrunk offset with an older reading. */

enum {
    SLOWER = 8,      /* by an eighth, while it is ahead of the system's */
    NOISE_US = 2000, /* between the readings of two clocks */
    CLOSE_US = 100,  /* readings of the monotonic clock around one of the system's */
    LOOKS_MAX = 8,
};
static const int64_t unknown = INT64_MIN;

static struct {
    _Atomic int64_t offset_us; /* unknown: nobody has looked yet */
    atomic_bool shrinks;       /* it is ahead of the system's clock */
    _Atomic int64_t set_by_us; /* for tests */
    pthread_mutex_t lock;
    int64_t shrunk_us; /* monotonic: up to when that is done; under the lock, as is the next */
    int64_t last_us;   /* the newest time that was told under the lock */
} steady = {.offset_us = INT64_MIN, .lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t system_offset_us(int64_t monotonic_us)
{
    return system_now_us() + atomic_load_explicit(&steady.set_by_us, memory_order_relaxed) -
           monotonic_us;
}

/* Both clocks at one moment, as nearly as a thread that may be preempted can say. */
static int64_t look_closely(int64_t *ret_monotonic_us)
{
    int64_t best_us = INT64_MAX, offset_us = 0;
    for (int i = 0; i < LOOKS_MAX && best_us > CLOSE_US; i++) {
        const int64_t before_us = mr_monotonic_us(), found_us = system_offset_us(before_us);
        const int64_t after_us = mr_monotonic_us();
        *ret_monotonic_us = after_us;
        if (after_us - before_us >= best_us)
            continue;
        best_us = after_us - before_us;
        offset_us = found_us;
    }
    return offset_us;
}

/* Takes up what the system's clock says. */
static void adjust_locked(int64_t monotonic_us, int64_t system_us)
{
    int64_t offset_us = atomic_load(&steady.offset_us);
    const bool shrinks = atomic_load(&steady.shrinks);
    if (offset_us == unknown || system_us > offset_us + NOISE_US) {
        atomic_store(&steady.offset_us, system_us);
        atomic_store(&steady.shrinks, false);
    } else if (system_us >= offset_us - NOISE_US) {
        atomic_store(&steady.shrinks, false);
    } else if (!shrinks) {
        steady.shrunk_us = monotonic_us;
        atomic_store(&steady.shrinks, true);
    } else {
        const int64_t by_us = (monotonic_us - steady.shrunk_us) / SLOWER;
        steady.shrunk_us += by_us * SLOWER;
        offset_us -= by_us;
        atomic_store(&steady.offset_us, offset_us > system_us ? offset_us : system_us);
    }
}

static int64_t steady_now_locked(void)
{
    int64_t monotonic_us;
    const int64_t system_us = look_closely(&monotonic_us);
    adjust_locked(monotonic_us, system_us);
    const int64_t now_us = monotonic_us + atomic_load(&steady.offset_us);
    if (now_us > steady.last_us)
        steady.last_us = now_us;
    return steady.last_us;
}

static int64_t steady_now_ms(void *ctx)
{
    (void)ctx;
    const int64_t monotonic_us = mr_monotonic_us();
    const int64_t offset_us = atomic_load(&steady.offset_us);
    if (!atomic_load(&steady.shrinks) && offset_us != unknown) {
        const int64_t apart_us = system_offset_us(monotonic_us) - offset_us;
        if (apart_us < NOISE_US && apart_us > -NOISE_US)
            return (monotonic_us + offset_us) / 1000;
    }
    pthread_mutex_lock(&steady.lock);
    const int64_t now_us = steady_now_locked();
    pthread_mutex_unlock(&steady.lock);
    return now_us / 1000;
}

const struct mr_clock mr_clock_steady = {.now_ms = steady_now_ms};

void mr_clock_steady_begin(int64_t now_ms)
{
    pthread_mutex_lock(&steady.lock);
    const int64_t short_us = now_ms * 1000 - steady_now_locked();
    if (short_us > 0)
        atomic_fetch_add(&steady.offset_us, short_us);
    pthread_mutex_unlock(&steady.lock);
}

void mr_clock_system_set_by(int64_t ms)
{
    atomic_fetch_add(&steady.set_by_us, ms * 1000);
}

/* ---- a clock that moves by hand ---- */

static int64_t time_of_state(int64_t state)
{
    const int64_t ms = (state - (state & 1)) / 2;
    return (state & 1) != 0 ? ms : steady_now_ms(NULL) + ms;
}

static int64_t movable_now_ms(void *ctx)
{
    const struct mr_clock_movable *movable = ctx;
    return time_of_state(atomic_load(&movable->state));
}

struct mr_clock mr_clock_of_movable(struct mr_clock_movable *movable)
{
    return (struct mr_clock){.now_ms = movable_now_ms, .ctx = movable};
}

int64_t mr_clock_movable_now(const struct mr_clock_movable *movable, bool *ret_held)
{
    const int64_t state = atomic_load(&movable->state);
    *ret_held = (state & 1) != 0;
    return time_of_state(state);
}

enum mr_status mr_clock_move(struct mr_clock_movable *movable, int64_t now_ms, bool held)
{
    int64_t before = atomic_load(&movable->state), after;
    do {
        if (now_ms < time_of_state(before))
            return MR_INVALID;
        after = held ? now_ms * 2 + 1 : (now_ms - steady_now_ms(NULL)) * 2;
    } while (!atomic_compare_exchange_weak(&movable->state, &before, after));
    return MR_OK;
}

/* ---- */

int64_t mr_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct timespec mr_monotonic_timespec(int64_t us)
{
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

int64_t mr_monotonic_ms(void)
{
    return mr_monotonic_us() / 1000;
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* Days are counted in years that begin on 1 March, so that the leap day is the last of its year;
 * 400 such years have 146,097 days. Day 0 here is 0000-03-01; 1970-01-01 is day 719,468. */
enum { EPOCH_DAY = 719468, DAYS_400_YEARS = 146097 };

static int64_t days_to(int year, int month, int day)
{
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t month_from_march = (month + 9) % 12;
    int64_t leap_days = floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400);
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return 365 * y + leap_days + day_of_year - EPOCH_DAY;
}

struct mr_date mr_date_from_ms(int64_t epoch_ms)
{
    int64_t days = floor_div(epoch_ms, ms_per_day);
    int64_t ms = epoch_ms - days * ms_per_day;
    int64_t shifted = days + EPOCH_DAY;
    int64_t era = floor_div(shifted, DAYS_400_YEARS);
    int64_t of_era = shifted - era * DAYS_400_YEARS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_400_YEARS - 1)) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month_from_march = (5 * of_year + 2) / 153;
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    return (struct mr_date){
        .year = (int)(year + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(of_year - (153 * month_from_march + 2) / 5 + 1),
        .hour = (int)(ms / 3600000),
        .minute = (int)(ms / 60000 % 60),
        .second = (int)(ms / 1000 % 60),
        .ms = (int)(ms % 1000),
        .weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7),
    };
}

int64_t mr_date_to_ms(const struct mr_date *date)
{
    int64_t days = days_to(date->year, date->month, date->day);
    int64_t seconds = (days * 24 + date->hour) * 3600 + date->minute * 60 + date->second;
    return seconds * 1000 + date->ms;
}

/* The date of a time whose year has at most four digits. */
static struct mr_date printable_date(int64_t epoch_ms)
{
    const int64_t first = INT64_C(-62167219200000), last = INT64_C(253402300799999);
    return mr_date_from_ms(epoch_ms < first ? first : epoch_ms > last ? last : epoch_ms);
}

static char *put_digits(char *at, int value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

static char *put_byte(char *at, char byte)
{
    *at = byte;
    return at + 1;
}

static char *put_name(char *at, const char *name)
{
    memcpy(at, name, 3);
    return at + 3;
}

static char *put_time(char *at, const struct mr_date *date)
{
    at = put_byte(put_digits(at, date->hour, 2), ':');
    at = put_byte(put_digits(at, date->minute, 2), ':');
    return put_digits(at, date->second, 2);
}

static struct mr_slice finish(char *start, char *end)
{
    *end = '\0';
    return mr_slice_make(start, (size_t)(end - start));
}

struct mr_slice mr_date_iso8601(int64_t epoch_ms, char ret[static 32])
{
    struct mr_date date = printable_date(epoch_ms);
    char *at = put_byte(put_digits(ret, date.year, 4), '-');
    at = put_byte(put_digits(at, date.month, 2), '-');
    at = put_byte(put_digits(at, date.day, 2), 'T');
    at = put_byte(put_time(at, &date), '.');
    at = put_byte(put_digits(at, date.ms, 3), 'Z');
    return finish(ret, at);
}

struct mr_slice mr_date_http(int64_t epoch_ms, char ret[static 32])
{
    struct mr_date date = printable_date(epoch_ms);
    char *at = put_name(ret, day_names[date.weekday]);
    at = put_byte(put_byte(at, ','), ' ');
    at = put_byte(put_digits(at, date.day, 2), ' ');
    at = put_byte(put_name(at, month_names[date.month - 1]), ' ');
    at = put_byte(put_digits(at, date.year, 4), ' ');
    at = put_byte(put_time(at, &date), ' ');
    return finish(ret, put_name(at, "GMT"));
}

struct mr_slice mr_date_basic(int64_t epoch_ms, char ret[static 32])
{
    struct mr_date date = printable_date(epoch_ms);
    char *at = put_digits(put_digits(put_digits(ret, date.year, 4), date.month, 2), date.day, 2);
    at = put_byte(at, 'T');
    at = put_digits(put_digits(put_digits(at, date.hour, 2), date.minute, 2), date.second, 2);
    return finish(ret, put_byte(at, 'Z'));
}

/* ---- reading: each take_ moves *text on, or says false ---- */

static bool take_byte(struct mr_slice *text, char byte)
{
    if (text->len == 0 || text->ptr[0] != byte)
        return false;
    *text = mr_slice_sub(*text, 1, text->len);
    return true;
}

static bool take_digits(struct mr_slice *text, size_t width, int *ret)
{
    if (text->len < width)
        return false;
    int value = 0;
    for (size_t i = 0; i < width; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return false;
        value = value * 10 + (text->ptr[i] - '0');
    }
    *text = mr_slice_sub(*text, width, text->len);
    *ret = value;
    return true;
}

static bool take_time(struct mr_slice *text, struct mr_date *date)
{
    return take_digits(text, 2, &date->hour) && take_byte(text, ':') &&
           take_digits(text, 2, &date->minute) && take_byte(text, ':') &&
           take_digits(text, 2, &date->second);
}

/* ".123456": the first three digits count, the rest is cut. */
static bool take_fraction(struct mr_slice *text, struct mr_date *date)
{
    if (!take_byte(text, '.'))
        return true;
    int digit = 0, scale = 100;
    if (!take_digits(text, 1, &digit))
        return false;
    do {
        date->ms += digit * scale;
        scale /= 10;
    } while (take_digits(text, 1, &digit));
    return true;
}

/* "Z", "+02:00", "-0730" or nothing, into minutes east of Greenwich. */
static bool take_zone(struct mr_slice *text, int *ret_minutes)
{
    *ret_minutes = 0;
    if (text->len == 0 || take_byte(text, 'Z'))
        return true;
    int sign = take_byte(text, '-') ? -1 : 1;
    if (sign == 1 && !take_byte(text, '+'))
        return false;
    int hours, minutes;
    if (!take_digits(text, 2, &hours))
        return false;
    take_byte(text, ':');
    if (!take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

static bool read_iso8601(struct mr_slice text, struct mr_date *date, int *ret_zone)
{
    return take_digits(&text, 4, &date->year) && take_byte(&text, '-') &&
           take_digits(&text, 2, &date->month) && take_byte(&text, '-') &&
           take_digits(&text, 2, &date->day) && take_byte(&text, 'T') && take_time(&text, date) &&
           take_fraction(&text, date) && take_zone(&text, ret_zone) && text.len == 0;
}

static bool read_basic(struct mr_slice text, struct mr_date *date)
{
    return take_digits(&text, 4, &date->year) && take_digits(&text, 2, &date->month) &&
           take_digits(&text, 2, &date->day) && take_byte(&text, 'T') &&
           take_digits(&text, 2, &date->hour) && take_digits(&text, 2, &date->minute) &&
           take_digits(&text, 2, &date->second) && take_byte(&text, 'Z') && text.len == 0;
}

static bool take_month_name(struct mr_slice *text, int *ret_month)
{
    for (int i = 0; i < 12; i++) {
        if (mr_slice_starts_with(*text, mr_slice_make(month_names[i], 3))) {
            *text = mr_slice_sub(*text, 3, text->len);
            *ret_month = i + 1;
            return true;
        }
    }
    return false;
}

static bool read_http(struct mr_slice text, struct mr_date *date)
{
    text = mr_slice_sub(text, 3, text.len); /* the day's name follows from the date */
    return take_byte(&text, ',') && take_byte(&text, ' ') && take_digits(&text, 2, &date->day) &&
           take_byte(&text, ' ') && take_month_name(&text, &date->month) && take_byte(&text, ' ') &&
           take_digits(&text, 4, &date->year) && take_byte(&text, ' ') && take_time(&text, date) &&
           mr_slice_equal(text, MR_S(" GMT"));
}

static bool is_real(const struct mr_date *date)
{
    static const int days[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date->month < 1 || date->month > 12 || date->day < 1 || date->day > days[date->month - 1])
        return false;
    bool leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
    if (date->month == 2 && date->day == 29 && !leap)
        return false;
    return date->hour <= 23 && date->minute <= 59 && date->second <= 59;
}

enum mr_status mr_date_parse(struct mr_slice text, int64_t *ret_epoch_ms)
{
    struct mr_date iso = {0}, basic = {0}, http = {0};
    const struct mr_date *date;
    int zone_minutes = 0;
    if (read_iso8601(text, &iso, &zone_minutes))
        date = &iso;
    else if (read_basic(text, &basic))
        date = &basic;
    else if (read_http(text, &http))
        date = &http;
    else
        return MR_INVALID;
    if (!is_real(date))
        return MR_INVALID;
    if (date != &iso)
        zone_minutes = 0;
    *ret_epoch_ms = mr_date_to_ms(date) - (int64_t)zone_minutes * 60000;
    return MR_OK;
}
