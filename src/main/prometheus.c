/* The page that Prometheus scrapes: text format 0.0.4.
 *
 * A family is told once, with HELP and TYPE, and all its samples follow. What the stages say of
 * themselves comes from their lines of the status page, by the tables below, so that both pages
 * tell the same. Counters count from the start of the process, as Prometheus expects. */
#include "main/internal.h"
#include "version.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void family(struct mr_buf *out, const char *name, const char *type, const char *help)
{
    mr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void label(struct mr_buf *out, const char *name, struct mr_slice value)
{
    const bool first = out->len == 0 || out->data[out->len - 1] != '"';
    mr_buf_printf(out, "%s%s=\"", first ? "{" : ",", name);
    for (size_t i = 0; i < value.len; i++) {
        const char byte = value.ptr[i];
        if (byte == '\\' || byte == '"')
            mr_buf_byte(out, '\\');
        if (byte == '\n')
            mr_buf_append(out, MR_S("\\n"));
        else
            mr_buf_byte(out, byte);
    }
    mr_buf_byte(out, '"');
}

static void value(struct mr_buf *out, double number)
{
    if (out->data[out->len - 1] == '"')
        mr_buf_byte(out, '}');
    mr_buf_printf(out, " %.17g\n", number);
}

static void single(struct mr_buf *out, const char *name, const char *type, const char *help,
                   double number)
{
    family(out, name, type, help);
    mr_buf_append(out, mr_slice_cstr(name));
    value(out, number);
}

/* ---- the process ---- */

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static double count_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double count = -1; /* the one that is open for this */
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        (void)closedir(folder);
    return count - 2; /* . and .. */
}

static void write_process(struct serve *serve, struct mr_buf *out)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    char text[128] = "";
    if (file != NULL) {
        const size_t len = fread(text, 1, sizeof text - 1, file);
        (void)fclose(file);
        char *end;
        text[len] = '\0';
        pages = strtol(text, &end, 10);
        resident = strtol(end, &end, 10);
    }
    struct rusage usage = {0};
    struct rlimit files = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    const double page = (double)sysconf(_SC_PAGESIZE);
    single(out, "process_cpu_seconds_total", "counter", "User and system CPU time in seconds.",
           seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime));
    single(out, "process_resident_memory_bytes", "gauge", "Resident memory in bytes.",
           (double)resident * page);
    single(out, "process_virtual_memory_bytes", "gauge", "Virtual memory in bytes.",
           (double)pages * page);
    single(out, "process_open_fds", "gauge", "Open file descriptors.", count_files());
    single(out, "process_max_fds", "gauge", "File descriptors that may be open.",
           (double)files.rlim_cur);
    single(out, "process_start_time_seconds", "gauge", "When the process started, in Unix time.",
           (double)serve->started_ms / 1000);
    family(out, "millrace_build_info", "gauge", "Version and commit of the program; always 1.");
    mr_buf_append(out, MR_S("millrace_build_info"));
    label(out, "version", MR_S(MR_VERSION));
    label(out, "commit", MR_S(MR_COMMIT));
    value(out, 1);
}

/* ---- the journal and the view ---- */

static void write_syncs(const struct journal_stats *stats, struct mr_buf *out)
{
    static const char name[] = "millrace_journal_fsync_duration_seconds";
    uint64_t count = 0;
    family(out, name, "histogram", "How long a group of appends took to be written and synced.");
    for (size_t i = 0; i <= JOURNAL_SYNC_BUCKETS; i++) {
        count += stats->sync_buckets[i];
        if (i < JOURNAL_SYNC_BUCKETS)
            mr_buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name,
                          (double)journal_sync_bucket_us[i] / 1e6, (unsigned long long)count);
        else
            mr_buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)count);
    }
    mr_buf_printf(out, "%s_sum %.9g\n%s_count %llu\n", name, (double)stats->sync_us / 1e6, name,
                  (unsigned long long)count);
}

