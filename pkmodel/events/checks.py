"""What a record may say: the rules of NONMEM's data items, for all records at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pkmodel.events.faults import Faults

    Columns = Mapping[str, Any]
    Bools = NDArray[np.bool_]

MOST_ADDITIONAL = 999_999
#: Names of the fields with numbers in tables.
NUMBERS = {
    "time": "TIME",
    "evid": "EVID",
    "amount": "AMT",
    "rate": "RATE",
    "duration": "DUR",
    "interval": "II",
    "additional": "ADDL",
    "steady": "SS",
}
OBSERVATION, DOSE, OTHER, RESET, RESET_AND_DOSE = range(5)
_KINDS = {OBSERVATION: "an observation", OTHER: "another event", RESET: "a reset"}
_NUMBER = re.compile(r"[1-9]\d*")


def check(columns: Columns, faults: Faults) -> None:
    """Note everything that is wrong with the records.

    Parameters
    ----------
    columns : mapping of str to array, shape (record,)
        The fields of an `EventTable`, numbers as floats. A number that could not be read is NaN and
        has no further faults.
    faults : Faults
        Where the faults are noted.
    """
    columns = dict(columns)
    for field, name in NUMBERS.items():
        infinite = np.isinf(columns[field])
        faults.at(infinite, f"{name} is infinite; expected a finite number")
        columns[field] = np.where(infinite, np.nan, columns[field])
    _check_order(columns, faults)
    _check_kinds(columns, faults)
    _check_amounts(columns, faults)
    _check_trains(columns, faults)
    _check_places(columns, faults)
    _check_words(columns, faults)


def settle_forms(fields: dict[str, Any]) -> None:
    """Let FORM and PER say what they mean: nothing but of doses, and a modified release is a route."""
    dose, form = is_dose(fields), fields["form"]
    fields["per"] = np.where(dose, fields["per"], "")
    fields["compartment"] = np.where(
        dose & (form == "modified"), "oral modified", fields["compartment"]
    )
    fields["form"] = np.where(dose & np.isin(form, ("infusion", "pump")), form, "")


def run_starts(subject: NDArray[Any]) -> NDArray[np.int64]:
    """First record of every run of equal labels."""
    if not len(subject):
        return np.zeros(0, np.int64)
    changes = np.flatnonzero(subject[1:] != subject[:-1]) + 1
    return np.concatenate([[0], changes]).astype(np.int64)


def _check_order(c: Columns, faults: Faults) -> None:
    """Records of a subject stand together, in time."""
    subject, time = c["subject"], c["time"]
    starts = run_starts(subject)
    seen: set[Any] = set()
    again = np.zeros(len(subject), bool)
    for start, label in zip(starts.tolist(), subject[starts].tolist(), strict=True):
        again[start] = label in seen
        seen.add(label)
    faults.at(again, "the ID comes back after others; its records have to stand together")
    back = np.zeros(len(subject), bool)
    back[1:] = (time[1:] < time[:-1]) & ~np.isin(c["evid"][1:], (RESET, RESET_AND_DOSE))
    back[starts] = False
    faults.at(
        back,
        "TIME is {:.12g} after {:.12g}; expected ascending times, or EVID 3 or 4 where they start anew",
        time,
        np.roll(time, 1),
    )


def _check_kinds(c: Columns, faults: Faults) -> None:
    """EVID is known, and what is no dose has no numbers of a dose."""
    evid = c["evid"]
    faults.at(
        ~np.isin(evid, range(5)) & ~np.isnan(evid),
        "EVID is {:g}; expected 0 (observation), 1 (dose), 2 (other event), 3 (reset) or 4 (reset and dose)",
        evid,
    )
    for kind, words in _KINDS.items():
        of_kind = evid == kind
        for field in ("amount", "rate", "duration", "interval", "additional", "steady"):
            faults.at(
                of_kind & (np.abs(c[field]) > 0),
                f"{NUMBERS[field]} is {{:g}} on {words} (EVID {kind}); expected 0 or empty",
                c[field],
            )


def _check_amounts(c: Columns, faults: Faults) -> None:
    """Amount, rate and duration of doses."""
    dose, amount, rate, duration = is_dose(c), c["amount"], c["rate"], c["duration"]
    faults.at(dose & (amount < 0), "AMT is {:g}; expected above 0", amount)
    faults.at(
        dose & (amount == 0) & ~_constant(c),
        "a dose without an amount; expected AMT above 0 (AMT 0 goes with RATE, SS 1 or 2, and no II)",
    )
    faults.at(
        dose & (rate < 0) & ~np.isin(rate, (-1, -2)),
        "RATE is {:g}; expected mg/h, 0 (bolus), -1 (modelled rate) or -2 (modelled duration)",
        rate,
    )
    faults.at(dose & (duration < 0), "DUR is {:g}; expected hours, 0 or above", duration)
    faults.at(dose & (np.abs(rate) > 0) & (duration > 0), "RATE and DUR: give one")


def _check_trains(c: Columns, faults: Faults) -> None:
    """Interval, additional doses and steady state of doses."""
    dose, constant = is_dose(c), _constant(c)
    interval, additional, steady = c["interval"], c["additional"], c["steady"]
    faults.at(dose & (interval < 0), "II is {:g}; expected hours, 0 or above", interval)
    faults.at(
        dose & ((additional < 0) | (additional > MOST_ADDITIONAL) | (additional % 1 > 0)),
        f"ADDL is {{:g}}; expected a whole number of further doses, 0 to {MOST_ADDITIONAL:,}",
        additional,
    )
    faults.at(
        dose & (additional > 0) & (interval == 0) & ~constant,
        "ADDL is {:g} without II, the interval in h",
        additional,
    )
    faults.at(
        constant & (additional > 0),
        "ADDL is {:g} on a constant infusion at steady state, which repeats nothing; expected 0",
        additional,
    )
    faults.at(
        dose & (interval > 0) & (additional == 0) & (steady == 0),
        "II is {:g} without ADDL or SS, so nothing is repeated; expected ADDL, SS, or II 0",
        interval,
    )
    faults.at(
        dose & (steady == 3),
        "SS is 3, which is not supported; write 1: the steady state is exact and needs no first guess",
    )
    faults.at(
        dose & ~np.isin(steady, range(4)) & ~np.isnan(steady),
        "SS is {:g}; expected 0, 1 (nothing else was given) or 2 (on top of what is there)",
        steady,
    )
    faults.at(
        dose & np.isin(steady, (1, 2)) & (interval == 0) & ~constant,
        "SS is {:g} without II, the interval in h",
        steady,
    )


def _check_places(c: Columns, faults: Faults) -> None:
    """Doses have a place; a minus before it turns it off, at EVID 2 only."""
    place = c["compartment"]
    faults.at(is_dose(c) & (place == ""), "a dose without CMT or ROUTE")
    words = set(place.tolist())
    off = np.isin(place, [w for w in words if w.startswith("-")]) & (c["evid"] != OTHER)
    faults.at(off, "CMT is {}; a compartment is turned off at EVID 2 only", place)
    wrong = [w for w in words if _is_number(w) and not _NUMBER.fullmatch(w.removeprefix("-"))]
    faults.at(
        np.isin(place, wrong), "CMT is {}; expected a compartment's number from 1, or a name", place
    )


def _check_words(c: Columns, faults: Faults) -> None:
    """FORM and PER of doses."""
    dose, place, form, per = is_dose(c), c["compartment"], c["form"], c["per"]
    timed = (np.abs(c["rate"]) > 0) | (c["duration"] > 0)
    faults.at(dose & ~np.isin(per, ("", "kg", "m2")), "PER is {!r}; expected kg, m2 or empty", per)
    faults.at(
        dose & ~np.isin(form, ("", "immediate", "modified", "bolus", "infusion", "pump")),
        "FORM is {!r}; expected immediate, modified, bolus, infusion or pump "
        '(of a covariate: covariates={{"FORM": "formulation"}})',
        form,
    )
    oral = np.isin(place, ("oral", "oral modified"))
    tablet = np.isin(form, ("immediate", "modified"))
    faults.at(dose & tablet & ~oral, 'FORM is "{}", which only oral doses have', form)
    faults.at(
        dose & (form == "immediate") & (place == "oral modified"), "FORM is immediate and modified"
    )
    faults.at(
        dose & oral & np.isin(form, ("bolus", "infusion", "pump")),
        'FORM is "{}" of an oral dose; expected immediate or modified',
        form,
    )
    faults.at(dose & (form == "bolus") & timed, "FORM is bolus, and there is a RATE or DUR")
    faults.at(
        dose & np.isin(form, ("infusion", "pump")) & ~timed & ~oral,
        "FORM is {} without RATE or DUR",
        form,
    )


def is_dose(c: Columns) -> Bools:
    """Records that give a dose: EVID 1 and 4."""
    return np.isin(c["evid"], (DOSE, RESET_AND_DOSE))


def _constant(c: Columns) -> Bools:
    """Constant infusions at steady state, which alone have no amount."""
    ss = np.isin(c["steady"], (1, 2))
    return is_dose(c) & ss & (c["amount"] == 0) & (c["rate"] > 0) & (c["interval"] == 0)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
