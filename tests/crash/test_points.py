"""kill -9 at every named point (src/base/point.h), under load, in every topology: each acknowledged
change lands once, in order per item, whatever step was the last.

`millrace points` lists the points. Each is struck once at least: a point that nobody passes fails
the test, and so shows what the load leaves out. Then come kills at the N-th passing of any point,
some of them of the recovery before.

POINTS_SEED=n repeats the choices of a run (not the moments that the machine makes of them);
POINTS_KILLS=n asks for so many kills; POINTS_ONLY=a,b strikes these points alone.
"""

import contextlib
import itertools
import json
import os
import random
import re
import secrets
import subprocess
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError
from support import wait_until
from support.chain import ROLE, make_function, quiet, wait_for_landing
from support.server import millrace_bin

from .conftest import Wire
from .test_kill import Load, at_work, count_up, own, put_new
from .topologies import HOT, check_lake, set_up

KILLS = int(os.environ.get("POINTS_KILLS", 0))
ONLY = list(filter(None, os.environ.get("POINTS_ONLY", "").split(",")))
STRUCK_WITHIN_S = 12
LANDED_WITHIN_S = 300
ANY_MAX = 4000  # the N of "any"
SMALL = ["--segment-bytes", 65536 * 4, "--memtable-bytes", 65536 * 2]
# Passed while the server starts; the others while it runs.
AT_START = re.compile(r"journal\.recover|view\.replay|journal\.recovered|s3\.collect")
# Passed only when old segments go, for which the clock must move by more than records are kept:
# what has not landed by then is lost, as it is on AWS.
NEEDS_TIME = re.compile(r"journal\.drop|view\.retain")
# A stream may be scaled ten times a day: only those who look for it do so.
FOCUSED = "kinesis."
SOON_AFTER_START = "s3.collect"  # once, beside the first requests
TEMPLATE = json.dumps({"Resources": {
    "A": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "stack-a"}},
    "B": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "stack-b"}},
}})  # fmt: skip


def points():
    listed = subprocess.run([millrace_bin(), "points"], capture_output=True, text=True, check=True)
    return [line.split()[1] for line in listed.stdout.splitlines()]


def ask_points(server, **wish):
    status, _, body = server.request("POST", "/_millrace/points", json.dumps(wish))
    assert status == 200, body
    return json.loads(body)


class Paced(Load):
    """Writers that leave the machine to the server between two writes, and rest when told to."""

    def __init__(self, port, seed):
        super().__init__(port, seed)
        self.change, self.writing, self.rests = threading.Condition(), 0, False

    def issue(self, wire, operation, body):
        self.ending.wait(0.02)
        with self.change:
            self.change.wait_for(lambda: not self.rests or self.ending.is_set())
            self.writing += 1
        try:
            return super().issue(wire, operation, body)
        finally:
            with self.change:
                self.writing -= 1
                self.change.notify_all()

    @contextlib.contextmanager
    def at_rest(self):
        """While the server is up: nobody is between a request and its answer."""
        with self.change:
            self.rests = True
            self.change.wait_for(lambda: self.writing == 0)
        try:
            yield
        finally:
            with self.change:
                self.rests = False
                self.change.notify_all()


