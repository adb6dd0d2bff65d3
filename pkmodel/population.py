"""Parameters of many subjects: drawn with spread and correlation, as a Dataset along ``subject``.

A draw is keyed by what it means (seed, stream, parameter, replicate, subject) and by nothing else: any subset of
the subjects, in any order, on any number of workers, has the same numbers bit for bit; a further parameter
leaves the others as they were.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import ParameterError
from pkmodel.variables import attributes

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from pkmodel.model import Model, Parameter

__all__ = ["draw", "standard_normal"]


def draw(
    model: Model,
    subjects: int | Iterable[int],
    *,
    seed: int,
    stream: str = "between-subject",
    replicates: int | None = None,
) -> xr.Dataset:
    """Draw the parameters of a population.

    Parameters
    ----------
    model : Model
        Its parameters' typical values, spreads and correlations define the population.
    subjects : int or iterable of int
        How many (subjects 1 to n), or which ones.
    seed : int
        Root of all random numbers, 0 or above.
    stream : str
        Name of the draw; another name gives independent numbers from the same seed.
    replicates : int, optional
        Draw the population so many times, along ``replicate``.

    Returns
    -------
    xarray.Dataset
        One variable per parameter that varies, over ``subject`` (and ``replicate``), in internal units.

    Raises
    ------
    ParameterError
        No parameter varies, or the correlations contradict each other.

    Notes
    -----
    Log-normal: ``typical * exp(eta)``, ``eta ~ N(0, omega^2)``, ``omega^2 = log(1 + cv^2)``; the typical value is
    the median. Logit-normal: ``logit(value) = logit(typical) + eta`` with ``omega = cv / (1 - typical)``, which has
    the given coefficient of variation to first order. Correlations are those of the etas.

    Examples
    --------
    >>> from pkmodel.library import one_compartment
    >>> from pkmodel.model import Parameter
    >>> model = one_compartment(clearance=Parameter("clearance", "5 L/h", cv=0.3))
    >>> both = draw(model, 10, seed=1)
    >>> bool((draw(model, [7], seed=1) == both.sel(subject=[7])).clearance.all())
    True
    """
    import xarray as xr

    ids = _ids(subjects)
    varying = [p for p in model.parameters if p.cv > 0]
    if not varying:
        raise ParameterError(
            f"no parameter of the model {model.name} varies between subjects",
            remedy='Give one a spread: Parameter("clearance", "5 L/h", cv=0.3).',
        )
    copies = range(1 if replicates is None else replicates)
    z = np.stack([
        np.stack([standard_normal(ids, seed, stream, p.name, r) for r in copies], axis=-1) for p in varying
    ])  # fmt: skip
    eta = np.tensordot(_cholesky(model, varying), z, axes=1)
    dims = ("subject",) if replicates is None else ("subject", "replicate")
    data = {
        p.name: (dims, _spread(p, e if replicates is not None else e[:, 0]), {"units": p.unit})
        for p, e in zip(varying, eta, strict=True)
    }
    coords: dict = {"subject": ("subject", ids, attributes("subject"))}
    if replicates is not None:
        coords["replicate"] = ("replicate", np.arange(1, replicates + 1), attributes("replicate"))
    return xr.Dataset(data, coords, attrs={"seed": str(seed), "stream": stream})


def standard_normal(
    subjects: NDArray[np.int64], seed: int, stream: str, name: str, replicate: int = 0
) -> NDArray[np.float64]:
    """Independent standard normal numbers, one per subject, keyed by meaning.

    Parameters
    ----------
    subjects : array of int, shape (n,)
        Numbers of the subjects, 0 or above.
    seed, stream, name, replicate
        The key; equal keys give equal numbers.

    Returns
    -------
    array of shape (n,)

    Notes
    -----
    The counter-based generator Philox is entered at the subject's place in its sequence (Salmon et al.,
    Parallel random numbers: as easy as 1, 2, 3, SC11, 2011). The bits are the same on every machine; the
    transformation to normal numbers is that of the platform's mathematical library.
    """
    from scipy.special import ndtri

    words = (int(seed), zlib.crc32(stream.encode()), zlib.crc32(name.encode()), int(replicate))
    key = np.random.SeedSequence(words).generate_state(2, np.uint64)
    first, last = int(subjects.min()), int(subjects.max())
    if last - first < 8 * len(subjects):
        bits = _bits(key, first, last - first + 1)[subjects - first]
    else:
        bits = np.concatenate([_bits(key, int(s), 1) for s in subjects])
    return ndtri(((bits >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53)


def _bits(key: NDArray[Any], first: int, n: int) -> NDArray[np.uint64]:
    """Words `first` to `first + n` of a Philox sequence, which comes in blocks of four."""
    generator = np.random.Philox(key=key)
    generator.advance(first // 4)
    return generator.random_raw(n + first % 4)[first % 4 :]


def _ids(subjects: int | Iterable[int]) -> NDArray[np.int64]:
    ids = np.arange(1, subjects + 1) if isinstance(subjects, int) else np.asarray(list(subjects))
    if ids.size == 0 or ids.dtype.kind not in "iu" or ids.min() < 0:
        raise ParameterError(
            f"subjects={subjects!r}: expected a number of subjects, 1 or more, or their numbers",
            remedy="Write for example subjects=100 or subjects=range(1, 101).",
        )
    return ids.astype(np.int64)


def _cholesky(model: Model, varying: list[Parameter]) -> NDArray[Any]:
    place = {p.name: i for i, p in enumerate(varying)}
    R = np.eye(len(varying))
    for a, b, rho in model.correlations:
        if a in place and b in place:
            R[place[a], place[b]] = R[place[b], place[a]] = rho
    try:
        return np.linalg.cholesky(R)
    except np.linalg.LinAlgError:
        pairs = ", ".join(f"{a} and {b}: {rho}" for a, b, rho in model.correlations)
        raise ParameterError(
            f"the correlations contradict each other ({pairs})",
            remedy="Lower the largest ones until the matrix is positive definite.",
        ) from None


def _spread(p: Parameter, eta: NDArray[np.float64]) -> NDArray[np.float64]:
    if p.distribution == "logit-normal":
        omega = p.cv / (1 - p.value)
        return 1 / (1 + (1 - p.value) / p.value * np.exp(-omega * eta))
    return p.value * np.exp(float(np.sqrt(np.log1p(p.cv**2))) * eta)
