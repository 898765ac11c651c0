#!/usr/bin/python3
"""`make check`: every check of a change, in order, and one line that counts them.

    tools/check.py            the gate: format, tidy, unit tests under ASan and UBSan, contract,
                              pipeline and crash tests, the AWS SDK for JavaScript, fuzzers,
                              the simulation for half a minute
    tools/check.py --all      also unit tests under TSan, clang-tidy, every test under ASan, each
                              fuzzer for a minute, the simulation for ten
    tools/check.py --format   rewrites the C files with clang-format 14
    tools/check.py STEP...    only the steps named (format tidy build unit contract newer-boto3
                              deploy pipeline js fuzz sim)

The last line is `check: N passed, N failed`; the exit status is 0 only when nothing failed. What
each step said is kept in build/check/STEP.log; only failures are shown.

Contract tests run against the ASan build through Debian's boto3; tests that need speed (pipeline,
crash) and the second run through a newer boto3, where the machine has one, against the release.
The two runs are side by side: each mostly waits, its client for the server or the server for it.
Behind the second, which is shorter, go steps that nobody times. A machine that takes its processors
away for seconds makes a test in thousands fail that is right: up to three of a step's are run once
more, by themselves, and those that pass then are named beside the counts, for somebody to mend.
MILLRACE_BIN, when set, is the program of all of them.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "check"
PYTHON = "/usr/bin/python3"
C_FOLDERS = ["src", "include", "examples", "fuzz", "bench"]
# Folders of tests/: they need the speed of the release build.
FAST_FOLDERS = ["pipeline", "crash"]
# Big programs of others, which take their time beside anything.
DEPLOY_FOLDERS = ["terraform", "cdk"]
# The clients there are others, or do little: one run says all. What wants a newer boto3 is named.
NO_BOTO3_FOLDERS = ["cli", "examples", "iceberg", "verify"]
NEWER_BOTO3_FILES = ["tests/iceberg/test_example.py"]
SHOWN_LINES = 120
TOLD_LINES = 12  # of a failed step, again beside the counts: the end of a long log is what is kept
TELLING = re.compile(r"FAIL|ERROR|[Ee]rror|Sanitizer|not done after")
DEADLINE_S = 900
CLANG_TIDY_DEADLINE_S = 10800  # 4 s of a core a file; cut off, it has not looked at all of them
PYTEST_DEADLINE_S = 2700  # 1070 s were seen for the contract under ASan on two busy cores
# The gate's fuzzers end after so many runs, a few seconds each: fewer of those that are slow.
FUZZ_RUNS_MOST = 30000
FUZZ_RUNS = {"http": 5000, "pattern": 5000, "run": 10000}
FUZZERS_AT_ONCE = 2
FUZZ_S_MAX, FUZZ_LONGER_S = 60, 60  # each; the first is for a machine that is busy
SIM_S, SIM_LONGER_S = 60, 600  # at most
SIM_SEEDS, SIM_LONGER_SEEDS = 2000, 1000000  # the gate's are the same on a slow and a fast machine
# Ways in which the simulation breaks the server on purpose: it must find each.
SIM_MUTATIONS = ("sync-skipped reply-early cursor-apart replay-late folder-unsynced flush-ahead "
                 "wake-lost tail-trusted retain-late filter-open filter-shut condition-open "
                 "condition-shut expiry-early expiry-missed").split()
# What waits, calls functions, lands beside other things. Not what scales streams: who does holds
# a lock for each shard, and ThreadSanitizer ends a program of which a thread holds more than 64.
TSAN_TESTS = ["tests/pipeline/test_wait.py", "tests/pipes", "tests/lambda/test_events.py",
              "tests/firehose/test_calls_at_once.py", "tests/kinesis/test_records.py",
              "tests/kinesis/test_consumers.py", "tests/kinesis/test_cbor.py"]
SANITIZERS = {"build-asan": "address,undefined", "build-tsan": "thread"}


AGAIN_MOST = 3  # tests of a step: where more fail, none is run again

failures = {}  # step: the lines that tell why
unsteady = []  # tests that failed and passed when they were run again
running = set()  # processes, each with a group of its own


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed
        return passed, failed


def say(text):
    print(text, flush=True)


def run(step, command, env=None, deadline_s=DEADLINE_S, show=True):
    """Runs a command with its output in the step's log; its group is ended at the deadline."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{step}.log"
    with open(path, "wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})}, start_new_session=True)
        running.add(process)
        try:
            code = process.wait(deadline_s)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as reason:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(reason, KeyboardInterrupt):
                raise
            log.write(f"\n{step}: not done after {deadline_s} s\n".encode())
            code = 124
        finally:
            running.discard(process)
    if code != 0 and show:
        lines = path.read_text("utf-8", "replace").splitlines()
        failures[step] = ([line for line in lines if TELLING.search(line)] or lines)[-TOLD_LINES:]
        if len(lines) > SHOWN_LINES:
            say(f"  ... ({len(lines) - SHOWN_LINES} lines more in {path.relative_to(ROOT)})")
        for line in lines[-SHOWN_LINES:]:
            say(f"  {line}")
    return code, path


def none_found(tally):
    """A gate that looks at nothing is not a gate."""
    say("  there are no such tests here")
    return tally.add(0, 1)


def clang_format():
    """clang-format 14, which .clang-format is written for; other versions lay out differently."""
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name):
            text = subprocess.run([name, "--version"], capture_output=True, text=True).stdout
            if re.search(r"version 14\.", text):
                return name
    return None


