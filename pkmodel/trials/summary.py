"""A trial in one column per strategy: who was implanted, pain, side effects, drug used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkmodel.responses.windows import WITHDRAWN
from pkmodel.trials.labels import require_trial
from pkmodel.trials.screening import IMPLANTED

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["table"]


def table(ds: xr.Dataset) -> pd.DataFrame:
    """What a trial or two strategies came to.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`pkmodel.trial` or :func:`pkmodel.trials.strategies`.

    Returns
    -------
    DataFrame
        One row per result, one column per strategy. Percentages are of all subjects, or of those who were tried; what
        is used is the mean of a subject; scores and side effects are means of the last visit. NaN where there was no
        trial, or no pump.

    Raises
    ------
    InputError
        Not the result of a trial.

    Examples
    --------
    >>> from pkmodel.trials import trial
    >>> ds = trial("morphine", "100 mg oral q12h", subjects=4, months=1)
    >>> table(ds).loc["oral dose at the end [mg/day]"].shape
    (1,)
    """
    import pandas as pd

    require_trial(ds)
    arms = (
        {str(s): ds.sel(strategy=s) for s in ds.strategy.values}
        if "strategy" in ds.dims
        else {"trial": ds}
    )
    return pd.DataFrame({name: _column(one) for name, one in arms.items()})


def _column(ds: xr.Dataset) -> dict[str, float]:
    last, target = ds.isel(visit=-1), float(ds.attrs["target"])
    score, implanted = ds.attrs["score"], np.isin(ds.decision, IMPLANTED)
    tried = ds.given.any("step")
    rows = {
        "responded in the trial [%]": 100 * ds.responded.where(tried).mean(),
        "would have with a placebo [%]": 100 * ds.placebo_response.where(tried).mean(),
        "implanted [%]": 100 * implanted.mean(),
        f"{score} at entry": ds.entry_score.mean(),
        f"{score} at the end": last.score.mean(),
        f"{score} at {target:g} or below at the end [%]": 100 * (last.score <= target).mean(),
        "oral dose at the end [mg/day]": last.oral_dose.mean(),
        "oral drug taken [g]": ds.oral.sum("day").mean() / 1000,
        "rate at the end, of those implanted [mg/day]": last.rate.where(implanted).mean(),
        "intrathecal drug given [mg]": intrathecal(ds).mean(),
        "refills": ds.refills.sum("visit").mean(),
        "faults of pump and catheter": (ds.pump_faults + ds.catheter_faults).sum("visit").mean(),
    }
    for name in ("respiratory_depression", "constipation", "sedation"):
        if name in ds:
            rows[f"{name.replace('_', ' ')} at the end"] = last[name].mean()
    if "withdrawal" in ds:
        after = ds.withdrawal.isel(visit=slice(1, None)).max("visit") > WITHDRAWN
        rows["withdrawal after the trial [%]"] = 100 * after.mean()
    return {name: float(value) for name, value in rows.items()}


def intrathecal(ds: xr.Dataset) -> xr.DataArray:
    """Intrathecal drug of every subject [mg], the trial's included."""
    infused = ds.delivered.sum("day")
    shots = ds.attrs["method"] == "single shots"
    return infused + (ds.given * ds.dose).sum("step") if shots else infused
