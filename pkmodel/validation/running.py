"""One case in one model: its arms are simulated, and what was published is read off the curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pkmodel import population, units
from pkmodel.drugs import Drug
from pkmodel.errors import InputError
from pkmodel.model import Model
from pkmodel.regimen import Regimen
from pkmodel.simulation import simulate
from pkmodel.validation.observables import ARGUMENTS, KINDS, Curve
from pkmodel.validation.places import REGIONS, is_place, place_of_tip, site_of
from pkmodel.validation.schema import Case, CurveName, Dose, Observation

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

DrugModel = Callable[[Drug, str, tuple[str, ...]], Drug]
QUANTILES = (0.05, 0.5, 0.95)
SEGMENTS, TIP = 30, "L3-L4"
"""Segments of the spine, and the tip where a case gives only the lumbar region, or none."""
FINENESS = 64
"""So many steps of time from the beginning have one length."""


class NotRunError(Exception):
    """Why a model cannot answer."""


@dataclass(frozen=True)
class Subjects:
    """Who is simulated: how many (None for one typical adult), and the seed of the draw."""

    count: int | None
    seed: int


@dataclass(frozen=True)
class Arm:
    """A dose that was simulated.

    Parameters
    ----------
    dose : Dose
        What was given.
    drug : Drug
        Its drug.
    total : float
        The amount given [mg].
    concentration : DataArray, shape (..., site, time)
        Of all subjects [mg/L].
    """

    dose: Dose
    drug: Drug
    total: float
    concentration: xr.DataArray

    def find(self, place: str, substance: str = "") -> str | None:
        """The site that stands for a place, if the model has one."""
        return site_of(place, self.concentration.site.values, substance)

    def site(self, place: str, substance: str = "") -> str:
        """The site that stands for a place; refused where the model has none."""
        site = self.find(place, substance)
        if site is None:
            what = f"{substance} in {place}" if substance else place
            raise NotRunError(f"the model has no site for {what}")
        return site

    def curve(self, observation: Observation, place: str, substance: str = "") -> Curve:
        """Concentrations at a place; refused at a level that the model does not part from the catheter's."""
        site = self.site(place, substance)
        if "intrathecal" in Regimen.parse(self.dose.order).routes and place not in REGIONS:
            self.part(place, place_of_tip(self.dose.tip))
        return Curve(self.concentration.sel(site=site), self.total, observation.arguments)

    def part(self, place: str, other: str, substance: str = "") -> None:
        """Refuse two places that are one site of this model."""
        if place != other and self.site(place, substance) == self.find(other, substance):
            raise NotRunError(f"the model does not part {place} from {other}")


def as_published(drug: Drug, tip: str, places: tuple[str, ...], segments: int = SEGMENTS) -> Drug:
    """The drug, given and sampled at the levels of a case.

    Parameters
    ----------
    drug : Drug
        The drug.
    tip : str
        Where catheter or needle ended, a vertebral level or a region; empty without one. Where only the lumbar
        region is known, L3-L4 is taken.
    places : tuple of str
        Where samples were drawn, see :func:`pkmodel.validation.places.site_of`.
    segments : int
        Segments of spinal CSF.

    Returns
    -------
    Drug

    Raises
    ------
    ModelError
        A tip in a region other than the lumbar one.
    """
    if tip in ("", "lumbar"):
        tip = TIP
    sites = [f"csf {place[4:]}" for place in places if is_place(place) and place not in REGIONS]
    return drug.segmented(segments, tip=tip, epidural=tip, sites=sites)


def arms_of(case: Case, drug_model: DrugModel, subjects: Subjects) -> dict[str, Arm | NotRunError]:
    """Simulate every arm of a case, or say why not."""
    found: dict[str, Arm | NotRunError] = {}
    for name, dose in case.doses.items():
        try:
            found[name] = _simulated(case, dose, drug_model, subjects)
        except NotRunError as reason:
            found[name] = reason
        except InputError as error:
            found[name] = NotRunError("; ".join(error.faults))
    return found


def _simulated(case: Case, dose: Dose, drug_model: DrugModel, subjects: Subjects) -> Arm:
    if all(o.not_run for o in case.observations.values()):
        raise NotRunError(next(iter(case.observations.values())).not_run)
    if dose.drug not in Drug.names():
        raise NotRunError(f"no drug file: {dose.drug}")
    drug = drug_model(Drug.read(dose.drug), dose.tip, places_of(case, dose.name))
    regimen = Regimen.parse(dose.order, molar_mass=drug.molar_mass)
    drug.check(regimen, intended=True)
    model = drug.model()
    parameters = _parameters(model, dose.settings, subjects)
    result = simulate(model, regimen, times_of(case), parameters, amounts=False)
    return Arm(dose, drug, sum(order.total for order in regimen), result.concentration)


