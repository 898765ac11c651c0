"""Random update expressions, held against an evaluator of their own that is as plain as can be."""

import copy
import decimal
import random

from .conftest import raw

CASES = 1500
MISSING = "The provided expression refers to an attribute that does not exist in the item"
BAD_TYPE = "An operand in the update expression has an incorrect data type"
BAD_PATH = "The document path provided in the update expression is invalid for update"
NAMES = ["n", "s", "l", "m", "ns", "ss", "absent", "gone"]
DECIMALS = decimal.Context(prec=38)


class Refused(Exception):
    pass


# ---- values and paths, at random ----


def number(choice):
    return {"N": str(choice.randint(-50, 50))}


def value(choice, depth=2):
    kind = choice.choice(["N", "S", "BOOL", "NULL", "NS", "SS", "L", "M"] if depth else ["N", "S"])
    if kind == "N":
        return number(choice)
    if kind == "S":
        return {"S": choice.choice(["", "a", "bb"])}
    if kind == "BOOL":
        return {"BOOL": choice.random() < 0.5}
    if kind == "NULL":
        return {"NULL": True}
    if kind == "NS":
        return {"NS": [str(n) for n in choice.sample(range(6), choice.randint(1, 4))]}
    if kind == "SS":
        return {"SS": choice.sample(["a", "b", "c", "d"], choice.randint(1, 3))}
    if kind == "L":
        return {"L": [value(choice, depth - 1) for _ in range(choice.randint(0, 3))]}
    keys = choice.sample("xyz", choice.randint(0, 3))
    return {"M": {key: value(choice, depth - 1) for key in keys}}


def item(choice):
    made = {
        "n": number(choice),
        "s": {"S": "text"},
        "l": {"L": [value(choice, 1) for _ in range(choice.randint(0, 4))]},
        "m": {"M": {key: value(choice, 1) for key in choice.sample("xyz", choice.randint(1, 3))}},
        "ns": {"NS": ["1", "2", "3"]},
        "ss": {"SS": ["a", "b"]},
        "gone": value(choice),
    }
    return {name: made[name] for name in made if choice.random() < 0.85}


def path(choice, top):
    steps = [top]
    while len(steps) < 3 and choice.random() < (0.75 if top in "lm" else 0.15):
        steps.append(choice.randint(0, 4) if choice.random() < 0.5 else choice.choice("xyz"))
    return steps


# ---- the evaluator ----


def look_up(held, steps):
    """The value at a path, or None."""
    at = held.get(steps[0])
    for step in steps[1:]:
        if at is None:
            return None
        if isinstance(step, int):
            at = at["L"][step] if "L" in at and step < len(at["L"]) else None
        else:
            at = at["M"].get(step) if "M" in at else None
    return at


def parent_of(new, steps):
    """What the last step of a path leads into: a dict or a list."""
    if len(steps) == 1:
        return new
    at = look_up(new, steps[:-1])
    kind = "L" if isinstance(steps[-1], int) else "M"
    if at is None or kind not in at:
        raise Refused(BAD_PATH)
    return at[kind]


def store(new, steps, stored):
    inside = parent_of(new, steps)
    if isinstance(inside, list) and steps[-1] >= len(inside):
        inside.append(stored)
    else:
        inside[steps[-1]] = stored


def remove(new, steps):
    inside = parent_of(new, steps)
    if isinstance(inside, list):
        del inside[steps[-1] : steps[-1] + 1]
    else:
        inside.pop(steps[-1], None)


def plus(left, right, sign=1):
    if "N" not in left or "N" not in right:
        raise Refused(BAD_TYPE)
    total = DECIMALS.add(
        decimal.Decimal(left["N"]), DECIMALS.multiply(sign, decimal.Decimal(right["N"]))
    )
    return {"N": f"{total:f}"}


def operand(old, tree):
    kind, *rest = tree
    if kind == "value":
        return rest[0]
    if kind == "path":
        found = look_up(old, rest[0])
        if found is None:
            raise Refused(MISSING)
        return found
    if kind == "if_not_exists":
        found = look_up(old, rest[0])
        return operand(old, rest[1]) if found is None else found
    left, right = operand(old, rest[0]), operand(old, rest[1])
    if kind == "list_append":
        if "L" not in left or "L" not in right:
            raise Refused(BAD_TYPE)
        return {"L": left["L"] + right["L"]}
    return plus(left, right, 1 if kind == "+" else -1)


def add(old, new, steps, added):
    held = look_up(old, steps)
    if held is None:
        stored = added
    elif "N" in added:
        stored = plus(held, added)
    else:
        kind = next(iter(added))
        if kind not in held:
            raise Refused(BAD_TYPE)
        stored = {kind: sorted(set(held[kind]) | set(added[kind]))}
    store(new, steps, stored)


def delete(old, new, steps, taken):
    held, kind = look_up(old, steps), next(iter(taken))
    if held is None:
        parent_of(new, steps)
        return
    if kind not in held:
        raise Refused(BAD_TYPE)
    left = sorted(set(held[kind]) - set(taken[kind]))
    if left:
        store(new, steps, {kind: left})
    else:
        remove(new, steps)


