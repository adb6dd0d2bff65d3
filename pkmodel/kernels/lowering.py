"""What the compiler makes of the operations in `vectors`: registers of fixed width."""

from llvmlite import ir
from numba import types
from numba.extending import lower_builtin, models, register_model, type_callable

from pkmodel.kernels.vectors import fma, load, ratio, splat, store, turn


class Vector(types.Type):
    """A fixed number of float64."""

    def __init__(self, width):
        self.width = width
        super().__init__(f"float64x{width}")


@register_model(Vector)
def _model(manager, vector):
    content = ir.VectorType(ir.DoubleType(), vector.width)
    return models.PrimitiveModel(manager, vector, content)


def _width(value, width):
    return Vector(width.literal_value) if isinstance(width, types.Literal) else None


type_callable(splat)(lambda context: _width)
type_callable(load)(lambda context: lambda array, at, like: like)
type_callable(store)(lambda context: lambda array, at, vector: types.none)
type_callable(fma)(lambda context: lambda a, b, c: c)
type_callable(ratio)(lambda context: lambda a, b: a)
type_callable(turn)(lambda context: lambda array, at, stride, a, b, c, d: types.none)


@lower_builtin(splat, types.Float, types.Integer)
def _(context, builder, signature, values):
    return _repeat(builder, values[0], context.get_value_type(signature.return_type))


@lower_builtin(load, types.Array, types.Integer, Vector)
def _(context, builder, signature, values):
    return builder.load(_pointer(context, builder, signature.args, values), align=8)


@lower_builtin(store, types.Array, types.Integer, Vector)
def _(context, builder, signature, values):
    builder.store(values[2], _pointer(context, builder, signature.args, values), align=8)
    return context.get_dummy_value()


@lower_builtin(fma, Vector, Vector, Vector)
@lower_builtin(fma, Vector, types.Float, Vector)
@lower_builtin(fma, types.Float, types.Float, types.Float)
def _(context, builder, signature, values):
    a, b, c = values
    if signature.args[0] != signature.args[1]:
        b = _repeat(builder, b, a.type)
    return builder.fadd(builder.fmul(a, b, flags=["contract"]), c, flags=["contract"])


@lower_builtin(ratio, Vector, Vector)
def _(context, builder, signature, values):
    return builder.fdiv(*values)


@lower_builtin(turn, types.Array, types.Integer, types.Integer, *[Vector] * 4)
def _(context, builder, signature, values):
    array, at, stride, *columns = values
    place = ir.VectorType(ir.IntType(32), 4)

    def mix(a, b, *places):
        return builder.shuffle_vector(a, b, ir.Constant(place, places))

    (a, b), (c, d) = (
        [mix(*columns[k : k + 2], *odd) for odd in ((0, 4, 2, 6), (1, 5, 3, 7))] for k in (0, 2)
    )
    for row in (
        mix(a, c, 0, 1, 4, 5),
        mix(b, d, 0, 1, 4, 5),
        mix(a, c, 2, 3, 6, 7),
        mix(b, d, 2, 3, 6, 7),
    ):
        pointer = _pointer(
            context, builder, (signature.args[0], None, signature.args[3]), (array, at)
        )
        builder.store(row, pointer, align=8)
        at = builder.add(at, stride)
    return context.get_dummy_value()


def _repeat(builder, value, vector):
    place, nothing = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, value, place(0))
    everywhere = ir.Constant(ir.VectorType(place, vector.count), None)
    return builder.shuffle_vector(one, nothing, everywhere)


def _pointer(context, builder, kinds, values):
    data = context.make_array(kinds[0])(context, builder, values[0]).data
    vector = context.get_value_type(kinds[2])
    return builder.bitcast(builder.gep(data, [values[1]]), vector.as_pointer())
