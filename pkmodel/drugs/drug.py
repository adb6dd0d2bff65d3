"""A drug and what can be asked of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pkmodel.drugs import doses, reader
from pkmodel.drugs.schema import (
    CONFIDENCE,
    Calibration,
    Equivalence,
    Limits,
    Preset,
    Refusal,
    Sourced,
    Variant,
    amount_text,
)
from pkmodel.drugs.tables import check_table
from pkmodel.errors import DrugError, did_you_mean
from pkmodel.library import NEURAXIAL, Spine, neuraxial
from pkmodel.library.spine import route_at
from pkmodel.model import Model, Parameter
from pkmodel.regimen import Regimen

if TYPE_CHECKING:
    from pkmodel.events import EventTable
    from pkmodel.regimen import Order

__all__ = ["Drug", "Row", "citation"]


class Row(NamedTuple):
    """A line of a drug's table of numbers, all as text."""

    name: str
    value: str
    cv: str
    confidence: str
    source: str
    population: str
    note: str


@dataclass(frozen=True, eq=False, repr=False)
class Drug:
    """A drug: its numbers, plausible doses and dose ratios, as its file has them.

    Get one by :meth:`read`.

    Parameters
    ----------
    name, version, indication : str
        As in the file; the version names the variant, too, if one was chosen.
    molar_mass : float
        Molar mass [g/mol].
    parameters : dict of str to Sourced
        Every parameter of the neuraxial model, those of physiology included.
    synonyms : tuple of str
        Other names by which it can be read.
    octanol_water : Sourced or None
        Octanol:water partition coefficient.
    routes : dict of str to Limits
        Plausible doses by route.
    refused : dict of str to Refusal
        Routes by which the drug is not given, and why.
    equivalence : Equivalence or None
        The nominal dose ratio oral : intrathecal, and its range.
    ratios : dict of str to Preset
        Published dose ratios of all pairs of routes, see :meth:`published`.
    responses : dict of str to Sourced
        Numbers behind responses, ``"analgesia_cord_ec50"`` and so on.
    no_responses : dict of str to Refusal
        Responses that the drug is known not to have, and why.
    calibration : Calibration or None
        The dose ratio on which one of those numbers was set.
    variants : dict of str to Variant
        Other published sets of values, see :meth:`variant`.
    references : tuple of str
        Every reference of the file.
    path : str
        The file.
    spine : Spine
        How many segments the spine has, where drug enters, and which levels are sites, see :meth:`segmented`.

    Examples
    --------
    >>> Drug.read("morphine")
    Drug("morphine", version 1.0): oral, iv, epidural, intrathecal
    """

    name: str
    version: str
    indication: str
    molar_mass: float
    parameters: dict[str, Sourced]
    synonyms: tuple[str, ...] = ()
    octanol_water: Sourced | None = None
    routes: dict[str, Limits] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    equivalence: Equivalence | None = None
    ratios: dict[str, Preset] = field(default_factory=dict)
    responses: dict[str, Sourced] = field(default_factory=dict)
    no_responses: dict[str, Refusal] = field(default_factory=dict)
    calibration: Calibration | None = None
    variants: dict[str, Variant] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    path: str = ""
    spine: Spine = field(default_factory=Spine)

    @classmethod
    def read(cls, name_or_path: str | Path) -> Drug:
        """Read a drug by its name, a synonym, or the path of a drug file.

        Parameters
        ----------
        name_or_path : str or Path
            ``"morphine"``, or ``"my_drugs/codeine.toml"``.

        Returns
        -------
        Drug

        Raises
        ------
        DrugError
            No such drug, or a file with faults, all of which are listed.

        Examples
        --------
        >>> Drug.read("Lioresal").name
        'baclofen'
        """
        text = str(name_or_path)
        if isinstance(name_or_path, Path) or text.endswith(".toml"):
            return cls(**reader.read(Path(text)))
        key = text.strip().casefold()
        if key in cls.names():
            return cls(**reader.read(reader.HOME / f"{key}.toml"))
        drugs = [cls.read(name) for name in cls.names()]
        known = {word.casefold(): drug for drug in drugs for word in (drug.name, *drug.synonyms)}
        if key in known:
            return known[key]
        raise DrugError(
            f"unknown drug{did_you_mean(key, known)}",
            given=f'"{text}"',
            remedy=f'Known are {", ".join(cls.names())}; read a file of your own by its path, "{key}.toml".',
        )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the drugs that come with the package.

        Examples
        --------
        >>> Drug.names()[:3]
        ('baclofen', 'bupivacaine', 'clonidine')
        """
        found = sorted(p.stem for p in reader.HOME.glob("*.toml"))
        return tuple(n for n in found if n != reader.PHYSIOLOGY)

    def variant(self, name: str) -> Drug:
        """The same drug with another published set of values in place of its own.

        Parameters
        ----------
        name : str
            A key of `variants`.

        Returns
        -------
        Drug
            Its version names the variant: ``"1.0+westerling_1993"``.

        Raises
        ------
        DrugError
            The drug has no such variant.

        Examples
        --------
        >>> Drug.read("morphine").variant("westerling_1993").parameters["oral_bioavailability"].text
        '21.6 %'
        """
        if name not in self.variants:
            known = ", ".join(self.variants) or "none"
            raise DrugError(
                f'{self.name} has no variant "{name}"{did_you_mean(name, self.variants)}; it has: {known}'
            )
        parameters = {**self.parameters, **self.variants[name].parameters}
        return replace(self, parameters=parameters, version=f"{self.version}+{name}")

    def segmented(
        self,
        segments: int = 30,
        *,
        tip: str = "L3-L4",
        epidural: str = "L3-L4",
        spread: float = 2.0,
        sites: Sequence[str] = (),
    ) -> Drug:
        """The same drug with another division of the spine, and doses and samples at other levels.

        Parameters
        ----------
        segments : int
            Number of segments of spinal CSF, 3 to 240.
        tip : str
            Vertebral level at which intrathecal doses enter: ``"T10"``, or ``"L3-L4"`` between two.
        epidural : str
            Level at which epidural doses cross the dura.
        spread : float
            Length of the spine [vertebral levels] over which a dose mixes as it enters.
        sites : sequence of str
            Further sites of the results: ``"csf T12"``, ``"csf L3-L4"``, ``"cord T10"``.

        Returns
        -------
        Drug
            Its version names the division where it is not the default one.

        Raises
        ------
        ModelError
            An unknown level, or a number out of range.

        Examples
        --------
        >>> fine = Drug.read("morphine").segmented(30, tip="T10", sites=["csf T10"])
        >>> fine.version
        '1.0+30 segments, tip T10, epidural L3-L4, spread 2'
        >>> len(fine.model().states) > 50
        True
        """
        spine = Spine(segments, tip, epidural, spread, sites)
        version = self.version.replace(f"+{self.spine}", "")
        if spine != Spine():
            version += f"+{spine}"
        return replace(self, spine=spine, version=version)

    def model(self) -> Model:
        """The neuraxial model with this drug's parameters.

        Returns
        -------
        Model

        Examples
        --------
        >>> Drug.read("morphine").model().name
        'neuraxial morphine'
        """
        parameters = {
            p.name: Parameter(p.name, p.value, p.dimension, p.cv, p.distribution)
            for p in self.parameters.values()
        }
        return replace(neuraxial(self.spine, **parameters), name=f"neuraxial {self.name}")

    def check(
        self, regimen: Iterable[Order] | str, intended: bool = False, weight: float | None = None
    ) -> None:
        """Refuse routes that the drug does not have, and doses out of the plausible range.

        Parameters
        ----------
        regimen : Regimen or str
            What is ordered, for example ``"60 mg oral q12h x 28"``.
        intended : bool
            Doses out of range are meant.
        weight : float, optional
            Body weight [kg] for orders per kg; 70 by default.

        Raises
        ------
        DrugError
            With every such order.

        Notes
        -----
        Single doses count if they are given within 12 h, the sum of those of one route at the same moment; pumps
        and longer infusions count by the day, with the other orders of the same route that run beside them. A
        dose into a compartment, by its name or number, counts as one by the route that leads there.

        Examples
        --------
        >>> Drug.read("morphine").check("60 mg oral q12h x 28")
        """
        if isinstance(regimen, str):
            regimen = Regimen.parse(regimen, molar_mass=self.molar_mass)
        orders = list(regimen)
        direct = any(order.route not in doses.ROUTES for order in orders)
        names = tuple(c.name for c in self.model().compartments) if direct else ()
        doses.check(
            self.name, orders, self.routes, self.refused, self.inputs, intended, weight, names
        )

    def check_table(
        self,
        table: EventTable,
        intended: bool = False,
        weight: float | None = None,
        factors: Mapping[str, float] | None = None,
    ) -> None:
        """The same for the doses of an event table, each with its ID and row.

        Parameters
        ----------
        table : EventTable
            Doses of one or many subjects.
        intended : bool
            Doses out of range are meant.
        weight : float, optional
            Body weight [kg] for doses per kg where the table has no column ``weight``; 70 by default.
        factors : mapping of str to float, optional
            Largest factor of all doses of a route.

        Raises
        ------
        DrugError
            With the first such doses of every route.

        Notes
        -----
        Boluses, and infusions within 12 h, count singly; all doses of a route count by the heaviest 24 h of every
        subject. The lower limit holds for boluses and days: a part of a day's infusion may be small.

        Examples
        --------
        >>> from pkmodel.events import EventTable
        >>> doses = EventTable.of(time=[0, 12], amount=60, compartment="oral")
        >>> Drug.read("morphine").check_table(doses)
        """
        names = tuple(c.name for c in self.model().compartments)
        check_table(
            self.name,
            table,
            self.routes,
            self.refused,
            self.inputs,
            intended,
            weight,
            names,
            factors or {},
        )

    def ratio(self, preset: str = "nominal") -> float:
        """A published dose ratio: oral dose per intrathecal dose.

        Parameters
        ----------
        preset : str
            A key of `presets`.

        Returns
        -------
        float

        Raises
        ------
        DrugError
            No such preset, one of other routes, or a drug for which no ratio is defined.

        Examples
        --------
        >>> Drug.read("morphine").ratio("clinical_start")
        105.5
        """
        if preset in self.ratios and preset not in self.presets:
            raise DrugError(
                f"the ratio is {self.ratios[preset].pair}, not oral : intrathecal",
                given=f'ratio="{preset}"',
                remedy="Give one of oral : intrathecal as a number: ratio=100.",
            )
        if self.equivalence is None:
            no = self.refused.get("oral")
            why = no.reason if no else f"the file of {self.name} has no dose ratio"
            raise DrugError(
                why, remedy=no.remedy if no else "Give the ratio as a number: ratio=100."
            )
        if preset == "nominal":
            return self.equivalence.nominal
        if preset not in self.presets:
            if number := _number_in(preset):
                raise DrugError(
                    "a ratio as text is the name of a preset",
                    given=f'ratio="{preset}"',
                    remedy=f"Write ratio={number} (a number).",
                )
            raise DrugError(
                f'{self.name} has no ratio "{preset}"{did_you_mean(preset, self.presets)}; '
                f"it has: {', '.join(self.presets)}",
                remedy="Or give the ratio as a number: ratio=100.",
            )
        return self.presets[preset].ratio

    @property
    def inputs(self) -> tuple[str, ...]:
        """Inputs of the model for which the file has parameters."""
        groups = ("oral", "oral modified")
        own = [g for g in groups if NEURAXIAL[g][0] in self.parameters]
        return (*own, "iv", "epidural", "intrathecal", route_at(self.spine.tip))

    @property
    def presets(self) -> dict[str, Preset]:
        """Published dose ratios oral : intrathecal by name, each with its study."""
        return self.published("oral", "intrathecal")

    def published(self, reference: str, test: str) -> dict[str, Preset]:
        """Published dose ratios of one pair of routes.

        Parameters
        ----------
        reference, test : str
            Routes, for example ``"epidural"`` and ``"intrathecal"``.

        Returns
        -------
        dict of str to Preset
            By name, each with its study.

        Examples
        --------
        >>> Drug.read("morphine").published("subcutaneous", "epidural")["kalso_1996"].ratio
        3.5
        """
        pair = (reference, test)
        return {n: p for n, p in self.ratios.items() if (p.reference, p.test) == pair}

    def sources_used(self, preset: str | None = None) -> list[str]:
        """References behind a simulation: those of the model's parameters, and of a ratio.

        Parameters
        ----------
        preset : str, optional
            ``"nominal"`` or another key of `presets`, where that ratio is applied.

        Returns
        -------
        list of str

        Examples
        --------
        >>> Drug.read("ziconotide").sources_used()[0][:6]
        'Prialt'
        """
        ratio = () if preset is None else (self.presets.get(preset) or self.equivalence,)
        return _sources(*self.parameters.values(), *ratio)

    def sources(self) -> list[str]:
        """References behind all numbers: those of the parameters, then of doses, ratios and responses.

        Returns
        -------
        list of str
        """
        ratios = ([self.equivalence] if self.equivalence else []) + [*self.ratios.values()]
        doses = (*self.routes.values(), *self.refused.values())
        responses = [*self.responses.values(), *self.no_responses.values()]
        responses += [self.calibration] if self.calibration else []
        return _sources(*self.parameters.values(), *doses, *ratios, *responses)

    def table(self, responses: bool = False) -> list[Row]:
        """Every parameter with its value, spread, trust, source and population.

        Parameters
        ----------
        responses : bool
            The numbers of responses in their place.

        Examples
        --------
        >>> row = Drug.read("morphine").table()[1]
        >>> row.name, row.value, row.cv, row.confidence
        ('oral_bioavailability', '24 %', '40 % (assumed)', 'read')
        """
        numbers = self.responses if responses else self.parameters
        return [
            Row(
                p.name,
                p.text,
                f"{100 * p.cv:.3g} % ({p.cv_confidence})" if p.cv else "none",
                p.confidence,
                "; ".join(p.source),
                p.population,
                p.note,
            )
            for p in numbers.values()
        ]

    def describe(self) -> str:
        """The drug in words: doses, ratios, and how much of the model rests on what.

        Examples
        --------
        >>> print(Drug.read("ziconotide").describe())  # doctest: +ELLIPSIS
        ziconotide 1.0, for severe chronic pain
          intrathecal  0.5 ug to 10 ug a dose, 0.1 ug to 57.6 ug a day
          not oral: ziconotide is a peptide ...
        """
        lines = [f"{self.name} {self.version}, for {self.indication}"]
        for name, r in self.routes.items():
            dose, day = (" to ".join(map(amount_text, span)) for span in (r.per_dose, r.per_day))
            lines.append(f"  {name:<12} {dose} a dose, {day} a day")
        lines += [f"  not {name}: {r.reason}" for name, r in self.refused.items()]
        for pair in dict.fromkeys(p.pair for p in self.ratios.values()):
            lines.append(f"  {pair} dose ratios")
            lines += [
                f"    {p.ratio:g}  {p.name}: {p.design}{f' (n = {p.n})' if p.n else ''}"
                for p in self.ratios.values()
                if p.pair == pair
            ]
        counts = Counter(p.confidence for p in self.parameters.values())
        trust = ", ".join(f"{counts[word]} {word}" for word in CONFIDENCE if counts[word])
        lines.append(f"  {len(self.parameters)} parameters: {trust}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f'Drug("{self.name}", version {self.version}): {", ".join(self.routes)}'


def _number_in(text: str) -> str:
    """The number that a text like "300", "1/300", "1:300" or "300:1" was meant to be, or nothing."""
    number = re.fullmatch(r"(?:1\s*[/:]\s*)?(\d+\.?\d*)(?:\s*[/:]\s*1)?", str(text).strip())
    return number[1] if number and float(number[1]) > 0 else ""


def _sources(*holders: Any) -> list[str]:
    """References of some numbers, each once."""
    return list(dict.fromkeys(s for h in holders for s in h.source))


def citation(thing: Any = None) -> list[str]:
    """What to cite: the package, then the references that a drug or a result rests on.

    Parameters
    ----------
    thing : Drug, str or xarray.Dataset, optional
        A drug or its name, for all that its file holds; a result, for what it used of the file; without one,
        the package alone.

    Returns
    -------
    list of str

    Raises
    ------
    DrugError
        An unknown drug.

    Examples
    --------
    >>> citation()[0][:19]
    'pkmodel developers.'
    >>> len(citation("morphine")) > 10
    True
    """
    from pkmodel import __version__

    package = (
        "pkmodel developers. pkmodel: compare intrathecal with oral dosing by compartment models. "
        f"Version {__version__}."
    )
    if thing is None:
        return [package]
    if hasattr(thing, "attrs"):
        return [package, *json.loads(thing.attrs.get("sources", "[]"))]
    drug = thing if isinstance(thing, Drug) else Drug.read(thing)
    return [package, *drug.sources()]
