"""Where the jobs of a cluster keep compiled kernels: on the node's own disk."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID")
"""Set by batch systems within a job."""


def use_node_cache() -> None:
    """Within a job, have Numba keep what it compiles in a folder of the node's; elsewhere do nothing.

    Many processes that compile into one folder of a shared file system wait for each other, or read what is half
    written. ``NUMBA_CACHE_DIR`` decides if it is set, and so does what was compiled before.
    """
    if "NUMBA_CACHE_DIR" in os.environ or not any(name in os.environ for name in JOBS):
        return
    if "pkmodel.kernels.linear" in sys.modules:
        return
    os.environ["NUMBA_CACHE_DIR"] = own = str(_own_folder())
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = own


def _own_folder() -> Path:
    """The user's folder for all jobs on this node; one for this process if somebody else has taken its place."""
    folder = Path(tempfile.gettempdir(), f"pkmodel-numba-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="pkmodel-numba-"))
    private = found.st_uid == os.getuid() and not found.st_mode & 0o022
    if stat.S_ISDIR(found.st_mode) and private:
        return folder
    return Path(tempfile.mkdtemp(prefix="pkmodel-numba-"))
