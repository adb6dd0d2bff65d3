"""Drug in moving fluid: flow that is constant in pieces, and tubes in which nothing mixes (plug flow)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Column", "Stream", "join", "through"]

TICK = 1e-9
"""Times [h] closer than this are the same: 3.6 microseconds."""
ROUNDING = 8 * np.finfo(float).eps


class Stream(NamedTuple):
    """Fluid that passes a point, in pieces of constant flow and concentration, in order of time.

    Parameters
    ----------
    start, end : array, shape (piece,)
        When the piece passes [h]. Between pieces nothing flows.
    flow : array, shape (piece,)
        Flow [L/h].
    concentration : array, shape (piece,)
        Concentration of the drug [mg/L].
    """

    start: Floats
    end: Floats
    flow: Floats
    concentration: Floats

    @property
    def volume(self) -> Floats:
        """Volume of every piece [L]."""
        return self.flow * (self.end - self.start)

    @property
    def rate(self) -> Floats:
        """Drug that passes per time [mg/h]."""
        return self.flow * self.concentration

    @property
    def amount(self) -> float:
        """Drug that passes in all [mg]."""
        return float(self.volume @ self.concentration)

    def times(self, factor: float | Floats) -> Stream:
        """The stream with its flow multiplied, without the pieces that no longer flow."""
        flow = self.flow * factor
        keep = flow > 0
        return Stream(self.start[keep], self.end[keep], flow[keep], self.concentration[keep])

    def rate_at(self, time: Floats) -> Floats:
        """Drug that passes per time [mg/h] at some times [h]; 0 where nothing flows."""
        last = np.searchsorted(self.start, time, side="right") - 1
        rate, end = np.append(self.rate, 0.0), np.append(self.end, -np.inf)
        return np.where(time < end[last], rate[last], 0.0)

    def doses(self) -> tuple[Floats, Floats, Floats]:
        """Start [h], duration [h] and rate [mg/h] of the infusions that the stream is made of."""
        keep = (self.rate > 0) & (self.end > self.start)
        start, end, rate = self.start[keep], self.end[keep], self.rate[keep]
        first = np.ones(len(rate), bool)
        first[1:] = (start[1:] != end[:-1]) | (rate[1:] != rate[:-1])
        last = np.append(first[1:], True)[: len(rate)]
        return start[first], end[last] - start[first], rate[first]


@dataclass(frozen=True)
class Column:
    """What stands in a tube, in plugs from the outlet to the inlet.

    Parameters
    ----------
    volume : tuple of float
        Volume of every plug [L].
    concentration : tuple of float
        Its concentration [mg/L].

    Examples
    --------
    >>> Column((0.0001, 0.0002), (0.0, 5000.0)).amount
    1.0
    """

    volume: tuple[float, ...]
    concentration: tuple[float, ...]

    @property
    def amount(self) -> float:
        """Drug in the tube [mg]."""
        return float(np.dot(self.volume, self.concentration))


def join(start: float, end: float, *times: Any) -> Floats:
    """Edges of the pieces between two times [h]: both, and those between them, each once.

    Examples
    --------
    >>> join(0, 10, [4, 12], [4, 2])
    array([ 0.,  2.,  4., 10.])
    """
    inner = np.unique(np.concatenate([np.zeros(0), *times]))
    inner = inner[(inner > start + TICK) & (inner < end - TICK)]
    inner = inner[np.diff(inner, prepend=-np.inf) > TICK]
    return np.concatenate([[start], inner, [end]])


def through(stream: Stream, column: Column) -> tuple[Stream, Column]:
    """Push a stream through a tube in plug flow.

    What leaves when the volume V has entered is what stood V before the outlet: first the old content, then the
    stream itself, late by the tube's volume. All is exact, for between its edges every flow is constant.

    Parameters
    ----------
    stream : Stream
        What enters.
    column : Column
        What stands in the tube at first.

    Returns
    -------
    Stream
        What leaves, at the same flow.
    Column
        What stands in the tube at the end.

    Examples
    --------
    Drug of 10,000 mg/L enters a tube of 0.3 mL at 0.1 mL/h and leaves it after three hours:

    >>> one = np.ones(1)
    >>> out, inside = through(Stream(0 * one, 5 * one, 1e-4 * one, 1e4 * one), Column((3e-4,), (0.0,)))
    >>> out.start.round(9), out.rate.round(9), round(inside.amount, 9)
    (array([0., 3.]), array([0., 1.]), 3.0)
    """
    passed = np.concatenate([[0.0], np.cumsum(stream.volume)])
    bounds, concentration = _plugs(stream, column, passed)
    total = passed[-1]
    cuts = np.union1d(passed, bounds[bounds < total])
    low, high = cuts[:-1], cuts[1:]
    piece = np.searchsorted(passed, low, side="right") - 1
    plug = np.searchsorted(bounds, low, side="right") - 1
    flow = stream.flow[piece]
    whole = high == passed[piece + 1]
    until = stream.start[piece] + (high - passed[piece]) / flow
    out = Stream(
        stream.start[piece] + (low - passed[piece]) / flow,
        np.where(whole, stream.end[piece], until),
        flow,
        concentration[plug],
    )
    left = bounds[1:] - np.maximum(bounds[:-1], total)
    stay = left > 0
    return out, Column(tuple(left[stay].tolist()), tuple(concentration[stay].tolist()))


def _plugs(stream: Stream, column: Column, passed: Floats) -> tuple[Floats, Floats]:
    """Bounds [L] of the plugs of tube and stream, outlet first, like ones as one, and concentrations."""
    old = np.cumsum([0.0, *column.volume])
    bounds = np.concatenate([old, old[-1] + passed[1:]])
    concentration = np.concatenate([column.concentration, stream.concentration])
    first = np.ones(len(concentration), bool)
    first[1:] = concentration[1:] != concentration[:-1]
    ends = np.append(first[1:], True)[: len(first)]
    return _snap(np.concatenate([[0.0], bounds[1:][ends]]), passed), concentration[first]


def _snap(bounds: Floats, passed: Floats) -> Floats:
    """Move every bound onto the edge that it misses by rounding alone, so that no sliver is cut."""
    after = np.minimum(np.searchsorted(passed, bounds), len(passed) - 1)
    above, below = passed[after], passed[np.maximum(after - 1, 0)]
    edge = np.where(np.abs(above - bounds) <= np.abs(bounds - below), above, below)
    return np.where(np.abs(edge - bounds) <= ROUNDING * passed[-1], edge, bounds)
