"""A sweep on a Dask cluster of this machine: two processes, watched on Dask's dashboard.

The same few lines run on any other cluster: only `cluster` is made in another way (slurm_dask.py).
"""

from distributed import Client, LocalCluster

import pkmodel
from pkmodel.sweeps import latin_hypercube, progress

# Every worker is a process with one thread; nothing below it may start threads of its own.
ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main():
    design = latin_hypercube(
        256,
        seed=1,
        ratio=(10, 300, "log"),
        oral_bioavailability=("10 %", "40 %"),
        csf_loss_rate=("0.1 /h", "0.6 /h"),
    )
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, env=ONE_THREAD, dashboard_address=":0"
    )
    with cluster, Client(cluster) as client:
        print(f"dashboard: {client.dashboard_link}")
        ds = pkmodel.sweep(
            "morphine",
            design,
            oral="60 mg oral q12h x 28",
            metrics=["auc"],
            sites=["plasma", "lumbar_csf"],
            segments=12,
            runs_per_box=32,
            store="local_cluster.zarr",
            client=client,
        )
    print(progress("local_cluster.zarr"))
    relative = ds.auc.sel(arm="intrathecal") / ds.auc.sel(arm="oral")
    print("intrathecal / oral AUC of the last day, over the design")
    print(relative.quantile([0.05, 0.5, 0.95], dim="run").round(4).to_pandas().to_string())


if __name__ == "__main__":  # the workers import this file
    main()
