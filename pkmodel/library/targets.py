"""Target-mediated disposition: a drug whose binding to its target decides what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pkmodel.errors import ModelError
from pkmodel.library.mammillary import one_compartment, two_compartment
from pkmodel.library.names import NONLINEAR
from pkmodel.library.parts import Value, parameter
from pkmodel.model import Model

__all__ = ["target_mediated"]

APPROXIMATIONS = ("full", "quasi-steady-state")


def target_mediated(
    *,
    clearance: Value = "0.01 L/h",
    volume: Value = "3 L",
    target_baseline: Value = "1 mg/L",
    target_loss_rate: Value = "0.05 /h",
    association_rate: Value = 0.6,
    dissociation_rate: Value = "0.02 /h",
    internalisation_rate: Value = "0.04 /h",
    approximation: str = "full",
    peripheral: bool = False,
    intercompartmental_clearance: Value = "0.02 L/h",
    peripheral_volume: Value = "3 L",
    depot: bool = False,
    absorption_rate: Value = "0.01 /h",
    bioavailability: Value = 1.0,
    lag: Value = "0 h",
) -> Model:
    """A drug that binds to its target in the central compartment and is lost with it.

    Parameters
    ----------
    clearance, volume : str, float or Parameter
        Linear clearance of free drug, CL [L/h], and central volume, V [L].
    target_baseline : str, float or Parameter
        Target without drug, R0 [mg/L], as the drug that it can bind. Of a target in nmol/L: times the molar mass of the
        drug per binding site.
    target_loss_rate : str, float or Parameter
        First-order loss of free target, kdeg [1/h]; it is produced at R0 kdeg.
    association_rate : str, float or Parameter
        Second-order association, kon [L/mg/h].
    dissociation_rate, internalisation_rate : str, float or Parameter
        First-order dissociation of the complex, koff, and its loss, kint [1/h].
    approximation : {"full", "quasi-steady-state"}
        Binding as a process of its own, or so fast that the complex is at rest with free drug and target at every
        moment, with KSS = (koff + kint) / kon.
    peripheral : bool
        With a peripheral compartment, which free drug enters.
    intercompartmental_clearance, peripheral_volume : str, float or Parameter
        Exchange with [L/h], and volume [L] of it; used with `peripheral`.
    depot : bool
        With a depot, and the route ``oral`` into it (which may as well be a subcutaneous one).
    absorption_rate, bioavailability, lag : str, float or Parameter
        First-order absorption from the depot [1/h], fraction absorbed, delay [h]; used with `depot`.

    Returns
    -------
    Model
        Routes ``iv`` (and ``oral``). Results hold ``free`` and ``total`` drug, and ``target`` (free), ``complex`` and
        ``total_target`` in the central compartment [mg/L of drug]. The compartment ``central`` holds free drug in the
        full model, site ``free``, and all drug in the approximation, site ``total``.

    Raises
    ------
    ModelError
        An unknown approximation, or a value that does not fit.

    Notes
    -----
    With free drug C, target R and complex P, all in mg/L of drug, the full model is::

        V dC/dt = input - CL C - Q C + Q C2 - V (kon C R - koff P)
        dR/dt = kdeg (R0 - R) - (kon C R - koff P)
        dP/dt = kon C R - koff P - kint P

    The approximation has all drug T = C + P and all target S = R + P as its states::

        V dT/dt = input - CL C - Q C + Q C2 - V kint P
        dS/dt = kdeg (R0 - R) - kint P
        C = (b + sqrt(b^2 + 4 KSS T)) / 2, b = T - S - KSS;  P = S C / (KSS + C)

    It lacks the first moments, in which a dose binds. The defaults are an illustration, and of no drug.

    References
    ----------
    Mager and Jusko, J Pharmacokinet Pharmacodyn 2001;28:507; Gibiansky et al., J Pharmacokinet Pharmacodyn
    2008;35:573 (both recalled).

    Examples
    --------
    >>> from pkmodel import simulate
    >>> ds = simulate(target_mediated(), "100 mg iv bolus", times=[0, 24, 168])
    >>> ds.free.round(3).values
    array([33.333, 28.705, 12.088])
    >>> ds.target.round(3).values
    array([1.   , 0.004, 0.01 ])
    """
    if approximation not in APPROXIMATIONS:
        known = " or ".join(f'"{a}"' for a in APPROXIMATIONS)
        raise ModelError(f"approximation is {approximation!r}; expected {known}")
    common: dict[str, Any] = {
        "clearance": clearance,
        "volume": volume,
        "depot": depot,
        "absorption_rate": absorption_rate,
        "bioavailability": bioavailability,
        "lag": lag,
    }
    if peripheral:
        common["intercompartmental_clearance"] = intercompartmental_clearance
        common["peripheral_volume"] = peripheral_volume
    linear = (two_compartment if peripheral else one_compartment)(**common)
    binding = {
        "target_baseline": target_baseline,
        "target_loss_rate": target_loss_rate,
        "association_rate": association_rate,
        "dissociation_rate": dissociation_rate,
        "internalisation_rate": internalisation_rate,
    }
    new = (parameter(n, v, *NONLINEAR[n]) for n, v in binding.items())
    base = replace(linear, parameters=(*linear.parameters, *new))
    return _full(base) if approximation == "full" else _quasi_steady(base)


def _full(base: Model) -> Model:
    return _named(
        base,
        "target-mediated disposition",
        "free",
        definitions={
            "free": "central/volume",
            "total": "free + complex",
            "total_target": "target + complex",
            "binding": "association_rate*free*target - dissociation_rate*complex",
        },
        equations={
            "central": "-volume*binding",
            "target": "target_loss_rate*(target_baseline - target) - binding",
            "complex": "binding - internalisation_rate*complex",
        },
        initial={"target": "target_baseline"},
        observed=("free", "total", "total_target"),
    )


def _quasi_steady(base: Model) -> Model:
    """Free drug is no state, so its flows out of the central compartment become equations.

    Neither root nor target is a difference of nearly equal numbers, where there is much more target than drug.
    """
    leaving = [f for f in base.flows if f.source == "central"]
    rates = [f"{f.parameters[0]}*free" for f in leaving]
    entering = {f.target: rate for f, rate in zip(leaving, rates, strict=True) if f.target}
    return _named(
        base,
        "target-mediated disposition at quasi-steady state",
        "total",
        flows=tuple(f for f in base.flows if f not in leaving),
        definitions={
            "total": "central/volume",
            "half_saturation": "(dissociation_rate + internalisation_rate)/association_rate",
            "excess": "total - total_target - half_saturation",
            "root": "sqrt(excess**2 + 4*half_saturation*total)",
            "free": "where(excess > 0, (excess + root)/2, 2*half_saturation*total/(root - excess))",
            "complex": "total_target*free/(half_saturation + free)",
            "target": "total_target*half_saturation/(half_saturation + free)",
        },
        equations={
            "central": f"-({' + '.join(rates)}) - volume*internalisation_rate*complex",
            **entering,
            "total_target": "target_loss_rate*(target_baseline - target) - internalisation_rate*complex",
        },
        initial={"total_target": "target_baseline"},
        positive=("association_rate",),
        observed=("free", "total", "target", "complex"),
    )


def _named(base: Model, name: str, site: str, **changes: Any) -> Model:
    """The model with the site of the central compartment called by what that holds."""
    outputs = tuple(replace(o, site=site) if o.site == "central" else o for o in base.outputs)
    return replace(base, name=name, outputs=outputs, **changes)
