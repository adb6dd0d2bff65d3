"""Kernels as machine code: compiled once by Numba, kept on disk, called without Numba.

A kernel is an ordinary function of arrays and numbers that never raises. Its parameters are described by
a text, a word each:

======  =====================================================================
word    parameter
======  =====================================================================
d2      C-contiguous array of two dimensions (0 to 3); d float64, q int64,
        Q uint64, B uint8
q       a number: d, q or Q
Q(6)    a tuple of six numbers
======  =====================================================================

To import Numba and have it look up its own cache takes longer than to import everything else that a
simulation needs. So what Numba has compiled is kept in a file, of a name that holds all that it depends
on: the sources of all kernels, the versions of the compiler and the processor. LLVM alone loads it. Hence
kernels may call functions of other kernel files, which Numba's own cache does not notice when they change.
"""

import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from array import array
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_TYPES = {k: np.dtype(t) for k, t in {"d": "f8", "q": "i8", "Q": "u8", "B": "u1"}.items()}
_PLACE = Path(__file__).parent
_KEPT = 8  # files of a kernel: versions and processors that share a folder
_LOCK = threading.Lock()
_ENGINES: list[Any] = []  # own the code

kernels: list["Kernel"] = []
"""All that were defined by the modules imported so far."""
inner_functions: list[Any] = []
"""What they may call, likewise."""


class Kernel:
    """A function that is called as machine code.

    Parameters
    ----------
    function : callable
        The kernel, as Numba can compile it.
    parameters : str
        Its parameters, as above.
    """

    def __init__(self, function, parameters):
        self.function = function
        self.parameters = tuple(parameters.split())
        self._code: Any = None
        kernels.append(self)

    def __repr__(self):
        return f"Kernel({self.function.__name__})"

    def bind(self, *arguments, known=None):
        """The kernel with its first arguments, as a function of the others, which are whole numbers.

        Arrays are not copied: what the function writes stands in them. `known` is a dictionary that several
        kernels are bound with, so that every array is looked at once; the arrays have to outlive it.
        """
        if interpreted():
            return partial(self.function, *arguments)
        self.load()
        return _Bound(self, arguments, {} if known is None else known)

    def file(self):
        """Where the machine code is kept; None if nowhere."""
        folder = cache_folder()
        return folder and folder / f"{self.function.__name__}-{_key()}.o"

    def load(self):
        """Have the machine code at hand; returns whether it had to be compiled."""
        if self._code is not None:
            return False
        with _LOCK:
            if self._code is not None:
                return False
            file = self.file()
            code = file and _read(file)
            compiled = code is None
            if compiled:
                from pkmodel.kernels.compiler import compile_kernel

                code = compile_kernel(self.function, self.parameters)
                if file:
                    _write(file, code)
            self._code = _link(code)
        return compiled


class _Bound:
    """Machine code and its first arguments as it takes them: numbers and addresses, one after another."""

    def __init__(self, kernel, arguments, known):
        slots: list[int] = []
        for word, argument in zip(kernel.parameters, arguments, strict=False):
            slots.extend(_slots(word, argument, known))
        self.kernel = kernel
        self.arguments = arguments  # keeps the arrays alive
        self.first = len(slots)
        self.slots = array("q", slots + [0] * (len(kernel.parameters) - len(arguments)))
        self.address = self.slots.buffer_info()[0]

    def __call__(self, *numbers):
        for k, number in enumerate(numbers, self.first):
            self.slots[k] = number
        if self.kernel._code(self.address):
            raise RuntimeError(f"the kernel {self.kernel.function.__name__} raised an exception")


def load_all(wanted):
    """Have several kernels at hand; returns how many had to be compiled.

    Numba compiles one after another, so that every second one is left to a process beside this one.
    """
    if interpreted():
        return 0
    missing = [k for k in wanted if k._code is None and not (k.file() and k.file().exists())]
    if len(missing) > 1 and missing[0].file() and _can_share():
        names = [(k.function.__module__, k.function.__name__) for k in missing[1::2]]
        path = os.pathsep.join(p or os.getcwd() for p in sys.path)
        command = [sys.executable, "-c", _LOAD, *map(".".join, names)]
        try:
            with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}):
                for each in missing[::2]:
                    each.load()
        except OSError:
            pass  # no process may be started: all are compiled here
    for each in wanted:
        each.load()
    return len(missing)


