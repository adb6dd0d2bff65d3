"""The command ``pkmodel trial``: simulated patients before and after an implant, as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pkmodel.cli import tables
from pkmodel.cli.files import checked_path, save
from pkmodel.cli.options import force, seed, subjects

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@click.command(
    epilog="""\b
Examples:
  Single shots, an implant for those who respond, and a year:
    pkmodel trial morphine "100 mg oral q12h" --subjects 100
  Rates of a catheter, beside the same patients by mouth:
    pkmodel trial morphine "100 mg oral q12h" --method catheter --dose "1 mg/day" --dose "2 mg/day" --compare
"""
)
@click.argument("drug")
@click.argument("oral")
@click.option(
    "--method",
    type=click.Choice(["single shots", "catheter", "none"]),
    default="single shots",
    show_default=True,
    help="How the dose is found.",
)
@click.option(
    "--dose", "doses", multiple=True, metavar="TEXT", help="Dose of a step, rising; repeat it."
)
@click.option(
    "--threshold",
    type=float,
    default=0.5,
    metavar="X",
    show_default=True,
    help="Least relative fall of the score that is a response.",
)
@click.option(
    "--ratio", metavar="N", help="Oral per intrathecal dose of the takeover, or a preset's name."
)
@click.option(
    "--months",
    type=float,
    default=12.0,
    metavar="N",
    show_default=True,
    help="How long they are followed.",
)
@subjects("Number of patients.", 200)
@seed
@click.option("--compare", is_flag=True, help="Treat the same patients by mouth, too.")
@click.option("--intended", is_flag=True, help="Doses outside the drug's range are meant.")
@click.option("-o", "--output", metavar="FILE", help="Store the result, .nc, or the table, .csv.")
@force
def trial(
    drug: str, oral: str, compare: bool, output: str | None, force: bool, **asked: Any
) -> None:
    """Try simulated patients before an implant and follow them.

    ORAL is what they take: "100 mg oral q12h". What is not asked for here is as in pkmodel.trial.
    """
    from pkmodel import trials

    path = checked_path("-o", output, (".nc", ".csv"), force)
    asked["doses"] = asked["doses"] or None
    asked["ratio"] = _number(asked["ratio"])
    ds = (trials.strategies if compare else trials.trial)(drug, oral, **asked)
    found = trials.table(ds)
    heading = f"{ds.attrs['drug']}: {ds.sizes['subject']} patients, {oral}, seed {ds.attrs['seed']}"
    parts = [[heading], _steps(ds), _lines(found), _assumed(ds), [tables.RESEARCH_ONLY]]
    click.echo("\n\n".join("\n".join(lines) for lines in parts if lines))
    if path is not None:
        found.to_csv(path, index_label="result") if path.suffix == ".csv" else save(ds, path)
        click.echo(f"Result: {path}")


def _number(text: str | None) -> float | str | None:
    """A ratio, or the name of one."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _steps(ds: xr.Dataset) -> list[str]:
    """Responders by step."""
    first = ds.sel(strategy="implant") if "strategy" in ds.dims else ds
    if not first.sizes["step"]:
        return []
    unit = first.dose.attrs["units"]
    rows = [("step", f"dose [{unit}]", "given", "responded")]
    for k, dose in zip(first.step.values, first.dose.values, strict=True):
        given, responded = int(first.given.sel(step=k).sum()), int((first.response_step == k).sum())
        rows.append((str(k), f"{dose:.3g}", str(given), str(responded)))
    return tables.columns(rows)


def _lines(found: pd.DataFrame) -> list[str]:
    rows = [("", *found.columns)]
    for name, row in found.iterrows():
        rows.append((str(name), *("-" if v != v else f"{v:.4g}" for v in row)))
    return tables.columns(rows)


def _assumed(ds: xr.Dataset) -> list[str]:
    notes = json.loads(ds.attrs["assumed"])
    return ["Assumed", *(tables.paragraph(note, indent=2, hang=4) for note in notes)]
