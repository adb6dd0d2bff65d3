"""Ready models: one, two and three compartments with or without a depot, and the neuraxial model.

Every function takes its parameters by name: text with a unit, a number in internal units (mg, h, L), or a
:class:`~pkmodel.model.Parameter` with its spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pkmodel import units
from pkmodel.errors import ModelError, did_you_mean
from pkmodel.model import Compartment, Flow, Input, Model, Output, Parameter

__all__ = ["neuraxial", "one_compartment", "three_compartment", "two_compartment"]

Value = str | float | Parameter


def one_compartment(
    *,
    clearance: Value = "5 L/h",
    volume: Value = "50 L",
    depot: bool = False,
    absorption_rate: Value = "1 /h",
    bioavailability: Value = 1.0,
    lag: Value = "0 h",
) -> Model:
    """One compartment with first-order elimination.

    Parameters
    ----------
    clearance, volume : str, float or Parameter
        Clearance [L/h] and volume of distribution [L].
    depot : bool
        With a depot, and the route ``oral`` into it.
    absorption_rate, bioavailability, lag : str, float or Parameter
        First-order absorption from the depot [1/h], fraction absorbed, delay [h]; used with `depot`.

    Returns
    -------
    Model
        Routes ``iv`` (and ``oral``), site ``central``.

    Examples
    --------
    >>> one_compartment(clearance="5 L/h", volume="50 L").rate_matrix()
    array([[-0.1]])
    """
    values = {"clearance": clearance, "volume": volume}
    oral = {"absorption_rate": absorption_rate, "bioavailability": bioavailability, "lag": lag}
    return _mammillary("one compartment", values, oral if depot else {}, [])


def two_compartment(
    *,
    clearance: Value = "5 L/h",
    volume: Value = "50 L",
    intercompartmental_clearance: Value = "8 L/h",
    peripheral_volume: Value = "100 L",
    depot: bool = False,
    absorption_rate: Value = "1 /h",
    bioavailability: Value = 1.0,
    lag: Value = "0 h",
) -> Model:
    """A central compartment and one peripheral compartment.

    Parameters
    ----------
    clearance, volume : str, float or Parameter
        Clearance [L/h] from, and volume [L] of the central compartment.
    intercompartmental_clearance, peripheral_volume : str, float or Parameter
        Exchange with [L/h], and volume [L] of the peripheral compartment.
    depot : bool
        With a depot, and the route ``oral`` into it.
    absorption_rate, bioavailability, lag : str, float or Parameter
        First-order absorption from the depot [1/h], fraction absorbed, delay [h]; used with `depot`.

    Returns
    -------
    Model
        Routes ``iv`` (and ``oral``), sites ``central`` and ``peripheral``.

    Examples
    --------
    >>> two_compartment(depot=True).states
    ('depot', 'central', 'peripheral')
    """
    values = {
        "clearance": clearance,
        "volume": volume,
        "intercompartmental_clearance": intercompartmental_clearance,
        "peripheral_volume": peripheral_volume,
    }
    oral = {"absorption_rate": absorption_rate, "bioavailability": bioavailability, "lag": lag}
    return _mammillary("two compartments", values, oral if depot else {}, [""])


def three_compartment(
    *,
    clearance: Value = "5 L/h",
    volume: Value = "50 L",
    intercompartmental_clearance: Value = "8 L/h",
    peripheral_volume: Value = "100 L",
    deep_intercompartmental_clearance: Value = "2 L/h",
    deep_peripheral_volume: Value = "200 L",
    depot: bool = False,
    absorption_rate: Value = "1 /h",
    bioavailability: Value = 1.0,
    lag: Value = "0 h",
) -> Model:
    """A central compartment, a shallow and a deep peripheral compartment.

    Parameters
    ----------
    clearance, volume : str, float or Parameter
        Clearance [L/h] from, and volume [L] of the central compartment.
    intercompartmental_clearance, peripheral_volume : str, float or Parameter
        Exchange with [L/h], and volume [L] of the shallow peripheral compartment.
    deep_intercompartmental_clearance, deep_peripheral_volume : str, float or Parameter
        The same of the deep one.
    depot : bool
        With a depot, and the route ``oral`` into it.
    absorption_rate, bioavailability, lag : str, float or Parameter
        First-order absorption from the depot [1/h], fraction absorbed, delay [h]; used with `depot`.

    Returns
    -------
    Model
        Routes ``iv`` (and ``oral``), sites ``central``, ``peripheral`` and ``deep_peripheral``.

    Examples
    --------
    >>> three_compartment().sites
    ('central', 'peripheral', 'deep_peripheral')
    """
    values = {
        "clearance": clearance,
        "volume": volume,
        "intercompartmental_clearance": intercompartmental_clearance,
        "peripheral_volume": peripheral_volume,
        "deep_intercompartmental_clearance": deep_intercompartmental_clearance,
        "deep_peripheral_volume": deep_peripheral_volume,
    }
    oral = {"absorption_rate": absorption_rate, "bioavailability": bioavailability, "lag": lag}
    return _mammillary("three compartments", values, oral if depot else {}, ["", "deep_"])


def _mammillary(
    name: str, values: Mapping[str, Value], oral: Mapping[str, Value], peripherals: list[str]
) -> Model:
    boxes = [Compartment("central", "volume")]
    flows = [Flow("central", None, "clearance", ("clearance",))]
    inputs = [Input("iv", "central")]
    for prefix in peripherals:
        box, exchange = f"{prefix}peripheral", f"{prefix}intercompartmental_clearance"
        boxes.append(Compartment(box, f"{box}_volume"))
        flows += two_way("central", box, exchange)
    if oral:
        boxes.insert(0, Compartment("depot"))
        flows.insert(0, Flow("depot", "central", "rate", ("absorption_rate",)))
        inputs.append(Input("oral", "depot", bioavailability="bioavailability", lag="lag"))
    parameters = [parameter(n, v, DIMENSIONS[n][0]) for n, v in {**values, **oral}.items()]
    return Model(name, tuple(boxes), tuple(flows), tuple(parameters), tuple(inputs))


def neuraxial(**parameters: Value) -> Model:
    """Gut, blood, epidural space, four levels of cerebrospinal fluid (CSF), spinal cord and brain.

    Parameters
    ----------
    **parameters : str, float or Parameter
        Every name of ``NEURAXIAL["required"]``; the groups ``oral``, ``oral modified`` and ``deep`` may be left
        out as a whole (a drug without oral form, disposition with one peripheral compartment). A drug file
        gives them all: ``Drug.read("morphine").model()``.

    Returns
    -------
    Model
        Routes ``iv``, ``epidural``, ``intrathecal`` (and ``oral``, ``oral modified``); the sites are plasma, the
        four CSF levels, cord and brain.

    Raises
    ------
    ModelError
        Parameters that are missing or unknown.

    Notes
    -----
    Each CSF level exchanges with its neighbours by pulsatile mixing (both ways) and by bulk flow: CSF is made
    in the head, free of drug; a fraction runs down and is absorbed along the spine in proportion to the
    volume of each level, the rest is absorbed in the head. Loss from CSF to blood is first order with rate
    ``csf_loss_rate``; the way back has the clearance ``csf_loss_rate * volume * csf_plasma_ratio``, so that
    without bulk flow CSF would come to rest at ``csf_plasma_ratio`` times plasma. Cord and brain exchange
    with blood, and with the CSF beside them, in the same manner. All drug leaves the body from plasma.

    A well-mixed level says nothing about gradients inside it, about baricity or about the jet of an injection.
    """
    groups = [g for g in ("oral", "oral modified", "deep") if set(NEURAXIAL[g]) & set(parameters)]
    wanted = [n for g in ("required", *groups) for n in NEURAXIAL[g]]
    faults = [
        f'the neuraxial model needs "{n}" ({DIMENSIONS[n][1]})'
        for n in wanted
        if n not in parameters
    ]
    faults += [
        f'unknown parameter "{n}"{did_you_mean(n, DIMENSIONS)}'
        for n in parameters
        if n not in wanted
    ]
    if faults:
        raise ModelError(*faults)
    return Model(
        "neuraxial",
        compartments=tuple(box for group, box in _BOXES if group in ("required", *groups)),
        flows=tuple(flow for group, flow in _FLOWS if group in ("required", *groups)),
        parameters=tuple(parameter(n, parameters[n], *DIMENSIONS[n]) for n in wanted),
        inputs=tuple(i for group, i in _INPUTS if group in ("required", *groups)),
        outputs=tuple(Output(s, s) for s in ("plasma", *_LEVELS, "cord", "brain")),
        covariates=_BULK_FLOW,
    )


def parameter(name: str, value: Value, dimension: str, description: str = "") -> Parameter:
    """A Parameter from text, a number, or a Parameter of any name."""
    if not isinstance(value, Parameter):
        return Parameter(name, value, dimension, description=description)  # type: ignore[arg-type]
    if units.DIMENSIONS[dimension] != value.unit:
        raise ModelError(f"{name} is a {dimension}, not a {value.dimension}")
    return Parameter(
        name, value.value, dimension, value.cv, value.distribution, value.description or description
    )


def two_way(a: str, b: str, clearance: str) -> list[Flow]:
    """Exchange that comes to rest at equal concentrations."""
    return [Flow(a, b, "clearance", (clearance,)), Flow(b, a, "clearance", (clearance,))]


def barrier(blood: str, tissue: str, rate: str, volume: str, ratio: str) -> list[Flow]:
    """Exchange of half-life ln 2 / rate that comes to rest at `ratio` times the concentration in blood."""
    return [
        Flow(blood, tissue, "clearance", (rate, volume, ratio)),
        Flow(tissue, blood, "rate", (rate,)),
    ]


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
}
"""Dimension and meaning of every parameter of the library."""

_SYSTEMIC_ORAL = ("absorption_rate", "oral_bioavailability", "oral_lag")
_MODIFIED = ("oral_modified_bioavailability", "oral_modified_duration")
_DEEP = ("deep_intercompartmental_clearance", "deep_peripheral_volume")

NEURAXIAL: dict[str, tuple[str, ...]] = {
    "oral": _SYSTEMIC_ORAL,
    "oral modified": _MODIFIED,
    "deep": _DEEP,
    "required": tuple(
        n
        for n in DIMENSIONS
        if n not in (*_SYSTEMIC_ORAL, *_MODIFIED, *_DEEP, "bioavailability", "lag")
    ),
}
"""Parameters of the neuraxial model, by the group in which they come."""

_LEVELS = ("lumbar_csf", "thoracic_csf", "cervical_csf", "cranial_csf")

_BOXES: list[tuple[str, Compartment]] = [
    ("oral", Compartment("gut")),
    ("required", Compartment("plasma", "volume")),
    ("required", Compartment("peripheral", "peripheral_volume")),
    ("deep", Compartment("deep_peripheral", "deep_peripheral_volume")),
    ("required", Compartment("epidural")),
    *(("required", Compartment(level, f"{level}_volume")) for level in _LEVELS),
    ("required", Compartment("cord", "cord_volume")),
    ("required", Compartment("brain", "brain_volume")),
]

_FLOWS: list[tuple[str, Flow]] = [
    ("oral", Flow("gut", "plasma", "rate", ("absorption_rate",))),
    ("deep", Flow("plasma", "deep_peripheral", "clearance", ("deep_intercompartmental_clearance",))),
    ("deep", Flow("deep_peripheral", "plasma", "clearance", ("deep_intercompartmental_clearance",))),
    *(("required", flow) for flow in [
        Flow("plasma", None, "clearance", ("clearance",)),
        *two_way("plasma", "peripheral", "intercompartmental_clearance"),
        Flow("epidural", "lumbar_csf", "rate", ("epidural_loss_rate", "epidural_csf_fraction")),
        Flow("epidural", "plasma", "rate", ("epidural_loss_rate", "epidural_blood_fraction")),
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
    ]),
]  # fmt: skip

_INPUTS: list[tuple[str, Input]] = [
    ("oral", Input("oral", "gut", bioavailability="oral_bioavailability", lag="oral_lag")),
    ("oral modified", Input(
        "oral modified", "gut", bioavailability="oral_modified_bioavailability", lag="oral_lag",
        duration="oral_modified_duration",
    )),
    ("required", Input("iv", "plasma")),
    ("required", Input("epidural", "epidural")),
    ("required", Input("intrathecal", "lumbar_csf", bioavailability="intrathecal_bioavailability")),
]  # fmt: skip


def _outflow(level: str) -> Callable[[Mapping[str, Any]], Any]:
    def share(p: Mapping[str, Any]) -> Any:
        spinal = p["lumbar_csf_volume"] + p["thoracic_csf_volume"] + p["cervical_csf_volume"]
        return (
            p["csf_production"] * p["spinal_outflow_fraction"] * p[f"{level}_csf_volume"] / spinal
        )

    return share


_BULK_FLOW: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "epidural_blood_fraction": lambda p: 1 - p["epidural_csf_fraction"],
    "cranial_outflow": lambda p: p["csf_production"] * (1 - p["spinal_outflow_fraction"]),
    "lumbar_outflow": _outflow("lumbar"),
    "thoracic_outflow": _outflow("thoracic"),
    "cervical_outflow": _outflow("cervical"),
    "thoracic_inflow": lambda p: p["lumbar_outflow"] + p["thoracic_outflow"],
    "cervical_inflow": lambda p: p["thoracic_inflow"] + p["cervical_outflow"],
}