_LOAD = """
import gc
import sys
gc.disable()
from importlib import import_module
for name in sys.argv[1:]:
    module, _, kernel = name.rpartition(".")
    getattr(import_module(module), kernel).load()
"""


def _can_share():
    """Whether another processor and another interpreter are at hand."""
    return (os.cpu_count() or 1) > 1 and bool(sys.executable)


def kernel(parameters):
    """Decorator: the function becomes a `Kernel` with these parameters."""
    return lambda function: Kernel(function, parameters)


def inner(function):
    """Decorator: kernels may call the function."""
    inner_functions.append(function)
    return function


def interpreted():
    """Whether kernels run as Python, as ``NUMBA_DISABLE_JIT=1`` asks."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def cache_folder():
    """Where machine code is kept: ``NUMBA_CACHE_DIR``, or beside the sources, or with the user; None if nowhere."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return _first_writable((given,) if given else (_PLACE / "__pycache__", home / "pkmodel"))


@cache
def _first_writable(folders):
    for folder in map(Path, folders):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    warnings.warn(
        "no writable cache directory: the solver is compiled anew in every process; "
        "set NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


@cache
def _key():
    """Digest of all that machine code depends on."""
    digest = hashlib.sha256()
    for file in sorted(_PLACE.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    llvm = _llvm()
    settings = sorted(
        f"{name}={value}"
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and name != "NUMBA_CACHE_DIR"
    )
    host = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    versions = [f"{name} {version(name)}" for name in ("numba", "llvmlite")]
    digest.update("\0".join((*versions, *host, *settings)).encode())
    return digest.hexdigest()[:32]


@cache
def _llvm():
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def processor():
    """The processor at hand, as LLVM's target."""
    llvm = _llvm()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )


def _read(file):
    """The two objects from the disk; None if there are none, or a file that was not written to its end."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    if hashlib.sha256(code).digest() != digest:
        return None
    middle = 8 + int.from_bytes(code[:8], "little")
    return code[8:middle], code[middle:]


def _write(file, objects):
    """Put the two objects on the disk at once or not at all, and remove what has grown old."""
    part = file.with_suffix(f".{os.getpid()}")
    try:
        code = b"".join((len(objects[0]).to_bytes(8, "little"), *objects))
        part.write_bytes(hashlib.sha256(code).digest() + code)
        os.replace(part, file)
        kept = file.parent.glob(f"{file.name.partition('-')[0]}-*.o")
        for old in sorted(kept, key=lambda f: f.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        part.unlink(missing_ok=True)
        warnings.warn(f"compiled code was not kept: {error}", RuntimeWarning, stacklevel=2)


def _link(objects):
    llvm = _llvm()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), processor())
    for each in objects:
        engine.add_object_file(llvm.ObjectFileRef.from_data(each))
    engine.finalize_object()
    _ENGINES.append(engine)
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_int32, ctypes.c_void_p
    )  # lets other threads run meanwhile
    return prototype(engine.get_function_address("kernel"))


def _slots(word, argument, known):
    """An argument as the whole numbers that machine code takes: those of Numba's arrays and scalars."""
    slots = known.get((word, id(argument)))
    if slots is not None:
        return slots
    kind, shape = word[0], word[1:]
    if not shape:
        return (int(argument),) if kind != "d" else array("q", np.float64(argument).tobytes())
    if shape[0] == "(":
        return map(int, argument)
    sizes = argument.shape
    if (
        argument.dtype != _TYPES[kind]
        or len(sizes) != int(shape)
        or not argument.flags.c_contiguous
    ):
        raise TypeError(
            f"expected a C-contiguous array {word}, not {argument.dtype} of shape {sizes}"
        )
    slots = (0, 0, argument.size, argument.itemsize, _address(argument), *sizes, *argument.strides)
    known[word, id(argument)] = slots
    return slots


def _address(argument):
    """Where the numbers of an array lie: the short way, which takes one that is neither empty nor read-only."""
    if argument.size and argument.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(argument))
    return argument.__array_interface__["data"][0]
