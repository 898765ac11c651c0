"""Waiting for a condition: the one place in the tests that may pause."""

import time


def wait_until(predicate, timeout=15.0, interval=0.02, message=None):
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
