"""Kernels as machine code: what is kept, when it is compiled anew, and what is refused."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pkmodel.kernels import adaptive, linear, machine  # noqa: F401 - they bring their kernels
from pkmodel.kernels.machine import Kernel, kernel

pytestmark = pytest.mark.skipif(machine.interpreted(), reason="nothing is compiled")

PROGRAM = """
import sys, warnings
import numpy as np
from pkmodel.kernels import machine
from pkmodel.kernels.plan import plan
{before}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    compiled = {load}
print(compiled, "numba" in sys.modules, [str(w.message)[:40] for w in caught])
"""


def process(folder, before="", load="plan.load()", **environment):
    """Whether a fresh process compiled a kernel, whether it needed Numba, and what it warned of."""
    program = PROGRAM.format(before=before, load=load)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), **environment},
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    return done.stdout.strip()


def fill(target, value, times, first, last):
    for k in range(first, last):
        target[k] = value * times[0] * times[1]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A kernel of the test's own, kept in a folder of its own."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(machine, "kernels", [])
    return Kernel(fill, "d1 d Q(2) q q")


def test_arrays_numbers_and_tuples_arrive(own):
    target = np.zeros(5)
    call = own.bind(target, 0.1, (2, 3))
    call(1, 3)
    assert target.tolist() == [0.0, 0.1 * 2 * 3, 0.1 * 2 * 3, 0.0, 0.0]
    call(4, 5)
    assert target[4] == target[1] and target[3] == 0.0


def test_every_kernel_of_the_package_is_known():
    sources = [file.read_text() for file in Path(machine.__file__).parent.glob("*.py")]
    written = sum(len(re.findall(r"^@kernel\(", text, re.MULTILINE)) for text in sources)
    assert len(machine.kernels) == written > 0


@pytest.mark.parametrize(
    "target", [np.zeros(4, np.float32), np.zeros((2, 2)), np.zeros(8)[::2], np.zeros(4, np.int64)]
)
def test_other_arrays_are_refused(own, target):
    with pytest.raises(TypeError, match="expected a C-contiguous array d1"):
        own.bind(target, 1.0, (1, 1))


def test_what_is_compiled_is_kept_and_loaded_without_numba(tmp_path):
    assert process(tmp_path) == "True True []"
    (file,) = tmp_path.glob("plan-*.o")
    assert process(tmp_path) == "False False []"
    file.write_bytes(file.read_bytes()[:-1])  # a disk that filled up
    assert process(tmp_path) == "True True []"
    assert process(tmp_path) == "False False []"


def test_what_it_depends_on_is_part_of_the_name(tmp_path):
    process(tmp_path)
    assert process(tmp_path, NUMBA_OPT="2") == "True True []"
    other = "machine.version = lambda name: '0'"
    assert process(tmp_path, other) == "True True []"
    assert len(list(tmp_path.glob("plan-*.o"))) == 3
    assert process(tmp_path) == "False False []"


def test_without_a_place_to_keep_it_every_process_compiles(tmp_path):
    (tmp_path / "file").write_text("")
    expected = "True True ['no writable cache directory: the solver ']"
    assert process(tmp_path / "file" / "cache") == expected


def test_a_disk_that_refuses_is_warned_of(tmp_path):
    before = "def refuse(*names): raise OSError('disk full')\nmachine.os.replace = refuse"
    assert process(tmp_path, before) == "True True ['compiled code was not kept: disk full']"
    assert not list(tmp_path.iterdir())


def test_two_processes_share_the_compilation(tmp_path):
    before, load = "from pkmodel.kernels.runs import runs", "machine.load_all((plan, runs))"
    assert process(tmp_path, before, load) == "2 True []"
    assert len(list(tmp_path.glob("*.o"))) == 2
    assert process(tmp_path, before, load) == "0 False []"


def test_threads_compile_once(own):
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: own.load(), range(4))) == 1


def test_an_exception_is_not_lost(own):
    @kernel("d1 q")
    def divide(target, step):
        for k in range(0, 5, step):
            target[k] = 1.0

    with pytest.raises(RuntimeError, match="divide raised"):
        divide.bind(np.zeros(5))(0)
