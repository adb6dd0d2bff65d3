"""Models as data: compartments, flows, equations, parameters, inputs and outputs.

A linear model is a table of flows. Amounts ``A`` (mg) obey ``dA/dt = K A + inflow`` with

* ``rate``       flow = k A_source                    k [1/h]
* ``clearance``  flow = Q A_source / V_source         Q [L/h], V [L]
* ``partition``  flow = Q A_source / (V_source Kp)    Kp: source:target concentration ratio at rest
* ``effect``     dC_target/dt = k (C_source - C_target)    the source loses nothing

Nothing is compiled for a model: :meth:`Model.rate_matrix` turns the table into numbers, for any leading
dimensions of the parameters, and one kernel takes every rate matrix.
"""

from pkmodel.model.model import Model
from pkmodel.model.parts import Compartment, Flow, Input, Output, Parameter, value_of

__all__ = ["Compartment", "Flow", "Input", "Model", "Output", "Parameter", "value_of"]
