"""One case in one model: its arms are simulated, and what was published is read off the curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pkmodel import population, units
from pkmodel.drugs import Drug
from pkmodel.errors import InputError, ModelError
from pkmodel.model import Model
from pkmodel.regimen import Regimen
from pkmodel.simulation import simulate
from pkmodel.validation.observables import ARGUMENTS, KINDS, Curve
from pkmodel.validation.places import REGIONS, is_place, place_of_tip, site_of
from pkmodel.validation.schema import Case, Dose, Observation

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

DrugModel = Callable[[Drug, str, tuple[str, ...]], Drug]
QUANTILES = (0.05, 0.5, 0.95)
SEGMENTS, TIP = 30, "L3-L4"
"""Of the fine model: its segments, and the tip where a case gives only the lumbar region, or none."""
FINENESS = 32
"""Steps of time about so many times smaller than the time since the beginning."""


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

    def site(self, place: str, substance: str = "") -> str:
        """The site that stands for a place; refused where the model has none."""
        site = site_of(place, self.concentration.site.values, substance)
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

    def part(self, place: str, other: str) -> None:
        """Refuse two places that are one site of this model."""
        if place != other and self.site(place) == site_of(other, self.concentration.site.values):
            raise NotRunError(f"the model does not part {place} from {other}")


def coarse(drug: Drug, tip: str, places: tuple[str, ...]) -> Drug:
    """The drug as its file has it: four well-mixed levels of CSF, and the lumbar one takes the dose.

    Parameters
    ----------
    drug : Drug
        The drug.
    tip : str
        Where catheter or needle ended, a vertebral level or a region; empty without one.
    places : tuple of str
        Where samples were drawn, see :func:`pkmodel.validation.places.site_of`.

    Returns
    -------
    Drug

    Raises
    ------
    ModelError
        A tip above the lumbar level, where this model has no inlet.
    """
    levels = ("lumbar_csf", "thoracic_csf", "cervical_csf", "cranial_csf")
    if tip and site_of(place_of_tip(tip), levels) != "lumbar_csf":
        raise ModelError(f"the model gives no drug at {tip}, only at the lumbar level")
    return drug


def fine(drug: Drug, tip: str, places: tuple[str, ...]) -> Drug:
    """The drug in a spine of 30 segments, with the tip and the samples at their levels.

    Parameters
    ----------
    drug, tip, places
        As for :func:`coarse`. A tip of which only the region is known is taken at L3-L4.

    Returns
    -------
    Drug

    Raises
    ------
    ModelError
        A tip in a region other than the lumbar one.
    """
    if tip == "lumbar":
        tip = TIP
    sites = [f"csf {place[4:]}" for place in places if is_place(place) and place not in REGIONS]
    return drug.segmented(SEGMENTS, tip=tip or TIP, epidural=tip or TIP, sites=sites)


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
    own = [o for o in case.observations.values() if not o.not_run and not o.substance]
    here = [o.place for o in own if o.dose == dose]
    here += [o.versus[1] for o in own if o.versus and o.versus[0] == dose]
    return tuple(dict.fromkeys(here))


def times_of(case: Case) -> NDArray[np.float64]:
    """Times [h] at which a case is simulated: a grid, and all that are asked for.

    Notes
    -----
    The steps are 1/64 h at first and double with every doubling of the time, to about 1/`FINENESS` of it. Few
    lengths of steps mean few exponentials of the rate matrix.
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
        begin, step = FINENESS * step, 2 * step
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
    other = _require(arms[versus[0]])
    if versus[0] == observation.dose and not observation.substance:
        arm.part(observation.place, versus[1])
    base = other.curve(observation, versus[1])
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
    """Those of the subjects that have one."""
    array = np.atleast_1d(np.asarray(values, dtype=float))
    array = array[~np.isnan(array)]
    if not array.size:
        raise NotRunError("no subject has a value")
    return array


def bands_of(case: Case, arms: Mapping[str, Arm | NotRunError]) -> xr.Dataset:
    """Percentiles over the subjects of every curve that a case is about, for figures.

    Returns
    -------
    xarray.Dataset
        ``concentration`` [mg/L] over ``curve``, ``quantile`` and ``time``; ``dose`` and ``place`` name each curve.
    """
    import xarray as xr

    names, curves = [], []
    for name, place in _curves(case):
        arm = arms[name]
        if isinstance(arm, Arm) and site_of(place, arm.concentration.site.values):
            values = arm.concentration.sel(site=arm.site(place)).values
            curves.append(np.nanquantile(np.atleast_2d(values), QUANTILES, axis=0))
            names.append((name, place))
    times = times_of(case)
    data = np.array(curves).reshape(-1, len(QUANTILES), times.size)
    doses, places = ([pair[k] for pair in names] for k in (0, 1))
    return xr.Dataset(
        {"concentration": (("curve", "quantile", "time"), data, {"units": "mg/L"})},
        {
            "dose": ("curve", doses),
            "place": ("curve", places),
            "quantile": list(QUANTILES),
            "time": times,
        },
        {"case": case.name, "title": case.title},
    )


def _curves(case: Case) -> Iterable[tuple[str, str]]:
    return [(name, place) for name in case.doses for place in places_of(case, name)]
