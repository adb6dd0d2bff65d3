"""Coefficients of the methods that `adaptive` steps with, as published, and as its loops read them."""

from typing import NamedTuple

import numpy as np


class Method(NamedTuple):
    """A one-step method with an error estimate and dense output.

    Stage i has the argument ``y + factor * sum_j argument[i, j] k_j``, where the factor is the step length for an
    explicit method and 1 for a Rosenbrock method. The argument of the last stage is the new state, to which a
    Rosenbrock method adds the last stage itself.
    """

    order: int
    argument: np.ndarray  #: (stage, stage)
    node: np.ndarray  #: (stage,): times of the stages, in steps
    error: np.ndarray  #: (stage,): weights of the error estimate
    dense: np.ndarray  #: (3, stage): F of ``y + x (dy + (1 - x) (F[0] + x (F[1] + x F[2])))``
    memory: np.ndarray  #: (stage, stage): what earlier stages add to a right-hand side, times 1/h
    slope: np.ndarray  #: (stage,): weights of the derivative by time, times h
    gamma: float  #: of the matrix ``1/(gamma h) - J``; 0 for an explicit method


def _lower(*rows: list[float]) -> np.ndarray:
    matrix = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        matrix[i, : len(row)] = row
    return matrix


def _dense(powers: np.ndarray) -> np.ndarray:
    """F of an explicit method from its interpolant ``sum_d powers[i, d] x^(d + 1)``, (stage, 4)."""
    return -np.cumsum(powers[:, :0:-1], axis=1)[:, ::-1].T


_TSIT5 = _lower(
    [],
    [0.161],
    [-0.008480655492356989, 0.335480655492357],
    [2.8971530571054935, -6.359448489975075, 4.3622954328695815],
    [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
    [
        5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401,
        -0.028269050394068383,
    ],
    [
        0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
        2.324710524099774,
    ],
)  # fmt: skip

TSIT5 = Method(
    order=5,
    argument=_TSIT5,
    node=_TSIT5.sum(axis=1).round(15),
    error=np.array([
        -0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995, -0.1447110071732629,
        0.5823571654525552, -0.45808210592918697, 1 / 66,
    ]),
    dense=_dense(np.array([
        [1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216],
        [0.0, 0.1317, -0.2234, 0.1017],
        [0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253],
        [0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902],
        [0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928],
        [0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661],
        [0.0, 1.5, -4.0, 2.5],
    ])),
    memory=np.zeros((7, 7)),
    slope=np.zeros(7),
    gamma=0.0,
)  # fmt: skip
"""Ch. Tsitouras, "Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption",
Comput. Math. Appl. 62 (2011) 770-775, doi:10.1016/j.camwa.2011.06.002."""

_RODAS6 = [
    -7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946,
]  # fmt: skip

RODAS5P = Method(
    order=5,
    argument=_lower(
        [],
        [3.0],
        [2.849394379747939, 0.45842242204463923],
        [-6.954028509809101, 2.489845061869568, -10.358996098473584],
        [2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641],
        _RODAS6,
        [*_RODAS6, 1.0],
        [*_RODAS6, 1.0, 1.0],
    ),
    node=np.array([
        0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0,
    ]),
    error=np.eye(8)[7],
    dense=np.array([
        [
            25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204, 0.524948541321073,
            1.1241088310450404, 0.4272876194431874, -0.17202221070155493,
        ],
        [
            -9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796, 20.176138334709044,
            15.98066361424651, -6.789040303419874, -6.710236069923372,
        ],
        [
            11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643, -52.072871366152654,
            -59.78993625266729, -0.15582684282751913, 4.883087185713722,
        ],
    ]),
    memory=_lower(
        [],
        [-14.155112264123755],
        [-17.97296035885952, -2.859693295451294],
        [147.12150275711716, -1.41221402718213, 71.68940251302358],
        [165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306],
        [
            24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471,
        ],
        [
            30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623,
            -28.087943162872662,
        ],
        [
            37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002,
            -54.66780262877968, -9.48861652309627,
        ],
    ),
    slope=np.array([
        0.21193756319429014, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069,
        0.0, 0.0, 0.0,
    ]),
    gamma=0.21193756319429014,
)  # fmt: skip
"""G. Steinebach, "Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia
Differential Equations package", BIT Numer. Math. 63 (2023) 27, doi:10.1007/s10543-023-00967-x."""