class Bustle(threading.Thread):
    """Everything else that a server does, over and over, whatever comes of it: backups, exports,
    imports, crawls, stacks, shards that split and merge, events for functions, large objects."""

    def __init__(self, server, load):
        super().__init__(name="bustle")
        self.server, self.load, self.numbers = server, load, itertools.count()
        self.failures, self.focus = [], ""
        self.acts = [
            ("s3.", self.object), ("dynamodb.backup", self.backup),
            ("dynamodb.export", self.export), ("dynamodb.import", self.load_table),
            ("dynamodb.fill", self.load_table), ("glue.", self.crawl),
            ("cloudformation.", self.stack), ("kinesis.reshard", self.reshard),
            ("lambda.event", self.event), ("iceberg.", self.iceberg),
        ]  # fmt: skip

    def run(self):
        for number in self.numbers:
            if self.load.ending.is_set():
                return
            if not self.load.up.wait(0.05):
                continue
            focus = self.focus
            wanted = [act for prefix, act in self.acts if focus.startswith(prefix)]
            others = [act for prefix, act in self.acts if not prefix.startswith(FOCUSED)]
            act = wanted[0] if wanted else others[number % len(others)]
            try:
                act(number)
            except (ClientError, BotoCoreError, OSError):
                pass  # the server died meanwhile, or the last round left it half done
            except Exception as failure:  # told by the test
                self.failures.append(failure)
            self.load.ending.wait(0.02)

    def object(self, number):
        s3 = self.server.client("s3")
        s3.put_object(Bucket="side", Key=f"big-{number % 3}", Body=b"x" * 40000)
        s3.put_object(Bucket="side", Key=f"big-{number % 3}", Body=b"y" * 50000)

    def backup(self, number):
        db = self.server.client("dynamodb")
        made = db.create_backup(TableName="side", BackupName=f"b-{number}")
        db.delete_backup(BackupArn=made["BackupDetails"]["BackupArn"])

    def export(self, number):
        db = self.server.client("dynamodb")
        arn = db.describe_table(TableName="side")["Table"]["TableArn"]
        db.export_table_to_point_in_time(TableArn=arn, S3Bucket="side", S3Prefix="exports")

    def load_table(self, number):
        db = self.server.client("dynamodb")
        quiet(db.delete_table, TableName=f"loaded-{number % 4}")
        db.import_table(
            S3BucketSource={"S3Bucket": "side", "S3KeyPrefix": "rows/"}, InputFormat="CSV",
            TableCreationParameters={
                "TableName": f"loaded-{(number + 1) % 4}", "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]},
        )  # fmt: skip

    def crawl(self, number):
        self.server.client("glue").start_crawler(Name="side")

    def stack(self, number):
        stacks = self.server.client("cloudformation")
        name = f"stack-{number % 2}"
        quiet(stacks.delete_stack, StackName=f"stack-{(number + 1) % 2}")
        stacks.create_stack(StackName=name, TemplateBody=TEMPLATE)

    def iceberg(self, number):
        run_sql(self.server, "ALTER TABLE side_ice SET TBLPROPERTIES "
                f"('vacuum_min_snapshots_to_keep'='{1 + number % 9}')")  # fmt: skip

    def reshard(self, number):
        kinesis = self.server.client("kinesis")
        quiet(kinesis.update_shard_count, StreamName="changes", ScalingType="UNIFORM_SCALING",
              TargetShardCount=2 + number % 2)  # fmt: skip

    def event(self, number):
        self.server.client("lambda").invoke(
            FunctionName="nothing", InvocationType="Event", Payload=b"{}"
        )


def run_sql(server, sql):
    server.client("athena").start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": "lake"},
        ResultConfiguration={"OutputLocation": "s3://side/results/"})  # fmt: skip


