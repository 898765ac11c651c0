"""Was a history of concurrent operations possible, had each happened at one moment?

A history is a list of `Op`s on items of a table. It is strictly serialisable when there is an order
of all operations that agrees with real time (what ended before another began comes first) and in
which every operation, transactions included, saw and changed the whole state as at one moment. For
operations on single items that is linearizability.

The search is Wing and Gong's with Lowe's memory: at each step one of the operations that no other
has ended before is taken next, if what it saw fits the state; a configuration (what was taken, what
the state is) is never entered twice. An operation that fits and changes nothing is taken at once:
whatever follows fits behind it as well. Values should be unique, so that a read tells which write
it saw. Operations that share no item, however indirectly, are searched apart.
"""

import dataclasses
import math

ABSENT = None
CONFIGURATIONS_MAX = 2_000_000


@dataclasses.dataclass
class Op:
    """`ok`: True, it happened and its conditions held; False, it was refused because its conditions
    did not all hold; None, nobody knows: it may have happened at any time from `start` on, or may
    never. `saw`, `needs` and `writes` map an item to a value; ABSENT is no item. `saw` is what the
    answer showed of the state before, `needs` what the conditions ask for."""

    start: float
    end: float
    ok: bool | None = True
    saw: dict = dataclasses.field(default_factory=dict)
    needs: dict = dataclasses.field(default_factory=dict)
    writes: dict = dataclasses.field(default_factory=dict)
    what: str = ""

    def changes_nothing(self):
        """Whenever it happened: a read, a refusal, deleting what was seen to be absent."""
        return self.ok is False or all(
            item in self.saw and self.saw[item] == value for item, value in self.writes.items())

    def items(self):
        return {*self.saw, *self.needs, *self.writes}


@dataclasses.dataclass
class Verdict:
    good: bool
    order: list  # of ops: a possible one, or the longest that was
    stuck: list = dataclasses.field(default_factory=list)  # what could not come next
    state: dict = dataclasses.field(default_factory=dict)  # where it got stuck

    def __str__(self):
        if self.good:
            return f"{len(self.order)} operations have an order"
        lines = [f"no order of all; after {len(self.order)} operations the state is {self.state}"]
        lines += [f"  cannot come next: {op}" for op in self.stuck]
        lines += [f"  came last: {op}" for op in self.order[-5:]]
        return "\n".join(lines)


def components(history):
    """The operations in groups that share items."""
    leader = {}

    def find(item):
        while leader.setdefault(item, item) != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    for op in history:
        first, *rest = sorted(op.items(), key=str)
        for item in rest:
            leader[find(item)] = find(first)
    groups = {}
    for op in history:
        groups.setdefault(find(min(op.items(), key=str)), []).append(op)
    return list(groups.values())


def check(history, rank=None):
    """The verdict on a whole history: the first bad one of its components, or a good one. `rank`
    gives a number for an operation: where a search has a choice it tries the lowest first. That
    makes no verdict, only a long search short."""
    order = []
    for group in components([op for op in history if op.items()]):
        verdict = _Search(group, rank or (lambda op: 0)).run()
        if not verdict.good:
            return verdict
        order += verdict.order
    return Verdict(True, order)


