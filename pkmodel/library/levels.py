"""The coarse neuraxis: four well-mixed levels of CSF, the cord beside the lowest, and the brain."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pkmodel.library.parts import Covariate, Part, barrier, two_way
from pkmodel.model import Compartment, Flow, Input, Output

_LEVELS = ("lumbar_csf", "thoracic_csf", "cervical_csf", "cranial_csf")


def levels() -> Part:
    """Compartments of the neuraxis, from the lumbar sac to the brain."""
    boxes = [Compartment(level, f"{level}_volume") for level in _LEVELS]
    boxes += [Compartment("cord", "cord_volume"), Compartment("brain", "brain_volume")]
    entry = Input("intrathecal", "lumbar_csf", bioavailability="intrathecal_bioavailability")
    outputs = [Output(site, site) for site in (*_LEVELS, "cord", "brain")]
    return Part(boxes, list(_FLOWS), [entry], outputs, dict(_BULK_FLOW))


_FLOWS: list[Flow] = [
    Flow("epidural", "lumbar_csf", "rate", ("epidural_loss_rate", "epidural_csf_fraction")),
    *two_way("lumbar_csf", "thoracic_csf", "lumbar_thoracic_mixing"),
    *two_way("thoracic_csf", "cervical_csf", "thoracic_cervical_mixing"),
    *two_way("cervical_csf", "cranial_csf", "cervical_cranial_mixing"),
    Flow("cranial_csf", "cervical_csf", "clearance", ("cervical_inflow",)),
    Flow("cervical_csf", "thoracic_csf", "clearance", ("thoracic_inflow",)),
    Flow("thoracic_csf", "lumbar_csf", "clearance", ("lumbar_outflow",)),
    *(Flow(level, "plasma", "clearance", (f"{level.removesuffix('_csf')}_outflow",)) for level in _LEVELS),
    *(flow for level in _LEVELS
      for flow in barrier("plasma", level, "csf_loss_rate", f"{level}_volume", "csf_plasma_ratio")),
    *barrier("lumbar_csf", "cord", "cord_exchange_rate", "cord_volume", "cord_csf_ratio"),
    *barrier("plasma", "cord", "brain_exchange_rate", "cord_volume", "brain_plasma_ratio"),
    *barrier("plasma", "brain", "brain_exchange_rate", "brain_volume", "brain_plasma_ratio"),
    *two_way("cranial_csf", "brain", "brain_csf_clearance"),
]  # fmt: skip


def _outflow(level: str, p: Mapping[str, Any]) -> Any:
    spinal = p["lumbar_csf_volume"] + p["thoracic_csf_volume"] + p["cervical_csf_volume"]
    return p["csf_production"] * p["spinal_outflow_fraction"] * p[f"{level}_csf_volume"] / spinal


_BULK_FLOW: dict[str, Covariate] = {
    "cranial_outflow": lambda p: p["csf_production"] * (1 - p["spinal_outflow_fraction"]),
    "lumbar_outflow": partial(_outflow, "lumbar"),
    "thoracic_outflow": partial(_outflow, "thoracic"),
    "cervical_outflow": partial(_outflow, "cervical"),
    "thoracic_inflow": lambda p: p["lumbar_outflow"] + p["thoracic_outflow"],
    "cervical_inflow": lambda p: p["thoracic_inflow"] + p["cervical_outflow"],
}
