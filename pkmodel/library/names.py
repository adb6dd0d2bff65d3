"""Names of the library's parameters: their dimension, their meaning, and the group in which they come."""

from __future__ import annotations

__all__ = ["DIMENSIONS", "METABOLITES", "NEURAXIAL", "NONLINEAR"]

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
        "fraction of an intrathecal dose that enters CSF",
    ),
    "epidural_loss_rate": ("rate_constant", "first-order loss from the epidural space"),
    "epidural_csf_fraction": ("fraction", "part of that loss that crosses the dura into CSF"),
    "dura_transfer_rate": ("rate_constant", "passage from the dura into the CSF beneath it"),
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
    "csf_loss_rate": ("rate_constant", "loss from CSF to blood"),
    "csf_plasma_ratio": ("ratio", "CSF:plasma concentration ratio at rest, without bulk flow"),
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
    "m3g_csf_exchange_rate": ("rate_constant", "equilibration of CSF with M3G in blood"),
    "m3g_csf_plasma_ratio": ("ratio", "CSF:plasma concentration ratio of M3G at rest"),
    "m6g_fraction": ("fraction", "part of the systemic clearance that forms M6G"),
    "m6g_first_pass_fraction": (
        "fraction",
        "part of what an oral dose loses on its first pass that is M6G",
    ),
    "m6g_clearance": ("clearance", "elimination of M6G"),
    "m6g_volume": ("volume", "volume of distribution of M6G"),
    "m6g_mass_ratio": ("ratio", "molar mass of M6G over that of the drug"),
    "m6g_csf_exchange_rate": ("rate_constant", "equilibration of CSF with M6G in blood"),
    "m6g_csf_plasma_ratio": ("ratio", "CSF:plasma concentration ratio of M6G at rest"),
}
"""Dimension and meaning of every parameter of the linear models."""

METABOLITES = ("m3g", "m6g")

_OPTIONAL = {
    "oral": ("absorption_rate", "oral_bioavailability", "oral_lag"),
    "oral modified": ("oral_modified_bioavailability", "oral_modified_duration"),
    "deep": ("deep_intercompartmental_clearance", "deep_peripheral_volume"),
    "epidural fat": ("epidural_fat_uptake_rate", "epidural_fat_release_rate"),
    "dura": ("dura_transfer_rate",),
    "metabolites": tuple(n for n in DIMENSIONS if n.startswith(METABOLITES)),
}
_ELSEWHERE = ("bioavailability", "lag", *(n for group in _OPTIONAL.values() for n in group))

NEURAXIAL: dict[str, tuple[str, ...]] = {
    **_OPTIONAL,
    "required": tuple(n for n in DIMENSIONS if n not in _ELSEWHERE),
}
"""Parameters of the neuraxial model by the group in which they come."""

NONLINEAR: dict[str, tuple[str, str]] = {
    "maximum_rate": ("rate", "largest rate of saturable elimination"),
    "michaelis_constant": (
        "concentration",
        "concentration at which saturable elimination runs at half its largest rate",
    ),
    "elimination_exponent": ("ratio", "Hill exponent of saturable elimination"),
    "equilibration_rate": ("rate_constant", "equilibration of the effect site (ke0)"),
    "production": ("ratio", "zero-order production of the response, in its unit per hour"),
    "loss_rate": ("rate_constant", "first-order loss of the response"),
    "maximum_effect": ("ratio", "largest change of production or loss, relative to it"),
    "half_effect": ("concentration", "concentration of half the largest effect"),
    "effect_exponent": ("ratio", "Hill exponent of the effect"),
    "tolerance_rate": ("rate_constant", "pace at which the moderator follows the response"),
    "association_rate": ("association", "association of drug with receptor or target"),
    "dissociation_rate": ("rate_constant", "dissociation of drug from receptor or target"),
    "internalisation_rate": ("rate_constant", "loss of the complex of drug and target"),
    "target_baseline": ("concentration", "target without drug, as the drug that it can bind"),
    "target_loss_rate": ("rate_constant", "loss of free target"),
}
"""Dimension and meaning of the parameters that the nonlinear models have beside those of the linear ones."""
