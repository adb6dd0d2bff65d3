"""Event tables on the command line: who is simulated, and what is told of the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pkmodel.cli.study import Study
from pkmodel.cli.tables import cell, columns
from pkmodel.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

    from pkmodel.cli.responding import Answers
    from pkmodel.events import EventTable
    from pkmodel.regimen import Regimen


def read_doses(path: str | None, regimen: str | None, study: Study) -> Regimen | EventTable:
    """A regimen, from text or a table of one patient's doses; or a table that says more than that."""
    from pkmodel.events import EventTable
    from pkmodel.regimen import Regimen

    if (regimen is None) == (path is None):
        raise click.UsageError("give either a REGIMEN or --table FILE")
    if regimen is not None:
        return study.regimen(regimen)
    table = EventTable.read(path)
    doses_alone = not table.grouped and (table.evid == 1).all() and not table.steady.any()
    return Regimen.from_table(path) if doses_alone and table.time.min() >= 0 else table


def drawn_for(study: Study, table: EventTable, answers: Answers) -> Any:
    """Parameters of the table's subjects: drawn with ``--subjects``, otherwise those of one typical adult."""
    if study.subjects is None:
        return answers.parameters(study, None)
    labels = table.subjects
    if not table.grouped:
        return answers.parameters(study, range(1, study.subjects + 1))
    if study.subjects != len(labels) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise InputError(
            f"--subjects {study.subjects}, and the table has {len(labels)} of its own",
            remedy=f"Pass --subjects {len(labels)} to draw one set of parameters for every ID, "
            "which has to be a whole number; or leave it out.",
        )
    return answers.parameters(study, labels.tolist())


def answer_lines(ds: xr.Dataset) -> list[str]:
    """Median and range of the answers at every site."""
    rows = [("site", "answers", "ng/mL")]
    for site in ds.site.values:
        values = ds.concentration.sel(site=site).values.ravel()
        rows.append((str(site), str(values.size), cell(values, 1000.0)))
    return columns(rows)


def table_lines(table: EventTable, path: str) -> list[str]:
    """What a table holds."""
    return [f"{path}: {repr(table)[len('EventTable(') : -1]}"]


def tell(doses: Any) -> None:
    """Print all realised doses, one sentence a line."""
    click.echo("\n".join(doses.lines))
