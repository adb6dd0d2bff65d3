"""The names of ``pkmodel.devices``: all there, documented, and cheap until they are used."""

import inspect
import subprocess
import sys

import pytest

from pkmodel import devices


@pytest.mark.parametrize("name", devices.__all__)
def test_every_name_is_there_and_documented(name):
    public = getattr(devices, name)
    if callable(public):
        assert inspect.getdoc(public).partition("\n")[0].endswith(".")
        assert public.__module__ == f"pkmodel.devices.{devices._HOME[name]}"


def test_no_name_is_forgotten():
    assert set(devices.__all__) == set(devices._HOME) == set(dir(devices))
    with pytest.raises(AttributeError, match="no attribute"):
        devices.pumps  # noqa: B018


def test_import_is_light():
    code = "import sys, pkmodel.devices; print(*(set(sys.modules) & {'scipy', 'pandas', 'xarray', 'pkmodel.drugs'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_pump_is_made_without_heavy_imports():
    code = (
        "import sys; from pkmodel.devices import Catheter, Pump\n"
        "pump = Pump.of('SynchroMed II 20 mL', drug='morphine', concentration='5 mg/mL', "
        "programme='0.4 mg/day', catheter=Catheter('60 cm', 'T10'))\n"
        "pump.run('30 d')\n"
        "print(*(set(sys.modules) & {'scipy', 'pandas', 'xarray', 'pint', 'matplotlib'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
