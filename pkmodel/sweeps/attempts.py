"""Several inputs tried one by one, so that one that is wrong does not hide what is wrong with the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pkmodel.errors import InputError


class Attempts:
    """What went wrong so far.

    Examples
    --------
    >>> from pkmodel import units
    >>> attempts = Attempts()
    >>> attempts.of(0.0, units.convert, "3 h", "time"), attempts.of(0.0, units.convert, "3", "time")
    (3.0, 0.0)
    >>> attempts.errors[0].faults
    ('has no unit (min, h, d, week)',)
    """

    def __init__(self) -> None:
        self.errors: list[InputError] = []

    def of(self, instead: Any, call: Callable[..., Any], *given: Any) -> Any:
        """What a function makes of something; another value, with which all else can be judged, if it refuses."""
        try:
            return call(*given)
        except InputError as error:
            self.errors.append(error)
            return instead

    def end(self) -> None:
        """Raise the one error there was, or an InputError with the faults of all."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InputError(*dict.fromkeys(c for e in self.errors for c in e.clauses))
