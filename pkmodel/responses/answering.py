"""The answer: responses in the place of the sites and states that a model was given for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.drugs.effects import EFFECTS, RESPONSES
from pkmodel.responses import equations
from pkmodel.responses.limits import check
from pkmodel.responses.states import PACES, Added, States, followed, places_of, site_of
from pkmodel.variables import attributes

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from pkmodel.drugs import Drug
    from pkmodel.model import Model
    from pkmodel.responses.equations import Value

    Floats = NDArray[np.float64]
    At = Callable[[str], Floats]

PURPOSE = "for research, not for dosing patients"

VARIABLES: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in RESPONSES},
    "analgesia": ("analgesia", "analgesia_drive"),
    "pain": ("pain", "pain_reduction"),
    "respiration": ("respiratory_depression", "respiratory_drive"),
    "spasticity": ("ashworth",),
}
"""Variables of a result, by the response."""


@dataclass(frozen=True)
class Responses:
    """Responses of one drug that were asked for and can be answered; get them by :func:`asked`.

    Parameters
    ----------
    drug : Drug
        The drug.
    names : tuple of str
        The responses.
    main : str
        The effect for which the drug is given; without one an empty text.
    """

    drug: Drug
    names: tuple[str, ...]
    main: str

    @property
    def model(self) -> Model:
        """The drug's model with the states, sites and parameters of the responses.

        Examples
        --------
        >>> from pkmodel.drugs import Drug
        >>> from pkmodel.responses import asked
        >>> model = asked(Drug.read("morphine"), "analgesia").model
        >>> model.defaults["analgesia_brain_ec50"].unit, model.sites[-1]
        ('mg/L', 'analgesia_m6g')
        """
        return self._states.model

    def with_own(self, sites: tuple[str, ...]) -> tuple[str, ...]:
        """Some sites, if they are any, and those of the responses."""
        return (*sites, *self._states.sites) if sites else sites

    @property
    def described(self) -> dict[str, dict[str, str]]:
        """Attributes of every variable of the answer: its unit and meaning, and the numbers that it rests on."""
        return {
            v: {**attributes(v), **self._rests_on(name)}
            for name in self.names
            for v in VARIABLES[name]
        }

    @cached_property
    def _states(self) -> Added:
        states = States(self.drug.model(), self.drug.responses)
        for name in self._effects:
            states.effect(name)
        if "tolerance" in self.names:
            states.tolerance()
        if "withdrawal" in self.names:
            states.withdrawal(self.main)
        return states.added([self.drug.responses[n] for n in self._all_numbers])

    @property
    def _effects(self) -> tuple[str, ...]:
        """Effects that are asked for, or that stand behind something that is."""
        behind = [effect for name in self.names for effect in self._behind(name)]
        return tuple(name for name in EFFECTS if name in behind)

    def _behind(self, name: str) -> tuple[str, ...]:
        """The response and those from which it follows."""
        effect = {"pain": "analgesia", "withdrawal": self.main}.get(name)
        found = (name,) if effect is None else (effect, name)
        shifted = "tolerance" in self.names and found[0] in EFFECTS
        return (*found, "tolerance") if shifted else found

    def answer(self, ds: xr.Dataset, value: Value) -> xr.Dataset:
        """The responses in the place of the sites and states that were added for them.

        Parameters
        ----------
        ds : xarray.Dataset
            Result of the model with its additions, over time.
        value : callable
            Parameter by name, an array that broadcasts against the dimensions of the cases and time; None for
            one that the model has not.

        Returns
        -------
        xarray.Dataset
            With a variable or two for each response; each says on which numbers it rests.

        Raises
        ------
        ParameterError
            Numbers with which there are no responses.
        """
        self.check(value)
        array = ds.concentration.transpose(..., "site", "time")
        sites = [str(site) for site in array.site.values]
        values = array.values

        def at(site: str) -> Floats:
            return np.asarray(values[..., sites.index(site), :])

        dims = tuple(d for d in array.dims if d != "site")
        with np.errstate(all="ignore"):
            found = self.variables(at, value)
        named = {v: (dims, found[v], attrs) for v, attrs in self.described.items()}
        return self._without_additions(ds).assign(named).assign_attrs(self._provenance(ds.attrs))

    def check(self, value: Value) -> None:
        """Refuse numbers with which there are no responses, such as an EC50 of 0."""
        check(self._all_numbers, value)

    def variables(self, at: At, value: Value) -> dict[str, Floats]:
        """Arrays of all variables, from concentrations by site."""
        shift: Floats | float = 1.0
        found: dict[str, Floats] = {}
        if "tolerance" in self.names:
            found["tolerance"] = shift = equations.shift(at("tolerance_cord"), value)

        def effect(name: str, site: Callable[[str, str], str]) -> tuple[Floats, Floats]:
            """Drive and effect, from the concentrations at these sites."""
            places = {p: at(site(name, p)) for p in places_of(name, self.drug.responses)}
            u = equations.drive(places, name, value, shift)
            return u, equations.effect(u, name, value)

        for name in self._effects:
            found |= _variables_of(name, *effect(name, site_of), value)
        if "withdrawal" in self.names:
            soon, late = (effect(self.main, partial(followed, pace))[1] for pace in PACES)
            found["withdrawal"] = np.maximum(0.0, late - soon)
        return found

    def _without_additions(self, ds: xr.Dataset) -> xr.Dataset:
        added = {"site": self._states.sites, "compartment": self._states.boxes}
        kept = {
            dim: [k for k, name in enumerate(ds[dim].values) if name not in names]
            for dim, names in added.items()
            if dim in ds.dims
        }
        return ds.isel(kept)

    @property
    def _all_numbers(self) -> list[str]:
        return list(dict.fromkeys(n for name in self.names for n in self._numbers(name)))

    def _numbers(self, name: str) -> list[str]:
        """Numbers of the drug file behind a response."""
        own = (f"{stem}_{key}" for stem in self._behind(name) for key in RESPONSES[stem])
        return [number for number in own if number in self.drug.responses]

    def _rests_on(self, name: str) -> dict[str, str]:
        trust = (f"{n} ({self.drug.responses[n].confidence})" for n in self._numbers(name))
        return {"rests_on": ", ".join(trust), "purpose": PURPOSE}

    def _provenance(self, attrs: Mapping[Any, Any]) -> dict[str, str]:
        used = self._all_numbers
        own = [source for n in used for source in self.drug.responses[n].source]
        sources = list(dict.fromkeys([*json.loads(attrs["sources"]), *own]))
        found = {
            "responses": json.dumps(self.names),
            "purpose": PURPOSE,
            "sources": json.dumps(sources, ensure_ascii=False),
        }
        calibration = self.drug.calibration
        if calibration is not None and calibration.number in used:
            found["equal_effect"] = str(calibration)
        return found


def _variables_of(name: str, u: Floats, effect: Floats, value: Value) -> dict[str, Floats]:
    """Variables of one effect, and the scores that it lowers."""
    if name == "spasticity":
        highest, least = (equations.needed(value, f"spasticity_{n}") for n in ("baseline", "least"))
        return {"ashworth": highest - (highest - least) * effect}
    own, *drives = VARIABLES[name]
    found = {own: effect, **dict.fromkeys(drives, u)}
    baseline, placebo = value("pain_baseline"), value("pain_placebo")
    if name == "analgesia" and baseline is not None and placebo is not None:
        left = (1 - effect) * (1 - placebo)
        found |= {"pain": baseline * left, "pain_reduction": 100 * (1 - left)}
    return found
