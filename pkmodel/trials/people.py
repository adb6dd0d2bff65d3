"""Subjects: their parameters, how much drug they need, what they report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel import population
from pkmodel.drugs.effects import MAIN, RESPONSES
from pkmodel.errors import ParameterError
from pkmodel.responses import asked
from pkmodel.responses.asking import missing
from pkmodel.responses.equations import drive, effect, needed
from pkmodel.responses.equations import shift as tolerated
from pkmodel.responses.states import places_of, site_of
from pkmodel.trials.doses import PER_DAY, some_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pkmodel.drugs import Drug
    from pkmodel.model import Model
    from pkmodel.responses import Responses
    from pkmodel.trials.plans import Patients

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STREAM = "trial"


class Scale(NamedTuple):
    """A score: its variable, its ends, its usual values at entry and its target."""

    name: str
    least: float
    most: float
    entry: float
    sd: float
    target: float

    @property
    def widest(self) -> float:
        """Largest relative fall that there can be."""
        return 1 - self.least / self.most

    @property
    def lowest(self) -> float:
        """Score with which one can enter, at least."""
        return self.least + 0.1 * (self.most - self.least)


PAIN = Scale("pain", 0.0, 10.0, 7.5, 1.0, 4.0)
ASHWORTH = Scale("ashworth", 1.0, 5.0, 3.5, 0.5, 2.0)


@dataclass(frozen=True)
class Study:
    """The drug's model with what is to be known of its responses.

    Parameters
    ----------
    wanted : Responses
        The responses.
    model : Model
        With the sites of the responses alone, and with the spread of the potency in the cord.
    scale : Scale
        Of the score.
    """

    wanted: Responses
    model: Model
    scale: Scale

    @classmethod
    def of(cls, drug: Drug, patients: Patients) -> Study:
        """What the drug's file has numbers of.

        Raises
        ------
        DrugError
            Neither analgesia nor spasticity can be answered.
        """
        if all(missing(drug, main) for main in MAIN):
            asked(drug, "analgesia")  # raises, and says what is missing
        names = [n for n in RESPONSES if n != "pain" and not missing(drug, n)]
        wanted = asked(drug, names)
        assert wanted is not None
        model = wanted.model.with_sites(wanted.with_own(("plasma",)))
        cord = replace(model.defaults[f"{wanted.main}_cord_ec50"], cv=patients.potency_cv)
        model = model.with_parameters([cord])
        return cls(wanted, model, PAIN if wanted.main == "analgesia" else ASHWORTH)

    @property
    def sites(self) -> tuple[str, ...]:
        """Sites in the order of the model."""
        return self.model.sites


class People:
    """Some subjects of a study.

    Parameters
    ----------
    study : Study
        The drug's model and score.
    ids : array of int, shape (subject,)
        Their numbers.
    seed : int
        Root of all random numbers.
    patients : Patients
        What they are like.
    fixed : mapping
        Parameters that are the same in all.
    """

    def __init__(
        self, study: Study, ids: Ints, seed: int, patients: Patients, fixed: Mapping[str, Any]
    ) -> None:
        self.study, self.ids, self.seed, self.patients = study, ids, seed, patients
        drawn = population.draw(study.model, ids.tolist(), seed=seed)
        self.parameters = drawn.drop_vars(list(fixed), errors="ignore").assign(fixed)
        values = {str(n): v.values for n, v in self.parameters.data_vars.items()}
        self._values = study.model.resolve(values)
        study.wanted.check(self._own)
        self._potencies = {f"{study.wanted.main}_{p}_ec50" for p in self._places}
        scale = study.scale
        mean = scale.entry if patients.score is None else patients.score
        sd = scale.sd if patients.score_sd is None else patients.score_sd
        entry = mean + sd * self.normal("entry")
        self.entry = np.clip(entry, scale.lowest, scale.most)
        self.placebo = _logit_normal(patients.placebo, patients.placebo_cv, self.normal("placebo"))
        self.relief = np.zeros(len(ids))
        self.need = np.ones(len(ids))

    def normal(self, name: str) -> Floats:
        """Standard normal numbers of this name."""
        return population.standard_normal(self.ids, self.seed, STREAM, name)

    @property
    def _places(self) -> tuple[str, ...]:
        return places_of(self.study.wanted.main, self.study.wanted.drug.responses)

    def settle(self, usual: Floats) -> None:
        """Find how much drug each of them needs, from what the oral treatment does for them.

        Parameters
        ----------
        usual : array, shape (subject, site, time)
            Concentrations of one day under the oral treatment.

        Raises
        ------
        ParameterError
            Subjects in whom no potency makes the oral treatment do that.
        """
        p = self.patients
        self.relief = _logit_normal(p.relief, p.relief_cv, self.normal("relief"))
        main, at = self.study.wanted.main, self._at(usual)
        shift: Any = 1.0
        if "tolerance" in self.study.wanted.names:
            shift = tolerated(at("tolerance_cord"), self._own)
        u = drive({q: at(site_of(main, q)) for q in self._places}, main, self._own, shift)
        low, high = np.full(len(self.ids), -12.0), np.full(len(self.ids), 12.0)
        for _ in range(70):  # of the logarithm: to the last bit
            middle = 0.5 * (low + high)
            found = effect(u / np.exp(middle)[:, None], main, self._own).mean(axis=1)
            more = found > self.relief
            low, high = np.where(more, middle, low), np.where(more, high, middle)
        self.need = np.exp(0.5 * (low + high))
        slack = 1e-6 * np.minimum(self.relief, 1 - self.relief)
        self._check_settled(np.abs(found - self.relief) < slack)

    def _check_settled(self, settled: NDArray[np.bool_]) -> None:
        if settled.all():
            return
        worst = self.relief[~settled].max()
        raise ParameterError(
            f"{some_of(self.ids[~settled])}: no potency makes the oral treatment take away the part of the score "
            f"that it should, up to {worst:.3g}",
            remedy="Lower Patients(relief=..., relief_cv=...), or look at parameters=, such as analgesia_maximum.",
        )

    def responses(self, concentrations: Floats) -> dict[str, Floats]:
        """Responses of shape (subject, time), from concentrations of shape (subject, site, time)."""
        with np.errstate(all="ignore"):
            return self.study.wanted.variables(self._at(concentrations), self._value)

    def effect(self, found: Mapping[str, Floats]) -> Floats:
        """The effect for which the drug is given, 0 to 1."""
        if self.study.wanted.main == "analgesia":
            return found["analgesia"]
        highest, least = (needed(self._own, f"spasticity_{n}") for n in ("baseline", "least"))
        return np.asarray((highest - found["ashworth"]) / (highest - least))

    def score(self, effect: Floats, placebo: Floats | float) -> Floats:
        """Score that goes with an effect of the drug and of a placebo, both of shape (subject, time or 1)."""
        scale = self.study.scale
        whole = (self.entry - scale.least) / (1.0 - self.relief)
        left = whole[:, None] * (1.0 - effect) * (1.0 - placebo)
        return np.asarray(np.minimum(scale.least + left, scale.most))

    def report(self, scores: Floats, name: str) -> Floats:
        """What subjects say of the scores of some time: the mean, with their error, within the scale."""
        scale = self.study.scale
        said = np.ascontiguousarray(scores).mean(axis=1) + self.patients.noise * self.normal(name)
        return np.clip(said, scale.least, scale.most)

    def report_entry(self) -> Floats:
        """Score before the trial, as reported; nobody enters with less than the lowest."""
        scores = self.score(self.relief[:, None], 0.0)
        return np.maximum(self.report(scores, "entry score"), self.study.scale.lowest)

    def placebo_after(self, hours: NDArray[Any]) -> Floats:
        """Placebo response so long after the implantation, of shape (subject, time)."""
        return np.asarray(self.placebo[:, None] * 2.0 ** (-hours / self.patients.fading))

    def _at(self, concentrations: Floats) -> Any:
        sites = self.study.sites
        return lambda site: np.ascontiguousarray(concentrations[:, sites.index(site), :])

    def _own(self, name: str) -> Floats | None:
        """A parameter of every subject, against time."""
        value = self._values.get(name)
        if value is None:
            return None
        return np.reshape(value, (-1, 1)) if np.ndim(value) else np.asarray(value)

    def _value(self, name: str) -> Floats | None:
        """The same, the potencies as those of patients who need so much more."""
        value = self._own(name)
        return (
            value * self.need[:, None] if value is not None and name in self._potencies else value
        )


def _logit_normal(typical: float, cv: float, z: Floats) -> Floats:
    """A fraction with a median and, to first order, a coefficient of variation."""
    if not typical:
        return np.zeros_like(z)
    with np.errstate(over="ignore"):  # then it is 0
        return np.asarray(1 / (1 + (1 - typical) / typical * np.exp(-cv / (1 - typical) * z)))


def last_day(values: Floats) -> Floats:
    """The times of the last day."""
    return values[:, -PER_DAY:]
