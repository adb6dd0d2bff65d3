"""From arrays to the fields of records, by the same checks as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import did_you_mean
from pkmodel.events.checks import NUMBERS, check, settle_forms
from pkmodel.events.columns import reserved_names
from pkmodel.events.faults import Faults
from pkmodel.events.reading import default_kinds
from pkmodel.events.routes import place

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORDS = ("compartment", "form", "per")
_COLUMNS = (*NUMBERS, *_WORDS)


def fields_of(
    given: Mapping[str, Any], subject: Any, covariates: Mapping[str, Any]
) -> dict[str, Any]:
    """Fill up the fields of an `EventTable`; see ``EventTable.of``."""
    faults = Faults("EventTable.of")
    faults.general += [
        f'unknown column "{name}"{did_you_mean(name, _COLUMNS)}'
        for name in given
        if name not in _COLUMNS
    ]
    faults.general += reserved_names(covariates)
    size = np.shape(given["time"])
    if len(size) != 1:
        faults.general.append(f"time has the shape {size}; expected one dimension, (record,)")
        faults.stop()
    fields: dict[str, Any] = {
        "subject": _filled("subject", 1 if subject is None else subject, size, None, faults),
        "row": np.arange(1, size[0] + 1),
        "grouped": subject is not None,
    }
    for name in NUMBERS:
        fields[name] = _filled(name, given.get(name, 0.0), size, float, faults)
    for name in _WORDS:
        fields[name] = _filled(name, given.get(name, ""), size, object, faults)
    if "evid" not in given:
        fields["evid"] = default_kinds(fields["amount"], fields["rate"])
    names = {word: place(word) for word in set(fields["compartment"].tolist())}
    fields["compartment"] = np.array([names[c] for c in fields["compartment"].tolist()], object)
    fields["covariates"] = {
        name: _filled(name, values, size, float, faults, missing=True)
        for name, values in covariates.items()
    }
    check(fields, faults)
    faults.stop(fields["subject"] if fields["grouped"] else None, fields["row"])
    settle_forms(fields)
    return fields


def _filled(
    name: str, values: Any, size: tuple[int], kind: Any, faults: Faults, missing: bool = False
) -> NDArray[Any]:
    """An array of the size of all, from one value for all or one for each record."""
    try:
        array = np.asarray(values, kind)
    except (TypeError, ValueError):
        faults.general.append(f"{name} is {values!r}; expected numbers")
        return np.zeros(size, kind)
    if array.shape not in ((), size):
        faults.general.append(
            f"{name} has the shape {array.shape}; expected {size}, as time, or one value"
        )
        return np.zeros(size, kind)
    array = np.broadcast_to(array, size)
    if kind is float and not missing:
        faults.at(np.isnan(array), f"{name} is NaN; expected a number")
    return array
