"""The store of a sweep: one Zarr group, written by boxes, each with its status last."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkmodel import __version__
from pkmodel.errors import InputError
from pkmodel.sweeps.blocks import Blocks
from pkmodel.sweeps.computing import STATUS, compute, coordinates, layout
from pkmodel.sweeps.plan import Plan
from pkmodel.variables import SEMANTICS

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

NOT_RUN = 255
"""Status of a run that nobody has computed."""

_FILL: dict[str, Any] = {"float64": np.nan, "int64": 0, "uint8": NOT_RUN}
_RECORD = "sweep"


def is_url(path: str) -> bool:
    """Whether a place is reached by fsspec, and not a folder."""
    return "://" in path


class Store:
    """A sweep that is on disk, or wherever fsspec reaches.

    Parameters
    ----------
    path : str
        Folder, or URL.
    plan : Plan
        The sweep.
    blocks : Blocks
        Its boxes, whole chunks of the arrays.
    """

    def __init__(self, path: str, plan: Plan, blocks: Blocks) -> None:
        self.path, self.plan, self.blocks = path, plan, blocks

    @classmethod
    def create(cls, path: str, plan: Plan, blocks: Blocks) -> Store:
        """Write the template: all coordinates, and arrays without a chunk.

        Of several processes that begin one store in the same folder at once, one creates it. An object store has
        no such lock: begin there in one process, and start the others when it has.

        Raises
        ------
        FileExistsError
            Something is there already.
        InputError
            The place cannot be written.
        """
        import zarr

        _claim(path)
        about: dict[str, Any] = {
            "begun": time.time(),
            _RECORD: json.dumps(plan.record()),
            "hash": plan.hash,
            "edges": list(blocks.edges),
            "seed": plan.seed,
            "semantics_version": SEMANTICS,
            "pkmodel_version": __version__,
        }
        if plan.design.scattered:  # as CF has it, so that xarray reads them as coordinates
            about["coordinates"] = " ".join(plan.design.columns)
        try:
            group = zarr.open_group(path, mode="w-", zarr_format=3, attributes=about)
            _fill_template(group, plan, blocks)
            _consolidate(group)
        except (FileExistsError, zarr.errors.ContainsGroupError, zarr.errors.ContainsArrayError):
            raise FileExistsError(path) from None
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise _unwritable(path, error) from None
        return cls(path, plan, blocks)

    @classmethod
    def open(cls, path: str) -> Store:
        """A store that is there.

        Raises
        ------
        InputError
            No store, one whose template is not finished, or one of other numbers.
        """
        group = _finished(path)
        about = group.attrs.asdict()
        record = json.loads(str(about[_RECORD]))
        columns = {name: _plain(group[name][...]) for name in record["design"]["columns"]}
        plan = Plan.of_record(record, columns)
        store = cls(path, plan, Blocks(tuple(plan.design.sizes.values()), tuple(about["edges"])))
        store._require(about)
        return store

    def _require(self, about: Mapping[str, Any]) -> None:
        """Refuse to go on with other numbers than those that the store was begun with."""
        if (about["semantics_version"], about["hash"]) != (SEMANTICS, self.plan.hash):
            raise InputError(
                f"the store was begun by pkmodel {about['pkmodel_version']} with other numbers "
                "(the drug's file, or the package, has changed since)",
                given=self.path,
                remedy="Go on with the same version and files, or begin another store.",
            )

    def same(self, plan: Plan) -> None:
        """Refuse to go on with another sweep than the store's.

        Raises
        ------
        InputError
            Names what differs.
        """
        mine, other = self.plan.record(), plan.record()
        differs = [key for key in mine if mine[key] != other[key]]
        if differs:
            raise InputError(
                f"the store holds another sweep, with another {', '.join(differs)}",
                given=self.path,
                remedy="Choose another store, or go on with the one that is there: resume.",
            )

    def work(self, box: Sequence[slice]) -> None:
        """Compute one box and write it; one that somebody has done is left alone."""
        if (self._arrays[STATUS][tuple(box)] == NOT_RUN).any():
            self.write(box, compute(self.plan, box))

    def write(self, box: Sequence[slice], values: Mapping[str, Any]) -> None:
        """Write one box, its status last.

        Raises
        ------
        InputError
            The place cannot be written.
        """
        try:
            for name in sorted(values, key=lambda n: n == STATUS):
                self._arrays[name][tuple(box)] = values[name]
        except OSError as error:
            raise _unwritable(self.path, error) from None

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        """Arrays of the results, opened once for all boxes; what they hold is read and written afresh."""
        group = _group(self.path, "r+")
        return {name: group[name] for name in layout(self.plan)}

    def open_boxes(self, part: tuple[int, int] = (1, 1)) -> Iterator[tuple[slice, ...]]:
        """Boxes that are not done, of every so many the one that is a part's."""
        status, (mine, parts) = status_of(self.path), part
        for k, box in enumerate(self.blocks):
            if k % parts == mine - 1 and (status[box] == NOT_RUN).any():
                yield box

    def dataset(self) -> xr.Dataset:
        """What is there, lazily."""
        import xarray as xr

        return xr.open_zarr(self.path, chunks=None)


