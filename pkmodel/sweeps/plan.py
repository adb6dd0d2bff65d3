"""What a sweep computes: a drug, its arms, a design, and what is kept of every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import units
from pkmodel.comparison import check_converted
from pkmodel.drugs import Drug
from pkmodel.errors import InputError, did_you_mean, first_of
from pkmodel.regimen import Regimen
from pkmodel.responses import Responses, asked
from pkmodel.responses.naming import ASK, unasked
from pkmodel.schedule import body_sizes
from pkmodel.simulation.reading import body_weight, with_body_sizes
from pkmodel.sweeps.attempts import Attempts
from pkmodel.sweeps.design import LABELS, Design

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.model import Model

METRICS = {
    "auc": "mg*h/L",
    "cav": "mg/L",
    "cmax": "mg/L",
    "cmin": "mg/L",
    "ctrough": "mg/L",
    "tmax": "h",
}
"""What can be kept in the place of a profile, over the window: its unit. ``tmax`` counts from the window's start."""

STRUCTURE = (*LABELS, "segments")
"""What a design may vary besides the ratio and the parameters: another model or another order."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A sweep, down to the last bit of its results.

    Parameters
    ----------
    drug : str
        Name of a drug, or path of a drug file.
    design : Design
        The points.
    arms : dict of str to str
        Regimens by the name of their arm. The arm ``oral`` alone, or none where the design varies it: the
        intrathecal one follows by a ratio.
    ratio : float, optional
        Oral dose per intrathecal dose, where the design does not vary it.
    settings : dict of str to float
        Parameters that hold for all runs, in internal units.
    metrics : tuple of str
        Keys of `METRICS`; empty for profiles.
    window : tuple of float
        First and last hour of the metrics.
    times : tuple of float
        Output times [h]: of the profiles, or those that peaks and averages are looked for at.
    sites : tuple of str
        Sites that are kept; empty for all.
    subjects : int, optional
        Population of every run, the same in all of them; None for one typical adult.
    seed : int
        Root of its random numbers.
    quantiles : tuple of float
        Quantiles over the subjects that are kept; empty for the subjects themselves.
    segments : int
        Segments of spinal CSF.
    tip : str
        Level at which intrathecal doses enter.
    variant : str
        Of the drug; empty for its own numbers.
    intended : bool
        Doses outside the drug file's range are meant.
    responses : tuple of str
        Responses that are kept: averages over the window, or profiles where there are no metrics.
    """

    drug: str
    design: Design
    arms: dict[str, str]
    ratio: float | None = None
    settings: dict[str, float] = field(default_factory=dict)
    metrics: tuple[str, ...] = ("auc", "cmax", "cav")
    window: tuple[float, float] = (0.0, 24.0)
    times: tuple[float, ...] = ()
    sites: tuple[str, ...] = ()
    subjects: int | None = None
    seed: int = 0
    quantiles: tuple[float, ...] = ()
    segments: int = 30
    tip: str = "L3-L4"
    variant: str = ""
    intended: bool = False
    responses: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """The plan as JSON has it; of the design a digest alone."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        design = self.design
        own["design"] = {
            "columns": list(design.columns),
            "scattered": design.scattered,
            "sha256": design.digest,
        }
        return json.loads(json.dumps(own))

    @classmethod
    def of_record(cls, record: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> Plan:
        """The plan of a record and the columns of its design."""
        given: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in record.items()
        }
        given["design"] = Design(dict(columns), record["design"]["scattered"])
        return cls(**given)

    @cached_property
    def hash(self) -> str:
        """Of everything that the results depend on, the numbers of the drug included."""
        variants = [self._variant(v) for v in sorted({self.variant, *self._column("variant")})]
        groups = [drug.parameters for drug in variants]
        record = self.record()
        if self.responses:
            groups += [drug.responses for drug in variants]
        else:  # as it was when there were none, so that stores of that time are gone on with
            del record["responses"]
        numbers = [
            (name, p.value, p.cv, p.distribution) for group in groups for name, p in group.items()
        ]
        text = json.dumps([record, self._drug.molar_mass, numbers], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def at(self, structure: Mapping[str, Any]) -> Drug:
        """The drug at a point of the structure (keys of `STRUCTURE`, those that are swept)."""
        return self._divided(self._variant_at(structure), structure)

    def _variant_at(self, structure: Mapping[str, Any]) -> Drug:
        return self._variant(str(structure.get("variant", self.variant)))

    def _divided(self, drug: Drug, structure: Mapping[str, Any]) -> Drug:
        """The drug with the spine of a point of the structure."""
        between = [site for site in self.sites if " " in site]
        return drug.segmented(
            int(structure.get("segments", self.segments)),
            tip=str(structure.get("tip", self.tip)),
            sites=between,
        )

    def structures(self) -> Iterator[dict[str, Any]]:
        """Every value of the structure that the design visits, the others as they are first."""
        own = {n: v for n, v in self.design.columns.items() if n in STRUCTURE}
        first = {n: v[0] for n, v in own.items()}
        yield first
        for name, values in own.items():
            yield from ({**first, name: value} for value in np.unique(values) if value != first[name])  # fmt: skip

    @cached_property
    def wanted(self) -> Responses | None:
        """The responses at the first point; None if there are none."""
        return asked(self.at(next(self.structures())), self.responses or None)

    @cached_property
    def model(self) -> Model:
        """The model at the first point, with the body sizes that doses are per, and with what responses add."""
        model = self._own_model if self.wanted is None else self.wanted.model
        return with_body_sizes(model, self._per, None, (*self.settings, *self.design.columns))

    @cached_property
    def _own_model(self) -> Model:
        """The drug's own model at the first point."""
        return self.at(next(self.structures())).model()

    @property
    def names(self) -> tuple[str, ...]:
        """Arms of the results."""
        return ("oral", "intrathecal") if self.converts else tuple(self.arms)

    @property
    def converts(self) -> bool:
        """Whether a ratio makes the intrathecal arm."""
        return "oral" in self.design.columns or tuple(self.arms) == ("oral",)

    @property
    def kept(self) -> tuple[str, ...]:
        """Sites of the results."""
        known = self._own_model.sites
        return tuple(s for s in known if s in self.sites) if self.sites else tuple(known)

    @property
    def solved(self) -> tuple[str, ...]:
        """Sites that are computed: those of the results, and those that responses follow from."""
        return self.kept if self.wanted is None else self.wanted.with_own(self.kept)

    @property
    def described(self) -> dict[str, dict[str, str]]:
        """Variables of the responses in the results, with their attributes."""
        return {} if self.wanted is None else self.wanted.described

    @property
    def cases_per_run(self) -> int:
        """Subjects times arms."""
        return len(self.names) * (self.subjects or 1)

    def check(self, attempts: Attempts) -> None:
        """Raise an InputError with all that is wrong.

        Parameters
        ----------
        attempts : Attempts
            With what was found wrong already.

        Raises
        ------
        InputError
            Unknown parameters, sites, metrics; a unit of another dimension; a ratio, a population, a window or times
            that are none; doses out of range at an end of the swept ratios.
        """
        structure, ratios = self._structure_faults(), [*self._ratio_faults()]
        judged = self._plain if structure else self
        faults = [*structure, *judged._design_faults(), *ratios, *judged._kept_faults()]
        faults += judged._response_faults()
        if faults:
            attempts.errors.append(InputError(*faults))
        if not structure and not ratios:
            attempts.of(None, self._check_doses)
        attempts.end()

    @property
    def _plain(self) -> Plan:
        """The plan with the usual structure, which is judged where its own is wrong."""
        return replace(
            self,
            design=self.design.without(lambda name: name in STRUCTURE and name != "oral"),
            sites=tuple(site for site in self.sites if " " not in site),
            segments=Plan.segments,
            tip=Plan.tip,
            variant=Plan.variant,
        )

    def _structure_faults(self) -> list[str]:
        """Of the drug's variants, levels and numbers of segments, each once."""
        found = [f"segments: {n:g} is no whole number" for n in self._column("segments") if n % 1]
        attempts = Attempts()
        for structure in () if found else self.structures():
            drug = attempts.of(self._drug, self._variant_at, structure)
            attempts.of(None, self._divided, drug, structure)
        return list(dict.fromkeys([*found, *(f for e in attempts.errors for f in e.faults)]))

    def _design_faults(self) -> Iterator[str]:
        defaults, columns = self.model.defaults, self.design.columns
        known = (*defaults, "ratio", *STRUCTURE)
        for name in columns:
            if name not in known:
                hint = did_you_mean(name, known) or f"; it has {first_of(defaults)}"
                none = f'the design varies "{name}", which the model does not have{hint}'
                yield unasked(name, ASK) or none
            if name in self.settings:
                yield f'the parameter "{name}" is both set and swept'
        for name, given in self.design.dimensions.items():
            wanted = defaults[name].unit if name in defaults else "1"
            if name in known and units.DIMENSIONS[given] != wanted:
                yield f"{name} was given in units of {units.DIMENSIONS[given]}; expected {wanted}"
        for name in body_sizes(self._per):
            if name not in defaults:
                yield f'doses are per body size: give {name}, settings={{"{name}": ...}}, or sweep it'
        if not self.converts and len(self.arms) < 2:
            yield f'expected two arms or more, not {list(self.arms)}: arms={{"oral": "...", "iv": "..."}}'

    def _ratio_faults(self) -> Iterator[str]:
        swept = "ratio" in self.design.columns
        if swept and self.ratio is not None:
            yield "the ratio is both set and swept: leave out ratio="
        elif (swept or self.ratio is not None) and not self.converts:
            yield "a ratio makes the intrathecal arm of an oral order that stands alone, in the place of arms"
        given = [*self._column("ratio"), *([] if self.ratio is None else [self.ratio])]
        wrong = [ratio for ratio in given if not 0 < ratio < np.inf]
        if wrong:
            yield f"the ratio is {wrong[0]:g}; expected numbers above 0"

    def _kept_faults(self) -> Iterator[str]:
        known = {"metric": tuple(METRICS), "site": tuple(self._own_model.sites)}
        for kind, names in (("metric", self.metrics), ("site", self.sites)):
            for name in names:
                if name not in known[kind]:
                    hint = did_you_mean(name, known[kind])
                    yield f'unknown {kind} "{name}"{hint}; there are {", ".join(known[kind])}'
            twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
            if twice:
                yield f'the {kind} "{twice[0]}" stands twice'
        for name, given, least in (("subjects", self.subjects, 1), ("seed", self.seed, 0)):
            if given is not None and not (type(given) is int and given >= least):
                yield f"{name} is {given!r}; expected a whole number, {least} or above"
        if self.quantiles and self.subjects is None:
            yield "quantiles over subjects need subjects: subjects=100"
        if any(not 0 <= q <= 1 for q in self.quantiles):
            yield "a quantile lies between 0 and 1"
        times = np.array(self.times)
        if not (len(times) and times[0] >= 0 and (np.diff(times) > 0).all() and times[-1] < np.inf):
            yield "times: expected hours, ascending"

    def _response_faults(self) -> tuple[str, ...]:
        """Of the numbers of responses, at all points."""
        try:
            if self.wanted is not None:
                self.wanted.check(self._at_all_points)
        except InputError as error:
            return error.faults
        return ()

    def _at_all_points(self, name: str) -> NDArray[np.float64] | None:
        """A parameter, so that it broadcasts against others; None if the model does not have it."""
        columns, defaults = self.design.columns, self.model.defaults
        if name in columns:
            own_axis = [-1 if n == name else 1 for n in columns]
            return columns[name].reshape([-1] if self.design.scattered else own_axis)
        if name not in defaults:
            return None
        return np.array(self.settings.get(name, defaults[name].value), dtype=float)

    def _check_doses(self) -> None:
        orals = self._column("oral") or [self.arms.get("oral")]
        ratios = self.design.columns.get("ratio", np.array([self.ratio or 1.0]))
        weight = body_weight({**self.settings, **self.design.columns})
        for structure in self.structures():
            drug = self.at(structure)

            def check(doses: Regimen, drug: Drug = drug) -> None:
                drug.check(doses, intended=self.intended, weight=weight)

            for text in self.arms.values():
                check(self.read(text))
            for text in orals if self.converts else ():
                check(self.read(text))
                for extreme in {float(ratios.min()), float(ratios.max())}:
                    check_converted(check, self.read(text), extreme)

    def read(self, text: str) -> Regimen:
        """A regimen of the drug."""
        return Regimen.parse(text, molar_mass=self._drug.molar_mass)

    def _column(self, name: str) -> list[Any]:
        return self.design.columns[name].tolist() if name in self.design.columns else []

    @cached_property
    def _per(self) -> tuple[str, ...]:
        """What doses are per."""
        texts = (*self.arms.values(), *self._column("oral"))
        return tuple(
            sorted({order.per for text in texts for order in self.read(text) if order.per})
        )

    @cached_property
    def _drug(self) -> Drug:
        return Drug.read(self.drug)

    def _variant(self, name: str) -> Drug:
        return self._drug.variant(name) if name else self._drug


def model_with(drug: Drug, wanted: Responses | None) -> Model:
    """A drug's model, with the states, sites and numbers of the responses that are wanted."""
    return drug.model() if wanted is None else wanted.model
