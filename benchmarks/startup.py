"""What a user waits for before the first number: imports, compilation, the first comparison.

Each sample is a fresh process. ``import numpy`` is the yardstick of ``import pkmodel``.
"""

import os
import shutil
import subprocess
import sys
import tempfile

COMPARE = """
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    from pkmodel.cli import main
    main(
        ["compare", "morphine", "--oral", "60 mg oral q12h x 28", "--ratio", "300"],
        standalone_mode=False,
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


def timeraw_cold_comparison():
    """``pkmodel compare`` right after installation: every kernel is compiled."""
    return COMPARE, EMPTY_CACHE


timeraw_cold_comparison.repeat = (1, 3, 60.0)
timeraw_cold_comparison.timeout = 300


class CachedStart:
    """``pkmodel compare`` the second time: every kernel comes from the cache on disk."""

    timeout = 300

    def setup(self):
        self.folder = tempfile.mkdtemp()
        environment = {**os.environ, "NUMBA_CACHE_DIR": self.folder}
        subprocess.run([sys.executable, "-c", COMPARE], check=True, env=environment)

    def teardown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def timeraw_comparison(self):
        return COMPARE, f"import os\nos.environ['NUMBA_CACHE_DIR'] = {self.folder!r}"
