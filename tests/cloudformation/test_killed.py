"""The server ends in the middle of an operation; at the next start the operation goes on."""

import random
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from support import wait_until

PARAMETERS = [{"ParameterKey": "BufferSeconds", "ParameterValue": "0"}]
ROUNDS = 4


class Call(threading.Thread):
    """A call whose server may die under it; answered says whether the reply arrived."""

    def __init__(self, call):
        super().__init__()
        self.call, self.answered = call, False
        self.start()

    def run(self):
        try:
            self.call()
            self.answered = True
        except (BotoCoreError, ClientError):
            pass


def kill_during(server, call, rng):
    """Kills the server a random number of events after the call began, and starts it again.

    Returns whether the call was answered: work begins before the journal is synced, so a kill
    may come while nothing is durable yet, and then nothing was promised either.
    """
    path = server.log_path
    at, wanted = path.stat().st_size, rng.randrange(1, 5)
    call = Call(call)
    # Each line of the log is a change of some resource.
    wait_until(lambda: server.log(at).count("\n") >= wanted, interval=0.001)
    server.kill9()
    call.join()
    server.start()
    return call.answered


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_deployment_goes_on_after_kill_9(own_server, stacks_of, pipeline, seed):
    rng = random.Random(seed)
    name, server = f"killed-{seed}", own_server
    stacks = stacks_of(server)
    body = pipeline.read_text()

    def create():
        stacks.client.create_stack(
            StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"],
            Parameters=PARAMETERS,
        )

    answered = kill_during(server, create, rng)
    stacks = stacks_of(server)
    if not answered and not stacks.client.list_stacks()["StackSummaries"]:
        create()
    stack = stacks.wait(name, "CREATE_COMPLETE")
    outputs = stacks.outputs(name)
    pipe = server.client("pipes").describe_pipe(Name=outputs["PipeName"])
    assert pipe["CurrentState"] == "RUNNING"
    # Nothing was made twice.
    assert server.client("dynamodb").list_tables()["TableNames"] == ["OrderTable"]
    assert len(server.client("kinesis").list_streams()["StreamNames"]) == 1
    assert len(server.client("s3").list_buckets()["Buckets"]) == 1
    assert len(server.client("lambda").list_functions()["Functions"]) == 1
    roles = server.client("iam").list_roles()["Roles"]
    assert len(roles) == 4
    groups = server.client("athena").list_named_queries(WorkGroup=outputs["WorkGroupName"])
    assert len(groups["NamedQueryIds"]) == 3
    done = [e[0] for e in stacks.events(name) if e[1] == "CREATE_COMPLETE"]
    assert len(done) == len(set(done)) == len(stacks.resources(name)) + 1

    def delete():
        stacks.client.delete_stack(StackName=name)

    answered = kill_during(server, delete, rng)
    stacks = stacks_of(server)
    if not answered:
        delete()
    stacks.wait(stack["StackId"], "DELETE_COMPLETE")
    assert server.client("dynamodb").list_tables()["TableNames"] == []
    assert server.client("iam").list_roles()["Roles"] == []
    assert len(server.client("s3").list_buckets()["Buckets"]) == 1  # retained


def test_a_stopped_server_leaves_the_rest_for_the_next_start(own_server, stacks_of, pipeline):
    stacks = stacks_of(own_server)
    stacks.client.create_stack(
        StackName="stopped", TemplateBody=pipeline.read_text(), Capabilities=["CAPABILITY_IAM"]
    )
    own_server.restart()
    stacks_of(own_server).wait("stopped", "CREATE_COMPLETE")


def test_a_reset_in_the_middle_leaves_nothing(own_server, stacks_of, pipeline):
    stacks = stacks_of(own_server)
    for _ in range(3):
        stacks.client.create_stack(
            StackName="reset", TemplateBody=pipeline.read_text(), Capabilities=["CAPABILITY_IAM"]
        )
        own_server.reset()
        assert stacks.client.list_stacks()["StackSummaries"] == []
        assert own_server.client("iam").list_roles()["Roles"] == []


def test_a_deletion_takes_over_a_creation(own_server, stacks_of, pipeline):
    stacks = stacks_of(own_server)
    stack_id = stacks.client.create_stack(
        StackName="early", TemplateBody=pipeline.read_text(), Capabilities=["CAPABILITY_IAM"]
    )["StackId"]
    stacks.client.delete_stack(StackName="early")
    stacks.wait(stack_id, "DELETE_COMPLETE")
    assert own_server.client("dynamodb").list_tables()["TableNames"] == []
    assert own_server.client("iam").list_roles()["Roles"] == []


def test_many_stacks_at_once(own_server, stacks_of):
    stacks = stacks_of(own_server)
    body = "Resources: {A: {Type: 'AWS::Logs::LogGroup'}, B: {Type: 'AWS::S3::Bucket'}}"
    names = [f"many-{number}" for number in range(40)]
    threads = [
        Call(lambda name=name: stacks.client.create_stack(StackName=name, TemplateBody=body))
        for name in names
    ]
    for thread in threads:
        thread.join()
    for name in names:
        stacks.wait(name, "CREATE_COMPLETE")
    assert len(own_server.client("s3").list_buckets()["Buckets"]) == len(names)
