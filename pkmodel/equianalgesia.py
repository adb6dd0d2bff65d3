"""Doses of equal effect: which ratio the potencies give, and which potency a stated ratio takes.

The potency of a drug in the spinal cord was hardly ever measured in people; what is said is a ratio of doses that do
the same. So the ratio is what one states, and the potency is what follows: with the exposure of cord and brain by
both routes, and the potency at the other places of action, there is one EC50 at which the average effects at steady
state are equal. It is not an exposure ratio, which :func:`pkmodel.equivalence.implied` gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.drugs import Drug
from pkmodel.drugs.effects import MAIN, PLACES
from pkmodel.drugs.schema import Calibration, Sourced
from pkmodel.equivalence import convert
from pkmodel.errors import DrugError, InputError, ParameterError, did_you_mean
from pkmodel.responses import asked
from pkmodel.responses.answering import PURPOSE
from pkmodel.responses.equations import drive, effect
from pkmodel.responses.states import places_of, site_of
from pkmodel.simulation import steady_state
from pkmodel.simulation.reading import regimen_of
from pkmodel.variables import attributes

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from pkmodel.regimen import Regimen

    Floats = NDArray[np.float64]

__all__ = ["calibrate", "equal_analgesia"]


def equal_analgesia(
    drug: Drug | str,
    reference: Regimen | str | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Ratio at which an intrathecal pump has the average effect of a reference, at steady state.

    Parameters
    ----------
    drug : Drug or str
        A drug whose file has the potencies of analgesia, or of spasticity.
    reference : Regimen or str, optional
        What is compared, ``"60 mg oral q12h"``; by default that of the file. Its size and its form matter.
    parameters : mapping, optional
        As for :func:`pkmodel.simulate`; a population gives the ratio of every subject.

    Returns
    -------
    xarray.Dataset
        ``equal_ratio``, the daily dose of the reference per intrathecal one, NaN where there is none; ``effect``,
        the average of both, as a fraction.

    Raises
    ------
    InputError
        Potencies that the file lacks, a reference without a steady state, or no such dose.

    Notes
    -----
    Tolerance is left out: the ratio is that of patients without it.

    Examples
    --------
    >>> r = equal_analgesia("morphine")
    >>> r.equal_ratio.round(0).item()
    300.0
    """
    import xarray as xr

    drug = drug if isinstance(drug, Drug) else Drug.read(drug)
    order = _reference(drug, reference)
    arms = _Arms.of(drug, order, parameters)
    ratios = np.array([arms.equal_ratio(k) for k in range(arms.count)])
    effects = np.array([arms.average(k, arms.reference) for k in range(arms.count)])
    if not np.isfinite(ratios).any():
        raise InputError(
            f'no intrathecal dose has the effect of "{order}", {effects[0]:.3g} of the whole',
            remedy='Give another reference="60 mg oral q12h", or look at the parameters.',
        )
    own = {
        "equal_ratio": (arms.dims, ratios.reshape(arms.shape), attributes("equal_ratio")),
        "effect": (arms.dims, effects.reshape(arms.shape), attributes("effect")),
    }
    attrs = {"drug": drug.name, "reference": str(order), "response": arms.main, "purpose": PURPOSE}
    return xr.Dataset(own, arms.coords, attrs)


