"""Arrays of a trial as a Dataset: names, units, meaning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkmodel.errors import InputError
from pkmodel.trials.following import CHANGES
from pkmodel.trials.screening import DECISIONS, reasons
from pkmodel.variables import attributes

if TYPE_CHECKING:
    import xarray as xr

    from pkmodel.trials.following import Followed
    from pkmodel.trials.people import People
    from pkmodel.trials.screening import Screened, Steps

__all__ = ["VARIABLES", "compared", "joined", "labelled", "require_trial"]


class Named(NamedTuple):
    """What a variable holds."""

    dims: tuple[str, ...]
    units: str
    long_name: str


_SUBJECT, _STEP, _VISIT, _DAY = (
    ("subject",),
    ("subject", "step"),
    ("subject", "visit"),
    ("subject", "day"),
)

VARIABLES: dict[str, Named] = {
    "need": Named(_SUBJECT, "", "factor of the potencies, by what the oral treatment does"),
    "relief": Named(_SUBJECT, "", "part of the score that the oral treatment takes away"),
    "placebo": Named(_SUBJECT, "", "part of the score that a placebo takes away"),
    "entry_score": Named(_SUBJECT, "", "score before the trial, as reported"),
    "decision": Named(_SUBJECT, "", "what was decided after the trial"),
    "reason": Named(_SUBJECT, "", "why"),
    "responded": Named(_SUBJECT, "", "whether a step was a response"),
    "response_step": Named(_SUBJECT, "", "step of the response, from 1; 0 without"),
    "dose_found": Named(_SUBJECT, "mg/day", "daily dose that the trial found; 0 without"),
    "placebo_response": Named(
        _SUBJECT, "", "whether a placebo would have made a response of a step that was given"
    ),
    "given": Named(_STEP, "", "whether the step was given"),
    "step_score": Named(_STEP, "", "score in a step, as reported"),
    "step_reduction": Named(_STEP, "percent", "reduction of the score in a step"),
    "score": Named(_VISIT, "", "score of the last day, as reported"),
    "score_reduction": Named(_VISIT, "percent", "reduction of the score since entry"),
    "rate": Named(_VISIT, "mg/day", "rate of the pump from the visit on"),
    "oral_dose": Named(_VISIT, "mg/day", "oral dose from the visit on"),
    "escalation": Named(_VISIT, "", "dose over that which the conversion alone would give"),
    "change": Named(_VISIT, "", "what was done about the dose"),
    "refills": Named(_VISIT, "", "refills since the last visit"),
    "pump_faults": Named(_VISIT, "", "faults of the pump since the last visit"),
    "catheter_faults": Named(_VISIT, "", "faults of the catheter since the last visit"),
    "delivered": Named(_DAY, "mg/day", "intrathecal infusion of the day"),
    "oral": Named(_DAY, "mg/day", "oral dose of the day"),
    "daily_score": Named(
        _DAY,
        "",
        "mean score of the day, without errors of reporting; placebos count from the implantation on",
    ),
}
"""Variables of a trial; those of responses are in :mod:`pkmodel.variables`."""

_OF_A_VISIT = {"withdrawal": "highest since the last visit: "}
DIMENSIONS = {
    "subject": ("subject", ""),
    "step": ("step of the trial", ""),
    "visit": ("time since the implantation, or since it would have been", "day"),
    "day": ("day since the beginning of the trial", "day"),
    "strategy": ("what is done for the subjects", ""),
}
_FLAGS = {"decision": DECISIONS, "change": CHANGES}
_WHOLE = ("response_step", "change", "refills", "pump_faults", "catheter_faults")


def labelled(
    people: People, steps: Steps, screened: Screened, followed: Followed, per_day: float, every: int
) -> xr.Dataset:  # fmt: skip
    """The Dataset of some subjects."""
    import xarray as xr

    score = followed.visit.pop("score")
    entry = screened.entry[:, None]
    with np.errstate(invalid="ignore"):
        in_steps = 100 * (1 - screened.score / entry)
    arrays: dict[str, Any] = {
        "need": people.need,
        "relief": people.relief,
        "placebo": people.placebo,
        "entry_score": screened.entry,
        "decision": screened.decision,
        "reason": np.array(reasons(steps, screened), object),
        "responded": screened.step > 0,
        "response_step": screened.step,
        "dose_found": screened.found * per_day,
        "placebo_response": screened.placebo,
        "given": screened.given,
        "step_score": screened.score,
        "step_reduction": in_steps,
        "score": score,
        "score_reduction": 100 * (1 - score / entry),
        **followed.visit,
        "delivered": followed.delivered,
        "oral": followed.oral,
        "daily_score": followed.score,
    }
    coords = {
        "subject": people.ids,
        "step": np.arange(1, screened.given.shape[1] + 1),
        "visit": every * np.arange(score.shape[1]),
        "day": np.arange(followed.score.shape[1]),
    }
    ds = xr.Dataset(
        {name: _variable(name, values) for name, values in arrays.items()},
        {name: (name, values, _dimension(name)) for name, values in coords.items()},
    )
    doses = np.array(
        steps.doses if len(coords["step"]) else ()
    )  # none of a strategy without a trial
    unit = "mg/day" if steps.method == "catheter" else "mg"
    return ds.assign_coords(dose=("step", doses, {"units": unit, "long_name": "dose of the step"}))


def _variable(name: str, values: Any) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    if name in VARIABLES:
        dims, units, long_name = VARIABLES[name]
        attrs: dict[str, Any] = {"long_name": long_name} | ({"units": units} if units else {})
    else:
        dims, attrs = _VISIT, dict(attributes(name))
        attrs["long_name"] = _OF_A_VISIT.get(name, "mean of the last day: ") + attrs["long_name"]
    if name in _FLAGS:
        meanings = _FLAGS[name]
        attrs["flag_values"] = np.arange(len(meanings), dtype=np.uint8)
        attrs["flag_meanings"] = " ".join(meanings)
        values = values.astype(np.uint8)
    elif name in _WHOLE:
        values = values.astype(np.int64)
    return dims, values, attrs


def _dimension(name: str) -> dict[str, str]:
    long_name, units = DIMENSIONS[name]
    return {"long_name": long_name} | ({"units": units} if units else {})


def require_trial(ds: Any) -> None:
    """Refuse what is not the result of a trial in some subjects."""
    attrs, dims = getattr(ds, "attrs", {}), getattr(ds, "sizes", {})
    if not {"oral", "method", "target"} <= set(attrs) or not {"visit", "day"} <= set(dims):
        raise InputError("it is not the result of a trial", remedy="Give what trial(...) returned.")
    if not dims.get("subject"):
        raise InputError("there is no dimension subject, or nobody along it",
                         remedy="Choose subjects by a list: ds.sel(subject=[3]).")  # fmt: skip


def joined(parts: list[xr.Dataset], attrs: dict[str, Any]) -> xr.Dataset:
    """All subjects in one Dataset, with attributes as text."""
    text = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in attrs.items()
    }
    return _side_by_side(parts, "subject", "minimal").assign_attrs(text)


def compared(arms: dict[str, xr.Dataset]) -> xr.Dataset:
    """Strategies for the same subjects, along ``strategy``."""
    import xarray as xr

    label = xr.Variable("strategy", list(arms), _dimension("strategy"))
    return _side_by_side(list(arms.values()), label, "all")


def _side_by_side(parts: list[xr.Dataset], dim: Any, data_vars: Any) -> xr.Dataset:
    import xarray as xr

    return xr.concat(
        parts, dim, data_vars=data_vars, coords="minimal", compat="override", join="exact",
        combine_attrs="override",
    )  # fmt: skip
