"""What the package raises when the input is wrong: all faults at once, and how to repair them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

FEW = 12
"""So many names are shown of those that there are."""


class InputError(ValueError):
    """Wrong input: what was given, everything that is wrong with it, and how to repair it.

    Everything that a user can get wrong raises this class or one of its subclasses.

    Parameters
    ----------
    *faults : str
        One clause per fault, without a full stop.
    given : str, optional
        What was given, already quoted if it is text.
    remedy : str, optional
        A full sentence with the line that repairs the input.

    Examples
    --------
    >>> print(InputError('unknown unit "mgs"', given='"60 mgs"', remedy='Write "60 mg".'))
    "60 mgs": unknown unit "mgs". Write "60 mg".
    """

    def __init__(self, *faults: str, given: str = "", remedy: str = "") -> None:
        super().__init__(*faults)
        self.given = given
        self.remedy = remedy

    @property
    def faults(self) -> tuple[str, ...]:
        """All faults of the input, one clause each."""
        return self.args

    @property
    def clauses(self) -> tuple[str, ...]:
        """All faults, each with what was given before it."""
        return tuple(f"{self.given}: {f}" if self.given else f for f in self.faults)

    def __str__(self) -> str:
        head = f"{self.given}: " if self.given else ""
        if len(self.faults) > 4:
            lines = "".join(f"\n  - {fault}" for fault in self.faults)
            return f"{head}{len(self.faults)} faults{lines}" + (self.remedy and f"\n{self.remedy}")
        return head + "; ".join(self.faults) + "." + (self.remedy and f" {self.remedy}")


class UnitError(InputError):
    """A quantity that is wrong: its unit is missing, unknown or of another dimension, or its value."""


class RegimenError(InputError):
    """An order, a regimen or an event table that cannot be read or cannot be given."""


class ModelError(InputError):
    """A model that is not consistent, or that lacks what is asked of it."""


class DrugError(InputError):
    """A drug that is not known, or a drug file that cannot be read."""


class ParameterError(InputError):
    """A parameter that is missing, unknown, or out of its range."""


class PackageError(ImportError):
    """An optional package that is needed and not installed: the message has the line that installs it."""


def require(module: str, extra: str, what: str) -> None:
    """Refuse when an optional package is not installed.

    Parameters
    ----------
    module : str
        The package.
    extra : str
        The extra of pkmodel that brings it.
    what : str
        What needs it.

    Raises
    ------
    PackageError
        It is not installed.

    Examples
    --------
    >>> require("numpy", "cluster", "a store")
    """
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise PackageError(f'{what} needs {module}: pip install "pkmodel[{extra}]"')


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the known words nearest to a misspelt one.

    Parameters
    ----------
    word : str
        The word that was not found.
    known : iterable of str
        The words that exist.

    Returns
    -------
    str
        Text to append to a fault, ``' (did you mean "x"?)'``, or ``""`` when nothing is near.

    Examples
    --------
    >>> did_you_mean("clearence", ["clearance", "volume"])
    ' (did you mean "clearance"?)'
    >>> did_you_mean("zzz", ["clearance", "volume"])
    ''
    """
    from difflib import get_close_matches

    spelling = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), list(spelling), n=2, cutoff=0.6)
    quoted = " or ".join(f'"{spelling[word]}"' for word in near)
    return f" (did you mean {quoted}?)" if near else ""


def first_of(known: Collection[str]) -> str:
    """The first dozen of some names, and how many more there are.

    Parameters
    ----------
    known : collection of str
        The words that exist.

    Returns
    -------
    str

    Examples
    --------
    >>> first_of(["clearance", "volume"])
    'clearance, volume'
    >>> first_of([f"p{k}" for k in range(14)])
    'p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, and 2 more'
    """
    more = f", and {len(known) - FEW} more" if len(known) > FEW else ""
    return f"{', '.join(list(known)[:FEW])}{more}"


def refuse_unknown(
    names: Iterable[str], known: Collection[str], why: Callable[[str], str] = lambda name: ""
) -> None:
    """Refuse names that are no parameters of a model.

    Parameters
    ----------
    names : iterable of str
        Names that are given.
    known : collection of str
        Parameters of the model.
    why : callable, optional
        What is wrong with a name, where more can be said than that it is unknown; otherwise an empty text.

    Raises
    ------
    ParameterError
        All of them. Where no name is near, the first of those that there are.

    Examples
    --------
    >>> refuse_unknown(["clearance"], ["clearance", "volume"])
    """
    faults, lost = [], False
    for name in (n for n in names if n not in known):
        hint = did_you_mean(str(name), known)
        reason = why(name)
        faults.append(reason or f'unknown parameter "{name}"{hint}')
        lost |= not (reason or hint)
    if faults:
        has = first_of(known) or "no parameters"
        raise ParameterError(*faults, remedy=f"The model has {has}." if lost else "")
