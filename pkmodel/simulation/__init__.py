"""Simulate: broadcast the parameters, pack arrays, run the kernel, label the result."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.drugs import Drug
from pkmodel.errors import InputError, ParameterError
from pkmodel.events import EventTable
from pkmodel.events.writing import doses_as_text
from pkmodel.model import Model
from pkmodel.regimen import Regimen
from pkmodel.responses import Responses, asked
from pkmodel.schedule import observed
from pkmodel.simulation.adaptive import USUAL, Tolerance, run_adaptively, tolerance_of
from pkmodel.simulation.cases import Cases
from pkmodel.simulation.explaining import RealisedDoses, explain
from pkmodel.simulation.labels import label, label_records
from pkmodel.simulation.periodic import run_periodic
from pkmodel.simulation.reading import (
    body_weight,
    check_factors,
    end_of_doses,
    evenly,
    grid_of,
    largest,
    largest_doses,
    model_of,
    regimen_of,
    table_of,
    with_body_sizes,
)
from pkmodel.simulation.records import at_records, columns_of, of_subjects, run_records
from pkmodel.simulation.responding import answered, require_grid
from pkmodel.simulation.solving import run, run_steady
from pkmodel.variables import attributes

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["RealisedDoses", "explain", "simulate", "steady_state"]


def simulate(
    model: Model | Drug | str,
    regimen: Regimen | str | Any,
    times: ArrayLike | None = None,
    parameters: Mapping[str, Any] | xr.Dataset | None = None,
    *,
    dose_factor: Mapping[str, Any] | None = None,
    amounts: bool = True,
    auc: bool = False,
    intended: bool = False,
    covariates: str = "nocb",
    responses: bool | str | Iterable[str] | None = None,
    rtol: float | None = None,
    atol: float | Mapping[str, float] | None = None,
    max_steps: int | None = None,
    threads: int | None = None,
) -> xr.Dataset:
    """Simulate a regimen: in a linear model exactly, in another one to a tolerance.

    Parameters
    ----------
    model : Model, Drug or str
        A model; or a drug or its name, for the neuraxial model with that drug's parameters.
    regimen : Regimen, str, EventTable or table
        What is given: text, a `Regimen`, or an event table (`EventTable`, DataFrame, the path of a .csv file) with
        NONMEM's columns, of one or many subjects. Columns with the name of a parameter are its values.
    times : array, shape (time,), optional
        Output times [h], ascending. By default the observation records of the table; without any, 337 times
        or fewer, evenly from 0 to the end of the doses.
    parameters : mapping or xarray.Dataset, optional
        Values in the place of the typical ones, in internal units (mg, h, L) or as text with a unit. A
        DataArray brings its dimensions (``subject``, ``ratio``, …); a list or one-dimensional array of values becomes
        a dimension of the parameter's name. A dimension ``time`` means that the value holds from its
        coordinate [h] until the next. Doses per kg and per m2 take ``weight`` and ``body_surface_area``.
    dose_factor : mapping of str to float or DataArray, optional
        Multiplies all doses of a route.
    amounts : bool
        With the amount in every compartment.
    auc : bool
        With the exact time integral of every site's concentration.
    intended : bool
        Doses outside the drug file's range for their route are meant.
    covariates : {"nocb", "locf"}
        Whether the parameters in a record of a table hold from the record before it ("next observation carried
        backward", as in NONMEM), or until the next ("last observation carried forward").
    responses : bool, str or sequence of str, optional
        With what the concentrations do: ``"analgesia"``, ``"respiration"`` and so on, see :mod:`pkmodel.responses`;
        True for all that the drug's file has numbers of.
    rtol : float, optional
        Relative tolerance of a nonlinear model; by default 1e-8.
    atol : float or mapping of str to float, optional
        Its absolute tolerance, of all states or by name [mg, or the unit of the variable]; by default
        `rtol` / 1000 of the largest dose, or of the initial value where there is one.
    max_steps : int, optional
        Steps of a case before it is given up; by default 100,000.
    threads : int, optional
        Threads that share the cases; by default one for small work, otherwise all processors that the
        process may use. The numbers do not depend on it.

    Returns
    -------
    xarray.Dataset
        ``concentration`` [mg/L] over ``site``, ``amount`` [mg] over ``compartment``, ``auc`` [mg·h/L], all over the
        parameters' dimensions and ``time`` [h]; ``status`` says for every case whether it can be trusted (0),
        and a failing case is NaN. Parameters with dimensions are coordinates. The attributes hold what is
        needed to run it again. At the observation records of a table, ``record`` (its row) stands in the place
        of ``time`` and ``subject``, with the coordinates ``time`` and ``id``.

    Raises
    ------
    InputError
        (`RegimenError`, `ParameterError`, `ModelError`, `DrugError`, `UnitError`) for input that does not
        fit, with the line that repairs it.

    Notes
    -----
    In a linear model, between events ``x(t + h) = exp(K h) x(t)`` with the augmented rate matrix K [1/h], so boluses,
    infusions, equal rates and singular matrices are all exact. Any other model is solved in steps, of lengths
    that the tolerances choose for each case. A dose at an output time counts.

    Examples
    --------
    >>> from pkmodel.library import one_compartment
    >>> ds = simulate(one_compartment(), "100 mg iv bolus", times=[0, 12, 24], parameters={"clearance": [5, 10]})
    >>> ds.concentration.sel(site="central").round(3).values
    array([[2.   , 0.602, 0.181],
           [2.   , 0.181, 0.016]])
    """
    model, drug = model_of(model)
    tolerance = tolerance_of(model, rtol, atol, max_steps)
    wanted = asked(drug, responses)
    if wanted is not None:
        model = wanted.model
    table = table_of(regimen)
    if table is not None:
        check_factors(np.unique(table.compartment.astype(str)).tolist(), dose_factor)
        if drug is not None:
            drug.check_table(table, intended, body_weight(parameters), largest(dose_factor))
        options = Options(amounts, auc, threads, covariates, wanted, tolerance)
        return solve_table(model, drug, table, times, parameters, dose_factor or {}, options)
    regimen = regimen_of(regimen, drug)
    check_factors(regimen.routes, dose_factor)
    if drug is not None:
        most = largest_doses(regimen, dose_factor)
        drug.check(most, intended=intended, weight=body_weight(parameters))
    model = with_body_sizes(model, (o.per for o in regimen), parameters)
    cases = Cases.of(model, parameters, dose_factor or {})
    times = _times(times, regimen)
    return solve(model, drug, regimen, times, cases, amounts, auc, threads, wanted, tolerance)


def steady_state(
    model: Model | Drug | str,
    regimen: Regimen | str | Any,
    times: ArrayLike | None = None,
    parameters: Mapping[str, Any] | xr.Dataset | None = None,
    *,
    dose_factor: Mapping[str, Any] | None = None,
    amounts: bool = False,
    intended: bool = False,
    rtol: float | None = None,
    atol: float | Mapping[str, float] | None = None,
    max_steps: int | None = None,
    threads: int | None = None,
) -> xr.Dataset:
    """One dosing interval of the periodic steady state: of a linear model in closed form.

    Parameters
    ----------
    model, regimen, parameters, dose_factor, amounts, intended, rtol, atol, max_steps, threads
        As for :func:`simulate`. Every order is taken to have gone on for ever, whatever its end; the intervals
        of all must divide the longest. Orders at a constant rate repeat nothing and take any interval (24 h
        alone). Steps that follow each other are refused.
    times : array, shape (time,), optional
        Hours since the beginning of the interval; by default 241, evenly from 0 to its end. At its end the
        next dose is not yet given (the trough).

    Returns
    -------
    xarray.Dataset
        As of :func:`simulate`, and ``auc_tau`` [mg·h/L], the exact time integral over one interval, per site
        (none of a model by a function).

    Raises
    ------
    InputError
        As :func:`simulate`; and for intervals that do not fit each other.

    Notes
    -----
    The response to the doses of one interval, summed over all intervals past:
    ``y(t) = sum_k y1(t + k tau)``; from the moment at which all of one interval's drug is in, the sum is the
    geometric series ``(I - exp(K tau))^-1``. ``auc_tau = W (-K)^-1 dose``. Nothing is iterated.

    The state of a nonlinear model that one interval brings back to itself is found by Newton's method, after five
    intervals. A case without one, where doses exceed what can be eliminated, has the status ``no_steady_state``.
    Among several steady states it is the one near those intervals.

    Examples
    --------
    >>> from pkmodel.library import one_compartment
    >>> ds = steady_state(one_compartment(), "100 mg iv bolus q12h", times=[0, 12])
    >>> ds.concentration.squeeze().round(4).values, ds.auc_tau.round(6).item()
    (array([2.862, 0.862]), 20.0)
    """
    model, drug = model_of(model)
    tolerance = tolerance_of(model, rtol, atol, max_steps)
    regimen = regimen_of(regimen, drug)
    check_factors(regimen.routes, dose_factor)
    if drug is not None:
        most = largest_doses(regimen, dose_factor)
        drug.check(most, intended=intended, weight=body_weight(parameters))
    model = with_body_sizes(model, (o.per for o in regimen), parameters)
    period, tau = _one_period(regimen)
    grid = np.linspace(0.0, tau, 241) if times is None else _times(times, regimen)
    if grid[0] < 0 or grid[-1] > tau:
        raise InputError(
            f"the times run from {grid[0]} to {grid[-1]} h; the interval from 0 to {tau} h"
        )
    cases = Cases.of(model, parameters, dose_factor or {})
    if len(cases.breaks):
        raise ParameterError("parameters that change with time have no steady state")
    auc: Floats | None
    if model.is_linear:
        out, status, further, auc = run_steady(model, period, tau, grid, cases, amounts, threads)
    else:
        out, status, further, auc = run_periodic(
            model, period, tau, grid, cases, amounts, tolerance, threads
        )
    doses = {"regimen": str(regimen), **_solved(model, tolerance)}
    ds = label(model, doses, grid, cases, out, status, amounts, False, drug, further)
    if auc is not None:
        exposure = (*cases.sizes, "site"), auc.reshape(*cases.shape, -1), attributes("auc_tau")
        ds = ds.assign(auc_tau=exposure)
    return ds.assign_attrs(interval=f"{tau!r} h")


class Options(NamedTuple):
    """What is wanted of an event table, see :func:`simulate`."""

    amounts: bool = True
    auc: bool = True
    threads: int | None = None
    covariates: str = "nocb"
    responses: Responses | None = None
    tolerance: Tolerance = USUAL


def solve_table(
    model: Model,
    drug: Drug | None,
    table: EventTable,
    times: ArrayLike | None,
    parameters: Any,
    factors: Mapping[str, Any],
    options: Options,
) -> xr.Dataset:
    """Answer at the observation records of a table that was read and checked, or at times of one's own."""
    amounts, auc, threads, rule, wanted, tolerance = options
    if rule not in ("nocb", "locf"):
        raise InputError(f'covariates is {rule!r}; expected "nocb" or "locf"')
    model = with_body_sizes(model, table.per, parameters, table.covariates)
    parameters = of_subjects(parameters, table)
    columns, segment = columns_of(table, model, parameters, rule)
    cases = Cases.of(model, parameters, factors, columns)
    grid = _default_times(table) if times is None else grid_of(times)
    require_grid(wanted, grid, columns)
    out, status, further = run_records(
        model, table, segment, grid, cases,
        covariates=rule, amounts=amounts, auc=auc, threads=threads, tolerance=tolerance,
    )  # fmt: skip
    doses = {"events": repr(table), **doses_as_text(table), "covariates": rule}
    doses |= _solved(model, tolerance)
    if grid is not None:
        ds = label(model, doses, grid, cases, out, status, amounts, auc, drug, further)
        return answered(ds, wanted, cases, grid)
    answers = at_records(out, table, cases)
    beside = {n: at_records(v[:, None], table, cases)[..., 0, :] for n, v in further.items()}
    return label_records(model, doses, table, cases, answers, status, amounts, auc, drug, beside)


def _default_times(table: EventTable) -> Floats | None:
    """None if the table has observation records; otherwise from 0 to the end of its doses."""
    return None if observed(table).any() else evenly(end_of_doses(table), "the table")


def _one_period(regimen: Regimen) -> tuple[Regimen, float]:
    """Doses of one interval, the longest one, and its length [h]."""
    intervals = [o.interval for o in regimen if o.interval is not None]
    single = [str(o) for o in regimen if o.interval is None and o.rate is None]
    if single:
        raise InputError(
            f'"{single[0]}" is given once and has no steady state',
            remedy='Repeat it: "60 mg oral q12h".',
        )
    ordered = sorted(regimen, key=lambda o: o.start)
    steps = [(a, b) for a, b in pairwise(ordered) if a.route == b.route and a.end <= b.start]
    if steps:
        raise InputError(
            f'"{steps[0][1]}" follows "{steps[0][0]}", and steps that follow each other have no steady state',
            remedy="Ask for that of one step at a time.",
        )
    tau = max(intervals, default=24.0)
    uneven = [i for i in intervals if abs(tau / i - round(tau / i)) > 1e-9]
    if uneven:
        raise InputError(f"an interval of {uneven[0]} h does not divide the longest one of {tau} h")
    orders = [
        replace(o, start=0.0, duration=tau) if o.interval is None
        else replace(o, start=o.start % tau, count=round(tau / o.interval))
        for o in regimen
    ]  # fmt: skip
    return Regimen(tuple(orders)), tau


def solve(
    model: Model, drug: Drug | None, regimen: Regimen, times: Floats, cases: Cases,
    amounts: bool, auc: bool, threads: int | None, wanted: Responses | None = None,
    tolerance: Tolerance = USUAL,
) -> xr.Dataset:  # fmt: skip
    """Simulate what was read and checked; the second half of :func:`simulate`."""
    wishes: dict[str, Any] = {"amounts": amounts, "auc": auc, "threads": threads}
    if model.is_linear:
        out, status, further = run(model, regimen, times, cases, **wishes)
    else:
        out, status, further = run_adaptively(
            model, regimen, times, cases, tolerance=tolerance, **wishes
        )
    doses = {"regimen": str(regimen), **_solved(model, tolerance)}
    ds = label(model, doses, times, cases, out, status, amounts, auc, drug, further)
    return answered(ds, wanted, cases, times)


def _solved(model: Model, tolerance: Tolerance) -> dict[str, str]:
    """How a nonlinear model was solved, for the attributes of the result."""
    return {} if model.is_linear else {"tolerance": json.dumps(tolerance._asdict())}


def _times(times: ArrayLike | None, regimen: Regimen) -> Floats:
    return evenly(regimen.end, f'"{regimen}"') if times is None else grid_of(times)
