/* glue/settings.h: what a crawler's configuration asks of a crawl, checked once. */
#pragma once
#include "base/json.h"

struct glue_settings {
    int table_level; /* Grouping.TableLevelConfiguration; 0: none */
    bool combine;    /* Grouping.TableGroupingPolicy CombineCompatibleSchemas */
    bool inherit;    /* partitions take the table's schema */
    bool only_add_columns;
    bool create_index;
    int64_t table_threshold; /* 0: none */
    bool new_folders_only;
    bool update_log, delete_log, delete_drop; /* SchemaChangePolicy */
};
/* MR_INVALID: `ret_error` says what AWS would refuse. */
MR_MUST_USE enum mr_status glue_settings_read(struct mr_arena *arena, yyjson_val *crawler,
                                              struct glue_settings *ret_settings,
                                              struct mr_slice *ret_error);
