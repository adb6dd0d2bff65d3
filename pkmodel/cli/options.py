"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pkmodel.cli.faults import DEBUG

Decorator = Callable[[Any], Any]


class Hours(click.ParamType):
    """A time with its unit, read into hours."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read the text."""
        from pkmodel import units

        hours = float(units.convert(value, "time", name=f"--{param.name}"))
        if not hours:
            self.fail(f'"{value}" is not above 0', param, ctx)
        return hours


class Pair(click.ParamType):
    """``NAME=VALUE``."""

    name = "name=value"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """Part the text at the first equals sign."""
        name, equals, text = value.partition("=")
        if not (name.strip() and equals and text.strip()):
            self.fail(f'"{value}" is not of the form {param.metavar}', param, ctx)
        return name.strip(), text.strip()


seed = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    show_default=True,
    help="Seed of the draw.",
)
segments = click.option(
    "--segments",
    type=click.IntRange(3, 240),
    default=30,
    metavar="N",
    show_default=True,
    help="Segments of spinal CSF.",
)
force = click.option("--force", is_flag=True, help="Overwrite files that exist.")


def subjects(words: str, default: int | None = None) -> Decorator:
    """How many subjects; the words are those of the help."""
    return click.option(
        "--subjects",
        type=click.IntRange(min=1),
        default=default,
        metavar="N",
        show_default=default is not None,
        help=words,
    )


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

MODEL = (
    click.option(
        "--set", "settings", type=Pair(), multiple=True, metavar='NAME="VALUE UNIT"',
        help='A parameter of the model for all subjects: --set clearance="1.5 L/min". Repeatable.',
    ),
    segments,
    click.option("--tip", default="L3-L4", metavar="LEVEL", show_default=True,
                 help="Level at which intrathecal doses enter: T10, or L3-L4 between two."),
)  # fmt: skip
STUDY = (
    *MODEL,
    subjects("Draw N subjects with the spread of the drug file; otherwise one typical adult."),
    seed,
    click.option("--intended", is_flag=True,
                 help="Doses outside the range of the drug file are meant."),
    click.option("--all-sites", is_flag=True,
                 help="Print every site: parts of the head, regions of the cord, metabolites."),
)  # fmt: skip
TIMES = (
    click.option("--until", type=Hours(), metavar="TIME",
                 help='End of the simulation: "14 d". By default the end of the longest regimen.'),
    click.option("--every", type=Hours(), metavar="TIME",
                 help='Step of the stored times: "15 min". By default 5 min to 1 h, 337 times at most.'),
)  # fmt: skip
FILES = (
    click.option("-o", "--output", metavar="FILE",
                 help="Store the result: .nc (NetCDF), .zarr, or .csv (a long table)."),
    click.option("--plot", metavar="FILE", help="Draw a figure: .png, .pdf or .svg."),
    force,
)  # fmt: skip


responses = click.option(
    "--responses",
    metavar="NAMES",
    help='What the concentrations do, too: analgesia,respiration, or "all" that the file has numbers of.',
)
table_option = click.option(
    "--table", metavar="FILE", help="Read an event table from a .csv file instead."
)


def with_options(*options: Decorator) -> Decorator:
    """Give a command these options, in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
