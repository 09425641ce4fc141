"""The formats that `shards.py` reads beside ours: each as its own library writes and reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from slora_assets.caches.validity import write_array

Reader = Callable[[int], np.ndarray]


def moments(number: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(number).standard_normal(shape, np.float32).astype(np.float16)


def npz(root: Path, shape: tuple[int, ...], count: int) -> Callable[[], Reader]:
    for number in range(count):
        write_array(root / f"{number}.npz", "moments", moments(number, shape), {"clip": number})

    def opened(number: int) -> np.ndarray:
        with np.load(root / f"{number}.npz") as archive:
            archive["key"]
            return archive["moments"]

    return lambda: opened


def webdataset(root: Path, shape: tuple[int, ...], count: int) -> Callable[[], Reader]:
    """Tar files. They are made to be read from front to end: for training order the offsets of
    members are listed once, which is what its `wids` does."""
    import tarfile

    import webdataset as wds

    with wds.ShardWriter(f"{root}/%05d.tar", maxsize=128 << 20, verbose=0) as sink:
        for number in range(count):
            sink.write({"__key__": f"{number:06d}", "moments.npy": moments(number, shape)})
    places = {}
    for tar in sorted(root.glob("*.tar")):
        with tarfile.open(tar) as archive:
            for member in archive:
                places[int(member.name[:6])] = tar, member.offset_data

    def opened(number: int) -> np.ndarray:
        tar, offset = places[number]
        with tar.open("rb") as stream:
            stream.seek(offset)
            return np.lib.format.read_array(stream)

    return lambda: opened


def litdata(root: Path, shape: tuple[int, ...], count: int) -> Callable[[], Reader]:
    from litdata import StreamingDataset
    from litdata.streaming.cache import Cache

    cache = Cache(str(root), chunk_bytes="128MB")
    for number in range(count):
        cache[number] = {"moments": moments(number, shape).reshape(-1)}
    cache.done()
    cache.merge()

    def again() -> Reader:
        dataset = StreamingDataset(str(root))
        return lambda number: dataset[number]["moments"].reshape(shape)

    return again


def lance(root: Path, shape: tuple[int, ...], count: int) -> Callable[[], Reader]:
    import lance
    import pyarrow as pa

    size = int(np.prod(shape))
    schema = pa.schema([("moments", pa.list_(pa.float16(), size))])

    def batches():
        for number in range(count):
            row = pa.FixedSizeListArray.from_arrays(
                pa.array(moments(number, shape).reshape(-1)), size
            )
            yield pa.record_batch([row], schema=schema)

    lance.write_dataset(
        pa.RecordBatchReader.from_batches(schema, batches()), str(root / "set.lance"),
        max_bytes_per_file=128 << 20,
    )  # fmt: skip

    def again() -> Reader:
        table = lance.dataset(str(root / "set.lance"))

        def opened(number: int) -> np.ndarray:
            column = table.take([number]).column("moments").combine_chunks()
            return column.flatten().to_numpy().reshape(shape)

        return opened

    return again


def arrow(root: Path, shape: tuple[int, ...], count: int) -> Callable[[], Reader]:
    """Arrow's IPC file, mapped into memory, a record batch per clip."""
    import pyarrow as pa

    schema = pa.schema([("moments", pa.float16())])
    with pa.OSFile(str(root / "all.arrow"), "wb") as sink, pa.ipc.new_file(sink, schema) as out:
        for number in range(count):
            flat = pa.array(moments(number, shape).reshape(-1))
            out.write_batch(pa.record_batch([flat], schema=schema))

    def again() -> Reader:
        table = pa.ipc.open_file(pa.memory_map(str(root / "all.arrow")))
        # Copied, as a batch of a training would be: a map alone reads nothing.
        return lambda n: np.array(table.get_batch(n).column(0).to_numpy().reshape(shape))

    return again


def parquet(root: Path, shape: tuple[int, ...], count: int) -> Callable[[], Reader]:
    """A row group per clip: the least that can be read."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    schema = pa.schema([("moments", pa.binary())])
    with pq.ParquetWriter(root / "all.parquet", schema, compression="none") as out:
        for number in range(count):
            data = moments(number, shape).tobytes()
            out.write_batch(pa.record_batch([pa.array([data], pa.binary())], schema=schema))

    def again() -> Reader:
        file = pq.ParquetFile(root / "all.parquet")
        return lambda n: np.frombuffer(
            file.read_row_group(n).column(0)[0].as_buffer(), np.float16
        ).reshape(shape)

    return again


def safetensors(root: Path, shape: tuple[int, ...], count: int) -> Callable[[], Reader]:
    """The library's own reader, which maps files into memory."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    most = max(1, min(4096, (128 << 20) // (2 * int(np.prod(shape)))))
    for first in range(0, count, most):
        held = {str(n): moments(n, shape) for n in range(first, min(count, first + most))}
        save_file(held, root / f"{first // most:05d}.safetensors")

    def again() -> Reader:
        files = [safe_open(one, "np") for one in sorted(root.glob("*.safetensors"))]
        return lambda number: files[number // most].get_tensor(str(number))

    return again


FORMATS = {
    "one .npz per clip (numpy)": npz,
    "WebDataset, offsets listed": webdataset,
    "LitData": litdata,
    "Lance": lance,
    "Arrow IPC": arrow,
    "Parquet": parquet,
    "safetensors (library)": safetensors,
}
