"""Boluses that the patient requests: which the pump grants, and why it refuses the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pkmodel.devices.implanted.flow import TICK
from pkmodel.devices.implanted.programme import PatientBolus
from pkmodel.devices.reading import DAY, read

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REASONS", "Answer", "Window", "answer", "read_requests", "request_table"]

GRANTED, LOCKED, LIMIT, FIXED, NONE = (
    "granted",
    "lock-out",
    "daily limit",
    "priming or bridge bolus",
    "no patient bolus",
)
REASONS = (LOCKED, LIMIT, FIXED, NONE)
"""Why a request is refused."""


class Window(NamedTuple):
    """A span of time [h] and the bolus that may be requested in it; ``fixed`` while none may."""

    start: float
    end: float
    bolus: PatientBolus | None
    fixed: bool = False


class Answer(NamedTuple):
    """A request: its time [h] and what became of it, ``"granted"`` or one of `REASONS`."""

    time: float
    outcome: str


def answer(
    requests: Sequence[float], windows: Sequence[Window], granted: Iterable[float] = ()
) -> tuple[Answer, ...]:
    """Grant or refuse requests.

    A request at the very end of the lock-out is granted, and one 24 h after a bolus no longer finds it counted.
    Refused requests count for nothing.

    Parameters
    ----------
    requests : sequence of float
        Times [h], ascending.
    windows : sequence of Window
        In order, without gaps.
    granted : iterable of float
        Starts of earlier boluses [h].

    Returns
    -------
    tuple of Answer

    Examples
    --------
    >>> window = Window(0.0, 100.0, PatientBolus("0.05 mg", "5 min", "2 h", per_day=2))
    >>> [a.outcome for a in answer([0, 1, 2, 10, 24], [window])]
    ['granted', 'lock-out', 'granted', 'daily limit', 'granted']
    """
    recent = deque(granted)
    answers = []
    place = 0
    for time in requests:
        while windows[place].end <= time:
            place += 1
        while len(recent) > 1 and recent[0] <= time - DAY + TICK:
            recent.popleft()
        outcome = _outcome(time, windows[place], recent)
        if outcome == GRANTED:
            recent.append(time)
        answers.append(Answer(time, outcome))
    return tuple(answers)


def _outcome(time: float, window: Window, recent: deque[float]) -> str:
    bolus = window.bolus
    if bolus is None:
        return NONE
    if window.fixed:
        return FIXED
    if recent and time - recent[-1] < bolus.lockout - TICK:
        return LOCKED
    if sum(start > time - DAY + TICK for start in recent) >= bolus.per_day:
        return LIMIT
    return GRANTED


def read_requests(faults: list[str], times: Any) -> list[float]:
    """Times of requests [h] in order, from numbers or text."""
    return sorted(read(faults, "a request", time, "time") for time in times)


def request_table(answers: Sequence[Answer]) -> pd.DataFrame:
    """Requests as a table with the columns ``time`` [h] and ``outcome``."""
    import pandas as pd

    return pd.DataFrame(answers, columns=list(Answer._fields))
