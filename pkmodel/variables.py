"""Every variable, dimension and status of a result: name, dims, unit, meaning."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DIMENSIONS", "STATUS", "VARIABLES", "Status", "Variable", "attributes", "explain"]

SEMANTICS = "1"
"""Version of what a simulation means; it changes when the same input gives other numbers."""


class Variable(NamedTuple):
    """What a variable of a result holds; `dims` are the last ones, those of the parameters come first."""

    dims: tuple[str, ...]
    units: str
    long_name: str


class Status(NamedTuple):
    """Why a case can be trusted or not."""

    flag: str
    sentence: str


VARIABLES: dict[str, Variable] = {
    "amount": Variable(("compartment", "time"), "mg", "amount of drug in the compartment"),
    "concentration": Variable(("site", "time"), "mg/L", "concentration of drug at the site"),
    "auc": Variable(
        ("site", "time"),
        "mg*h/L",
        "time integral of the concentration from the start, without a grid",
    ),
    "auc_tau": Variable(
        ("site",), "mg*h/L", "time integral of the concentration over one interval at steady state"
    ),
    "analgesia": Variable(("time",), "1", "analgesia, as a fraction of the whole"),
    "analgesia_drive": Variable(
        ("time",), "1", "concentrations relative to those of half the analgesia, added"
    ),
    "pain": Variable(("time",), "1", "pain score, 0 to 10"),
    "pain_reduction": Variable(("time",), "percent", "reduction of the pain score"),
    "ashworth": Variable(("time",), "1", "Ashworth score of spasticity"),
    "respiratory_depression": Variable(
        ("time",), "1", "part of the ventilatory response to hypoxia that is lost"
    ),
    "respiratory_drive": Variable(
        ("time",), "1", "concentrations relative to those of half that loss, added"
    ),
    "sedation": Variable(("time",), "1", "sedation, as a fraction of the whole"),
    "constipation": Variable(("time",), "1", "constipation, as a fraction of the whole"),
    "itching": Variable(("time",), "1", "itching, as a fraction of the whole"),
    "nausea": Variable(("time",), "1", "nausea, as a fraction of the whole"),
    "tolerance": Variable(("time",), "1", "factor of the EC50 in the cord by tolerance"),
    "withdrawal": Variable(
        ("time",), "1", "effect that the body is used to and misses, as a fraction"
    ),
    "time_analgesic": Variable((), "h", "time with analgesia above its threshold"),
    "time_depressed": Variable((), "h", "time with respiratory depression above its threshold"),
    "withdrawal_onset": Variable((), "h", "time until withdrawal is above its threshold"),
    "margin": Variable(
        (),
        "1",
        "dose that halves breathing at the worst moment per dose of half the analgesia on average",
    ),
    "equal_ratio": Variable(
        (), "1", "daily dose of the reference per intrathecal dose of equal effect"
    ),
    "effect": Variable((), "1", "average effect of the reference at steady state"),
    "status": Variable((), "1", "whether the case can be trusted"),
    "id": Variable(("record",), "1", "subject of the record"),
}

DIMENSIONS: dict[str, Variable] = {
    "arm": Variable(("arm",), "1", "treatment that is compared"),
    "ratio": Variable(("ratio",), "1", "dose-equivalence ratio, reference dose per test dose"),
    "subject": Variable(("subject",), "1", "subject"),
    "replicate": Variable(("replicate",), "1", "replicate of the population"),
    "compartment": Variable(("compartment",), "1", "compartment of the model"),
    "site": Variable(("site",), "1", "site of measurement or effect"),
    "segment": Variable(("segment",), "h", "time from which parameters hold"),
    "time": Variable(("time",), "h", "time since the start of the regimen"),
    "record": Variable(("record",), "1", "row of the event table"),
}
"""Dimensions in the order in which results carry them; those of swept parameters stand before ``site``."""

STATUS: tuple[Status, ...] = (
    Status("ok", "solved"),
    Status(
        "invalid_parameter",
        "a parameter, dose or time is negative, infinite or not a number: look at the parameters of this case",
    ),
    Status("overflow", "amounts grew beyond all numbers: a rate matrix gains more than it loses"),
    Status(
        "no_steady_state",
        "drug accumulates without end, so there is no steady state: give every compartment a way out",
    ),
    Status(
        "bad_schedule",
        "the times of the doses do not ascend: look at the lags and durations of this case",
    ),
    Status(
        "too_many_steps",
        "the solver gave up: give it more steps (max_steps), a larger tolerance (rtol), or look at the parameters",
    ),
    Status(
        "step_too_small",
        "the solver could not go on: rates of change jump or grow beyond all bounds at the time that is reached",
    ),
)
"""Meaning of the codes of ``status``; a kernel returns the index."""


def attributes(name: str) -> dict[str, str]:
    """Units and long name of a variable or dimension, as attributes of a DataArray."""
    variable = VARIABLES.get(name) or DIMENSIONS[name]
    attrs = {"long_name": variable.long_name}
    return attrs if variable.units == "1" else {"units": variable.units, **attrs}


def explain(code: int) -> str:
    """Sentence for one status code.

    Examples
    --------
    >>> explain(0)
    'solved'
    """
    return STATUS[code].sentence
