/* item/check.h: what is wrong with a comparison or a call whatever item it meets, in AWS's words.
 * Private to item/. The texts live in the arena; ptr NULL: nothing is wrong. */
#pragma once
#include "item/expression.h"

struct mr_slice item_operand_error(struct mr_arena *arena, struct mr_slice what, const char *type);
/* `what`: the sign or name of the node's operator or function. */
struct mr_slice item_check_distinct(struct mr_arena *arena, struct mr_slice what,
                                    const struct item_node *node);
struct mr_slice item_check_ordered(struct mr_arena *arena, struct mr_slice what,
                                   const struct item_node *node);
struct mr_slice item_check_bounds(struct mr_arena *arena, const struct item_node *between);
/* The operands of a condition's function; of an update's: that values have the type it wants. */
struct mr_slice item_check_call(struct mr_arena *arena, const struct item_node *node);
struct mr_slice item_check_values(struct mr_arena *arena, struct mr_slice what,
                                  const struct item_node *node, enum item_type wanted);
/* Of two paths of an update or projection: that one leads through the other, or (*ret_conflict)
 * through the same place in another way. */
struct mr_slice item_check_paths(struct mr_arena *arena, const struct item_path *a,
                                 const struct item_path *b, bool *ret_conflict);
bool item_path_equal(const struct item_path *a, const struct item_path *b);