def c_files():
    files = []
    for folder in C_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            with open(path, "rb") as file:
                if not file.read(12).startswith(b"/* generated"):
                    files.append(str(path.relative_to(ROOT)))
    return files


def step_format(tally):
    tool = clang_format()
    if tool is None:
        say("  left out: there is no clang-format 14 here")
        return tally.add(0, 0)
    code, _ = run("format", [tool, "--dry-run", "-Werror", *c_files()]) if c_files() else (0, None)
    return tally.add(int(code == 0), int(code != 0))


def step_tidy(tally):
    code, path = run("tidy", [PYTHON, "tools/tidy.py"])
    found = re.search(r"^tidy: (\d+) passed, (\d+) failed$", path.read_text(), re.MULTILINE)
    if not found:
        return tally.add(0, 1)
    return tally.add(int(found.group(1)), max(int(found.group(2)), int(code != 0)))


def configure(folder):
    options = ["--reconfigure"] if (ROOT / folder / "build.ninja").exists() else []
    if folder in SANITIZERS:
        options += [f"-Db_sanitize={SANITIZERS[folder]}", "-Db_lundef=false", "-Doptimization=1"]
    return run(f"setup-{folder}", ["meson", "setup", folder, *options])[0]


def build(folder):
    if configure(folder) != 0:
        return 1
    return run(folder, ["ninja", "-C", folder, "-k", "0"])[0]


def step_build(tally):
    """The release as `make` builds it, and the sanitized one: a warning is an error in both."""
    failed = sum(int(build(folder) != 0) for folder in ("build", "build-asan"))
    return tally.add(2 - failed, failed)


def count_units(folder):
    """Counts cmocka's tests; a program that died before its summary is one failure."""
    passed = failed = 0
    with open(ROOT / folder / "meson-logs" / "testlog.json") as log:
        for row in map(json.loads, log):
            text = row.get("stdout", "") + row.get("stderr", "")
            passed += sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", text)))
            told = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test", text)))
            failed += told if told or row["result"] == "OK" else 1
    return passed, failed


def units(tally, folder, env=None):
    log = ROOT / folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    code, _ = run(f"unit-{folder}", ["meson", "test", "-C", folder, "--no-rebuild",
                                     "--print-errorlogs", "--num-processes", "2"], env=env)
    passed, failed = count_units(folder) if log.exists() else (0, 0)
    if passed + failed == 0 and code == 0:
        return none_found(tally)
    return tally.add(passed, failed if failed or code == 0 else 1)


def step_unit(tally):
    return units(tally, "build-asan")


def pytest_once(step, paths, binary, env):
    """The suite as pytest reports it, None when it did not; and its exit status."""
    report = LOGS / f"{step}.xml"
    report.unlink(missing_ok=True)
    # A folder of its own, emptied before and after: pytest keeps three runs', killed ones for ever.
    scratch = LOGS / f"scratch-{step}"
    code, _ = run(step, [PYTHON, "-m", "pytest", "-q", f"--junit-xml={report}",
                         f"--basetemp={scratch}", *paths],
                  env={"MILLRACE_BIN": os.environ.get("MILLRACE_BIN", binary), **(env or {})},
                  deadline_s=PYTEST_DEADLINE_S)
    if code == 0:
        shutil.rmtree(scratch, ignore_errors=True)
    return xml.parse(report).getroot().find("testsuite") if report.exists() else None, code


