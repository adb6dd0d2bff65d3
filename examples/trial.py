"""A trial of 200 simulated patients before an implant, the year after it, and the same patients by mouth.

python examples/trial.py [folder]

Prints how many respond at which dose, why some do not, and what both strategies come to. Writes trial.csv (one row
per patient) and trial.png. Patients are assumed, see docs/trial.md; nothing here is for dosing patients.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from pkmodel.trials import strategies, table

BLUE, RED, GREY = "#0072B2", "#D55E00", "0.5"


def band(axis: plt.Axes, array: xr.DataArray, color: str, label: str) -> None:
    """Median and 5 to 95 % of the subjects."""
    low, middle, high = array.quantile([0.05, 0.5, 0.95], "subject")
    time = array[array.dims[-1]]
    axis.fill_between(time, low, high, color=color, alpha=0.15, lw=0)
    axis.plot(time, middle, color=color, label=label)


def figure(ds: xr.Dataset) -> plt.Figure:
    """Responders by dose, scores by day, and doses by visit; bands are 5 to 95 % about the median."""
    tried, oral = ds.sel(strategy="implant"), ds.sel(strategy="oral")
    implanted = tried.sel(subject=tried.subject[(tried.decision == 0).values])
    drawn, ((steps, pain), (mouth, pump)) = plt.subplots(2, 2, figsize=(8.4, 5.6))

    share = [100 * float((tried.response_step == k).mean()) for k in tried.step]
    steps.bar([f"{d:.2g}" for d in tried.dose.values], np.cumsum(share), color=BLUE)
    placebo = 100 * float(tried.placebo_response.mean())
    steps.axhline(placebo, color=GREY, ls="--", label=f"would have with a placebo, {placebo:.0f} %")
    steps.set(xlabel="Up to this shot [mg]", ylabel="Responded [%]", ylim=(0, 100))
    steps.legend(frameon=False)

    start = int(ds.attrs["start"].removesuffix(" d"))
    for arm, color, label in ((tried, BLUE, "implant after a trial"), (oral, RED, "by mouth")):
        after = arm.assign_coords(day=arm.day - start)
        band(pain, after.daily_score, color, label)
        mouth.plot(arm.visit, arm.oral_dose.mean("subject"), color=color, label=label)
    pain.axhline(float(ds.attrs["target"]), color=GREY, ls=":", label="target")
    pain.set(xlabel="Day since the implantation", ylabel="Pain, mean of the day", ylim=(0, 10))
    mouth.set(
        xlabel="Day since the implantation", ylabel="Oral morphine, mean [mg/day]", ylim=(0, None)
    )
    band(pump, implanted.rate, BLUE, f"{implanted.sizes['subject']} implanted")
    pump.set(xlabel="Day since the implantation", ylabel="Pump [mg/day]", ylim=(0, None))
    for axis in (pain, mouth, pump):
        axis.legend(frameon=False)
    for axis in drawn.axes:
        axis.spines[["top", "right"]].set_visible(False)
    drawn.tight_layout()
    return drawn


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    ds = strategies("morphine", "100 mg oral q12h", subjects=200, seed=1)
    print(table(ds).round(2).to_string())
    tried = ds.sel(strategy="implant")
    print("\nThe first five patients")
    for subject in tried.subject.values[:5]:
        one = tried.sel(subject=subject)
        end = f"{one.rate.values[0]:.2f} mg/day at first, {one.rate.values[-1]:.2f} after a year"
        print(f"{subject}: {one.reason.item()}: {end}")
    tried.drop_dims(["step", "visit", "day"]).to_dataframe().to_csv(folder / "trial.csv")
    figure(ds).savefig(folder / "trial.png", dpi=150)


if __name__ == "__main__":
    main()
