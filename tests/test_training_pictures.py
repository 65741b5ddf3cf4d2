"""Pictures of a training run: what they show is what was given, in the right place, order and colour."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from tinygrad_edu.training import Epoch, History
from viz.figures.training import cell_colours, confusion, curves, mistakes

HISTORY = {
    "loss": [2.0, 1.0, 0.5], "accuracy": [0.5, 0.75, 0.875], "test_loss": [1.5, None, 0.75], "test_accuracy": [0.6] * 3,
}  # fmt: skip


def texts(axes):
    return [text.get_text() for text in axes.texts]


def starts_as_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


# Curves


def test_curves_are_the_history(tmp_path):
    figure = curves(HISTORY, title="a run")
    loss, accuracy = figure.canvas.axes
    for axes, columns in ((loss, ("loss", "test_loss")), (accuracy, ("accuracy", "test_accuracy"))):
        assert len(axes.lines) == 2
        for line, column in zip(axes.lines, columns, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
            np.testing.assert_array_equal(line.get_ydata(), np.array(HISTORY[column], dtype=float))
    assert [text.get_text() for text in loss.get_legend().texts] == ["training, last 0.5000", "test, last 0.7500"]
    assert "training accuracy 87.50 % after 3 epochs" in figure.description
    assert starts_as_png(figure.save(tmp_path / "curves.png"))


def test_what_fit_returns_can_be_drawn():
    rows = [Epoch(1, 2.0, 0.25, 1.5, None, 0.1, 3.0), Epoch(2, 1.0, 0.5, 1.25, None, 0.1, 3.0)]
    loss, accuracy = curves(History(rows)).canvas.axes
    assert [text.get_text() for text in loss.get_legend().texts] == ["training, last 1.0000", "validation, last 1.2500"]
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.0, 1.0], [1.5, 1.25]]
    assert [list(line.get_ydata()) for line in accuracy.lines] == [[0.25, 0.5]]


def test_lines_are_told_apart_without_colour():
    for axes in curves(HISTORY).canvas.axes:
        assert len({(line.get_linestyle(), line.get_marker()) for line in axes.lines}) == 2


@pytest.mark.parametrize(("history", "panels"), [
    ({"loss": [1.0]}, 1), ({"loss": [1.0], "accuracy": [0.5]}, 2), ({"test_accuracy": [0.5, 0.6]}, 1),
    (SimpleNamespace(**HISTORY), 2), ({"loss": list(range(200))}, 1), ({"loss": [1.0, float("nan")]}, 1),
])  # fmt: skip
def test_what_is_missing_is_left_out(history, panels, tmp_path):
    figure = curves(history)
    assert len(figure.canvas.axes) == panels
    assert starts_as_png(figure.save(tmp_path / "a.png"))


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"epoch": [1]}])
def test_no_history_is_an_error_that_says_so(history):
    with pytest.raises(ValueError, match="neither loss nor accuracy; train for an epoch first"):
        curves(history)


# Confusion


MATRIX = np.array([[5, 0, 2], [0, 7, 0], [1, 0, 0]])


def test_rows_are_true_and_columns_predicted(tmp_path):
    figure = confusion(MATRIX, ["cat", "dog", "cow"])
    (axes,) = figure.canvas.axes
    written = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts[:9]}
    assert written == {(i, j): str(n) if n else "·" for (i, j), n in np.ndenumerate(MATRIX)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["cat", "dog", "cow"]
    assert texts(axes)[9:] == ["found", "71.4 %", "100.0 %", "0.0 %"]
    assert "12 of 15 right (80.00 %)" in axes.get_title(loc="left")
    assert "cat read as cow (2 times), cow read as cat (1 time)." in figure.description
    assert starts_as_png(figure.save(tmp_path / "confusion.png"))


def test_right_is_blue_and_wrong_orange_and_more_is_darker():
    colours = cell_colours(MATRIX)
    np.testing.assert_array_equal(colours[0, 1], [1, 1, 1])
    for i, j in np.argwhere(MATRIX):
        red, _, blue = colours[i, j]
        assert (blue > red) if i == j else (red > blue)
    assert colours[1, 1].sum() < colours[0, 0].sum()
    assert colours[0, 2].sum() < colours[2, 0].sum()


def test_nothing_wrong_and_classes_without_examples():
    figure = confusion(np.array([[3, 0], [0, 0]]))
    assert "No mistake." in figure.description
    assert texts(figure.canvas.axes[0])[-1] == "none"


@pytest.mark.parametrize("matrix", [[[1, 2]], [1], [[0.5]], np.zeros((0, 0), int)])
def test_what_is_no_matrix_of_counts(matrix):
    with pytest.raises(ValueError, match="confusion: matrix must be a square of counts"):
        confusion(matrix)


def test_labels_are_counted():
    with pytest.raises(ValueError, match="2 labels for 3 classes"):
        confusion(MATRIX, ["a", "b"])


# Mistakes


@pytest.fixture
def read(rng):
    """Six examples of three classes: 1 and 4 wrong, 4 the worse; 5 is right by a hair."""
    labels = np.array([0, 1, 2, 0, 1, 2])
    chances = np.array([
        [0.90, 0.05, 0.05], [0.60, 0.35, 0.05], [0.1, 0.1, 0.8],
        [0.95, 0.05, 0.0], [0.001, 0.002, 0.997], [0.33, 0.33, 0.34],
    ])  # fmt: skip
    return rng.random((6, 8, 8)), labels, chances.argmax(1), chances


def test_the_worst_come_first_and_the_least_certain_of_the_right_follow(read, tmp_path):
    figure = mistakes(*read, n=4)
    shown = figure.canvas.axes
    assert [axes.get_title() for axes in shown] == ["1 read as 2", "1 read as 0", "2, right", "2, right"]
    assert [axes.get_xlabel() for axes in shown] == ["2: 100 %   1: < 1 %", "0: 60 %   1: 35 %", "2: 34 %", "2: 80 %"]
    for axes, at in zip(shown, [4, 1, 5, 2], strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), read[0][at])
    widths = [axes.spines["left"].get_linewidth() for axes in shown]
    assert min(widths[:2]) > max(widths[2:])
    assert " ".join(figure.canvas.get_supxlabel().split()).startswith(
        "2 of 6 wrong, with orange frames; then the least certain"
    )
    assert starts_as_png(figure.save(tmp_path / "mistakes.png"))


def test_more_mistakes_than_places(read):
    images, labels, _, chances = read
    figure = mistakes(images, labels, (labels + 1) % 3, chances, n=2)
    assert len([axes for axes in figure.canvas.axes if axes.images]) == 2
    assert figure.canvas.get_supxlabel() == "6 of 6 wrong"


def test_none_wrong_and_none_at_all(read):
    images, labels, _, chances = read
    assert mistakes(images, labels, labels, chances).canvas.get_supxlabel().startswith("none of 6 wrong; the least")
    empty = mistakes(images[:0], labels[:0], labels[:0], chances[:0])
    assert empty.png().startswith(b"\x89PNG")


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_grey_and_coloured_images(channels, read, rng):
    images = rng.standard_normal((6, *channels, 8, 8))
    figure = mistakes(images, *read[1:], names=["a", "b", "c"])
    assert figure.canvas.axes[0].get_title() == "b read as c"
    assert figure.png().startswith(b"\x89PNG")


def test_lengths_that_do_not_agree(read):
    images, labels, predictions, chances = read
    with pytest.raises(ValueError, match=re.escape("got 5 images, 6 labels, 6 predictions")):
        mistakes(images[1:], labels, predictions, chances)
