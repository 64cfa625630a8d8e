"""The key store against a dict: any sequence of calls, power cuts and reopenings, on all units.

3000 calls at least, 200 000 in a soak.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from keystore.proof_file import note
from keystore.sim import KS, UNITS, Nor, Store, record_size

from support.soak import times

OPERATIONS = times(3000, 200_000)
AT_ONCE = 20_000  # calls: hypothesis remembers all that it has tried
STEPS = 60
names = st.sampled_from([b"a", b"bb", b"key3", b"key4", b"some-longer-key", b"x" * 15])
values = st.one_of(
    st.binary(min_size=16, max_size=64),
    st.binary(max_size=4),
    st.integers(200, 1056).map(lambda n: b"\xff\x00" * (n // 2)),
)
done = {"operations": 0, "cuts": 0, "swaps": 0}


class KeyStoreMachine(RuleBasedStateMachine):
    """`held` is what the store must hold; during a cut it may hold `maybe` instead."""

    @initialize(unit=st.sampled_from(UNITS), seed=st.integers(1, 1000), big=st.booleans())
    def start(self, unit, seed, big):
        self.nor = Nor(unit, seed)
        self.store = Store(self.nor, keys=8, buffer=512 if big else None)
        self.held = {}
        self.cuts = 0

    def outcome(self, result, maybe):
        """Settle what the store holds after a call with this result, which may be maybe."""
        done["operations"] += 1
        if self.nor.dead:
            done["cuts"] += 1
            self.cuts += 1
            self.nor.revive()
            assert self.store.reopen() == 0
            self.held = self.settled(maybe)
        elif result == 0:
            self.held = maybe
        else:
            assert result in (KS["KS_EMAINTAIN"], KS["KS_EFULL"]), result

    def settled(self, maybe):
        """Which of the two the store holds after a power cut."""
        contents = self.store.contents()
        assert contents in (self.held, maybe)
        return contents

    @rule(after=st.integers(0, 12))
    def power_will_fail(self, after):
        self.nor.cut_after(after)

    @rule(name=names, value=values)
    def put(self, name, value):
        erases = self.nor.erases
        result = self.store.put(name, value)
        assert self.nor.erases == erases
        self.outcome(result, {**self.held, name: value})

    @rule(name=names)
    def delete(self, name):
        result = self.store.delete(name)
        if name not in self.held:
            assert result == KS["KS_ENOTFOUND"] or self.nor.dead
            result = 0
        rest = {key: value for key, value in self.held.items() if key != name}
        self.outcome(result, rest)

    @rule(changes=st.dictionaries(names, st.one_of(st.none(), values), min_size=1, max_size=4))
    def transaction(self, changes):
        maybe = dict(self.held)
        size = sum(record_size(name, value or b"") for name, value in changes.items())
        result = self.store.begin(size)
        for name, value in changes.items():
            if result:
                break
            if value is None:
                result = self.store.delete(name)
                assert result != KS["KS_ENOTFOUND"] or name not in self.held
                result = 0 if result == KS["KS_ENOTFOUND"] else result
                maybe.pop(name, None)
            else:
                result = self.store.put(name, value)
                maybe[name] = value
        if result == 0:
            result = self.store.commit()
        elif not self.nor.dead:
            self.store.abort()
        self.outcome(result, maybe)

    @rule()
    def maintain(self):
        result = self.store.maintain()
        assert self.nor.dead or (result == 0 and self.store.stats()["ready"])
        self.outcome(result, self.held)

    @rule()
    def reopen(self):
        assert self.store.reopen() == 0
        self.outcome(0, self.held)

    @precondition(lambda self: len(self.held) > 4)
    @rule()
    def erase_all(self):
        self.outcome(self.store.erase_all(), {})

    @invariant()
    def holds_what_it_must(self):
        if hasattr(self, "store"):
            countdown, self.nor.handle.countdown = self.nor.handle.countdown, -1
            assert self.store.contents() == self.held
            stats = self.store.stats()
            assert stats["used"] == sum(record_size(*item) for item in self.held.items())
            assert stats["used"] <= stats["size"]
            # A commit or a header cut short between its two copies looks like a damaged one.
            assert stats["corrupt"] <= self.cuts
            assert self.nor.violations == 0
            self.nor.handle.countdown = countdown

    def teardown(self):
        if hasattr(self, "store"):
            done["swaps"] += self.store.stats()["sequence"]


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(60 + OPERATIONS // 50)
def test_any_sequence_of_calls():
    machine = KeyStoreMachine.TestCase
    at_once = min(OPERATIONS, AT_ONCE)
    machine.settings = settings(
        max_examples=at_once // (STEPS // 2) + 1,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    for _ in range(OPERATIONS // at_once):
        machine("runTest").runTest()
    note(**{"machine_" + name: number for name, number in done.items()})
    assert done["operations"] >= OPERATIONS
    assert done["cuts"] > OPERATIONS // 100 and done["swaps"] > OPERATIONS // 100
