r"""What concentrations do: analgesia, spasticity, side effects, tolerance and withdrawal.

Everything is algebra on the states of a linear model, so that it is as exact as they are. At every place of
action :math:`p` the concentration counts relative to the one of half the effect,

.. math:: u = \sum_p C_p / EC_{50,p} + \sigma \sqrt{u_{cord} \, u_{others}} \qquad E = E_{max} \, u^h / (1 + u^h)

which is what one drug at several places does if its effects add (:math:`\sigma = 0`). The cord's part is divided by
:math:`1 + M / M_{50}` for tolerance. What lags behind is a state that follows its source without draining it, the
law ``effect`` of :class:`pkmodel.Flow`: the brainstem behind cisternal CSF, M6G behind plasma, tolerance :math:`M`
behind the cord; and withdrawal is what the effect of a slow follower exceeds that of a faster one by.

Brain and cord of the neuraxial model take up drug with the delay of the effect; no second one stands behind them.

The numbers are those of drug files. Results are for research, not for dosing patients.
"""

from pkmodel.responses.answering import Responses
from pkmodel.responses.asking import asked
from pkmodel.responses.windows import window

__all__ = ["Responses", "asked", "window"]
