"""transform.py and transform.c: what lands of a change, and that both say it in the same bytes."""
import base64
import importlib.util
import json
import pathlib
import random
import subprocess
import sys

import pytest

from runtime_api import RuntimeApi

ROOT = pathlib.Path(__file__).parents[2]
SALES = ROOT / "examples" / "sales"
BOOTSTRAP = ROOT / "src" / "lambda" / "bootstrap.py"

spec = importlib.util.spec_from_file_location("sales_transform", SALES / "transform.py")
transform = importlib.util.module_from_spec(spec)
spec.loader.exec_module(transform)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    made = tmp_path_factory.mktemp("transform") / "bootstrap"
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include")]
    subprocess.run(["cc", *flags, "-o", str(made), str(SALES / "transform.c")], check=True)
    return made


def change(new=None, old=None, name="INSERT", seconds=1718000000, keys=None, **more):
    body = {"ApproximateCreationDateTime": seconds, "Keys": keys or {"orderid": {"S": "o1"}}}
    if new is not None:
        body["NewImage"] = new
    if old is not None:
        body["OldImage"] = old
    body.update(
        {
            "SequenceNumber": "100000000000000000011",
            "SizeBytes": 36,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
    )
    return {
        "eventID": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": body,
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:111111111111:table/OrderTable/stream/x",
        **more,
    }


def order(**columns):
    return {"price": {"N": "9.5"}, "orderid": {"S": "o1"}, **columns}


def event(payloads):
    """A Firehose event with these bytes, or changes, as its records."""
    records = []
    for number, payload in enumerate(payloads):
        if not isinstance(payload, bytes):
            payload = json.dumps(payload, ensure_ascii=number % 2 == 0).encode()
        records.append(
            {
                "recordId": f"{49650000 + number:056d}000000",
                "approximateArrivalTimestamp": 1718000000123,
                "data": base64.b64encode(payload).decode(),
                "kinesisRecordMetadata": {"partitionKey": "o1", "subsequenceNumber": 0},
            }
        )
    return {"invocationId": "i", "region": "us-east-1", "records": records}


def landed(payload):
    """The one line that transform.py makes, or None when it refuses."""
    (record,) = transform.lambda_handler(event([payload]), None)["records"]
    if record["result"] != "Ok":
        assert record["result"] == "ProcessingFailed"
        assert record["data"] == event([payload])["records"][0]["data"]
        return None
    return base64.b64decode(record["data"]).decode()


def test_an_insert_becomes_one_flat_line():
    image = order(product_name={"S": "Tea pot"}, quantity={"N": "2"})
    assert landed(change(image)) == (
        '{"orderid":"o1","price":9.5,"product_name":"Tea pot","quantity":2,"cdc_event":"INSERT",'
        '"cdc_event_id":"0f1e2d3c4b5a69788796a5b4c3d2e1f0",'
        '"cdc_sequence":"100000000000000000011","cdc_time":1718000000}\n'
    )


def test_a_delete_lands_with_its_old_columns_or_with_its_key_alone():
    line = json.loads(landed(change(None, order(), name="REMOVE")))
    assert (line["cdc_event"], line["orderid"], line["price"]) == ("REMOVE", "o1", 9.5)
    line = json.loads(landed(change(name="REMOVE")))
    assert list(line) == ["orderid", "cdc_event", "cdc_event_id", "cdc_sequence", "cdc_time"]


def test_a_modification_lands_with_its_new_columns():
    line = json.loads(landed(change(order(), order(price={"N": "1"}), name="MODIFY")))
    assert line["price"] == 9.5


def test_numbers_keep_every_digit():
    digits = "-1234567890123456789.0123456789012345678"
    assert f'"price":{digits},' in landed(change(order(price={"N": digits})))


def test_an_attribute_cannot_pass_for_a_column_of_ours():
    line = json.loads(landed(change(order(cdc_event={"S": "fake"}, cdc_other={"S": "kept"}))))
    assert (line["cdc_event"], line["cdc_other"]) == ("INSERT", "kept")


@pytest.mark.parametrize("seconds", [1718000000, 1718000000.0, 1718000000.987])
def test_the_time_is_whole_seconds_however_it_was_written(seconds):
    assert json.loads(landed(change(order(), seconds=seconds)))["cdc_time"] == 1718000000


ODD_BUT_GOOD = [
    change(order()),
    change(order(name={"S": "Grüße, 😀 \u2028 \x7f"}, esc={"S": '"\\/\b\f\n\r\t\x01\x1f'})),
    change(order(), order(), name="MODIFY", seconds=1718000000.0),
    json.dumps(change(order())).replace("1718000000", "1.718E9").encode(),
    change(None, order(text={"S": ""}), name="REMOVE"),
    change(name="REMOVE", userIdentity={"principalId": "dynamodb.amazonaws.com"}),
    change({}, order(), name="MODIFY"),
    change(order(quantity={"N": "-3"}, big={"N": "9" * 38}, small={"N": "-0.000001"})),
    change(order(zero={"N": "0"}, expo={"N": "1E+20"}, tiny={"N": "1e-130"})),
    change(order(yes={"BOOL": True}, no={"BOOL": False}, none={"NULL": True}, blob={"B": "+/8="})),
    change(order(ss={"SS": ["a", 'b"', "ü"]}, ns={"NS": ["1", "-2.50"]},
                 bs={"BS": ["AQ==", "Ag=="]})),
    change(order(map={"M": {"a": {"N": "1"}, "l": {"L": [{"S": "x"}, {"M": {}}, {"L": []}]}}})),
    change(order(cdc_time={"N": "1"}, cdc_event={"S": "x"}, CDC_EVENT={"S": "y"})),
    change(order(**{"a.b": {"S": "dots"}, 'q"q': {"S": "quote"}, "ü": {"S": "key"}})),
    change(order(), keys={"orderid": {"S": 'o"1'}, "line": {"N": "7"}}),
    b" " + json.dumps(change(order()), indent=2).encode() + b"\r\n",
    json.dumps(change(order(path={"S": "a/b"}))).replace("/", "\\/").encode(),
    change(order(text={"S": "x" * 100000})),
]
BAD = [
    b"",
    b"{",
    b"not json",
    b"[]",
    b"17",
    b"null",
    b"{}",
    b'{"eventName":"INSERT","eventID":"1","dynamodb":7}',
    b'{"data": "\xff"}',
    json.dumps(change(order())).encode()[:-1],
    json.dumps(change(order())).encode() + b"}",
    json.dumps(change(order())).replace("9.5", "\\ud800").encode(),
    change(order(price={"N": "nine"})),
    change(order(price={"N": "01"})),
    change(order(price={"N": " 1"})),
    change(order(price={"N": "NaN"})),
    change(order(price={"X": "1"})),
    change(order(price={})),
    change(order(price={"S": "1", "N": "1"})),
    json.dumps(change(order(text={"S": "\ud800"}))).encode(),
    change(order(), seconds="2024-06-10T06:13:20Z"),
    {name: value for name, value in change(order()).items() if name != "eventID"},
    {name: value for name, value in change(order()).items() if name != "dynamodb"},
]


def sales(count, seed):
    """Changes as the generator makes them, seeded."""
    draw = random.Random(seed)
    products = ["Espresso machine", "Tea pot", "Café crème 250 g", "Mug \"XL\"", "ミルク", "Bag/Box"]
    changes = []
    for number in range(count):
        image = {
            "orderid": {"S": f"o-{draw.randrange(10**8):08d}"},
            "product_name": {"S": draw.choice(products)},
            "quantity": {"N": str(draw.randrange(1, 100))},
            "price": {"N": f"{draw.randrange(100000)}.{draw.randrange(100):02d}"},
        }
        keys = {"orderid": image["orderid"]}
        names = list(image)
        draw.shuffle(names)
        image = {name: image[name] for name in names}
        name = draw.choice(["INSERT", "MODIFY", "REMOVE"])
        made = change(None if name == "REMOVE" else image, image, name=name, keys=keys)
        made["eventID"] = f"{draw.randrange(2**128):032x}"
        made["dynamodb"]["SequenceNumber"] = f"{10**20 + number}"
        changes.append(made)
    return changes


def test_what_is_no_change_fails_alone():
    answer = transform.lambda_handler(event([change(order()), *BAD, change(order())]), None)
    results = [record["result"] for record in answer["records"]]
    assert results == ["Ok"] + ["ProcessingFailed"] * len(BAD) + ["Ok"]


@pytest.mark.parametrize("payloads", [ODD_BUT_GOOD, BAD, sales(2000, seed=20251122), []])
def test_both_transforms_give_the_same_bytes(program, payloads):
    sent = event(payloads)
    done = subprocess.run(
        [program], input=json.dumps(sent).encode(), capture_output=True, check=True, env={}
    )
    ours = json.loads(done.stdout)["records"]
    theirs = transform.lambda_handler(sent, None)["records"]
    assert len(ours) == len(theirs) == len(payloads)
    for payload, c_record, py_record in zip(payloads, ours, theirs):
        if c_record["result"] == "Ok":
            assert (base64.b64decode(c_record["data"])
                    == base64.b64decode(py_record["data"])), payload
        assert c_record == py_record, payload
    if payloads is not BAD:
        assert {record["result"] for record in ours} <= {"Ok"}


def test_both_answer_the_same_through_the_runtime_api(program, tmp_path):
    sent = event(sales(500, seed=7) + BAD)
    answers = []
    (tmp_path / "index.py").write_bytes((SALES / "transform.py").read_bytes())
    env = {"LAMBDA_TASK_ROOT": str(tmp_path), "_HANDLER": "index.lambda_handler"}
    for command in ([str(program)], [sys.executable, str(BOOTSTRAP)]):
        with RuntimeApi() as api, api.start(command, env) as function:
            answer = api.invoke(sent)
            assert answer.kind == "response"
            answers.append(json.loads(answer.body))
            failed = [record for record in answers[-1]["records"] if record["result"] != "Ok"]
            assert len(failed) == len(BAD)
            assert function.output().count("cannot transform") == len(BAD)
    assert answers[0] == answers[1]
