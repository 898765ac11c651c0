/* base/log.h: one line a message on stderr: time, level, area, text. Safe from any thread. */
#pragma once
#include "base/base.h"

enum mr_log_level { MR_LOG_DEBUG, MR_LOG_INFO, MR_LOG_WARN, MR_LOG_ERROR };
/* Messages below `level` are dropped. Default MR_LOG_INFO. */
void mr_log_set_level(enum mr_log_level level);
/* `area` is the folder's name. Control characters in the text are escaped, so that a message stays
 * one line. */
void mr_log(enum mr_log_level level, const char *area, const char *format, ...) MR_PRINTF(3, 4);
