"""Does a training wait for its data, and how much faster is it than with the loop that articles use?

    python -m benchmarks.loader [WORKSPACE] [--recipe cnn3] [--size PIXELS] [--rounds 3] [--images N]
        [--budget MIB]

One network trains in turn from three sources of the same faces, all timed in this run: `ready` gives batches that lie
in memory, so it never waits; `loader` is that of `fauxface train`, with the recipe's augmentation; `plain` is a Python
generator that reads one image file after the other with `cv2.imread`, flips every second one, and stacks a batch;
once with the backend set up as `fauxface train` sets it up (tasks/training/fitting/backend.py), and once, `plain, as it
starts`, in a process of its own with the backend as a notebook finds it, which is what the articles' loops are.
The share of waiting is 1 - (seconds of an epoch from `ready`) / (seconds of an epoch from `loader`): whatever the
loader costs the training, be it waiting or the processors' time. Where the faces do not fit into --budget they are
decoded in every epoch, as those of a large data set are. Each figure is that of the fastest of two epochs in each
round: what else the machine does only makes an epoch slower, on a shared server by a third and more.

Beside them stands what the two sources give without a network. No loader makes a training faster than `ready`: where
the network takes most of the time, as on processors it does, the ratio of trainings is small whatever that of sources.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.scoring.crops import by_shard, decode_crop, read_manifest, read_shard
from tasks.training.fitting.backend import device, prepare_backend, silent_stderr
from tasks.training.recipe.recipes import Recipe, load_recipe

if TYPE_CHECKING:
    import keras

    from tasks.training.batches.loader import FaceBatches

Batch = tuple[NDArray[Any], NDArray[np.float32]]
WAITING, RATIO = 0.10, 2.0  # asked for: less than the one, the other or more
AS_IT_STARTS = "plain, as it starts"


@dataclass(frozen=True)
class Taken:
    """What an epoch took: seconds, and seconds of all processors together."""

    seconds: float
    processors: float


def main() -> None:
    """Parse the command line, time the sources in turn, print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("workspace", type=Path, nargs="?", default=Path(), help="has data/manifests and data/faces")
    parser.add_argument("--recipe", default="cnn3")
    parser.add_argument("--size", type=int, help="of the network's input; the recipe's unless given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, help="so many of the training faces; all of them unless given")
    parser.add_argument("--budget", type=int, default=2048, help="MiB for decoded faces")
    arguments = parser.parse_args()
    notebook = ProcessPoolExecutor(1, get_context("spawn"))
    notebook.submit(_import_keras).result()  # now, in surroundings that are not prepared
    prepare_backend()
    recipe, faces = load_recipe(arguments.recipe), arguments.workspace / "data" / "faces"
    recipe = recipe.model_copy(update={"input_size": arguments.size or recipe.input_size})
    rows = read_manifest(arguments.workspace / "data" / "manifests" / "train.parquet")
    rows = rows.sample(min(arguments.images or len(rows), len(rows)), random_state=1).reset_index(drop=True)
    with tempfile.TemporaryDirectory(prefix="fauxface-benchmark-") as folder:
        files = _write_files(rows, faces, Path(folder), recipe.input_size)
        batches = _batches(recipe, rows, faces, arguments.budget * 1024**2)
        taken = _alone(batches, files) | _training(recipe, batches, rows, files, arguments.rounds, notebook)
    notebook.shutdown()
    print(f"{recipe.name}: {len(rows)} faces of {recipe.input_size} px, batches of {recipe.batch_size}, {device()}")
    _report(taken, len(rows))


def _report(taken: dict[str, Taken], faces: int) -> None:
    print(f"{'an epoch':28}{'seconds':>9}{'images/s':>10}{'processor ms an image':>23}")
    for name, each in taken.items():
        print(f"{name:28}{each.seconds:9.2f}{faces / each.seconds:10.1f}{1000 * each.processors / faces:23.2f}")
    ready, loader = taken["ready"], taken["loader"]
    waits, works = (1 - ready.seconds / loader.seconds, 1 - ready.processors / loader.processors)
    print(f"waits for data {100 * waits:.1f} % of an epoch (less than {100 * WAITING:.0f} % is asked for)")
    print(f"the loader's part of the processors' time {100 * works:.1f} %")
    for name in (AS_IT_STARTS, "plain"):
        ratios = taken[name].seconds / loader.seconds, taken[name].seconds / ready.seconds
        print(f"ratio to {name}: {ratios[0]:.2f} ({RATIO:g} is asked for; with no loading at all: {ratios[1]:.2f})")
    print(f"ratio without a network {taken['plain alone'].seconds / taken['loader alone'].seconds:.1f}")


def _training(
    recipe: Recipe, batches: FaceBatches, rows: pd.DataFrame, files: list[str], rounds: int, notebook: Executor
) -> dict[str, Taken]:
    """Return what an epoch takes from each source, all of them in turn in every round."""
    labels = rows["label"].to_numpy(np.float32)
    network = _network(recipe, len(batches))
    sources: dict[str, Callable[[], list[Taken]]] = {
        "ready": lambda: _epochs(network, _ready(batches), len(batches)),
        "loader": lambda: _epochs(network, batches, len(batches)),
        "plain": lambda: _epochs(network, _plain(files, labels, recipe.batch_size), len(batches)),
        AS_IT_STARTS: lambda: notebook.submit(_plain_epochs, recipe, files, labels, len(batches)).result(),
    }
    timed: dict[str, list[Taken]] = {name: [] for name in sources}
    for _ in range(rounds):
        for name, epochs in sources.items():
            timed[name] += epochs()
    return {
        name: Taken(min(each.seconds for each in found), min(each.processors for each in found))
        for name, found in timed.items()
    }


def _import_keras() -> None:
    """Import Keras as it is, but for the remarks that TensorFlow writes on drivers, devices and memory."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with silent_stderr():
        import keras

        keras.ops.zeros(1)


def _plain_epochs(recipe: Recipe, files: list[str], labels: NDArray[np.float32], batches: int) -> list[Taken]:
    return _epochs(_network(recipe, batches), _plain(files, labels, recipe.batch_size), batches)


def _network(recipe: Recipe, batches: int) -> keras.Model:
    """Return the recipe's network, from random weights, compiled for its first phase of `batches` an epoch."""
    from tasks.training.fitting.fit import compile_for
    from tasks.training.networks.zoo import build_network, logit_model

    network = logit_model(build_network(recipe.network, recipe.input_size, recipe.network_arguments))
    compile_for(network, recipe.stages()[0], batches)
    return network


def _epochs(network: keras.Model, source: Any, batches: int) -> list[Taken]:
    """Return what each of two epochs takes; the one before them, not timed, traces the graph and fills the queues."""
    import keras

    moments: list[tuple[float, float]] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: moments.append((time.perf_counter(), time.process_time())),
        on_epoch_end=lambda *_: moments.append((time.perf_counter(), time.process_time())),
    )
    network.fit(source, epochs=3, steps_per_epoch=batches, shuffle=False, callbacks=[clock], verbose=0)
    pairs = zip(moments[2::2], moments[3::2], strict=True)
    return [Taken(ended - began, busy_then - busy) for (began, busy), (ended, busy_then) in pairs]


