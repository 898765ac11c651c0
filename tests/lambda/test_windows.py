"""Event source mappings with TumblingWindowInSeconds: a state handed on within a window of time."""

import json

import pytest
from botocore.exceptions import ClientError

from support import wait_until, whole_lines

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/"
MINUTE_MS = 60_000
# Adds up what it has seen; notes each event.
SUMS = (
    "import json\n\n\ndef handler(event, context):\n"
    "    state = dict(event['state'])\n"
    "    state['count'] = state.get('count', 0) + len(event['Records'])\n"
    "    with open(%r, 'a') as file:\n        file.write(json.dumps(event) + '\\n')\n"
    "    return {'state': state}\n"
)


class Windows:
    """A stream, a function that notes its events, and a mapping with windows between them."""

    def __init__(self, server, path):
        self.server, self.path = server, path
        self.kinesis, self.functions = server.client("kinesis"), server.client("lambda")
        self.kinesis.create_stream(StreamName="s", ShardCount=1)
        self.kinesis.get_waiter("stream_exists").wait(StreamName="s")

    def map(self, creator, source, seconds=60, **members):
        creator(self.functions, "f", source, Timeout=20)
        self.uuid = self.functions.create_event_source_mapping(
            FunctionName="f", EventSourceArn=STREAM + "s", StartingPosition="TRIM_HORIZON",
            TumblingWindowInSeconds=seconds, **members,
        )["UUID"]  # fmt: skip
        wait_until(lambda: self.mapping()["State"] == "Enabled")

    def mapping(self):
        return self.functions.get_event_source_mapping(UUID=self.uuid)

    def put(self, *data):
        for one in data:
            self.kinesis.put_record(StreamName="s", PartitionKey="k", Data=one.encode())

    def events(self):
        return [json.loads(line) for line in whole_lines(self.path)]

    def wait(self, count):
        wait_until(lambda: sum(len(it["Records"]) for it in self.events()) == count)

    def wait_for_end(self, count=1):
        wait_until(lambda: len(self.ends()) == count)
        return self.ends()[-1]

    def ends(self):
        return [it for it in self.events() if it["isFinalInvokeForWindow"]]


@pytest.fixture
def windows(own_server, tmp_path):
    """The clock stands a second behind the beginning of a minute."""
    own_server.clock.hold()
    now_ms = own_server.clock.now_ms
    own_server.clock.set_ms(now_ms - now_ms % MINUTE_MS + MINUTE_MS + 1000)
    return Windows(own_server, tmp_path / "events")


def test_a_window_adds_up_and_ends_with_a_call_without_records(windows, creator):
    windows.map(creator, SUMS % str(windows.path))
    windows.put("a", "b")
    windows.wait(2)
    windows.put("c")
    windows.wait(3)
    first, last = windows.events()[0], windows.events()[-1]
    assert list(first) == [
        "Records", "window", "state", "shardId", "eventSourceARN",
        "isFinalInvokeForWindow", "isWindowTerminatedEarly",
    ]  # fmt: skip
    assert (first["state"], last["state"]) == ({}, {"count": 2})
    assert (first["shardId"], first["eventSourceARN"]) == ("shardId-000000000000", STREAM + "s")
    windows.server.clock.advance(seconds=58)
    windows.put("d")
    windows.wait(4)
    assert windows.ends() == []
    windows.server.clock.advance(seconds=3)
    end = windows.wait_for_end()
    assert (end["Records"], end["state"]) == ([], {"count": 4})
    assert end["window"]["start"][-4:] == end["window"]["end"][-4:] == ":00Z"
    assert not end["isWindowTerminatedEarly"]
    windows.put("e")
    windows.wait(5)
    assert windows.events()[-1]["state"] == {}
    assert windows.events()[-1]["window"]["start"] == end["window"]["end"]


