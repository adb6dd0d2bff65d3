"""The whole pump: laws over random prescriptions, a stepping oracle, and cases by hand."""

from collections import deque

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pkmodel.devices.implanted.catheter import Catheter
from pkmodel.devices.implanted.changes import Change
from pkmodel.devices.implanted.faults import Fault
from pkmodel.devices.implanted.hardware import Hardware
from pkmodel.devices.implanted.programme import Bolus, PatientBolus, Programme
from pkmodel.devices.implanted.pump import Pump
from pkmodel.errors import RegimenError

UNTIL = 240.0
ANY = Hardware(
    name="any pump",
    reservoir="2 mL",
    residual="0.1 mL",
    alarm="0.3 mL",
    minimum_flow=0.0,
    maximum_flow="200 mL/day",
    most_steps=24,
    tubing="0.1 mL",
    bore="0.002 mL/cm",
    flow_cv="5 %",
    battery_life="4 years",
    end_of_service="90 d",
)
HOURS = st.floats(0.5, UNTIL).map(lambda t: round(t, 3))

programmes = st.builds(
    Programme,
    rate=st.sampled_from([0.0, 0.02, 0.1]),
    steps=st.dictionaries(
        st.integers(0, 23), st.sampled_from([0.0, 0.05, 0.2]), min_size=2, max_size=4
    )
    | st.just({}),
    boluses=st.lists(
        st.builds(
            Bolus,
            amount=st.floats(0.05, 0.5),
            over=st.floats(0.1, 2),
            every=st.floats(3, 30),
            first=st.floats(0, 9),
        ),
        max_size=1,
    ),
    patient=st.none()
    | st.builds(
        PatientBolus,
        amount=st.floats(0.05, 0.3),
        over=st.floats(0.05, 0.5),
        lockout=st.floats(0.5, 4),
        per_day=st.integers(1, 6),
    ),
)
changes = st.builds(
    lambda at, programme, strength, bridge, refill: Change(
        at, programme, strength, refill or programme is None, bridge and strength is not None
    ),
    HOURS,
    programmes | st.none(),
    st.none() | st.sampled_from([2e3, 8e3]),
    st.booleans(),
    st.booleans(),
)
faults = st.builds(
    lambda kind, start, length, part: Fault(
        kind, start, start + length, part if kind == "leak" else None
    ),
    st.sampled_from(["stall", "occlusion", "leak", "disconnection"]),
    HOURS,
    st.floats(1, 60),
    st.floats(0.05, 1),
)


@st.composite
def pumps(draw):
    try:
        return Pump(
            ANY,
            concentration=draw(st.sampled_from([1e3, 5e3])),
            programme=draw(programmes),
            catheter=Catheter(draw(st.floats(0, 80)), "T10"),
            refill_at=draw(st.sampled_from([None, "alarm", 0.5e-3])),
            refill_every=draw(st.sampled_from([None, 50.0])),
            prime=draw(st.booleans()),
            clock=draw(st.sampled_from([0.0, 10.5])),
            changes=sorted(draw(st.lists(changes, max_size=3)), key=lambda c: c.at),
            faults=draw(st.lists(faults, max_size=2)),
            pocket="pocket",
        )
    except RegimenError:  # a bridge bolus that outlasts its setting, two changes at one time
        assume(False)


requests = st.lists(st.floats(0, UNTIL), max_size=30)
ratios = st.floats(0.8, 1.2)


def passed(stream, time):
    """Drug that has passed until a time [mg]."""
    return float(np.sum(stream.rate * np.clip(time - stream.start, 0, stream.end - stream.start)))


# -------------------------------------------------------------------------------------------- laws


@given(pumps(), requests, ratios)
def test_nothing_is_lost(pump, asked, ratio):
    ledger = pump.run(UNTIL, requests=asked, ratio=ratio).ledger
    total = ledger.before + ledger.filled
    gone = ledger.delivered + ledger.leaked
    held = ledger.reservoir + ledger.tubing + ledger.catheter
    assert gone + ledger.discarded + held == pytest.approx(total, rel=1e-12)
    inside = ledger.tubing + ledger.catheter
    assert gone + inside == pytest.approx(ledger.pumped, rel=1e-12, abs=1e-12)


@given(pumps(), requests)
def test_the_events_deliver_what_has_left(pump, asked):
    run, events = pump.run(UNTIL, requests=asked), pump.events(UNTIL, requests=asked)
    for place, amount in (("intrathecal T10", run.ledger.delivered), ("pocket", run.ledger.leaked)):
        given_ = events.amount[events.compartment == place].sum()
        assert given_ == pytest.approx(amount, rel=1e-12, abs=1e-14)
    assert (events.time + events.duration <= UNTIL + 1e-9).all()
    assert (np.diff(events.time) >= 0).all()


