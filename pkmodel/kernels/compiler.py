"""From a kernel's source to machine code, by Numba and LLVM."""

import gc
from contextlib import contextmanager
from typing import Any

from llvmlite import binding as llvm
from numba import njit, types
from numba.extending import register_jitable

import pkmodel.kernels.lanes_lowering
import pkmodel.kernels.lowering  # noqa: F401
from pkmodel.kernels import machine

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "no_cpython_wrapper": True,
}
_SCALARS = {"d": types.float64, "q": types.int64, "Q": types.uint64, "B": types.uint8}


def compile_kernel(function, parameters):
    """Machine code of a kernel as two object files; the first has ``kernel``, which takes a pointer to arguments."""
    with _uncollected():
        return _compile(function, parameters)


@contextmanager
def _uncollected():
    """Without the garbage collector, which takes a tenth of the time to find that all is still in use."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _compile(function, parameters):
    while machine.inner_functions:
        register_jitable(machine.inner_functions.pop())
    compiled = njit(types.void(*map(_type, parameters)), **_OPTIONS)(function)
    (signature,) = compiled.signatures
    made = compiled.overloads[signature]
    name = made.fndesc.llvm_func_name
    _, _, (code, _) = made.library.serialize_using_object_code()  # what Numba's own cache keeps
    entry = llvm.parse_assembly(_entry(name, made.library.get_function(name)))
    return machine.processor().emit_object(entry), code


def _type(word):
    scalar, shape = _SCALARS[word[0]], word[1:]
    if not shape:
        return scalar
    if shape[0] == "(":
        return types.UniTuple(scalar, int(shape[1:-1]))
    return types.Array(scalar, int(shape), "C")


def _entry(name, function):
    """A function that reads the arguments of Numba's from memory and returns its status.

    No kernel owns memory, so that what would release it is never called.
    """
    kinds = [str(argument.type) for argument in function.arguments]
    lines, passed = [], ["ptr %result", "ptr %error"]
    for k, kind in enumerate(kinds[2:]):
        cast = {
            "ptr": "inttoptr i64 %v{k} to ptr",
            "double": "bitcast i64 %v{k} to double",
            "i64": "",
        }[kind]
        lines += [f"%p{k} = getelementptr i64, ptr %given, i64 {k}", f"%v{k} = load i64, ptr %p{k}"]
        lines += [f"%a{k} = {cast.format(k=k)}"] if cast else []
        passed.append(f"{kind} %{'a' if cast else 'v'}{k}")
    return "\n".join(
        [
            f"declare i32 @{name}({', '.join(kinds)})",
            "define void @NRT_MemInfo_call_dtor(ptr %nothing) { ret void }",
            "define i32 @kernel(ptr %given) {",
            "%result = alloca ptr",
            "%error = alloca ptr",
            *lines,
            f"%status = call i32 @{name}({', '.join(passed)})",
            "ret i32 %status",
            "}",
        ]
    )
