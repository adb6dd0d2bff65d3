"""The command ``pkmodel validate``: published observations beside predictions, as text."""

from __future__ import annotations

import math
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pkmodel.cli import tables
from pkmodel.cli.files import checked_path
from pkmodel.cli.options import force, seed, segments, subjects
from pkmodel.errors import require

if TYPE_CHECKING:
    import pandas as pd

    from pkmodel.validation import Validation

WORDS = 38  # characters of a quantity in words
HEAD = f"  {'':{WORDS}}{'observed':>17} {'median (5-95 %)':>22} fold spread gate"
LEGEND = (
    "median (5-95 %): predicted, over the subjects. fold: predicted over observed, or the other way about. spread: "
    "inside the published one. gate: its letter, and whether it is passed (A tight, B twofold unless the case says "
    "otherwise, C direction, - not judged). c: the case may be used for calibration; i: the drug file takes a "
    "parameter from the same study; p: a prediction."
)


@click.command(
    epilog="""\b
Examples:
  All cases in 200 subjects, with a figure of each:
    pkmodel validate --plot figures
  Two cases with 60 segments of the spine, as a table:
    pkmodel validate V1 V8 --segments 60 -o table.csv
  Cases of your own (docs/validation.md shows the form of the file):
    pkmodel validate --file my_cases.toml
"""
)
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@click.option(
    "--file",
    metavar="FILE",
    help="Cases of your own, .toml; by default those of the package.",
)
@segments
@subjects("Draw N subjects with the spread of the drug file.", 200)
@seed
@click.option("-o", "--output", metavar="FILE", help="Store the table: .csv.")
@click.option("--plot", metavar="FOLDER", help="Draw a figure of every case into a folder.")
@force
def validate(cases: tuple[str, ...], segments: int, subjects: int, seed: int, **files: Any) -> None:
    """Compare predictions with published clinical observations.

    CASE is V1, V8, ..., or a name in your own file; all of them by default. The exit status is 0 whatever comes out:
    a prediction that fails is a finding.
    """
    from pkmodel import validation

    output = checked_path("-o", files["output"], (".csv",), files["force"])
    if files["plot"]:
        require("matplotlib", "plot", "--plot")
    drug_model = partial(validation.as_published, segments=segments)
    given = files["file"] or validation.PACKAGED
    result = validation.validate(
        cases or None, drug_model, subjects=subjects, seed=seed, file=given
    )
    who = f"{subjects} subjects, seed {seed}, {segments} segments of spinal CSF"
    parts = [case_lines(result, name) for name in result.profiles]
    parts += [contradiction_lines(result), summary_lines(result)]
    parts.append([tables.paragraph(LEGEND), tables.RESEARCH_ONLY])
    click.echo("\n\n".join("\n".join(lines) for lines in [[who], *parts] if lines))
    if output is not None:
        result.table.to_csv(output, index=False)
        click.echo(f"Table: {output}")
    if files["plot"]:
        draw(result, Path(files["plot"]), files["force"])


def draw(result: Validation, folder: Path, force: bool) -> None:
    """A figure of every case that was run."""
    from matplotlib import pyplot

    from pkmodel.plot.validation import observations

    folder.mkdir(parents=True, exist_ok=True)
    table = result.table
    run = [name for name in result.profiles if (table.not_run[table.case == name] == "").any()]
    paths = {name: checked_path("--plot", str(folder / f"{name}.png"), (".png",), force) for name in run}  # fmt: skip
    for name, path in paths.items():
        if path is not None:
            figure = observations(table, result.profiles[name])
            figure.savefig(path)
            pyplot.close(figure)
    click.echo(f"Figures: {len(paths)} in {folder}")


def case_lines(result: Validation, name: str) -> list[str]:
    """One case: its rows, then what was not run and why."""
    own = result.table[result.table.case == name]
    run = own[own.not_run == ""]
    lines = [tables.paragraph(f"{name}  {result.profiles[name].attrs['title']}")]
    if len(run):
        lines += [HEAD, *(line for row in run.itertuples() for line in row_lines(row))]
    for reason, rows in own[own.not_run != ""].groupby("not_run", sort=False):
        what = "; ".join(f"{row.quantity} {observed(row)}" for row in rows.itertuples())
        lines.append(tables.paragraph(f"not run ({reason}): {what}", indent=2, hang=4))
    return lines


def row_lines(row: Any, name: str = "") -> list[str]:
    """An observation by its name, or else by its quantity over as many lines as it needs."""
    first, *others = textwrap.wrap(name or row.quantity, WORDS)
    if row.not_run:
        cells = "not run"
    else:
        inside = {True: "in", False: "out", None: "-"}[row.inside_spread]
        passed = {True: f"{row.gate} yes", False: f"{row.gate} no", None: row.gate}[row.inside_gate]
        fold = f"{row.fold_error:.3g}"
        cells = f"{predicted(row):>22} {fold:>4} {inside:>6} {passed:<5} {row.role[0]}"
    first = f"  {first:<{WORDS}}{observed(row):>17} {cells}"
    return [first, *(f"    {text}" for text in others)]


def predicted(row: Any) -> str:
    """Median and percentiles, these with two digits."""
    low, high = (f"{float(f'{x:.1e}'):.6g}" for x in (row.predicted_5, row.predicted_95))
    return f"{tables.three(row.predicted)} ({low}-{high})"


def observed(row: Any) -> str:
    """What was published, with its unit."""
    if not math.isnan(row.observed):
        text = tables.three(row.observed)
    elif row.observed_low <= 0:
        text = f"< {tables.three(row.observed_high)}"
    elif row.observed_high == math.inf:
        text = f"> {tables.three(row.observed_low)}"
    else:
        text = f"{tables.three(row.observed_low)}-{tables.three(row.observed_high)}"
    return f"{text} {row.unit}".strip()


def contradiction_lines(result: Validation) -> list[str]:
    """Where published numbers disagree, side by side."""
    table = result.disagreements()
    if table.empty:
        return []
    lines = ["Where studies contradict each other (nothing is averaged)"]
    for (topic, handling), rows in table.groupby(["topic", "handling"], sort=False):
        lines += ["", tables.paragraph(f"{topic}: {handling}", hang=2)]
        for row in rows.itertuples():
            lines += row_lines(row, f"{row.case}.{row.observation}")
    return lines


def summary_lines(result: Validation) -> list[str]:
    """Shares of predictions that are good, by role."""
    summary: pd.DataFrame = result.summary()
    rows = [("", "run", "inside gate", "inside spread", "values", "within 2-fold", "within 3-fold")]
    for role, row in summary.iterrows():
        shares = {
            k: "-" if math.isnan(row[k]) else f"{100 * row[k]:.0f} %" for k in summary.columns
        }
        rows.append((
            str(role), f"{row.observations:.0f}", shares["inside_gate"], shares["inside_spread"],
            f"{row['values']:.0f}", shares["within_2_fold"], shares["within_3_fold"],
        ))  # fmt: skip
    left = int((result.table.not_run != "").sum())
    return [f"{len(result.table)} observations, {left} not run", *tables.columns(rows)]
