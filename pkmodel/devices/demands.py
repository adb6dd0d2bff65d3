"""When patients ask for a dose: a Poisson process, which may follow the time of day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pkmodel.devices.draws import Key, subject_numbers, uniforms
from pkmodel.devices.reading import read
from pkmodel.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["poisson_demands"]


def poisson_demands(
    subjects: int | Iterable[int],
    rate: ArrayLike,
    until: float | str,
    *,
    seed: int,
    start: float | str = 0.0,
    day: Mapping[float, float] | None = None,
    clock: float = 0.0,
    stream: str = "demands",
    replicate: int = 0,
) -> dict[int, Floats]:
    """Draw the times at which patients ask for a dose.

    The rate is an assumption of the user. Demands depend on nothing but the clock: neither on pain, nor on what was
    given or refused.

    Parameters
    ----------
    subjects : int or iterable of int
        How many subjects (1 to n), or which ones.
    rate : float or array, shape (subject,)
        Demands per hour [1/h], of all or of every subject.
    until : float or str
        Demands come from `start` to before this time [h].
    seed : int
        Root of all random numbers, 0 or above.
    start : float or str
        First time [h].
    day : mapping of float to float, optional
        Factor of the rate from an hour of the day on until the next: ``{7: 1.0, 22: 0.4}``.
    clock : float
        Hour of the day at time 0.
    stream : str
        Name of the draw; another name gives independent numbers from the same seed.
    replicate : int
        Number of the draw, for several from one seed.

    Returns
    -------
    dict of int to array
        Times [h] by subject, for :meth:`pkmodel.devices.pca.PCA.run`.

    Raises
    ------
    ParameterError
        Everything that is wrong with the arguments.

    Notes
    -----
    A Poisson process: the times of one with rate 1 are carried through the inverse of the cumulated rate (change of
    time), which is exact. Another rate keeps the same random numbers.

    Examples
    --------
    >>> demands = poisson_demands(3, 2.0, "72 h", seed=1, day={7: 1.0, 22: 0.25}, clock=8.0)
    >>> {subject: len(times) for subject, times in demands.items()}
    {1: 91, 2: 87, 3: 111}
    """
    numbers = subject_numbers(subjects)
    faults: list[str] = []
    begin, end = (read(faults, n, v, "time") for n, v in (("start", start), ("until", until)))
    if not faults and begin >= end:
        faults.append(f"until is {end:g} h; expected a time after the start ({begin:g} h)")
    rates = _rates(rate, len(numbers), faults)
    pattern = _pattern(day, clock, faults)
    if faults:
        raise ParameterError(
            *faults, remedy="Write for example poisson_demands(100, 2.0, 72, seed=1)."
        )
    knots, cumulated = _cumulated(pattern, clock, begin, end)
    unit = _unit_process(numbers, float(rates.max() * cumulated[-1]), (seed, stream, replicate))
    times = {}
    for number, own, sums in zip(numbers, rates, unit, strict=True):
        reached = sums[sums < own * cumulated[-1]]
        when = np.interp(reached / own, cumulated, knots) if len(reached) else reached
        times[int(number)] = when[when < end]
    return times


def _unit_process(numbers: Ints, length: float, key: Key) -> Floats:
    """Times of Poisson processes of rate 1, at least as far as `length`."""
    size = int(length + 6.0 * np.sqrt(length)) + 16
    while True:
        times = np.cumsum(-np.log(uniforms(numbers, size, key, "demand")), axis=1)
        if times[:, -1].min() > length:
            return times
        size *= 2


def _cumulated(
    pattern: dict[float, float], clock: float, begin: float, end: float
) -> tuple[Floats, Floats]:
    """Moments at which the factor changes, and its integral until then."""
    hours = np.array(sorted(pattern))
    days = np.arange(np.floor((clock + begin) / 24.0) - 1, np.ceil((clock + end) / 24.0) + 1)
    changes = (24.0 * days[:, None] + hours - clock).ravel()
    factors = np.tile([pattern[hour] for hour in hours], len(days))
    first = np.searchsorted(changes, begin, side="right") - 1
    inside = (changes > begin) & (changes < end)
    knots = np.concatenate([[begin], changes[inside], [end]])
    heights = np.concatenate([[factors[first]], factors[inside]])
    return knots, np.concatenate([[0.0], np.cumsum(heights * np.diff(knots))])


def _rates(rate: ArrayLike, size: int, faults: list[str]) -> Floats:
    try:
        rates = np.broadcast_to(np.asarray(rate, dtype=float), (size,))
    except (TypeError, ValueError):
        faults.append(
            f"rate is {rate!r}; expected demands per hour, one number or one per subject ({size})"
        )
        return np.zeros(size)
    if not ((rates >= 0) & (rates < np.inf)).all():
        faults.append(f"rate is {rate!r}; expected 0 demands per hour or more")
    return rates


def _pattern(
    day: Mapping[float, float] | None, clock: float, faults: list[str]
) -> dict[float, float]:
    pattern = {0.0: 1.0} if day is None else dict(day)
    if not pattern or not all(0 <= h < 24 and 0 <= f < np.inf for h, f in pattern.items()):
        faults.append(
            f"day is {day!r}; expected factors, 0 or above, by the hour from 0 to below 24"
        )
    if not 0 <= clock < 24:
        faults.append(f"clock is {clock!r}; expected an hour of the day, from 0 to below 24")
    return pattern
