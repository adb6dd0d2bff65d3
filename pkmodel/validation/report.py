"""All cases in one model, as a table: observed, predicted, how far apart, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.errors import InputError, did_you_mean
from pkmodel.validation.judging import ROLES, fold_error, inside, role, shared
from pkmodel.validation.observables import ARGUMENTS, KINDS
from pkmodel.validation.reader import PACKAGED, load
from pkmodel.validation.running import (
    QUANTILES,
    Arm,
    DrugModel,
    NotRunError,
    Subjects,
    arms_of,
    as_published,
    bands_of,
    value_of,
)
from pkmodel.validation.schema import Case, Collection, Contradiction, Observation

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Validation:
    """What came of the cases.

    Parameters
    ----------
    table : pandas.DataFrame
        A row per observation, see :func:`validate`.
    profiles : dict of str to xarray.Dataset
        By case, the simulated curves as percentiles over the subjects, for figures.
    contradictions : tuple of Contradiction
        Where published numbers disagree.
    """

    table: pd.DataFrame
    profiles: dict[str, xr.Dataset]
    contradictions: tuple[Contradiction, ...]

    def summary(self) -> pd.DataFrame:
        """How many predictions are how good, by what the model may have known.

        Returns
        -------
        pandas.DataFrame
            By role (calibration, input, prediction, all): ``observations`` that were run; of those that are judged,
            the share ``inside_gate`` and, where a spread was published, ``inside_spread``; ``values`` among them, for
            which a value and not only bounds was published, and the shares of these ``within_2_fold`` and
            ``within_3_fold``.
        """
        import pandas as pd

        run = self.table[self.table.not_run == ""]
        parts = {**{name: run[run.role == name] for name in ROLES}, "all": run}
        return pd.DataFrame({name: _shares(part) for name, part in parts.items()}).T.astype(
            {"observations": int, "values": int}
        )

    def disagreements(self) -> pd.DataFrame:
        """Rows of the table that contradict each other, side by side, with ``topic`` and ``handling``.

        Returns
        -------
        pandas.DataFrame
            The members of every contradiction of which all cases were asked for.
        """
        import pandas as pd

        keyed = self.table.set_index(["case", "observation"], drop=False)
        parts = [
            keyed.loc[list(c.members)].assign(topic=c.topic, handling=c.handling)
            for c in self.contradictions
            if all(member in keyed.index for member in c.members)
        ]
        empty = self.table.iloc[:0].assign(topic="", handling="")
        return pd.concat(parts, ignore_index=True) if parts else empty


def validate(
    cases: Iterable[str] | str | None = None,
    drug_model: DrugModel = as_published,
    *,
    subjects: int | None = 200,
    seed: int = 0,
    file: str | Path = PACKAGED,
) -> Validation:
    """Set published clinical observations beside what a model predicts.

    Parameters
    ----------
    cases : iterable of str, optional
        Names of cases, for example ``["V1", "V8"]``; by default all.
    drug_model : callable
        :func:`as_published`, or a function of one's own: ``drug_model(drug, tip, places)`` gives the drug that is
        simulated, for a `tip` of catheter or needle and `places` of samples.
    subjects : int, optional
        How many are drawn with the spread of the drug file, the same in all arms; None for one typical adult.
    seed : int
        Root of the random numbers.
    file : str or Path
        A file of cases; by default that of the package.

    Returns
    -------
    Validation
        Its ``table`` has the columns ``case``, ``observation``, ``quantity`` (in words); ``kind`` (empty for a ratio
        of two curves), ``dose``, ``place``, ``substance``, ``at`` [h], of the curve that it is read off; ``n``,
        ``unit``, ``observed`` (NaN where only bounds were published), ``observed_low`` and ``observed_high`` (spread or
        bounds), ``spread`` (as published); ``predicted`` (median over the subjects), ``predicted_5`` and
        ``predicted_95`` (percentiles); ``fold_error``, ``inside_spread``, ``gate``, ``inside_gate``; ``role``,
        ``shared_parameters``; ``confidence``, ``source``, ``note``; and ``not_run``, why there is no prediction.
        Numbers are in ``unit``.

    Raises
    ------
    InputError
        An unknown case, or a file with faults.

    Notes
    -----
    The median is judged; what never comes in a subject counts as infinitely late. ``fold_error`` is
    max(predicted / observed, observed / predicted), and 1 within published bounds. ``inside_gate`` is None where the
    gate is "-". The role is "calibration" where the case may be used to fit the model, "input" where the drug file
    takes a parameter from the same study, otherwise "prediction".

    Examples
    --------
    >>> row = validate("V10", subjects=None).table.set_index("observation").loc["clearance"]
    >>> print(f"{row.predicted:.0f} {row.unit}, {row.fold_error:.2f}-fold, {row.inside_gate}")
    1234 mL/min, 1.49-fold, False
    """
    import pandas as pd

    collection = load(file)
    who = Subjects(subjects, seed)
    rows, profiles = [], {}
    for case in _chosen(collection, cases):
        arms = arms_of(case, drug_model, who)
        rows += [_row(case, o, arms) for o in case.observations.values()]
        profiles[case.name] = bands_of(case, arms)
    return Validation(pd.DataFrame(rows), profiles, collection.contradictions)


def _chosen(collection: Collection, names: Iterable[str] | str | None) -> list[Case]:
    names = collection.cases if names is None else names
    wanted = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in wanted if name not in collection.cases]
    if unknown or not wanted:
        known = ", ".join(collection.cases)
        faults = [f'unknown case "{n}"{did_you_mean(n, collection.cases)}' for n in unknown]
        raise InputError(*(faults or ["no case is asked for"]), remedy=f"Known are {known}.")
    return [collection.cases[name] for name in dict.fromkeys(wanted)]


def _row(
    case: Case, observation: Observation, arms: Mapping[str, Arm | NotRunError]
) -> dict[str, Any]:
    """A row of the table."""
    reason, middle = "", (np.nan,) * len(QUANTILES)
    try:
        middle = percentiles(value_of(observation, arms))
    except NotRunError as error:
        reason = str(error)
    involved = [observation.dose, *([observation.versus.dose] if observation.versus else [])]
    drugs = [arm.drug for arm in map(arms.__getitem__, involved) if isinstance(arm, Arm)]
    parameters = shared(drugs, observation)
    low, predicted, high = middle
    value = observation.target[0] if observation.exact else np.nan
    span = observation.spread or observation.target

    def shown(number: float) -> float:
        return float(units.express(number, observation.dimension, observation.unit))

    return {
        "case": case.name,
        "observation": observation.name,
        "quantity": quantity(observation, case),
        "kind": observation.kind if observation.versus is None else "",
        "dose": observation.dose,
        "place": observation.place,
        "substance": observation.substance,
        "at": observation.arguments.get("at", np.nan),
        "n": observation.n,
        "unit": observation.unit,
        "observed": shown(value),
        "observed_low": shown(span[0]),
        "observed_high": shown(span[1]),
        "spread": observation.spread_text,
        "predicted": shown(predicted),
        "predicted_5": shown(low),
        "predicted_95": shown(high),
        "fold_error": fold_error(predicted, observation.target),
        "inside_spread": inside(predicted, observation.spread),
        "gate": observation.gate,
        "inside_gate": inside(predicted, observation.band),
        "role": role(case, parameters),
        "shared_parameters": ", ".join(parameters),
        "confidence": observation.confidence,
        "source": "; ".join(observation.source),
        "note": observation.note,
        "not_run": reason,
    }


def percentiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Those over the subjects; what never comes in a subject, infinite, comes last.

    Examples
    --------
    >>> percentiles(np.array([1.0, 2.0, 3.0, np.inf, np.inf]))
    (1.0, 3.0, inf)
    """
    method: Any = "linear" if np.isfinite(values).all() else "lower"
    return tuple(np.quantile(values, QUANTILES, method=method).tolist())


