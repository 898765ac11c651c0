"""The wire without an SDK: quick enough to load the server, and plain about what it knows.

A request ends in one of three ways: answered; never sent (the connection was refused); or unknown
(sent, and the connection ended): the server may or may not have done it.
"""

import http.client
import json

NEVER_SENT = "never sent"
UNKNOWN = "unknown"


class Wire:
    """One keep-alive connection to DynamoDB; a thread has its own."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def call(self, operation, body):
        """(status, reply) of the answer, or NEVER_SENT, or UNKNOWN."""
        if self.connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
            try:
                connection.connect()
            except OSError:
                return NEVER_SENT
            self.connection = connection
        try:
            self.connection.request("POST", "/", json.dumps(body), {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            })  # fmt: skip
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            self.close()
            return UNKNOWN

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
