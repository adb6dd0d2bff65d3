"""The command ``pkmodel warm``: compile the kernels before many processes need them."""

from __future__ import annotations

from typing import Any

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
    """Compile the kernels into Numba's cache, and say where it lies.

    Nothing is compiled that lies there already.
    """
    import time
    import warnings

    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no writable cache directory")
        kernels = compiled_functions()
    seconds = time.perf_counter() - begin
    folders = sorted({kernel.stats.cache_path for kernel in kernels if kernel.stats.cache_path})
    if not folders:
        raise Failure(
            "compiled kernels are not kept; set NUMBA_CACHE_DIR to a folder that can be written, "
            "and leave NUMBA_DISABLE_JIT unset"
        )
    fresh = sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels)
    click.echo(f"{len(kernels)} kernels, {fresh} compiled anew, in {seconds:.1f} s")
    click.echo("\n".join(f"cache: {folder}" for folder in folders))


def compiled_functions() -> list[Any]:
    """The functions that Numba has compiled; their modules compile them as they are imported."""
    from importlib import import_module
    from pkgutil import iter_modules

    from numba.extending import is_jitted

    from pkmodel import kernels

    modules = [
        import_module(f"{kernels.__name__}.{m.name}") for m in iter_modules(kernels.__path__)
    ]
    return [value for module in modules for value in vars(module).values() if is_jitted(value)]
