"""Where the jobs of a cluster keep compiled kernels: on the node's own disk."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID")
"""Set by batch systems within a job."""


def use_node_cache() -> None:
    """Within a job, keep compiled kernels in a folder of the node's; elsewhere do nothing.

    A shared file system is slow for many small files that every process reads. ``NUMBA_CACHE_DIR`` decides if it
    is set.
    """
    if "NUMBA_CACHE_DIR" not in os.environ and any(name in os.environ for name in JOBS):
        os.environ["NUMBA_CACHE_DIR"] = str(_own_folder())


def _own_folder() -> Path:
    """The user's folder for all jobs on this node; one for this process if somebody else has taken its place."""
    folder = Path(tempfile.gettempdir(), f"pkmodel-kernels-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="pkmodel-kernels-"))
    private = found.st_uid == os.getuid() and not found.st_mode & 0o022
    if stat.S_ISDIR(found.st_mode) and private:
        return folder
    return Path(tempfile.mkdtemp(prefix="pkmodel-kernels-"))
