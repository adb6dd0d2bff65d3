"""From what a pump is told to what enters the body: exactly, with all that is on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.devices.implanted.faults import Fault, fault_edges, share_lost, stopped
from pkmodel.devices.implanted.flow import Column, Stream, join, through
from pkmodel.devices.implanted.requests import Answer, Window, answer, request_table
from pkmodel.devices.implanted.reservoir import Contents, Fill, Policy, Solution, deplete, drawn

if TYPE_CHECKING:
    import pandas as pd

    from pkmodel.devices.implanted.changes import Setting

__all__ = ["Delivery", "Ledger", "Orders", "State", "deliver"]


@dataclass(frozen=True)
class State:
    """A pump at one moment, from which its course can be continued.

    Parameters
    ----------
    time : float
        The moment [h].
    reservoir : Contents
        Volume [L], concentration [mg/L], time of the last filling [h].
    tubing, catheter : Column
        What stands in them.
    granted : tuple of float
        Starts of the patient's boluses so far [h].
    """

    time: float
    reservoir: Contents
    tubing: Column
    catheter: Column
    granted: tuple[float, ...] = ()


@dataclass(frozen=True)
class Orders:
    """All that settles what a pump does.

    Parameters
    ----------
    settings : tuple of Setting
        From the implantation on.
    faults : tuple of Fault
        What goes wrong.
    policy : Policy
        Refills.
    clock : float
        Time of day at time 0 [h].
    """

    settings: tuple[Setting, ...]
    faults: tuple[Fault, ...]
    policy: Policy
    clock: float


class Ledger(NamedTuple):
    """Where the drug is [mg].

    Parameters
    ----------
    before : float
        In reservoir, tubing and catheter at the start.
    filled : float
        Put into the reservoir since.
    pumped : float
        Out of the reservoir, into the tubing.
    delivered : float
        Out of the catheter's tip.
    leaked : float
        Into the pocket at the catheter's port.
    discarded : float
        Drawn off at refills.
    reservoir, tubing, catheter : float
        There at the end.

    Notes
    -----
    before + filled = delivered + leaked + discarded + reservoir + tubing + catheter.
    """

    before: float
    filled: float
    pumped: float
    delivered: float
    leaked: float
    discarded: float
    reservoir: float
    tubing: float
    catheter: float


@dataclass(frozen=True, eq=False, repr=False)
class Delivery:
    """What a pump did over a span of time.

    Parameters
    ----------
    tip, pocket : Stream
        What left the catheter's tip, and what ran into the pocket.
    fills : tuple of Fill
        The fillings of the reservoir.
    answers : tuple of Answer
        What became of the patient's requests.
    ledger : Ledger
        Where the drug is.
    state : State
        The pump at the end.
    """

    tip: Stream
    pocket: Stream
    fills: tuple[Fill, ...]
    answers: tuple[Answer, ...]
    ledger: Ledger
    state: State

    @property
    def requests(self) -> pd.DataFrame:
        """The requests: ``time`` [h] and ``outcome``, ``"granted"`` or the reason of the refusal."""
        return request_table(self.answers)

    def __repr__(self) -> str:
        refills = sum(fill.refilled for fill in self.fills)
        granted = sum(a.outcome == "granted" for a in self.answers)
        asked = f", {granted} of {len(self.answers)} requests granted" if self.answers else ""
        return (
            f"Delivery until {self.state.time:g} h: {self.ledger.delivered:.6g} mg at the tip, "
            f"{refills} refills{asked}"
        )


def deliver(
    orders: Orders, state: State, until: float, requests: Sequence[float] = (), ratio: float = 1.0
) -> Delivery:
    """Follow a pump from a state to a time.

    Parameters
    ----------
    orders : Orders
        What it does.
    state : State
        Where it begins.
    until : float
        Where it ends [h].
    requests : sequence of float
        Times at which the patient asks for a bolus [h], ascending; those from the state's time to `until` count.
    ratio : float
        Actual flow over programmed flow.

    Returns
    -------
    Delivery

    Notes
    -----
    The flow is constant in pieces. Within a piece the reservoir empties linearly, and tubing and catheter hand
    on what entered them one volume earlier, so that every edge is found by one division and nothing is stepped.
    A leak and a disconnection lie between tubing and catheter.
    """
    asked = [t for t in requests if state.time <= t < until]
    answers = answer(asked, [w for s in orders.settings for w in _windows(s)], state.granted)
    granted = (*state.granted, *(a.time for a in answers if a.outcome == "granted"))
    edges, flow = _commanded(orders, state.time, until, np.array(granted), ratio)
    solutions = [Solution(s.start, s.concentration, s.refill) for s in orders.settings]
    fills = deplete(edges, flow, state.reservoir, solutions, orders.policy)
    fine = np.union1d(edges, [t for f in fills for t in (f.start, f.empty) if t < until])
    pumped = drawn(fine, flow[np.searchsorted(edges, fine[1:]) - 1], fills)
    port, tubing = through(pumped, state.tubing)
    lost = share_lost(orders.faults, (port.start + port.end) / 2)
    tip, catheter = through(port.times(1.0 - lost), state.catheter)
    pocket = port.times(lost)
    last = fills[-1]
    end = State(
        until, Contents(last.last, last.concentration, last.filled), tubing, catheter, granted
    )
    ledger = Ledger(
        before=_held(state),
        filled=sum(fill.first * fill.concentration for fill in fills[1:]),
        pumped=pumped.amount,
        delivered=tip.amount,
        leaked=pocket.amount,
        discarded=sum(fill.last * fill.concentration for fill in fills[:-1]),
        reservoir=last.last * last.concentration,
        tubing=tubing.amount,
        catheter=catheter.amount,
    )
    return Delivery(tip, pocket, fills, answers, ledger, end)


def _windows(setting: Setting) -> list[Window]:
    bolus, fixed = setting.programme.patient, min(setting.fixed_until, setting.end)
    return [Window(setting.start, fixed, bolus, True), Window(fixed, setting.end, bolus)]


def _commanded(
    orders: Orders, start: float, end: float, granted: np.ndarray, ratio: float
) -> tuple[np.ndarray, np.ndarray]:
    """Edges [h] and flow [L/h] that the motor makes while there is something to pump."""
    parts = [s.edges(start, end, orders.clock, granted) for s in orders.settings]
    edges = join(start, end, *parts, fault_edges(orders.faults))
    middle = (edges[1:] + edges[:-1]) / 2
    bounds = np.searchsorted(middle, [*(s.start for s in orders.settings), np.inf])
    flow = np.concatenate([
        s.flow(middle[a:b], orders.clock, granted)
        for s, a, b in zip(orders.settings, bounds[:-1], bounds[1:], strict=True)
    ])  # fmt: skip
    flow[stopped(orders.faults, middle)] = 0.0
    return edges, flow * ratio


def _held(state: State) -> float:
    held = state.reservoir.volume * state.reservoir.concentration
    return held + state.tubing.amount + state.catheter.amount