def status_of(path: str) -> NDArray[np.uint8]:
    """Status of every run in a store; `NOT_RUN` where it was not computed. Reads nothing else.

    Raises
    ------
    InputError
        No store, or one whose template is not finished.
    """
    return _finished(path)[STATUS][...]


def is_unfinished(path: str, seconds: float) -> bool:
    """Whether a store has no complete template, and was begun so lately that somebody may be at work on it."""
    try:
        _finished(path)
    except InputError:
        return time.time() - _begun(path) < seconds
    return False


def _begun(path: str) -> float:
    """When a store was begun [s since the epoch]; long ago where there is none."""
    if not is_url(path):
        return Path(path).stat().st_mtime if Path(path).exists() else 0.0
    try:
        about = _group(path, "r").attrs.asdict()
    except InputError:
        return 0.0
    return float(str(about.get("begun", 0.0)))


@lru_cache(maxsize=4)
def opened(path: str, digest: str) -> Store:
    """A store as a worker holds it from box to box; `digest` is its hash."""
    return Store.open(path)


def _fill_template(group: Any, plan: Plan, blocks: Blocks) -> None:
    coords = coordinates(plan)
    design = tuple(plan.design.sizes)
    sizes = plan.design.sizes | {dim: len(values) for dim, values, _ in coords.values()}
    for name, (dim, values, attributes) in coords.items():
        text = values.dtype.kind == "U"
        found = group.create_array(
            name, shape=values.shape, chunks=values.shape, dtype=str if text else values.dtype,
            dimension_names=[dim], attributes=attributes,
        )  # fmt: skip
        found[:] = values.astype(object) if text else values
    for name, (dims, kind, attributes) in layout(plan).items():
        group.create_array(
            name,
            shape=[sizes[d] for d in (*design, *dims)],
            chunks=[*blocks.edges, *(sizes[d] for d in dims)],
            dtype=kind,
            fill_value=_FILL[kind],
            dimension_names=[*design, *dims],
            attributes=attributes,
        )


def _consolidate(group: Any) -> None:
    """Metadata of all arrays in one place, so that plain ``xarray.open_zarr`` reads it: the template is complete."""
    import warnings

    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)  # an extension of format 3
        zarr.consolidate_metadata(group.store, path=group.path)


def _claim(path: str) -> None:
    """Make the folder of a store, so that of several processes that begin it at once one does."""
    if is_url(path):
        return
    folder = Path(path)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError:
        raise
    except OSError as error:
        raise _unwritable(path, error) from None


def _group(path: str, mode: Any) -> Any:
    import zarr

    try:
        return zarr.open_group(path, mode=mode)
    except (FileNotFoundError, zarr.errors.GroupNotFoundError):
        if not is_url(path) and Path(path).exists():
            fault, remedy = "what is there is no sweep", "Choose another place, or delete what is there."  # fmt: skip
        else:
            fault, remedy = "there is no sweep", 'Begin one: pkmodel.sweep(..., store="s.zarr").'
        raise InputError(fault, given=path, remedy=remedy) from None


def _finished(path: str) -> Any:
    """The group of a store whose template is complete."""
    group = _group(path, "r")
    if _RECORD not in group.attrs or group.metadata.consolidated_metadata is None:
        raise InputError(
            "this is no sweep, or one whose template was not finished",
            given=path,
            remedy="Delete it, and run the sweep again.",
        )
    return group


def _plain(values: Any) -> NDArray[Any]:
    """Text as NumPy's own, whatever Zarr reads it as."""
    return values if values.dtype.kind in "iuf" else np.array([str(v) for v in values])


def _unwritable(path: str, error: OSError) -> InputError:
    return InputError(
        f"the store cannot be written: {error.strerror or error}",
        given=path,
        remedy="What was written stays; make room or choose another place, and resume.",
    )