static void write_journal(struct serve *serve, struct mr_buf *out)
{
    struct journal *journal = store_journal(serve->store);
    struct view *view = store_view(serve->store);
    struct journal_stats stats;
    journal_stats_get(journal, &stats);
    const char *holder;
    const int64_t tail = journal_tail(journal), floor = store_floor_lowest(serve->store, &holder);
    single(out, "millrace_journal_appends_total", "counter", "Entries appended to the journal.",
           (double)stats.entries);
    single(out, "millrace_journal_appended_bytes_total", "counter", "Bytes appended.",
           (double)stats.bytes);
    single(out, "millrace_journal_fsyncs_total", "counter", "Syncs of the journal.",
           (double)stats.syncs);
    write_syncs(&stats, out);
    single(out, "millrace_journal_last_fsync_seconds", "gauge", "How long the last group took.",
           (double)stats.last_sync_us / 1e6);
    single(out, "millrace_journal_last_group_bytes", "gauge", "Bytes of the last group.",
           (double)stats.last_sync_bytes);
    single(out, "millrace_journal_tail_position", "gauge", "End of the last appended entry.",
           (double)tail);
    single(out, "millrace_journal_durable_position", "gauge",
           "Everything in front of it is on "
           "disk.",
           (double)journal_durable(journal));
    single(out, "millrace_journal_kept_bytes", "gauge", "Bytes of the journal that are kept.",
           (double)(tail - journal_first(journal)));
    single(out, "millrace_journal_segments", "gauge", "Files of the journal.",
           (double)stats.segments);
    family(out, "millrace_journal_held_bytes", "gauge",
           "Bytes between the journal's end and the "
           "oldest position somebody needs, by who needs it.");
    mr_buf_append(out, MR_S("millrace_journal_held_bytes"));
    label(out, "holder", mr_slice_cstr(holder));
    value(out, floor == INT64_MAX ? 0 : (double)(tail - floor));
    single(out, "millrace_view_unflushed_bytes", "gauge", "Bytes of the view in memory alone.",
           (double)view_unflushed_bytes(view));
    single(out, "millrace_view_flushed_position", "gauge",
           "The view's files hold everything in "
           "front of it.",
           (double)view_flushed(view));
}

/* ---- requests ---- */

enum traffic_part { TRAFFIC_COUNT, TRAFFIC_DURATION };
struct traffic_writer {
    struct mr_buf *out;
    enum traffic_part part;
};

static void write_sample(struct mr_buf *out, const char *name,
                         const struct protocol_traffic *traffic, int status, double number)
{
    char code[16];
    mr_buf_append(out, mr_slice_cstr(name));
    label(out, "service", mr_slice_cstr(traffic->service));
    label(out, "operation", mr_slice_cstr(traffic->operation));
    if (status != 0) {
        (void)snprintf(code, sizeof code, "%d", status);
        label(out, "code", mr_slice_cstr(code));
    }
    value(out, number);
}

static void write_traffic(void *ctx, const struct protocol_traffic *traffic)
{
    const struct traffic_writer *writer = ctx;
    static const char count_name[] = "millrace_http_requests_total";
    if (writer->part == TRAFFIC_DURATION) {
        write_sample(writer->out, "millrace_http_request_duration_seconds_sum", traffic, 0,
                     (double)traffic->all.sum / 1e6);
        write_sample(writer->out, "millrace_http_request_duration_seconds_count", traffic, 0,
                     (double)traffic->all.count);
        return;
    }
    uint64_t good = traffic->all.count;
    for (size_t i = 0; i < traffic->other_count; i++) {
        const uint64_t count = traffic->others[i].count;
        good -= count < good ? count : good;
        write_sample(writer->out, count_name, traffic, traffic->others[i].status, (double)count);
    }
    if (good > 0)
        write_sample(writer->out, count_name, traffic, 200, (double)good);
}

static void write_requests(struct serve *serve, struct mr_buf *out)
{
    struct traffic_writer writer = {.out = out};
    single(out, "millrace_http_connections", "gauge", "Open connections.",
           (double)http_server_connections(serve->http));
    family(out, "millrace_http_requests_total", "counter",
           "Replies by service, operation and status.");
    protocol_each_traffic(serve->protocol, write_traffic, &writer);
    writer.part = TRAFFIC_DURATION;
    family(out, "millrace_http_request_duration_seconds", "summary",
           "From the complete request until the reply may leave, the disk's sync included.");
    protocol_each_traffic(serve->protocol, write_traffic, &writer);
}

