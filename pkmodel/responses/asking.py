"""What is asked for, and whether the drug's file has the numbers for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pkmodel.drugs import Drug
from pkmodel.drugs.effects import EFFECTS, FOLLOWING, MAIN, REQUIRED, RESPONSES
from pkmodel.errors import DrugError, InputError, did_you_mean
from pkmodel.responses.answering import Responses
from pkmodel.responses.states import places_of

__all__ = ["asked", "missing"]


def asked(drug: Drug | None, responses: bool | str | Iterable[str] | None) -> Responses | None:
    """What is asked for, if the drug's file has the numbers.

    Parameters
    ----------
    drug : Drug or None
        The drug; None for a model that is not of one.
    responses : bool, str, sequence of str or None
        Names of responses; True for all that the file has numbers of; None or False for none.

    Returns
    -------
    Responses or None

    Raises
    ------
    InputError
        Not names of responses, or a model without drug.
    DrugError
        A response for which the file has no numbers: which they are.

    Examples
    --------
    >>> from pkmodel.drugs import Drug
    >>> asked(Drug.read("baclofen"), True).names
    ('spasticity', 'withdrawal')
    """
    if responses is None or responses is False:
        return None
    if drug is None:
        raise InputError(
            "the model is not of a drug file, and the numbers of responses are in drug files",
            remedy='Give the drug or its name, "morphine", in place of the model.',
        )
    if responses is True:
        every = [name for name in RESPONSES if not missing(drug, name)]
        if not every:
            raise DrugError(
                f"the file of {drug.name} has no numbers of any response",
                remedy=_remedy(drug, RESPONSES, ())
                or "docs/responses.md shows how a file gets them.",
            )
        return _responses(drug, every)
    one = isinstance(responses, str) or not isinstance(responses, Iterable)
    names: list[Any] = [responses] if one else list(responses)
    unknown = [
        f'unknown response "{name}"{did_you_mean(str(name), RESPONSES)}'
        for name in names
        if not isinstance(name, str) or name not in RESPONSES
    ]
    if unknown or not names:
        raise InputError(
            *(unknown or ["no responses are asked for"]),
            remedy=f"Known are {', '.join(RESPONSES)}; True asks for all that the file has.",
        )
    faults = [fault for name in dict.fromkeys(names) if (fault := missing(drug, name))]
    if faults:
        able = [name for name in RESPONSES if not missing(drug, name)]
        raise DrugError(*faults, remedy=_remedy(drug, names, able))
    return _responses(drug, names)


def _responses(drug: Drug, names: Iterable[str]) -> Responses:
    main = next((m for m in MAIN if not missing(drug, m)), "")
    return Responses(drug, tuple(name for name in RESPONSES if name in set(names)), main)


def missing(drug: Drug, response: str) -> str:
    """Why a response cannot be answered; empty if it can."""
    refusal = drug.no_responses.get(response)
    if refusal:
        return refusal.reason
    numbers, none = RESPONSES[response], f"the file of {drug.name} has no"
    own = [key for key in numbers if f"{response}_{key}" in drug.responses]
    if not own:
        return f"{none} numbers of {response}"
    lacking = [key for key in REQUIRED.get(response, ()) if key not in own]
    lacking += [
        f"{p}_half_life" for p in FOLLOWING if f"{p}_ec50" in own and f"{p}_half_life" not in own
    ]
    if lacking:
        return f"{none} " + " and no ".join(
            f"{response}.{key} ({numbers[key][1]})" for key in lacking
        )
    if response in EFFECTS and not places_of(response, drug.responses):
        return f"{none} EC50 of {response}"
    if "m6g_ec50" in own and "m6g_fraction" not in drug.parameters:
        return f"{none} M6G, and {response} has an EC50 of it"
    return _nothing_behind(drug, response)


def _nothing_behind(drug: Drug, response: str) -> str:
    """Why none of the responses from which this one follows can be answered; empty if one can."""
    behind = {"pain": MAIN[:1], "tolerance": MAIN[:1], "withdrawal": MAIN}.get(response, ())
    reasons = [missing(drug, name) for name in behind]
    if not reasons or not all(reasons):
        return ""
    return f"{response} takes {' or '.join(behind)}, and {reasons[0]}"


def _remedy(drug: Drug, names: Iterable[str], able: Iterable[str]) -> str:
    """What can be asked for instead, or how a potency is had."""
    known = f"It has those of {', '.join(able)}." if able else ""
    lacks_cord = (
        "analgesia_cord_ec50" not in drug.responses and "analgesia_brain_ec50" in drug.responses
    )
    if lacks_cord and {"analgesia", "pain"} & set(names):
        stated = f'equianalgesia.calibrate("{drug.name}", ratio=..., reference="...")'
        return f"{known} State the ratio of equal doses: {stated} finds it.".strip()
    return known or _elsewhere(names)


def _elsewhere(names: Iterable[str]) -> str:
    """Which drugs have a file with the numbers."""
    drugs = [Drug.read(name) for name in Drug.names()]
    able = {n: [d.name for d in drugs if not missing(d, n)] for n in dict.fromkeys(names)}
    return " ".join(f"Those of {n} are known of {', '.join(ds)}." for n, ds in able.items() if ds)
