#!/usr/bin/env python3
"""Writes src/athena/unicode_table.h: the category of every code point, upper and lower case; and
unicode_forms.h: what letters are put together of, and in which order marks stand. Run it when
Python knows a newer Unicode."""

import pathlib
import sys
import unicodedata

CATEGORIES = ("Cn Cc Cf Co Cs Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So "
              "Zl Zp Zs").split()


def runs():
    """Where each category begins: code point << 8 | category."""
    last = None
    for code in range(0x110000):
        category = CATEGORIES.index(unicodedata.category(chr(code)))
        if category != last:
            yield code << 8 | category
        last = category


def cases(change):
    """(first, last, step, difference) of the letters that `change` maps to one other."""
    found = []
    for code in range(0x110000):
        other = change(chr(code))
        if len(other) != 1 or ord(other) == code:
            continue
        difference = ord(other) - code
        if found and found[-1][3] == difference:
            first, last, step, _ = found[-1]
            if code - last in (1, 2) and (first == last or code - last == step):
                found[-1] = (first, code, code - last, difference)
                continue
        found.append((code, code, 1, difference))
    return found


def parts():
    """(code, first, second or 0) of what is put together."""
    for code in range(0x110000):
        text = unicodedata.decomposition(chr(code))
        if text and text[0] != "<":
            codes = [int(part, 16) for part in text.split()]
            yield "{0x%x, 0x%x, 0x%x}" % (code, codes[0], codes[1] if len(codes) > 1 else 0)


def classes():
    """(first, last, class) of marks that are put in order."""
    found = []
    for code in range(0x110000):
        number = unicodedata.combining(chr(code))
        if number and found and found[-1][1:] == [code - 1, number]:
            found[-1][1] = code
        elif number:
            found.append([code, code, number])
    return found


def rows(values, per_line):
    values = list(values)
    for at in range(0, len(values), per_line):
        yield "    " + " ".join(f"{value}," for value in values[at:at + per_line])


def wrapped(values):
    line = "   "
    for value in values:
        if len(line) + len(value) > 97:
            yield line
            line = "   "
        line += f" {value},"
    yield line


def main():
    lines = [f"/* athena/unicode_table.h: made by tools/unicode.py from Unicode "
             f"{unicodedata.unidata_version}. Included by",
             " * unicode.c alone. */", "/* clang-format off */", "#pragma once",
             "#include <stdint.h>", "", "enum athena_category {"]
    lines += list(rows((f"UNICODE_{name.upper()}" for name in CATEGORIES), 8)) + ["};"]
    lines += ["", "/* Code point << 8 | category, where it changes. */",
              "static const uint32_t categories[] = {"]
    lines += list(rows((f"0x{run:x}" for run in runs()), 8)) + ["};"]
    lines += ["", "/* Letters from first to last in steps have their other case so far away. */",
              "struct cases {", "    uint32_t first, last, step;", "    int32_t difference;", "};"]
    for name, change in (("upper", str.upper), ("lower", str.lower)):
        lines += [f"static const struct cases {name}[] = {{"]
        lines += list(rows(("{0x%x, 0x%x, %d, %d}" % row for row in cases(change)), 2)) + ["};"]
    lines += ["/* clang-format on */", ""]
    path = pathlib.Path(__file__).resolve().parents[1] / "src" / "athena" / "unicode_table.h"
    path.write_text("\n".join(lines))
    lines = [f"/* athena/unicode_forms.h: made by tools/unicode.py from Unicode "
             f"{unicodedata.unidata_version}. Included by",
             " * normalize.c alone. */", "/* clang-format off */", "#pragma once",
             "#include <stdint.h>", "", "/* What a letter is put together of; second 0: of one. */",
             "static const struct parts {", "    uint32_t code, first, second;", "} parts[] = {"]
    lines += list(wrapped(parts())) + ["};"]
    lines += ["/* Marks that are put in order, by their class. */", "static const struct marks {",
              "    uint32_t first, last, class;", "} marks[] = {"]
    lines += list(wrapped("{0x%x, 0x%x, %d}" % tuple(run) for run in classes())) + ["};"]
    lines += ["/* clang-format on */", ""]
    path.with_name("unicode_forms.h").write_text("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
