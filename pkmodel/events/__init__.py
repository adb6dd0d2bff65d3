"""Event tables: dosing and observation records with NONMEM's meaning of the columns.

A table is read and checked as a whole (`EventTable.read`, `EventTable.of`); what exists is consistent, and
nobody checks again.
"""

from pkmodel.events.table import EventTable

__all__ = ["EventTable"]
