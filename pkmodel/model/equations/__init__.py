"""Equations as text: read, evaluated, differentiated, and turned into programs for the adaptive kernel.

The way of a text: `reading` (rows of an :class:`Expression`) → `graph` (shared, simplified) → `derivatives`
(the Jacobian, in the same graph) → `lowering` (operations of the kernel only) → `registers` (a :class:`Program`).
"""

from pkmodel.model.equations.compiling import compile_program, is_linear
from pkmodel.model.equations.expression import Expression
from pkmodel.model.equations.program import Program

__all__ = ["Expression", "Program", "compile_program", "is_linear"]
