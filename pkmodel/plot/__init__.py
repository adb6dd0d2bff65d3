"""Figures: the arms of a comparison, exposure over the dose ratio, and observations over simulated curves.

All need matplotlib (``pip install "pkmodel[plot]"``), which is imported when a figure is drawn. They return a pyplot
figure: show it by ``matplotlib.pyplot.show()``, store it by ``figure.savefig("figure.pdf")``.
"""

from pkmodel.plot.arms import comparison
from pkmodel.plot.exposure import ratio
from pkmodel.plot.validation import observations

__all__ = ["comparison", "observations", "ratio"]
