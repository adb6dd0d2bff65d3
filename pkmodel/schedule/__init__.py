"""From orders and records to events: what enters which state at what time, for every case."""

from pkmodel.schedule.closures import closures_of
from pkmodel.schedule.orders import Schedule, schedule
from pkmodel.schedule.programmes import tape_of
from pkmodel.schedule.realise import realise
from pkmodel.schedule.records import Programmes, inputs_of, observed, subject_starts, trains_of
from pkmodel.schedule.sizes import BODY_SIZES, body_sizes, size_of
from pkmodel.schedule.tape import ROUNDING, Tape

__all__ = [
    "BODY_SIZES",
    "ROUNDING",
    "Programmes",
    "Schedule",
    "Tape",
    "body_sizes",
    "closures_of",
    "inputs_of",
    "observed",
    "realise",
    "schedule",
    "size_of",
    "subject_starts",
    "tape_of",
    "trains_of",
]
