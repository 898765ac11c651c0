"""What the tests share: a server they own, and waiting for a condition with a deadline."""

from .server import Cli, Server
from .wait import wait_until, whole_lines

__all__ = ["Cli", "Server", "wait_until", "whole_lines"]
