"""Sweep the dose ratio and the oral bioavailability together.

Prints, for every pair, the AUC that the intrathecal pump gives relative to the oral dose: in plasma,
where it is 1 / (ratio x bioavailability), and in lumbar CSF. Writes sweep.nc.
"""

from pkmodel import compare

ds = compare(
    "morphine",
    oral="60 mg oral q12h x 28",
    ratio=[12, 30, 100, 300],
    parameters={"oral_bioavailability": [0.17, 0.24, 0.34]},
)
last_day = ds.auc.sel(time=336) - ds.auc.sel(time=312)
relative = last_day.sel(arm="intrathecal") / last_day.sel(arm="oral")

for site in ("plasma", "lumbar_csf"):
    print(f"{site}: intrathecal / oral AUC of the last day")
    print(relative.sel(site=site).round(4).to_pandas().to_string(), end="\n\n")

ds.to_netcdf("sweep.nc", engine="h5netcdf")
