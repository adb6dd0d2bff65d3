"""Boxes of a design that are computed and stored at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Blocks:
    """A division of a design into boxes of whole chunks.

    Parameters
    ----------
    sizes : tuple of int
        Lengths of the design's dimensions.
    edges : tuple of int
        Lengths of a box along them; those at the end may be shorter.
    """

    sizes: tuple[int, ...]
    edges: tuple[int, ...]

    @classmethod
    def of(cls, sizes: Sequence[int], points: int) -> Blocks:
        """Boxes of about so many points, long in the last dimensions.

        Examples
        --------
        >>> Blocks.of([4, 10, 5], 20).edges
        (1, 4, 5)
        """
        edges, room = [], max(1, points)
        for size in reversed(sizes):
            edges.append(max(1, min(size, room)))
            room //= edges[-1]
        return cls(tuple(sizes), tuple(reversed(edges)))

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of boxes along every dimension."""
        return tuple(-(-n // k) for n, k in zip(self.sizes, self.edges, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def __iter__(self) -> Iterator[tuple[slice, ...]]:
        for place in product(*map(range, self.counts)):
            yield tuple(
                slice(k * edge, min((k + 1) * edge, size))
                for k, edge, size in zip(place, self.edges, self.sizes, strict=True)
            )
