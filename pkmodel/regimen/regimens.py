"""All orders of one patient."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pkmodel.errors import RegimenError
from pkmodel.regimen.order import Order
from pkmodel.regimen.reading import read_orders
from pkmodel.regimen.tables import read_orders_of, write_orders
from pkmodel.regimen.writing import order_text

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Regimen:
    """All orders of one patient, each with its absolute time.

    Parameters
    ----------
    orders : iterable of Order
        At least one.

    Raises
    ------
    RegimenError
        There is no order, or something that is none.

    Examples
    --------
    >>> oral = Regimen.parse("60 mg oral q12h x 14")
    >>> pump = Regimen.parse("0.2 mg/day intrathecal pump for 7 d")
    >>> print(oral.then(oral.scaled(0.5)) + pump)
    60 mg oral q12h x 14 then 30 mg oral q12h x 14 + 0.2 mg/day intrathecal pump for 7 d
    """

    orders: tuple[Order, ...]

    def __post_init__(self) -> None:
        given: Any = self.orders
        if isinstance(given, str):
            raise RegimenError(
                "is text; a Regimen holds orders",
                given=f'Regimen("{given}")',
                remedy=f'Write Regimen.parse("{given}").',
            )
        iterable = isinstance(given, Iterable) and not isinstance(given, Order)
        orders = tuple(given) if iterable else (given,)
        faults = [f"expected an Order, not {o!r}" for o in orders if not isinstance(o, Order)]
        if faults or not orders:
            raise RegimenError(
                *faults or ["no orders"],
                given="Regimen",
                remedy='Write for example Regimen.parse("60 mg oral q12h x 28").',
            )
        object.__setattr__(self, "orders", orders)

    @classmethod
    def parse(cls, text: str, molar_mass: float | None = None) -> Regimen:
        """Read orders as text; ``str(regimen)`` writes text that reads back to the same regimen.

        Parameters
        ----------
        text : str
            For example ``"60 mg oral q12h x 28 + 0.4 mg/day intrathecal pump for 14 d"``. ``+``
            puts lines of therapy side by side, ``then`` begins the next step of a line at the end
            of the one before it.
        molar_mass : float, optional
            Molar mass of the drug [g/mol], to read molar doses.

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            All that is wrong with the text.

        Examples
        --------
        >>> Regimen.parse("10 mg iv infusion over 30 min every 8 h for 2 d").orders[0].count
        6
        """
        return cls(read_orders(text, molar_mass))

    @classmethod
    def from_table(cls, table: Any) -> Regimen:
        """Read the doses of one patient from an event table, one order per dose record.

        Parameters
        ----------
        table : EventTable, DataFrame, mapping of str to sequence, or path
            An event table, or what ``EventTable.read`` reads: TIME [h], AMT [mg], and CMT or ROUTE; RATE
            [mg/h] or DUR [h], II [h], ADDL, FORM and PER as in `Order`. Observations are passed over.

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            All that is wrong, with the row, of which the first is 1; or what no order can say: several
            subjects, SS, EVID 2 to 4, a TIME below 0.

        Examples
        --------
        >>> print(Regimen.from_table({"TIME": [0], "AMT": [60], "ROUTE": ["oral"], "II": [12], "ADDL": [27]}))
        60 mg oral q12h x 28
        """
        return cls(tuple(read_orders_of(table)))

    def to_table(
        self,
        until: float = math.inf,
        times: ArrayLike | None = None,
        subjects: int | ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Write an event table, as `from_table` and ``EventTable.read`` read it.

        Parameters
        ----------
        until : float
            Last time of interest [h]: later orders have no row, and those without end stop here, or else
            at the last of `times`.
        times : array, shape (time,), optional
            Observations [h], each after the doses of that time.
        subjects : int or array of labels, optional
            Repeat the records for so many subjects, or for these.

        Returns
        -------
        pandas.DataFrame
            One row per order, in time, see ``EventTable.to_frame``. A rate becomes an amount and a duration.
            Of an order of one dose the interval is lost, and an order of 0 mg has no row.

        Raises
        ------
        RegimenError
            An order has no end, and `until` is infinite.

        Examples
        --------
        >>> Regimen.parse("60 mg oral q12h x 28").to_table(times=[0, 336])
            TIME   AMT  EVID   CMT    II  ADDL
        0    0.0  60.0     1  oral  12.0    27
        1    0.0   0.0     0          0.0     0
        2  336.0   0.0     0          0.0     0
        """
        table = write_orders(self.orders, until, times)
        if subjects is not None:
            labels = range(1, subjects + 1) if isinstance(subjects, int) else subjects
            table = table.repeat(labels)
        return table.to_frame()

    @property
    def routes(self) -> tuple[str, ...]:
        """Routes in order of first use."""
        return tuple(dict.fromkeys(order.route for order in self))

    @property
    def end(self) -> float:
        """Latest end of an order [h]."""
        return max(order.end for order in self)

    def daily_dose(self, route: str | None = None, at: float | None = None) -> float:
        """Amount per day [mg/day] by one route.

        Parameters
        ----------
        route : str, optional
            May be left out where there is one only.
        at : float, optional
            Time [h]; may be left out where all orders of the route begin and end together.

        Returns
        -------
        float
            Sum over the orders that run at that time.

        Raises
        ------
        RegimenError
            The answer would mix routes, steps, or mg with mg/kg, or an amount is given only once.

        Examples
        --------
        >>> Regimen.parse("60 mg oral q12h x 28").daily_dose()
        120.0
        """
        if route is None and len(self.routes) > 1:
            raise self._no_daily_dose(f"has several routes ({', '.join(self.routes)})", "route")
        orders = [order for order in self if route in (None, order.route)]
        if not orders:
            raise self._no_daily_dose(f'has no route "{route}" ({", ".join(self.routes)})', "route")
        if at is not None:
            orders = [order for order in orders if order.start <= at < order.end]
        elif len({(order.start, order.end) for order in orders}) > 1:
            raise self._no_daily_dose("has a daily dose that changes with time", "at")
        doses = [order.daily_dose for order in orders]
        if None in doses:
            raise self._no_daily_dose("gives an amount once, which is no daily dose", "")
        if len({order.per for order in orders}) > 1:
            raise self._no_daily_dose("mixes mg with mg per body size", "")
        return math.fsum(dose for dose in doses if dose is not None)

    def _no_daily_dose(self, fault: str, argument: str) -> RegimenError:
        remedies = {"route": 'Write for example route="oral".', "at": "Write for example at=24."}
        remedy = remedies.get(argument, "Use the orders one by one.")
        return RegimenError(fault, given=f'"{self}"', remedy=remedy)

    def then(self, other: Regimen | Order | str, wait: float = 0.0) -> Regimen:
        """Let other orders follow.

        Parameters
        ----------
        other : Regimen, Order or str
            Its time 0 becomes the end of this regimen: last dose and its interval.
        wait : float
            Time in between [h].

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            This regimen has no end, or the wait is negative.

        Examples
        --------
        >>> once = Regimen.parse("10 mg iv bolus q8h x 3")
        >>> [order.start for order in once.then(once, wait=6)]
        [0.0, 30.0]
        """
        if self.end == math.inf:
            raise RegimenError(
                "has no end, so nothing can follow it",
                given=f'"{self}"',
                remedy="Give it a count (x 28) or a time (for 14 d).",
            )
        if not 0 <= wait < math.inf:
            raise RegimenError(f"wait is {wait!r}; expected hours, 0 or above")
        return self + _regimen(other).shifted(self.end + wait)

    def scaled(self, factor: float) -> Regimen:
        """Multiply all amounts and rates.

        Parameters
        ----------
        factor : float
            Above 0.

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            The factor is not a number above 0.

        Examples
        --------
        >>> print(Regimen.parse("60 mg oral q12h").scaled(0.5))
        30 mg oral q12h
        """
        if not 0 < factor < math.inf:
            raise RegimenError(f"the factor is {factor!r}; expected a number above 0")
        return Regimen(
            tuple(
                replace(
                    order,
                    amount=None if order.amount is None else order.amount * factor,
                    rate=None if order.rate is None else order.rate * factor,
                )
                for order in self
            )
        )

    def shifted(self, hours: float) -> Regimen:
        """Move all orders in time.

        Parameters
        ----------
        hours : float
            Later if positive; no order may begin before 0.

        Returns
        -------
        Regimen

        Raises
        ------
        RegimenError
            An order would begin before 0.

        Examples
        --------
        >>> print(Regimen.parse("60 mg oral q12h x 28").shifted(24))
        60 mg oral q12h x 28 at 24 h
        """
        return Regimen(tuple(replace(order, start=order.start + hours) for order in self))

    def __add__(self, other: Regimen | Order | str) -> Regimen:
        return Regimen(self.orders + _regimen(other).orders)

    def __iter__(self) -> Iterator[Order]:
        return iter(self.orders)

    def __len__(self) -> int:
        return len(self.orders)

    def __str__(self) -> str:
        text = str(self.orders[0])
        for before, order in pairwise(self.orders):
            follows = before.start < order.start == before.end
            text += f" then {order_text(order, follows=True)}" if follows else f" + {order}"
        return text

    def __repr__(self) -> str:
        return f'Regimen.parse("{self}")'


def _regimen(value: Regimen | Order | str) -> Regimen:
    if isinstance(value, str):
        return Regimen.parse(value)
    return value if isinstance(value, Regimen) else Regimen((value,))
