/* cloudformation/members.h: an object to walk over, where there may be none. */
#pragma once
#include "base/json.h"

/* yyjson's walk computes an address inside the object even when that is NULL. */
static inline yyjson_val *members_of(yyjson_val *object)
{
    static yyjson_val none = {.tag = YYJSON_TYPE_OBJ};
    return yyjson_is_obj(object) ? object : &none;
}
