/* cli/wait.h: how far the chain is, as people read it. */
#pragma once
#include "base/json.h"

/* A line a hop (what it carries from where to where, how far it is behind), one of the watermark;
 * nothing when there is no hop. `chain` as /_millrace/watermark gives it. */
void status_print_chain(yyjson_val *chain);