class _Search:
    def __init__(self, ops, rank):
        known = sorted((op for op in ops if op.ok is not None), key=lambda op: (op.start, op.end))
        self.known = known
        self.unknown = sorted((op for op in ops if op.ok is None), key=lambda op: op.start)
        self.state, self.hash = {}, 0
        self.ranks = [rank(op) for op in known]
        self.unknown_ranks = [rank(op) for op in self.unknown]
        self.low = 0  # every known op below it is taken
        self.done = 0  # bits of the known ops from `low` on
        self.spent = 0  # bits of the unknown ops

    def fits(self, op):
        """None: it cannot come next. Else what it writes."""
        get = self.state.get
        if any(get(item) != value for item, value in op.saw.items()):
            return None
        held = all(get(item) == value for item, value in op.needs.items())
        if op.ok is None:
            return op.writes if held else None
        if op.ok:
            return op.writes if held else None
        return None if held else {}

    def changes(self, op):
        return any(self.state.get(item) != value for item, value in op.writes.items())

    def candidates(self):
        """Those that may come next: nothing that is not taken ended before they began."""
        window, first_end = [], math.inf
        at, done = self.low, self.done
        while at < len(self.known) and self.known[at].start <= first_end:
            if not done & 1:
                op = self.known[at]
                window.append((at, op))
                first_end = min(first_end, op.end)
            at, done = at + 1, done >> 1
        found = [(at, op) for at, op in window if op.start <= first_end]
        for at, op in found:
            if op.changes_nothing() and self.fits(op) is not None:
                return [(at, op)]
        found = [((self.ranks[at], not op.saw, op.end), at, op) for at, op in found]
        wanted = {pair for _, _, op in found for pair in [*op.saw.items(), *op.needs.items()]}
        lost = []
        for at, op in enumerate(self.unknown):
            if op.start > first_end:
                break
            # One that would change nothing explains nothing, and could come at any time.
            if not self.spent >> at & 1 and self.changes(op):
                ranked = self.unknown_ranks[at] < math.inf
                explains = not wanted.isdisjoint(op.writes.items())  # what somebody saw
                (found if ranked else lost).append(
                    ((self.unknown_ranks[at], True, math.inf) if ranked else not explains, ~at, op))
        found.sort(key=lambda it: it[0])
        lost.sort(key=lambda it: it[0])
        return [(at, op) for _, at, op in found + lost]

    def take(self, at, writes):
        undo = [(item, self.state.get(item)) for item in writes]
        self._write(writes.items())
        if at < 0:
            self.spent |= 1 << ~at
            return undo, None
        before = (self.low, self.done)
        self.done |= 1 << (at - self.low)
        while self.done & 1:
            self.low, self.done = self.low + 1, self.done >> 1
        return undo, before

    def give_back(self, at, undo, before):
        self._write(undo)
        if at < 0:
            self.spent &= ~(1 << ~at)
        else:
            self.low, self.done = before

    def _write(self, pairs):
        for item, value in pairs:
            old = self.state.get(item)
            if old is not ABSENT:
                self.hash ^= hash((item, old))
            if value is ABSENT:
                self.state.pop(item, None)
            else:
                self.state[item] = value
                self.hash ^= hash((item, value))

    def run(self):
        stack, seen, longest = [], set(), None
        options = iter(self.candidates())
        while True:
            if self.low == len(self.known):
                return Verdict(True, [self._op(at) for _, at, _, _ in stack])
            for at, op in options:
                writes = self.fits(op)
                if writes is None:
                    continue
                undo, before = self.take(at, writes)
                configuration = (self.low, self.done, self.spent, self.hash)
                if configuration in seen:
                    self.give_back(at, undo, before)
                    continue
                seen.add(configuration)
                assert len(seen) < CONFIGURATIONS_MAX, "too many operations without an answer"
                stack.append((options, at, undo, before))
                options = iter(self.candidates())
                break
            else:
                if longest is None or len(stack) > len(longest.order):
                    longest = Verdict(False, [self._op(at) for _, at, _, _ in stack],
                                      [op for _, op in self.candidates()], dict(self.state))
                if not stack:
                    return longest
                options, at, undo, before = stack.pop()
                self.give_back(at, undo, before)

    def _op(self, at):
        return self.unknown[~at] if at < 0 else self.known[at]


def check_sequence(history, item, values):
    """The values that an item had, one after the other, as somebody else tells them (its stream):
    every acknowledged write is in there once, nothing else is, and real time is kept. Returns what
    is wrong, or None. Values are unique; ABSENT comes once for each delete that found an item."""
    at = {value: i for i, value in enumerate(values) if value is not ABSENT}
    if len(at) != sum(value is not ABSENT for value in values):
        return f"{item}: a value comes twice"
    writes = {op.writes[item]: op for op in history
              if item in op.writes and op.writes[item] is not ABSENT and op.ok is not False}
    for value in at:
        if value not in writes:
            return f"{item}: nobody wrote {value}"
    for value, op in writes.items():
        if op.ok and value not in at:
            return f"{item}: {value} was acknowledged and is missing: {op}"
    done = sorted((op for value, op in writes.items() if value in at), key=lambda op: op.start)
    ended = sorted((op for op in done if op.ok), key=lambda op: op.end)
    newest, k = None, 0
    for op in done:
        while k < len(ended) and ended[k].end < op.start:
            if newest is None or at[ended[k].writes[item]] > at[newest.writes[item]]:
                newest = ended[k]
            k += 1
        if newest is not None and at[newest.writes[item]] > at[op.writes[item]]:
            return f"{item}: {newest} ended before {op} began and comes behind it"
    return None
