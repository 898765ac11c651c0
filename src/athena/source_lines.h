/* athena/source_lines.h: lines that a regular expression cuts into columns (RegexSerDe,
 * and GrokSerDe by grok.h). A line that does not match as a whole is a row of NULLs, a group that
 * took no part a NULL. */
#pragma once
#include "athena/source.h"

/* Makes the scan, which has the table's columns, one of lines. False: the error is set. */
bool athena_source_lines(struct athena_translation *translation, const struct athena_node *node,
                         struct athena_scan *scan, const struct glue_table *table);
/* Appends the columns of the scan of lines with this number. */
void athena_source_cut(const struct athena_scan *scan, unsigned long long id, struct mr_buf *out);
