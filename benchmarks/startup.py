"""What a user waits for before the first number: imports, compilation, the first result.

Each sample is a fresh process. ``import numpy`` is the yardstick of ``import pkmodel``, and ``import numba, xarray``
that of the first result.
"""

import subprocess
import sys

COMPARE = """
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    from pkmodel.cli import main
    main(
        ["compare", "morphine", "--oral", "60 mg oral q12h x 28", "--ratio", "300"],
        standalone_mode=False,
    )
"""

FIRST_RESULT = """
import numpy as np, xarray as xr
from pkmodel import library, simulate
clearance = xr.DataArray(np.linspace(3, 8, 1000), dims="subject")
simulate(
    library.one_compartment(depot=True), "10 mg oral q12h x 28", np.arange(337.0), {"clearance": clearance}
)
"""

EMPTY_CACHE = """
import atexit, os, shutil, tempfile
os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp()
atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)
"""


def timeraw_import_numpy():
    return "import numpy"


def timeraw_import_pkmodel():
    return "import pkmodel"


def timeraw_import_numba_xarray():
    return "import numba, xarray"


class ColdStart:
    """Right after installation: every kernel is compiled."""

    repeat = (1, 2, 30.0)
    number = rounds = 1
    timeout = 300

    def timeraw_comparison(self):
        """The command ``pkmodel compare``."""
        return COMPARE, EMPTY_CACHE

    def timeraw_first_result(self):
        """1,000 subjects of one compartment and a depot, hourly for 14 days."""
        return FIRST_RESULT, EMPTY_CACHE


class CachedStart:
    """The same the second time: every kernel comes from the cache on disk."""

    number = rounds = 1
    repeat = (3, 5, 10.0)
    timeout = 300

    def setup(self):
        for code in (COMPARE, FIRST_RESULT):
            subprocess.run([sys.executable, "-c", code], check=True)

    def timeraw_comparison(self):
        return COMPARE

    def timeraw_first_result(self):
        return FIRST_RESULT