@given(pumps(), requests, ratios, HOURS)
def test_cut_and_continued(pump, asked, ratio, cut):
    assume(cut < UNTIL)
    asked = [*asked, cut]
    whole = pump.run(UNTIL, requests=asked, ratio=ratio)
    first = pump.run(cut, requests=asked, ratio=ratio)
    second = pump.run(UNTIL, requests=asked, ratio=ratio, state=first.state)
    scale = whole.ledger.before + whole.ledger.filled
    for name in ("filled", "pumped", "delivered", "leaked", "discarded"):
        parts = getattr(first.ledger, name) + getattr(second.ledger, name)
        assert parts == pytest.approx(getattr(whole.ledger, name), abs=1e-10 * scale)
    assert second.ledger.before == pytest.approx(
        first.ledger.reservoir + first.ledger.tubing + first.ledger.catheter
    )
    for time in np.linspace(0.0, UNTIL, 13):
        both = passed(first.tip, min(time, cut)) + passed(second.tip, time)
        assert both == pytest.approx(passed(whole.tip, time), abs=1e-9 * scale)
    assert first.answers + second.answers == whole.answers
    a, b = second.state, whole.state
    assert tuple(a.reservoir) == pytest.approx(tuple(b.reservoir))
    assert a.catheter.amount == pytest.approx(b.catheter.amount, abs=1e-10 * scale)


@given(pumps(), requests, ratios)
def test_against_queues_of_parcels(pump, asked, ratio):
    """The same pump moved piece by piece, its tubes as queues."""
    run = pump.run(UNTIL, requests=asked, ratio=ratio)
    granted = [a.time for a in run.answers if a.outcome == "granted"]
    scale = run.ledger.before + run.ledger.filled
    for name, amount in moved(pump, np.array(granted), ratio).items():
        assert getattr(run.ledger, name) == pytest.approx(amount, abs=1e-9 * scale), name


def moved(pump, granted, ratio):
    """Where the drug is at the end, from one piece to the next."""
    tubing = deque([[ANY.tubing, 0.0]])
    catheter = deque([[pump.catheter.length * ANY.bore, 0.0]])
    volume, strength, filled = pump.filling, pump.concentration, 0.0
    gone = {"delivered": 0.0, "leaked": 0.0, "discarded": 0.0, "filled": 0.0}
    edges = {0.0, UNTIL, *(t for f in pump.faults for t in (f.start, f.end))}
    edges.update(*(s.edges(0.0, UNTIL, pump.clock, granted) for s in pump.settings))
    edges = sorted(t for t in edges if t <= UNTIL)
    time = 0.0
    while time < UNTIL:
        end = next(t for t in edges if t > time)
        setting = [s for s in pump.settings if s.start <= time][-1]
        due = setting.refill and filled < setting.start
        due |= pump.refill_at is not None and volume <= pump.refill_at * (1 + 1e-12)
        due |= pump.refill_every is not None and time >= filled + pump.refill_every
        if due:
            gone["discarded"] += volume * strength
            volume, strength, filled = pump.filling, setting.concentration, time
            gone["filled"] += volume * strength
        if pump.refill_every is not None:
            end = min(end, filled + pump.refill_every)
        middle = np.array([(time + end) / 2])
        flow = ratio * float(setting.flow(middle, pump.clock, granted)[0])
        running = [f for f in pump.faults if f.start <= middle[0] < f.end]
        if any(f.kind in ("stall", "occlusion") for f in running):
            flow = 0.0
        limit = pump.refill_at if pump.refill_at is not None else ANY.residual
        if flow and limit < volume <= limit + flow * (end - time):
            end = time + (volume - limit) / flow
            push, volume = volume - limit, limit
        else:
            push = flow * (end - time) if volume > ANY.residual else 0.0
            volume -= push
        kept = 1.0
        for f in running:
            kept *= 1.0 - {"leak": f.part, "disconnection": 1.0}.get(f.kind, 0.0)
        for v, c in move(tubing, push, strength):
            gone["leaked"] += (1 - kept) * v * c
            gone["delivered"] += sum(a * b for a, b in move(catheter, kept * v, c))
        time = end
    held = {"tubing": tubing, "catheter": catheter}
    gone |= {name: sum(v * c for v, c in parcels) for name, parcels in held.items()}
    return gone | {"reservoir": volume * strength}


def move(parcels, volume, strength):
    """Push a parcel into a tube; the parcels that leave it."""
    if parcels[-1][1] == strength:
        parcels[-1][0] += volume
    else:
        parcels.append([volume, strength])
    out = []
    while volume > 0:
        share = min(volume, parcels[0][0])
        out.append((share, parcels[0][1]))
        parcels[0][0] -= share
        volume -= share
        if parcels[0][0] <= 0 and len(parcels) > 1:
            parcels.popleft()
    return out


# ------------------------------------------------------------------------------------------ by hand


def constant(programme="1 mg/day", strength="10 mg/mL", **options):
    return Pump.of(
        "SynchroMed II 20 mL",
        concentration=strength,
        programme=programme,
        catheter=Catheter("60 cm", "T10"),
        **options,
    )


