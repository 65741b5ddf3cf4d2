"""``tg.summary``: the numbers of the course's table, what counts once, what is marked, and that nothing is touched."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import models, nn
from tinygrad_edu.engine.creation import Randomness
from tinygrad_edu.inspection import summary

COURSE = [
    # name, shape as on the slide, size, parameters, multiply-adds
    ("input", (32, 32, 3), 3072, 0, 0),
    ("conv1", (28, 28, 8), 6272, 608, 28 * 28 * 8 * 75),
    ("pool1", (14, 14, 8), 1568, 0, 0),
    ("conv2", (10, 10, 16), 1600, 3216, 10 * 10 * 16 * 200),
    ("pool2", (5, 5, 16), 400, 0, 0),
    ("fc3", (120,), 120, 48120, 400 * 120),
    ("fc4", (84,), 84, 10164, 120 * 84),
    ("output", (10,), 10, 850, 840),
]


def rows(model, *shape, **options):
    return {row.name: row for row in summary(model, shape, **options).rows}


def channels_last(shape):
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


# The numbers


def test_the_table_of_the_course():
    table = summary(models.course_cnn(rng=0), (3, 32, 32))
    found = [
        (row.name, channels_last(row.output_shape), row.output_size, row.parameters, row.multiply_adds)
        for row in table.rows
    ]
    assert found == COURSE
    assert (table.total_parameters, table.depth) == (62_958, 8)
    assert table.total_multiply_adds == sum(row[4] for row in COURSE)


def test_memory_is_four_bytes_a_number_and_grows_with_the_batch():
    one, many = (summary(models.course_cnn(rng=0), (3, 32, 32), batch=n) for n in (1, 5))
    assert one.parameter_bytes == many.parameter_bytes == 4 * 62_958
    assert one.activation_bytes == 4 * sum(row[2] for row in COURSE)
    assert many.activation_bytes == 5 * one.activation_bytes
    assert [row.multiply_adds for row in many.rows] == [row.multiply_adds for row in one.rows]
    assert [row.output_shape for row in many.rows] == [row.output_shape for row in one.rows]


def test_the_memory_of_a_large_batch_is_said_and_not_taken():
    seen = []
    model = nn.Sequential(nn.ReLU())
    model[0].register_forward_hook(lambda module, args, output: seen.append(output.shape))
    table = summary(model, (1000, 1000), batch=10**6)
    assert seen == [(1, 1000, 1000)]
    assert table.activation_bytes == 2 * 4 * 10**12


def test_shares_are_of_the_whole():
    table = summary(models.course_cnn(rng=0), (3, 32, 32))
    assert sum(row.parameter_share for row in table.rows) == pytest.approx(1)
    assert sum(row.multiply_add_share for row in table.rows) == pytest.approx(1)
    assert table.rows[5].parameter_share == pytest.approx(48120 / 62958)


MULTIPLY_ADDS = [
    # layer, input shape, multiply-adds by hand
    (nn.Linear(7, 3, rng=0), (7,), 21),
    (nn.Linear(7, 3, rng=0), (5, 7), 105),
    (nn.Conv2d(4, 6, 3, rng=0), (4, 8, 9), 6 * 6 * 7 * 4 * 9),
    (nn.Conv2d(4, 6, (3, 5), stride=2, padding=(1, 2), rng=0), (4, 8, 9), 6 * 4 * 5 * 4 * 15),
    (nn.Conv2d(4, 6, 3, groups=2, rng=0), (4, 8, 9), 6 * 6 * 7 * 2 * 9),
    (nn.Conv2d(4, 4, 3, groups=4, dilation=2, rng=0), (4, 8, 9), 4 * 4 * 5 * 9),
    (nn.ConvTranspose2d(4, 6, 3, stride=2, rng=0), (4, 8, 9), 4 * 8 * 9 * 6 * 9),
    (nn.MaxPool2d(2), (4, 8, 8), 0),
    (nn.BatchNorm2d(4), (4, 8, 8), 0),
    (nn.GELU(), (4, 8, 8), 0),
    (nn.AdaptiveAvgPool2d(3), (4, 8, 8), 0),
]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("layer", "shape", "wanted"), MULTIPLY_ADDS, ids=lambda x: getattr(x, "_label", str)())
def test_multiply_adds(layer, shape, wanted, batch):
    table = summary(layer, shape, batch=batch)
    assert [row.name for row in table.rows] == ["input", type(layer).__name__]
    assert table.total_multiply_adds == table.rows[1].multiply_adds == wanted


@pytest.mark.parametrize(("subscripts", "shapes", "wanted"), [
    ("ij,jk->ik", [(1, 3), (3, 4)], 12), ("ij,jk", [(1, 3), (3, 4)], 12), ("...i,ij->...j", [(1, 5, 3), (3, 2)], 30),
    ("ij->", [(1, 3)], 0), ("ij,ij->i", [(1, 3), (1, 3)], 3),
])  # fmt: skip
def test_multiply_adds_of_einsum(subscripts, shapes, wanted):
    others = [tg.ones(*shape) for shape in shapes[1:]]
    table = summary(lambda x: tg.einsum(subscripts, x, *others), shapes[0][1:], dtype=np.float64)
    assert table.total_multiply_adds == wanted


# Nesting, sharing, paths


class Tower(nn.Module):
    def __init__(self):
        self.stem = nn.Conv2d(1, 4, 3, rng=0)
        self.block = nn.Residual(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, rng=0), nn.BatchNorm2d(4), nn.ReLU()))
        self.both = nn.Branches(nn.Conv2d(4, 2, 1, rng=0), nn.Sequential(nn.MaxPool2d(1), nn.Conv2d(4, 3, 1, rng=0)))

    def forward(self, x):
        return self.both(self.block(self.stem(x)))


def test_groups_stand_before_what_they_hold_and_sum_it():
    table = summary(Tower(), (1, 8, 8))
    names = [row.name for row in table.lines]
    assert names.index("block") < names.index("block.body") < names.index("block.body.0")
    by_name = {row.name: row for row in table.lines}
    assert [by_name[name].level for name in ("stem", "block", "block.body", "block.body.0")] == [0, 0, 1, 2]
    assert [row.name for row in table.rows] == [row.name for row in table.lines if not row.is_group]
    for kind in ("parameters", "multiply_adds", "buffers", "activation_bytes"):
        inner = [getattr(by_name[f"block.body.{i}"], kind) for i in range(3)]
        assert getattr(by_name["block.body"], kind) == sum(inner)
    assert by_name["block"].output_shape == (4, 6, 6)
    assert (by_name["block.body.1"].buffers, by_name["block.body.1"].parameters) == (8, 8)
    lines = str(table).splitlines()
    assert any(line.startswith("    block.body.0 ") and "Conv2d" in line for line in lines)


def test_depth_is_the_longest_path_additions_and_batch_norms_counted():
    found = rows(Tower(), 1, 8, 8)
    assert [name for name in found if "." not in name or name.endswith(("add", "concatenate"))] == [
        "input", "stem", "block.add", "both.concatenate",
    ]  # fmt: skip
    # input, stem, conv, batch norm, ReLU, addition, pooling, conv, concatenation
    assert summary(Tower(), (1, 8, 8)).depth == 9
    assert summary(nn.Sequential(*[nn.ReLU() for _ in range(1200)]), (2,)).depth == 1201


def test_a_layer_called_twice_has_two_rows_and_counts_once():
    layer = nn.Linear(3, 3, rng=0)
    table = summary(nn.Sequential(layer, nn.ReLU(), layer), (3,))
    assert [(row.name, row.parameters, row.multiply_adds) for row in table.rows[1:]] == [
        ("0", 12, 9), ("1", 0, 0), ("0", 0, 9),
    ]  # fmt: skip
    assert table.total_parameters == 12
    assert table.parameter_bytes == 48
    assert table.rows[3].note == "weights counted at 0"
    assert table.depth == 4


class Tied(nn.Module):
    def __init__(self):
        self.embedding = nn.Embedding(10, 4, rng=0)
        self.gain = nn.Parameter(np.ones(4, np.float32))
        self.spare = nn.Linear(3, 3, rng=0)

    def forward(self, x):
        return F.linear(self.embedding(x) * self.gain, self.embedding.weight)


def test_weights_used_outside_their_layer_count_where_they_come_first_and_what_is_not_called_is_said():
    table = summary(Tied(), (5,), dtype=np.int64)
    assert [(row.name, row.parameters) for row in table.rows] == [
        ("input", 0), ("embedding", 40), ("multiply", 4), ("linear", 0),
    ]  # fmt: skip
    assert table.rows[3].note == "weights counted at embedding"
    assert table.rows[3].output_shape == (5, 10)
    assert table.total_parameters == 40 + 4 + 12
    assert table.not_called == ("spare",)
    assert "not called in this run: spare (12 parameters)" in str(table)


def test_frozen_parameters_count_and_are_named():
    model = models.course_cnn(rng=0)
    model.conv1.weight.requires_grad = False
    table = summary(model, (3, 32, 32))
    assert [row.parameters for row in table.rows] == [row[3] for row in COURSE]
    assert table.trainable_parameters == 62_958 - 600
    assert "600 of them frozen" in str(table)


# Functions instead of modules


def test_a_function_of_tensors_has_a_row_per_function():
    w = tg.Tensor(np.ones((2, 3, 3, 3), np.float32), requires_grad=True)
    v = tg.Tensor(np.ones((5, 18), np.float32), requires_grad=True)

    def net(x):
        x = F.max_pool2d(F.relu(F.conv2d(x, w)), 2)
        return F.linear(x.reshape(x.shape[0], -1), v)

    table = summary(net, (3, 8, 8))
    assert table.model == "net"
    assert [(row.name, row.output_shape, row.parameters) for row in table.rows] == [
        ("input", (3, 8, 8), 0), ("conv2d", (2, 6, 6), 54), ("max_pool2d", (2, 3, 3), 0), ("linear", (5,), 90),
    ]  # fmt: skip
    assert table.total_parameters == 144
    assert table.total_multiply_adds == 72 * 27 + 90
    assert table.depth == 4


def test_a_module_without_modules_is_opened_if_it_is_the_model():
    class Mine(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(np.ones((3, 2), np.float32))

        def forward(self, x):
            return (x @ self.w).sum(axis=1)

    found = rows(Mine(), 3)
    assert list(found) == ["input", "matmul", "sum"]
    assert found["matmul"].parameters == 6
    assert list(rows(nn.Sequential(Mine()), 3)) == ["input", "0"]


def test_elementwise_functions_and_reshapes_belong_to_their_layer_but_not_to_the_input():
    first, second = nn.Linear(4, 4, rng=0), nn.Linear(4, 4, rng=0)
    found = rows(lambda x: F.tanh(second(F.relu(first(x / 2)).reshape(-1, 4).T.T)), 4)
    assert list(found) == ["input", "divide", "linear", "linear_2"]


def test_models_without_a_batch_axis_and_with_several_inputs():
    table = summary(models.two_layer_net(), (2,), batch=None)
    assert [row.output_shape for row in table.rows] == [(2,), (3,), (3,), (1,), (1,)]
    both = summary(lambda x, y: tg.concatenate([x, y], axis=1), [(2,), (3,)])
    assert [(row.name, row.output_shape) for row in both.rows] == [
        ("input 1", (2,)), ("input 2", (3,)), ("concatenate", (5,)),
    ]  # fmt: skip


# Dtypes


def test_the_layer_where_float32_meets_float64_is_marked():
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Linear(3, 3, dtype=np.float64, rng=0), nn.ReLU())
    table = summary(model, (3,))
    said = "float32 and float64 meet here, float64 goes on"
    assert [row.note for row in table.rows] == ["", "", said, ""]
    assert [row.dtype for row in table.rows] == ["float32", "float32", "float64", "float64"]
    assert said in str(table)
    assert said in table._repr_html_()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_of_one_dtype_is_run_in_it_and_has_no_marks(dtype):
    table = summary(models.lenet5(dtype=dtype, rng=0), (1, 28, 28))
    assert {row.dtype for row in table.rows} == {np.dtype(dtype).name}
    assert not any(row.note for row in table.rows)


# Side effects


def test_nothing_is_touched(rng):
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.ReLU())
    model[1].eval()
    model(tg.Tensor(rng.standard_normal((4, 1, 5, 5)).astype(np.float32))).sum().backward()
    tg.manual_seed(3)
    before = {name: array.copy() for name, array in model.state_dict().items()}
    attributes = [dict(vars(module)) for module in model.modules()]
    flags = [module.training for module in model.modules()]
    gradients = [p.grad.data.copy() for p in model.parameters()]
    drawn = tg.randn(3).data
    tg.manual_seed(3)
    with tg.no_grad():
        table = summary(model, (1, 5, 5))
    assert table.depth == 4  # dropout that does nothing is on no path
    assert [module.training for module in model.modules()] == flags == [True, True, False, True, True]
    assert [dict(vars(module)) for module in model.modules()] == attributes
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    for p, g in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(p.grad.data, g)
    np.testing.assert_array_equal(tg.randn(3).data, drawn)


def test_a_model_that_draws_and_keeps_numbers_in_eval_mode_is_left_as_it_was():
    class Restless(nn.Module):
        def __init__(self):
            self.register_buffer("mean", np.zeros(2))
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            self.mean.data += 1
            return x + tg.randn(2) + self.mean

    model = nn.Sequential(Restless())
    tg.manual_seed(5)
    first = tg.randn(1).item()
    tg.manual_seed(5)
    summary(model, (2,))
    assert (model[0].calls, model[0].mean.data.tolist()) == (0, [0.0, 0.0])
    assert tg.randn(1).item() == first


def test_random_numbers_that_were_not_begun_are_not_begun(monkeypatch):
    monkeypatch.setattr(Randomness, "generator", None)
    summary(lambda x: x + tg.randn(2), (2,))
    assert Randomness.generator is None


def test_hooks_are_gone_and_the_users_own_still_run(rng):
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.ReLU())
    seen = []
    handle = model[0].register_forward_hook(lambda module, args, output: seen.append(output.shape))
    summary(model, (2,))
    assert [len(vars(model[0])["_hooks"].before), len(vars(model[0])["_hooks"].after)] == [0, 1]
    assert "_hooks" not in vars(model[1])
    seen.clear()
    model(tg.zeros(3, 2))
    assert seen == [(3, 2)]
    handle.remove()
    model(tg.zeros(3, 2))
    assert len(seen) == 1


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 28), (1, 3, 3)])
def test_a_wrong_shape_is_the_error_of_the_layer_and_leaves_the_model_as_it_was(shape):
    model = models.lenet5(rng=0)
    with pytest.raises(ValueError, match=r"c1|c3|s2"):
        summary(model, shape)
    assert model.training
    assert all(module.training for module in model.modules())
    assert summary(model, (1, 28, 28)).total_parameters == 61_706


@pytest.mark.parametrize("shape", [(0, 28, 28), (1.5,), (-1,), ("3",), (True, 2), [(2,), (0,)]])
def test_what_is_no_shape(shape):
    with pytest.raises(ValueError, match="summary: input_shape must be the shape of one example"):
        summary(nn.ReLU(), shape)


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "2"])
def test_what_is_no_batch(batch):
    with pytest.raises(ValueError, match="summary: batch must be a positive integer"):
        summary(nn.ReLU(), (2,), batch=batch)


# How it looks


def test_the_text_of_the_course_table():
    text = str(summary(models.course_cnn(rng=0), (3, 32, 32), channels_last=True))
    lines = text.splitlines()
    assert lines[0] == "CourseCNN: batch 1, float32"
    assert " ".join(lines[4].split()) == "conv1 Conv2d (28, 28, 8) 6,272 608 1.0 % 470,400 55.4 % 2.4 KiB 24.5 KiB"
    assert " ".join(lines[-2].split()) == "total 13,126 62,958 849,320 245.9 KiB 51.3 KiB"
    assert lines[-1] == "62,958 parameters; longest path 8 layers, the input counted"
    assert len({len(line) for line in lines[1:-1]}) == 1
    assert repr(summary(models.course_cnn(rng=0), (3, 32, 32), channels_last=True)) == text


def test_a_table_of_words_is_given_whole_numbers():
    found = rows(nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2)), 3)
    assert [row.output_shape for row in found.values()] == [(3,), (3, 4), (12,), (2,)]


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.cells, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] == "td":
            self.cells.append(data)


def test_html_says_the_same_and_escapes_names():
    class Evil(nn.ReLU):
        pass

    Evil.__name__ = "<script>alert(1)</script>"
    page = summary(nn.Sequential(nn.Linear(2, 2, rng=0), Evil()), (2,))._repr_html_()
    assert "<script>" not in page
    reader = Cells()
    reader.feed(page)
    assert reader.open == []
    assert "<script>alert(1)</script>" in reader.cells
    assert {"Linear", "(2,)", "6", "66.7 %"} & set(reader.cells) >= {"Linear", "(2,)", "6"}
