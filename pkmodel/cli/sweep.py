"""The command ``pkmodel sweep``: a sweep of a file, into a store, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pkmodel.cli import tables
from pkmodel.errors import InputError, require

if TYPE_CHECKING:
    from pkmodel.sweeps import Progress, Size


@click.group(
    epilog="""\b
Examples:
  What would it cost? Then run it, look how far it is from another shell, and go on after a stop:
    pkmodel sweep describe sweep.toml
    pkmodel sweep run sweep.toml --store sweep.zarr
    pkmodel sweep status sweep.zarr
    pkmodel sweep resume sweep.zarr
  The third of 16 processes, or of the tasks of a job array, that share a store:
    pkmodel sweep run sweep.toml --store sweep.zarr --part 3 --of 16
  On the workers of a Dask cluster:
    pkmodel sweep run sweep.toml --store sweep.zarr --scheduler tcp://10.0.0.1:8786
"""
)
def sweep() -> None:
    """Compare at every point of a design.

    docs/sweeps.md shows the form of the file. Results are predictions for research.
    """


def _computing(command: Any) -> Any:
    """Options that say who computes."""
    for option in (
        click.option("--workers", type=click.IntRange(min=1), metavar="N",
                     help="Threads of this process; by default all processors that it may use."),
        click.option("--scheduler", metavar="ADDRESS",
                     help="The workers of a Dask cluster compute: tcp://HOST:PORT, or a scheduler file, .json."),
        click.option("--of", "parts", type=click.IntRange(min=1), metavar="N",
                     help="Into so many parts the sweep is divided."),
        click.option("--part", type=click.IntRange(min=1), metavar="I",
                     help="This process does part I, 1 to N. Every part can be run again: what is done stays."),
    ):  # fmt: skip
        command = option(command)
    return command


_boxes = click.option(
    "--runs-per-box",
    type=click.IntRange(min=1),
    metavar="N",
    help="Runs that are computed and stored together; the results do not depend on it.",
)


@sweep.command()
@click.argument("file")
@click.option("--store", required=True, metavar="STORE", help="Folder or URL of the results (Zarr).")  # fmt: skip
@_computing
@_boxes
def run(file: str, store: str, **given: Any) -> None:
    """Run the sweep of FILE into a store.

    A store that holds a part of the same sweep is gone on with. Runs that fail are counted with their reasons, and
    are results: the exit status is 0.
    """
    from pkmodel import sweeps

    drug, design, what = sweeps.read(file)
    how = {"store": store, "runs_per_box": given.pop("runs_per_box"), **what}
    _work(store, given, lambda **who: sweeps.sweep(drug, design, **how, **who))


@sweep.command()
@click.argument("store")
@_computing
def resume(store: str, **given: Any) -> None:
    """Go on with the sweep of STORE, which knows its file's contents."""
    from pkmodel import sweeps

    _work(store, given, lambda **who: sweeps.resume(store, **who))


@sweep.command()
@click.argument("store")
def status(store: str) -> None:
    """Say how far STORE is, and why runs failed; reads nothing else."""
    from pkmodel import sweeps

    _say(progress_lines(store, sweeps.progress(store)))


@sweep.command(short_help="Say what the sweep of FILE would cost.")
@click.argument("file")
@click.option("--workers", type=click.IntRange(min=1), metavar="N",
              help="Threads; by default all processors that this process may use.")  # fmt: skip
@_boxes
def describe(file: str, workers: int | None, runs_per_box: int | None) -> None:
    """Say what the sweep of FILE would cost, by a trial of some runs; writes nothing.

    Refuses what does not fit into the memory, with what would make it fit.
    """
    from pkmodel import sweeps
    from pkmodel.sweeps.engines import processors

    count = processors() if workers is None else workers
    drug, design, what = sweeps.read(file)
    size = sweeps.describe(
        drug, design, store="sweep.zarr", workers=count, runs_per_box=runs_per_box, **what
    )
    dims = " x ".join(f"{name} {n:,}" for name, n in design.sizes.items())
    _say([f"{file}: {drug}, {dims}", *size_lines(size, count)])


def _work(store: str, given: dict[str, Any], start: Callable[..., Any]) -> None:
    """Have it computed by whom the options name, and say how far the store is then."""
    from pkmodel import sweeps

    who = {"part": _part(given["part"], given["parts"]), "workers": given["workers"]}
    with _client(given["scheduler"]) as client:
        start(client=client, **who)
    _say(progress_lines(store, sweeps.progress(store)))


def _part(part: int | None, parts: int | None) -> tuple[int, int]:
    if (part is None) != (parts is None):
        raise InputError("--part and --of belong together", remedy="Write --part 3 --of 16.")
    return (part or 1, parts or 1)


@contextmanager
def _client(address: str | None) -> Iterator[Any]:
    """A client of the scheduler, if there is one."""
    if address is None:
        yield None
        return
    require("distributed", "cluster", "--scheduler")
    from distributed import Client

    how = {"scheduler_file" if address.endswith(".json") else "address": address}
    with Client(**how) as client:
        yield client


def progress_lines(store: str, done: Progress) -> list[str]:
    """How many runs are done; how many failed, and why; how to go on."""
    from pkmodel.variables import explain

    share = f"{100 * done.done // done.runs} %"
    out = [f"{store}: {done.done:,} of {done.runs:,} runs done, {share}; {done.failed:,} failed"]
    out += [
        tables.paragraph(f"{count:,} runs: {explain(code)}", indent=2, hang=4)
        for code, count in done.reasons.items()
    ]
    if done.done < done.runs:
        out.append(f"Go on with: pkmodel sweep resume {store}")
    return out


def size_lines(size: Size, workers: int) -> list[str]:
    """What a sweep costs, in a person's units."""
    threads = f"{workers} thread{'s' * (workers > 1)}"
    rows = [
        ("runs", f"{size.runs:,}"),
        ("cases", f"{size.cases:,}, runs x arms x subjects"),
        ("boxes", f"{size.boxes:,}, computed and stored one by one"),
        ("results", f"{bytes_text(size.result_bytes)} in the store, before compression"),
        ("memory", f"{bytes_text(size.peak_bytes)} at the most"),
        ("time", f"{time_text(size.seconds)} on {threads} like this machine's"),
    ]
    return tables.columns(rows, left=2)


def bytes_text(count: float) -> str:
    """Bytes with the unit that suits them."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def time_text(seconds: float) -> str:
    """Seconds, minutes or hours, with two digits."""
    unit, scale = next(
        ((u, s) for u, s in (("h", 3600), ("min", 60)) if seconds >= 2 * s), ("s", 1)
    )
    return f"{float(f'{seconds / scale:.2g}'):g} {unit}"


def _say(lines: list[str]) -> None:
    click.echo("\n".join(lines))
