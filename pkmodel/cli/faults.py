"""Errors as one sentence on stderr, and the exit status: 1 for files and failed cases, 2 for input."""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from pkmodel.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

DEBUG = "pkmodel.debug"


class Failure(click.ClickException):
    """A fault that is shown as one sentence, without a traceback."""

    def show(self, file: Any = None) -> None:
        """Print the sentence on stderr."""
        click.echo(f"pkmodel: error: {self.format_message()}", err=True, file=file)


class WrongInput(Failure):
    """A fault of the input."""

    exit_code = 2


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
            if isinstance(error, InputError):
                raise WrongInput(in_options(str(error))) from None
            place = f"{error.filename}: " if error.filename else ""
            raise Failure(place + (error.strerror or str(error))) from None
        except MemoryError as error:
            if ctx.meta.get(DEBUG):
                raise
            why = f" ({error})" if str(error) else ""
            advice = "pass fewer --subjects, a larger --every, or a shorter --until"
            raise Failure(f"the memory does not suffice{why}; {advice}") from None


def in_options(text: str) -> str:
    """Rewrite arguments of the Python functions in an error as options of the command.

    Examples
    --------
    >>> in_options("If it is meant, pass intended=True. Or ratio=[30, 100] or ratio=300.")
    'If it is meant, pass --intended. Or --ratio 30,100 or --ratio 300.'
    """
    text = re.sub(r"\bratio=\[([^]]*)\]", lambda m: "--ratio " + m[1].replace(" ", ""), text)
    text = re.sub(r"\bratio=(?=\d)", "--ratio ", text)
    text = re.sub(r"\bparameters=\{([^}]*)\}", _in_settings, text)
    text = re.sub(r'\barms=\{"(\w+)": ("[^"]*"|\.\.\.)\}', r"--arm \1=\2", text)
    text = re.sub(
        r'pkmodel\.sweep\(\.\.\., (store="[^"]*")\)', r"pkmodel sweep run sweep.toml \1", text
    )
    text = re.sub(r'\b(store|workers)="?([^\s",.]+(?:\.zarr)?)"?', r"--\1 \2", text)
    text = re.sub(r"\bpart=\((\d+), (\d+)\)", r"--part \1 --of \2", text)
    text = text.replace("runs_per_box", "--runs-per-box")
    text = re.sub(r"\b(oral|intrathecal)= ", r"--\1 ", text)
    return re.sub(r"\bintended=True( \(on the command line --intended\))?", "--intended", text)


def _in_settings(parameters: re.Match[str]) -> str:
    """Parameters as options ``--set``."""
    pairs = re.findall(r'"(\w+)": ([^,]+)', parameters[1])
    return " ".join(f"--set {name}={value}" for name, value in pairs)


def require(module: str, extra: str, what: str) -> None:
    """Refuse when an optional package is not installed."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise Failure(f'{what} needs {module}: pip install "pkmodel[{extra}]"')


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
