/* What names mean: columns of relations in sight, arguments of lambdas. */
#include "athena/translate.h"

struct athena_level *athena_level_push(struct athena_translation *translation)
{
    struct athena_level *level = MR_NEW(translation->arena, struct athena_level);
    level->outer = translation->level;
    translation->level = level;
    return level;
}

void athena_level_add(struct athena_translation *translation, struct mr_slice alias,
                      struct athena_fields fields)
{
    struct athena_relation *relation = MR_NEW(translation->arena, struct athena_relation);
    struct athena_relation **end = &translation->level->relations;
    *relation = (struct athena_relation){.alias = alias, .fields = fields};
    while (*end != NULL)
        end = &(*end)->next;
    *end = relation;
}

struct athena_fields athena_fields_make(struct athena_translation *translation, size_t count)
{
    return (struct athena_fields){
        .list = MR_NEW_ARRAY(translation->arena, struct athena_field, count + 1), .count = count};
}

static enum athena_found find_in(const struct athena_level *level, struct mr_slice alias,
                                 struct mr_slice name, const struct athena_sqltype **ret_type)
{
    enum athena_found found = ATHENA_FOUND_NOT;
    bool open = false;
    for (const struct athena_relation *at = level->relations; at != NULL; at = at->next) {
        if (alias.len > 0 && !mr_slice_equal_nocase(at->alias, alias))
            continue;
        open = open || at->fields.open;
        for (size_t i = 0; i < at->fields.count; i++) {
            const struct athena_field *field = &at->fields.list[i];
            if (field->merged || field->name.len == 0 || !mr_slice_equal_nocase(field->name, name))
                continue;
            if (found == ATHENA_FOUND)
                return ATHENA_FOUND_TWICE;
            found = ATHENA_FOUND;
            *ret_type = field->type;
        }
    }
    return open ? ATHENA_FOUND_MAYBE : found;
}

enum athena_found athena_names_find(const struct athena_translation *translation,
                                    struct mr_slice alias, struct mr_slice name,
                                    const struct athena_sqltype **ret_type)
{
    *ret_type = NULL;
    for (const struct athena_level *level = translation->level; level != NULL;
         level = level->outer) {
        const enum athena_found found = find_in(level, alias, name, ret_type);
        if (found == ATHENA_FOUND_MAYBE)
            *ret_type = NULL;
        if (found != ATHENA_FOUND_NOT)
            return found;
    }
    return ATHENA_FOUND_NOT;
}

static bool has_field(const struct athena_fields *fields, struct mr_slice name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->list[i].merged && mr_slice_equal_nocase(fields->list[i].name, name))
            return true;
    }
    return false;
}

const struct athena_relation *athena_names_relation(const struct athena_translation *translation,
                                                    struct mr_slice alias, struct mr_slice name)
{
    const struct athena_sqltype *type;
    const struct athena_level *level = translation->level;
    while (level != NULL && find_in(level, alias, name, &type) == ATHENA_FOUND_NOT)
        level = level->outer;
    if (level == NULL || find_in(level, alias, name, &type) != ATHENA_FOUND)
        return NULL;
    const struct athena_relation *at = level->relations;
    while ((alias.len > 0 && !mr_slice_equal_nocase(at->alias, alias)) ||
           !has_field(&at->fields, name))
        at = at->next;
    return at;
}

bool athena_names_has(const struct athena_translation *translation, struct mr_slice alias)
{
    for (const struct athena_level *level = translation->level; level != NULL;
         level = level->outer) {
        for (const struct athena_relation *at = level->relations; at != NULL; at = at->next) {
            if (mr_slice_equal_nocase(at->alias, alias))
                return true;
        }
    }
    return false;
}

const struct athena_sqltype *athena_names_widened(const struct athena_translation *translation,
                                                  struct mr_slice name)
{
    const struct athena_sqltype *type;
    const struct athena_level *level = translation->level;
    while (level != NULL && find_in(level, MR_S(""), name, &type) == ATHENA_FOUND_NOT)
        level = level->outer;
    for (const struct athena_relation *at = level == NULL ? NULL : level->relations; at != NULL;
         at = at->next) {
        for (size_t i = 0; i < at->fields.count; i++) {
            const struct athena_field *field = &at->fields.list[i];
            if (field->widened && !field->merged && mr_slice_equal_nocase(field->name, name))
                return field->type;
        }
    }
    return NULL;
}