def counted(suite, code):
    if suite is None:
        return 0, 1
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    passed = max(0, int(suite.get("tests")) - failed - int(suite.get("skipped")))
    return passed, failed if failed or code in (0, 5) else 1


def failed_tests(suite):
    """Names of the tests that failed; None when something else went wrong too, or too much."""
    if suite is None or int(suite.get("errors")) or int(suite.get("failures")) > AGAIN_MOST:
        return None
    return [f"tests/{case.get('classname').replace('.', '/')}.py::{case.get('name')}"
            for case in suite.iter("testcase") if case.find("failure") is not None]


def pytest(tally, step, paths, binary, env=None):
    if not paths:
        return none_found(tally)
    suite, code = pytest_once(step, paths, binary, env)
    passed, failed = counted(suite, code)
    names = failed_tests(suite) if code == 1 else None
    if names:
        again, code = pytest_once(f"{step}-again", names, binary, env)
        if counted(again, code) == (failed, 0):
            unsteady.extend(f"{step}: {name}" for name in names)
            failures.pop(step, None)
            passed, failed = passed + failed, 0
    return tally.add(passed, failed)


def test_folders(names=None):
    """Folders of tests/ that hold Python tests: those named, or those that no other step has."""
    folders = sorted({path.parent for path in (ROOT / "tests").glob("*/test_*.py")})
    others = FAST_FOLDERS + DEPLOY_FOLDERS
    return [str(path.relative_to(ROOT)) for path in folders
            if (path.name in names if names else path.name not in others)]


def step_contract(tally):
    return pytest(tally, "contract", test_folders(), "build-asan/millrace")


def step_pipeline(tally):
    return pytest(tally, "pipeline", test_folders(FAST_FOLDERS), "build/millrace")


def step_deploy(tally):
    return pytest(tally, "deploy", test_folders(DEPLOY_FOLDERS), "build/millrace")


def newer_boto3():
    """A folder with only the boto3 of the `python3` in PATH, when it is not Debian's; or None."""
    ask = "import boto3, os; print(boto3.__version__); print(os.path.dirname(boto3.__path__[0]))"
    answers = [subprocess.run([python, "-c", ask], capture_output=True, text=True, cwd=ROOT).stdout
               for python in (PYTHON, "python3")]
    if not answers[1] or answers[0].split("\n")[0] == answers[1].split("\n")[0]:
        return None, None
    version, place = answers[1].split("\n")[:2]
    folder = ROOT / "build" / "newer-boto3"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("boto3", "botocore", "s3transfer"):
        (folder / name).symlink_to(pathlib.Path(place) / name)
    return version, folder


def step_newer_boto3(tally):
    version, folder = newer_boto3()
    if folder is None:
        say("  left out: this machine has one boto3 only")
        return tally.add(0, 0)
    say(f"  boto3 {version}")
    folders = [name for name in test_folders()
               if pathlib.Path(name).name not in NO_BOTO3_FOLDERS]
    return pytest(tally, "newer-boto3", folders + NEWER_BOTO3_FILES, "build/millrace",
                  {"PYTHONPATH": str(folder)})


def step_js(tally):
    tests = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/js").glob("*.test.mjs"))
    if not tests:
        return none_found(tally)
    code, path = run("js", ["node", "--test", "--test-reporter=tap", *tests],
                     env={"MILLRACE_BIN": os.environ.get("MILLRACE_BIN", "build/millrace")})
    text = path.read_text("utf-8", "replace")
    rows = re.findall(r"^# (pass|fail|cancelled) (\d+)$", text, re.MULTILINE)
    counts = {name: int(number) for name, number in rows}
    failed = counts.get("fail", 0) + counts.get("cancelled", 0)
    return tally.add(counts.get("pass", 0), failed if failed or code == 0 else 1)