def test_doubling_the_flow_halves_the_delay():
    """0.331 mL at 0.1 mL/day leave after 3.31 days."""
    slow = constant().run("30 d").tip.doses()[0][0]
    fast = constant("2 mg/day").run("30 d").tip.doses()[0][0]
    assert slow == pytest.approx(3.31 * 24, rel=1e-12)
    assert fast == pytest.approx(slow / 2, rel=1e-12)


@given(st.floats(0.5, 2.0), st.floats(0.5, 2.0))
def test_the_delay_is_inverse_to_the_flow(one, other):
    delays = [constant().run("30 d", ratio=r).tip.start[-1] * r for r in (one, other)]
    assert delays[0] == pytest.approx(delays[1], rel=1e-12)


def test_a_bridge_bolus_leaves_no_trace_at_the_tip():
    """1 mg/day before, meanwhile and after, although the concentration doubles."""
    pump = constant().changed("30 d", concentration="20 mg/mL", bridge=True)
    start, duration, rate = pump.run("60 d").tip.doses()
    assert rate == pytest.approx(1 / 24, rel=1e-12)
    assert start[0] == pytest.approx(79.44)
    assert start[-1] + duration[-1] == pytest.approx(1440)
    assert duration.sum() == pytest.approx(1440 - 79.44)


def test_without_a_bridge_bolus_the_dose_is_wrong_until_the_tubes_are_cleared():
    """At 20 mg/mL the flow is 0.05 mL/day: 0.331 mL of 10 mg/mL take 6.62 days at half the dose."""
    pump = constant().changed("30 d", concentration="20 mg/mL")
    start, duration, rate = pump.run("60 d").tip.doses()
    assert 24 * rate == pytest.approx([1.0, 0.5, 1.0], rel=1e-9)
    assert start[1:] == pytest.approx([720.0, 720.0 + 6.62 * 24])
    assert duration[1] == pytest.approx(6.62 * 24)


def test_priming_fills_the_tubes_at_the_highest_flow():
    """0.331 mL at 1 mL/h: 0.331 h without drug, then the programme at once."""
    start, _, rate = constant(prime=True).run("1 d").tip.doses()
    assert start[0] == pytest.approx(0.331)
    assert rate[0] == pytest.approx(1 / 24)


def test_a_pump_that_runs_dry_delivers_its_content_but_for_the_tubes():
    """20 mL of 10 mg/mL at 1 mg/day last 200 days; 0.331 mL stay in tubing and catheter."""
    run = constant().run("300 d")
    assert run.fills[0].empty == pytest.approx(4800)
    assert run.ledger.pumped == pytest.approx(200.0, rel=1e-12)
    assert run.ledger.delivered == pytest.approx(200.0 - 3.31, rel=1e-12)
    assert run.ledger.reservoir == 0.0


def test_a_stall_moves_everything_and_loses_nothing():
    pump = constant(faults=[Fault("stall", "10 d", "12 d")])
    start, duration, _ = pump.run("30 d").tip.doses()
    assert start == pytest.approx([79.44, 288.0])
    assert (start + duration)[0] == pytest.approx(240.0)


def test_a_disconnection_keeps_the_catheter_as_it_is():
    """Without a programme in between: 10 days at 1 mg/day run into the pocket."""
    pump = constant(faults=[Fault("disconnection", "10 d", "20 d")])
    before, after = pump.run("10 d"), pump.run("20 d")
    assert after.state.catheter == before.state.catheter
    assert after.ledger.delivered == before.ledger.delivered
    assert after.ledger.leaked == pytest.approx(10.0)


def test_a_leak_slows_the_catheter_down():
    """With half of the flow lost from the start, 0.199 mL take 1.99 days and 0.132 mL 2.64 days."""
    pump = constant(faults=[Fault("leak", 0, part="50 %")])
    start, _, rate = pump.run("30 d").tip.doses()
    assert start[0] == pytest.approx((1.99 + 2.64) * 24)
    assert rate[0] == pytest.approx(0.5 / 24)


def test_a_bolus_pushes_old_drug_out():
    """After a change from 10 to 5 mg/mL a bolus reckoned at 5 mg/mL brings twice its dose at first."""
    programme = Programme("1 mg/day", patient=PatientBolus("0.1 mg", "6 min", "1 h", 4))
    pump = constant(programme, prime=True).changed("10 d", concentration="5 mg/mL")
    run = pump.run("11 d", requests=[241.0])
    bolus = run.tip.rate[np.searchsorted(run.tip.start, 241.05) - 1]
    assert bolus == pytest.approx(2 * (1 / 24 + 1.0))


def test_requests_are_reported():
    programme = Programme("1 mg/day", patient=PatientBolus("0.1 mg", "6 min", "2 h", 2))
    run = constant(programme).run("2 d", requests=["1 h", "2 h", "4 h", "8 h", "47 h", "49 h"])
    assert list(run.requests.outcome) == [
        "granted",
        "lock-out",
        "granted",
        "daily limit",
        "granted",
    ]
    assert run.state.granted == (1.0, 4.0, 47.0)
    assert repr(run) == "Delivery until 48 h: 0 mg at the tip, 0 refills, 3 of 5 requests granted"
