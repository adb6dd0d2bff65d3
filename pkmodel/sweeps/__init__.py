"""Sweeps: many runs of a comparison, in boxes, on threads or a cluster, kept in memory or in a store.

The results of a run do not depend on the box, the worker or the order in which it is computed.
"""

from pkmodel.sweeps.costs import Size
from pkmodel.sweeps.design import Design, from_table, grid, latin_hypercube, sobol
from pkmodel.sweeps.plan import METRICS, Plan
from pkmodel.sweeps.planning import plan_of
from pkmodel.sweeps.reading import Written, read
from pkmodel.sweeps.running import Progress, describe, progress, resume, sweep

__all__ = [
    "METRICS",
    "Design",
    "Plan",
    "Progress",
    "Size",
    "Written",
    "describe",
    "from_table",
    "grid",
    "latin_hypercube",
    "plan_of",
    "progress",
    "read",
    "resume",
    "sobol",
    "sweep",
]
