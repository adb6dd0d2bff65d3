"""The neuraxis: a chain of segments of CSF and cord, the CSF of the head in three parts, and the brain.

Finite volumes. Between the middles of two neighbouring segments lie the resistances R [h/L] of their halves,

    R = t / (2 n V p²)        t = length² / dispersion coefficient of the region, n V its segments and volume

so that 1/R_1 + 1/R_2 is taken as the harmonic mean (p: relative pulsation). Where CSF flows down through the face
at the rate q [L/h], the flows across it are fitted exponentials (Scharfetter and Gummel):

    up = q / (exp(q R) - 1)        down = up + q        R the sum of both halves

which is exact for constant q and R, never negative, and adds no dispersion of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import numpy as np

from pkmodel.library.parts import Covariate, Part, barrier, remainder, together, two_way
from pkmodel.library.spine import (
    CONUS,
    ENLARGEMENT,
    REGIONS,
    TOP,
    Cell,
    Spine,
    between,
    route_at,
    shared,
)
from pkmodel.model import Compartment, Flow, Input, Output

CISTERNS = "cisternal_csf"
_HEAD = (CISTERNS, "subarachnoid_csf", "ventricular_csf")


def segments(spine: Spine, groups: Collection[str]) -> Part:
    """Compartments of the neuraxis, from the lumbar sac to the brain, with the optional `groups` of parameters."""
    csf = together(_csf(spine), _head(), _exchange(spine))
    doses = together(_intrathecal(spine), _through_the_dura(spine, "dura" in groups))
    return together(csf, _cord(spine), _brain(), doses, _sites(spine))


def _csf(spine: Spine) -> Part:
    """Segments of spinal CSF: volumes, absorption on the way, and exchange with blood."""
    boxes, flows = [], []
    covariates: dict[str, Covariate] = {
        f"{region}_segment_volume": partial(_segment_volume, region, n)
        for region, n in spine.shares.items()
    }
    for cell in spine.cells:
        volume = f"{cell.region}_segment_volume"
        boxes.append(Compartment(cell.csf, volume))
        flows.append(Flow(cell.csf, "plasma", "clearance", ("spinal_absorption_rate", volume)))
        flows += barrier("plasma", cell.csf, "csf_loss_rate", volume, "csf_plasma_ratio")
    covariates["csf_volume"] = lambda p: _spinal_volume(p) + p["cranial_csf_volume"]
    covariates["spinal_absorption_rate"] = lambda p: _spinal_flow(p) / _spinal_volume(p)
    return Part(boxes, flows, covariates=covariates)


def _exchange(spine: Spine) -> Part:
    """Dispersion and bulk flow between neighbouring segments, and from the highest to the cisterns."""
    part, shares = Part(), spine.shares
    below: Counter[str] = Counter()
    for here, above in zip(spine.cells, (*spine.cells[1:], None), strict=True):
        below[here.region] += 1
        fractions = {r: k / shares[r] for r, k in below.items()}
        up, down = f"{here.csf}_up", f"{here.csf}_down"
        neighbour = CISTERNS if above is None else above.csf
        part.flows.append(Flow(here.csf, neighbour, "clearance", (up,)))
        part.flows.append(Flow(neighbour, here.csf, "clearance", (down,)))
        halves = [here.region, None if above is None else above.region]
        part.covariates[up] = partial(_up, halves, shares, fractions)
        part.covariates[down] = partial(_down, up, fractions)
    return part


def _head() -> Part:
    """CSF of the head: made in the ventricles, absorbed from the subarachnoid space."""
    cisterns, subarachnoid, ventricles = _HEAD
    flows = [
        Flow(ventricles, cisterns, "clearance", ("csf_production",)),
        *two_way(ventricles, cisterns, "ventricular_mixing"),
        Flow(cisterns, subarachnoid, "clearance", ("cranial_outflow",)),
        *two_way(cisterns, subarachnoid, "cranial_mixing"),
        Flow(subarachnoid, "plasma", "clearance", ("cranial_outflow",)),
    ]
    for box in _HEAD:
        flows += barrier("plasma", box, "csf_loss_rate", f"{box}_volume", "csf_plasma_ratio")
    covariates: dict[str, Covariate] = {
        "cranial_outflow": lambda p: p["csf_production"] * (1 - p["spinal_outflow_fraction"]),
        "subarachnoid_csf_fraction": partial(
            remainder, ("cisternal_csf_fraction", "ventricular_csf_fraction")
        ),
        **{f"{box}_volume": partial(_head_volume, box) for box in _HEAD},
    }
    boxes = [Compartment(box, f"{box}_volume") for box in _HEAD]
    return Part(boxes, flows, covariates=covariates)


def _cord(spine: Spine) -> Part:
    """Cord beside every segment above the conus, in exchange with that segment and with blood."""
    part = Part()
    for cell in corded(spine):
        length = cell.overlap(CONUS, TOP)
        volume = f"{cell.cord}_volume"
        part.compartments.append(Compartment(cell.cord, volume))
        part.covariates[volume] = partial(_cord_volume, length / (TOP - CONUS))
        part.flows.extend(
            barrier(cell.csf, cell.cord, "cord_exchange_rate", volume, "cord_csf_ratio")
        )
        part.flows.extend(
            barrier("plasma", cell.cord, "brain_exchange_rate", volume, "brain_plasma_ratio")
        )
    return part


def _brain() -> Part:
    flows = barrier("plasma", "brain", "brain_exchange_rate", "brain_volume", "brain_plasma_ratio")
    flows += two_way("subarachnoid_csf", "brain", "brain_csf_clearance")
    return Part([Compartment("brain", "brain_volume")], flows)


def _intrathecal(spine: Spine) -> Part:
    """Doses into the segments around the tip; a second name of the route says where that is."""
    part = Part()
    for cell, share in spine.entered(spine.tip).items():
        name = f"intrathecal_into_{cell.csf}"
        part.covariates[name] = partial(_fraction, "intrathecal_bioavailability", share)
        for route in ("intrathecal", route_at(spine.tip)):
            part.inputs.append(Input(route, cell.csf, bioavailability=name))
    return part


def _through_the_dura(spine: Spine, dura: bool) -> Part:
    """What crosses from the epidural space into the segments beside it, at once or with the delay of the dura."""
    source = "dura" if dura else "epidural"
    rate = ("dura_transfer_rate",) if dura else ("epidural_loss_rate", "epidural_csf_fraction")
    shares = spine.entered(spine.epidural).items()
    return Part(flows=[Flow(source, cell.csf, "rate", (*rate, share)) for cell, share in shares])


def _sites(spine: Spine) -> Part:
    """Means over the regions and over the head, and the levels asked for."""
    cells, cord = spine.cells, corded(spine)
    stretches = {
        "cord": (CONUS, ENLARGEMENT),
        "thoracic_cord": (ENLARGEMENT, 19.0),
        "cervical_cord": (19.0, TOP),
    }
    outputs = [
        Output(f"{region}_csf", {c.csf: 1 / n for c in cells if c.region == region})
        for region, n in spine.shares.items()
    ]
    outputs.append(Output("cranial_csf", {box: f"{box}_fraction" for box in _HEAD}))
    outputs += [Output(box, box) for box in _HEAD]
    outputs += [
        Output(name, {c.cord: w for c, w in shared(cord, low, high).items()})
        for name, (low, high) in stretches.items()
    ]
    outputs.append(Output("brain", "brain"))
    for site in spine.sites:
        what, level = site.split()
        weights = between(cells if what == "csf" else cord, level)
        outputs.append(Output(site, {getattr(c, what): w for c, w in weights.items() if w}))
    return Part(outputs=outputs)


def corded(spine: Spine) -> tuple[Cell, ...]:
    """Segments with cord beside them."""
    return tuple(c for c in spine.cells if c.high > CONUS)


Values = Mapping[str, Any]


def _segment_volume(region: str, n: int, p: Values) -> Any:
    return p[f"{region}_csf_volume"] / n


def _head_volume(box: str, p: Values) -> Any:
    return p["cranial_csf_volume"] * p[f"{box}_fraction"]


def _cord_volume(share: float, p: Values) -> Any:
    return p["whole_cord_volume"] * share


def _fraction(name: str, share: float, p: Values) -> Any:
    return p[name] * share


def _spinal_volume(p: Values) -> Any:
    return sum(p[f"{region}_csf_volume"] for region in REGIONS)


def _spinal_flow(p: Values) -> Any:
    """Bulk flow from the cisterns into the spine [L/h]."""
    return p["csf_production"] * p["spinal_outflow_fraction"]


def _through(fractions: Mapping[str, float], p: Values) -> Any:
    """Bulk flow down through a face [L/h]: what is absorbed below it, in these fractions of the regions."""
    below = sum(k * p[f"{region}_csf_volume"] for region, k in fractions.items())
    return _spinal_flow(p) * below / _spinal_volume(p)


def _half(region: str | None, shares: Mapping[str, int], p: Values) -> Any:
    """Resistance from the middle of a segment to its end [h/L]; None: the cisterns, as wide as the neck's canal."""
    if region is None:
        volume, cell = p["cervical_csf_volume"], p["cisternal_csf_volume"]
        time = p["cervical_dispersion_time"]
    else:
        volume, time = p[f"{region}_csf_volume"], p[f"{region}_dispersion_time"]
        cell = volume / shares[region]
    return time * cell / (2 * volume**2 * p["csf_pulsation"] ** 2)


def _up(
    halves: list[str | None], shares: Mapping[str, int], fractions: Mapping[str, float], p: Values
) -> Any:
    resistance = sum(_half(region, shares, p) for region in halves)
    peclet = _through(fractions, p) * resistance
    return np.where(peclet > 0, peclet / np.expm1(peclet), 1.0) / resistance


def _down(up: str, fractions: Mapping[str, float], p: Values) -> Any:
    return p[up] + _through(fractions, p)
