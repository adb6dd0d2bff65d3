"""Ready models: one, two and three compartments with or without a depot, and the neuraxial model.

Every function takes its parameters by name: text with a unit, a number in internal units (mg, h, L), or a
:class:`~pkmodel.model.Parameter` with its spread.
"""

from pkmodel.library.builder import neuraxial
from pkmodel.library.mammillary import one_compartment, three_compartment, two_compartment
from pkmodel.library.names import DIMENSIONS, NEURAXIAL
from pkmodel.library.parts import Value, parameter
from pkmodel.library.spine import Spine

__all__ = [
    "DIMENSIONS",
    "NEURAXIAL",
    "Spine",
    "Value",
    "neuraxial",
    "one_compartment",
    "parameter",
    "three_compartment",
    "two_compartment",
]
