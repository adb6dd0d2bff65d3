"""Names of the library's parameters: their dimension, their meaning, and the group in which they come."""

from __future__ import annotations

__all__ = ["DIMENSIONS", "METABOLITES", "NEURAXIAL", "SEGMENTED"]

DIMENSIONS: dict[str, tuple[str, str]] = {
    "clearance": ("clearance", "systemic clearance"),
    "volume": ("volume", "central volume of distribution"),
    "intercompartmental_clearance": ("clearance", "exchange with the peripheral compartment"),
    "peripheral_volume": ("volume", "peripheral volume of distribution"),
    "deep_intercompartmental_clearance": (
        "clearance",
        "exchange with the deep peripheral compartment",
    ),
    "deep_peripheral_volume": ("volume", "deep peripheral volume of distribution"),
    "absorption_rate": ("rate_constant", "first-order absorption from the gut"),
    "bioavailability": ("fraction", "fraction of the dose that reaches the blood"),
    "lag": ("time", "delay before absorption begins"),
    "oral_bioavailability": (
        "fraction",
        "fraction of an immediate-release oral dose that reaches the blood",
    ),
    "oral_lag": ("time", "delay before an oral dose begins to be absorbed"),
    "oral_modified_bioavailability": ("fraction", "the same fraction for modified release"),
    "oral_modified_duration": (
        "time",
        "time over which a modified-release tablet releases the drug",
    ),
    "intrathecal_bioavailability": (
        "fraction",
        "fraction of an intrathecal dose that enters lumbar CSF",
    ),
    "epidural_loss_rate": ("rate_constant", "first-order loss from the epidural space"),
    "epidural_csf_fraction": (
        "fraction",
        "part of that loss that crosses the dura into lumbar CSF",
    ),
    "epidural_fat_uptake_rate": ("rate_constant", "uptake from the epidural space into its fat"),
    "epidural_fat_release_rate": ("rate_constant", "release from epidural fat into the space"),
    "csf_production": ("clearance", "production of CSF, free of drug, in the head"),
    "spinal_outflow_fraction": (
        "fraction",
        "part of the CSF produced that is absorbed along the spine",
    ),
    "lumbar_csf_volume": ("volume", "lumbosacral CSF"),
    "thoracic_csf_volume": ("volume", "thoracic CSF"),
    "cervical_csf_volume": ("volume", "cervical CSF"),
    "cranial_csf_volume": ("volume", "CSF of the head, cisterns and ventricles"),
    "lumbar_thoracic_mixing": ("clearance", "pulsatile mixing between lumbar and thoracic CSF"),
    "thoracic_cervical_mixing": ("clearance", "pulsatile mixing between thoracic and cervical CSF"),
    "cervical_cranial_mixing": ("clearance", "pulsatile mixing between cervical and cranial CSF"),
    "csf_loss_rate": ("rate_constant", "loss from CSF to blood"),
    "csf_plasma_ratio": ("ratio", "CSF:plasma concentration ratio at rest, without bulk flow"),
    "cord_volume": ("volume", "spinal cord beside the lumbar CSF"),
    "cord_exchange_rate": ("rate_constant", "equilibration of cord with the CSF beside it"),
    "cord_csf_ratio": ("ratio", "cord:CSF concentration ratio at rest"),
    "brain_volume": ("volume", "brain"),
    "brain_exchange_rate": ("rate_constant", "equilibration of brain and cord with blood"),
    "brain_plasma_ratio": ("ratio", "brain:plasma concentration ratio at rest"),
    "brain_csf_clearance": ("clearance", "exchange between brain and cranial CSF"),
    "lumbar_dispersion_time": (
        "time",
        "length² / dispersion coefficient of lumbosacral CSF, S2 to L1",
    ),
    "thoracic_dispersion_time": ("time", "the same of thoracic CSF, T12 to T1"),
    "cervical_dispersion_time": ("time", "the same of cervical CSF, C7 to C1"),
    "csf_pulsation": ("ratio", "stroke of the pulsation of CSF, relative to the average adult"),
    "ventricular_csf_fraction": ("fraction", "part of the CSF of the head in the ventricles"),
    "cisternal_csf_fraction": (
        "fraction",
        "part of the CSF of the head in the cisterns at its base",
    ),
    "cranial_mixing": ("clearance", "pulsatile mixing between cisterns and subarachnoid CSF above"),
    "ventricular_mixing": ("clearance", "pulsatile mixing between cisterns and ventricles"),
    "whole_cord_volume": ("volume", "spinal cord from the conus at L1-L2 to C1"),
    "m3g_fraction": ("fraction", "part of the systemic clearance that forms M3G"),
    "m3g_first_pass_fraction": (
        "fraction",
        "part of what an oral dose loses on its first pass that is M3G",
    ),
    "m3g_clearance": ("clearance", "elimination of M3G"),
    "m3g_volume": ("volume", "volume of distribution of M3G"),
    "m3g_mass_ratio": ("ratio", "molar mass of M3G over that of the drug"),
    "m6g_fraction": ("fraction", "part of the systemic clearance that forms M6G"),
    "m6g_first_pass_fraction": (
        "fraction",
        "part of what an oral dose loses on its first pass that is M6G",
    ),
    "m6g_clearance": ("clearance", "elimination of M6G"),
    "m6g_volume": ("volume", "volume of distribution of M6G"),
    "m6g_mass_ratio": ("ratio", "molar mass of M6G over that of the drug"),
}
"""Dimension and meaning of every parameter of the library."""

METABOLITES = ("m3g", "m6g")

_OPTIONAL = {
    "oral": ("absorption_rate", "oral_bioavailability", "oral_lag"),
    "oral modified": ("oral_modified_bioavailability", "oral_modified_duration"),
    "deep": ("deep_intercompartmental_clearance", "deep_peripheral_volume"),
    "epidural fat": ("epidural_fat_uptake_rate", "epidural_fat_release_rate"),
}
_MIXING = ("lumbar_thoracic_mixing", "thoracic_cervical_mixing", "cervical_cranial_mixing")
_LEVELS_ONLY = (*_MIXING, "cord_volume")
_METABOLITES = tuple(n for n in DIMENSIONS if n.startswith(METABOLITES))
_SEGMENTS_ONLY = (
    "lumbar_dispersion_time",
    "thoracic_dispersion_time",
    "cervical_dispersion_time",
    "csf_pulsation",
    "ventricular_csf_fraction",
    "cisternal_csf_fraction",
    "cranial_mixing",
    "ventricular_mixing",
    "whole_cord_volume",
)


def _required(*others: tuple[str, ...]) -> tuple[str, ...]:
    """All names but these, the optional groups, and those of other models of the library."""
    without = {
        n for group in (*_OPTIONAL.values(), *others, ("bioavailability", "lag")) for n in group
    }
    return tuple(n for n in DIMENSIONS if n not in without)


NEURAXIAL: dict[str, tuple[str, ...]] = {
    **_OPTIONAL,
    "required": _required(_SEGMENTS_ONLY, _METABOLITES),
}
"""Parameters of the neuraxial model with four levels of CSF, by the group in which they come."""

SEGMENTED: dict[str, tuple[str, ...]] = {
    **_OPTIONAL,
    "metabolites": _METABOLITES,
    "required": _required(_LEVELS_ONLY, _METABOLITES),
}
"""Parameters of the neuraxial model with a chain of segments, likewise."""