def quantity(observation: Observation, case: Case) -> str:
    """An observation in words, with its arm where there are several.

    Examples
    --------
    >>> case = load().cases["V2"]
    >>> quantity(case.observations["csf_half_life_low"], case)
    'half-life, 6 h to 24 h, CSF L3 (low)'
    """
    words = KINDS[observation.kind].words.format(**_arguments_in_words(observation.arguments))
    of = f"{observation.substance} in " if observation.substance else ""
    place = of + observation.place
    other = observation.versus
    if other and other.dose == observation.dose:
        below = f"{other.substance} in {other.place}" if other.substance else other.place
        return f"{words}, {place} : {below}" + _arm(observation.dose, case)
    if other:
        return f"{words}, {place} ({_plain(observation.dose)} : {_plain(other.dose)})"
    return f"{words}, {place}" + _arm(observation.dose, case)


def _arm(name: str, case: Case) -> str:
    own = {o.dose for o in case.observations.values()}
    return f" ({_plain(name)})" if len(own) > 1 else ""


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _arguments_in_words(arguments: Mapping[str, float]) -> dict[str, str]:
    words = {name: f"{value:.3g}" for name, value in arguments.items()}
    for name, value in arguments.items():
        if ARGUMENTS[name] == "time":
            words[name] = _time(value)
        elif ARGUMENTS[name] == "concentration":
            words[name] = f"{1e3 * value:.3g} ng/mL"
    return words


def _time(hours: float) -> str:
    """A time in the unit in which one says it.

    Examples
    --------
    >>> _time(0.25), _time(0), _time(6), _time(168)
    ('15 min', '0 h', '6 h', '7 d')
    """
    if hours > 72 and not hours % 24:
        return f"{hours / 24:g} d"
    return f"{60 * hours:.3g} min" if 0 < hours < 2 and hours != 1 else f"{hours:.3g} h"


def _shares(part: pd.DataFrame) -> dict[str, float]:
    judged = part[part.gate != "-"]
    values = judged[judged.observed.notna()]
    return {
        "observations": len(part),
        "values": len(values),
        "within_2_fold": (values.fold_error <= 2).mean(),
        "within_3_fold": (values.fold_error <= 3).mean(),
        "inside_spread": judged.inside_spread.dropna().astype(float).mean(),
        "inside_gate": judged.inside_gate.astype(float).mean(),
    }