def _batches(recipe: Recipe, rows: pd.DataFrame, faces: Path, budget: int) -> FaceBatches:
    from tasks.training.batches.augment import Augmenter
    from tasks.training.batches.loader import CropStore, FaceBatches

    phase, workers = recipe.stages()[0], len(os.sched_getaffinity(0))
    store = CropStore(rows, faces, recipe.input_size, workers, budget)
    augmenter = Augmenter(phase.augmentation, recipe.input_size, phase.equalise)
    labels = rows["label"].to_numpy(np.int8)
    return FaceBatches(store, labels, recipe.batch_size, shuffle=True, augmenter=augmenter, workers=workers)


def _ready(batches: FaceBatches) -> Any:
    """Return the batches of one epoch, made beforehand, as a data set that Keras reads as it reads the loader."""
    import keras

    made = [batches[index] for index in range(len(batches))]

    class Ready(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
        def __len__(self) -> int:
            return len(made)

        def __getitem__(self, index: int) -> Batch:
            return made[index]

    return Ready()


def _plain(files: list[str], labels: NDArray[np.float32], batch_size: int) -> Iterator[Batch]:
    """Yield batches for ever, the way articles do: file by file, batch by batch, shuffled each epoch."""
    random = np.random.default_rng(1)
    while True:
        order = random.permutation(len(files))
        for start in range(0, len(files), batch_size):
            chosen = order[start : start + batch_size]
            images = []
            for position in chosen:
                image = cv2.cvtColor(np.asarray(cv2.imread(files[position]), np.uint8), cv2.COLOR_BGR2RGB)
                images.append(image[:, ::-1] if random.random() < 0.5 else image)
            yield np.stack(images).astype(np.float32), labels[chosen].reshape(-1, 1)


def _alone(batches: FaceBatches, files: list[str]) -> dict[str, Taken]:
    """Return what an epoch of both sources takes without a network; of the loader's, the first one decodes."""

    def drain() -> None:
        for index in range(len(batches)):
            batches[index]

    def read() -> None:
        next(_plain(files, np.zeros(len(files), np.float32), len(files)))

    return {"loader alone, first epoch": _timed(drain), "loader alone": _timed(drain), "plain alone": _timed(read)}


def _timed(work: Callable[[], None]) -> Taken:
    began, busy = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - began, time.process_time() - busy)


def _write_files(rows: pd.DataFrame, faces: Path, folder: Path, size: int) -> list[str]:
    """Write the faces as PNG files of the network's size, as crop scripts leave them; returns their paths."""
    paths = [str(folder / f"{position:07d}.png") for position in range(len(rows))]
    for (dataset, shard), positions in by_shard(rows):
        part = rows.iloc[positions]
        table = read_shard(faces, dataset, shard, part["row"].tolist(), part["face_id"].tolist(), ["image"])
        for position, image in zip(positions, table.column("image").to_pylist(), strict=True):
            rgb = decode_crop(image["bytes"], paths[position])
            bgr = cv2.cvtColor(cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
            cv2.imwrite(paths[position], bgr)
    return paths


if __name__ == "__main__":
    main()
