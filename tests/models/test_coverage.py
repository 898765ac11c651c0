"""What `millrace ops` calls implemented has answered some test of the run with success."""

import subprocess

import pytest

from support import conform_plugin
from support.server import millrace_bin

# What the first five would show cannot be put yet, so "there is none" is the right answer; and to
# versions the answer is a plain no.
ALWAYS_REFUSED = {
    ("s3", "GetBucketCors"),
    ("s3", "GetBucketLifecycleConfiguration"),
    ("s3", "GetBucketReplication"),
    ("s3", "GetBucketWebsite"),
    ("s3", "GetObjectLockConfiguration"),
    ("s3", "PutBucketVersioning"),
}


def implemented():
    done = subprocess.run([millrace_bin(), "ops"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("+ ")]
    return {(service, operation) for _, service, operation in rows}


def test_every_operation_was_called(request):
    if not conform_plugin.whole_run(request.config):
        pytest.skip("only a run of every contract test can tell")
    answered = conform_plugin.succeeded | (ALWAYS_REFUSED & conform_plugin.called)
    missing = implemented() - answered
    text = "\n".join(
        f"  {service} {operation}"
        + (" (called, never with success)" if (service, operation) in conform_plugin.called else "")
        for service, operation in sorted(missing)
    )
    assert not missing, f"{len(missing)} operations that no test saw succeed:\n{text}"
