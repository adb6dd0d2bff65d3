"""Published figures beside what simulated trials give: nothing was tuned on them unless it says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.trials.plans import Faults, Titration
from pkmodel.trials.running import strategies, trial
from pkmodel.trials.service import failures

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["published"]

START = 105.5
"""Median oral per intrathecal dose with which 275 pumps were started; orders below follow from it."""


class Observation(NamedTuple):
    """A published figure with what was simulated for it."""

    what: str
    published: str
    simulated: str
    source: str


def published(seed: int = 1, threads: int | None = None) -> pd.DataFrame:
    """Simulate what was published on trials and escalation, and put both side by side.

    Parameters
    ----------
    seed : int
        Root of all random numbers.
    threads : int, optional
        As for :func:`pkmodel.simulate`.

    Returns
    -------
    DataFrame
        Columns ``what``, ``published``, ``simulated`` and ``source``. Nobody's own doses were known: patients are
        those of the defaults, whose oral dose follows from the published start and the ratio 105.5.
    """
    import pandas as pd

    rows = [row for case in CASES for row in case(seed, threads)]
    return pd.DataFrame(rows, columns=Observation._fields)


def _start_at_a_ratio(seed: int, threads: int | None) -> list[Observation]:
    ds = trial(
        "morphine", "100 mg oral q12h", method="none", ratio=START, subjects=275, seed=seed, months=1,
        titration=Titration(every="3 d"), faults=Faults(per_year=0), threads=threads,
    )  # fmt: skip
    growth = ds.escalation.isel(visit=-1).values - 1
    raised = growth > 1e-9
    low, middle, high = (f"{100 * q:.0f}" for q in np.quantile(growth[raised], (0.25, 0.5, 0.75)))
    source = "Neuromodulation 2021;24:1157, n = 275"
    return [
        Observation("start at 105:1, adequate", "42 %", _percent(~raised), source),
        Observation("start at 105:1, raised", "54 %", _percent(raised), source),
        Observation("by a median of (quartiles)", "67 % (33 to 150)", f"{middle} % ({low} to {high})", source),
    ]  # fmt: skip


def _randomised(seed: int, threads: int | None) -> list[Observation]:
    ds = strategies(
        "morphine", "100 mg oral q12h", method="none", ratio=START, subjects=200, seed=seed, months=1,
        titration=Titration(every="7 d"), threads=threads,
    )  # fmt: skip
    below = ds.score.sel(visit=28) < 4
    source = "Smith 2002, n = 200, entry at 200 mg/day"
    return [
        Observation("pain below 4 at 4 weeks, pump", "61 %", _percent(below.sel(strategy="implant")), source),
        Observation("pain below 4 at 4 weeks, without", "42 %", _percent(below.sel(strategy="oral")), source),
    ]  # fmt: skip


def _cancer(start: float, subjects: int, months: float, seed: int, threads: int | None) -> xr.Dataset:  # fmt: skip
    """Implants that begin with a dose [mg/day], raised every two weeks."""
    oral = f"{start * START / 2!r} mg oral q12h"
    return trial(
        "morphine", oral, method="none", ratio=START, subjects=subjects, seed=seed, months=months,
        intended=True, threads=threads,
    )  # fmt: skip


def _infusion(seed: int, threads: int | None) -> list[Observation]:
    rate = _cancer(4.8, 130, 12, seed, threads).rate
    growth = rate / rate.isel(visit=0)
    early = growth.sel(visit=91, method="nearest")
    end = rate.isel(visit=-1)
    source = "Pain 1987;31:211, n = 130, 10 at 52 weeks; the file's tolerance is set on it"
    return [
        Observation("infusion from 4.8 mg/day, mean at 52 weeks", "21 mg/day",
                    f"{float(end.mean()):.1f} mg/day", source),
        Observation("less than doubled in 3 months", "48 %", _percent(early < 2), source),
    ]  # fmt: skip


def _bolus(seed: int, threads: int | None) -> list[Observation]:
    rate = _cancer(2.69, 159, 3, seed, threads).rate
    growth = float((rate.isel(visit=-1) / rate.isel(visit=0)).mean())
    return [Observation("from 2.69 mg/day, growth in 3 months", "2 to 3 times", f"{growth:.1f} times",
                        "Neurosurgery 1998, n = 159; of boluses, here a pump")]  # fmt: skip


def _low_dose(seed: int, threads: int | None) -> list[Observation]:
    rates = [f"{d} ug/day" for d in (50, 100, 150, 200, 300, 400)]
    ds = trial(
        "morphine", None, method="catheter", doses=rates, subjects=100, seed=seed, months=24,
        titration=Titration(every="28 d"), threads=threads,
    )  # fmt: skip
    rate = 1000 * ds.rate.where(ds.rate.isel(visit=0) > 0)
    first, last = (f"{float(rate.isel(visit=k).mean()):.0f}" for k in (12, -1))
    return [Observation("after an opioid-free time, mean at 1 and 2 years", "335, 348 ug/day",
                        f"{first}, {last} ug/day", "Grider 2011 to 2016, n = 21")]  # fmt: skip


def _shots(seed: int, threads: int | None) -> list[Observation]:
    found = []
    for dose, seen in (("0.3 mg", "70 %"), ("1 mg", "always"), ("2.5 mg", "always")):
        ds = trial(
            "morphine", None, doses=[dose], subjects=100, seed=seed, months=0.5, threads=threads
        )
        found.append(Observation(f"single shot of {dose} without opioids before: adequate", seen,
                                 _percent(ds.responded), "Jacobson 1988, n = 33, surgical pain"))  # fmt: skip
    return found


def _complications(seed: int, threads: int | None) -> list[Observation]:
    wrong = failures(Faults(), np.arange(1, 2001), seed, round(9 * 365.25 / 12))
    free = (wrong.pump + wrong.catheter).sum(axis=1) == 0
    return [Observation("no complication of the catheter in 9 months", "79 %", _percent(free),
                        "Follett 2000, n = 209; ours of pump and catheter, at 10.5 % a year")]  # fmt: skip


CASES: tuple[Callable[[int, int | None], list[Observation]], ...] = (
    _start_at_a_ratio, _randomised, _infusion, _bolus, _low_dose, _shots, _complications,
)  # fmt: skip


def _percent(true: Any) -> str:
    return f"{100 * float(np.mean(true)):.0f} %"
