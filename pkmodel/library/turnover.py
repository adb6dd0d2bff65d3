"""Responses that are produced and lost, the one or the other changed by the drug (turnover, indirect response)."""

from __future__ import annotations

from pkmodel.errors import ModelError
from pkmodel.library.extending import driver, extended, prefix_of
from pkmodel.library.parts import Value
from pkmodel.model import Model

__all__ = ["KINDS", "with_indirect_response", "with_turnover_feedback"]

KINDS = {
    "I": "inhibits production",
    "II": "inhibits loss",
    "III": "stimulates production",
    "IV": "stimulates loss",
}
"""The four indirect responses: number and words."""


def with_indirect_response(
    model: Model,
    kind: str,
    *,
    production: Value,
    loss_rate: Value,
    maximum_effect: Value,
    half_effect: Value,
    effect_exponent: Value | None = None,
    site: str = "central",
    name: str = "response",
) -> Model:
    """A response that is produced and lost, the one or the other changed by the drug.

    Parameters
    ----------
    model : Model
        Any model of flows.
    kind : str
        ``"I"`` or ``"inhibits production"``, ``"II"`` or ``"inhibits loss"``, ``"III"`` or ``"stimulates
        production"``, ``"IV"`` or ``"stimulates loss"``.
    production : float or Parameter
        Zero-order production, kin, in the unit of the response per hour, which is yours: a plain number.
    loss_rate : str, float or Parameter
        First-order loss, kout [1/h].
    maximum_effect : str, float or Parameter
        Largest effect: Imax, a fraction from 0 to 1, of what inhibits; Emax, 0 or above, of what stimulates.
    half_effect : str, float or Parameter
        Concentration of half the largest effect, IC50 or EC50 [mg/L].
    effect_exponent : str, float or Parameter, optional
        Hill exponent, gamma; without it 1.
    site : str
        Site, or definition of the model, whose concentration acts.
    name : str
        Name of the response. One of your own stands before the names of the parameters.

    Returns
    -------
    Model
        With the variable `name`, which begins at its baseline production/loss_rate; the parameters as above;
        and the definitions ``<name>_concentration`` and ``<name>_effect``.

    Raises
    ------
    ModelError
        An unknown kind or site, or a name that the model has already.

    Notes
    -----
    ``E = Emax C^gamma / (EC50^gamma + C^gamma)``, and

    * I: ``dR/dt = kin (1 - E) - kout R``
    * II: ``dR/dt = kin - kout (1 - E) R``
    * III: ``dR/dt = kin (1 + E) - kout R``
    * IV: ``dR/dt = kin - kout (1 + E) R``

    References
    ----------
    Dayneka, Garg and Jusko, J Pharmacokinet Biopharm 1993;21:457 (recalled).

    Examples
    --------
    >>> from pkmodel import simulate
    >>> from pkmodel.library import one_compartment
    >>> model = with_indirect_response(
    ...     one_compartment(),
    ...     "inhibits production",
    ...     production=12.0,
    ...     loss_rate="0.12 /h",
    ...     maximum_effect=0.8,
    ...     half_effect="1 mg/L",
    ... )
    >>> ds = simulate(model, "5 mg/h iv infusion for 1000 h", times=[0, 1000])
    >>> ds.response.round(6).values
    array([100.,  60.])
    """
    return _turnover(
        model, kind, production, loss_rate, maximum_effect, half_effect, effect_exponent, site, name
    )


