"""pkmodel compares intrathecal with oral dosing by compartment models.

>>> import pkmodel
>>> ds = pkmodel.compare("morphine", oral="60 mg oral q12h x 28", ratio=300)
>>> ds.concentration.dims
('arm', 'site', 'time')

The package is for research. It is not for dosing patients.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pkmodel import (
        devices,
        equianalgesia,
        equivalence,
        library,
        nca,
        plot,
        population,
        responses,
        sweeps,
        trials,
    )
    from pkmodel.comparison import compare, table
    from pkmodel.drugs import Drug, citation
    from pkmodel.errors import InputError
    from pkmodel.events import EventTable
    from pkmodel.model import Compartment, Flow, Input, Model, Output, Parameter
    from pkmodel.regimen import Order, Regimen
    from pkmodel.simulation import explain, simulate, steady_state
    from pkmodel.sweeps import sweep
    from pkmodel.trials import trial
    from pkmodel.validation import validate

_HOME = {
    "Compartment": "model",
    "Drug": "drugs",
    "EventTable": "events",
    "Flow": "model",
    "Input": "model",
    "InputError": "errors",
    "Model": "model",
    "Order": "regimen",
    "Output": "model",
    "Parameter": "model",
    "Regimen": "regimen",
    "citation": "drugs",
    "compare": "comparison",
    "devices": "",
    "equianalgesia": "",
    "equivalence": "",
    "explain": "simulation",
    "library": "",
    "nca": "",
    "plot": "",
    "population": "",
    "responses": "",
    "simulate": "simulation",
    "steady_state": "simulation",
    "sweep": "sweeps",
    "sweeps": "",
    "table": "comparison",
    "trial": "trials",
    "trials": "",
    "validate": "validation",
}

__all__ = [
    "Compartment",
    "Drug",
    "EventTable",
    "Flow",
    "Input",
    "InputError",
    "Model",
    "Order",
    "Output",
    "Parameter",
    "Regimen",
    "citation",
    "compare",
    "devices",
    "equianalgesia",
    "equivalence",
    "explain",
    "library",
    "nca",
    "plot",
    "population",
    "responses",
    "simulate",
    "steady_state",
    "sweep",
    "sweeps",
    "table",
    "trial",
    "trials",
    "validate",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``import pkmodel`` costs little."""
    if name not in _HOME:
        raise AttributeError(f"module 'pkmodel' has no attribute {name!r}")
    home = _HOME[name]
    value = (
        getattr(_import_module(f"pkmodel.{home}"), name)
        if home
        else _import_module(f"pkmodel.{name}")
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
