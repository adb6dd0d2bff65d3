"""On what does it depend whether the pump spares the patient? Sobol' indices over a million comparisons.

Morphine by mouth against a pump that gives 1/ratio of the dose, on the last of 14 days. Five things are uncertain or
can be chosen: the dose-equivalence ratio, oral bioavailability, loss of drug from CSF, dispersion along the spine, and
the level of the catheter's tip. For every run the exposure (AUC) by pump is set beside that by mouth, in blood, brain
and lumbosacral cord. The pump spares the patient where the cord gets at least as much as by mouth, and brain and
blood get at most half.

Writes sensitivity.zarr (a run that was stopped goes on where it was), sensitivity.csv and sensitivity.png.

    python examples/sensitivity.py             917,504 comparisons: some minutes on a laptop
    python examples/sensitivity.py 256         1,792 of them, to look
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from SALib.analyze.sobol import analyze
from SALib.sample.sobol import sample

import pkmodel
from pkmodel.sweeps import from_table

TIPS = ["L4", "L2", "T12", "T10", "T8", "T6"]
SPARED = 0.5  # of the oral exposure, in brain and in blood
PROBLEM = {
    "num_vars": 5,
    "names": ["ratio", "oral_bioavailability", "csf_loss_rate", "csf_pulsation", "tip"],
    # log10 of 10 to 300; a fraction; log2 of the factor on 0.32 /h; stroke volume over its mean; place in TIPS
    "bounds": [[1, np.log10(300)], [0.15, 0.40], [-1, 1], [0.5, 1.5], [0, len(TIPS)]],
}
QUARTERS = ["0.50-0.75", "0.75-1.00", "1.00-1.25", "1.25-1.50"]
ANSWERS = (
    "plasma: oral / pump",
    "brain: oral / pump",
    "cord: pump / oral",
    "cord over brain: pump / oral",
)
LABELS = ["dose ratio", "oral bioavailability", "loss from CSF", "CSF pulsation", "tip level"]


def design(base):
    """Runs of Saltelli's scheme, as a table of what the model knows."""
    unit = sample(PROBLEM, base, calc_second_order=False, seed=1)
    table = pd.DataFrame(unit, columns=PROBLEM["names"])
    table["ratio"] = 10**table.ratio
    table["csf_loss_rate"] = 0.32 * 2**table.csf_loss_rate
    table["tip"] = [TIPS[min(int(place), len(TIPS) - 1)] for place in table.tip]
    return table


def answers(ds):
    """Exposures by pump and by mouth, set beside each other."""
    auc = ds.auc.load()
    pump = auc.sel(arm="intrathecal", drop=True) / auc.sel(arm="oral", drop=True)
    plasma, brain, cord = (pump.sel(site=site).values for site in ("plasma", "brain", "cord"))
    return pd.DataFrame(
        dict(zip(ANSWERS, (1 / plasma, 1 / brain, cord, cord / brain), strict=True))
    )


def spared(table):
    """Cord at least as by mouth, brain and blood at most half."""
    plasma, brain, cord, _ = (table[name] for name in ANSWERS)
    return (cord >= 1) & (brain >= 1 / SPARED) & (plasma >= 1 / SPARED)


def indices(table):
    """First-order and total Sobol' indices of the logarithm of every answer."""
    rows = []
    for name, values in table.items():
        found = analyze(PROBLEM, np.log10(values.to_numpy()), calc_second_order=False, seed=2)
        for k, label in enumerate(LABELS):
            own = {key: found[key][k] for key in ("S1", "S1_conf", "ST", "ST_conf")}
            rows.append({"answer": name, "parameter": label, **own})
    return pd.DataFrame(rows).set_index(["answer", "parameter"])


def draw(sobol, runs, good):
    """Total indices, and the share of runs in which the patient is spared."""
    figure, axes = plt.subplots(
        1, 3, figsize=(13, 4.2), layout="constrained", width_ratios=[1.3, 1, 1]
    )
    total = sobol.ST.unstack("answer").loc[LABELS, list(ANSWERS)]
    total.plot.barh(ax=axes[0], xlabel="total Sobol' index", ylabel="", width=0.8)
    axes[0].invert_yaxis()
    axes[0].legend(fontsize="small", frameon=False, loc="center right")
    pulsation = pd.cut(runs.csf_pulsation, [0.5, 0.75, 1, 1.25, 1.5], labels=QUARTERS).astype(str)
    draw_share(axes[1], runs.ratio, good, runs.tip, TIPS)
    draw_share(axes[2], runs.ratio, good, pulsation, QUARTERS)
    axes[1].set_ylabel("runs in which the pump spares the patient (%)")
    figure.suptitle(
        "Morphine by pump against by mouth. Model prediction for research, not for dosing patients",
        size="medium",
    )
    figure.savefig("sensitivity.png", dpi=150)


def draw_share(axis, ratio, good, groups, order):
    """Share of good runs over the ratio, a line for every group."""
    edges = np.geomspace(10, 300, 13)
    middle = np.sqrt(edges[1:] * edges[:-1])
    share = good.groupby([np.digitize(ratio, edges[1:-1]), groups.to_numpy()]).mean().unstack()
    for label in order:
        axis.plot(middle[share.index], 100 * share[label], marker="o", ms=3, label=label)
    axis.set(xscale="log", xlabel="oral dose / intrathecal dose", ylim=(-3, 103))
    axis.set_xticks([10, 30, 100, 300], ["10", "30", "100", "300"])
    axis.minorticks_off()
    axis.legend(title=groups.name.replace("csf_", "CSF "), fontsize="small", frameon=False)


def main(base=131072, segments=10):
    """Run, or go on with, the sweep; print and draw what it says."""
    runs = design(base)
    ds = pkmodel.sweep(
        "morphine",
        from_table(runs),
        oral="60 mg oral q12h x 28",
        metrics="auc",
        sites=["plasma", "brain", "cord"],
        segments=segments,
        store="sensitivity.zarr",
        intended=True,
    )
    table = answers(ds)
    good = spared(table)
    sobol = indices(table)
    sobol.to_csv("sensitivity.csv")
    print(
        f"{len(runs):,} comparisons, {int((ds.status > 0).sum())} failed; spared in {100 * good.mean():.1f} %\n"
    )
    print("Exposure, 5th, 50th and 95th percentile")
    print(table.quantile([0.05, 0.5, 0.95]).T.to_string(float_format="{:.3g}".format), end="\n\n")
    print("Sobol' indices of its logarithm")
    print(sobol.round(3).to_string())
    draw(sobol, runs, good)


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
