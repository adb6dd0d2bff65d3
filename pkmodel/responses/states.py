"""States and sites that responses add to a model: nothing flows out of it into them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.drugs.effects import FOLLOWING, PLACES
from pkmodel.model import Compartment, Flow, Model, Output, Parameter

if TYPE_CHECKING:
    from pkmodel.drugs.schema import Sourced

PACES = ("onset", "adaptation")
_SOURCE = {"brainstem": "cisternal_csf", "m6g": "m6g"}
_SCALE = {"brain": "response_brain_weight", "m6g": "m6g_mass_ratio"}


@dataclass(frozen=True)
class _Place:
    """A mean over compartments (fractions that add to 1), and what its concentration is multiplied by."""

    shares: Mapping[str, str | float]
    scale: str | float = 1.0

    def output(self, site: str) -> Output:
        """The same as a site."""
        return Output(
            site, self.shares if self.scale == 1.0 else dict.fromkeys(self.shares, self.scale)
        )


class Added(NamedTuple):
    """A model with the names of the sites and compartments that it was given for responses."""

    model: Model
    sites: tuple[str, ...]
    boxes: tuple[str, ...]


@dataclass
class States:
    """What is added to `model` so that it has the sites of some effects.

    Parameters
    ----------
    model : Model
        The neuraxial model.
    numbers : collection of str
        Names of the numbers of the drug's responses.
    """

    model: Model
    numbers: Collection[str]
    compartments: list[Compartment] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    sites: dict[str, Output] = field(default_factory=dict)
    covariates: dict[str, Any] = field(default_factory=dict)

    def effect(self, name: str) -> None:
        """Sites of an effect."""
        for place, found in self._places(name):
            self._site(site_of(name, place), found)

    def tolerance(self) -> None:
        """What follows the cord as slowly as tolerance."""
        self._follow("tolerance_cord", self._model_place("cord"), "tolerance_half_life")

    def withdrawal(self, main: str) -> None:
        """What follows every place of the main effect, soon and late."""
        for place, found in self._places(main):
            for pace in PACES:
                self._follow(followed(pace, main, place), found, f"withdrawal_{pace}_half_life")

    def added(self, numbers: Iterable[Sourced]) -> Added:
        """The model with all of it, and with these numbers as parameters."""
        m = self.model
        new = (Parameter(n.name, n.value, n.dimension, n.cv, n.distribution) for n in numbers)
        extended = replace(
            m,
            compartments=(*m.compartments, *self.compartments),
            flows=(*m.flows, *self.flows),
            parameters=(*m.parameters, *new),
            outputs=(*m.outputs, *self.sites.values()),
            covariates={**m.covariates, **self.covariates},
        )
        return Added(extended, tuple(self.sites), tuple(box.name for box in self.compartments))

    def _places(self, effect: str) -> Iterator[tuple[str, _Place]]:
        for place in places_of(effect, self.numbers):
            if place not in FOLLOWING:
                yield place, self._model_place(place)
                continue
            half_life = f"{effect}_{place}_half_life"
            source = _Place({_SOURCE[place]: 1.0}, _SCALE.get(place, 1.0))
            yield place, self._follow(site_of(effect, place), source, half_life)

    def _model_place(self, place: str) -> _Place:
        if place == "brain":
            self.covariates[_SCALE["brain"]] = _one_over_brain_plasma_ratio
        shares = next(o.weights for o in self.model.outputs if o.site == place)
        return _Place(shares, _SCALE.get(place, 1.0))

    def _follow(self, name: str, source: _Place, half_life: str) -> _Place:
        """A compartment in which the concentration follows, and its site."""
        found = _Place({name: 1.0}, source.scale)
        if name not in self.sites:
            self.compartments.append(Compartment(name, 1.0))
            rate = f"{name}_rate"
            self.covariates[rate] = partial(_rate, half_life)
            self.flows += [
                Flow(c, name, "effect", (rate, share)) for c, share in source.shares.items()
            ]
            self._site(name, found)
        return found

    def _site(self, name: str, place: _Place) -> None:
        self.sites[name] = place.output(name)


def places_of(effect: str, numbers: Collection[str]) -> tuple[str, ...]:
    """Places of an effect for which there are numbers."""
    return tuple(place for place in PLACES if f"{effect}_{place}_ec50" in numbers)


def site_of(effect: str, place: str) -> str:
    """Site of the concentration that counts for an effect at a place."""
    return f"{effect}_{place}" if place in FOLLOWING else f"response_{place}"


def followed(pace: str, effect: str, place: str) -> str:
    """Site of the concentration that withdrawal follows at one of its paces."""
    return f"withdrawal_{pace}_{effect}_{place}"


def _rate(half_life: str, p: Mapping[str, Any]) -> Any:
    return np.log(2) / p[half_life]


def _one_over_brain_plasma_ratio(p: Mapping[str, Any]) -> Any:
    return 1 / p["brain_plasma_ratio"]
