/* A plan as text, as JSON and as a graph, as Trino writes them. */
#include "athena/explain.h"
#include "base/json.h"
#include <stdio.h>

static struct mr_slice field_name(const struct athena_fields *fields, size_t index, char room[32])
{
    snprintf(room, 32, "_col%zu", index);
    return fields->list[index].name.len > 0 ? fields->list[index].name : mr_slice_cstr(room);
}

/* ---- text ---- */

static void write_text(const struct athena_plan *plan, struct mr_buf *out)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct athena_plan_step *step = &plan->steps[i];
        for (size_t j = 1; j < step->depth; j++)
            mr_buf_append(out, MR_S("    "));
        mr_buf_append(out, step->depth > 0 ? MR_S("└─ ") : MR_S(""));
        mr_buf_append(out, step->text);
        mr_buf_byte(out, '\n');
        if (i > 0)
            continue;
        mr_buf_append(out, MR_S("    Layout: ["));
        for (size_t j = 0; j < plan->fields->count; j++) {
            mr_buf_append(out, j > 0 ? MR_S(", ") : MR_S(""));
            athena_sqltype_print(out, plan->fields->list[j].type);
        }
        mr_buf_append(out, MR_S("]\n"));
    }
}

/* ---- JSON ---- */

/* "count = 3, orderBy = [...]" */
static void write_descriptor(struct mr_json *json, struct mr_slice inside)
{
    const size_t equals = mr_slice_search(inside, MR_S(" = "));
    mr_json_key(json, "descriptor");
    mr_json_object(json);
    if (equals != SIZE_MAX) {
        struct mr_slice value = mr_slice_sub(inside, equals + 3, SIZE_MAX);
        const size_t order = mr_slice_search(value, MR_S(", orderBy = "));
        mr_json_name(json, mr_slice_sub(inside, 0, equals));
        mr_json_string(json, mr_slice_sub(value, 0, order));
        if (order != SIZE_MAX) {
            mr_json_key(json, "orderBy");
            mr_json_string(json, mr_slice_sub(value, order + 12, SIZE_MAX));
        }
    }
    mr_json_object_end(json);
}

static void write_outputs(struct mr_json *json, const struct athena_fields *fields)
{
    struct mr_buf type = {0};
    char room[32];
    for (size_t i = 0; i < fields->count; i++) {
        mr_buf_reset(&type);
        athena_sqltype_print(&type, fields->list[i].type);
        mr_json_object(json);
        mr_json_key_string(json, "symbol", field_name(fields, i, room));
        mr_json_key_string(json, "type", mr_buf_slice(&type));
        mr_json_object_end(json);
    }
    mr_buf_fini(&type);
}

static void open_step(struct mr_json *json, const struct athena_plan *plan, size_t index)
{
    struct mr_slice text = plan->steps[index].text;
    const size_t open = mr_slice_find(text, '[');
    struct mr_slice inside = open == SIZE_MAX ? MR_S("") : mr_slice_sub(text, open + 1, SIZE_MAX);
    char id[24];
    snprintf(id, sizeof id, "%zu", index);
    mr_json_object(json);
    mr_json_key_cstr(json, "id", id);
    mr_json_key_string(json, "name", mr_slice_sub(text, 0, open));
    inside.len -= inside.len > 0; /* without the last bracket */
    write_descriptor(json, inside);
    mr_json_key(json, "outputs");
    mr_json_array(json);
    if (index == 0)
        write_outputs(json, plan->fields);
    mr_json_array_end(json);
    mr_json_key(json, "details");
    mr_json_array(json);
    if (inside.len > 0 && mr_slice_search(inside, MR_S(" = ")) == SIZE_MAX)
        mr_json_string(json, inside);
    mr_json_array_end(json);
    mr_json_key_raw(json, "estimates", MR_S("[]"));
    mr_json_key(json, "children");
    mr_json_array(json);
}

static void close_step(struct mr_json *json)
{
    mr_json_array_end(json);
    mr_json_object_end(json);
}

