"""Draw 200 subjects, give each of them both treatments, and show percentiles.

Prints the 5th, 50th and 95th percentile of the average concentration over the last day. Writes
population.csv (percentiles over time) and population.png (bands in plasma and lumbar CSF).
"""

from pkmodel import compare, plot

ds = compare("morphine", oral="60 mg oral q12h x 28", ratio=300, subjects=200, seed=1)

average = 1000 * (ds.auc.sel(time=336) - ds.auc.sel(time=312)) / 24  # ng/mL
percentiles = average.quantile([0.05, 0.5, 0.95], dim="subject").transpose("site", "arm", ...)
print("Average concentration of the last 24 h, ng/mL")
print(percentiles.to_series().unstack("quantile").loc[ds.site.values].round(2).to_string())

bands = 1000 * ds.concentration.quantile([0.05, 0.5, 0.95], dim="subject")
bands.rename("concentration [ng/mL]").to_series().to_csv("population.csv")

plot.comparison(ds, sites=["plasma", "lumbar_csf"]).savefig("population.png", dpi=150)
