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
from pkmodel.library import NEURAXIAL, SEGMENTED, Spine, neuraxial
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
    segmented_parameters : dict of str to Sourced
        The same of the model whose CSF is divided into segments, see :meth:`segmented`.
    synonyms : tuple of str
        Other names by which it can be read.
    octanol_water : Sourced or None
        Octanol:water partition coefficient.
    routes : dict of str to Limits
        Plausible doses by route.
    refused : dict of str to Refusal
        Routes by which the drug is not given, and why.
    equivalence : Equivalence or None
        Published dose ratios of two routes.
    variants : dict of str to Variant
        Other published sets of values, see :meth:`variant`.
    references : tuple of str
        Every reference of the file.
    path : str
        The file.
    spine : Spine or None
        The division of the spine, if one was chosen; `parameters` then are those of that model.

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
    segmented_parameters: dict[str, Sourced] = field(default_factory=dict)
    synonyms: tuple[str, ...] = ()
    octanol_water: Sourced | None = None
    routes: dict[str, Limits] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    equivalence: Equivalence | None = None
    variants: dict[str, Variant] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    path: str = ""
    spine: Spine | None = None

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
        new, version = self.variants[name].parameters, f"{self.version}+{name}"
        own = _with(self.parameters, new, SEGMENTED if self.spine else NEURAXIAL)
        fine = _with(self.segmented_parameters, new, SEGMENTED)
        return replace(self, parameters=own, segmented_parameters=fine, version=version)

    def segmented(
        self,
        segments: int = 30,
        *,
        tip: str = "L3-L4",
        epidural: str = "L3-L4",
        spread: float = 2.0,
        sites: Sequence[str] = (),
    ) -> Drug:
        """The same drug in the finer neuraxial model, whose spine is a chain of segments.

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
            With the parameters of that model; the version names the division.

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
        version = f"{self.version.replace(f'+{self.spine}', '')}+{spine}"
        return replace(self, parameters=self.segmented_parameters, spine=spine, version=version)

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
        """A published dose ratio: reference (oral) dose per test (intrathecal) dose.

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
            No such preset, or a drug for which no ratio is defined.

        Examples
        --------
        >>> Drug.read("morphine").ratio("clinical_start")
        105.5
        """
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
        return (*own, "iv", "epidural", "intrathecal")

    @property
    def presets(self) -> dict[str, Preset]:
        """Published dose ratios by name, each with its study."""
        return self.equivalence.presets if self.equivalence else {}

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
        """References behind all numbers: those of the parameters, then of doses and ratios.

        Returns
        -------
        list of str
        """
        ratios = (self.equivalence, *self.presets.values()) if self.equivalence else ()
        doses = (*self.routes.values(), *self.refused.values())
        return _sources(*self.parameters.values(), *doses, *ratios)

    def table(self) -> list[Row]:
        """Every parameter with its value, spread, trust, source and population.

        Examples
        --------
        >>> row = Drug.read("morphine").table()[1]
        >>> row.name, row.value, row.cv, row.confidence
        ('oral_bioavailability', '24 %', '40 % (assumed)', 'read')
        """
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
            for p in self.parameters.values()
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
        if self.equivalence:
            lines.append(f"  {self.equivalence.reference} : {self.equivalence.test} dose ratios")
        lines += [
            f"    {p.ratio:g}  {p.name}: {p.design}{f' (n = {p.n})' if p.n else ''}"
            for p in self.presets.values()
        ]
        counts = Counter(p.confidence for p in self.parameters.values())
        trust = ", ".join(f"{counts[word]} {word}" for word in CONFIDENCE if counts[word])
        lines.append(f"  {len(self.parameters)} parameters: {trust}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f'Drug("{self.name}", version {self.version}): {", ".join(self.routes)}'


def _with(
    old: Mapping[str, Sourced], new: Mapping[str, Sourced], table: Mapping[str, tuple[str, ...]]
) -> dict[str, Sourced]:
    """Parameters with others in their place, as far as the model of the table has them."""
    known = {n for group in table.values() for n in group}
    return {**old, **{n: p for n, p in new.items() if n in known}}


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
