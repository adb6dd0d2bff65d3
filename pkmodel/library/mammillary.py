"""One, two and three compartments, with or without a depot."""

from __future__ import annotations

from collections.abc import Mapping

from pkmodel.library.names import DIMENSIONS
from pkmodel.library.parts import Value, parameter, two_way
from pkmodel.model import Compartment, Flow, Input, Model

__all__ = ["one_compartment", "three_compartment", "two_compartment"]


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
