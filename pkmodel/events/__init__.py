"""Event tables: dosing and observation records with NONMEM's meaning of the columns."""

from pkmodel.events.table import EventTable

__all__ = ["EventTable"]
