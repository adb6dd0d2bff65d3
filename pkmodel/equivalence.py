"""The dose-equivalence ratio: apply it to an order, or ask which one a site and a metric would imply.

The ratio is the daily dose by the reference route over the daily dose by the test route that does the same: oral
over intrathecal, if nothing else is said. Published for morphine are 10:1 to 300:1. It is a clinical belief and no
identity of pharmacokinetics: equal exposure of the plasma asks for about 4:1, equal exposure of lumbar CSF for more
than 10,000:1. So the ratio is an input, and what it implies at each site is an output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.drugs import Drug
from pkmodel.errors import DrugError, InputError, ParameterError, did_you_mean
from pkmodel.regimen import Order, Regimen
from pkmodel.simulation import steady_state
from pkmodel.simulation.reading import model_of, regimen_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from pkmodel.model import Model

__all__ = ["METRICS", "convert", "implied", "pair", "report", "targeting"]

METRICS: dict[str, str] = {
    "auc": "AUC over one interval at steady state",
    "cavg": "average concentration at steady state",
    "cmax": "highest concentration at steady state",
}


def convert(regimen: Regimen | str, ratio: float, route: str = "intrathecal") -> Regimen:
    """Pump orders that give the regimen's daily doses, divided by the ratio, over the same time.

    Parameters
    ----------
    regimen : Regimen or str
        The reference, for example ``"60 mg oral q12h x 28"``; every order becomes a pump at a constant rate.
    ratio : float
        Reference dose per test dose, above 0.
    route : str
        Route of the pump.

    Returns
    -------
    Regimen

    Raises
    ------
    ParameterError
        The ratio is not a number above 0.
    InputError
        An order is given once, so that there is no daily dose.

    Examples
    --------
    >>> str(convert("60 mg oral q12h x 28", 300))
    '0.4 mg/day intrathecal pump for 14 d'
    """
    if not isinstance(ratio, int | float | np.number) or not 0 < ratio < np.inf:
        raise ParameterError(
            f"the ratio is {ratio!r}; expected a number above 0", remedy="Write ratio=300."
        )
    regimen = Regimen.parse(regimen) if isinstance(regimen, str) else regimen
    once = [str(o) for o in regimen if o.daily_dose is None]
    if once:
        raise InputError(
            f'"{once[0]}" is given once, so there is no daily dose to divide',
            remedy='Repeat it ("60 mg oral q12h x 28"), or write the intrathecal order yourself.',
        )
    return Regimen(tuple(_pump(o, float(ratio), route) for o in regimen))


def _pump(order: Order, ratio: float, route: str) -> Order:
    daily, length = order.daily_dose or 0.0, order.end - order.start
    return Order(
        route,
        rate=daily / ratio / 24.0,
        duration=length,
        start=order.start,
        form="pump",
        per=order.per,
    )


def implied(
    model: Model | Drug | str,
    reference: Regimen | str | None = None,
    test: Regimen | str | None = None,
    parameters: Mapping[str, Any] | xr.Dataset | None = None,
    *,
    intended: bool = False,
) -> xr.Dataset:
    """Ratio that would make each site's exposure the same by both routes.

    Parameters
    ----------
    model : Model, Drug or str
        As for :func:`pkmodel.simulate`.
    reference, test : Regimen or str, optional
        The two ways of giving the drug, for example ``"60 mg oral q12h"`` and ``"0.4 mg/day intrathecal pump"``.
        Their sizes do not matter, their forms do. By default the reference is oral, every 12 h, or else an
        intravenous or epidural infusion: the first that the drug file has, one with a published ratio to
        intrathecal before others. The default test is an intrathecal pump of the reference's daily dose, divided by
        the ratio where one is known.
    parameters : mapping or xarray.Dataset, optional
        As for :func:`pkmodel.simulate`; a population gives the ratio of every subject.
    intended : bool
        Doses outside the drug file's range are meant.

    Returns
    -------
    xarray.Dataset
        ``implied_ratio`` over ``metric`` (auc, cavg, cmax), ``site`` and the parameters' dimensions; ``status``;
        attributes ``reference``, ``test``, and those of the drug and its file.

    Raises
    ------
    InputError
        As :func:`pkmodel.steady_state`; a drug without the route is refused, and a drug that is only given
        intrathecally has no default.

    Notes
    -----
    With exposures ``M`` per daily dose at steady state, the ratio is ``M_test / M_reference``: exposure is
    proportional to dose in a linear model, so it takes one division.

    Examples
    --------
    >>> r = implied("morphine", "60 mg oral q12h", "0.4 mg/day intrathecal pump")
    >>> r.implied_ratio.sel(metric="auc", site="plasma").round(2).item()
    4.17
    >>> implied("sufentanil").attrs["reference"]
    '0.06 mg/day iv infusion'
    """
    import xarray as xr

    drug = model_of(model)[1]
    one = _usual_reference(drug) if reference is None else regimen_of(reference, drug)
    other = _usual_test(drug, one) if test is None else regimen_of(test, drug)
    if len({order.per for order in (*one, *other)}) > 1:
        raise InputError(
            f'"{one}" and "{other}" are not doses per the same body size',
            remedy="Write all of them in mg, or all in mg/kg.",
        )
    first, second = (
        steady_state(drug or model, r, parameters=parameters, intended=intended or given is None)
        for r, given in ((one, reference), (other, test))
    )
    ratio = _exposure(second, other) / _exposure(first, one)
    ratio.attrs = {"long_name": "dose ratio that gives equal exposure"}
    status = np.maximum(first.status, second.status).assign_attrs(first.status.attrs)
    attrs = {k: v for k, v in first.attrs.items() if k not in ("regimen", "interval")}
    attrs |= {"reference": str(one), "test": str(other)}
    return xr.Dataset({"implied_ratio": ratio, "status": status}, attrs=attrs)


def _usual_reference(drug: Drug | None) -> Regimen:
    """A plausible order by a route other than intrathecal."""
    if drug is None:
        raise InputError(
            "a model that is not of a drug file has no usual doses",
            remedy='Write the reference, for example "60 mg oral q12h".',
        )
    routes = [r for r in ("oral", "iv", "epidural") if r in drug.routes]
    if not routes:
        no = drug.refused.get("oral")
        why = no.reason if no else f"the file of {drug.name} has no route but intrathecal"
        raise DrugError(why, remedy=no.remedy if no else "Write the reference and the test.")
    route = next((r for r in routes if drug.published(r, "intrathecal")), routes[0])
    limits = drug.routes[route]
    if route == "oral":
        return Regimen.parse(f"{_middle(limits.per_dose)} mg oral q12h")
    return Regimen.parse(f"{_middle(limits.per_day)} mg/day {route} infusion")


def _usual_test(drug: Drug | None, reference: Regimen) -> Regimen:
    """The reference by intrathecal pump, by the ratio of their routes; the same daily dose where none is known."""
    ratio = 1.0
    if drug and len(reference.routes) == 1:
        published = drug.published(reference.routes[0], "intrathecal")
        ratio = float(np.median([p.ratio for p in published.values()] or ratio))
    if drug and drug.equivalence and reference.routes == ("oral",):
        ratio = drug.equivalence.nominal
    return convert(reference, ratio)


def _middle(span: tuple[float, float]) -> float:
    """Geometric middle, with one digit."""
    return float(f"{np.sqrt(span[0] * span[1]):.0e}")


def pair(ratios: xr.Dataset) -> tuple[str, str]:
    """Routes of the reference and of the test.

    Parameters
    ----------
    ratios : xarray.Dataset
        From :func:`implied`.

    Returns
    -------
    tuple of str
        Several routes of one regimen are joined by ``" + "``.

    Examples
    --------
    >>> pair(implied("morphine", "10 mg iv bolus q4h", "3 mg epidural bolus q12h"))
    ('iv', 'epidural')
    """
    reference, test = (
        " + ".join(Regimen.parse(str(ratios.attrs[key])).routes) if key in ratios.attrs else key
        for key in ("reference", "test")
    )
    return reference, test


def _exposure(ds: xr.Dataset, regimen: Regimen) -> xr.DataArray:
    """Every metric of a steady state per mg/day, over metric."""
    import xarray as xr

    tau = float(ds.attrs["interval"].removesuffix(" h"))
    daily = sum(o.daily_dose or 0.0 for o in regimen)
    metrics = {"auc": ds.auc_tau, "cavg": ds.auc_tau / tau, "cmax": ds.concentration.max("time")}
    stacked = xr.concat(
        list(metrics.values()), xr.IndexVariable("metric", list(metrics)), coords="minimal"
    )
    auc_per_day = xr.DataArray([24.0 / tau, 1.0, 1.0], dims="metric")
    return stacked * auc_per_day / daily


def report(ratios: xr.Dataset, nominal: float) -> pd.DataFrame:
    """Implied ratios beside the nominal one.

    Parameters
    ----------
    ratios : xarray.Dataset
        From :func:`implied`.
    nominal : float
        The ratio that was applied.

    Returns
    -------
    pandas.DataFrame
        Per site and metric, in the model's order, the median implied ratio (and its 5th and 95th percentile
        over the population), and how many times over (above 1) or under the nominal ratio exposes the site
        by the test route.
    """
    values = ratios.implied_ratio
    over = [d for d in values.dims if d not in ("metric", "site")]
    values = values.transpose("site", "metric", *over)
    table = values.median(over).to_series().to_frame("implied")
    if over:
        for q in (0.05, 0.95):
            table[f"p{100 * q:.0f}"] = values.quantile(q, over).to_series()
    table.insert(0, "nominal", float(nominal))
    table["test / reference exposure"] = table["implied"] / nominal
    return table


def targeting(ratios: xr.Dataset, toxicity: str = "plasma") -> xr.Dataset:
    r"""How well the test route brings the drug to each site, by the indices of drug targeting.

    Parameters
    ----------
    ratios : xarray.Dataset
        From :func:`implied`.
    toxicity : str
        Site at which the drug does harm.

    Returns
    -------
    xarray.Dataset
        Over ``site`` and the parameters' dimensions: ``therapeutic_availability``, ``drug_targeting_index``,
        ``targeting_efficiency`` [%] and ``direct_transport`` [%]. NaN where drug accumulates without end.

    Raises
    ------
    InputError
        The ratios have no such site, or no plasma.

    Notes
    -----
    With AUC per daily dose at steady state, of the test route and of the reference:

    - therapeutic availability [1]_, :math:`TA = AUC_{test} / AUC_{ref}` at equal dose: the ratio that the AUC implies;
    - drug targeting index [1]_ [2]_, :math:`DTI = (AUC / AUC_{tox})_{test} / (AUC / AUC_{tox})_{ref}`;
    - targeting efficiency [3]_, :math:`DTE = 100\,(AUC / AUC_{plasma})_{test} / (AUC / AUC_{plasma})_{ref}`;
    - direct transport [3]_ [4]_, :math:`DTP = 100\,(AUC - AUC') / AUC` of the test route, where :math:`AUC'` is
      what its plasma would bring to the site if plasma were the only way, as it is for the reference.

    The sources are cited from secondary literature, not from the papers themselves.

    References
    ----------
    .. [1] C. A. Hunt, R. D. MacGregor, R. A. Siegel, Pharm Res 1986;3:333.
    .. [2] A. Boddy, L. Aarons, K. Petrak, Pharm Res 1989;6:367.
    .. [3] L. Kozlovskaya et al., J Control Release 2014;189:133.
    .. [4] Q. Zhang et al., Int J Pharm 2004;275:85.

    Examples
    --------
    >>> indices = targeting(implied("morphine", "60 mg oral q12h"))
    >>> indices.therapeutic_availability.sel(site="plasma").round(2).item()
    4.17
    """
    import xarray as xr

    known = [str(site) for site in ratios.site.values]
    for site in (toxicity, "plasma"):
        if site not in known:
            raise InputError(
                f'the ratios have no site "{site}"{did_you_mean(site, known)}',
                remedy=f"Known are {', '.join(known)}.",
            )
    availability = ratios.implied_ratio.sel(metric="auc", drop=True)
    plasma = availability.sel(site="plasma", drop=True)
    harmful = availability.sel(site=toxicity, drop=True)
    exposure = "AUC by the test route per AUC by the reference, at equal dose"
    indices = (
        ("therapeutic_availability", availability, "1", exposure),
        ("drug_targeting_index", availability / harmful, "1", f"{exposure}, relative to {toxicity}"),
        ("targeting_efficiency", 100 * availability / plasma, "percent", f"{exposure}, relative to plasma"),
        ("direct_transport", 100 * (1 - plasma / availability), "percent", "part of the AUC not by way of plasma"),
    )  # fmt: skip
    return xr.Dataset(
        {
            name: values.assign_attrs(units=unit, long_name=words)
            for name, values, unit, words in indices
        },
        attrs={**ratios.attrs, "toxicity": toxicity},
    )
