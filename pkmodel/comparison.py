"""Compare two or more ways of giving a drug: one Dataset with an ``arm`` dimension."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import population
from pkmodel.drugs import Drug
from pkmodel.equivalence import convert
from pkmodel.errors import DrugError, InputError, ParameterError
from pkmodel.events import EventTable
from pkmodel.regimen import Regimen
from pkmodel.regimen.writing import rounded
from pkmodel.responses import asked
from pkmodel.simulation import Options, solve, solve_table
from pkmodel.simulation.cases import Cases, given_by_name
from pkmodel.simulation.labels import variable
from pkmodel.simulation.reading import (
    body_weight,
    end_of_doses,
    evenly,
    grid_of,
    regimen_of,
    with_body_sizes,
)
from pkmodel.variables import attributes

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import ArrayLike

__all__ = ["compare", "table"]


def compare(
    drug: Drug | str,
    oral: Regimen | str | None = None,
    intrathecal: Regimen | EventTable | str | None = None,
    *,
    arms: Mapping[str, Regimen | EventTable | str] | None = None,
    ratio: float | str | ArrayLike | xr.DataArray | None = None,
    times: ArrayLike | None = None,
    parameters: Mapping[str, Any] | xr.Dataset | None = None,
    subjects: int | Iterable[int] | None = None,
    seed: int = 0,
    intended: bool = False,
    sites: Sequence[str] | str | None = None,
    amounts: bool = True,
    responses: bool | str | Iterable[str] | None = None,
    threads: int | None = None,
) -> xr.Dataset:
    """Compare oral with intrathecal dosing of one drug, in the same subjects.

    Parameters
    ----------
    drug : Drug or str
        A drug, its name, or the path of a drug file.
    oral : Regimen or str
        The oral order, for example ``"60 mg oral q12h x 28"``.
    intrathecal : Regimen, EventTable or str, optional
        The intrathecal order; by default a pump that gives the oral daily dose / `ratio` over the same time.
    arms : mapping of str to (Regimen, EventTable or str), optional
        Any other arms, by name: ``{"iv": "10 mg iv infusion over 1 h q6h x 56"}``. An event table, such as
        that of a device, may be of one patient or of all subjects.
    ratio : float, str, array or DataArray, optional
        Oral dose per intrathecal dose; by default the drug file's nominal one. The name of a preset of the
        file; several values become the dimension ``ratio``; a DataArray keeps its dimensions.
    times : array, optional
        Output times [h]; by default from 0 to the end of the longest arm.
    parameters : mapping or xarray.Dataset, optional
        As for :func:`pkmodel.simulate`.
    subjects : int or iterable of int, optional
        Draw a population with the spread of the drug file; every subject has the same parameters in each arm.
    seed : int
        Root of the random numbers.
    intended : bool
        Doses outside the drug file's range are meant.
    sites : str or sequence of str, optional
        Sites of the results; by default all. Few sites cost less time.
    amounts : bool
        With the amount in every compartment.
    responses : bool, str or sequence of str, optional
        With analgesia, side effects and so on, as for :func:`pkmodel.simulate`.
    threads : int, optional
        As for :func:`pkmodel.simulate`.

    Returns
    -------
    xarray.Dataset
        As of :func:`pkmodel.simulate`, with ``concentration``, ``amount`` and ``auc`` over ``arm`` first; attributes
        ``regimen_<arm>``, ``ratio``, ``seed`` and those of the drug file.

    Raises
    ------
    InputError
        Nothing to compare, an arm that is not what its name says, a drug without the route, a dose out of range, a
        ratio that is not above 0, subjects or a seed that are no whole numbers.

    Examples
    --------
    >>> ds = compare("morphine", oral="60 mg oral q12h x 28", ratio=300)
    >>> auc = ds.auc.sel(site="plasma").isel(time=-1)
    >>> ds.sizes["arm"], ds.attrs["regimen_intrathecal"]
    (2, '0.4 mg/day intrathecal pump for 14 d')
    """
    drug = drug if isinstance(drug, Drug) else Drug.read(drug)
    subjects = _whole(subjects, seed, parameters)
    preset = "nominal" if ratio is None else ratio if isinstance(ratio, str) else None
    weight = body_weight(parameters)

    def check(doses: Regimen | EventTable) -> None:
        if isinstance(doses, EventTable):
            drug.check_table(doses, intended=intended, weight=weight)
        else:
            drug.check(doses, intended=intended, weight=weight)

    orders, factors, ratio = _arms(drug, oral, intrathecal, arms, ratio, check)
    wanted = asked(drug, responses)
    model = drug.model() if wanted is None else wanted.model
    if sites is not None:
        chosen = (sites,) if isinstance(sites, str) else tuple(sites)
        model = model.with_sites(chosen if wanted is None else wanted.with_own(chosen))
    if subjects is not None:
        drawn = population.draw(model, subjects, seed=seed)
        parameters = {**given_by_name(drawn), **given_by_name(parameters)}
    per = [o.per for r in orders.values() if isinstance(r, Regimen) for o in r]
    model = with_body_sizes(model, per, parameters)
    grid = _common_times(orders) if times is None else grid_of(times)
    results = {}
    for name, regimen in orders.items():
        if isinstance(regimen, EventTable):
            options = Options(amounts=amounts, threads=threads, responses=wanted)
            results[name] = solve_table(model, drug, regimen, grid, parameters, {}, options)
        else:
            cases = Cases.of(model, parameters, factors.get(name, {}))
            results[name] = solve(model, drug, regimen, grid, cases, amounts, True, threads, wanted)
    ds = _concat(results)
    kinds = {
        name: "events" if isinstance(r, EventTable) else "regimen" for name, r in orders.items()
    }
    ds.attrs |= {f"{kinds[name]}_{name}": str(given) for name, given in orders.items()}
    tables = {name: r.attrs["doses"] for name, r in results.items() if "doses" in r.attrs}
    ds.attrs |= {f"doses_{name}": text for name, text in tables.items()}
    if ratio is not None:
        ds.attrs["ratio"] = json.dumps(np.asarray(ratio).tolist())
        sources = dict.fromkeys([*drug.sources_used(preset), *json.loads(ds.attrs["sources"])])
        ds.attrs["sources"] = json.dumps(list(sources), ensure_ascii=False)
    if subjects is not None:
        ds.attrs["seed"] = str(seed)
    return ds


def table(ds: xr.Dataset, interval: float | None = None) -> pd.DataFrame:
    """Exposure of every arm and site over the last dosing interval.

    Parameters
    ----------
    ds : xarray.Dataset
        From :func:`compare`.
    interval : float, optional
        Length [h] of the interval at the end; by default 24.

    Returns
    -------
    pandas.DataFrame
        One row per site and arm (and ratio), with the median over subjects of Cmax, Cmin, Cavg, AUC, tmax and
        fluctuation, and of the AUC relative to the first arm.
    """
    from pkmodel import nca

    end = float(ds.time[-1])
    start = max(float(ds.time[0]), end - (24.0 if interval is None else interval))
    summary = nca.summary(ds, start=start, end=end)
    over = [d for d in ("subject", "replicate") if d in ds.dims]
    chosen = summary[["cmax", "cmin", "cav", "auc", "tmax", "deg_fluc"]].median(over)
    chosen["auc_relative"] = chosen.auc / chosen.auc.isel(arm=0, drop=True)
    order = ["site", *(d for d in chosen.auc.dims if d != "site")]
    return chosen.to_dataframe(dim_order=order)[list(chosen)]


def _arms(
    drug: Drug,
    oral: Any,
    intrathecal: Any,
    others: Any,
    ratio: Any,
    check: Callable[[Regimen | EventTable], None],
) -> tuple[dict[str, Regimen | EventTable], dict[str, dict[str, Any]], Any]:
    """Regimens by arm, dose factors by arm, and the ratio that was applied (None if none was)."""
    orders = _orders(
        drug, {"oral": oral, "intrathecal": intrathecal}, {} if others is None else others
    )
    factors: dict[str, dict[str, Any]] = {}
    if oral is not None and intrathecal is None and not others:
        ratio, reference = _ratio(drug, ratio), orders["oral"]
        if isinstance(reference, EventTable):
            raise InputError(
                "the oral arm is an event table, and a ratio converts orders",
                remedy='Write it as text, oral="60 mg oral q12h x 28", or give both arms in arms={...}.',
            )
        check(reference)
        if np.ndim(ratio) == 0:
            check_converted(check, reference, float(ratio))
            orders["intrathecal"] = convert(reference, float(ratio))
        else:
            nominal = drug.equivalence.nominal if drug.equivalence else 1.0
            orders["intrathecal"] = convert(reference, nominal)
            factors["intrathecal"] = {"intrathecal": nominal / ratio}
            for extreme in (float(ratio.min()), float(ratio.max())):
                check_converted(check, reference, extreme)
    elif ratio is not None:
        if intrathecal is None:
            raise InputError(
                "a ratio makes the intrathecal arm of an oral order that stands alone",
                remedy="Leave out arms=, or write intrathecal= in place of ratio=.",
            )
        raise InputError(
            "a ratio and an intrathecal order are both given, and each would set the dose",
            remedy="Leave one of them out.",
        )
    _require_two(orders)
    for regimen in orders.values():
        check(regimen)
    return orders, factors, ratio


def _orders(drug: Drug, own: Mapping[str, Any], others: Any) -> dict[str, Regimen | EventTable]:
    """Regimens of all arms; the oral and the intrathecal one are what their names say."""
    if not isinstance(others, Mapping):
        raise InputError(
            f"arms is {others!r}; expected arms by name",
            remedy='Write arms={"iv": "10 mg iv bolus q6h x 56"}.',
        )
    for name in others:
        if own.get(name) is not None:
            raise InputError(
                f'the arm "{name}" is given twice, as {name}= and in arms=',
                remedy=f'Write arms={{"second": ...}} in place of arms={{"{name}": ...}}.',
            )
    orders = {n: _given(r, drug) for n, r in own.items() if r is not None}
    check_names(orders)
    return orders | {n: _given(r, drug) for n, r in others.items() if r is not None}


def check_names(orders: Mapping[str, Regimen | EventTable]) -> None:
    """Refuse an oral or an intrathecal arm that is not what its name says.

    Raises
    ------
    InputError
        The arm, and its first order by another route.
    """
    for name in ("oral", "intrathecal"):
        regimen = orders.get(name)
        listed = regimen if isinstance(regimen, Regimen) else ()
        wrong = [str(order) for order in listed if order.route != name]
        if wrong:
            raise InputError(
                f'{name}= holds "{wrong[0]}", which is not {name}',
                remedy=f'Write arms={{"mixed": "{regimen}"}}, under a name of your own.',
            )


def _given(doses: Any, drug: Drug) -> Regimen | EventTable:
    return doses if isinstance(doses, EventTable) else regimen_of(doses, drug)


def _require_two(orders: Mapping[str, Regimen | EventTable]) -> None:
    if len(orders) == 1:
        (name, regimen) = next(iter(orders.items()))
        raise InputError(
            f'there is only one arm, {name} ("{regimen}"), and nothing to compare it with',
            remedy=f'Add one, arms={{"second": "..."}}, or write simulate("morphine", "{regimen}").',
        )
    if not orders:
        raise InputError(
            "there is nothing to compare",
            remedy='Write for example compare("morphine", oral="60 mg oral q12h x 28", ratio=300).',
        )


def check_converted(check: Callable[[Regimen], None], oral: Regimen, ratio: float) -> None:
    """Check the intrathecal doses by a ratio; one below 1 was perhaps meant the other way round.

    Raises
    ------
    DrugError
        A dose is out of range.
    """
    try:
        check(convert(oral, ratio))
    except DrugError as error:
        short, hint = float(f"{ratio:.4g}"), ""
        if ratio < 1:
            hint = f"The ratio is oral per intrathecal dose: write ratio={1 / ratio:.4g}, not {short:g}."
        raise DrugError(
            *(f"the oral dose / {short:g}, {rounded(fault)}" for fault in error.faults),
            given=error.given,
            remedy=f"{hint} {error.remedy}".strip(),
        ) from None


def _whole(subjects: Any, seed: Any, parameters: Any) -> Any:
    """The subjects as an int or a list of ints; the seed and what goes with a draw are checked, too."""
    if not _is_int(seed) or seed < 0:
        raise ParameterError(
            f"seed is {seed!r}; expected a whole number, 0 or above", remedy="Write seed=1."
        )
    if subjects is None:
        return None
    if "subject" in getattr(parameters, "dims", ()) and hasattr(parameters, "data_vars"):
        raise InputError(
            "subjects= draws a population, and the parameters have a dimension subject already",
            remedy="Leave out subjects=.",
        )
    one = _is_int(subjects)
    listed = isinstance(subjects, Iterable) and not isinstance(subjects, str | bytes | Mapping)
    ids = [subjects] if one else list(subjects) if listed else []
    repeated = len(set(map(repr, ids))) < len(ids)
    if not ids or repeated or not all(_is_int(k) and k >= int(one) for k in ids):
        raise ParameterError(
            f"subjects is {subjects!r}; expected how many, from 1, or the numbers of subjects"
            + (", each once" if repeated else ""),
            remedy="Write subjects=100 or subjects=[1, 2, 3].",
        )
    return int(subjects) if one else [int(k) for k in ids]


def _is_int(value: Any) -> bool:
    scalar = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    return isinstance(scalar, int | np.integer) and not isinstance(scalar, bool)


def _ratio(drug: Drug, ratio: Any) -> Any:
    """A number, or a DataArray over its own dimensions or ``ratio``."""
    import xarray as xr

    if ratio is None or isinstance(ratio, str):
        return drug.ratio(ratio or "nominal")
    values = np.asarray(ratio, dtype=float)
    if values.ndim > 1 and not isinstance(ratio, xr.DataArray):
        raise ParameterError(
            f"the ratio has shape {values.shape}", remedy="Write ratio=300 or ratio=[30, 100, 300]."
        )
    if not (np.isfinite(values) & (values > 0)).all() or not values.size:
        raise ParameterError(
            f"the ratio is {ratio!r}; expected numbers above 0", remedy="Write ratio=300."
        )
    if values.ndim == 0 or isinstance(ratio, xr.DataArray):
        return ratio
    return xr.DataArray(
        values, dims="ratio", coords={"ratio": ("ratio", values, attributes("ratio"))}
    )


def _common_times(orders: Mapping[str, Regimen | EventTable]) -> np.ndarray:
    ends = [end_of_doses(r) if isinstance(r, EventTable) else r.end for r in orders.values()]
    return evenly(max((end for end in ends if np.isfinite(end)), default=0.0), "every arm")


def _concat(results: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Arms side by side; what an arm does not depend on (a ratio) is repeated."""
    import xarray as xr

    arms = list(results.values())
    widest = max(arms, key=lambda ds: len(ds.dims))
    _require_same_subjects(results, widest)
    data = {}
    for name, like in widest.data_vars.items():
        parts = [_broadcast(ds[name].variable, like) for ds in arms]
        data[name] = variable(("arm", *map(str, like.dims)), np.stack(parts), like.attrs)
    coords = {n: c.variable for ds in arms for n, c in ds.coords.items()}
    arm = variable("arm", tuple(results), attributes("arm"))
    kept = arms[0].attrs.items()
    return xr.Dataset(
        data,
        {"arm": arm, **coords},
        {k: v for k, v in kept if all(ds.attrs.get(k) == v for ds in arms)},
    )


def _require_same_subjects(results: Mapping[str, xr.Dataset], like: xr.Dataset) -> None:
    for name, ds in results.items():
        if "subject" in ds.dims and not np.array_equal(ds.subject, like.subject):
            raise InputError(
                f'the arm "{name}" has other labels along "subject" than the others',
                remedy="Give every arm the same subjects: EventTable.select, or subjects=[...].",
            )


def _broadcast(part: xr.Variable, like: xr.DataArray) -> np.ndarray:
    """Values of `part` repeated along the dimensions that only `like` has."""
    shape = [part.sizes.get(d, 1) for d in like.dims]
    return np.broadcast_to(part.values.reshape(shape), like.shape)
