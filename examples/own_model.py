"""Simulate a model of your own, given as a rate matrix [1/h].

Three compartments: gut, plasma and lumbar CSF. Prints the model, and exposure and half-life after a
tablet and after an intrathecal bolus. The numbers are an illustration and those of no drug.
"""

import numpy as np

from pkmodel import Model, nca, simulate

# A[i][j] is the flow from compartment j to compartment i; the diagonal holds the losses.
A = [
    [-1.0, 0.0, 0.0],  # gut: absorbed at 1 /h
    [1.0, -0.5004, 0.4],  # plasma: eliminated at 0.5 /h, 0.0004 /h into CSF
    [0.0, 0.0004, -0.4],  # lumbar CSF: cleared into plasma at 0.4 /h
]
model = Model.from_rate_matrix(
    A,
    ["gut", "plasma", "lumbar_csf"],
    volume=[1.0, 20.0, 0.04],  # L
    bioavailability=[0.3, 1.0, 1.0],
    name="three boxes",
)
print(model)

hours = np.linspace(0, 48, 481)
for order in ("30 mg into gut", "0.1 mg into lumbar_csf"):
    ds = simulate(model, order, hours, auc=True)
    metrics = nca.summary(ds).sel(site=["plasma", "lumbar_csf"])
    print(f"\n{order}: peak [mg/L], its time [h], AUC to infinity [mg·h/L], half-life [h]")
    wanted = ["cmax", "tmax", "aucinf_obs", "half_life"]
    print(metrics[wanted].to_dataframe()[wanted].round(4).to_string())
