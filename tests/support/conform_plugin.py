"""Every reply that a boto3 client of the run receives is compared with the models.

A violation fails the test that made the call. The plugin also remembers which operations were
called, and which of them succeeded at least once: `called` and `succeeded`, sets of
(service, operation), read by tests/models/test_coverage.py at the end of a whole run.

    --no-conform    leaves replies alone (to see what else a test says)
"""

import functools
import threading

import pytest

from .conform import check_reply, model_of, service_of
from .server import OBSERVERS, ROOT

FAST_FOLDERS = ("pipeline", "crash")  # as in tools/check.py: they run apart
called, succeeded = set(), set()
_lock = threading.Lock()
_violations = []
VIOLATIONS_SHOWN = 20


def pytest_addoption(parser):
    parser.addoption("--no-conform", action="store_true", help="do not compare replies with models")


def pytest_configure(config):
    import botocore.handlers

    if not config.getoption("--no-conform"):
        # Every session made from now on registers this with its clients.
        botocore.handlers.BUILTIN_HANDLERS.append(("before-call", _remember))
        botocore.handlers.BUILTIN_HANDLERS.append(("response-received", _check))
        OBSERVERS.append(_check_plain)


def _remember(model, context, **_):
    context["millrace_operation"] = (service_of(model.service_model), model.name)


def _body(response):
    """The raw bytes, or None of a stream that the test is going to read."""
    body = response.get("body")
    return body if isinstance(body, bytes) else None


def _check(response_dict, context, **_):
    if response_dict is None:  # no answer came, or it could not be parsed at all
        return
    service, operation = context["millrace_operation"]
    _look(service, operation, response_dict["status_code"], response_dict["headers"],
          _body(response_dict))


@functools.lru_cache(maxsize=None)
def _targets():
    """X-Amz-Target -> (service, operation, content type)."""
    found = {}
    for path in (ROOT / "models").glob("*.json"):
        model = model_of(path.stem)
        prefix = model.metadata.get("targetPrefix")
        kind = f"application/x-amz-json-{model.metadata.get('jsonVersion')}"
        for operation in model.operations if prefix else ():
            found[f"{prefix}.{operation}"] = (path.stem, operation, kind)
    return found


def _check_plain(method, sent, status, headers, body):
    """Requests by hand reach what an old SDK does not know. Odd ones get odd replies: left out."""
    given = {name.lower(): value for name, value in sent.items()}
    service, operation, kind = _targets().get(given.get("x-amz-target"), (None, None, None))
    if method == "POST" and service and given.get("content-type") == kind:
        _look(service, operation, status, headers, body)


def _look(service, operation, status, headers, body):
    if not (ROOT / "models" / f"{service}.json").exists():
        return
    found = []
    # Of several protocols (CloudWatch) clients choose by their age; CBOR has tests of its own.
    if len(model_of(service).metadata["protocols"]) == 1 and "cbor" not in (
        headers.get("content-type") or ""
    ):
        found = check_reply(service, operation, status, headers, body)
    with _lock:
        called.add((service, operation))
        if status < 300:
            succeeded.add((service, operation))
        _violations.extend(f"{service} {operation} {status}: {text}" for text in found)


def _take():
    with _lock:
        found = list(dict.fromkeys(_violations))
        _violations.clear()
    return found


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    found = _take()
    if not found or item.get_closest_marker("injected") is not None:
        return
    text = "replies that differ from the models:\n  " + "\n  ".join(found[:VIOLATIONS_SHOWN])
    if len(found) > VIOLATIONS_SHOWN:
        text += f"\n  and {len(found) - VIOLATIONS_SHOWN} more"
    if report.passed:
        report.outcome = "failed"
        report.longrepr = text
    else:
        report.sections.append(("models", text))


# ---- coverage ----


def whole_run(config):
    """True when this run holds every contract test, so that `succeeded` can be judged."""
    return getattr(config, "millrace_whole_run", False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """The judgement about the whole run comes last."""
    items.sort(key=lambda item: item.path.name == "test_coverage.py")
    here = {item.path for item in items}
    wanted = {
        path
        for path in (ROOT / "tests").glob("*/test_*.py")
        if path.parent.name not in FAST_FOLDERS
    }
    narrowed = config.option.keyword or config.option.markexpr or config.option.deselect
    config.millrace_whole_run = wanted <= here and not narrowed
