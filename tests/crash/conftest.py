"""What the crash tests share."""

from support.wire import NEVER_SENT, UNKNOWN, Wire

__all__ = ["NEVER_SENT", "UNKNOWN", "Wire"]
