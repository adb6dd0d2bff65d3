"""Compare oral morphine with an intrathecal pump that gives 1/300 of the dose.

Prints both orders, the exposure of the last day, and the ratio that equal AUC would imply at each
site. Writes comparison.nc (the result) and comparison.png (the figure).
"""

from pkmodel import compare, equivalence, plot, table

ORAL = "60 mg oral q12h x 28"
RATIO = 300

ds = compare("morphine", oral=ORAL, ratio=RATIO)
print("oral:       ", ds.attrs["regimen_oral"])
print("intrathecal:", ds.attrs["regimen_intrathecal"])

exposure = 1000 * table(ds)[["cmax", "cav", "auc"]]
print("\nLast 24 h, ng/mL and ng·h/mL")
print(exposure.round(2).to_string())

ratios = equivalence.implied("morphine", ORAL)
report = equivalence.report(ratios, nominal=RATIO).xs("auc", level="metric")
print(f"\nThe ratio of equal AUC at steady state, beside {RATIO}")
print(report.round(3).to_string())

ds.to_netcdf("comparison.nc", engine="h5netcdf")
plot.comparison(ds).savefig("comparison.png", dpi=150)
