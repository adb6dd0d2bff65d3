"""Numbers as text: the tables that the commands print, at most `WIDTH` characters wide."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pkmodel.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from pkmodel.drugs import Drug, Preset
    from pkmodel.regimen import Regimen

WIDTH = 100
NO_BREAK = "\N{NO-BREAK SPACE}"
RESEARCH_ONLY = "For research. Not for dosing patients."


def three(x: float) -> str:
    """A number with three significant digits, without an exponent where that is short.

    Examples
    --------
    >>> [three(x) for x in (48897.4, 300, 4.184, 0.013947, 9.996, 0.0, 2.5e-7)]
    ['48900', '300', '4.18', '0.0139', '10.0', '0', '2.50e-07']
    """
    if not math.isfinite(x):
        return "-" if math.isnan(x) else "inf"
    if x == 0:
        return "0"
    rounded = f"{x:.2e}"
    exponent = int(rounded.partition("e")[2])
    if not -5 < exponent < 7:
        return rounded
    return f"{float(rounded):.{max(0, 2 - exponent)}f}"


def cell(values: np.ndarray, factor: float = 1.0) -> str:
    """A value, or the median of several with their 5th and 95th percentile."""
    import numpy as np

    if values.size == 1:
        return three(factor * float(values.item()))
    if np.isnan(values).all():
        return "-"
    low, middle, high = (three(factor * q) for q in np.nanpercentile(values, [5, 50, 95]))
    return f"{middle} ({low}-{high})"


def columns(rows: Sequence[Sequence[str]], left: int = 1, indent: int = 2) -> list[str]:
    """Lines of a table: the first `left` columns to the left, the others to the right, empty ones left out.

    Examples
    --------
    >>> columns([("site", "", "AUC"), ("plasma", "", "387"), ("brain", "", "9.5")], indent=0)
    ['site    AUC', 'plasma  387', 'brain   9.5']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        texts = [
            text.ljust(width) if k < left else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        lines.append((" " * indent + "  ".join(texts)).rstrip())
    return lines


def paragraph(text: str, indent: int = 0, hang: int = 0) -> str:
    """Text in lines of at most `WIDTH` characters, none of which ends between a number and its unit."""
    joined = re.sub(r"(?<=\d) (?=[^\W\d]|[%/])", NO_BREAK, text)
    lines = textwrap.fill(
        joined,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines.replace(NO_BREAK, " ")


def site_text(name: str) -> str:
    """A site as one says it: ``"lumbar CSF"``, ``"M6G CSF"``."""
    return re.sub(r"csf|m\dg", lambda m: m[0].upper(), name).replace("_", " ")


def concentration_unit(largest: float) -> tuple[str, float]:
    """Unit for concentrations [mg/L] up to this one, and its factor."""
    if 0 < largest < 1e-4:
        return "pg/mL", 1e6
    return ("ng/mL", 1e3) if largest < 1e3 else ("mg/L", 1.0)


def daily_text(regimen: Regimen, route: str | None = None) -> str:
    """The daily dose, or nothing where there is none."""
    from pkmodel.drugs.schema import amount_text

    try:
        dose = regimen.daily_dose(route)
    except InputError:
        return ""
    per = regimen.orders[0].per
    return f"{amount_text(dose)}{f'/{per}' if per else ''}/day"


def heading(drug: Drug, subjects: int | None, seed: int, fixed: Sequence[str]) -> str:
    """The drug, and in whom."""
    who = "typical adult"
    if subjects is not None:
        who = f"{subjects} subjects, seed {seed}: median (5th to 95th percentile)"
    whole = (text.replace(" ", NO_BREAK) for text in fixed)
    return paragraph(", ".join([f"{drug.name} {drug.version}", who, *whole]))


def regimen_table(regimens: Mapping[str, Regimen]) -> list[str]:
    """Every arm in words, with its daily dose."""
    rows = [(name, regimen_text(r), daily_text(r)) for name, r in regimens.items()]
    lines = columns(rows, left=2)
    if max(map(len, lines)) > WIDTH:
        return [paragraph("  ".join(filter(None, row)), indent=2, hang=2) for row in rows]
    return lines


def regimen_text(regimen: Regimen) -> str:
    """A regimen in words, its longest numbers rounded."""
    from pkmodel.regimen.writing import rounded

    return rounded(str(regimen))


def exposure_table(
    metrics: xr.Dataset, span: tuple[float, float], arms: Mapping[str, dict[str, Any]]
) -> list[str]:
    """Cmax, Cavg and AUC of every site and arm, and the AUC relative to that of the first arm.

    Cavg, which the AUC gives, too, is left out where the table would be too wide.

    Parameters
    ----------
    metrics : xarray.Dataset
        ``cmax``, ``cav`` and ``auc`` over ``site`` and what `arms` and a population bring.
    span : tuple of float
        First and last hour.
    arms : mapping of str to dict
        Name of every arm, and the labels that select it.
    """
    unit, factor = concentration_unit(float(metrics.cmax.max()))
    first, *others = arms
    head = ["site", "arm", "Cmax", "Cavg", "AUC", f"x {first}"]
    rows = [head, ["", "", unit, unit, unit.replace("/", "·h/"), "AUC"]]
    for site in metrics.site.values:
        here = metrics.sel(site=site)
        base = here.auc.sel(arms[first]).values
        for name, labels in arms.items():
            arm = here.sel(labels)
            cmax, auc = cell(arm.cmax.values, factor), cell(arm.auc.values, factor)
            cavg, _, _ = cell(arm.cav.values, factor).partition(" ")
            relative = relative_text(arm.auc.values, base) if name != first else "1"
            rows.append([site_text(str(site)) * (name == first), name, cmax, cavg, auc, relative])
    if not others:
        rows = [[row[0], *row[2:5]] for row in rows]
    lines = columns(rows, left=2 if others else 1)
    if max(map(len, lines)) > WIDTH:
        lines = columns([[*row[:-3], *row[-2:]] for row in rows], left=2)
    return [f"Exposure from {span[0]:g} to {span[1]:g} h", *lines]


def relative_text(values: np.ndarray, base: np.ndarray) -> str:
    """Median over subjects of the values relative to others of the same subjects."""
    import numpy as np

    with np.errstate(all="ignore"):
        return cell(values / base).partition(" ")[0]


def ratio_table(ratios: xr.Dataset, judged: Sequence[float]) -> list[str]:
    """Per site the ratios of equal AUC and of equal Cmax, and the AUC that the ratios to judge give."""
    from pkmodel.equivalence import pair

    implied, (reference, test) = ratios.implied_ratio, pair(ratios)
    rows = [["site", "equal AUC, Cavg", "equal Cmax", *(f"at {r:g}" for r in judged)]]
    for site in implied.site.values:
        auc, cmax = (implied.sel(site=site, metric=m).values for m in ("auc", "cmax"))
        given = [cell(auc / r).partition(" ")[0] for r in judged]
        times = ["-" if text == "-" else f"x {text}" for text in given]
        rows.append([site_text(str(site)), cell(auc), cell(cmax), *times])
    title = f"{reference} : {test} daily dose ratio that the model implies"
    told = "Which ratio would give a site the same exposure by both routes, at steady state"
    told += (
        f"; and how many times the {reference} AUC the {test} route gives at {_listed(judged)}"
        if judged
        else "; the drug's file has no ratio of these routes to judge"
    )
    return [title[0].upper() + title[1:], paragraph(told), *columns(rows)]


def _listed(ratios: Sequence[float]) -> str:
    return " and ".join(", ".join(f"{r:g}" for r in ratios).rsplit(", ", 1))


def why_lines(ratios: xr.Dataset) -> list[str]:
    """Why a ratio of exposures is no ratio of clinical doses."""
    m6g = " and its active metabolite M6G" if "m6g" in ratios.site.values else ""
    return [
        "Two quantities, not one",
        paragraph(
            "An implied ratio makes exposure equal at one site; a published one compares doses that were said to do "
            "the same to patients. Exposure is not effect. Drug in CSF is not drug at the receptor: how "
            f"much the cord takes up decides. Blood carries drug{m6g} to the brain, where it acts, too, and the "
            "more of it the further from the spine a dose is given. Patients in published studies differ in "
            "tolerance and in what else they took. So an implied ratio far from a published one refutes neither, and "
            "is no rule for conversion.",
            indent=2,
        ),
    ]


def targeting_lines(ratios: xr.Dataset) -> list[str]:
    """How many times better the test route reaches each site than it reaches plasma."""
    from pkmodel.equivalence import targeting

    index = targeting(ratios).drug_targeting_index
    told = [
        f"{site_text(str(site))} {cell(index.sel(site=site).values).partition(' ')[0]}"
        for site in index.site.values
        if site != "plasma"
    ]
    return ["Drug targeting index, by AUC and against plasma", paragraph(", ".join(told), indent=2)]


def published_lines(drug: Drug, pair: tuple[str, str]) -> list[str]:
    """The published ratios of a drug, with study and number of patients; those of one pair of routes first."""
    own = drug.published(*pair)
    out = [f"Published {' : '.join(pair)} ratios"]
    if drug.equivalence and pair == ("oral", "intrathecal"):
        low, high = drug.equivalence.range
        out[0] += f", nominal {drug.equivalence.nominal:g}, range {low:g} to {high:g}"
    out += preset_table([*own.values()]) if own else ["  none in the drug's file"]
    others = [p for p in drug.ratios.values() if p.name not in own]
    if others:
        out += ["", "Published ratios of other pairs of routes", *preset_table(others)]
    return out


def preset_table(presets: Sequence[Preset]) -> list[str]:
    """Published ratios, each with its routes, study and number of patients."""
    rows = [("preset", "routes", "ratio", "range", "n", "confidence")]
    for p in presets:
        span = f"{p.range[0]:g} to {p.range[1]:g}" if p.range else "-"
        rows.append((p.name, p.pair, f"{p.ratio:g}", span, str(p.n) if p.n else "-", p.confidence))
    head, *lines = columns(rows, left=2)
    out = [head]
    for line, p in zip(lines, presets, strict=True):
        out += [line, paragraph(f"{p.design}. {'; '.join(p.source)}", indent=6)]
    return out


def closing(drug: Drug) -> list[str]:
    """How many numbers of a drug rest on what, where they are shown, and what they are not for."""
    return [
        f"{len(drug.parameters)} parameters: {trust_text(drug.parameters.values())}",
        f"{len(drug.sources())} sources: pkmodel drugs {drug.name}",
        RESEARCH_ONLY,
    ]


def trust_text(numbers: Iterable[Any]) -> str:
    """How many numbers of a drug file have which confidence."""
    from collections import Counter

    counts = Counter(number.confidence for number in numbers)
    return ", ".join(f"{n} {word}" for word, n in counts.most_common())


def counts_line(drug: Drug) -> str:
    """How many numbers a drug file has, by confidence; those of physiology are among the parameters."""
    groups: dict[str, list[Any]] = {
        "parameters": [*drug.parameters.values()],
        "routes": [*drug.routes.values()],
        "ratios": [*drug.ratios.values()],
    }
    told = [f"{len(group)} {name} ({trust_text(group)})" for name, group in groups.items() if group]
    return f"ok: {drug.name} {drug.version}, {', '.join(told)}"


def drug_list(drugs: Sequence[Drug]) -> list[str]:
    """A line for every drug."""
    rows = [("drug", "file version", "indication", "routes")]
    rows += [
        (d.name, d.version, d.indication.partition(";")[0], ", ".join(d.routes)) for d in drugs
    ]
    return columns(rows, left=4, indent=0)


def drug_page(drug: Drug, notes: bool) -> list[str]:
    """The drug in words, its numbers, and the numbered references."""
    from pkmodel.drugs import CONFIDENCE

    numbers = {text: f"{k}" for k, text in enumerate(drug.sources(), 1)}
    rows = [("parameter", "value", "spread", "confidence", "source")]
    for p in drug.parameters.values():
        spread = f"{100 * p.cv:.3g} % {p.cv_confidence}" if p.cv else "-"
        sources = ",".join(sorted((numbers[s] for s in p.source), key=int)) or "-"
        rows.append((p.name, p.text, spread, p.confidence, sources))
    head, *lines = columns(rows, left=5)
    out = [
        paragraph(line, hang=4 + len(line) - len(line.lstrip()))
        for line in drug.describe().splitlines()
    ]
    out += ["", head]
    for line, p in zip(lines, drug.parameters.values(), strict=True):
        out.append(line)
        if notes:
            texts = [text for text in (p.population, p.note) if text not in ("", "none")]
            out.append(paragraph("; ".join(texts), indent=6))
    out += ["", "Confidence"]
    used = {p.confidence for p in drug.parameters.values()}
    out += columns([(word, text) for word, text in CONFIDENCE.items() if word in used], left=2)
    out += ["", "Sources"]
    return out + [paragraph(f"{k:>4}  {text}", hang=6) for text, k in numbers.items()]
