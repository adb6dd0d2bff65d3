"""The reservoir: how it empties, when it is refilled, what is thrown away then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.devices.implanted.flow import TICK, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Contents", "Fill", "Policy", "Solution", "deplete", "drawn"]


class Contents(NamedTuple):
    """What is in a reservoir: volume [L], concentration [mg/L], and when it was filled [h]."""

    volume: float
    concentration: float
    filled: float


class Solution(NamedTuple):
    """What the reservoir is filled with from a time on [h]: concentration [mg/L], and whether at once."""

    start: float
    concentration: float
    at_once: bool


@dataclass(frozen=True)
class Policy:
    """When and how far the reservoir is filled.

    Parameters
    ----------
    fill : float
        Volume after a filling [L].
    residual, alarm : float
        Volume that cannot be pumped, and that at which the alarm sounds [L].
    refill_at : float or None
        Volume at which it is refilled [L].
    refill_every : float or None
        Time since the last filling at which it is refilled [h].
    """

    fill: float
    residual: float
    alarm: float
    refill_at: float | None
    refill_every: float | None


class Fill(NamedTuple):
    """A filling, from the time that one looks from, or was filled, to the next filling or the end of the look.

    Parameters
    ----------
    start, end : float
        From when to when [h].
    first, last : float
        Volume at the start and at the end [L].
    concentration : float
        Concentration [mg/L].
    filled : float
        When it was filled [h].
    alarm, empty : float
        When the alarm sounded, and when the pump ran dry [h]; infinite if they did not.
    refilled : bool
        Whether a filling ends it.
    """

    start: float
    end: float
    first: float
    last: float
    concentration: float
    filled: float
    alarm: float
    empty: float
    refilled: bool


def deplete(
    edges: Floats,
    flow: Floats,
    contents: Contents,
    solutions: Sequence[Solution],
    policy: Policy,
) -> tuple[Fill, ...]:
    """Follow the reservoir from filling to filling.

    Parameters
    ----------
    edges : array, shape (piece + 1,)
        Edges of the pieces of constant flow [h].
    flow : array, shape (piece,)
        Flow that the pump asks for [L/h].
    contents : Contents
        At the first edge.
    solutions : sequence of Solution
        In order of time; the first begins before or at the first edge.
    policy : Policy
        Refills.

    Returns
    -------
    tuple of Fill
        A filling that falls on the last edge is left to whoever goes on from there.

    Examples
    --------
    >>> policy = Policy(fill=0.02, residual=0.0, alarm=0.002, refill_at=0.002, refill_every=None)
    >>> new = Contents(0.02, 5000.0, 0.0)
    >>> fills = deplete(np.array([0.0, 50.0]), np.array([0.001]), new, [Solution(0, 5000.0, False)], policy)
    >>> [(round(f.start, 9), round(f.end, 9), round(f.last, 9)) for f in fills]
    [(0.0, 18.0, 0.002), (18.0, 36.0, 0.002), (36.0, 50.0, 0.006)]
    """
    demand = _Demand(edges, flow, np.concatenate([[0.0], np.cumsum(flow * np.diff(edges))]))
    fills = []
    now, end = float(edges[0]), float(edges[-1])
    while True:
        due = max(now, _due(demand, now, contents, solutions, policy))
        fills.append(_filling(demand, now, min(due, end), contents, policy, due < end))
        if due >= end:
            return tuple(fills)
        strength = [s.concentration for s in solutions if s.start <= due + TICK][-1]
        now, contents = due, Contents(policy.fill, strength, due)


class _Demand(NamedTuple):
    """What the pump asks for: edges [h] and flow [L/h] of the pieces, volume asked for until each edge [L]."""

    edges: Floats
    flow: Floats
    asked: Floats

    def until(self, time: float) -> float:
        """Volume asked for until a time [L]."""
        return float(np.interp(time, self.edges, self.asked))

    def after(self, time: float, volume: float) -> float:
        """When so much more than at a time has been asked for [h]; at once if it is not above 0."""
        goal = self.until(time) + volume
        place = int(np.searchsorted(self.asked, goal))
        if place == len(self.asked):
            return math.inf
        late = (self.asked[place] - goal) / self.flow[place - 1] if place else 0.0
        return max(time, float(self.edges[place] - late))


def _due(
    demand: _Demand, now: float, held: Contents, solutions: Sequence[Solution], policy: Policy
) -> float:
    """When the next filling is due [h]."""
    due = [s.start for s in solutions if s.at_once and s.start > held.filled]
    if policy.refill_every is not None:
        due.append(held.filled + policy.refill_every)
    if policy.refill_at is not None:
        due.append(demand.after(now, held.volume - policy.refill_at))
    return min(due, default=math.inf)


def _filling(
    demand: _Demand, start: float, end: float, held: Contents, policy: Policy, refilled: bool
) -> Fill:
    empty = demand.after(start, held.volume - policy.residual)
    alarm = (
        demand.after(start, held.volume - policy.alarm) if held.volume > policy.alarm else math.inf
    )
    spent = demand.until(end) - demand.until(start)
    return Fill(
        start,
        end,
        first=held.volume,
        last=policy.residual if empty <= end else held.volume - spent,
        concentration=held.concentration,
        filled=held.filled,
        alarm=alarm if alarm <= end else math.inf,
        empty=empty if empty < end else math.inf,
        refilled=refilled,
    )


def drawn(edges: Floats, flow: Floats, fills: Sequence[Fill]) -> Stream:
    """What leaves the reservoir: the flow asked for, unless the pump has run dry.

    Parameters
    ----------
    edges : array, shape (piece + 1,)
        Edges of the pieces [h], those of the fillings among them.
    flow : array, shape (piece,)
        Flow that the pump asks for [L/h].
    fills : sequence of Fill
        From :func:`deplete`.

    Returns
    -------
    Stream
    """
    middle = (edges[1:] + edges[:-1]) / 2
    place = np.searchsorted([fill.start for fill in fills], middle, side="right") - 1
    dry = middle > np.array([fill.empty for fill in fills])[place]
    concentration = np.array([fill.concentration for fill in fills])[place]
    return Stream(edges[:-1], edges[1:], np.where(dry, 0.0, flow), concentration).times(1.0)