def build_fuzzers():
    """The names of all fuzzers, built; None when there is no clang, empty when one fails."""
    compiler = next((name for name in ("clang-14", "clang") if shutil.which(name)), None)
    if compiler is None:
        return None
    names = sorted(path.stem.removeprefix("fuzz_") for path in (ROOT / "fuzz").glob("fuzz_*.c"))
    options = ["--reconfigure"] if (ROOT / "build-fuzz" / "build.ninja").exists() else []
    options += ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Doptimization=1",
                "-Dwerror=false", "-Dc_args=-fsanitize=fuzzer-no-link"]
    code, _ = run("setup-build-fuzz", ["meson", "setup", "build-fuzz", *options],
                  env={"CC": compiler})
    targets = [f"fuzz/fuzz_{name}" for name in names]
    if code != 0 or run("build-fuzz", ["ninja", "-C", "build-fuzz", *targets])[0] != 0:
        return []
    return names


def fuzz(tally, options_of):
    """Runs each fuzzer with its options; it must find nothing."""
    names = build_fuzzers()
    if names is None:
        say("  left out: clang is not installed")
        return tally.add(0, 0)
    if not names:
        return tally.add(0, 1)

    def one(name):
        before, options = options_of(name)
        return run(f"fuzz-{name}", [
            *before, f"build-fuzz/fuzz/fuzz_{name}", "-max_len=1024", "-timeout=20",
            f"-artifact_prefix={LOGS}/fuzz-{name}-", *options])[0]

    with concurrent.futures.ThreadPoolExecutor(FUZZERS_AT_ONCE) as pool:
        failed = sum(code != 0 for code in pool.map(one, names))
    return tally.add(len(names) - failed, failed)


def fixed_addresses():
    """What goes before a command so that its memory lies where it lay in the last run; or nothing.
    libFuzzer keys what it has seen by address, so other addresses lead it elsewhere."""
    command = ["setarch", "-R"]
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    except OSError:
        allowed = False
    return command if allowed else []


def step_fuzz(tally):
    """The same runs of the same inputs each time: a commit passes or fails, whoever asks."""
    before = fixed_addresses()

    def options_of(name):
        # Named one by one: a folder would give them in the order of the file system.
        inputs = sorted(f"fuzz/corpus/{name}/{path.name}"
                        for path in (ROOT / "fuzz" / "corpus" / name).iterdir())
        return before, ["-seed=1", f"-runs={FUZZ_RUNS.get(name, FUZZ_RUNS_MOST)}",
                        f"-max_total_time={FUZZ_S_MAX}", f"-seed_inputs={','.join(inputs)}"]

    return fuzz(tally, options_of)


def step_fuzz_longer(tally):
    """Each goes on from where it was, another way each time."""
    def options_of(name):
        seen = ROOT / "build-fuzz" / "corpus" / name
        seen.mkdir(parents=True, exist_ok=True)
        return [], [f"-max_total_time={FUZZ_LONGER_S}", str(seen), f"fuzz/corpus/{name}"]

    return fuzz(tally, options_of)


def step_tsan(tally):
    if build("build-tsan") != 0:
        return tally.add(0, 1)
    env = {"TSAN_OPTIONS": f"suppressions={ROOT / 'tools' / 'tsan.supp'}"}
    one = units(tally, "build-tsan", env)
    # A server ends with another status when anything was reported.
    two = pytest(tally, "tsan-server", TSAN_TESTS, "build-tsan/millrace", env)
    return one[0] + two[0], one[1] + two[1]


def step_clang_tidy(tally):
    if not shutil.which("run-clang-tidy"):
        say("  left out: clang-tidy is not installed")
        return tally.add(0, 0)
    code, _ = run("clang-tidy", ["run-clang-tidy", "-j", "2", "-p", "build", "-quiet",
                                 f"^{re.escape(str(ROOT))}/src/.*\\.c$"],
                  deadline_s=CLANG_TIDY_DEADLINE_S)
    return tally.add(int(code == 0), int(code != 0))


def step_asan_all(tally):
    return pytest(tally, "asan-all", test_folders(FAST_FOLDERS + DEPLOY_FOLDERS),
                  "build-asan/millrace")


def step_history(tally):
    """Longer than in the gate, which runs the same for some seconds."""
    return pytest(tally, "history", ["tests/crash/test_history.py"], "build/millrace",
                  {"HISTORY_S": "30"})


