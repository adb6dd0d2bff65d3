"""The option --responses: names, the numbers of responses among --set, and the table of averages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pkmodel.cli.faults import beside
from pkmodel.cli.study import Study
from pkmodel.cli.tables import cell, columns, paragraph

if TYPE_CHECKING:
    import xarray as xr

    from pkmodel.drugs import Drug

SCALES = {"pain": "0-10", "pain_reduction": "%", "ashworth": "1-5", "tolerance": "x EC50"}
"""What responses are counted in that are neither fractions nor drives."""
FRACTIONS = "What has no scale runs from 0 to 1. A drive is 1 at half of the effect."
TOLERANT = "Tolerance lowers analgesia here. To leave it out, name the other responses."


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

    def parameters(self, study: Study, subjects: Iterable[int] | None) -> Any:
        """Parameters of a study's subjects, or those of the typical one, with the numbers of the responses."""
        from pkmodel.responses import asked

        wanted = asked(study.drug, self.names)
        whole = replace(study, settings={**study.settings, **self.settings})
        return whole.parameters(subjects, None if wanted is None else wanted.model)


def read_study(name: str, given: Mapping[str, Any]) -> tuple[Study, Answers]:
    """Read the options; the study has no numbers of responses, as its steady states have none."""
    from pkmodel.responses.naming import of_response

    pairs = given["settings"]
    others = [pair for pair in pairs if not of_response(pair[0])]
    names = read_names(given.get("responses"))
    texts = dict(pair for pair in pairs if of_response(pair[0]))
    ask = "--responses {}" if "responses" in given else "pkmodel compare --responses {}"
    with beside(repeated(pairs)):
        study = Study.of(name, {**given, "settings": others})
        return study, Answers(names, read_numbers(study.drug, names, texts, ask))


def repeated(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What is set more than once, and to what.

    Examples
    --------
    >>> list(repeated([("lag", "1 h"), ("lag", "2 h")]))
    ['--set gives lag twice, "1 h" and "2 h"; expected one of them']
    """
    for name in dict.fromkeys(name for name, _ in pairs):
        texts = [f'"{text}"' for n, text in pairs if n == name]
        if len(texts) > 1:
            often = "twice" if len(texts) == 2 else f"{len(texts)} times"
            yield f"--set gives {name} {often}, {' and '.join(texts)}; expected one of them"


def read_numbers(
    drug: Drug, names: bool | list[str], texts: Mapping[str, str], ask: str
) -> dict[str, float]:
    """Numbers of the responses that are asked for, in internal units; `ask` says how one asks for another."""
    from pkmodel.responses import asked
    from pkmodel.responses.naming import refuse_unknown

    wanted = asked(drug, names)
    model = drug.model() if wanted is None else wanted.model
    refuse_unknown(texts, model.defaults, ask)
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


def response_table(
    metrics: xr.Dataset, arms: Mapping[str, dict[str, Any]], hours: str = "the same hours"
) -> list[str]:
    """Average of every response in every arm, with its scale; nothing without responses."""
    names = [str(n) for n, values in metrics.data_vars.items() if "rests_on" in values.attrs]
    if not names:
        return []
    rows = [["", *arms]] if len(arms) > 1 else []
    for name in names:
        cells = [cell(metrics[name].sel(labels).values) for labels in arms.values()]
        scale = f" ({SCALES[name]})" if name in SCALES else ""
        rows.append([name.replace("_", " ") + scale, *cells])
    notes = [FRACTIONS, TOLERANT] if {"tolerance", "analgesia"} <= set(names) else [FRACTIONS]
    told = [paragraph(note, indent=2) for note in notes]
    return [f"Responses, averages of {hours}", *columns(rows), *told]
