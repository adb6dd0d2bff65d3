"""Who computes the boxes: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Any

from pkmodel.errors import InputError
from pkmodel.sweeps.store import Store, opened

if TYPE_CHECKING:
    Box = tuple[slice, ...]

AHEAD = 2
"""Boxes that wait for every worker, so that none idles, and that a stop need not wait long."""


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def by_threads(work: Callable[[Box], None], boxes: Iterable[Box], workers: int) -> Iterator[None]:
    """Do the work of every box, each on one thread; yields once for every box that is done."""
    with ThreadPoolExecutor(workers) as pool:
        running: set[Future[None]] = set()
        try:
            for box in boxes:
                running.add(pool.submit(work, box))
                if len(running) >= AHEAD * workers:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            for future in list(running):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def by_dask(store: Store, boxes: Iterable[Box], client: Any) -> Iterator[None]:
    """Have the workers of a Dask client compute and write boxes; yields once for every box that is done.

    A box whose workers died time and again may only have stood beside the one that killed them: at the end each
    such box is tried alone.

    Raises
    ------
    InputError
        At once, if a worker cannot write; at the end, if boxes kill their workers.
    """
    from distributed import KilledWorker, as_completed

    left = iter(boxes)
    running = as_completed()
    places: dict[str, Box] = {}
    lost: list[Box] = []

    def submit(box: Box, kind: str = "") -> Any:
        key = f"sweep{kind}-{store.plan.hash[:8]}-" + "-".join(f"{c.start}:{c.stop}" for c in box)
        places[key] = box
        return client.submit(_work, store.path, store.plan.hash, box, key=key, pure=False)

    def fill() -> None:
        room = AHEAD * max(1, sum(client.nthreads().values()))  # workers come and go
        for box in islice(left, max(0, room - running.count())):
            running.add(submit(box))

    try:
        fill()
        for future in running:
            box = places.pop(future.key)
            if future.status == "finished":
                yield None
            elif isinstance(error := future.exception(), KilledWorker):
                lost.append(box)
            else:
                raise error
            fill()
    finally:
        client.cancel(list(running.futures))
    yield from _alone(store, lost, submit)


def _alone(store: Store, boxes: Sequence[Box], submit: Callable[[Box, str], Any]) -> Iterator[None]:
    """Try boxes one by one that were lost with their workers."""
    from distributed import KilledWorker

    failed = []
    for box in boxes:
        error = submit(box, "_alone").exception()
        if error is None:
            yield None
        elif isinstance(error, KilledWorker):
            failed.append(box)
        else:
            raise error
    if failed:
        runs = " x ".join(f"{cut.start} to {cut.stop - 1}" for cut in failed[0])
        raise InputError(
            f"{len(failed)} of the boxes lost their workers time and again, the first that of runs {runs}",
            given=store.path,
            remedy="The others are stored. If workers ran out of memory, begin a store with a smaller runs_per_box, "
            "or give workers more, and resume.",
        )


def _work(path: str, digest: str, box: Box) -> None:
    """What a worker does with a box."""
    opened(path, digest).work(box)