def test_a_batch_does_not_cross_windows_and_a_later_record_ends_the_one_before(windows, creator):
    windows.put("a", "b")
    windows.server.clock.advance(seconds=60)
    windows.put("c")
    windows.map(creator, SUMS % str(windows.path))
    windows.wait(3)
    told = [(len(it["Records"]), it["isFinalInvokeForWindow"]) for it in windows.events()]
    assert told == [(2, False), (0, True), (1, False)]
    assert windows.events()[1]["state"] == {"count": 2}


def test_the_state_outlives_the_server(windows, creator):
    windows.map(creator, SUMS % str(windows.path))
    # In one batch: of two, the second could be done and not stored yet when the server ends.
    windows.kinesis.put_records(
        StreamName="s", Records=[{"PartitionKey": "k", "Data": data} for data in (b"a", b"b")]
    )
    windows.wait(2)
    wait_until(lambda: windows.mapping()["LastProcessingResult"] == "OK")
    now_ms = windows.server.clock.now_ms
    windows.server.restart()
    windows.server.clock.hold()
    windows.server.clock.set_ms(max(now_ms + 61_000, windows.server.clock.now_ms))
    end = windows.wait_for_end()
    assert end["state"] == {"count": 2}
    assert sum(len(it["Records"]) for it in windows.events()) == 2


def test_an_answer_without_a_state_is_a_failure(windows, creator):
    windows.map(creator, (SUMS % str(windows.path)).replace("{'state': state}", "{}"),
                MaximumRetryAttempts=0)  # fmt: skip
    windows.put("a")
    wait_until(lambda: windows.mapping()["LastProcessingResult"].startswith("PROBLEM"))


def test_the_end_is_tried_until_it_succeeds(windows, creator, tmp_path):
    gate = tmp_path / "gate"
    windows.map(creator, SUMS % str(windows.path) + (
        "\n\nold = handler\n\n\ndef handler(event, context):\n    import os\n"
        f"    if event['isFinalInvokeForWindow'] and not os.path.exists({str(gate)!r}):\n"
        "        raise ValueError('not yet')\n    return old(event, context)\n"
    ))  # fmt: skip
    windows.put("a")
    windows.wait(1)
    windows.server.clock.advance(seconds=62)
    wait_until(lambda: windows.mapping()["LastProcessingResult"].startswith("PROBLEM"))
    gate.touch()
    windows.server.clock.release()
    assert windows.wait_for_end()["state"] == {"count": 1}


def test_a_state_that_is_too_large_ends_early(windows, creator):
    grow = "    if event['Records']:\n        state['big'] = 'x' * (1 << 20)\n"
    source = (SUMS % str(windows.path)).replace("    return {", grow + "    return {")
    windows.map(creator, source)
    windows.put("a")
    wait_until(lambda: any(it["isWindowTerminatedEarly"] for it in windows.events()))
    early = windows.events()[-1]
    assert (early["Records"], early["isFinalInvokeForWindow"]) == ([], False)
    assert early["state"]["count"] == 1 and len(early["state"]["big"]) == 1 << 20
    windows.put("b")
    windows.wait(2)
    again = [it for it in windows.events() if it["Records"]][-1]
    assert (again["state"], again["window"]) == ({}, early["window"])


def test_a_window_s_batches_come_one_after_the_other(windows, creator):
    windows.map(creator, SUMS % str(windows.path))
    for call, members in (
        (windows.functions.update_event_source_mapping, {"UUID": windows.uuid}),
        (windows.functions.create_event_source_mapping, {
            "FunctionName": "f", "EventSourceArn": STREAM + "s", "StartingPosition": "LATEST",
            "TumblingWindowInSeconds": 5,
        }),
    ):  # fmt: skip
        with pytest.raises(ClientError) as caught:
            call(ParallelizationFactor=2, **members)
        assert "ParallelizationFactor above 1" in caught.value.response["Error"]["Message"]
    windows.functions.update_event_source_mapping(UUID=windows.uuid, TumblingWindowInSeconds=0)
    wait_until(lambda: windows.mapping()["State"] == "Enabled")
    windows.put("a")
    wait_until(lambda: windows.path.exists() or
               windows.mapping()["LastProcessingResult"].startswith("PROBLEM"))  # fmt: skip
