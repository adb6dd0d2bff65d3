"""What all tests share: one hypothesis profile, figures without a screen, one thread per worker."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Set before numpy, numba or matplotlib is imported: the workers of pytest-xdist share the cores.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# No deadline: the first example may compile a kernel. Derandomized: a failure is a change.
settings.register_profile(
    "pkmodel",
    deadline=None,
    derandomize=True,
    print_blob=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("pkmodel"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "pkmodel"))

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def load_json():
    """Read ``tests/data/<name>.json``."""

    def load(name):
        return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))

    return load
