"""What the options ask for: a drug, arms, subjects, times; and the runs that answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pkmodel.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from pkmodel.drugs import Drug
    from pkmodel.model import Model
    from pkmodel.regimen import Order, Regimen

    Run = Callable[[Iterable[int] | None], xr.Dataset]

PART = 256  # subjects that are simulated together, at least
GRID = 2000  # times that are spread over a table's window
MOST_TIMES = 20_000  # times of a table, at most
PEAK = 14.0  # h: so long after the last dose of an order, a peak is looked for in steps of 5 min


@dataclass(frozen=True)
class Study:
    """A drug, and in whom.

    Parameters
    ----------
    drug : Drug
        The drug.
    settings : dict of str to float
        Parameters that are set, in internal units.
    subjects : int or None
        How many; None for one typical adult.
    seed : int
        Root of the random numbers.
    intended : bool
        Doses outside the drug file's range are meant.
    all_sites : bool
        Minor sites are printed, too.
    """

    drug: Drug
    settings: dict[str, float]
    subjects: int | None
    seed: int
    intended: bool
    all_sites: bool

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any]) -> Study:
        """Read the options."""
        from pkmodel.drugs import Drug

        drug = Drug.read(name).segmented(given["segments"], tip=given["tip"])
        settings = read_settings(drug, given["settings"])
        return cls(
            drug, settings, given["subjects"], given["seed"], given["intended"], given["all_sites"]
        )

    def regimen(self, text: str) -> Regimen:
        """Read a regimen; doses in mol are known by the drug's molar mass."""
        from pkmodel.regimen import Regimen

        return Regimen.parse(text, molar_mass=self.drug.molar_mass)

    def check(self, regimen: Regimen) -> None:
        """Refuse doses out of the drug file's range."""
        weight = self.settings.get("weight")
        self.drug.check(regimen, intended=self.intended, weight=weight)

    def parameters(self, subjects: Iterable[int] | None, model: Model | None = None) -> Any:
        """Parameters of these subjects, or those of the typical one; of the drug's model, or of one with more."""
        from pkmodel import population

        if subjects is None:
            return self.settings
        drawn = population.draw(model or self.drug.model(), subjects, seed=self.seed)
        return drawn.assign(self.settings)

    def printed(self, ds: xr.Dataset) -> xr.Dataset:
        """A result at the sites that are printed."""
        from pkmodel.plot.style import MINOR

        if self.all_sites:
            return ds
        return ds.sel(site=[site for site in ds.site.values if site not in MINOR])

    def in_parts(self, run: Run, times: int = GRID) -> xr.Dataset:
        """The result of all subjects at so many times, part by part, with a bar if it takes long.

        Draws are keyed by the subject, so the parts do not show in the numbers.
        """
        if self.subjects is None:
            return run(None)
        import xarray as xr
        from tqdm import tqdm

        step = max(PART, -(-self.subjects // 50))
        step = max(1, step * GRID // max(GRID, times))
        firsts = range(1, self.subjects + 1, step)
        parts = [range(k, min(k + step, self.subjects + 1)) for k in firsts]
        bar = tqdm(parts, f"{self.subjects} subjects", delay=1, leave=False, disable=None)
        done = [run(part) for part in bar]
        if len(done) == 1:
            return done[0]
        return xr.concat(done, "subject", data_vars="minimal", coords="minimal", compat="override",
                         combine_attrs="override")  # fmt: skip


def read_settings(drug: Drug, pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Values of ``--set``, body sizes among them, in internal units."""
    from pkmodel import units
    from pkmodel.responses.naming import refuse_unknown
    from pkmodel.schedule import BODY_SIZES

    model, texts = drug.model(), dict(pairs)
    known = {**{p.name: p for p in BODY_SIZES.values()}, **model.defaults}
    refuse_unknown(texts, known)
    return {n: float(units.convert(t, known[n].dimension, name=n)) for n, t in texts.items()}


def read_ratios(drug: Drug, text: str | None) -> list[float]:
    """Numbers and presets, parted by commas; by default the nominal ratio of the drug's file.

    Examples
    --------
    >>> from pkmodel.drugs import Drug
    >>> read_ratios(Drug.read("morphine"), "100, nominal"), read_ratios(Drug.read("morphine"), None)
    ([100.0, 300.0], [300.0])
    """
    return _read_ratios("nominal" if text is None else text, drug.ratio)


def _read_ratios(text: str, named: Callable[[str], float]) -> list[float]:
    ratios = []
    for word in text.split(","):
        try:
            ratios.append(float(word))
        except ValueError:
            ratios.append(named(word.strip()))
    return ratios


def ratios_to_judge(drug: Drug, pair: tuple[str, str], text: str | None) -> list[float]:
    """Ratios of a pair of routes: those asked for, or the nominal one, or the lowest and the highest published."""
    published = drug.published(*pair)
    main = pair == ("oral", "intrathecal")
    if text is not None:
        found = _read_ratios(text, drug.ratio if main else partial(_preset, drug, pair))
    elif main and drug.equivalence:
        found = [drug.equivalence.nominal]
    else:
        ends = [end for p in published.values() for end in (p.ratio, *(p.range or ()))]
        found = [min(ends), max(ends)] if ends else []
    wrong = [r for r in found if not 0 < r < math.inf]
    if wrong:
        raise InputError(
            f"the ratio is {wrong[0]:g}; expected a number above 0", remedy="Write ratio=300."
        )
    return list(dict.fromkeys(found))


def _preset(drug: Drug, pair: tuple[str, str], name: str) -> float:
    published = drug.published(*pair)
    if name not in published:
        known = ", ".join(published) or "none"
        raise InputError(
            f"the file of {drug.name} has no ratio {' : '.join(pair)} of that name"
            f"{did_you_mean(name, published)}; it has: {known}",
            given=f"--ratio {name}",
            remedy="Or give it as a number: ratio=10.",
        )
    return published[name].ratio


@dataclass(frozen=True)
class Arms:
    """The arms of a comparison.

    Parameters
    ----------
    orders : dict of str to Regimen
        The arms that were ordered.
    ratios : list of float
        The ratios that make the intrathecal arm from the oral one; empty where it was ordered.
    pumps : list of Regimen
        The intrathecal arm by every ratio.
    """

    orders: dict[str, Regimen]
    ratios: list[float]
    pumps: list[Regimen]

    @classmethod
    def of(cls, study: Study, given: Mapping[str, Any]) -> Arms:
        """Read the arms; an oral arm that stands alone brings its intrathecal one by the ratio."""
        from pkmodel.comparison import check_converted, check_names
        from pkmodel.equivalence import convert

        named = [("oral", given["oral"]), ("intrathecal", given["intrathecal"]), *given["arms"]]
        named = [(name, text) for name, text in named if text is not None]
        orders = {name: study.regimen(text) for name, text in named}
        if len(orders) < len(named):
            raise InputError("two arms have the same name", remedy='Write --arm second="...".')
        check_names(orders)
        alone = list(orders) == ["oral"]
        if not alone and given["ratio"] is None:
            _require_two(orders)
            return cls(orders, [], [])
        if "oral" not in orders or "intrathecal" in orders:
            raise InputError(
                "--ratio makes the intrathecal arm from the oral one",
                remedy="Pass --oral with it, and no --intrathecal.",
            )
        study.check(orders["oral"])
        ratios = read_ratios(study.drug, given["ratio"])
        pumps = [convert(orders["oral"], ratio) for ratio in ratios]
        for ratio in ratios:
            check_converted(study.check, orders["oral"], ratio)
        if alone:
            return cls(orders, ratios, pumps)
        if len(ratios) > 1:
            raise InputError("several ratios go with --oral alone", remedy="Leave out --arm.")
        return cls({"oral": orders.pop("oral"), "intrathecal": pumps[0], **orders}, [], [])

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of :func:`pkmodel.compare`."""
        others = {n: r for n, r in self.orders.items() if n not in ("oral", "intrathecal")}
        ratio = self.ratios[0] if len(self.ratios) == 1 else self.ratios or None
        return {
            "oral": self.orders.get("oral"),
            "intrathecal": self.orders.get("intrathecal"),
            "arms": others or None,
            "ratio": ratio,
        }

    @property
    def regimens(self) -> dict[str, Regimen]:
        """All arms, by the name that a table gives them."""
        several = len(self.ratios) > 1
        pumps = zip(self.ratios, self.pumps, strict=True)
        names = {f"intrathecal 1/{r:g}" if several else "intrathecal": pump for r, pump in pumps}
        return {**self.orders, **names}

    @property
    def labels(self) -> dict[str, dict[str, Any]]:
        """The labels that select every arm in a result."""
        if len(self.ratios) < 2:
            return {name: {"arm": name} for name in self.regimens}
        _, *names = self.regimens
        pumps = zip(names, self.ratios, strict=True)
        return {
            "oral": {"arm": "oral", "ratio": self.ratios[0]},
            **{name: {"arm": "intrathecal", "ratio": ratio} for name, ratio in pumps},
        }

    @property
    def pair(self) -> tuple[Regimen, Regimen] | None:
        """The oral and the intrathecal regimen, if there are both."""
        oral = self.orders.get("oral")
        intrathecal = self.orders.get("intrathecal") or next(iter(self.pumps), None)
        return None if oral is None or intrathecal is None else (oral, intrathecal)


def _require_two(orders: Mapping[str, Regimen]) -> None:
    if len(orders) < 2:
        raise InputError(
            "there is nothing to compare",
            remedy='Pass for example --oral "60 mg oral q12h x 28", or two arms.',
        )


def implied_ratios(study: Study, reference: Regimen | None, test: Regimen | None) -> xr.Dataset:
    """Ratios of equal exposure, of every subject."""
    from pkmodel.equivalence import implied

    def run(subjects: Iterable[int] | None) -> xr.Dataset:
        parameters = study.parameters(subjects)
        return implied(study.drug, reference, test, parameters, intended=study.intended)

    return study.in_parts(run)


def exposure(ds: xr.Dataset) -> xr.Dataset:
    """What the tables show of a result."""
    from pkmodel import nca
    from pkmodel.responses.averaging import averages

    metrics = nca.summary(ds, start=float(ds.time[0]), end=float(ds.time[-1]))
    return metrics[["cmax", "cav", "auc", "status"]].assign(averages(ds))


# ------------------------------------------------------------------------------------------- times


def end_of(regimens: Iterable[Regimen], until: float | None) -> float:
    """The last time [h]: as asked, or the end of the longest regimen that has one."""
    if until is not None:
        return until
    regimens = list(regimens)
    ends = [r.end for r in regimens if math.isfinite(r.end)]
    if not ends or max(ends) <= 0:
        raise InputError(
            "has no end",
            given=", ".join(f'"{r}"' for r in regimens),
            remedy='Give it one (x 28, for 14 d), or pass for example --until "14 d".',
        )
    return max(ends)


def window(regimens: Iterable[Regimen], end: float) -> tuple[float, float]:
    """The hours that a table is about: the last day where all regimens last, otherwise all."""
    regimens = list(regimens)
    day = max([24.0, *(order.interval for r in regimens for order in r if order.interval)])
    lasting = end >= day and all(r.end >= end for r in regimens)
    return (end - day if lasting else 0.0), end


def fine_times(regimens: Iterable[Regimen], start: float, end: float) -> np.ndarray:
    """Times [h] close enough to read a peak off, `MOST_TIMES` or so at most.

    Every 5 min where the window has no more than `GRID` such steps. In a longer one so many steps in all, and 5 min
    around the last doses of every order, 1 min just after them: in a linear model, no earlier dose of a train of
    equal ones gives a higher peak. Of very many orders the steps become wider, with a warning.
    """
    import numpy as np

    steps = int(min(GRID, max(1, math.ceil((end - start) * 12))))
    orders = list(dict.fromkeys(o for r in regimens for o in r if o.start <= end))
    grids, step = [np.linspace(start, end, steps + 1)], 1 / 12
    while True:
        far = min(200, 2 + GRID // max(1, len(orders))) if steps == GRID else 0
        near = [around_last_doses(o, end, step, far) for o in orders]
        times = np.concatenate([*grids, *near])
        times = np.unique(times[(times >= start) & (times <= end)])
        if times.size <= MOST_TIMES or step > 2.0:
            break
        step *= 2
    if step > 1 / 12:
        words = f"peaks are read off steps of {step * 60:g} min, as there are very many doses"
        click.echo(f"pkmodel: warning: {words}", err=True)
    return times


def around_last_doses(order: Order, end: float, step: float, far: int) -> np.ndarray:
    """Times [h] of the doses in an order's last day, and of their ends; steps about them, and `far` ones later."""
    import numpy as np

    doses = order.times(end)
    doses = doses[doses >= doses[-1] - max(24.0, order.interval or 0.0)][-300:]
    span = 0.0 if math.isnan(order.span) else order.span
    ends = doses + span if math.isfinite(span) else doses
    if not far:
        return np.concatenate([doses, ends])
    last = min(float(ends[-1]), end)
    before = last - np.arange(0.0, 24.0, step)
    after = last + np.append(np.arange(1, 5) * step / 5, np.arange(step, PEAK, step))
    later = last + np.geomspace(PEAK, max(end - last, 2 * PEAK), far)
    return np.concatenate([doses, ends, *(np.round(t, 9) for t in (before, after, later))])


def output_times(end: float, every: float | None) -> np.ndarray:
    """Times [h] of a stored result; by default every 5 min to 1 h, 337 at most.

    Examples
    --------
    >>> output_times(1.0, 0.4)
    array([0. , 0.4, 0.8, 1. ])
    """
    import numpy as np

    if every is None:
        usual = (1 / 12, 1 / 6, 1 / 4, 1 / 2, 1.0)
        every = next((step for step in usual if end <= 336 * step), end / 336)
    return np.append(np.arange(math.ceil(end / every - 1e-9)) * every, end)
