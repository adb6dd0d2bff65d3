"""What joins any model: elimination that saturates, a site of effect, a receptor.

Every function takes a model and gives back one with more in it. Parameters are named as the arguments are; a
`name` of one's own stands before them, ``mu_association_rate``, so that a model can hold several.
"""

from __future__ import annotations

from pkmodel.errors import ModelError, did_you_mean
from pkmodel.library.extending import driver, extended, prefix_of, shares_of, without
from pkmodel.library.parts import Value
from pkmodel.model import Compartment, Flow, Model, Output
from pkmodel.model.parts import SATURABLE

__all__ = ["with_effect_compartment", "with_receptor_binding", "with_saturable_elimination"]


def with_saturable_elimination(
    model: Model,
    maximum_rate: Value,
    michaelis_constant: Value,
    elimination_exponent: Value | None = None,
    *,
    compartment: str = "central",
    clearance: bool = False,
) -> Model:
    """Elimination that saturates, in the place of the linear one or beside it.

    Parameters
    ----------
    model : Model
        Any model of flows.
    maximum_rate : str, float or Parameter
        Largest rate of elimination, Vmax [mg/h].
    michaelis_constant : str, float or Parameter
        Concentration at half that rate, Km [mg/L].
    elimination_exponent : str, float or Parameter, optional
        Hill exponent, gamma; without it 1 (Michaelis-Menten).
    compartment : str
        Where the drug is eliminated; it has a volume.
    clearance : bool
        Keep the linear elimination of that compartment beside the saturable one. Without, its flows out of
        the body go, and the parameters that nothing else uses.

    Returns
    -------
    Model
        With the parameters ``maximum_rate``, ``michaelis_constant`` and, if given, ``elimination_exponent``.

    Raises
    ------
    ModelError
        An unknown compartment, no linear elimination that could be replaced, or a parameter that the model
        has already.

    Notes
    -----
    ``rate = Vmax C^gamma / (Km^gamma + C^gamma)`` [mg/h]. Far below Km the clearance is Vmax/Km; an
    infusion at the rate R < Vmax comes to rest at ``Km R / (Vmax - R)``, for gamma = 1.

    Examples
    --------
    >>> from pkmodel import simulate
    >>> from pkmodel.library import one_compartment
    >>> model = with_saturable_elimination(one_compartment(), "10 mg/h", "2 mg/L")
    >>> ds = simulate(model, "5 mg/h iv infusion for 1000 h", times=[1000.0])
    >>> ds.concentration.round(6).item()
    2.0
    """
    if compartment not in model.states:
        raise ModelError(
            f'the model {model.name} has no compartment "{compartment}"{did_you_mean(compartment, model.states)}'
        )
    gone = [
        f
        for f in model.flows
        if (f.source, f.target) == (compartment, None) and f.law not in SATURABLE
    ]
    if not clearance and not gone:
        raise ModelError(
            f'the model {model.name} has no linear elimination from "{compartment}" to replace',
            remedy="Write clearance=True to have the saturable one beside what there is.",
        )
    law, factors = "michaelis-menten", ["maximum_rate", "michaelis_constant"]
    if elimination_exponent is not None:
        law, factors = "hill", [*factors, "elimination_exponent"]
    return extended(
        model if clearance else without(model, gone),
        "saturable elimination",
        {
            "maximum_rate": maximum_rate,
            "michaelis_constant": michaelis_constant,
            "elimination_exponent": elimination_exponent,
        },
        remedy=f'Write a second one as a flow: Flow("{compartment}", None, "{law}", (...)).',
        flows=[Flow(compartment, None, law, tuple(factors))],
    )


def with_effect_compartment(
    model: Model, equilibration_rate: Value, *, site: str = "central", name: str = "effect_site"
) -> Model:
    """A site of effect, in which the concentration follows another one with a delay.

    Parameters
    ----------
    model : Model
        Any model. A linear one stays linear, and its solution exact.
    equilibration_rate : str, float or Parameter
        Rate constant of equilibration, ke0 [1/h].
    site : str
        Site that it follows: a concentration, or a mean of several.
    name : str
        Name of the new compartment and site. One of your own stands before the name of the parameter.

    Returns
    -------
    Model
        With the compartment and site `name` and the parameter ``equilibration_rate``.

    Raises
    ------
    ModelError
        An unknown site, one that is no mean of concentrations (a multiple of one, or a definition), or a name that
        the model has already.

    Notes
    -----
    ``dCe/dt = ke0 (C - Ce)``. The site of effect takes no drug from the body. Its volume is 1 L, so that its amount
    [mg] is the number of its concentration [mg/L].

    References
    ----------
    Sheiner et al., Clin Pharmacol Ther 1979;25:358 (recalled).

    Examples
    --------
    >>> from pkmodel import simulate
    >>> from pkmodel.library import one_compartment
    >>> model = with_effect_compartment(one_compartment(), "0.5 /h")
    >>> model.is_linear
    True
    >>> simulate(model, "100 mg iv bolus", times=[0, 4]).concentration.round(3).values
    array([[2.   , 1.341],
           [0.   , 1.337]])
    """
    prefix = prefix_of(name, "effect_site")
    rate = f"{prefix}equilibration_rate"
    return extended(
        model,
        f"effect compartment ({name})",
        {"equilibration_rate": equilibration_rate},
        prefix,
        compartments=[Compartment(name, 1.0)],
        flows=[
            Flow(box, name, "effect", (rate, share))
            for box, share in shares_of(model, site).items()
        ],
        outputs=[Output(name, name)],
    )


def with_receptor_binding(
    model: Model,
    association_rate: Value,
    dissociation_rate: Value,
    *,
    site: str = "central",
    name: str = "occupancy",
) -> Model:
    """Occupancy of a receptor that binds so little drug that the concentration does not notice.

    Parameters
    ----------
    model : Model
        Any model of flows.
    association_rate : str, float or Parameter
        Second-order association, kon [L/mg/h].
    dissociation_rate : str, float or Parameter
        First-order dissociation, koff [1/h].
    site : str
        Site, or definition of the model, whose concentration binds.
    name : str
        Name of the occupancy. One of your own stands before the names of the parameters.

    Returns
    -------
    Model
        With the variable `name`, the occupied fraction from 0 to 1, which begins at 0; the parameters
        ``association_rate`` and ``dissociation_rate``; and the definition ``<name>_concentration``.

    Raises
    ------
    ModelError
        An unknown site, or a name that the model has already.

    Notes
    -----
    ``dB/dt = kon C (1 - B) - koff B``; at rest ``B = C / (koff/kon + C)``. Where the binding takes a good part of the
    drug, use :func:`target_mediated`.

    Examples
    --------
    >>> from pkmodel import simulate
    >>> from pkmodel.library import one_compartment
    >>> model = with_receptor_binding(one_compartment(), 0.5, "0.1 /h")
    >>> simulate(model, "5 mg/h iv infusion for 1000 h", times=[1000.0]).occupancy.round(6).item()
    0.833333
    """
    prefix, drug = prefix_of(name, "occupancy"), f"{name}_concentration"
    binding = f"{prefix}association_rate*{drug}*(1 - {name})"
    return extended(
        model,
        f"receptor binding ({name})",
        {"association_rate": association_rate, "dissociation_rate": dissociation_rate},
        prefix,
        definitions={drug: driver(model, site)},
        equations={name: f"{binding} - {prefix}dissociation_rate*{name}"},
    )
