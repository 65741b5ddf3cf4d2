"""``tinygrad-edu train lenet5``: train on the shipped digits or on MNIST, and leave the model and its pictures."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.commands.checks import refuse_file, refuse_seed

if TYPE_CHECKING:
    from tinygrad_edu.training import History

__all__ = ["add_to"]

MODELS = ("lenet5",)
SHIFT = 2  # pixels that a training image is moved at most, each way
CHARTS = ("curves.png", "confusion.png", "mistakes.png")


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "train",
        help="train LeNet-5 on the shipped digits, or on MNIST with --data",
        description="Train on the shipped digits (1,797 real ones, enlarged) or on MNIST; save model and pictures.",
    )
    parser.add_argument("model", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--variant", default="modern", choices=("modern", "1998"), help="of LeNet-5 (%(default)s)")
    parser.add_argument("--image-size", type=int, default=28, choices=(28, 32), help="pixels (%(default)s)")
    parser.add_argument("--epochs", type=int, help="times through the training examples (40; 5 with --data)")
    parser.add_argument("--batch-size", type=int, default=32, help="examples a step (%(default)s)")
    parser.add_argument("--lr", type=float, help="at first, falling to 0 along a cosine (0.05; 0.1 for 1998)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and shifts (%(default)s)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="train on MNIST, from its IDX files in this folder")
    parser.add_argument(
        "--dtype", default="float32", choices=("float32", "float64"), help="of all numbers (%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("tinygrad-edu-train"), help="folder to write to (%(default)s)")
    parser.set_defaults(run=run)


@dataclass
class Examples:
    """Images (examples, 1, size, size) from 0 to 1 with their classes, to train on and to test on."""

    name: str
    split: str  # how they were divided
    x: Any
    y: Any
    test_x: Any
    test_y: Any

    def __str__(self) -> str:
        size = "×".join(map(str, self.x.shape[2:]))
        return f"{self.name}, {size} pixels: {len(self.x):,} to train on, {len(self.test_x):,} to test on; {self.split}"


def run(options: argparse.Namespace) -> int:
    """Train, test, save, draw; say where everything is."""
    from tinygrad_edu.models import lenet5

    check(options)
    charts = find_spec("matplotlib") is not None
    if not charts:
        print(f'no matplotlib, so no {", ".join(CHARTS)}: pip install "tinygrad-edu[plot]"')
    examples = mnist(options) if options.data else digits(options)
    options.out.mkdir(parents=True, exist_ok=True)
    print(examples)
    model = lenet5(variant=options.variant, image_size=options.image_size, dtype=options.dtype, rng=options.seed)
    written = graphs(options.out, model, examples)
    history = trained(options, examples, model)
    chances = probabilities(model, examples.test_x)
    predicted = chances.argmax(axis=1)
    right = int((predicted == examples.test_y).sum())
    share = right / max(1, len(predicted))
    epoch = f"epoch {len(history.rows)}, interrupted" if history.interrupted else "the last epoch"
    print(f"test accuracy after {epoch}: {100 * share:.2f} % ({right:,} of {len(predicted):,} right)")
    written += save(options, examples, model, history, share)
    if charts:
        written += draw_charts(options, examples, history, chances)
    print(f"written to {options.out}: {', '.join(path.name for path in written)}")
    return 130 if history.interrupted else 0


def check(options: argparse.Namespace) -> None:
    """Refuse what makes no sense before anything is read or written."""
    if options.model not in MODELS:
        raise ValueError(f"no model {options.model!r} to train; there is {', '.join(MODELS)}")
    if options.epochs is None:
        options.epochs = 5 if options.data else 40
    if options.lr is None:
        options.lr = 0.1 if options.variant == "1998" else 0.05
    for name in ("epochs", "batch_size", "lr"):
        if not getattr(options, name) > 0:
            raise ValueError(f"--{name.replace('_', '-')} must be greater than 0, got {getattr(options, name)}")
    refuse_seed(options.seed)
    refuse_file(options.out)


def digits(options: argparse.Namespace) -> Examples:
    """Return the shipped digits, enlarged."""
    from tinygrad_edu import data

    found = data.digits(options.image_size, dtype=options.dtype)
    return Examples("the shipped digits", "the fixed shuffled split", *found.train, *found.test)


def mnist(options: argparse.Namespace) -> Examples:
    """Return MNIST's images, in the middle of a margin where 32 pixels are wanted, as in the paper of LeNet-5."""
    from tinygrad_edu import data

    found = data.mnist(options.data, dtype=options.dtype)
    (x, y), (test_x, test_y) = found.train, found.test
    margin = (options.image_size - x.shape[-1]) // 2
    if margin:
        x, test_x = (np.pad(images, ((0, 0), (0, 0), (margin,) * 2, (margin,) * 2)) for images in (x, test_x))
    return Examples("MNIST", "the published split", x, y, test_x, test_y)


