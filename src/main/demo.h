/* main/demo.h: `millrace demo`: a server on a free port with a fresh data folder, and the whole
 * story against it. */
#pragma once
int demo_main(int argc, char **argv);