/* ---- the stages, by their lines of the status page ---- */

/* `scale`: what the member is divided by. */
struct stage_metric {
    const char *stage, *label, *member, *name, *type, *help;
    double scale;
};
static const struct stage_metric stage_metrics[] = {
    {"tables", "table", "inserts", "millrace_table_inserts_total", "counter", "Items made.", 1},
    {"tables", "table", "modifies", "millrace_table_modifies_total", "counter", "Items changed.",
     1},
    {"tables", "table", "removes", "millrace_table_removes_total", "counter", "Items removed.", 1},
    {"destinations", "table", "records", "millrace_destination_records_total", "counter",
     "Changes put into a table's Kinesis destination.", 1},
    {"destinations", "table", "dropped", "millrace_destination_dropped_total", "counter",
     "Changes that a destination left out.", 1},
    {"pipes", "pipe", "records", "millrace_pipe_records_total", "counter", "Records carried.", 1},
    {"pipes", "pipe", "filtered", "millrace_pipe_filtered_total", "counter",
     "Records that the filter did not take.", 1},
    {"pipes", "pipe", "dropped", "millrace_pipe_dropped_total", "counter", "Records given up.", 1},
    {"pipes", "pipe", "hop_ms", "millrace_pipe_last_hop_seconds", "gauge",
     "How long the last record took from its making to the target.", 1000},
    {"streams", "stream", "records", "millrace_stream_records_total", "counter", "Records put.", 1},
    {"streams", "stream", "bytes", "millrace_stream_bytes_total", "counter", "Bytes put.", 1},
    {"streams", "stream", "shards", "millrace_stream_shards", "gauge", "Shards, closed ones too.",
     1},
    {"deliveries", "delivery", "records_in", "millrace_delivery_read_records_total", "counter",
     "Records read.", 1},
    {"deliveries", "delivery", "records_out", "millrace_delivery_landed_records_total", "counter",
     "Records landed.", 1},
    {"deliveries", "delivery", "bytes_out", "millrace_delivery_landed_bytes_total", "counter",
     "Bytes landed, before compression.", 1},
    {"deliveries", "delivery", "objects", "millrace_delivery_objects_total", "counter",
     "Objects made.", 1},
    {"deliveries", "delivery", "failed", "millrace_delivery_failed_records_total", "counter",
     "Records put into the error output.", 1},
    {"deliveries", "delivery", "dropped", "millrace_delivery_dropped_records_total", "counter",
     "Records that the function dropped.", 1},
    {"deliveries", "delivery", "waiting", "millrace_delivery_buffered_records", "gauge",
     "Records that are read and have not landed.", 1},
    {"functions", "function", "invocations", "millrace_function_invocations_total", "counter",
     "Calls.", 1},
    {"functions", "function", "errors", "millrace_function_errors_total", "counter",
     "Calls that failed.", 1},
    {"functions", "function", "timeouts", "millrace_function_timeouts_total", "counter",
     "Calls that took too long.", 1},
    {"functions", "function", "throttles", "millrace_function_throttles_total", "counter",
     "Calls refused for lack of a process.", 1},
    {"functions", "function", "processes", "millrace_function_processes", "gauge",
     "Processes that run.", 1},
};

static void write_stage_metric(struct mr_buf *out, yyjson_val *status,
                               const struct stage_metric *metric)
{
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(mr_json_get(status, metric->stage), &items);
    family(out, metric->name, metric->type, metric->help);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        mr_buf_append(out, mr_slice_cstr(metric->name));
        label(out, metric->label, mr_json_get_text(item, "name"));
        if (mr_json_get(item, "stream") != NULL && strcmp(metric->stage, "destinations") == 0)
            label(out, "stream", mr_json_get_text(item, "stream"));
        value(out, mr_json_get_double(item, metric->member, 0) / metric->scale);
    }
}

static void write_objects(struct serve *serve, struct mr_buf *out)
{
    struct s3_stats stats;
    s3_stats_get(serve->services.s3, &stats);
    single(out, "millrace_s3_puts_total", "counter", "Objects put.", (double)stats.puts);
    single(out, "millrace_s3_gets_total", "counter", "Objects read.", (double)stats.gets);
    single(out, "millrace_s3_deletes_total", "counter", "Objects deleted.", (double)stats.deletes);
    single(out, "millrace_s3_in_bytes_total", "counter", "Bytes put.", (double)stats.bytes_in);
    single(out, "millrace_s3_out_bytes_total", "counter", "Bytes read.", (double)stats.bytes_out);
}

