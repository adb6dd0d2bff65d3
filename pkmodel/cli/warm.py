"""The command ``pkmodel warm``: compile the kernels before many processes need them."""

from __future__ import annotations

import click

from pkmodel.cli.faults import Failure


@click.command(
    epilog="""\b
Examples:
  After the installation:
    pkmodel warm
  In the prologue of a cluster's job, on the disk of the node:
    export NUMBA_CACHE_DIR="${TMPDIR:-/tmp}/numba-$SLURM_JOB_ID" && pkmodel warm
"""
)
def warm() -> None:
    """Compile the kernels into their cache, and say where it lies.

    Nothing is compiled that lies there already.
    """
    import time
    import warnings

    from pkmodel.kernels import adaptive, linear, machine  # noqa: F401 - solvers bring kernels

    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no writable cache directory")
        folder = machine.cache_folder()
    if folder is None or machine.interpreted():
        raise Failure(
            "compiled kernels are not kept; set NUMBA_CACHE_DIR to a folder that can be written, "
            "and leave NUMBA_DISABLE_JIT unset"
        )
    fresh = machine.load_all(machine.kernels)
    seconds = time.perf_counter() - begin
    click.echo(f"{len(machine.kernels)} kernels, {fresh} compiled anew, in {seconds:.1f} s")
    click.echo(f"cache: {folder}")
