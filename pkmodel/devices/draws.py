"""Sequences of random numbers, one per subject, keyed by what they mean.

A sequence is keyed by (seed, stream, name, replicate, subject) and by nothing else: any subset of the subjects, in
any order, has the same numbers bit for bit, and a longer sequence begins with the shorter one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Key", "subject_numbers", "uniforms"]

Key = tuple[int, str, int]
"""Seed, stream and replicate of a draw."""


def subject_numbers(subjects: int | Iterable[int]) -> Ints:
    """Numbers of the subjects: 1 to n, or those that are given.

    Parameters
    ----------
    subjects : int or iterable of int
        How many, or which ones.

    Returns
    -------
    array of int, shape (subject,)

    Raises
    ------
    ParameterError
        No subject, one that stands twice, or something that is no whole number, 0 or above.

    Examples
    --------
    >>> subject_numbers(3), subject_numbers([7, 4])
    (array([1, 2, 3]), array([7, 4]))
    """
    if isinstance(subjects, (int, np.integer)) and not isinstance(subjects, bool):
        numbers: NDArray[Any] = np.arange(1, subjects + 1)
    else:
        numbers = np.asarray(list(subjects)) if isinstance(subjects, Iterable) else np.zeros(0)
    wrong = numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu"
    if wrong or numbers.min() < 0 or len(np.unique(numbers)) < len(numbers):
        raise ParameterError(
            f"subjects={subjects!r}: expected a number of subjects, 1 or more, or their numbers, each once",
            remedy="Write for example subjects=100 or subjects=range(1, 101).",
        )
    return numbers.astype(np.int64)


def uniforms(subjects: Ints, size: int, key: Key, name: str) -> Floats:
    """Independent numbers, uniform between 0 and 1, both ends excluded.

    Parameters
    ----------
    subjects : array of int, shape (subject,)
        Numbers of the subjects, 0 or above.
    size : int
        Length of every sequence.
    key : tuple of int, str and int
        Seed, stream and replicate.
    name : str
        What is drawn.

    Returns
    -------
    array of shape (subject, size)

    Notes
    -----
    The counter of the generator Philox (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC11, 2011) has
    four words: the subject is the third, and the place in its sequence the first.

    Examples
    --------
    >>> both = uniforms(np.array([3, 8]), 5, (1, "demand", 0), "wait")
    >>> bool((both[1] == uniforms(np.array([8]), 9, (1, "demand", 0), "wait")[0, :5]).all())
    True
    """
    seed, stream, replicate = key
    words = (int(seed), zlib.crc32(stream.encode()), zlib.crc32(name.encode()), int(replicate))
    secret = np.random.SeedSequence(words).generate_state(2, np.uint64)
    bits = np.empty((len(subjects), size), np.uint64)
    for row, subject in zip(bits, subjects, strict=True):
        counter = np.array([0, 0, subject, 0], np.uint64)
        row[:] = np.random.Philox(key=secret, counter=counter).random_raw(size)
    return ((bits >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53