def with_turnover_feedback(
    model: Model,
    kind: str,
    *,
    production: Value,
    loss_rate: Value,
    maximum_effect: Value,
    half_effect: Value,
    tolerance_rate: Value,
    effect_exponent: Value | None = None,
    site: str = "central",
    name: str = "response",
) -> Model:
    """A response that the body holds against: tolerance while the drug is there, rebound when it stops.

    Parameters
    ----------
    model, kind, production, loss_rate, maximum_effect, half_effect, effect_exponent, site, name
        As for :func:`with_indirect_response`.
    tolerance_rate : str, float or Parameter
        Pace at which the moderator follows the response, ktol [1/h].

    Returns
    -------
    Model
        That of :func:`with_indirect_response` with the parameter ``tolerance_rate`` and the variable
        ``<name>_moderator``, which begins at 1.

    Raises
    ------
    ModelError
        As :func:`with_indirect_response`.

    Notes
    -----
    The moderator M holds back the production: ``kin / M`` stands in the place of ``kin`` in the four kinds, for example
    III: ``dR/dt = (kin / M) (1 + E) - kout R``. M follows the response relative to its baseline R0 = kin/kout,
    ``dM/dt = ktol (R / R0 - M)``. At a constant concentration the response comes to rest at ``R0 sqrt(1 + E)``
    instead of ``R0 (1 + E)``, the other kinds likewise.

    References
    ----------
    The family of models of Gabrielsson and Peletier, AAPS J 2008;10:70, doi:10.1208/s12248-008-9007-x (its form
    recalled); here the moderator is relative to the baseline, so that it begins at 1.

    Examples
    --------
    >>> from pkmodel import simulate
    >>> from pkmodel.library import one_compartment
    >>> model = with_turnover_feedback(
    ...     one_compartment(clearance="20 L/h"),
    ...     "stimulates production",
    ...     production=50.0,
    ...     loss_rate="0.5 /h",
    ...     maximum_effect=6.0,
    ...     half_effect="1 mg/L",
    ...     tolerance_rate="0.05 /h",
    ... )
    >>> ds = simulate(model, "20 mg/h iv infusion for 10 d", times=[0, 8, 240, 260, 480])
    >>> ds.response.round(0).values
    array([100., 282., 200.,  74., 100.])
    """
    return _turnover(
        model, kind, production, loss_rate, maximum_effect, half_effect, effect_exponent, site, name,
        tolerance_rate,
    )  # fmt: skip


def _turnover(
    model: Model,
    kind: str,
    production: Value,
    loss_rate: Value,
    maximum_effect: Value,
    half_effect: Value,
    effect_exponent: Value | None,
    site: str,
    name: str,
    tolerance_rate: Value | None = None,
) -> Model:
    """A response with production and loss; with a pace of tolerance also the moderator."""
    words = _words_of(kind)
    verb, place = words.split()
    prefix, drug = prefix_of(name, "response"), f"{name}_concentration"
    kin, kout, largest, half = (
        f"{prefix}{n}" for n in ("production", "loss_rate", "maximum_effect", "half_effect")
    )
    relation = (
        f"{largest}*{drug}/({half} + {drug})"
        if effect_exponent is None
        else f"{largest}*hill({drug}, {half}, {prefix}effect_exponent)"
    )
    factor = f"*(1 {'-' if verb == 'inhibits' else '+'} {name}_effect)"
    gain, loss = kin + factor * (place == "production"), kout + factor * (place == "loss")
    equations, initial = {name: f"{gain} - {loss}*{name}"}, {name: f"{kin}/{kout}"}
    if tolerance_rate is not None:
        moderator = f"{name}_moderator"
        equations = {
            name: f"{gain}/{moderator} - {loss}*{name}",
            moderator: f"{prefix}tolerance_rate*({name}/({kin}/{kout}) - {moderator})",
        }
        initial[moderator] = "1"
    positive = ["production", "loss_rate", "half_effect"]
    if effect_exponent is not None:
        positive.append("effect_exponent")
    return extended(
        model,
        f"{name} (drug {words})",
        {
            "production": production,
            "loss_rate": loss_rate,
            "maximum_effect": maximum_effect,
            "half_effect": half_effect,
            "effect_exponent": effect_exponent,
            "tolerance_rate": tolerance_rate,
        },
        prefix,
        fractions=("maximum_effect",) if verb == "inhibits" else (),
        definitions={drug: driver(model, site), f"{name}_effect": relation},
        equations=equations,
        initial=initial,
        positive=[prefix + n for n in positive],
    )


def _words_of(kind: str) -> str:
    if kind not in KINDS and kind not in KINDS.values():
        known = ", ".join(f'"{number}" or "{words}"' for number, words in KINDS.items())
        raise ModelError(f"kind is {kind!r}; expected {known}")
    return KINDS.get(kind, kind)
