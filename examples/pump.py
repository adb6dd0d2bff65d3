"""Change the concentration in a pump with and without a bridge bolus, and let the motor stall for two days.

Prints the prescription, where the drug is after 120 days, and the calendar of two years. Draws the figure of
docs/pump.md into the folder that is given, or here:

python examples/pump.py docs/figures
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from pkmodel import Drug, simulate
from pkmodel.devices import Catheter, Fault, Pump

DAYS = 120
MORPHINE = Drug.read("morphine").segmented(tip="L2")
COLORS = {"no bridge bolus": "#D55E00", "bridge bolus": "#0072B2"}

base = Pump.of(
    "SynchroMed II 20 mL",
    drug="morphine",
    concentration="5 mg/mL",
    programme="0.5 mg/day",
    catheter=Catheter("60 cm", tip="L2"),
    refill_at="alarm",
    prime=True,
    faults=Fault("stall", "90 d", "92 d"),
)
PUMPS = {
    "no bridge bolus": base.changed("40 d", concentration="10 mg/mL"),
    "bridge bolus": base.changed("40 d", concentration="10 mg/mL", bridge=True),
}


def draw(pumps: dict[str, Pump]) -> plt.Figure:
    """Dose rate at the tip, volume of the reservoir, and lumbar CSF."""
    hours = np.arange(1.0, DAYS * 24 + 1, 2.0)
    figure, (rate, volume, csf) = plt.subplots(3, 1, sharex=True, figsize=(7.2, 5.5))
    for (name, pump), dashes in zip(pumps.items(), ("-", "--"), strict=True):
        style = {"color": COLORS[name], "linestyle": dashes, "label": name}
        rate.plot(hours / 24, 24 * pump.run(DAYS * 24 + 1).tip.rate_at(hours), **style)
        left = [1000 * pump.run(h).state.reservoir.volume for h in hours]
        volume.plot(hours / 24, left, **style)
        ds = simulate(MORPHINE, pump.events(DAYS * 24), times=hours, amounts=False)
        csf.plot(hours / 24, 1000 * ds.concentration.sel(site="lumbar_csf"), **style)
    rate.set(ylabel="At the tip [mg/day]", ylim=(0, 0.6))
    volume.set(ylabel="Reservoir [mL]", ylim=(0, 21))
    csf.set(ylabel="Lumbar CSF [ng/mL]", xlabel="Days after the implantation")
    csf.set(ylim=(0, None), xlim=(0, DAYS))
    rate.legend(frameon=False, loc="lower left")
    for axes in (rate, volume, csf):
        axes.spines[["top", "right"]].set_visible(False)
        axes.axvline(40, color="0.6", lw=0.8, ls=":")
        axes.axvspan(90, 92, color="0.9")
    rate.set_title("10 for 5 mg/mL at day 40; the motor stalls at day 90", loc="left", fontsize=9)
    figure.tight_layout()
    return figure


def main(folder: Path) -> None:
    pump = PUMPS["bridge bolus"]
    print(pump)
    print(f"\nAfter {DAYS} days [mg]")
    for name, amount in pump.run(DAYS * 24).ledger._asdict().items():
        print(f"  {name:10}{amount:8.2f}")
    print("\nTwo years")
    print(pump.maintenance("2026-01-05", years=2)[["date", "event", "note"]].to_string(index=False))
    draw(PUMPS).savefig(folder / "pump.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