static void write_json(const struct athena_plan *plan, bool fragments, struct mr_buf *out)
{
    struct mr_json json = mr_json_make(out);
    size_t open = 0; /* steps */
    if (fragments) {
        mr_json_object(&json);
        mr_json_key(&json, "0");
    }
    for (size_t i = 0; i < plan->count; i++) {
        for (; open > plan->steps[i].depth; open--)
            close_step(&json);
        open_step(&json, plan, i);
        open++;
    }
    for (; open > 0; open--)
        close_step(&json);
    if (fragments)
        mr_json_object_end(&json);
    mr_buf_byte(out, '\n');
}

/* ---- a graph ---- */

/* The step that the one at `index` gives its rows to. */
static size_t parent_of(const struct athena_plan *plan, size_t index)
{
    size_t at = index;
    while (at > 0 && plan->steps[at].depth >= plan->steps[index].depth)
        at--;
    return at;
}

static void write_label(struct mr_buf *out, struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (mr_byte_in(text.ptr[i], "\"\\{}<>|"))
            mr_buf_byte(out, '\\');
        mr_buf_byte(out, text.ptr[i] == '\n' ? ' ' : text.ptr[i]);
    }
}

static void write_graph(const struct athena_plan *plan, bool fragments, struct mr_buf *out)
{
    mr_buf_printf(out, "digraph %s {\n", fragments ? "distributed_plan" : "logical_plan");
    mr_buf_append(out, MR_S("subgraph cluster_0 {\nlabel = \"SINGLE\"\n"));
    for (size_t i = 0; i < plan->count; i++) {
        mr_buf_printf(out, "plannode_%zu[label=\"{", i + 1);
        write_label(out, plan->steps[i].text);
        mr_buf_append(out,
                      MR_S("}\", style=\"rounded, filled\", shape=record, fillcolor=white];\n"));
    }
    mr_buf_append(out, MR_S("}\n"));
    for (size_t i = 1; i < plan->count; i++)
        mr_buf_printf(out, "plannode_%zu -> plannode_%zu;\n", parent_of(plan, i) + 1, i + 1);
    mr_buf_append(out, MR_S("}\n"));
}

void athena_plan_write(const struct athena_plan *plan, enum athena_plan_format format,
                       bool fragments, struct mr_buf *out)
{
    switch (format) {
    case ATHENA_PLAN_TEXT: write_text(plan, out); break;
    case ATHENA_PLAN_JSON: write_json(plan, fragments, out); break;
    case ATHENA_PLAN_GRAPHVIZ: write_graph(plan, fragments, out); break;
    }
}

/* ---- inputs ---- */

/* Nothing is known before rows are read. */
static void write_estimate(struct mr_json *json)
{
    mr_json_key_raw(json, "estimate",
                    MR_S("{\"outputRowCount\":\"NaN\",\"outputSizeInBytes\":\"NaN\","
                         "\"cpuCost\":\"NaN\",\"maxMemory\":\"NaN\",\"networkCost\":\"NaN\"}"));
}

void athena_plan_inputs(const struct athena_source *source, struct mr_buf *out)
{
    struct mr_json json = mr_json_make(out);
    mr_json_object(&json);
    mr_json_key(&json, "inputTableColumnInfos");
    mr_json_array(&json);
    for (const struct athena_source_table *table = source->tables; table != NULL;
         table = table->next) {
        mr_json_object(&json);
        mr_json_key(&json, "table");
        mr_json_object(&json);
        mr_json_key_cstr(&json, "catalog", "awsdatacatalog");
        mr_json_key(&json, "schemaTable");
        mr_json_object(&json);
        mr_json_key_string(&json, "schema", table->database);
        mr_json_key_string(&json, "table", table->name);
        mr_json_object_end(&json);
        mr_json_object_end(&json);
        mr_json_key_raw(&json, "constraint", MR_S("{\"none\":false,\"columnConstraints\":[]}"));
        write_estimate(&json);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    write_estimate(&json);
    mr_json_object_end(&json);
    mr_buf_byte(out, '\n');
}
