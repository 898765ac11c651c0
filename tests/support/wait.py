"""Waiting for a condition: the one place in the tests that may pause; and reading what grows."""

import time

# Waiting longer costs nothing where the condition comes true, and a busy machine has been seen to
# take half a minute for what takes a tenth of a second on an idle one.
PATIENCE_S = 90.0


def wait_until(predicate, timeout=PATIENCE_S, interval=0.02, message=None):
    """Calls `predicate` until it returns something true, and returns that.

    Fails with `message` (or the last value) once `timeout` seconds have gone.
    `message` may be a function, called only then.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = message() if callable(message) else message
            raise AssertionError(
                f"{text or 'the condition'} did not come true in {timeout} s; last value: {value!r}"
            )
        time.sleep(interval)


def whole_lines(path):
    """The lines of a file that somebody else appends to; not one that is only half there yet."""
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()