def trained(options: argparse.Namespace, examples: Examples, model: Any) -> History:
    """Train the model, each image moved a little, another way each time; return the history."""
    from tinygrad_edu import data, fit, optim

    loader = data.DataLoader(
        (examples.x, examples.y), options.batch_size, shuffle=True, seed=options.seed,
        transform=lambda images, rng: data.shift(images, SHIFT, rng),
    )  # fmt: skip
    optimizer = optim.SGD(model.parameters(), options.lr, momentum=0.9, weight_decay=5e-4)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    tests = (examples.test_x, examples.test_y)
    history = fit(model, loader, epochs=options.epochs, optimizer=optimizer, scheduler=schedule, validation=tests)
    if not history.rows:
        raise KeyboardInterrupt
    return history


def history_columns(history: History) -> dict[str, list[Any]]:
    """Return the history as columns, one number an epoch; what ``fit`` validated with are the test images here."""
    return {name.replace("validation", "test"): column for name, column in history.columns.items() if name != "seconds"}


def probabilities(model: Any, images: Any, batch: int = 256) -> Any:
    """Return what the model gives each class, (examples, classes), in eval mode."""
    from tinygrad_edu import functional as F
    from tinygrad_edu import no_grad

    was_training = model.training
    model.eval()
    try:
        with no_grad():
            parts = [F.softmax(model(images[i : i + batch]), -1).data for i in range(0, len(images), batch)]
    finally:
        model.train(was_training)
    return np.concatenate(parts)


def save(options: argparse.Namespace, examples: Examples, model: Any, history: History, share: float) -> list[Path]:
    """Write the model, the history as a table, and the run's settings and result."""
    from tinygrad_edu.files import save as save_model
    from viz.output.save import save_file

    folder = options.out
    save_model(model.state_dict(), folder / "lenet5.npz")
    columns = history_columns(history)
    rows = zip(*columns.values())
    lines = [",".join(columns), *[",".join("" if v is None else f"{v:.10g}" for v in row) for row in rows]]
    save_file(folder / "history.csv", "\n".join(lines) + "\n")
    names = ("model", "variant", "image_size", "epochs", "batch_size", "lr", "seed", "dtype")
    said = {name: getattr(options, name) for name in names}
    said |= {"data": str(examples), "test_accuracy": share, "history": columns}
    save_file(folder / "run.json", json.dumps(said, indent=1) + "\n")
    return [folder / name for name in ("lenet5.npz", "history.csv", "run.json")]


def draw_charts(options: argparse.Namespace, examples: Examples, history: History, chances: Any) -> list[Path]:
    """Draw curves, confusion matrix and the worst mistakes."""
    from viz.figures import training

    truth, predicted = examples.test_y, chances.argmax(axis=1)
    matrix = np.zeros((chances.shape[1],) * 2, dtype=int)
    np.add.at(matrix, (truth, predicted), 1)
    name = f"LeNet-5 ({options.variant}) on {examples.name}"
    pictures = (
        training.curves(history_columns(history), title=name),
        training.confusion(matrix, title=f"{name}: test images"),
        training.mistakes(examples.test_x, truth, predicted, chances, title=f"{name}: the worst mistakes"),
    )
    return [picture.save(options.out / file) for picture, file in zip(pictures, CHARTS)]


def graphs(folder: Path, model: Any, examples: Examples) -> list[Path]:
    """Draw the first step, on two examples, by layers and by functions, as pictures and as pages."""
    import viz
    from tinygrad_edu import functional as F
    from tinygrad_edu.engine.tensor import Tensor

    loss = F.cross_entropy(model(Tensor(examples.x[:2], name="images")), examples.y[:2])
    loss.name = "loss"
    written = []
    for level, words in (("module", "layer by layer"), ("op", "function by function")):
        title = f"The first step of LeNet-5, on two images, {words}"
        picture = viz.draw(loss, level, ("shape", "grad"), backward=True, direction="TB", title=title)
        try:
            written += [picture.save(folder / f"step-{level}{suffix}") for suffix in (".png", ".html")]
        except viz.GraphvizNotFound as problem:
            print(f"no picture of the step: {problem}")
            break
    return written
