"""The command ``pkmodel``: compare, simulate, equivalence, drugs.

Only click is imported here: what computes is imported inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import io
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pkmodel import __version__
from pkmodel.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from pkmodel.drugs import Drug
    from pkmodel.regimen import Regimen

__all__ = ["main"]

WIDTH = 100
RESEARCH_ONLY = "For research. Not for dosing patients."
PART = 256  # subjects that are simulated together, at least
TABLES = (".nc", ".zarr", ".csv")
FIGURES = (".png", ".pdf", ".svg")
DEBUG = "pkmodel.debug"


# -------------------------------------------------------------------------------- faults and exits


class Failure(click.ClickException):
    """A fault that is shown as one sentence, without a traceback."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: Any = None) -> None:
        """Print the sentence on stderr."""
        click.echo(f"pkmodel: error: {self.format_message()}", err=True, file=file)


class Program(click.Group):
    """A group whose commands turn wrong input and failing files into a `Failure`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except (InputError, OSError) as error:
            if ctx.meta.get(DEBUG) or isinstance(error, BrokenPipeError):
                raise
            wrong = isinstance(error, InputError)
            raise Failure(in_options(str(error)), 2 if wrong else 1) from None


def in_options(text: str) -> str:
    """Rewrite arguments of the Python functions in an error as options of the command.

    >>> in_options("If it is meant, pass intended=True. Or ratio=[30, 100] or ratio=300.")
    'If it is meant, pass --intended. Or --ratio 30,100 or --ratio 300.'
    """
    text = re.sub(
        r"\bratio=\[([^]]*)\]", lambda m: "--ratio " + m[1].replace(" ", ""), text
    ).replace("intended=True", "--intended")
    text = re.sub(r"\bratio=(?=\d)", "--ratio ", text)
    return re.sub(r"\btimes=(?=\W|$)", '--until "14 d"', text)


def warn_of_failures(status: xr.DataArray) -> bool:
    """Say on stderr which cases failed and why; whether there are any."""
    import numpy as np

    from pkmodel.variables import explain

    codes, counts = np.unique(status.values, return_counts=True)
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        if code:
            words = f"{count} of {status.size} cases failed: {explain(code)}"
            click.echo(f"pkmodel: warning: {words}", err=True)
    return bool(codes.any())


# ----------------------------------------------------------------------------- text and its tables


def three(x: float) -> str:
    """A number with three significant digits, without an exponent where that is short.

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
    return f"{middle} ({low} to {high})"


def columns(rows: Sequence[Sequence[str]], left: int = 1, indent: int = 2) -> list[str]:
    """Lines of a table: the first `left` columns to the left, the others to the right.

    >>> columns([("site", "AUC"), ("plasma", "387"), ("brain", "9.5")], indent=0)
    ['site    AUC', 'plasma  387', 'brain   9.5']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (" " * indent + "  ".join(
            text.ljust(width) if k < left else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        )).rstrip()
        for row in rows
    ]  # fmt: skip


def paragraph(text: str, indent: int = 0, hang: int = 0) -> str:
    """Text in lines of at most `WIDTH` characters."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
        break_long_words=False,
    )


def site_text(name: str) -> str:
    """A site as one says it: ``"lumbar CSF"``."""
    return name.replace("csf", "CSF").replace("_", " ")


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


