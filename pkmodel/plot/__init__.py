"""Figures: the arms of a comparison side by side, and exposure over the dose ratio.

Both need matplotlib (``pip install "pkmodel[plot]"``), which is imported when a figure is drawn. They return a pyplot
figure: show it by ``matplotlib.pyplot.show()``, store it by ``figure.savefig("figure.pdf")``.
"""

from pkmodel.plot.arms import comparison
from pkmodel.plot.exposure import ratio

__all__ = ["comparison", "ratio"]
