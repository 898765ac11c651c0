"""The checker of histories: it agrees with trying every order, and catches what it is there for."""

import itertools
import math
import random

import pytest

from support.history import ABSENT, Op, check, check_sequence, components


def order_by_trying_all(history):
    """Whether any order fits: for small histories, with nothing clever in it."""
    known = [op for op in history if op.ok is not None]
    unknown = [op for op in history if op.ok is None]
    for count in range(len(unknown) + 1):
        for some in itertools.combinations(unknown, count):
            for order in itertools.permutations([*known, *some]):
                if is_possible(order):
                    return True
    return False


def is_possible(order):
    for i, op in enumerate(order):
        if any(later.end < op.start for later in order[i + 1:]):
            return False
    state = {}
    for op in order:
        if any(state.get(item) != value for item, value in op.saw.items()):
            return False
        held = all(state.get(item) == value for item, value in op.needs.items())
        if op.ok is False:
            if held:
                return False
            continue
        if not held:
            return False
        state.update(op.writes)
    return True


def make_history(rng, count, lost=0.2):
    """A possible history: a store that does one thing at a time, asked by overlapping clients."""
    state, ops = {}, []
    for moment in range(count):
        start, end = moment - rng.random() * 3, moment + rng.random() * 3
        items = rng.sample("ab", rng.choice([1, 1, 2]))
        kind = rng.choice(["read", "write", "cas", "delete"])
        op = Op(start, end, what=kind)
        if kind == "read" or rng.random() < 0.3:
            op.saw = {item: state.get(item) for item in items}
        if kind == "cas":
            op.needs = {item: rng.choice([state.get(item), "never"]) for item in items}
            op.ok = all(state.get(item) == value for item, value in op.needs.items())
        if kind != "read":
            op.writes = {item: ABSENT if kind == "delete" else f"{moment}{item}" for item in items}
        if op.ok:
            if kind != "read" and not op.saw and rng.random() < lost:
                op.ok, op.end = None, math.inf  # its answer is lost; it may not have happened
                if rng.random() < 0.5:
                    ops.append(op)
                    continue
            state.update(op.writes)
        ops.append(op)
    return ops


def spoil(rng, ops):
    """Changes what one answer says."""
    written = [value for op in ops for value in op.writes.values()] + [ABSENT]
    op = rng.choice(ops)
    if op.saw and rng.random() < 0.7:
        op.saw[rng.choice(list(op.saw))] = rng.choice(written)
    elif op.needs and op.ok is not None:
        op.ok = not op.ok
    else:
        op.end = op.start + 0.01 if op.ok is not None else op.end


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_trying_every_order(seed):
    rng, verdicts = random.Random(seed), []
    for _ in range(250):
        ops = make_history(rng, rng.randrange(1, 7))
        assert check(ops).good, ops
        spoil(rng, ops)
        wanted = order_by_trying_all(ops)
        assert check(ops).good == wanted, ops
        verdicts.append(wanted)
    assert 25 < verdicts.count(False) < 225


def test_long_histories_are_checked_quickly():
    rng = random.Random(5)
    ops = make_history(rng, 4000, lost=0.003)
    verdict = check(ops)
    assert verdict.good and is_possible(verdict.order[:300])


def write(start, end, value, item="a", **more):
    return Op(start, end, writes={item: value}, **more)


def read(start, end, value, item="a"):
    return Op(start, end, saw={item: value})


VIOLATIONS = {
    "a stale read": [write(0, 1, "x"), write(2, 3, "y"), read(4, 5, "x")],
    "a read of what nobody wrote": [write(0, 1, "x"), read(2, 3, "z")],
    "an acknowledged write that is lost": [write(0, 1, "x"), read(2, 3, ABSENT)],
    "reads that go back": [write(0, 9, "x"), read(1, 2, "x"), read(3, 4, ABSENT)],
    "two winners of one condition": [
        write(0, 5, "x", needs={"a": ABSENT}), write(0, 5, "y", needs={"a": ABSENT})],
    "a lost update": [
        write(0, 1, "x"), write(2, 5, "y", saw={"a": "x"}), write(2, 5, "z", saw={"a": "x"})],
    "a condition refused that held": [write(0, 1, "x"),
                                      write(2, 3, "y", needs={"a": "x"}, ok=False)],
    "a deleted item that is read": [write(0, 1, "x"), write(2, 3, ABSENT), read(4, 5, "x")],
    "half a transaction seen": [
        Op(0, 9, writes={"a": "x", "b": "x"}), Op(1, 8, saw={"a": "x", "b": ABSENT})],
    "write skew": [
        Op(0, 9, needs={"b": ABSENT}, writes={"a": "x"}),
        Op(0, 9, needs={"a": ABSENT}, writes={"b": "y"})],
    "two readers who differ about an order": [
        write(0, 9, "x", "a"), write(0, 9, "y", "b"),
        Op(1, 8, saw={"a": "x", "b": ABSENT}), Op(1, 8, saw={"a": ABSENT, "b": "y"})],
    "a refused write that is there": [
        write(0, 1, "x", needs={"a": "never"}, ok=False), read(2, 3, "x")],
    "an unknown write that comes, goes and comes again": [
        write(0, math.inf, "x", ok=None), read(1, 2, "x"), read(3, 4, ABSENT)],
    "a transaction between its parts": [
        Op(0, 1, writes={"a": "1", "b": "1"}), Op(2, 3, writes={"a": "2", "b": "2"}),
        Op(4, 5, saw={"a": "2", "b": "1"})],
}


@pytest.mark.parametrize("history", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_it_catches(history):
    verdict = check(history)
    assert not verdict.good and "cannot come next" in str(verdict)
    assert not order_by_trying_all(history)


def test_an_unknown_write_may_or_may_not_have_happened():
    lost = write(0, math.inf, "x", ok=None)
    assert check([lost, read(1, 2, ABSENT), read(3, 4, ABSENT)]).good
    assert check([lost, read(1, 2, ABSENT), read(3, 4, "x")]).good


def test_items_that_share_nothing_are_searched_apart():
    ops = [write(0, 1, "x", "a"), write(0, 1, "y", "b"), Op(2, 3, saw={"b": "y", "c": ABSENT})]
    assert sorted(len(group) for group in components(ops)) == [1, 2]


def test_a_sequence_is_held_against_real_time():
    history = [write(0, 1, "x"), write(2, 3, "y"), write(2, 3, "z"),
               write(4, math.inf, "w", ok=None), write(5, 6, "v", needs={"a": "q"}, ok=False)]
    for good in (["x", "y", "z"], ["x", "z", ABSENT, "y"], ["x", "y", "z", "w"]):
        assert check_sequence(history, "a", good) is None
    for bad, why in ((["y", "x", "z"], "comes behind"), (["x", "y"], "is missing"),
                     (["x", "x", "y", "z"], "twice"), (["x", "y", "z", "v"], "nobody wrote")):
        assert why in check_sequence(history, "a", bad)
