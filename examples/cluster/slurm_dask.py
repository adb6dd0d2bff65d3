"""A sweep on a Dask cluster of SLURM jobs, by dask-jobqueue: pip install dask-jobqueue.

    python slurm_dask.py sweep.toml /shared/sweep.zarr --jobs 8
    python slurm_dask.py sweep.toml /shared/sweep.zarr --jobs 8 --show

It runs on the login node, or in a job of its own, as long as the sweep; --show prints the job script of the
workers and submits nothing. If it is stopped, start it again: what is done is left alone.
"""

import argparse
import sys

from dask_jobqueue import SLURMCluster
from distributed import Client

import pkmodel
from pkmodel.sweeps import progress, read

CORES = 8  # workers of a job, each a process with one thread
PROLOGUE = [
    'export NUMBA_CACHE_DIR="${TMPDIR:-/tmp}/numba-$SLURM_JOB_ID"',  # on the disk of the node
    "export NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1",
    f"{sys.executable} -m pkmodel warm",
]


def cluster_of_jobs():
    """Jobs of an hour, whose workers leave before they are killed; Dask starts others in their place."""
    return SLURMCluster(
        cores=CORES,
        processes=CORES,
        memory=f"{2 * CORES}GB",
        walltime="01:00:00",
        local_directory="/tmp",
        job_script_prologue=PROLOGUE,
        worker_extra_args=["--lifetime", "55m", "--lifetime-stagger", "4m"],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file")
    parser.add_argument("store", help="on a file system that all nodes see, or a URL")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    with cluster_of_jobs() as cluster:
        if given.show:
            print(cluster.job_script())
            return
        drug, design, what = read(given.file)
        cluster.adapt(minimum_jobs=given.jobs, maximum_jobs=given.jobs)
        with Client(cluster) as client:
            print(f"dashboard: {client.dashboard_link}")
            client.wait_for_workers(CORES)  # the first job; by then the boxes' size can be chosen
            pkmodel.sweep(drug, design, store=given.store, client=client, **what)
    print(progress(given.store))


if __name__ == "__main__":
    main()
