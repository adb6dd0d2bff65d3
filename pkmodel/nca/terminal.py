"""The terminal phase: half-life, and why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkmodel.nca import arrays
from pkmodel.nca.arrays import Array
from pkmodel.nca.profiles import Blq, blq_rule, interval, na_rule, read

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import DataArray, Dataset

REASONS: tuple[tuple[str, str], ...] = (
    ("estimated", "a half-life was estimated"),
    (
        "no_concentration",
        "no concentration is positive: look whether drug reaches this site, and at the rule for "
        "values below quantification",
    ),
    (
        "maximum_is_last",
        "the maximum is the last positive point, so there is nothing behind it: simulate or "
        "sample for longer after the last dose",
    ),
    (
        "too_few_points",
        "fewer than three positive points lie behind the maximum: use a finer time grid or follow "
        "the decline for longer",
    ),
    (
        "no_decline",
        "no decline behind the maximum, as in a steady infusion: give an interval that starts "
        "when the pump stops",
    ),
)
"""Flag and sentence of every code of ``half_life_reason``."""


def half_life(
    concentration: DataArray,
    start: float | None = None,
    end: float | None = None,
    *,
    blq: Blq | None = None,
    na: str | float = "drop",
) -> DataArray:
    """Terminal half-life; `terminal` tells its quality, and why it is NaN.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
    start, end : float, optional
    blq : {"keep", "drop"}, float or dict, optional
    na : "drop" or float
        See `terminal`.

    Returns
    -------
    DataArray, shape (...)
        Hours.

    Raises
    ------
    InputError
        As `terminal`.

    Examples
    --------
    >>> import xarray as xr
    >>> c = xr.DataArray([0.0, 8.0, 4.0, 2.0, 1.0], coords={"time": [0.0, 1.0, 4.0, 7.0, 10.0]})
    >>> round(float(half_life(c)), 12)
    3.0
    """
    return terminal(concentration, start, end, blq=blq, na=na)["half_life"]


def terminal(
    concentration: DataArray,
    start: float | None = None,
    end: float | None = None,
    *,
    blq: Blq | None = None,
    na: str | float = "drop",
) -> Dataset:
    """Fit the terminal phase of every profile.

    Parameters
    ----------
    concentration : DataArray, shape (..., time)
        Profiles along ``time`` in hours.
    start, end : float, optional
        Interval in hours whose points take part, both ends included.
    blq, na
        See `auc`; zeros never take part in the fit.

    Returns
    -------
    Dataset, each variable of shape (...)
        ``half_life`` (h), ``lambda_z`` (1/h), ``r_squared``, ``adj_r_squared``,
        ``lambda_z_n_points``, ``lambda_z_time_first`` and ``lambda_z_time_last`` (hours since
        `start` or the zero of the time axis), ``span_ratio`` (in half-lives), ``clast_pred``; and
        ``half_life_reason``, a code that `explain` puts into words.

    Raises
    ------
    InputError
        A time axis that is missing, not in hours or not increasing, negative concentrations, an
        interval that is outside the data or holds no point of the grid, an unknown rule.

    Notes
    -----
    ``ln C = a - lambda_z t`` by least squares; ``half_life = ln(2)/lambda_z``. Candidates are all
    windows of at least 3 points that end at the last positive point and lie strictly behind tmax.
    Of those with a positive ``lambda_z`` and an adjusted r squared less than 1e-4 below the best of
    *all* candidates, the one with the most points is taken (PKNCA ``pk.calc.half.life``; Gabrielsson
    and Weiner, section on strategies for estimation of lambda-z). If rising windows fit best, there
    is no half-life. No fit is rejected for its quality: PKNCA's customary limits are r squared of
    0.9 and a span of 2 half-lives. A window whose concentrations differ by rounding only (one part
    in 10^10) counts as flat.

    Examples
    --------
    >>> import xarray as xr
    >>> c = xr.DataArray([[8.0, 4.0, 2.0, 1.0], [5.0, 5.0, 5.0, 5.0]], dims=("arm", "time"),
    ...                  coords={"arm": ["oral", "pump"], "time": [0.0, 3.0, 6.0, 9.0]})
    >>> fit = terminal(c)
    >>> fit.half_life.values.round(9)
    array([ 3., nan])
    >>> explain(fit.half_life_reason).values[1]  # doctest: +ELLIPSIS
    'no decline behind the maximum, as in a steady infusion: ...'
    """
    profiles = read(concentration)
    within = interval(profiles.times, start, end)
    inside = within.points(profiles.times)
    time = profiles.times[None, inside] - within.origin
    blq, na = blq_rule(blq), na_rule(na)

    def compute(conc: Array) -> dict[str, NDArray]:
        return arrays.terminal(time, arrays.clean(conc[:, inside], blq, na))

    values = arrays.per_profile(compute, profiles.values)
    labelled = {
        name: profiles.label(name, array)
        for name, array in values.items()
        if name not in ("tlast", "clast_obs")
    }
    labelled["half_life_reason"].attrs |= reason_flags()
    first, *others = labelled.values()
    return first.to_dataset().assign({str(other.name): other for other in others})


def reason_flags() -> dict[str, object]:
    """CF attributes that name the codes of ``half_life_reason``."""
    codes = np.arange(len(REASONS), dtype=np.uint8)
    return {"flag_values": codes, "flag_meanings": " ".join(flag for flag, _ in REASONS)}


def explain(half_life_reason: DataArray) -> DataArray:
    """Sentences for the codes of ``half_life_reason``, with the remedy.

    Parameters
    ----------
    half_life_reason : DataArray of int, shape (...)
        As `terminal` and `summary` return it.

    Returns
    -------
    DataArray of str, shape (...)

    Examples
    --------
    >>> import xarray as xr
    >>> explain(xr.DataArray([0])).values
    array(['a half-life was estimated'], dtype=object)
    """
    sentences = np.array([sentence for _, sentence in REASONS], dtype=object)
    explained = half_life_reason.copy(data=sentences[half_life_reason.values])
    explained.attrs = {}
    return explained