def set_up_side(server):
    """What the bustle works on."""
    s3, db = server.client("s3"), server.client("dynamodb")
    s3.create_bucket(Bucket="side")
    s3.put_object(Bucket="side", Key="rows/a.csv", Body=b"id,n\n" + b"".join(
        b"i%d,%d\n" % (n, n) for n in range(50)))  # fmt: skip
    db.create_table(
        TableName="side", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    for number in range(30):
        db.put_item(TableName="side", Item={"id": {"S": f"s{number}"}, "t": {"S": "z" * 900}})
    db.update_continuous_backups(TableName="side", PointInTimeRecoverySpecification={
        "PointInTimeRecoveryEnabled": True})  # fmt: skip
    server.client("glue").create_crawler(
        Name="side", Role=ROLE, DatabaseName="lake",
        Targets={"S3Targets": [{"Path": "s3://side/rows/"}]},
    )  # fmt: skip
    quiet(server.client("glue").create_database, DatabaseInput={"Name": "lake"})
    run_sql(server, "CREATE TABLE side_ice (id int) LOCATION 's3://side/ice/' "
            "TBLPROPERTIES ('table_type'='ICEBERG')")  # fmt: skip
    make_function(server, "nothing", "def handler(event, context):\n    return 1\n")


class Rounds:
    """Kills, restarts, and what was struck."""

    def __init__(self, server, load, bustle):
        self.server, self.load, self.bustle = server, load, bustle
        self.struck, self.never, self.kills, self.starts_s = {}, [], 0, []
        self.log_at = 0

    def note(self):
        """What the log says was struck since the last look."""
        log = self.server.log(self.log_at)
        self.log_at = self.server.log_path.stat().st_size
        for name, number in re.findall(r"^millrace: struck (\S+) (\d+) kill$", log, re.MULTILINE):
            self.struck.setdefault(name, []).append(int(number))
            self.kills += 1

    def start(self):
        begun = time.monotonic()
        self.server.start()
        self.starts_s.append(time.monotonic() - begun)
        self.load.up.set()

    def arm(self, spec, hours=0):
        try:
            ask_points(self.server, arm=[spec])
            if hours:
                self.server.clock.advance(hours=hours)
        except (OSError, AssertionError):
            pass  # it died at once

    def while_running(self, spec, within_s=STRUCK_WITHIN_S):
        """Arms it and waits for the end. False: nobody passed."""
        server = self.server
        if NEEDS_TIME.match(spec):
            with self.load.at_rest():
                wait_for_landing(server, timeout_ms=LANDED_WITHIN_S * 1000)
                self.arm(spec, hours=25)
        else:
            self.arm(spec)
        try:
            wait_until(lambda: not server.running, timeout=within_s, interval=0.003)
        except AssertionError:
            try:
                ask_points(server, disarm=True)
                return False
            except OSError:  # it was passed after all
                wait_until(lambda: not server.running)
        self.load.up.clear()
        self.note()
        self.start()
        return True

    def wait_for_end(self):
        begun = time.monotonic()
        wait_until(lambda: not self.server.running
                   or time.monotonic() - begun > STRUCK_WITHIN_S, interval=0.003)  # fmt: skip

    def while_starting(self, *specs):
        """Kills a running server, and those that start one after the other."""
        server, plain = self.server, list(self.server.args)
        self.load.up.clear()
        server.kill9()
        self.kills += 1
        for spec in specs:
            server.args = [*plain, "--fault-at", spec]
            try:
                server.start()
                if spec.startswith(SOON_AFTER_START):
                    self.wait_for_end()
                server.kill9()  # it was not passed
            except AssertionError as refused:
                assert "exit status -9" in str(refused) or "status None" in str(refused), refused
            self.note()
        server.args = plain
        self.start()

    def strike(self, name, number):
        before, begun = len(self.struck.get(name, [])), time.monotonic()
        self.bustle.focus = name
        spec = f"{name}:{number}:kill"
        if AT_START.match(name):
            self.while_starting(spec)
        else:
            self.while_running(spec)
        print(f"{spec} {time.monotonic() - begun:.2f} s")
        return len(self.struck.get(name, [])) > before


def strike_all(rounds, rng):
    names = ONLY or points()
    rng.shuffle(names)
    for name in names:
        once = NEEDS_TIME.match(name) or name == SOON_AFTER_START or name.startswith(FOCUSED)
        number = 1 if once else rng.choice([1, 1, 2, 3])
        if not rounds.strike(name, number) and not rounds.strike(name, 1):
            rounds.never.append(name)


def strike_any(rounds, rng, kills):
    names = [name for name in points() if not NEEDS_TIME.match(name)]
    at_start = [name for name in names if AT_START.match(name) and name != SOON_AFTER_START]
    rounds.bustle.focus = ""
    while rounds.kills < kills:
        if rounds.kills % 100 == 0:
            print(f"{rounds.kills} kills")
        kind = rng.random()
        if kind < 0.7:
            rounds.while_running(f"any:{rng.randrange(1, ANY_MAX)}:kill")
        elif kind < 0.85:
            rounds.while_running(f"{rng.choice(names)}:{rng.randrange(1, 20)}:kill", 0.5)
        else:
            rounds.while_starting(*(f"{rng.choice(at_start)}:{rng.randrange(1, 4)}:kill"
                                    for _ in range(rng.randrange(1, 4))))  # fmt: skip


def test_every_change_lands_once_whatever_step_was_the_last(make_server, tmp_path):
    seed = int(os.environ.get("POINTS_SEED", secrets.randbits(32)))
    print(f"POINTS_SEED={seed}")
    rng, seen = random.Random(seed), tmp_path / "seen"
    seen.touch()
    server = make_server(*SMALL)
    set_up(server, seen)
    set_up_side(server)
    load = Paced(server.port, seed)
    bustle = Bustle(server, load)
    threads = [threading.Thread(target=own, args=(load, n)) for n in range(2)]
    threads += [threading.Thread(target=count_up, args=(load, 0)), bustle]
    rounds, begun = Rounds(server, load, bustle), time.monotonic()
    with at_work(load, threads):
        load.up.set()
        strike_all(rounds, rng)
        strike_any(rounds, rng, KILLS)
    took_s = time.monotonic() - begun
    print(f"{rounds.kills} kills at {len(rounds.struck)} points in {took_s:.0f} s; "
          f"a start took {sum(rounds.starts_s) / len(rounds.starts_s) * 1000:.0f} ms")  # fmt: skip
    assert not bustle.failures, bustle.failures[:3]
    # No filter leaves them out, and every shard and lane has some.
    sentinels = [f"{HOT}sentinel-{n}" for n in range(64)]
    put_new(Wire(server.port), sentinels)
    counts = check_lake(server, load, sentinels, seen)
    print(counts)
    assert not rounds.never, f"nobody passed {rounds.never}"