def calibrate(
    drug: Drug | str,
    ratio: float,
    reference: Regimen | str | None = None,
    place: str | None = None,
) -> Drug:
    """The drug with the potency at one place of action that makes a stated dose ratio one of equal effect.

    Parameters
    ----------
    drug : Drug or str
        A drug whose file has the potency at another place of action.
    ratio : float
        Daily dose of the reference per intrathecal daily dose that is said to do the same.
    reference : Regimen or str, optional
        The reference; by default that of the file.
    place : str, optional
        Where the potency is to be found; by default as in the file, or else the cord.

    Returns
    -------
    Drug
        Its version names the ratio; the number's note says what it implies.

    Raises
    ------
    InputError
        A ratio that no potency at that place can make: the message says between which it has to lie.

    Notes
    -----
    The effects are equal on average over the interval at steady state, in the typical adult and without tolerance.

    Examples
    --------
    >>> lower = calibrate("morphine", 100)
    >>> lower.version, lower.responses["analgesia_cord_ec50"].text
    ('1.0+equal effect at 100', '438 ng/mL')
    >>> equal_analgesia(lower).equal_ratio.round(6).item()
    100.0
    """
    drug = drug if isinstance(drug, Drug) else Drug.read(drug)
    number = isinstance(ratio, int | float | np.number) and not isinstance(ratio, bool)
    if not number or not 0 < ratio < 1e9:
        raise ParameterError(
            f"the ratio is {ratio!r}; expected a number above 0", remedy="Write ratio=300."
        )
    order, place = _reference(drug, reference), place or _place(drug)
    if not isinstance(place, str) or place not in PLACES:
        raise InputError(
            f'unknown place "{place}"{did_you_mean(str(place), PLACES)}',
            remedy=f"Known are {', '.join(PLACES)}.",
        )
    name = f"{_main(drug)}_{place}_ec50"
    first = drug.responses.get(name) or Sourced(name, "1 mg/L", 1.0, "concentration")
    arms = _Arms.of(replace(drug, responses={**drug.responses, name: first}), order, None)
    value = arms.potency(place, float(ratio))
    found = replace(
        first,
        text=f"{1000 * value:.4g} ng/mL",
        value=value,
        confidence="calibrated",
        note=f'"{order}" is taken to do on average what an intrathecal pump of 1/{ratio:.6g} of its daily dose does; '
        f"equal exposure at this place would ask for 1/{arms.implied(place):.4g}",
    )
    own = replace(
        drug,
        responses={**drug.responses, name: found},
        calibration=Calibration(name, str(order), float(ratio)),
    )
    return replace(own, version=f"{drug.version}+equal effect at {ratio:.6g}")


def _main(drug: Drug) -> str:
    """The effect by which doses are equal: that with potencies in the file."""
    own = [m for m in MAIN if any(n.startswith(f"{m}_") for n in drug.responses)]
    if not own:
        raise DrugError(f"the file of {drug.name} has no numbers of {' or '.join(MAIN)}")
    return own[0]


def _place(drug: Drug) -> str:
    return drug.calibration.number.split("_")[1] if drug.calibration else "cord"


def _reference(drug: Drug, reference: Regimen | str | None) -> Regimen:
    if reference is not None:
        return regimen_of(reference, drug)
    if drug.calibration is None:
        raise InputError(
            f"the file of {drug.name} states no order that an intrathecal one would be equal to",
            remedy='Give it: reference="0.05 mg/h iv infusion".',
        )
    return regimen_of(drug.calibration.reference, drug)


Profiles = dict[str, "Floats"]


