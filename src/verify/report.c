/* What was found, as JSON. */
#include "verify/internal.h"
#include <stdio.h>

static const char *const kind_names[VERIFY_KINDS] = {
    [VERIFY_MISSING] = "missing", [VERIFY_DOUBLED] = "doubled", [VERIFY_ORDER] = "out-of-order",
    [VERIFY_BODY] = "body",       [VERIFY_UNKNOWN] = "unknown", [VERIFY_JOURNAL] = "journal",
    [VERIFY_STATE] = "state",
};

const struct verify_finding verify_finding_none = {
    .sequence = -1, .line = -1, .offset = -1, .position = -1};

void verify_report_fini(struct verify_report *report)
{
    mr_buf_fini(&report->findings);
    mr_buf_fini(&report->remarks);
    mr_buf_fini(&report->stages);
}

static void key_text(struct mr_json *json, const char *name, const char *value)
{
    if (value != NULL)
        mr_json_key_cstr(json, name, value);
}

static void key_number(struct mr_json *json, const char *name, int64_t value)
{
    if (value >= 0)
        mr_json_key_int(json, name, value);
}

void verify_find(struct verify_report *report, const struct verify_finding *finding,
                 const char *format, ...)
{
    report->counts[finding->kind]++;
    if (report->named >= VERIFY_FINDINGS_MAX)
        return;
    if (report->named++ > 0)
        mr_buf_byte(&report->findings, ',');
    char what[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    struct mr_json json = mr_json_make(&report->findings);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "kind", kind_names[finding->kind]);
    mr_json_key_cstr(&json, "what", what);
    key_text(&json, "pipe", finding->pipe);
    key_text(&json, "delivery", finding->delivery);
    if (finding->item.len > 0)
        mr_json_key_raw(&json, "item", finding->item);
    if (finding->sequence >= 0) {
        char text[22];
        streams_sequence_text(finding->sequence, text);
        mr_json_key_cstr(&json, "sequence", text);
    }
    if (finding->object.len > 0)
        mr_json_key_string(&json, "object", finding->object);
    key_text(&json, "file", finding->file);
    key_number(&json, "line", finding->line);
    key_number(&json, "offset", finding->offset);
    key_number(&json, "position", finding->position);
    mr_json_object_end(&json);
}

void verify_remark(struct verify_report *report, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (report->remarks.len > 0)
        mr_buf_byte(&report->remarks, ',');
    struct mr_json json = mr_json_make(&report->remarks);
    mr_json_string(&json, mr_slice_cstr(text));
}

static void write_list(struct mr_json *json, const char *name, const struct mr_buf *items)
{
    mr_json_key(json, name);
    mr_json_array(json);
    if (items->len > 0)
        mr_json_raw(json, mr_buf_slice(items));
    mr_json_array_end(json);
}

uint64_t verify_report_write(const struct verify_report *report, int64_t from, int64_t until,
                             struct mr_buf *out)
{
    uint64_t found = 0;
    for (int i = 0; i < VERIFY_KINDS; i++)
        found += report->counts[i];
    struct mr_json json = mr_json_make(out);
    mr_json_object(&json);
    mr_json_key_bool(&json, "clean", found == 0);
    mr_json_key(&json, "journal");
    mr_json_object(&json);
    mr_json_key_int(&json, "from", from);
    mr_json_key_int(&json, "until", until);
    mr_json_object_end(&json);
    mr_json_key(&json, "counts");
    mr_json_object(&json);
    for (int i = 0; i < VERIFY_KINDS; i++)
        mr_json_key_int(&json, kind_names[i], (int64_t)report->counts[i]);
    mr_json_object_end(&json);
    write_list(&json, "stages", &report->stages);
    write_list(&json, "findings", &report->findings);
    mr_json_key_int(&json, "findings_not_shown", (int64_t)(found - report->named));
    write_list(&json, "remarks", &report->remarks);
    mr_json_object_end(&json);
    mr_buf_byte(out, '\n');
    return found;
}