def apply(old, actions):
    """The new item, and every reason to refuse the update."""
    new, reasons = copy.deepcopy(old), set()
    for kind, steps, *rest in actions:
        try:
            if kind == "SET":
                store(new, steps, copy.deepcopy(operand(old, rest[0])))
            elif kind == "REMOVE":
                remove(new, steps)
            elif kind == "ADD":
                add(old, new, steps, rest[0])
            else:
                delete(old, new, steps, rest[0])
        except Refused as refused:
            reasons.add(str(refused))
    return new, reasons


# ---- expressions ----


class Writer:
    """The text of an expression, its names and values."""

    def __init__(self):
        self.names, self.values = {}, {}

    def path(self, steps):
        text = ""
        for step in steps:
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                self.names["#" + step] = step
                text += ("." if text else "") + "#" + step
        return text

    def value(self, held):
        name = f":v{len(self.values)}"
        self.values[name] = held
        return name

    def operand(self, tree):
        kind, *rest = tree
        if kind == "value":
            return self.value(rest[0])
        if kind == "path":
            return self.path(rest[0])
        if kind == "if_not_exists":
            return f"if_not_exists({self.path(rest[0])}, {self.operand(rest[1])})"
        if kind == "list_append":
            return f"list_append({self.operand(rest[0])}, {self.operand(rest[1])})"
        return f"{self.operand(rest[0])} {kind} {self.operand(rest[1])}"

    def expression(self, actions):
        clauses = {}
        for kind, steps, *rest in actions:
            text = self.path(steps)
            if kind == "SET":
                text += " = " + self.operand(rest[0])
            elif kind != "REMOVE":
                text += " " + self.value(rest[0])
            clauses.setdefault(kind, []).append(text)
        return " ".join(f"{kind} {', '.join(texts)}" for kind, texts in clauses.items())


def simple_operand(choice):
    kind = choice.randint(0, 3)
    if kind == 0:
        return ("value", value(choice))
    if kind == 1:
        return ("path", path(choice, choice.choice(NAMES)))
    if kind == 2:
        return ("if_not_exists", path(choice, choice.choice(NAMES)), ("value", value(choice)))
    # A value of the wrong type is refused before any item is looked at: that is tested elsewhere.
    return ("list_append", ("path", ["l"]), ("value", {"L": [value(choice, 1)]}))


def numeric_operand(choice):
    if choice.random() < 0.5:
        return ("value", number(choice))
    return ("path", path(choice, choice.choice(["n", "n", "m", "l", "s", "absent"])))


def action(choice, top):
    kind = choice.choice(["SET", "SET", "SET", "REMOVE", "ADD", "DELETE"])
    steps = path(choice, top)
    if kind == "SET" and choice.random() < 0.4:
        sign = choice.choice("+-")
        return (kind, steps, (sign, numeric_operand(choice), numeric_operand(choice)))
    if kind == "SET":
        return (kind, steps, simple_operand(choice))
    if kind == "REMOVE":
        return (kind, steps)
    sets = [{"NS": ["3", "4"]}, {"SS": ["b", "c"]}, {"NS": ["1", "2", "3"]}, {"SS": ["a", "b"]}]
    return (kind, steps, choice.choice(sets + [number(choice)] if kind == "ADD" else sets))


def in_order(held):
    """Sets have no order."""
    if isinstance(held, dict):
        return {
            key: sorted(inner) if key in ("NS", "SS") else in_order(inner)
            for key, inner in held.items()
        }
    return [in_order(inner) for inner in held] if isinstance(held, list) else held


def test_random_updates_agree_with_a_plain_evaluator(server, table):
    choice = random.Random(20261129)
    refused = 0
    for case in range(CASES):
        old = item(choice)
        tops = choice.sample(NAMES, choice.randint(1, 3))  # paths that do not overlap
        actions = [action(choice, top) for top in tops]
        key = {"id": {"S": "oracle"}}
        status, reply = raw(server, "PutItem", {"TableName": table, "Item": {**key, **old}})
        assert status == 200, reply
        writer = Writer()
        text = writer.expression(actions)
        status, reply = raw(
            server,
            "UpdateItem",
            {
                "TableName": table,
                "Key": key,
                "UpdateExpression": text,
                "ExpressionAttributeNames": writer.names,
                "ReturnValues": "ALL_NEW",
                **({"ExpressionAttributeValues": writer.values} if writer.values else {}),
            },
        )
        new, reasons = apply(old, actions)
        told = (case, text, writer.values, old, reply)
        if reasons:
            refused += 1
            assert status == 400 and reply["message"] in reasons, (reasons, told)
            status, reply = raw(server, "GetItem", {"TableName": table, "Key": key})
            new = old  # and nothing was changed
            assert in_order(reply["Item"]) == in_order({**key, **new}), told
        else:
            assert status == 200, told
            assert in_order(reply["Attributes"]) == in_order({**key, **new}), (new, told)
    assert CASES / 5 < refused < CASES * 4 / 5
