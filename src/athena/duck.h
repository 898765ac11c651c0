/* athena/duck.h: DuckDB's C library, loaded when the first query needs it. Only this folder names
 * it.
 *
 * Its functions are called through athena_duck, a table filled by dlsym: the program starts, and
 * everything but queries works, without the library. Once loaded it stays. */
#pragma once
#include "base/slice.h"
#include <duckdb.h>

#define ATHENA_DUCK_FUNCTIONS(X)                   \
    X(open_ext)                                    \
    X(close)                                       \
    X(connect)                                     \
    X(disconnect)                                  \
    X(interrupt)                                   \
    X(create_config)                               \
    X(set_config)                                  \
    X(destroy_config)                              \
    X(query)                                       \
    X(destroy_result)                              \
    X(result_error)                                \
    X(column_name)                                 \
    X(column_count)                                \
    X(column_logical_type)                         \
    X(prepare)                                     \
    X(destroy_prepare)                             \
    X(prepare_error)                               \
    X(prepared_statement_type)                     \
    X(extract_statements)                          \
    X(prepare_extracted_statement)                 \
    X(extract_statements_error)                    \
    X(destroy_extracted)                           \
    X(pending_prepared_streaming)                  \
    X(execute_pending)                             \
    X(pending_error)                               \
    X(destroy_pending)                             \
    X(fetch_chunk)                                 \
    X(destroy_data_chunk)                          \
    X(data_chunk_get_size)                         \
    X(data_chunk_set_size)                         \
    X(data_chunk_get_vector)                       \
    X(data_chunk_get_column_count)                 \
    X(vector_get_data)                             \
    X(vector_get_validity)                         \
    X(vector_get_column_type)                      \
    X(vector_ensure_validity_writable)             \
    X(vector_assign_string_element_len)            \
    X(validity_set_row_invalid)                    \
    X(list_vector_get_child)                       \
    X(list_vector_get_size)                        \
    X(list_vector_set_size)                        \
    X(list_vector_reserve)                         \
    X(struct_vector_get_child)                     \
    X(array_vector_get_child)                      \
    X(vector_size)                                 \
    X(create_logical_type)                         \
    X(create_list_type)                            \
    X(create_map_type)                             \
    X(create_struct_type)                          \
    X(create_decimal_type)                         \
    X(destroy_logical_type)                        \
    X(get_type_id)                                 \
    X(logical_type_get_alias)                      \
    X(decimal_width)                               \
    X(decimal_scale)                               \
    X(decimal_internal_type)                       \
    X(enum_internal_type)                          \
    X(list_type_child_type)                        \
    X(array_type_child_type)                       \
    X(array_type_array_size)                       \
    X(map_type_key_type)                           \
    X(map_type_value_type)                         \
    X(struct_type_child_count)                     \
    X(struct_type_child_name)                      \
    X(struct_type_child_type)                      \
    X(create_table_function)                       \
    X(destroy_table_function)                      \
    X(table_function_set_name)                     \
    X(table_function_add_parameter)                \
    X(table_function_set_extra_info)               \
    X(table_function_set_bind)                     \
    X(table_function_set_init)                     \
    X(table_function_set_local_init)               \
    X(table_function_set_function)                 \
    X(table_function_supports_projection_pushdown) \
    X(register_table_function)                     \
    X(bind_get_extra_info)                         \
    X(bind_add_result_column)                      \
    X(bind_get_parameter)                          \
    X(bind_set_bind_data)                          \
    X(bind_set_cardinality)                        \
    X(bind_set_error)                              \
    X(init_get_bind_data)                          \
    X(init_set_init_data)                          \
    X(init_get_column_count)                       \
    X(init_get_column_index)                       \
    X(init_set_max_threads)                        \
    X(function_get_bind_data)                      \
    X(function_get_init_data)                      \
    X(function_get_local_init_data)                \
    X(function_set_error)                          \
    X(get_int64)                                   \
    X(destroy_value)                               \
    X(free)                                        \
    X(create_scalar_function)                      \
    X(destroy_scalar_function)                     \
    X(scalar_function_set_name)                    \
    X(scalar_function_add_parameter)               \
    X(scalar_function_set_return_type)             \
    X(scalar_function_set_function)                \
    X(scalar_function_set_special_handling)        \
    X(scalar_function_set_error)                   \
    X(scalar_function_set_bind)                    \
    X(scalar_function_bind_get_argument)           \
    X(scalar_function_bind_set_error)              \
    X(expression_return_type)                      \
    X(destroy_expression)                          \
    X(scalar_function_set_extra_info)              \
    X(scalar_function_get_extra_info)              \
    X(scalar_function_get_client_context)          \
    X(register_scalar_function)                    \
    X(expression_fold)                             \
    X(error_data_has_error)                        \
    X(destroy_error_data)                          \
    X(destroy_client_context)                      \
    X(create_scalar_function_set)                  \
    X(add_scalar_function_to_set)                  \
    X(register_scalar_function_set)                \
    X(destroy_scalar_function_set)

struct athena_duck {
#define ATHENA_DUCK_FIELD(name) __typeof__(&duckdb_##name) name;
    ATHENA_DUCK_FUNCTIONS(ATHENA_DUCK_FIELD)
#undef ATHENA_DUCK_FIELD
};
/* Valid once athena_duck_load has returned MR_OK, in any thread. */
extern struct athena_duck athena_duck;

/* Loads the library: `path` when it is not NULL, else from where it is looked for (README.md).
 * MR_NOT_FOUND: `ret_why`, for people. Any thread; loads once. */
MR_MUST_USE enum mr_status athena_duck_load(const char *path, char *ret_why, size_t why_size);
