#!/usr/bin/python3
"""The rules of the house, as a test: `make check` runs it.

Each rule prints the places that break it, as file:line: what is wrong. Exit status 1 when any does.
The last line counts the rules: `tidy: 12 passed, 0 failed`.

A file whose first line begins with `/* generated` is a table made by a tool: no size rule
holds for it.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# A folder of the platform may include those before it.
PLATFORM = ["base", "journal", "view", "runtime", "http", "protocol", "policy", "item", "event"]
# A service may include the platform, and other services only along the data.
SERVICES = {
    "streams": [],
    "dynamodb": ["streams", "kinesis", "s3"],
    "kinesis": [],
    "pipes": ["streams", "kinesis", "firehose", "lambda", "logs"],
    "lambda": ["streams", "kinesis", "s3"],
    "s3": [],
    "firehose": ["kinesis", "lambda", "s3", "glue", "iceberg"],
    "glue": ["s3", "logs"],
    "iceberg": ["glue", "s3"],
    "athena": ["glue", "s3", "iceberg"],
    "iam": [],
    "ssm": [],
    "sts": [],
    "logs": [],
    "cloudwatch": [],
    "cloudformation": [],
    "verify": ["streams", "kinesis", "s3", "firehose", "pipes"],
    "chain": ["dynamodb", "firehose", "pipes"],
    "cli": [],
}
# These wire the whole: the program, and the one that simulates the world below it.
ABOVE_ALL = {"main", "sim"}
NAMES_DUCKDB = {"athena", "main"}  # main finds its file beside the program
STARTS_PROCESSES = {"runtime", "sim"}
READS_CLOCK_AND_ENVIRONMENT = {"base", "cli", "main", "lambda"}

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
README_LINES_MAX = 100

BANNED = ("strcpy stpcpy strcat sprintf vsprintf strtok atoi atol atoll atof gets "
          "sleep usleep nanosleep rand srand random tmpnam mktemp").split()
# A client of other programs' servers has nothing to wait on but time.
BANNED_EXCEPT = {("src/cli/client.c", "nanosleep")}
BANNED_CLOCK = "time gettimeofday getenv secure_getenv".split()
PROCESS_CALLS = ("fork vfork execl execle execlp execv execve execvp execvpe fexecve posix_spawn "
                 "posix_spawnp popen system").split()

C_FOLDERS = ["src", "include", "examples", "fuzz", "bench"]
TEXT_FOLDERS = C_FOLDERS + ["tests", "tools", "scripts", "docs", "web"]
SKIPPED_FOLDERS = {"node_modules", "__pycache__", "third_party", ".git"}

STRING_OR_COMMENT = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)
STRCHR_IN_SET = re.compile(r'\bstrchr\(\s*"')
CALL = re.compile(r"(?<![\w.>])(\w+)\s*\(")


class File:
    """A file with its text, and the same text with comments (and strings) blanked, lines kept."""

    def __init__(self, path):
        self.path = path.relative_to(ROOT)
        self.text = path.read_text("utf-8", "replace")
        self.lines = self.text.splitlines()
        self.generated = self.text.startswith("/* generated")
        parts = self.path.parts
        self.folder = parts[1] if parts[0] == "src" and len(parts) > 2 else None
        self.is_test = self.path.name.startswith("test_")
        self.is_c = self.path.suffix in (".c", ".h")
        if self.is_c:
            self.code = STRING_OR_COMMENT.sub(blank_all, self.text)
            self.code_and_strings = STRING_OR_COMMENT.sub(blank_comments, self.text)

    def at(self, offset):
        return f"{self.path}:{self.text.count(chr(10), 0, offset) + 1}"


def blank_all(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def blank_comments(match):
    return blank_all(match) if match.group(0)[0] == "/" else match.group(0)


def files_of(folders):
    for folder in folders:
        for where, inner, names in os.walk(ROOT / folder):
            inner[:] = sorted(name for name in inner if name not in SKIPPED_FOLDERS)
            for name in sorted(names):
                path = pathlib.Path(where) / name
                if path.is_file() and not path.is_symlink():
                    yield path


def allowed(folder, other):
    """May a file of src/`folder` include one of src/`other`?"""
    if folder == other or folder in ABOVE_ALL:
        return True
    if other in PLATFORM:
        return folder not in PLATFORM or PLATFORM.index(other) < PLATFORM.index(folder)
    return other in SERVICES.get(folder, [])


def rule_folders_are_known(c_files, _):
    known = set(PLATFORM) | set(SERVICES) | ABOVE_ALL
    for folder in sorted({file.folder for file in c_files if file.folder} - known):
        yield f"src/{folder}: no rule says what this folder may include; add it to tools/tidy.py"


def rule_includes_follow_the_layers(c_files, _):
    for file in c_files:
        if file.folder is None:
            continue
        for found in INCLUDE.finditer(file.code_and_strings):
            other = found.group(1).split("/")[0] if "/" in found.group(1) else None
            if other is None:
                if found.group(1) != "version.h" or file.folder not in ("cli", "main"):
                    yield (f'{file.at(found.start())}: include "{found.group(1)}" by its path '
                           f'from src/')
            elif other != "millrace" and not allowed(file.folder, other):
                yield (f'{file.at(found.start())}: src/{file.folder} must not include '
                       f'"{found.group(1)}"; see the layers in tools/tidy.py')


def rule_no_header_includes_itself_in_a_circle(c_files, _):
    graph = {}
    for file in c_files:
        if file.folder is not None:
            graph[str(file.path)[len("src/"):]] = INCLUDE.findall(file.code_and_strings)
    state = {}

    def visit(name, trail):
        if state.get(name) == "done" or name not in graph:
            return None
        if name in trail:
            return trail[trail.index(name):] + [name]
        for other in graph[name]:
            circle = visit(other, trail + [name])
            if circle:
                return circle
        state[name] = "done"
        return None

    for name in graph:
        circle = visit(name, [])
        if circle:
            yield "src/" + " -> ".join(circle)
            return


def rule_no_two_folders_include_each_other(c_files, _):
    edges = {}
    for file in c_files:
        if file.folder is None:
            continue
        for name in INCLUDE.findall(file.code_and_strings):
            other = name.split("/")[0]
            if "/" in name and other != file.folder:
                edges.setdefault((file.folder, other), str(file.path))
    for (one, other), path in sorted(edges.items()):
        if one < other and (other, one) in edges:
            yield f"{path} and {edges[other, one]}: src/{one} and src/{other} include each other"


def named_only_in(c_files, word, folders):
    for file in c_files:
        if file.folder is None or file.folder in folders:
            continue
        for found in re.finditer(word, file.code_and_strings, re.IGNORECASE):
            owner = ", src/".join(sorted(folders))
            yield f"{file.at(found.start())}: only src/{owner} names {word}"


def rule_only_athena_names_duckdb(c_files, _):
    yield from named_only_in(c_files, "duckdb", NAMES_DUCKDB)


def calls(file, names):
    wanted = set(names)
    for found in CALL.finditer(file.code):
        if found.group(1) in wanted:
            yield found.group(1), file.at(found.start())


def rule_processes_start_in_runtime_and_lambda(c_files, _):
    for file in c_files:
        if file.folder and file.folder not in STARTS_PROCESSES and not file.is_test:
            for name, where in calls(file, PROCESS_CALLS):
                yield f"{where}: {name}() belongs to src/runtime"


def rule_no_banned_function_is_called(c_files, _):
    for file in c_files:
        for name, where in calls(file, BANNED):
            if (str(file.path), name) not in BANNED_EXCEPT:
                yield f"{where}: {name}() is banned"
        if file.folder and file.folder not in READS_CLOCK_AND_ENVIRONMENT and not file.is_test:
            for name, where in calls(file, BANNED_CLOCK):
                yield f"{where}: {name}() is banned here; pass its answer as an argument"


def rule_bytes_are_looked_up_without_the_nul(c_files, _):
    """strchr("set", byte) finds a NUL byte, which comes from outside like any other."""
    for file in c_files:
        if file.folder and not file.is_test:
            for found in STRCHR_IN_SET.finditer(file.code_and_strings):
                yield f"{file.at(found.start())}: mr_byte_in() asks whether a byte is in a set"


def rule_functions_fit_a_screen(c_files, _):
    ctags = shutil.which("ctags")
    if ctags is None:
        yield "universal-ctags is missing; run scripts/deps"
        return
    names = "\n".join(str(file.path) for file in c_files if not file.generated)
    listing = subprocess.run(
        [ctags, "-L", "-", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+ne",
         "--sort=no", "-f", "-"],
        cwd=ROOT, input=names, capture_output=True, text=True, check=True).stdout
    for row in listing.splitlines():
        field = dict(part.split(":", 1) for part in row.split("\t")[3:] if ":" in part)
        if row.startswith("!") or "line" not in field or "end" not in field:
            continue
        lines = int(field["end"]) - int(field["line"]) + 1
        if lines > FUNCTION_LINES_MAX:
            name, path = row.split("\t")[:2]
            yield (f"{path}:{field['line']}: {name}() has {lines} lines, "
                   f"{FUNCTION_LINES_MAX} are allowed")


def rule_files_are_short(c_files, _):
    for file in c_files:
        if file.path.suffix == ".c" and not file.generated and len(file.lines) > FILE_LINES_MAX:
            yield f"{file.path}: {len(file.lines)} lines, {FILE_LINES_MAX} are allowed"


def rule_lines_are_short(c_files, texts):
    for file in [*c_files, *(file for file in texts if file.path.suffix == ".py")]:
        if file.generated:
            continue
        for number, line in enumerate(file.lines, 1):
            if len(line) > COLUMNS_MAX:
                yield f"{file.path}:{number}: {len(line)} columns, {COLUMNS_MAX} are allowed"


def rule_headers_are_included_once(c_files, _):
    for file in c_files:
        if file.path.suffix == ".h" and "#pragma once" not in file.code:
            yield f"{file.path}: #pragma once is missing"


def rule_open_questions_are_needswork(c_files, texts):
    pattern = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")
    for file in [*c_files, *texts]:
        for found in pattern.finditer(file.text):
            yield f"{file.at(found.start())}: {found.group(0)}; do it, or ask with NEEDSWORK:"


def rule_every_folder_has_a_one_page_readme(c_files, _):
    for folder in sorted({file.folder for file in c_files if file.folder}):
        page = ROOT / "src" / folder / "README.md"
        if not page.is_file() or not page.read_text().strip():
            yield f"src/{folder}/README.md is missing: what the folder is, its invariants, its keys"
        elif len(page.read_text().splitlines()) > README_LINES_MAX:
            yield f"src/{folder}/README.md: more than {README_LINES_MAX} lines is not one page"


def main():
    c_files = [File(path) for path in files_of(C_FOLDERS) if path.suffix in (".c", ".h")]
    texts = [File(path) for path in files_of(TEXT_FOLDERS)
             if path.suffix in (".py", ".sh", ".mjs", ".js", ".md", ".yaml", ".sql", "")
             and path.suffix not in (".c", ".h")]
    passed = failed = 0
    for name, rule in list(globals().items()):
        if not name.startswith("rule_"):
            continue
        places = list(rule(c_files, texts))
        if not places:
            passed += 1
            continue
        failed += 1
        print(f"tidy: {name[len('rule_'):].replace('_', ' ')}: broken in {len(places)} places")
        for place in places:
            print(f"  {place}")
    print(f"tidy: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