@dataclass(frozen=True)
class _Arms:
    """Concentrations at the places of action over an interval at steady state, shape (case, time).

    Those of the reference, and those of a pump that gives the same daily dose.
    """

    main: str
    reference: Profiles
    pump: Profiles
    numbers: Mapping[str, Floats]
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: Mapping[str, Any]

    @classmethod
    def of(cls, drug: Drug, order: Regimen, parameters: Any) -> _Arms:
        wanted = asked(drug, _main(drug))
        assert wanted is not None
        places = {p: site_of(wanted.main, p) for p in places_of(wanted.main, drug.responses)}
        results = [
            steady_state(wanted.model, r, parameters=parameters)
            for r in (order, convert(order, 1.0))
        ]
        first = results[0].concentration.isel(site=0, time=0, drop=True)
        own, pump = (
            {
                p: ds.concentration.sel(site=site).values.reshape(first.size, -1)
                for p, site in places.items()
            }
            for ds in results
        )
        given = json.loads(results[0].attrs["parameters"])
        typical = {n.name: given.get(n.name, n.value) for n in drug.responses.values()}
        numbers = {n: results[0].coords.get(n, first * 0 + v) for n, v in typical.items()}
        flat = {
            n: v.broadcast_like(first).transpose(*first.dims).values.ravel()
            for n, v in numbers.items()
        }
        wanted.check(flat.get)
        dims = tuple(map(str, first.dims))
        return cls(wanted.main, own, pump, flat, dims, first.shape, {d: first[d] for d in dims})

    @property
    def count(self) -> int:
        """Number of cases."""
        return int(np.prod(self.shape))

    def average(self, case: int, profiles: Profiles, dose: float = 1.0, **other: float) -> float:
        """Average effect of so many times the dose, with other numbers in the place of some."""
        own = {name: values[case] for name, values in self.numbers.items()} | other
        u = drive({p: dose * c[case] for p, c in profiles.items()}, self.main, own.get, 1.0)
        return _mean(effect(u, self.main, own.get))

    def equal_ratio(self, case: int, **other: float) -> float:
        """Daily dose of the reference per daily dose of the pump of equal effect; NaN if there is none."""
        aim = self.average(case, self.reference, **other)
        found = _root(lambda ratio: self.average(case, self.pump, 1 / ratio, **other) - aim, 100.0)
        return np.nan if found is None else found

    def potency(self, place: str, ratio: float) -> float:
        """EC50 [mg/L] at a place with which this ratio is that of equal effect."""
        from scipy.optimize import brentq

        number = f"{self.main}_{place}_ec50"

        def excess(logarithm: float) -> float:
            own = {number: float(np.exp(logarithm))}
            return self.average(0, self.pump, 1 / ratio, **own) - self.average(
                0, self.reference, **own
            )

        tried = self._resolved(place, number)
        signs = np.sign([excess(x) for x in tried])
        changes = np.flatnonzero(signs[1:] != signs[:-1])
        if changes.size:
            ends = tried[changes[-1] : changes[-1] + 2]
            return float(np.exp(brentq(excess, *ends, xtol=1e-14, rtol=1e-14)))
        none, all_ = (
            float(f"{self.equal_ratio(0, **{number: np.exp(x)}):.4g}") for x in tried[[-1, 0]]
        )
        raise ParameterError(
            f"no potency in the {place} makes {ratio:g} a ratio of equal effect: it would be about {none:g} "
            f"where this place counts for nothing, and {all_:g} where it counts for all",
            remedy="State a ratio between the two.",
        )

    def _resolved(self, place: str, number: str) -> Floats:
        """Logarithms of EC50 [mg/L] from full effect to none at a place.

        Where the effect is so full that it is the same by any dose, none is tried.
        """
        full = self.numbers.get(f"{self.main}_maximum", np.ones(1))[0] * (1 - 1e-9)
        steps = np.log(_mean(self.pump[place][0])) + np.linspace(-28.0, 20.0, 97)
        return np.array(
            [x for x in steps if self.average(0, self.reference, **{number: np.exp(x)}) < full]
        )

    def implied(self, place: str) -> float:
        """Ratio of equal exposure at a place."""
        return _mean(self.pump[place][0]) / _mean(self.reference[place][0])


def _mean(values: Floats) -> float:
    """Average over evenly spaced times, the ends counted half."""
    return float((values[1:] + values[:-1]).mean() / 2)


def _root(function: Callable[[float], float], guess: float) -> float | None:
    """Where a function of a positive number changes its sign, near a guess; None if it does not."""
    from scipy.optimize import brentq

    near = np.log(guess)
    for width in (1.0, 3.0, 9.0, 20.0):
        ends = near - width, near + width
        if function(np.exp(ends[0])) * function(np.exp(ends[1])) < 0:
            found = brentq(lambda x: function(np.exp(x)), *ends, xtol=1e-14, rtol=1e-14)
            return float(np.exp(found))
    return None
