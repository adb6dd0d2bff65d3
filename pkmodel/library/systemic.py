"""Gut, blood, metabolites and the epidural space."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from pkmodel.library.names import METABOLITES
from pkmodel.library.parts import Part, barrier, remainder, together, two_way
from pkmodel.model import Compartment, Flow, Input, Output


def systemic(groups: Collection[str]) -> Part:
    """Everything outside the neuraxis, with the optional `groups` of parameters.

    Notes
    -----
    What enters CSF, from the dura or from the epidural space, is left to the neuraxis.
    """
    wanted = {"required", *groups}
    if "metabolites" not in groups:
        wanted.add("eliminated")
    base = Part(
        [box for group, box in _BOXES if group in wanted],
        [flow for group, flow in _FLOWS if group in wanted],
        [entry for group, entry in _INPUTS if group in wanted],
        [Output("plasma", "plasma")],
        {"epidural_blood_fraction": partial(remainder, ("epidural_csf_fraction",))},
    )
    if "metabolites" not in wanted:
        return base
    forms: list[str] = [form for form in ("oral", "oral modified") if form in wanted]
    return together(base, _unchanged(), *(_metabolite(m, forms) for m in METABOLITES))


_BOXES: list[tuple[str, Compartment]] = [
    ("oral", Compartment("gut")),
    ("required", Compartment("plasma", "volume")),
    ("required", Compartment("peripheral", "peripheral_volume")),
    ("deep", Compartment("deep_peripheral", "deep_peripheral_volume")),
    ("required", Compartment("epidural")),
    ("epidural fat", Compartment("epidural_fat")),
    ("dura", Compartment("dura")),
]

_FLOWS: list[tuple[str, Flow]] = [
    ("oral", Flow("gut", "plasma", "rate", ("absorption_rate",))),
    *(("deep", f) for f in two_way("plasma", "deep_peripheral", "deep_intercompartmental_clearance")),
    ("eliminated", Flow("plasma", None, "clearance", ("clearance",))),
    *(("required", f) for f in two_way("plasma", "peripheral", "intercompartmental_clearance")),
    ("epidural fat", Flow("epidural", "epidural_fat", "rate", ("epidural_fat_uptake_rate",))),
    ("epidural fat", Flow("epidural_fat", "epidural", "rate", ("epidural_fat_release_rate",))),
    ("required", Flow("epidural", "plasma", "rate", ("epidural_loss_rate", "epidural_blood_fraction"))),
    ("dura", Flow("epidural", "dura", "rate", ("epidural_loss_rate", "epidural_csf_fraction"))),
]  # fmt: skip

_MODIFIED = Input(
    "oral modified", "gut", bioavailability="oral_modified_bioavailability", lag="oral_lag",
    duration="oral_modified_duration",
)  # fmt: skip

_INPUTS: list[tuple[str, Input]] = [
    ("oral", Input("oral", "gut", bioavailability="oral_bioavailability", lag="oral_lag")),
    ("oral modified", _MODIFIED),
    ("required", Input("iv", "plasma")),
    ("required", Input("epidural", "epidural")),
]


def _unchanged() -> Part:
    """Elimination of the drug by other ways than its metabolites."""
    name = "other_clearance_fraction"
    formed = tuple(f"{m}_fraction" for m in METABOLITES)
    return Part(
        flows=[Flow("plasma", None, "clearance", ("clearance", name))],
        covariates={name: partial(remainder, formed)},
    )


def _metabolite(name: str, forms: list[str]) -> Part:
    """A metabolite in amounts of the parent drug; its concentration is that of its own mass.

    Notes
    -----
    An oral dose brings what the gut wall and the liver form on its first pass, with the delay of absorption. CSF
    as a whole takes it up from blood: under an intrathecal infusion it does not fall with the distance from the tip.
    """
    csf, gut, mass = f"{name}_csf", f"{name}_gut", f"{name}_mass_ratio"
    part = Part(
        [Compartment(name, f"{name}_volume"), Compartment(csf, "csf_volume")],
        [
            Flow("plasma", name, "clearance", ("clearance", f"{name}_fraction")),
            Flow(name, None, "clearance", (f"{name}_clearance",)),
            *barrier(name, csf, f"{csf}_exchange_rate", "csf_volume", f"{csf}_plasma_ratio"),
        ],
        outputs=[Output(name, {name: mass}), Output(csf, {csf: mass})],
    )
    if forms:
        part.compartments.append(Compartment(gut))
        part.flows.append(Flow(gut, name, "rate", ("absorption_rate",)))
    for form in forms:
        stem = form.replace(" ", "_")
        share = f"{name}_{stem}_share"
        part.covariates[share] = partial(_first_pass, name, f"{stem}_bioavailability")
        duration = "oral_modified_duration" if form == "oral modified" else None
        part.inputs.append(Input(form, gut, share, "oral_lag", duration))
    return part


def _first_pass(name: str, bioavailability: str, p: Mapping[str, Any]) -> Any:
    return (1 - p[bioavailability]) * p[f"{name}_first_pass_fraction"]
