"""The reservoir: how it empties, when it is refilled, what is thrown away then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pkmodel.devices.flow import TICK, Stream

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
    asked = np.concatenate([[0.0], np.cumsum(flow * np.diff(edges))])

    def after(time: float, volume: float) -> float:
        """When the pump has asked for a volume more than at a time; at once if it is none."""
        goal = float(np.interp(time, edges, asked)) + volume
        place = int(np.searchsorted(asked, goal))
        if place == len(asked):
            return math.inf
        late = (asked[place] - goal) / flow[place - 1] if place else 0.0
        return max(time, float(edges[place] - late))

    def next_fill(now: float, held: Contents) -> float:
        due = [s.start for s in solutions if s.at_once and s.start > held.filled]
        if policy.refill_every is not None:
            due.append(held.filled + policy.refill_every)
        if policy.refill_at is not None:
            due.append(after(now, held.volume - policy.refill_at))
        return max(now, min(due, default=math.inf))

    fills = []
    now, end = float(edges[0]), float(edges[-1])
    while True:
        due = next_fill(now, contents)
        until = min(due, end)
        empty = after(now, contents.volume - policy.residual)
        spent = float(np.interp(until, edges, asked) - np.interp(now, edges, asked))
        last = policy.residual if empty <= until else contents.volume - spent
        alarm = (
            after(now, contents.volume - policy.alarm)
            if contents.volume > policy.alarm
            else math.inf
        )
        refilled = due < end
        fills.append(
            Fill(now, until, contents.volume, last, contents.concentration, contents.filled,
                 alarm if alarm <= until else math.inf, empty if empty < until else math.inf, refilled)
        )  # fmt: skip
        if not refilled:
            return tuple(fills)
        strength = [s.concentration for s in solutions if s.start <= due + TICK][-1]
        now, contents = due, Contents(policy.fill, strength, due)


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
