/* main/points.h: the subcommand that lists the points of base/point.h. */
#pragma once

int points_main(int argc, char **argv);
