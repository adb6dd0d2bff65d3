"""What the compiler makes of the operations in `lanes`."""

import operator

from llvmlite import ir
from numba import types
from numba.extending import lower_builtin, type_callable

from pkmodel.kernels.lanes import (
    absolute,
    apart,
    below,
    call,
    choose,
    exponential,
    larger,
    logarithm,
    power,
    root,
    rough_exp2,
    rough_log2,
    smaller,
    update,
)
from pkmodel.kernels.lowering import Vector, _pointer

_ARITHMETIC = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul"}
_INTRINSICS = {
    absolute: "fabs",
    exponential: "exp",
    larger: "maximum",
    logarithm: "log",
    power: "pow",
    root: "sqrt",
    smaller: "minimum",
}
_UNARY = {absolute, exponential, logarithm, root}


def _one(context):
    return lambda a: a if isinstance(a, Vector) else None


def _two(context):
    return lambda a, b: a if isinstance(a, Vector) and a == b else None


def _lower_arithmetic(function, instruction):
    type_callable(function)(_two)

    @lower_builtin(function, Vector, Vector)
    def _(context, builder, signature, values):
        return getattr(builder, instruction)(*values)


def _lower_intrinsic(function, name):
    unary = function in _UNARY
    type_callable(function)(_one if unary else _two)

    @lower_builtin(function, *[Vector] * (1 if unary else 2))
    def _(context, builder, signature, values):
        kind = values[0].type
        of = ir.FunctionType(kind, [kind] * len(values))
        callee = builder.module.declare_intrinsic(f"llvm.{name}.v{kind.count}f64", fnty=of)
        return builder.call(callee, values)


for _operator, _instruction in _ARITHMETIC.items():
    _lower_arithmetic(_operator, _instruction)
for _function, _name in _INTRINSICS.items():
    _lower_intrinsic(_function, _name)
type_callable(rough_log2)(_one)
type_callable(rough_exp2)(_one)
type_callable(choose)(lambda context: lambda a, b, x, y: x)
type_callable(apart)(lambda context: lambda: types.none)
type_callable(update)(lambda context: lambda array, at, a, b, x: types.none)
type_callable(below)(lambda context: lambda a, b: types.uint64)
type_callable(call)(lambda context: lambda address, time, array, y, p, dydt: types.none)


@lower_builtin(apart)
def _(context, builder, signature, values):
    builder.function.attributes.add("noinline")
    return context.get_dummy_value()


@lower_builtin(choose, *[Vector] * 4)
def _(context, builder, signature, values):
    a, b, x, y = values
    return builder.select(builder.fcmp_ordered("<", a, b), x, y)


@lower_builtin(update, types.Array, types.Integer, *[Vector] * 3)
def _(context, builder, signature, values):
    array, at, a, b, x = values
    kinds = signature.args[0], signature.args[1], signature.args[4]
    pointer = _pointer(context, builder, kinds, (array, at))
    # Adding zero keeps the compiler from a masked store, which takes ten times as long.
    old = builder.fadd(builder.load(pointer, align=8), _every(x.type, 0.0))
    builder.store(builder.select(builder.fcmp_ordered("<", a, b), x, old), pointer, align=8)
    return context.get_dummy_value()


@lower_builtin(below, Vector, Vector)
def _(context, builder, signature, values):
    less = builder.fcmp_ordered("<", *values)
    bits = builder.bitcast(less, ir.IntType(values[0].type.count))
    return builder.zext(bits, ir.IntType(64))


@lower_builtin(rough_log2, Vector)
def _(context, builder, signature, values):
    kind = values[0].type
    long, short = (ir.VectorType(ir.IntType(width), kind.count) for width in (64, 32))
    upper = builder.lshr(builder.bitcast(values[0], long), _every(long, 32))
    mantissa = builder.sitofp(builder.trunc(upper, short), kind)
    return builder.fsub(builder.fmul(mantissa, _every(kind, 2.0**-20)), _every(kind, 1023.0))


@lower_builtin(rough_exp2, Vector)
def _(context, builder, signature, values):
    kind = values[0].type
    long, short = (ir.VectorType(ir.IntType(width), kind.count) for width in (64, 32))
    shifted = builder.fadd(values[0], _every(kind, 1023.0))
    upper = builder.fptosi(builder.fmul(shifted, _every(kind, 2.0**20)), short)
    return builder.bitcast(builder.shl(builder.zext(upper, long), _every(long, 32)), kind)


@lower_builtin(call, types.Integer, types.Float, types.Array, *[types.Integer] * 3)
def _(context, builder, signature, values):
    address, time, array, *places = values
    data = context.make_array(signature.args[2])(context, builder, array).data
    of = ir.FunctionType(ir.VoidType(), [time.type, *[data.type] * 3])
    function = builder.inttoptr(address, of.as_pointer())
    builder.call(function, [time, *(builder.gep(data, [place]) for place in places)])
    return context.get_dummy_value()


def _every(vector, value):
    return ir.Constant(vector, [value] * vector.count)
