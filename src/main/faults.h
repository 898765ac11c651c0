/* main/faults.h: /_millrace/faults, with --testing. */
#pragma once
struct serve;
void serve_register_faults(struct serve *serve);