def exposure_table(metrics: xr.Dataset, arms: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Cmax, Cavg and AUC of every site and arm, and the AUC relative to that of the first arm.

    Parameters
    ----------
    metrics : xarray.Dataset
        ``cmax``, ``cav`` and ``auc`` over ``site`` and what `arms` and a population bring.
    arms : sequence of (str, dict)
        Name of every arm, and the labels that select it.
    """
    import numpy as np

    unit, factor = concentration_unit(float(metrics.cmax.max()))
    several = len(arms) > 1
    head = ["site", *["arm"] * several, "Cmax", "Cavg", "AUC", *[f"x {arms[0][0]}"] * several]
    units = ["", *[""] * several, unit, unit, unit.replace("/", "·h/"), *["AUC"] * several]
    rows = [head, units]
    for site in metrics.site.values:
        here = metrics.sel(site=site)
        base = here.auc.sel(arms[0][1]).values
        for k, (name, labels) in enumerate(arms):
            arm = here.sel(labels)
            row = ["" if k else site_text(str(site)), *[name] * several]
            row += [cell(arm[metric].values, factor) for metric in ("cmax", "cav", "auc")]
            with np.errstate(all="ignore"):
                relative = three(float(np.nanmedian(arm.auc.values / base)))
            rows.append([*row, *[relative if k else "1"] * several])
    return columns(rows, left=1 + several)


def ratio_table(implied: xr.DataArray, nominal: Sequence[float]) -> list[str]:
    """Per site the ratios of equal AUC and of equal Cmax, and the AUC that the nominal ones give."""
    import numpy as np

    rows = [["site", "equal AUC", "equal Cmax", *(f"AUC at {r:g}" for r in nominal)]]
    for site in implied.site.values:
        auc, cmax = (implied.sel(site=site, metric=m).values for m in ("auc", "cmax"))
        middle = float(np.nanmedian(auc))
        given = [f"x {three(middle / r)}" for r in nominal]
        rows.append([site_text(str(site)), cell(auc), cell(cmax), *given])
    return columns(rows)


def preset_table(drug: Drug) -> list[str]:
    """The published ratios of a drug, with study and number of patients."""
    rows = [("preset", "ratio", "range", "n", "confidence")]
    for p in drug.presets.values():
        span = f"{p.range[0]:g} to {p.range[1]:g}" if p.range else "-"
        rows.append((p.name, f"{p.ratio:g}", span, str(p.n) if p.n else "-", p.confidence))
    head, *lines = columns(rows)
    out = [head]
    for line, p in zip(lines, drug.presets.values(), strict=True):
        out += [line, paragraph(f"{p.design}. {'; '.join(p.source)}", indent=6)]
    return out


def trust_note(drug: Drug) -> str:
    """How many numbers of a drug rest on what, and where they are shown."""
    from collections import Counter

    counts = Counter(p.confidence for p in drug.parameters.values())
    trust = ", ".join(f"{n} {word}" for word, n in counts.most_common())
    return paragraph(
        f"{len(drug.parameters)} parameters ({trust}) from {len(drug.sources_used())} sources: "
        f"pkmodel drugs {drug.name}"
    )


# ------------------------------------------------------------------------------------ what is asked


@dataclass(frozen=True)
class Study:
    """A drug, in whom, and at what times: what the options say, read and checked."""

    drug: Drug
    settings: dict[str, float]
    subjects: int | None
    seed: int
    intended: bool

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any]) -> Study:
        """Read the options that `simulate`, `compare` and `equivalence` share."""
        from pkmodel.drugs import Drug

        drug = Drug.read(name)
        settings = read_settings(drug, given["settings"])
        return cls(drug, settings, given["subjects"], given["seed"], given["intended"])

    def regimen(self, text: str) -> Regimen:
        """Read a regimen; doses in mol are known by the drug's molar mass."""
        from pkmodel.regimen import Regimen

        return Regimen.parse(text, molar_mass=self.drug.molar_mass)

    def parameters(self, subjects: Iterable[int] | None) -> Any:
        """Parameters of these subjects, or those of the typical one."""
        from pkmodel import population

        if subjects is None:
            return self.settings
        return population.draw(self.drug.model(), subjects, seed=self.seed).assign(self.settings)

    def in_parts(self, run: Callable[[Iterable[int] | None], xr.Dataset]) -> xr.Dataset:
        """The result of all subjects, part by part, with a bar if it takes long.

        Draws are keyed by the subject, so the parts do not show in the numbers.
        """
        if self.subjects is None:
            return run(None)
        import xarray as xr
        from tqdm import tqdm

        step = max(PART, -(-self.subjects // 50))
        parts = [
            range(k + 1, min(k + step, self.subjects) + 1) for k in range(0, self.subjects, step)
        ]
        done = [run(part) for part in tqdm(parts, delay=1, leave=False, disable=None)]
        if len(done) == 1:
            return done[0]
        return xr.concat(
            done,
            "subject",
            data_vars="minimal",
            coords="minimal",
            compat="override",
            combine_attrs="override",
        )

    def heading(self) -> str:
        """The drug and in whom."""
        who = "typical adult"
        if self.subjects is not None:
            who = f"{self.subjects} subjects, seed {self.seed}: median (5th to 95th percentile)"
        fixed = "".join(f", {name} set" for name in self.settings)
        return paragraph(f"{self.drug.name} {self.drug.version}, {who}{fixed}")


def read_settings(drug: Drug, pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Values of ``--set`` in internal units."""
    from pkmodel import units

    model, given = drug.model(), dict(pairs)
    model.resolve(given)
    return {n: float(units.convert(v, model.defaults[n].dimension, name=n)) for n, v in given.items()}


def read_ratios(drug: Drug, text: str | None) -> list[float]:
    """Numbers and presets, parted by commas; by default the nominal ratio of the drug's file."""
    ratios = []
    for word in (text or "nominal").split(","):
        try:
            ratios.append(float(word))
        except ValueError:
            ratios.append(drug.ratio(word.strip()))
    return ratios


@dataclass(frozen=True)
class Files:
    """Where results go; checked before anything is computed."""

    output: Path | None
    plot: Path | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Files:
        """Refuse what cannot or should not be written."""
        output = checked_path(given["output"], TABLES, given["force"], "--output")
        plot = checked_path(given["plot"], FIGURES, given["force"], "--plot")
        if output is not None and output.suffix == ".zarr":
            require("zarr", "cluster", "-o with .zarr")
        if plot is not None:
            require("matplotlib", "plot", "--plot")
        return cls(output, plot)

    def write(self, ds: xr.Dataset) -> None:
        """Store a result where ``-o`` says."""
        assert self.output is not None
        save(ds, self.output)
        click.echo(f"Result: {self.output}")

    def draw(self, figure: Any) -> None:
        """Store a figure where ``--plot`` says."""
        figure.savefig(self.plot)
        click.echo(f"Figure: {self.plot}")


def checked_path(text: str | None, endings: Sequence[str], force: bool, option: str) -> Path | None:
    """A path that can be written to, or an error that says why not."""
    if text is None:
        return None
    path = Path(text)
    if path.suffix not in endings:
        raise InputError(
            f'unknown ending "{path.suffix}"',
            given=f"{option} {text}",
            remedy=f"It ends in {', '.join(endings[:-1])} or {endings[-1]}.",
        )
    if not path.parent.is_dir():
        raise InputError("there is no such folder", given=f"{option} {text}")
    if path.exists() and not force:
        raise InputError(
            "exists already", given=f"{option} {text}", remedy="Pass --force to overwrite it."
        )
    return path


def require(module: str, extra: str, what: str) -> None:
    """Refuse when an optional package is not installed."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise Failure(f'{what} needs {module}: pip install "pkmodel[{extra}]"', 1)


def save(ds: xr.Dataset, path: Path) -> None:
    """Store a Dataset; NetCDF and Zarr hold all of it, CSV a long table without the compartments."""
    if path.suffix == ".nc":
        ds.to_netcdf(path, engine="h5netcdf")
    elif path.suffix == ".zarr":
        ds.to_zarr(path, mode="w", zarr_format=2, consolidated=True)
    else:
        tidy(ds).to_csv(path, index=False)


def tidy(ds: xr.Dataset) -> Any:
    """A long table, one row per arm, subject, site and time, with the units in its head."""
    ds = ds.drop_dims("compartment", errors="ignore").reset_coords(drop=True)
    order = [d for d in ("arm", "ratio", "subject") if d in ds.dims]
    order += [str(d) for d in ds.dims if d not in order]
    table = ds.to_dataframe(dim_order=order).reset_index()
    units = {n: ds[n].attrs.get("units") for n in table.columns}
    return table.rename(columns={n: f"{n} [{unit}]" for n, unit in units.items() if unit})


# -------------------------------------------------------------------------------------- time grids


def end_of(regimens: Iterable[Regimen], until: float | None) -> float:
    """The last time [h]: as asked, or the end of the longest regimen that has one."""
    if until is not None:
        return until
    ends = [r.end for r in regimens if math.isfinite(r.end)]
    if not ends or max(ends) <= 0:
        shown = ", ".join(f'"{r}"' for r in regimens)
        raise InputError(
            "has no end",
            given=shown,
            remedy='Give it one (x 28, for 14 d), or pass for example --until "14 d".',
        )
    return max(ends)


def window(regimens: Iterable[Regimen], end: float) -> tuple[float, float]:
    """The hours that a table is about: the last day where all regimens last, otherwise all."""
    orders = [o for r in regimens for o in r]
    day = max([24.0, *(o.interval for o in orders if o.interval)])
    lasting = end >= day and all(r.end >= end for r in regimens)
    return (end - day if lasting else 0.0), end


def fine_times(regimens: Iterable[Regimen], start: float, end: float) -> np.ndarray:
    """Times [h] close enough to read a peak off: every 5 min, 2000 at most, and the doses."""
    import numpy as np

    steps = int(min(2000, max(1, math.ceil((end - start) * 12))))
    doses = [t for r in regimens for o in r for t in (o.times(end), o.times(end) + o.span)]
    times = np.concatenate([np.linspace(start, end, steps + 1), *doses])
    return np.unique(times[(times >= start) & (times <= end)])


def output_times(end: float, every: float | None) -> np.ndarray:
    """Times [h] of a stored result; by default every hour, 337 at most."""
    import numpy as np

    if every is None:
        return np.linspace(0.0, end, min(337, math.ceil(end) + 1))
    if every <= 0:
        raise InputError("expected a time above 0", given=f"--every {every:g} h")
    return np.append(np.arange(0.0, end - 1e-9 * every, every), end)


class Hours(click.ParamType):
    """A time with its unit, read into hours."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read the text."""
        from pkmodel import units

        return float(units.convert(value, "time", name=f"--{param.name}"))


class Pair(click.ParamType):
    """``NAME=VALUE``."""

    name = "name=value"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """Part the text at the first equals sign."""
        name, equals, text = value.partition("=")
        if not (name.strip() and equals and text.strip()):
            self.fail(f'"{value}" is not of the form {param.metavar}', param, ctx)
        return name.strip(), text.strip()


# ------------------------------------------------------------------------------------------ options


def start_debugging(ctx: click.Context, param: Any, value: bool) -> None:
    """Let errors show their traceback."""
    if value:
        ctx.meta[DEBUG] = True


debug = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=start_debugging,
    help="Show the traceback of an error.",
)

STUDY = (
    click.option(
        "--set", "settings", type=Pair(), multiple=True, metavar='NAME="VALUE UNIT"',
        help='A parameter of the model for all subjects: --set clearance="1.5 L/min". Repeatable.',
    ),
    click.option("--subjects", type=click.IntRange(min=1), metavar="N",
                 help="Draw N subjects with the spread of the drug file; otherwise one typical adult."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
                 help="Seed of the draw."),
    click.option("--intended", is_flag=True,
                 help="Doses outside the range of the drug file are meant."),
)  # fmt: skip
TIMES = (
    click.option("--until", type=Hours(), metavar="TIME",
                 help='End of the simulation: "14 d". By default the end of the longest regimen.'),
    click.option("--every", type=Hours(), metavar="TIME",
                 help='Step of the stored times: "15 min". By default 1 h, or more beyond 14 d.'),
)  # fmt: skip
FILES = (
    click.option("-o", "--output", metavar="FILE",
                 help="Store the result: .nc (NetCDF), .zarr, or .csv (a long table)."),
    click.option("--plot", metavar="FILE", help="Draw a figure: .png, .pdf or .svg."),
    click.option("--force", is_flag=True, help="Overwrite files that exist."),
)  # fmt: skip


def with_options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Give a command these options, in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# ----------------------------------------------------------------------------------------- commands


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
    epilog="""\b
Examples:
  pkmodel drugs
  pkmodel compare morphine --oral "60 mg oral q12h x 28" --ratio 300
  pkmodel equivalence morphine --oral "60 mg oral q12h"

\b
Exit status:
  0  all is well
  1  a file cannot be read or written, a package is missing, or cases failed
  2  the input is wrong""",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@debug
def main() -> None:
    """Compare intrathecal with oral dosing by compartment models.

    For research. Not for dosing patients.
    """


@main.command(
    epilog="""\b
Examples:
  Oral morphine against a pump at 1/300 of the daily dose, with a figure:
    pkmodel compare morphine --oral "60 mg oral q12h x 28" --ratio 300 --plot comparison.png
  Three ratios in 200 subjects, all profiles stored:
    pkmodel compare morphine --oral "60 mg oral q12h x 28" --ratio 30,100,300 \\
        --subjects 200 --seed 1 -o ratios.nc
  A pump order of your own, and a third arm:
    pkmodel compare morphine --oral "60 mg oral modified q12h x 28" \\
        --intrathecal "1 mg/day intrathecal pump for 14 d" \\
        --arm epidural="4 mg epidural bolus q12h x 28"
"""
)
@click.argument("drug")
@with_options(
    click.option("--oral", metavar="REGIMEN", help='The oral arm: "60 mg oral q12h x 28".'),
    click.option("--intrathecal", metavar="REGIMEN",
                 help="The intrathecal arm; by default a pump that gives the oral daily dose / ratio."),
    click.option("--arm", "arms", type=Pair(), multiple=True, metavar='NAME="REGIMEN"',
                 help="Another arm. Repeatable."),
    click.option("--ratio", metavar="RATIO",
                 help="Oral : intrathecal dose ratio: 300, several (30,100,300), or a preset of the drug file "
                      "(clinical_start). By default the nominal one."),
    *TIMES, *STUDY, *FILES, debug,
)  # fmt: skip
@click.pass_context
def compare(ctx: click.Context, drug: str, **given: Any) -> None:
    """Compare ways of giving DRUG in the same subjects.

    DRUG is a name (see pkmodel drugs) or the path of a drug file. Prints the exposure of every site, and the
    dose ratio that each site would imply.
    """
    from pkmodel.comparison import compare as run

    files, study = Files.of(given), Study.of(drug, given)
    arms = Arms.of(study, given)
    end = end_of(arms.regimens, given["until"])
    span = window(arms.regimens, end)

    def simulated(times: np.ndarray) -> Callable[[Iterable[int] | None], xr.Dataset]:
        return lambda subjects: run(
            study.drug, **arms.given, times=times, parameters=study.settings, subjects=subjects, seed=study.seed,
            intended=study.intended,
        )  # fmt: skip

    fine = simulated(fine_times(arms.regimens, *span))
    metrics = study.in_parts(lambda subjects: exposure(fine(subjects)))
    click.echo("\n".join([study.heading(), "", *arms.lines(), "", exposure_title(span)]))
    click.echo("\n".join(exposure_table(metrics, arms.labels())))
    click.echo("\n".join(["", *arms.ratio_lines(study), "", trust_note(study.drug), RESEARCH_ONLY]))
    if files.output or files.plot:
        ds = study.in_parts(simulated(output_times(end, given["every"])))
        if files.output:
            files.write(ds)
        if files.plot:
            from pkmodel import plot

            files.draw(plot.comparison(ds))
    ctx.exit(int(warn_of_failures(metrics.status)))


@dataclass(frozen=True)
class Arms:
    """The arms of a comparison; `pump` holds the intrathecal regimen of every ratio that is applied."""

    orders: dict[str, Regimen]
    ratios: list[float]
    pumps: list[Regimen]

    @classmethod
    def of(cls, study: Study, given: Mapping[str, Any]) -> Arms:
        """Read the arms; an oral arm alone brings its intrathecal one by the ratio."""
        from pkmodel.equivalence import convert

        named = {"oral": given["oral"], "intrathecal": given["intrathecal"], **dict(given["arms"])}
        orders = {name: study.regimen(text) for name, text in named.items() if text is not None}
        if list(orders) == ["oral"]:
            study.drug.check(orders["oral"], intended=study.intended)
            ratios = read_ratios(study.drug, given["ratio"])
            pumps = [convert(orders["oral"], r) for r in ratios]
            for pump in pumps:
                study.drug.check(pump, intended=study.intended)
            return cls(orders, ratios, pumps)
        if given["ratio"] is not None:
            raise InputError(
                "--ratio makes the intrathecal arm from an oral one that stands alone",
                remedy="Leave out --ratio, or the arms other than --oral.",
            )
        if len(orders) < 2:
            raise InputError(
                "there is nothing to compare",
                remedy='Pass for example --oral "60 mg oral q12h x 28", or two arms.',
            )
        return cls(orders, [], [])

    @property
    def given(self) -> dict[str, Any]:
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
    def regimens(self) -> list[Regimen]:
        """All regimens, those made by a ratio last."""
        return [*self.orders.values(), *self.pumps]

    def named(self) -> list[tuple[str, Regimen]]:
        """All arms with the name that the table gives them."""
        several = len(self.ratios) > 1
        pumps = [
            (f"intrathecal 1/{r:g}" if several else "intrathecal", pump)
            for r, pump in zip(self.ratios, self.pumps, strict=True)
        ]
        return [*self.orders.items(), *pumps]

    def labels(self) -> list[tuple[str, dict[str, Any]]]:
        """Name of every arm, and the labels that select it."""
        if len(self.ratios) < 2:
            return [(name, {"arm": name}) for name, _ in self.named()]
        chosen = [{"arm": "oral", "ratio": self.ratios[0]}]
        chosen += [{"arm": "intrathecal", "ratio": r} for r in self.ratios]
        return [(name, c) for (name, _), c in zip(self.named(), chosen, strict=True)]

    def lines(self) -> list[str]:
        """Every arm in words, with its daily dose."""
        return columns([(name, str(r), daily_text(r)) for name, r in self.named()], left=2)

    def ratio_lines(self, study: Study) -> list[str]:
        """The nominal ratio beside those that the sites imply; why not, where there are none."""
        orders = {"intrathecal": self.pumps[0] if self.pumps else None, **self.orders}
        oral, intrathecal = orders.get("oral"), orders["intrathecal"]
        if oral is None or intrathecal is None:
            return ["Dose ratio: none, it takes an oral and an intrathecal arm."]
        try:
            nominal = self.ratios or [oral.daily_dose() / intrathecal.daily_dose()]
            ratios = implied_ratios(study, oral, intrathecal)
        except InputError as error:
            return [paragraph(f"Dose ratio: none. {in_options(str(error))}")]
        return [*ratio_title(nominal), *ratio_table(ratios.implied_ratio, nominal)]


def exposure(ds: xr.Dataset) -> xr.Dataset:
    """What the tables show of a result."""
    from pkmodel import nca

    metrics = nca.summary(ds, start=float(ds.time[0]), end=float(ds.time[-1]))
    return metrics[["cmax", "cav", "auc", "status"]]


def exposure_title(span: tuple[float, float]) -> str:
    """The hours that the table of exposures is about."""
    return f"Exposure from {span[0]:g} to {span[1]:g} h"


def implied_ratios(study: Study, oral: Regimen, intrathecal: Regimen | None) -> xr.Dataset:
    """Ratios of equal exposure, of every subject."""
    from pkmodel.equivalence import implied

    return study.in_parts(
        lambda subjects: implied(
            study.drug, oral, intrathecal, study.parameters(subjects), intended=study.intended
        )
    )


def ratio_title(nominal: Sequence[float]) -> list[str]:
    """Head of the table of ratios."""
    applied = ", ".join(f"{r:g}" for r in nominal)
    text = (
        f"Oral : intrathecal daily dose ratio, nominal {applied}; the ratio of equal exposure at steady state, "
        "site by site, and the intrathecal AUC that the nominal ratio gives, relative to oral"
    )
    return [paragraph(text)]


@main.command(
    epilog="""\b
Examples:
  One patient, for 14 days, then 3 days of washout:
    pkmodel simulate morphine "0.4 mg/day intrathecal pump for 14 d" --until "17 d" -o pump.nc
  A single dose in 100 subjects, every 5 min:
    pkmodel simulate morphine "0.3 mg intrathecal bolus" --until "24 h" --every "5 min" \\
        --subjects 100 --seed 1 -o bolus.csv
  A table of doses with the columns TIME [h], AMT [mg], ROUTE, and perhaps II [h], ADDL, RATE, DUR, FORM:
    pkmodel simulate morphine --table doses.csv
"""
)
@click.argument("drug")
@click.argument("regimen", required=False)
@with_options(
    click.option("--table", metavar="FILE", help="Read the doses from a .csv file instead."),
    *TIMES, *STUDY, *FILES, debug,
)  # fmt: skip
@click.pass_context
def simulate(ctx: click.Context, drug: str, regimen: str | None, **given: Any) -> None:
    """Simulate a REGIMEN of DRUG.

    REGIMEN is text such as "60 mg oral q12h x 28" or "0.4 mg/day intrathecal pump for 14 d". Prints the
    exposure of every site.
    """
    from pkmodel.simulation import simulate as run

    if (regimen is None) == (given["table"] is None):
        raise click.UsageError("give either a REGIMEN or --table FILE")
    files, study = Files.of(given), Study.of(drug, given)
    ordered = read_doses(given["table"]) if regimen is None else study.regimen(regimen)
    end = end_of([ordered], given["until"])
    span = window([ordered], end)

    def simulated(times: np.ndarray) -> Callable[[Iterable[int] | None], xr.Dataset]:
        return lambda subjects: run(
            study.drug, ordered, times, study.parameters(subjects), auc=True, intended=study.intended
        )  # fmt: skip

    fine = simulated(fine_times([ordered], *span))
    metrics = study.in_parts(lambda subjects: exposure(fine(subjects)))
    lines = columns([(str(ordered), daily_text(ordered))], left=2)
    click.echo("\n".join([study.heading(), "", *lines, "", exposure_title(span)]))
    click.echo("\n".join(exposure_table(metrics, [("", {})])))
    click.echo("\n".join(["", trust_note(study.drug), RESEARCH_ONLY]))
    if files.output or files.plot:
        ds = study.in_parts(simulated(output_times(end, given["every"])))
        if study.subjects is not None:
            ds.attrs["seed"] = str(study.seed)
        if files.output:
            files.write(ds)
        if files.plot:
            from pkmodel import plot

            files.draw(plot.comparison(ds))
    ctx.exit(int(warn_of_failures(metrics.status)))


def read_doses(path: str) -> Regimen:
    """Read a table of doses from a .csv file."""
    import pandas as pd

    from pkmodel.regimen import Regimen

    try:
        return Regimen.from_table(pd.read_csv(path))
    except InputError as error:
        raise InputError(*error.faults, given=path, remedy=error.remedy) from None
    except ValueError as error:
        raise InputError(f"not a .csv table: {error}", given=path) from None


@main.command(
    epilog="""\b
Examples:
  What is published, and what the model says:
    pkmodel equivalence morphine --oral "60 mg oral q12h"
  Modified release, 500 subjects, with a figure:
    pkmodel equivalence morphine --oral "60 mg oral modified q12h" --subjects 500 --plot ratio.png
  Against a pump that gives boluses, all numbers as a table:
    pkmodel equivalence morphine --oral "60 mg oral q12h" \\
        --intrathecal "0.1 mg intrathecal bolus q6h" -o ratios.csv
"""
)
@click.argument("drug")
@with_options(
    click.option("--oral", required=True, metavar="REGIMEN",
                 help='The oral order: "60 mg oral q12h". Its size does not matter, its form does.'),
    click.option("--intrathecal", metavar="REGIMEN",
                 help="The intrathecal order; by default a pump at a constant rate."),
    click.option("--ratio", metavar="RATIO",
                 help="The ratio to judge: a number, several (30,100,300), or a preset. By default the nominal one."),
    *STUDY, *FILES, debug,
)  # fmt: skip
@click.pass_context
def equivalence(ctx: click.Context, drug: str, **given: Any) -> None:
    """Show dose ratios of DRUG: the published ones, and those that the model implies.

    The ratio is the oral over the intrathecal daily dose. It is a clinical belief and no identity of
    pharmacokinetics: the ratio of equal exposure differs from site to site ten-thousandfold.
    """
    files, study = Files.of(given), Study.of(drug, given)
    nominal = read_ratios(study.drug, given["ratio"])
    oral = study.regimen(given["oral"])
    test = study.regimen(given["intrathecal"]) if given["intrathecal"] else None
    ratios = implied_ratios(study, oral, test)
    published = ["", "Published oral : intrathecal ratios", *preset_table(study.drug)]
    click.echo("\n".join([study.heading(), *published, "", *ratio_title(nominal)]))
    click.echo("\n".join(ratio_table(ratios.implied_ratio, nominal)))
    click.echo("\n".join(["", trust_note(study.drug), RESEARCH_ONLY]))
    if files.output:
        files.write(ratios)
    if files.plot:
        from pkmodel import plot

        files.draw(plot.ratio(ratios, nominal[0]))
    ctx.exit(int(warn_of_failures(ratios.status)))


@main.command(
    epilog="""\b
Examples:
  pkmodel drugs
  pkmodel drugs morphine
  pkmodel drugs morphine --notes
  pkmodel drugs morphine --citation
  pkmodel drugs my_drug.toml        (reads the file, and lists all its faults)
"""
)
@click.argument("drug", required=False)
@click.option("--notes", is_flag=True, help="With the population and the note of every number.")
@click.option("--citation", is_flag=True, help="What to cite, and nothing else.")
@debug
def drugs(drug: str | None, notes: bool, citation: bool) -> None:
    """List the drugs, or show the numbers of DRUG with their sources.

    DRUG is a name or the path of a drug file.
    """
    from pkmodel.drugs import Drug
    from pkmodel.drugs import citation as references

    if citation:
        click.echo("\n".join(paragraph(line, hang=4) for line in references(drug)))
    elif drug is None:
        click.echo("\n".join(drug_list([Drug.read(name) for name in Drug.names()])))
    else:
        click.echo("\n".join(drug_page(Drug.read(drug), notes)))


def drug_list(drugs: Sequence[Drug]) -> list[str]:
    """A line for every drug."""
    rows = [("drug", "file version", "indication", "routes")]
    rows += [(d.name, d.version, d.indication, ", ".join(d.routes)) for d in drugs]
    return columns(rows, left=4, indent=0)


def drug_page(drug: Drug, notes: bool) -> list[str]:
    """The drug in words, its numbers, and the numbered references."""
    from pkmodel.drugs import CONFIDENCE

    numbers = {text: f"{k}" for k, text in enumerate(drug.sources_used(), 1)}
    rows = [("parameter", "value", "spread", "confidence", "source")]
    for p in drug.parameters.values():
        spread = f"{100 * p.cv:.3g} % {p.cv_confidence}" if p.cv else "-"
        sources = ",".join(numbers[s] for s in p.source) or "-"
        rows.append((p.name, p.text, spread, p.confidence, sources))
    head, *lines = columns(rows, left=5)
    out = [paragraph(line, hang=4 + len(line) - len(line.lstrip())) for line in drug.describe().splitlines()]
    out += ["", head]
    for line, p in zip(lines, drug.parameters.values(), strict=True):
        out.append(line)
        if notes:
            out.append(paragraph(f"{p.population}: {p.note}", indent=6))
    out += ["", "Confidence"]
    used = {p.confidence for p in drug.parameters.values()}
    out += columns([(word, text) for word, text in CONFIDENCE.items() if word in used], left=2)
    out += ["", "Sources"]
    return out + [paragraph(f"{k:>4}  {text}", hang=6) for text, k in numbers.items()]
