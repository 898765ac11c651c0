/* main/verify.h: `millrace verify`, for a running server or a data folder. */
#pragma once
#include "main/internal.h"

/* 0: clean, 1: something was found, 2: it could not be run. */
int verify_main(int argc, char **argv);
/* /_millrace/verify */
void serve_register_verify(struct serve *serve);
