"""The option --responses: names, the numbers of responses among --set, and the table of averages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkmodel.cli.study import Study
from pkmodel.cli.tables import cell, columns
from pkmodel.errors import ParameterError

if TYPE_CHECKING:
    import xarray as xr

    from pkmodel.drugs import Drug


@dataclass(frozen=True)
class Answers:
    """What a command answers beside concentrations.

    Parameters
    ----------
    names : bool or list of str
        The responses, as :func:`pkmodel.compare` takes them.
    settings : dict of str to float
        Numbers of theirs that are set, in internal units.
    """

    names: bool | list[str]
    settings: dict[str, float]


def read_study(name: str, given: Mapping[str, Any]) -> tuple[Study, Answers]:
    """Read the options; the study has no numbers of responses, as its steady states have none."""
    from pkmodel.responses.naming import of_response

    pairs = given["settings"]
    others = [pair for pair in pairs if not of_response(pair[0])]
    study = Study.of(name, {**given, "settings": others})
    names = read_names(given.get("responses"))
    texts = dict(pair for pair in pairs if of_response(pair[0]))
    ask = "--responses {}" if "responses" in given else "pkmodel compare --responses {}"
    return study, Answers(names, read_numbers(study.drug, names, texts, ask))


def read_numbers(
    drug: Drug, names: bool | list[str], texts: Mapping[str, str], ask: str
) -> dict[str, float]:
    """Numbers of the responses that are asked for, in internal units; `ask` says how one asks for another."""
    from pkmodel.responses import asked
    from pkmodel.responses.naming import unasked

    wanted = asked(drug, names)
    model = drug.model() if wanted is None else wanted.model
    faults = [unasked(name, ask) for name in texts if name not in model.defaults]
    if any(faults):
        raise ParameterError(*filter(None, faults))
    values = model.resolve(texts)
    if wanted is not None:
        wanted.check(values.get)
    return {name: float(values[name]) for name in texts}


def read_names(text: str | None) -> bool | list[str]:
    """Names parted by commas, or ``all``.

    Examples
    --------
    >>> read_names("analgesia, respiration"), read_names("all"), read_names(None)
    (['analgesia', 'respiration'], True, False)
    """
    if text is None or text.strip() == "all":
        return text is not None
    return [word.strip() for word in text.split(",")]


def response_table(metrics: xr.Dataset, arms: Mapping[str, dict[str, Any]]) -> list[str]:
    """Average of every response in every arm; nothing without responses."""
    names = [str(n) for n, values in metrics.data_vars.items() if "rests_on" in values.attrs]
    if not names:
        return []
    rows = [["", *arms]]
    for name in names:
        cells = [cell(metrics[name].sel(labels).values) for labels in arms.values()]
        rows.append([name.replace("_", " "), *cells])
    return ["Responses, averages of the same hours", *columns(rows)]
