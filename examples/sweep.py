"""Sweep the dose ratio and the oral bioavailability together.

Prints, for every pair, the AUC that the intrathecal pump gives relative to the oral dose: in plasma,
where it is 1 / (ratio x bioavailability), and in lumbar CSF. Keeps the results in the store sweep.zarr: run
again, it goes on with what is missing, which is nothing.
"""

import pkmodel
from pkmodel.sweeps import grid

ds = pkmodel.sweep(
    "morphine",
    grid(ratio=[12, 30, 100, 300], oral_bioavailability=["17 %", "24 %", "34 %"]),
    oral="60 mg oral q12h x 28",
    metrics=["auc"],  # of the last day
    sites=["plasma", "lumbar_csf"],
    store="sweep.zarr",
)
relative = ds.auc.sel(arm="intrathecal") / ds.auc.sel(arm="oral")

for site in ds.site.values:
    print(f"{site}: intrathecal / oral AUC of the last day")
    print(relative.sel(site=site).round(4).to_pandas().to_string(), end="\n\n")
