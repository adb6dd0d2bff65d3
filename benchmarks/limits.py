"""How near the linear kernel is to what the machine allows: writing the output once, and multiply-adds at peak."""

from timeit import repeat
from unittest import mock

import numpy as np

from benchmarks.workloads import WORKLOADS
from pkmodel import simulate

SIZE = 512


def shortest(action, times=15):
    """Least time of a call [s], after one call that does not count."""
    action()
    return min(repeat(action, number=1, repeat=times))


def kernel_arguments(workload, parameters):
    """What `simulate` hands to the kernel for the concentrations of a workload."""
    from pkmodel.kernels import linear

    with mock.patch.object(linear, "solve", wraps=linear.solve) as kernel:
        simulate(
            workload.make(), workload.order, workload.times, parameters, amounts=False, threads=1
        )
    return kernel.call_args.args


def peak():
    """Multiply-adds per second of one thread, in a product of large matrices."""
    a = np.random.default_rng(0).random((SIZE, SIZE))
    out = np.empty_like(a)
    return SIZE**3 / shortest(lambda: np.matmul(a, a, out=out))


def multiply_adds(arguments):
    """The fewest that stepping from one output to the next takes.

    One exponential per case, for the shortest step (six products and the squarings), and for every output time the
    step and the rows. Zeros count.
    """
    matrices, time, op, out = arguments[0], arguments[3], arguments[4], arguments[13]
    from pkmodel.kernels.tapes import OUTPUT

    n, terms = matrices.shape[-1], len(arguments[11])
    step = np.diff(time[op == OUTPUT]).min()
    norms = step * np.abs(np.diagonal(matrices, axis1=-2, axis2=-1)).max(axis=(1, 2))
    squarings = np.maximum(np.ceil(np.log2(norms / 0.8)), 0.0).mean()
    return len(out) * ((6.0 + squarings) * n**3 + out.shape[2] * (n * n + terms))


class Limits:
    """Concentrations of 1,000 subjects: time of the kernel beside the larger of the two limits."""

    params = (["W1", "W2", "W3"],)
    param_names = ("workload",)

    def setup(self, workload):
        from pkmodel.kernels import linear

        chosen = WORKLOADS[workload]
        self.arguments = kernel_arguments(chosen, chosen.parameters())
        self.kernel = linear.solve

    def track_kernel_over_limit(self, workload):
        return self.kernel_time() / max(self.write_time(), self.arithmetic_time())

    def track_write_limit(self, workload):
        return self.write_time()

    def track_arithmetic_limit(self, workload):
        return self.arithmetic_time()

    def kernel_time(self):
        return shortest(lambda: self.kernel(*self.arguments))

    def write_time(self):
        """Of the output, once, into memory that is there already [s]."""
        return shortest(lambda: self.arguments[13].fill(1.0))

    def arithmetic_time(self):
        """Of the multiply-adds at the peak of the machine [s]."""
        return multiply_adds(self.arguments) / peak()

    track_kernel_over_limit.unit = "times"
    track_write_limit.unit = "s"
    track_arithmetic_limit.unit = "s"
