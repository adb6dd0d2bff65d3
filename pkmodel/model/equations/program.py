"""Programs of the adaptive kernel, and a slow interpreter of them in numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import ModelError
from pkmodel.kernels.instructions import (
    DIFFERENCE,
    EXP,
    GREATER,
    LOG,
    MAXIMUM,
    MINIMUM,
    POWER,
    PRODUCT,
    QUOTIENT,
    ROOT,
    SUM,
)
from pkmodel.model.equations.series import Series, series_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]
    Table = NDArray[np.int64]

OPERATIONS: dict[int, Callable[[Any, Any], Any]] = {
    SUM: np.add,
    DIFFERENCE: np.subtract,
    PRODUCT: np.multiply,
    QUOTIENT: np.divide,
    POWER: np.power,
    MINIMUM: np.minimum,
    MAXIMUM: np.maximum,
    GREATER: lambda left, right: np.greater(left, right).astype(float),
    EXP: lambda left, _: np.exp(left),
    LOG: lambda left, _: np.log(left),
    ROOT: lambda left, _: np.sqrt(left),
}
"""What an instruction does with its left and right operand."""


@dataclass(frozen=True, eq=False)
class Program:
    """A right-hand side and its Jacobian as instructions.

    Registers hold, in this order, the n states, the time, the parameters, the constants, the results of
    `setup` that the other parts use, and temporaries. `rhs` runs after `setup`, `jac` after both. What `rhs` leaves
    for its outputs and for `jac`, `jac` does not overwrite.

    Parameters
    ----------
    states : tuple of str
        Names of the states.
    parameters : tuple of str
        Parameters that occur, in the order of the registers from n + 1.
    constants : array of shape (constant,)
        Numbers of the registers behind the parameters.
    hoisted : int
        Number of results of `setup` that stay, in the registers behind the constants.
    registers : int
        Number of registers.
    setup, rhs, jac : int array of shape (instruction, 4)
        Rows (operation, target, left, right) of `pkmodel.kernels.instructions`; an operation of one
        operand has it twice. `setup` depends on parameters only: once per case and segment is enough.
    rhs_out : int array of shape (n,)
        Register of every dy/dt; a state, parameter or constant can stand there as well.
    jac_out : int array of shape (entry, 3)
        Rows (i, j, register) of the partial derivatives d(dy_i/dt)/dy_j that are not 0 by structure.
    time_out : int array of shape (entry, 2)
        Rows (i, register) of the partial derivatives by time, computed in `jac`.
    time_dependent : bool
        Whether the time occurs; a jump at a time, as in where(t > 24, a, b), has no row in `time_out`.
    """

    states: tuple[str, ...]
    parameters: tuple[str, ...]
    constants: Array
    hoisted: int
    registers: int
    setup: Table
    rhs: Table
    rhs_out: Table
    jac: Table
    jac_out: Table
    time_out: Table
    time_dependent: bool

    @cached_property
    def series(self) -> Series:
        """Power series of its solutions."""
        return series_of(self)

    def evaluate_rhs(self, y: ArrayLike, t: ArrayLike = 0.0, p: ArrayLike = ()) -> Array:
        """Rates of change.

        Parameters
        ----------
        y : array of shape (..., n)
            States.
        t : array of shape (...), optional
            Time [h].
        p : array of shape (..., parameter), optional
            Values of `parameters`.

        Returns
        -------
        array of shape (..., n)
        """
        values, shape = self._run(y, t, p, (self.setup, self.rhs))
        out = np.empty((*shape, len(self.states)))
        for i, register in enumerate(self.rhs_out):
            out[..., i] = values[register]
        return out

    def evaluate_jacobian(self, y: ArrayLike, t: ArrayLike = 0.0, p: ArrayLike = ()) -> Array:
        """Partial derivatives of the rates of change, shape (..., n, n), row i for dy_i/dt; see `evaluate_rhs`."""
        values, shape = self._run(y, t, p, (self.setup, self.rhs, self.jac))
        out = np.zeros((*shape, len(self.states), len(self.states)))
        for i, j, register in self.jac_out:
            out[..., i, j] = values[register]
        return out

    def evaluate_time_derivative(
        self, y: ArrayLike, t: ArrayLike = 0.0, p: ArrayLike = ()
    ) -> Array:
        """Partial derivatives of the rates of change by time, shape (..., n); see `evaluate_rhs`."""
        values, shape = self._run(y, t, p, (self.setup, self.rhs, self.jac))
        out = np.zeros((*shape, len(self.states)))
        for i, register in self.time_out:
            out[..., i] = values[register]
        return out

    def settled(self, p: ArrayLike = ()) -> Array:
        """Parameters, constants and the results of `setup`, as the registers behind the time hold them.

        Parameters
        ----------
        p : array of shape (..., parameter), optional
            Values of `parameters`.

        Returns
        -------
        array of shape (..., parameter + constant + hoisted)
        """
        values, shape = self._run(np.zeros(len(self.states)), 0.0, p, (self.setup,))
        first = len(self.states) + 1
        last = first + len(self.parameters) + len(self.constants) + self.hoisted
        return np.stack([np.broadcast_to(v, shape) for v in values[first:last]], axis=-1)

    def _run(
        self, y: ArrayLike, t: ArrayLike, p: ArrayLike, parts: tuple[Table, ...]
    ) -> tuple[list[Any], tuple[int, ...]]:
        """Registers after some parts of the program, and the shape to which they broadcast."""
        y, t, p = (np.asarray(x, dtype=float) for x in (y, t, p))
        for what, array, names in (("states", y, self.states), ("parameters", p, self.parameters)):
            if array.shape[-1:] != (len(names),):
                raise ModelError(
                    f"{what} have the shape {array.shape}; expected (..., {len(names)})",
                    remedy=f"They are {', '.join(names) or 'none'}.",
                )
        shape = np.broadcast_shapes(y.shape[:-1], t.shape, p.shape[:-1])
        values: list[Any] = [*np.moveaxis(y, -1, 0), t, *np.moveaxis(p, -1, 0), *self.constants]
        values += [None] * (self.registers - len(values))
        with np.errstate(all="ignore"):
            for operation, target, left, right in np.concatenate(parts).tolist():
                values[target] = OPERATIONS[operation](values[left], values[right])
        return values, shape
