"""A command line tool of somebody else's, run against a server in an environment of its own."""

import subprocess

from .server import clean_environment

DEADLINE_S = 600  # a busy machine is slow
SHOWN_BYTES = 6000


class Tool:
    """run('plan') -> (exit status, all it printed); must('apply') -> what it printed."""

    def __init__(self, folder, before=(), after=(), **environment):
        """`before` and `after` stand around the words of each command; it runs in `folder`."""
        self.folder, self.before, self.after = folder, before, after
        self.environment = {**clean_environment(), **environment}

    def run(self, *words):
        done = subprocess.run(
            [*self.before, *words, *self.after], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=DEADLINE_S,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def must(self, *words):
        code, text = self.run(*words)
        assert code == 0, text[-SHOWN_BYTES:]
        return text