def _parameters(model: Model, settings: Mapping[str, str], subjects: Subjects) -> xr.Dataset | dict:
    """Parameters of the subjects, with those of the arm; subjects are the same in all arms."""
    missing = [name for name in settings if name not in model.defaults]
    if missing:
        raise NotRunError(f"the model has no parameter {', '.join(missing)}")
    own = {n: units.convert(t, model.defaults[n].dimension) for n, t in settings.items()}
    if subjects.count is None:
        return own
    return population.draw(model, subjects.count, seed=subjects.seed).assign(own)


def places_of(case: Case, dose: str) -> tuple[str, ...]:
    """Every place of an arm at which something was published."""
    return tuple(dict.fromkeys(c.place for c in _curves(case) if c.dose == dose))


def times_of(case: Case) -> NDArray[np.float64]:
    """Times [h] at which a case is simulated: a grid, and all that are asked for.

    Notes
    -----
    The steps are 1/64 h at first, and four times as long after every `FINENESS` of them. Few lengths of steps mean few
    exponentials of the rate matrix.
    """
    asked = [
        value
        for observation in case.observations.values()
        for name, value in observation.arguments.items()
        if ARGUMENTS[name] == "time"
    ]
    parts, step, begin = [], 1 / 64, 0.0
    while begin < case.until:
        parts.append(np.arange(begin, FINENESS * step, step))
        begin, step = FINENESS * step, 4 * step
    times = np.unique(np.concatenate([*parts, asked, [case.until]]))
    return times[times <= case.until]


def value_of(
    observation: Observation, arms: Mapping[str, Arm | NotRunError]
) -> NDArray[np.float64]:
    """What is predicted of an observation, per subject, in internal units.

    Raises
    ------
    NotRunError
        This model cannot answer.
    """
    if observation.not_run:
        raise NotRunError(observation.not_run)
    kind, versus = KINDS[observation.kind], observation.versus
    arm = _require(arms[observation.dose])
    curve = arm.curve(observation, observation.place, observation.substance)
    assert kind.compute is not None  # the reader asks for a reason otherwise
    if versus is None:
        return _numbers(kind.compute(curve))
    other = _require(arms[versus.dose])
    if (versus.dose, versus.substance) == (observation.dose, observation.substance):
        arm.part(observation.place, versus.place, versus.substance)
    base = other.curve(observation, versus.place, versus.substance)
    if kind.of_ratio:
        ratio = curve.concentration / base.concentration
        return _numbers(kind.compute(replace(curve, concentration=ratio)))
    scale = base.dose / curve.dose if observation.per_dose else 1.0
    return _numbers(scale * kind.compute(curve) / kind.compute(base))


def _require(arm: Arm | NotRunError) -> Arm:
    if isinstance(arm, NotRunError):
        raise arm
    return arm


def _numbers(values: xr.DataArray) -> NDArray[np.float64]:
    """Those of the subjects that have one; infinite for what never comes, unless it comes in no one."""
    array = np.atleast_1d(np.asarray(values, dtype=float))
    array = array[~np.isnan(array)]
    if not np.isfinite(array).any():
        raise NotRunError("no subject has a value")
    return array


def bands_of(case: Case, arms: Mapping[str, Arm | NotRunError]) -> xr.Dataset:
    """Percentiles over the subjects of every curve that a case is about, for figures.

    Returns
    -------
    xarray.Dataset
        ``concentration`` [mg/L] over ``curve``, ``quantile`` and ``time``; ``dose``, ``place`` and ``substance``
        name each curve.
    """
    import xarray as xr

    curves = {}
    for which in _curves(case):
        arm = arms[which.dose]
        if isinstance(arm, Arm) and (site := arm.find(which.place, which.substance)):
            values = arm.concentration.sel(site=site).values
            curves[which] = np.nanquantile(np.atleast_2d(values), QUANTILES, axis=0)
    times = times_of(case)
    data = np.array(list(curves.values())).reshape(-1, len(QUANTILES), times.size)
    named = {key: ("curve", [getattr(which, key) for which in curves]) for key in CurveName._fields}
    return xr.Dataset(
        {"concentration": (("curve", "quantile", "time"), data, {"units": "mg/L"})},
        {**named, "quantile": list(QUANTILES), "time": times},
        {"case": case.name, "title": case.title},
    )


def _curves(case: Case) -> list[CurveName]:
    """Every curve that something published is read off, arm by arm."""
    run = [o for o in case.observations.values() if not o.not_run]
    found = [CurveName(o.dose, o.place, o.substance) for o in run]
    found += [o.versus for o in run if o.versus]
    order = list(case.doses)
    return sorted(dict.fromkeys(found), key=lambda which: order.index(which.dose))
