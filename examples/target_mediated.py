"""Give five doses of a drug that its target eliminates, and compare the full model with the approximation.

Prints exposure per dose and how long the target stays suppressed; writes target_mediated.png into the folder that is
given, or here:

python examples/target_mediated.py docs/figures

The numbers resemble an antibody against a soluble target, and are those of no drug.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr

from pkmodel import library, simulate

DAYS = np.linspace(0, 70, 561)
DOSES = xr.DataArray([3.0, 10.0, 30.0, 100.0, 300.0], dims="dose", name="dose")
DOSES = DOSES.assign_coords(dose=DOSES.values)
ANTIBODY = {
    "clearance": "0.2 L/day",
    "volume": "3 L",
    "intercompartmental_clearance": "0.5 L/day",
    "peripheral_volume": "3 L",
    "target_baseline": "1 mg/L",
    "target_loss_rate": "2 /day",
    "association_rate": 0.6,  # L/mg/h
    "dissociation_rate": "0.5 /day",
    "internalisation_rate": "1 /day",
}
COLORS = ("#56B4E9", "#0072B2", "#009E73", "#E69F00", "#D55E00")


def courses(approximation: str) -> xr.Dataset:
    """All doses at once: the dimension of the dose factor."""
    model = library.target_mediated(**ANTIBODY, peripheral=True, approximation=approximation)
    return simulate(model, "1 mg iv bolus", 24 * DAYS, dose_factor={"iv": DOSES})


def summary(ds: xr.Dataset) -> pd.DataFrame:
    """Exposure to free drug, and days with less than a tenth of the target free."""
    step = DAYS[1] - DAYS[0]
    days = ds.assign_coords(time=DAYS)
    exposure = days.free.integrate("time") / ds.dose
    suppressed = (days.target < 0.1 * days.target.isel(time=0)).sum("time") * step
    columns = {"AUC / dose [d/L]": exposure, "target below 10 % [d]": suppressed}
    return xr.Dataset(columns).to_dataframe()


def draw(full: xr.Dataset, quasi: xr.Dataset) -> plt.Figure:
    """Free drug and free target; the approximation is dashed."""
    figure, (drug, target) = plt.subplots(1, 2, sharex=True, figsize=(7.2, 3.4))
    for dose, color in zip(DOSES.values, COLORS, strict=True):
        for ds, style in ((full, {"lw": 1.4}), (quasi, {"lw": 1.0, "ls": (0, (3, 3))})):
            one = ds.sel(dose=dose)
            label = f"{dose:g} mg" if ds is full else None
            drug.plot(DAYS, one.free, color=color, label=label, **style)
            target.plot(DAYS, 100 * one.target, color=color, **style)
    drug.set(yscale="log", ylim=(1e-3, 200), xlim=(0, 70), ylabel="Free drug [mg/L]")
    target.set(ylabel="Free target [% of baseline]", ylim=(0, 105))
    drug.legend(frameon=False, fontsize=8)
    for axes in (drug, target):
        axes.set_xlabel("Days")
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def main(folder: Path) -> None:
    full, quasi = courses("full"), courses("quasi-steady-state")
    print(summary(full).round(2).to_string())
    late = slice(24.0, None)
    difference = abs(quasi.free / full.free - 1).sel(time=late).max("time")
    print("\nFree drug after the first day, largest difference of the approximation [%]")
    print((100 * difference).round(2).to_series().to_string())
    draw(full, quasi).savefig(folder / "target_mediated.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
