"""What is ordered: text ↔ orders.

``then`` binds tighter than ``+``: "60 mg oral q12h x 14 then 30 mg oral q12h x 14 + 0.2 mg/day
intrathecal pump for 14 d" is one line of therapy of two steps, and a second line beside it.
"""

from pkmodel.regimen.order import Order
from pkmodel.regimen.regimens import Regimen

__all__ = ["Order", "Regimen"]
