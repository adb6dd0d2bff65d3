"""The implanted intrathecal pump: a prescription on a piece of hardware, and what enters the body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pkmodel.devices.draws import subject_numbers
from pkmodel.devices.implanted.catheter import Catheter
from pkmodel.devices.implanted.changes import Change, Setting, settings
from pkmodel.devices.implanted.checks import conflicts, drug_of, read_fields
from pkmodel.devices.implanted.delivery import Delivery, Orders, State, deliver
from pkmodel.devices.implanted.doses import doses, flow_ratios, table_of
from pkmodel.devices.implanted.faults import Fault
from pkmodel.devices.implanted.flow import Column
from pkmodel.devices.implanted.hardware import Hardware, stability
from pkmodel.devices.implanted.programme import Programme, titration
from pkmodel.devices.implanted.requests import read_requests
from pkmodel.devices.implanted.reservoir import Contents, Policy
from pkmodel.devices.implanted.writing import describe
from pkmodel.devices.reading import DAY, read
from pkmodel.errors import RegimenError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from pkmodel.events import EventTable

__all__ = ["Pump"]

_EXAMPLE = (
    'Write for example Pump.of("SynchroMed II 20 mL", drug="morphine", concentration="5 mg/mL", '
    'programme="0.4 mg/day", catheter=Catheter("60 cm", tip="T10"), refill_at="alarm").'
)


@dataclass(frozen=True, repr=False)
class Pump:
    """An implanted pump with its catheter, its filling and its programme.

    Time 0 is the implantation. Make one by :meth:`Pump.of`; change it by :meth:`changed`, :meth:`titrated` or
    ``dataclasses.replace``.

    Parameters
    ----------
    hardware : Hardware
        The pump itself.
    concentration : str or float
        Of the drug in the reservoir [mg/L].
    programme : Programme, str or float
        What it gives; a constant rate may be written as a dose ("0.4 mg/day") or as a flow ("0.08 mL/day").
    catheter : Catheter
        Length, and place of the tip.
    drug : str
        Name, or path of a drug file. Of a drug that is found, concentration and doses are held against its
        plausible range.
    fill : str or float, optional
        Volume of a filling [L]; by default the reservoir's.
    refill_at : str or float, optional
        Volume at which the reservoir is refilled [L], ``"alarm"`` for that of the alarm; without, not by volume.
    refill_every : str or float, optional
        Time since the last filling at which it is refilled [h]. With both, whichever comes first; with none, it
        runs dry.
    stability : str or float, optional
        How long a filling may stay [h]; by default that of the file of constants.
    prime : bool
        Whether tubing and catheter are filled with drug at the start, at the highest flow; otherwise fluid
        without drug comes out first.
    clock : str or float
        Time of day at time 0, ``"10:30"`` or [h].
    pocket : str
        Compartment of the model that leaks run into; without one they are lost.
    changes : sequence of Change
        Later programmes and fillings; they are put in order of time.
    faults : sequence of Fault
        What goes wrong.
    daily_dose, flow : str or float, optional
        Daily dose as a rate [mg/h] and mean flow [L/h] without requests, as stated elsewhere: a contradiction to
        concentration and programme is an error. The daily dose counts periodic boluses.
    intended : bool
        Concentrations and doses outside the drug's plausible range are meant.

    Raises
    ------
    RegimenError
        All that is wrong with the prescription, with what would fit.

    Examples
    --------
    >>> pump = Pump.of("SynchroMed II 20 mL", drug="morphine", concentration="5 mg/mL",
    ...                programme="0.4 mg/day", catheter=Catheter("60 cm", tip="T10"), refill_at="alarm")
    >>> pump
    SynchroMed II 20 mL: morphine 5 mg/mL, 0.4 mg/day (0.08 mL/day)
      programme  0.4 mg/day
      reservoir  20 mL, refilled at 2 mL
      catheter   60 cm, tip T10, dead volume 0.331 mL: 4.1 days at this flow
    """

    hardware: Hardware
    concentration: float
    programme: Programme
    catheter: Catheter
    drug: str = ""
    fill: float | None = None
    refill_at: float | None = None
    refill_every: float | None = None
    stability: float | None = None
    prime: bool = False
    clock: float = 0.0
    pocket: str = ""
    changes: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()
    daily_dose: float | None = None
    flow: float | None = None
    intended: bool = False

    def __post_init__(self) -> None:
        fields, faults = read_fields(self)
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        _refuse(faults or list(conflicts(self)), f"Pump {self.hardware.name}")

    @classmethod
    def of(cls, name: str, **fields: Any) -> Pump:
        """A prescription on a pump of the file of constants.

        Parameters
        ----------
        name : str
            ``"SynchroMed II 20 mL"``, ``"SynchroMed II 40 mL"`` or ``"Prometra II"``.
        **fields
            Fields of :class:`Pump`; and of :class:`Hardware`, where this pump differs from the file:
            ``alarm="1 mL"``.

        Returns
        -------
        Pump

        """
        own, device = cls.__dataclass_fields__, Hardware.__dataclass_fields__
        faults = [
            f'unknown field "{key}"{did_you_mean(key, [*own, *device])}'
            for key in fields
            if key not in own and key not in device
        ]
        faults += [
            f"no {key}" for key in ("concentration", "programme", "catheter") if key not in fields
        ]
        _refuse(faults, f"Pump {name}")
        hardware = Hardware.of(name, **{key: v for key, v in fields.items() if key in device})
        return cls(hardware, **{key: v for key, v in fields.items() if key in own})

    def changed(self, at: Any, **change: Any) -> Pump:
        """The same pump with one more change of programme or filling.

        Parameters
        ----------
        at : str or float
            When [h].
        **change
            Fields of :class:`Change`: `programme`, `concentration`, `refill`, `bridge`. A constant rate may be
            written as text.

        Returns
        -------
        Pump

        Examples
        --------
        >>> pump = Pump.of("SynchroMed II 20 mL", concentration="10 mg/mL", programme="1 mg/day",
        ...                catheter=Catheter("60 cm", tip="L2"))
        >>> pump = pump.changed("30 d", concentration="20 mg/mL", bridge=True)
        >>> round(pump.settings[1].fixed_until - 720, 3)  # hours that the bridge bolus takes
        79.44
        """
        if isinstance(change.get("programme"), str):
            change["programme"] = Programme(change["programme"])
        return replace(self, changes=(*self.changes, Change(at, **change)))

    def titrated(self, to: Any, by: Any, every: Any, start: Any = 0.0) -> Pump:
        """The same pump with its first programme raised or lowered step by step.

        Parameters
        ----------
        to : str or float
            Daily dose at the end, as a rate [mg/h]; boluses on request are left aside, and as they are.
        by, every, start
            As for :func:`titration`: the first step of the dose comes one interval after `start`.

        Returns
        -------
        Pump

        Examples
        --------
        >>> pump = Pump.of("SynchroMed II 20 mL", concentration="5 mg/mL", programme="0.4 mg/day",
        ...                catheter=Catheter("60 cm", tip="L2"))
        >>> [round(c.programme.daily_dose, 3) for c in pump.titrated("0.6 mg/day", "20 %", "1 week").changes]
        [0.48, 0.576, 0.6]
        """
        dose = self.programme.daily_dose
        steps = titration(dose / DAY, to, by, every, start)[1:]
        new = (Change(s.start, self.programme.scaled(s.daily_dose / dose)) for s in steps)
        return replace(self, changes=(*self.changes, *new))

    @property
    def filling(self) -> float:
        """Volume of a filling [L]."""
        return self.hardware.reservoir if self.fill is None else self.fill

    @property
    def dead_volume(self) -> float:
        """Volume of tubing and catheter [L]."""
        return self.hardware.tubing + self._catheter_volume

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """What it does from one change to the next, priming and bridge boluses included."""
        priming = self.hardware.maximum_flow if self.prime else 0.0
        return settings(self.programme, self.concentration, self.changes, self.dead_volume, priming)

    @property
    def state(self) -> State:
        """The pump at the implantation: full, tubing and catheter without drug."""
        return State(
            0.0,
            Contents(self.filling, self.concentration, 0.0),
            Column((self.hardware.tubing,), (0.0,)),
            Column((self._catheter_volume,), (0.0,)),
        )

    def run(
        self,
        until: Any,
        *,
        requests: Iterable[Any] = (),
        ratio: float = 1.0,
        state: State | None = None,
    ) -> Delivery:
        """Follow the pump, with all that is on the way.

        Parameters
        ----------
        until : str or float
            To when [h].
        requests : iterable of str or float
            Times at which the patient asks for a bolus [h].
        ratio : float
            Actual flow over programmed flow.
        state : State, optional
            Where to go on from, the ``state`` of an earlier run; by default the implantation.

        Returns
        -------
        Delivery
            What left the tip, the ledger, the fillings, what became of the requests, the state at the end.

        Raises
        ------
        RegimenError
            All that is wrong with the arguments.

        Examples
        --------
        >>> pump = Pump.of("SynchroMed II 20 mL", concentration="5 mg/mL", programme="0.48 mg/day",
        ...                catheter=Catheter("60 cm", tip="T10"))
        >>> pump.run("30 d")
        Delivery until 720 h: 12.745 mg at the tip, 0 refills
        """
        begin = state or self.state
        faults: list[str] = []
        end = read(faults, "until", until, "time", above=begin.time)
        asked = read_requests(faults, requests)
        ratio = read(faults, "ratio", ratio, "ratio", above=0)
        _refuse(faults, "Pump.run", "")
        return deliver(self._orders, begin, end, asked, ratio)

    def events(
        self,
        until: Any,
        *,
        subjects: int | Iterable[int] | None = None,
        seed: int | None = None,
        requests: Iterable[Any] | Mapping[int, Iterable[Any]] = (),
    ) -> EventTable:
        """What enters the body, ready for ``simulate``.

        Parameters
        ----------
        until : str or float
            To when [h].
        subjects : int or iterable of int, optional
            So many subjects, or these, each with a pump of another actual flow; without, one pump that flows as
            programmed.
        seed : int, optional
            Root of the random numbers; needed with `subjects`.
        requests : iterable, or mapping of int to iterable
            Times at which the patient asks for a bolus [h], of all subjects or of each.

        Returns
        -------
        EventTable
            Infusions with amount and duration, at the catheter's entry and, for leaks, at the pocket.

        Raises
        ------
        RegimenError
            All that is wrong with the arguments.

        Notes
        -----
        The actual flow over the programmed one is log-normal with median 1 and the hardware's ``flow_cv``. It
        is keyed by seed and subject: any subset of the subjects has the same numbers.

        Examples
        --------
        >>> pump = Pump.of("SynchroMed II 20 mL", concentration="5 mg/mL", programme="0.48 mg/day",
        ...                catheter=Catheter("60 cm", tip="T10"))
        >>> doses = pump.events("30 d")
        >>> doses.time.round(2), doses.duration.round(2), doses.amount.round(3), doses.compartment
        (array([82.75]), array([637.25]), array([12.745]), array(['intrathecal T10'], dtype=object))
        """
        if subjects is None:
            return table_of([self._doses(self.run(until, requests=_of_subject(requests, None)))])
        if seed is None:
            raise RegimenError("a spread between subjects needs seed=", given="Pump.events")
        ratios = flow_ratios(self.hardware.flow_cv, ids := subject_numbers(subjects), seed)
        return table_of(
            [
                self._doses(self.run(until, requests=_of_subject(requests, i), ratio=r))
                for i, r in zip(ids.tolist(), ratios, strict=True)
            ],
            ids,
        )

    def maintenance(
        self, start: Any = None, *, years: float, requests: Iterable[Any] = ()
    ) -> pd.DataFrame:
        """Calendar of refills, alarms, limits of stability and replacement.

        Parameters
        ----------
        start : str or date, optional
            Day of the implantation; the time of day is the pump's `clock`.
        years : float
            How far to look, in years of 365.25 days.
        requests : iterable of str or float
            Times at which the patient asks for a bolus [h].

        Returns
        -------
        pandas.DataFrame
            One row per event, in order, with the columns ``time`` [h], ``date`` where there is a start,
            ``event``, ``volume`` in the reservoir [L] and ``note``.

        Raises
        ------
        RegimenError
            All that is wrong with the arguments.
        """
        from pkmodel.devices.implanted.maintenance import calendar

        faults: list[str] = []
        hours = read(faults, "years", years, "ratio", above=0) * 365.25 * DAY
        _refuse(faults, "Pump.maintenance", "")
        drug, _ = drug_of(self.drug)
        known = stability(drug.name if drug else self.drug)
        limits = known if self.stability is None else (self.stability,) * 2
        return calendar(
            self.run(hours, requests=requests), self.hardware, limits, start, self.clock
        )

    @property
    def _catheter_volume(self) -> float:
        return self.catheter.length * self.hardware.bore

    @cached_property
    def _orders(self) -> Orders:
        levels = self.filling, self.hardware.residual, self.hardware.alarm
        policy = Policy(*levels, self.refill_at, self.refill_every)
        return Orders(self.settings, self.faults, policy, self.clock)

    def _doses(self, delivery: Delivery) -> dict[str, Any]:
        return doses([(self.catheter.entry, delivery.tip), (self.pocket, delivery.pocket)])

    def __repr__(self) -> str:
        return describe(self)


def _of_subject(requests: Any, subject: int | None) -> Iterable[Any]:
    return requests.get(subject, ()) if isinstance(requests, Mapping) else requests


def _refuse(faults: Sequence[str], given: str, remedy: str = _EXAMPLE) -> None:
    if faults:
        raise RegimenError(*faults, given=given, remedy=remedy)
