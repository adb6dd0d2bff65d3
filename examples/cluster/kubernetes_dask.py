"""A sweep on a Dask cluster of Kubernetes pods, by its operator: pip install dask-kubernetes.

    python kubernetes_dask.py sweep.toml s3://bucket/sweep.zarr --image IMAGE --pods 16
    python kubernetes_dask.py sweep.toml s3://bucket/sweep.zarr --image IMAGE --pods 16 --show

The image holds pkmodel[cluster] of the version that is installed here, and what the store's URL needs (s3fs, say, with
its credentials in the environment of the pods). --show prints what would be asked of Kubernetes and asks nothing. If
it is stopped, start it again: what is done is left alone.
"""

import argparse
import json

from dask_kubernetes.operator import KubeCluster, make_cluster_spec
from distributed import Client

import pkmodel
from pkmodel.sweeps import progress, read

# A pod has one core and one thread; kernels that it compiles stay on its own disk.
OF_A_POD = {"cpu": "1", "memory": "2Gi"}
ENVIRONMENT = {
    "NUMBA_CACHE_DIR": "/tmp/numba",
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file")
    parser.add_argument("store", help="a URL that all pods reach")
    parser.add_argument("--image", required=True)
    parser.add_argument("--pods", type=int, default=4)
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    spec = make_cluster_spec(
        name="pkmodel-sweep",
        image=given.image,
        n_workers=given.pods,
        resources={"requests": OF_A_POD, "limits": OF_A_POD},
        env=ENVIRONMENT,
    )
    if given.show:
        print(json.dumps(spec, indent=2))
        return
    drug, design, what = read(given.file)
    with KubeCluster(custom_cluster_spec=spec) as cluster, Client(cluster) as client:
        print(f"dashboard: {client.dashboard_link}")
        client.wait_for_workers(1)
        pkmodel.sweep(drug, design, store=given.store, client=client, **what)
    print(progress(given.store))


if __name__ == "__main__":
    main()
