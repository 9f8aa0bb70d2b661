"""Trains FaceNet-mini to give the teacher's embeddings.

``python -m training.train FACES LABELS RUN --steps 40000 --decay 10000``

The learning rate rises, stays, and falls to nothing over the last ``--decay``
steps, so a run can be made longer by taking it up from a checkpoint of the time
before. Killed runs go on from their last checkpoint when started again with the
same words; ``log.csv`` in RUN has a line every 100 steps and ``curve.png`` is
drawn from it by ``python -m training.curve RUN``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facenet_core.mini import INPUT_SIZE, facenet_mini

if TYPE_CHECKING:
    from training.batches import Batch, Batches

WARMUP = 300
"""Steps in which the learning rate rises."""

LOG_EVERY, SAVE_EVERY = 100, 500
"""Steps."""

AVERAGED = 0.999
"""How much of the averaged weights stays at each step."""


@dataclass(frozen=True)
class Recipe:
    """What a run is made with.

    Attributes:
        steps: When it ends.
        decay: How many steps before that the learning rate begins to fall.
        rate: The learning rate between, for Muon and AdamW alike.
        weight_decay: Share of a weight that is taken away at each step, times
            the rate.
        batch: Views in a step.
        relations: Weight of the relations in the loss.
        view: Side of the student's views, in pixels.
        seed: Of weights and batches.
    """

    steps: int
    decay: int
    rate: float = 4e-3
    weight_decay: float = 0.05
    batch: int = 128
    relations: float = 20.0
    view: int = INPUT_SIZE
    seed: int = 20261121

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        return self.rate * min(1.0, (step + 1) / WARMUP, (self.steps - step) / max(self.decay, 1))


class Trainer:
    """A network, its average and its optimiser, as they are after a number of steps.

    Args:
        recipe: What to do.
        folder: Of checkpoints; the newest is taken up.
        mixed: Compute in bfloat16, keeping weights in float32.
    """

    def __init__(self, recipe: Recipe, folder: Path, mixed: bool = True) -> None:
        import keras
        import tensorflow as tf

        from training.optimiser import ConvolutionMuon

        keras.utils.set_random_seed(recipe.seed)
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")
        try:
            self.model = facenet_mini(training=True, size=recipe.view)
        finally:
            keras.config.set_dtype_policy(policy)
        self.recipe = recipe
        self.optimiser = ConvolutionMuon(
            recipe.rate,
            weight_decay=recipe.weight_decay,
            adam_weight_decay=recipe.weight_decay,
            adam_beta_2=0.99,
            exclude_embeddings=False,  # the layer of that name is no lookup table
        )
        self.optimiser.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self.optimiser.build(self.model.trainable_variables)
        self.averages = [tf.Variable(v, trainable=False) for v in self.model.variables]
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64)
        kept = tf.train.Checkpoint(
            weights=[v.value for v in self.model.variables],
            averages=self.averages,
            optimiser=[v.value for v in self.optimiser.variables],
            step=self.step,
        )
        self.checkpoints = tf.train.CheckpointManager(kept, str(folder), max_to_keep=2)
        kept.restore(self.checkpoints.latest_checkpoint)
        self._graph = tf.function(self._train)

    def train(self, batch: Batch) -> tuple[float, float]:
        """One step.

        Returns:
            The loss, and the mean cosine to the targets.
        """
        import tensorflow as tf

        step = int(self.step)
        self.optimiser.learning_rate = self.recipe.rate_at(step)
        names = ("crops", "transforms", "others", "other_transforms", "share", "changes", "targets")
        parts = [getattr(batch, name) for name in names]
        loss, cosine = self._graph(*tf.nest.map_structure(tf.constant, parts), tf.constant([self.recipe.seed, step]))
        self.step.assign_add(1)
        return float(loss), float(cosine)

    def save(self) -> None:
        """Writes a checkpoint; the one before is kept too."""
        self.checkpoints.save(int(self.step))

    def begin_from(self, folder: Path) -> None:
        """Takes the weights of another run, of whatever view, with a fresh optimiser."""
        other = open_run(folder)
        for mine, theirs in zip(self.model.variables, other.model.variables, strict=True):
            mine.assign(_fitted(theirs.numpy(), mine.shape))
        for mine, theirs in zip(self.averages, other.averages, strict=True):
            mine.assign(_fitted(theirs.numpy(), mine.shape))

    def averaged(self) -> Any:
        """A float32 network with the averaged weights."""
        model = facenet_mini(training=True, size=self.recipe.view)
        model.set_weights([average.numpy() for average in self.averages])
        return model

    def _train(
        self, crops: Any, first: Any, others: Any, second: Any, share: Any, changes: Any, targets: Any, seed: Any
    ) -> tuple[Any, Any]:
        import tensorflow as tf

        from training.degrade import changed
        from training.losses import distillation
        from training.views import drawn

        size = self.recipe.view
        share = share[:, None, None, None]
        views = drawn(crops, first, size) * (1 - share) + drawn(others, second, size) * share
        inputs = (changed(views, changes, seed) - 127.5) / 128.0
        with tf.GradientTape() as tape:
            loss, cosine = distillation(self.model(inputs, training=True), targets, self.recipe.relations)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimiser.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        done = tf.cast(self.step, tf.float32)
        stays = tf.minimum(AVERAGED, (1 + done) / (10 + done))
        for average, variable in zip(self.averages, self.model.variables, strict=True):
            average.assign(average * stays + tf.cast(variable.value, average.dtype) * (1 - stays))
        return loss, cosine


def open_run(folder: Path) -> Trainer:
    """The newest checkpoint of a run."""
    return Trainer(Recipe(**json.loads((folder / "recipe.json").read_text("utf-8"))), folder / "checkpoints")


def _fitted(kernel: Any, shape: Any) -> Any:
    """A kernel as large as the map, for a map of another size; others are of the right shape already."""
    import tensorflow as tf

    if tuple(kernel.shape) == tuple(shape):
        return kernel
    height, width, *_ = shape
    larger = tf.image.resize(kernel[None, :, :, :, 0], (height, width))[0, ..., None]
    return larger * (kernel.shape[0] * kernel.shape[1] / (height * width))


def run(trainer: Trainer, batches: Batches, log: Path, until: int | None = None) -> None:
    """Trains with a log and checkpoints on the way.

    Args:
        trainer: What to train.
        batches: On what.
        log: A CSV file, which is added to.
        until: The step to stop at; that at which the recipe ends if None.
    """
    last = trainer.recipe.steps if until is None else until
    first, began = int(trainer.step), time.monotonic()
    losses: list[tuple[float, float]] = []
    log.parent.mkdir(parents=True, exist_ok=True)
    fresh = not log.is_file()
    with log.open("a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["step", "loss", "cosine", "rate", "faces_per_second"])
        for step, batch in batches.ahead(first, last):
            losses.append(trainer.train(batch))
            if (step + 1) % LOG_EVERY == 0 or step + 1 == last:
                loss, cosine = (sum(part) / len(losses) for part in zip(*losses, strict=True))
                speed = (step + 1 - first) * trainer.recipe.batch / (time.monotonic() - began)
                row = [step + 1, f"{loss:.4f}", f"{cosine:.4f}", f"{trainer.recipe.rate_at(step):.2e}", f"{speed:.0f}"]
                writer.writerow(row)
                file.flush()
                print(*row, flush=True)
                losses.clear()
            if (step + 1) % SAVE_EVERY == 0:
                trainer.save()
    trainer.save()


def main() -> None:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("faces", type=Path, metavar="FACES", help="folder of .npz files of faces")
    parser.add_argument("labels", type=Path, metavar="LABELS", help="folder of python -m training.label")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of this run's checkpoints and log")
    parser.add_argument("--steps", type=int, required=True, help="when to end")
    parser.add_argument("--decay", type=int, required=True, help="over how many last steps the learning rate falls")
    parser.add_argument("--rate", type=float, default=Recipe.rate, help="the learning rate")
    parser.add_argument("--view", type=int, default=Recipe.view, help="side of the student's views, in pixels")
    parser.add_argument("--from", dest="origin", type=Path, metavar="RUN", help="begin with the weights of that run")
    parser.add_argument("--relations", type=float, default=Recipe.relations, help="weight of the relations")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    from training.batches import Batches
    from training.faces import load_faces
    from training.label import load_labels

    recipe = Recipe(args.steps, args.decay, rate=args.rate, relations=args.relations, view=args.view)
    args.run.mkdir(parents=True, exist_ok=True)
    (args.run / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")
    trainer = Trainer(recipe, args.run / "checkpoints")
    if args.origin and not int(trainer.step):
        trainer.begin_from(args.origin)
    batches = Batches(load_faces(args.faces), load_labels(args.labels), recipe.batch, recipe.view, recipe.seed)
    run(trainer, batches, args.run / "log.csv")


if __name__ == "__main__":
    main()
