"""Noncompartmental analysis of labelled profiles: areas, peaks, troughs, half-life.

Functions take DataArrays with a dimension ``time`` in hours and keep all other dimensions. Names,
rules and defaults follow PKNCA (Denney W, Duvvuri S, Buckeridge C, 2015, Simple, automatic
noncompartmental analysis: the PKNCA R package, J Pharmacokinet Pharmacodyn 42(1):11-107, S65).
"""

from pkmodel.nca.areas import auc, aumc, cav
from pkmodel.nca.peaks import clast, cmax, cmin, ctrough, tlast, tmax, tmin
from pkmodel.nca.profiles import METRICS
from pkmodel.nca.repeated import accumulation_ratio, deg_fluc, ptr, swing, time_to_steady_state
from pkmodel.nca.report import summary, to_table
from pkmodel.nca.terminal import REASONS, explain, half_life, terminal

__all__ = [
    "METRICS",
    "REASONS",
    "accumulation_ratio",
    "auc",
    "aumc",
    "cav",
    "clast",
    "cmax",
    "cmin",
    "ctrough",
    "deg_fluc",
    "explain",
    "half_life",
    "ptr",
    "summary",
    "swing",
    "terminal",
    "time_to_steady_state",
    "tlast",
    "tmax",
    "tmin",
    "to_table",
]
