"""Ready models: one, two and three compartments, the neuraxial model, and what makes a model nonlinear.

Every function takes its parameters by name: text with a unit, a number in internal units (mg, h, L), or a
:class:`~pkmodel.model.Parameter` with its spread.
"""

from pkmodel.library.builder import neuraxial
from pkmodel.library.mammillary import one_compartment, three_compartment, two_compartment
from pkmodel.library.names import DIMENSIONS, NEURAXIAL
from pkmodel.library.nonlinear import (
    with_effect_compartment,
    with_receptor_binding,
    with_saturable_elimination,
)
from pkmodel.library.parts import Value, parameter
from pkmodel.library.spine import Spine
from pkmodel.library.targets import target_mediated
from pkmodel.library.turnover import with_indirect_response, with_turnover_feedback

__all__ = [
    "DIMENSIONS",
    "NEURAXIAL",
    "Spine",
    "Value",
    "neuraxial",
    "one_compartment",
    "parameter",
    "target_mediated",
    "three_compartment",
    "two_compartment",
    "with_effect_compartment",
    "with_indirect_response",
    "with_receptor_binding",
    "with_saturable_elimination",
    "with_turnover_feedback",
]