static void write_query_cache(struct serve *serve, struct mr_buf *out)
{
    struct athena_cache_stats stats;
    athena_cache_stats_get(serve->services.athena, &stats);
    single(out, "millrace_query_cache_bytes", "gauge",
           "Memory of the columns that are kept for queries.", (double)stats.bytes);
    single(out, "millrace_query_cache_tables", "gauge", "Objects of which some are kept.",
           (double)stats.tables);
    single(out, "millrace_query_cache_hits_total", "counter",
           "Tables that a query read from what is kept.", (double)stats.hits);
    single(out, "millrace_query_cache_loads_total", "counter", "Objects read to be kept.",
           (double)stats.loads);
    single(out, "millrace_query_cache_evictions_total", "counter",
           "Objects that were no longer kept, for others.", (double)stats.evictions);
}

/* ---- the chain ---- */

static void write_hop_sample(struct mr_buf *out, const char *name, const struct hop *hop,
                             double number)
{
    mr_buf_append(out, mr_slice_cstr(name));
    label(out, "kind", mr_slice_cstr(hop->kind));
    label(out, "name", hop->name);
    label(out, "source", hop->source);
    label(out, "target", hop->sink);
    value(out, number);
}

static double behind_s(const struct chain_report *report, const struct hop_lag *lag)
{
    const int64_t ms = lag->oldest_ms == 0 ? 0 : report->now_ms - lag->oldest_ms;
    return ms < 0 ? 0 : (double)ms / 1000;
}

static void write_hops(const struct chain_report *report, struct mr_buf *out)
{
    static const char *const names[] = {"millrace_hop_behind_records", "millrace_hop_behind_bytes",
                                        "millrace_hop_behind_seconds", "millrace_hop_blocked"};
    static const char *const helps[] = {
        "Records that the hop has not carried; at most 20000 are counted.",
        "Their bytes in the journal.", "Age of the oldest of them.",
        "1 while something keeps the hop from moving: 'millrace status' says what."};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        family(out, names[i], "gauge", helps[i]);
        for (size_t j = 0; j < report->count; j++) {
            const struct hop_lag *lag = &report->hops[j].lag;
            const double numbers[] = {(double)lag->records, (double)lag->bytes,
                                      behind_s(report, lag),
                                      report->hops[j].hop->reason.len > 0 ? 1 : 0};
            write_hop_sample(out, names[i], report->hops[j].hop, numbers[i]);
        }
    }
}

static void write_chain(struct serve *serve, struct mr_buf *out)
{
    struct mr_arena arena;
    struct chain_report report;
    mr_arena_init(&arena);
    chain_report_get(serve->services.chain, &arena, &report);
    write_hops(&report, out);
    if (report.watermark_ms != 0) {
        single(out, "millrace_watermark_timestamp_seconds", "gauge",
               "Everything written up to then has landed, in Unix time.",
               (double)report.watermark_ms / 1000);
        single(out, "millrace_watermark_behind_seconds", "gauge", "How old the watermark is.",
               report.now_ms > report.watermark_ms
                   ? (double)(report.now_ms - report.watermark_ms) / 1000
                   : 0);
    }
    mr_arena_fini(&arena);
}

void serve_write_metrics(struct serve *serve, struct mr_buf *out)
{
    struct mr_arena arena;
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_arena_init(&arena);
    mr_json_object(&json);
    serve_write_stages(serve, &json);
    mr_json_object_end(&json);
    yyjson_val *status = mr_json_parse(&arena, mr_buf_slice(&text), 16);
    write_process(serve, out);
    write_requests(serve, out);
    write_journal(serve, out);
    for (size_t i = 0; i < MR_COUNT(stage_metrics); i++)
        write_stage_metric(out, status, &stage_metrics[i]);
    write_objects(serve, out);
    write_query_cache(serve, out);
    write_chain(serve, out);
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
}
