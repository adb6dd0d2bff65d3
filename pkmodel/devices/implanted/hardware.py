"""The pump itself: reservoir, range of flow, tubing, battery; and the file of constants behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from pkmodel import units
from pkmodel.devices.reading import DAY, read
from pkmodel.drugs.schema import Sourced
from pkmodel.errors import RegimenError, UnitError, did_you_mean

__all__ = ["Hardware", "constants", "stability"]

HOME = Path(__file__).parent / "pumps.toml"
_DIMENSIONS = {
    "reservoir": "volume",
    "residual": "volume",
    "alarm": "volume",
    "minimum_flow": "clearance",
    "maximum_flow": "clearance",
    "most_steps": "ratio",
    "tubing": "volume",
    "bore": "volume per length",
    "flow_cv": "ratio",
    "battery_life": "time",
    "end_of_service": "time",
}


@dataclass(frozen=True)
class Hardware:
    """A pump as it leaves the factory, with the bore of its catheter.

    Parameters
    ----------
    name : str
        Its name.
    reservoir : str or float
        Volume of the reservoir [L].
    residual : str or float
        Volume that cannot be pumped out [L]; at a refill it is drawn off.
    alarm : str or float
        Volume at which the low-reservoir alarm sounds [L].
    minimum_flow, maximum_flow : str or float
        Range of the flow [L/h]; a flow of 0 is allowed, too.
    most_steps : int
        Most steps of a programme in 24 h.
    tubing : str or float
        Volume between the reservoir and the catheter [L].
    bore : str or float
        Volume of the catheter per length [L/cm]: ``"0.0022 mL/cm"``.
    flow_cv : str or float
        Coefficient of variation, between pumps, of the actual flow over the programmed flow.
    battery_life : str, float or mapping
        Time from implantation to the replacement indicator [h]; or times by the mean flow,
        ``{"0.5 mL/day": "7 years", "2 mL/day": "5 years"}``, between which it is read off a straight line.
    end_of_service : str or float
        Time from the indicator to the stop [h].

    Raises
    ------
    RegimenError
        All that is wrong with it.

    See Also
    --------
    Hardware.of : a pump from the file of constants.
    """

    name: str
    reservoir: float
    residual: float
    alarm: float
    minimum_flow: float
    maximum_flow: float
    most_steps: int
    tubing: float
    bore: float
    flow_cv: float
    battery_life: float | tuple[tuple[float, float], ...]
    end_of_service: float

    def __post_init__(self) -> None:
        faults: list[str] = []
        for key, dimension in _DIMENSIONS.items():
            value = getattr(self, key)
            if key == "bore":
                value = _read_bore(faults, value)
            elif key == "battery_life" and not isinstance(value, str | int | float):
                value = _read_table(faults, value)
            else:
                value = read(faults, key, value, dimension)
            object.__setattr__(self, key, value)
        faults = faults or list(self._conflicts())
        if faults:
            raise RegimenError(*faults, given=self.name)
        object.__setattr__(self, "most_steps", int(self.most_steps))

    def _conflicts(self) -> Iterable[str]:
        if self.most_steps < 1 or self.most_steps % 1:
            yield f"most_steps is {self.most_steps:g}; expected a whole number from 1"
        if not self.residual <= self.alarm < self.reservoir:
            yield "expected residual <= alarm < reservoir"
        if self.maximum_flow <= self.minimum_flow:
            yield "expected minimum_flow < maximum_flow"

    @classmethod
    def of(cls, name: str, **numbers: Any) -> Hardware:
        """Take a pump from the file of constants.

        Parameters
        ----------
        name : str
            ``"SynchroMed II 20 mL"``, ``"SynchroMed II 40 mL"`` or ``"Prometra II"``.
        **numbers
            Fields that differ; those that the file lacks have to be given.

        Returns
        -------
        Hardware

        Raises
        ------
        RegimenError
            An unknown pump or field, a field that is missing.

        Examples
        --------
        >>> Hardware.of("SynchroMed II 20 mL", reservoir="18 mL").reservoir
        0.018
        """
        known = {number.name: number.text for number in constants(name)}
        names = [f.name for f in fields(cls) if f.name != "name"]
        faults = [f'unknown field "{n}"{did_you_mean(n, names)}' for n in numbers if n not in names]
        missing = [n for n in names if n not in known and n not in numbers]
        faults += [f"our sources lack its {n}: give {n}=" for n in missing]
        if faults:
            raise RegimenError(*faults, given=f'"{name}"')
        values: dict[str, Any] = {**known, **numbers}
        return cls(name, **values)

    def life(self, flow: float) -> float:
        """Time to the replacement indicator [h] at a mean flow [L/h].

        Raises
        ------
        RegimenError
            A flow outside the range of `battery_life`.
        """
        if isinstance(self.battery_life, float):
            return self.battery_life
        flows, lives = zip(*self.battery_life, strict=True)
        if not flows[0] <= flow <= flows[-1]:
            low, flow_, high = (f"{1000 * DAY * f:.3g} mL/day" for f in (flows[0], flow, flows[-1]))
            raise RegimenError(
                f"battery_life is given from {low} to {high}; the mean flow is {flow_}"
            )
        import numpy as np

        return float(np.interp(flow, flows, lives))


@lru_cache
def constants(name: str) -> tuple[Sourced, ...]:
    """Numbers of a pump in the file of constants, with source and confidence.

    Parameters
    ----------
    name : str
        Name of the pump.

    Returns
    -------
    tuple of Sourced
        Of each, ``text`` is the value with its unit.

    Raises
    ------
    RegimenError
        An unknown pump.

    Examples
    --------
    >>> [(n.text, n.confidence) for n in constants("SynchroMed II 20 mL") if n.name == "tubing"]
    [('0.199 mL', 'recalled')]
    """
    pumps = table()["pumps"]
    if name not in pumps:
        raise RegimenError(
            f"is no pump of the file of constants{did_you_mean(name, pumps)}",
            given=f'"{name}"',
            remedy=f"It has {', '.join(pumps)}; for another write Hardware(...) with all its fields.",
        )
    own = dict(pumps[name])
    numbers = {**pumps.get(own.pop("like", ""), {}), **own}
    return tuple(_sourced(key, numbers[key]) for key in _DIMENSIONS if key in numbers)


def stability(drug: str) -> tuple[float, float] | None:
    """How long a drug lasts in the pump: its first filling, and every later one [h]; None if not known.

    Examples
    --------
    >>> stability("ziconotide"), stability("morphine"), stability("codeine")
    ((336.0, 960.0), (2160.0, 2160.0), None)
    """
    known = table()["stability"].get(drug.lower())
    if known is None:
        return None
    later, first = known["value"], known.get("first", known["value"])
    return float(units.convert(first, "time")), float(units.convert(later, "time"))


@lru_cache
def table() -> dict[str, Any]:
    """The file of constants."""
    import tomllib

    return tomllib.loads(HOME.read_text(encoding="utf-8"))


def _sourced(name: str, record: Mapping[str, Any]) -> Sourced:
    references = table()["sources"]
    value = _read_bore([], record["value"]) if name == "bore" else None
    if value is None:
        value = float(units.convert(record["value"], _DIMENSIONS[name]))
    return Sourced(
        name,
        record["value"],
        value,
        _DIMENSIONS[name],
        source=tuple(references[key] for key in record.get("source", ())),
        confidence=record["confidence"],
        note=record.get("note", ""),
    )


def _read_bore(faults: list[str], value: Any) -> float:
    """Volume per length [L/cm]; no dimension of `units` has it, so that its two parts are read apart."""
    if not isinstance(value, str):
        return read(faults, "bore", value, "ratio", above=0)
    volume, _, length = value.partition("/")
    try:
        return float(units.convert(volume, "volume")) / units.factor(length.strip(), "length")
    except UnitError:
        faults.append(f'bore "{value}": expected a volume per length ("0.0022 mL/cm")')
        return math.nan


def _read_table(faults: list[str], value: Any) -> tuple[tuple[float, float], ...]:
    """Battery life by flow, in order of the flow [L/h, h]."""
    pairs = value.items() if isinstance(value, Mapping) else value
    return tuple(
        sorted(
            (
                read(faults, "flow in battery_life", flow, "clearance"),
                read(faults, "battery_life", life, "time", above=0),
            )
            for flow, life in pairs
        )
    )
