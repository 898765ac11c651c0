/* main/ops.h: `millrace ops`: the coverage of AWS's service models. */
#pragma once
int ops_main(int argc, char **argv);