def sim(tally, seconds, seeds):
    """Each seed is one test; that seeds run the same way twice is looked at as well."""
    program = ROOT / "build" / "millrace-sim"
    if not program.exists() and build("build") != 0:
        return tally.add(0, 1)
    passed = failed = 0
    runs = {"sim": [f"--seconds={seconds}", f"--seeds=1..{seeds}"],
            "sim-twice": ["--twice", "--seeds=1..60"]}
    for name, options in runs.items():
        _, log = run(name, [str(program), "--jobs=2", *options], deadline_s=seconds + 600)
        text = log.read_text("utf-8", "replace")
        told = re.search(r"^sim: (\d+) seeds in \S+ s, (\d+) findings$", text, re.M)
        seeds, findings = map(int, told.groups()) if told else (1, 1)
        passed += seeds - findings
        failed += findings
    for name in SIM_MUTATIONS:
        code, _ = run(f"sim-{name}", [str(program), "--jobs=2", "--first", "--seeds=1..2000",
                                      "--mutation", name], deadline_s=600, show=False)
        passed += code == 1
        failed += code != 1
        if code != 1:
            say(f"  the simulation does not find what '{name}' breaks")
    return tally.add(passed, failed)


def step_sim(tally):
    return sim(tally, SIM_S, SIM_SEEDS)


def step_sim_longer(tally):
    return sim(tally, SIM_LONGER_S, SIM_LONGER_SEEDS)


def step_kills(tally):
    """A thousand kills at named points, two hundred with misbehaving functions; the gate strikes
    each point once, and a dozen times with the functions."""
    return pytest(tally, "kills", ["tests/crash/test_points.py", "tests/crash/test_functions.py"],
                  "build/millrace", {"POINTS_KILLS": "1000", "FUNCTIONS_KILLS": "200"})


GATE = {"format": step_format, "tidy": step_tidy, "build": step_build, "unit": step_unit,
        "contract": step_contract, "newer-boto3": step_newer_boto3, "deploy": step_deploy,
        "pipeline": step_pipeline, "js": step_js, "fuzz": step_fuzz, "sim": step_sim}
LANES = [["contract"], ["newer-boto3", "deploy", "js", "fuzz"]]  # side by side
MORE = {"tsan": step_tsan, "clang-tidy": step_clang_tidy, "asan-all": step_asan_all,
        "fuzz-longer": step_fuzz_longer, "history": step_history,
        "sim-longer": step_sim_longer, "kills": step_kills}


def perform(name, step, tally, rows):
    say(f"{name} ...")
    begun = time.monotonic()
    passed, failed = step(tally)
    rows.append(f"{name:12} {passed:6} passed {failed:4} failed"
                f" {time.monotonic() - begun:6.0f} s")
    say(f"{name}: {passed} passed, {failed} failed")


def perform_lanes(lanes, steps, tally, rows):
    """Lanes side by side, the steps of one behind each other."""
    tallies, tables = [Tally() for _ in lanes], [[] for _ in lanes]

    def drive(lane, mine, table):
        for name in lane:
            perform(name, steps[name], mine, table)

    threads = [threading.Thread(target=drive, args=work) for work in zip(lanes, tallies, tables)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        for process in list(running):
            os.killpg(process.pid, signal.SIGKILL)
        raise
    for lane, mine, table in zip(lanes, tallies, tables):
        tally.add(mine.passed, mine.failed)
        # A step that broke off has no row, and is no success.
        rows += table
        tally.add(0, len(lane) - len(table))


def main(arguments):
    if arguments == ["--format"]:
        tool = clang_format()
        if tool is None:
            say("millrace: there is no clang-format 14 here; scripts/deps installs it")
            return 1
        return subprocess.run([tool, "-i", *c_files()], cwd=ROOT).returncode
    steps = {**GATE, **MORE}
    chosen = list(steps) if arguments == ["--all"] else arguments or list(GATE)
    unknown = [name for name in chosen if name not in steps]
    if unknown:
        say(f"millrace: no such check: {' '.join(unknown)}; there are {' '.join(steps)}")
        return 2
    tally = Tally()
    rows = []
    lanes = [[name for name in lane if name in chosen] for lane in LANES]
    beside = sum(lanes, []) if all(lanes) else []
    for name in chosen:
        if name not in beside:
            perform(name, steps[name], tally, rows)
        elif name == beside[0]:
            perform_lanes(lanes, steps, tally, rows)
    for step, lines in failures.items():
        say(f"\n{step} failed:")
        for line in lines:
            say(f"  {line[:300]}")
    for name in unsteady:
        say(f"\nunsteady, passed when it was run again: {name}")
    say("")
    for row in rows:
        say(row)
    say(f"check: {tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
