"""Errors as one sentence on stderr, and the exit status: 1 for files and failed cases, 2 for input."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pkmodel.errors import InputError, PackageError

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
        except PackageError as error:
            if ctx.meta.get(DEBUG):
                raise
            raise Failure(str(error)) from None
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
    text = re.sub(r'\btrial\("([^"]*)", ("[^"]*"|None), (.*)\)\.', _in_trial, text)
    text = re.sub(r"\bdoses=\[([^]]*)\]", _in_doses, text)
    text = re.sub(r'\btip="([^"]*)"(, sites=\[[^]]*\])?', r"--tip \1", text)
    text = re.sub(r"\bratio=\[([^]]*)\]", lambda m: "--ratio " + m[1].replace(" ", ""), text)
    text = re.sub(r"\bratio=(?=\d)", "--ratio ", text)
    text = re.sub(r"\bparameters=\{([^}]*)\}", _in_settings, text)
    text = re.sub(r'\barms=\{"(\w+)": ("[^"]*"|\.\.\.)\}', r"--arm \1=\2", text)
    text = re.sub(
        r'pkmodel\.sweep\(\.\.\., (store="[^"]*")\)', r"pkmodel sweep run sweep.toml \1", text
    )
    text = re.sub(r'\b(store|workers)="?([^\s",.]+(?:\.zarr)?)"?', r"--\1 \2", text)
    text = re.sub(r"\bpart=\((\d+), (\d+)\)", r"--part \1 --of \2", text)
    text = text.replace("; True asks for", "; all asks for")
    text = text.replace("Give times=[0, 1, 2, ...]", 'Pass --every "1 h"')
    text = text.replace("runs_per_box", "--runs-per-box")
    text = re.sub(r"\b(oral|intrathecal)= ", r"--\1 ", text)
    return re.sub(r"\bintended=True( \(on the command line --intended\))?", "--intended", text)


def _in_trial(call: re.Match[str]) -> str:
    """A call of a trial as the command."""
    drug, oral, arguments = call.groups()
    text = re.sub(r"\bdoses=\[([^]]*)\]", _in_doses, arguments)
    options = re.sub(r"(?:^|, )(\w+)=", r" --\1 ", text).replace(", --", " --")
    return f"pkmodel trial {drug} {oral} {options.strip()}"


def _in_doses(doses: re.Match[str]) -> str:
    """Doses of steps as options ``--dose``."""
    return " ".join(f"--dose {dose}" for dose in doses[1].split(", "))


def _in_settings(parameters: re.Match[str]) -> str:
    """Parameters as options ``--set``."""
    pairs = re.findall(r'"(\w+)": ([^,]+)', parameters[1])
    return " ".join(f"--set {name}={value}" for name, value in pairs)


@contextmanager
def beside(faults: Iterable[str]) -> Iterator[None]:
    """Refuse with these faults, and with those of the wrong input inside."""
    found = tuple(faults)
    try:
        yield
    except InputError as error:
        if not found:
            raise
        raise InputError(*found, *error.clauses, remedy=error.remedy) from None
    if found:
        raise InputError(*found)


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
