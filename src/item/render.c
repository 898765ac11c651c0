/* Encoded bytes as DynamoDB JSON, straight into the writer. */
#include "item/item.h"

static void number_json(struct mr_json *json, struct mr_slice number)
{
    char text[ITEM_NUMBER_TEXT_MAX];
    mr_json_string(json, mr_slice_make(text, item_number_text(number, text)));
}

static void scalar_json(struct mr_json *json, enum item_type type, struct mr_slice body)
{
    if (type == ITEM_S)
        mr_json_string(json, body);
    else if (type == ITEM_N)
        number_json(json, body);
    else
        mr_json_base64(json, body);
}

static void set_json(struct mr_json *json, const struct item_value *set)
{
    struct item_iter iter = item_iter_value(set);
    struct mr_slice body;
    mr_json_array(json);
    while (item_iter_member(&iter, &body))
        scalar_json(json, item_set_member_type(set->type), body);
    mr_json_array_end(json);
}

static void fields_json(struct mr_json *json, struct item_iter iter)
{
    struct mr_slice name;
    struct item_value value;
    mr_json_object(json);
    while (item_iter_field(&iter, &name, &value)) {
        mr_json_name(json, name);
        item_value_json(json, &value);
    }
    mr_json_object_end(json);
}

static void list_json(struct mr_json *json, const struct item_value *list)
{
    struct item_iter iter = item_iter_value(list);
    struct item_value value;
    mr_json_array(json);
    while (item_iter_element(&iter, &value))
        item_value_json(json, &value);
    mr_json_array_end(json);
}

void item_value_json(struct mr_json *json, const struct item_value *value)
{
    if (value->type == ITEM_S) {
        mr_json_tagged(json, 'S', value->body);
        return;
    }
    if (value->type == ITEM_N) {
        char text[ITEM_NUMBER_TEXT_MAX];
        mr_json_tagged(json, 'N', mr_slice_make(text, item_number_text(value->body, text)));
        return;
    }
    mr_json_object(json);
    mr_json_key(json, item_type_name(value->type));
    switch (value->type) {
    case ITEM_BOOL: mr_json_bool(json, value->body.ptr[0] != 0); break;
    case ITEM_NULL: mr_json_bool(json, true); break;
    case ITEM_SS:
    case ITEM_NS:
    case ITEM_BS: set_json(json, value); break;
    case ITEM_L: list_json(json, value); break;
    case ITEM_M: fields_json(json, item_iter_value(value)); break;
    default: scalar_json(json, value->type, value->body);
    }
    mr_json_object_end(json);
}

void item_json(struct mr_json *json, struct mr_slice item)
{
    fields_json(json, item_iter_item(item));
}

struct mr_slice item_value_text(struct mr_arena *arena, const struct item_value *value)
{
    char number[ITEM_NUMBER_TEXT_MAX];
    struct mr_slice text = value->body;
    if (value->type == ITEM_N)
        text = mr_slice_make(number, item_number_text(value->body, number));
    return mr_arena_printf(arena, "%s:%.*s", item_type_name(value->type), MR_ARG(text));
}
