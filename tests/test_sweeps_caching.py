import os
import subprocess
import sys
from pathlib import Path

import pytest

from pkmodel.kernels import machine
from pkmodel.sweeps import caching

PROGRAM = """
import sys
{first}
from pkmodel.sweeps.caching import use_node_cache
use_node_cache()
from pkmodel.kernels.machine import cache_folder
print(cache_folder())
"""


def cache_of_a_process(folder, first="", **environment):
    """The folder that compiled kernels are kept in."""
    plain = {n: v for n, v in os.environ.items() if n not in (*caching.JOBS, "NUMBA_CACHE_DIR")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=first)],
        env={**plain, "TMPDIR": str(folder), **environment},
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("first", ["", "import pkmodel.kernels.linear"])
def test_a_job_keeps_kernels_on_its_node(tmp_path, first):
    found = cache_of_a_process(tmp_path, first, SLURM_JOB_ID="1")
    assert found == str(tmp_path / f"pkmodel-kernels-{os.getuid()}")
    assert (os.stat(found).st_mode & 0o777) == 0o700


def test_outside_of_a_job_nothing_changes(tmp_path):
    assert Path(cache_of_a_process(tmp_path)) == Path(machine.__file__).parent / "__pycache__"
    assert not list(tmp_path.iterdir())


def test_who_says_where_is_heard(tmp_path):
    named = str(tmp_path / "elsewhere")
    assert cache_of_a_process(tmp_path, SLURM_JOB_ID="1", NUMBA_CACHE_DIR=named) == named


@pytest.mark.parametrize("taken", ["link", "open", "file"])
def test_a_folder_that_others_could_fill_is_not_used(tmp_path, taken):
    place = tmp_path / f"pkmodel-kernels-{os.getuid()}"
    if taken == "link":
        (tmp_path / "target").mkdir()
        place.symlink_to(tmp_path / "target")
    elif taken == "open":
        place.mkdir()
        place.chmod(0o777)
    else:
        place.write_text("")
    found = cache_of_a_process(tmp_path, SLURM_JOB_ID="1")
    assert found.startswith(str(tmp_path / "pkmodel-kernels-")) and found != str(place)
