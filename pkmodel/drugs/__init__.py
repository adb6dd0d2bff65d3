"""Drugs as files: every number with its unit, spread, source and the trust it deserves.

>>> morphine = Drug.read("morphine")
>>> morphine.parameters["clearance"].text, morphine.ratio()
('1.234 L/min', 300.0)

A drug of your own is a file of the same form, read by its path; ``docs/drugs.md`` explains the keys.
"""

from pkmodel.drugs.drug import Drug, Row, citation
from pkmodel.drugs.schema import CONFIDENCE, Equivalence, Limits, Preset, Refusal, Sourced, Variant

__all__ = [
    "CONFIDENCE",
    "Drug",
    "Equivalence",
    "Limits",
    "Preset",
    "Refusal",
    "Row",
    "Sourced",
    "Variant",
    "citation",
]
