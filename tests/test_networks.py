"""The course's table of architectures: counted from the models, exactly; and ``tinygrad-edu summary``."""

from __future__ import annotations

import re

import pytest

import tinygrad_edu as tg
from tinygrad_edu import cli, models, nn
from tinygrad_edu.inspection.course_table import HEADINGS, networks
from tinygrad_edu.models.catalogue import CATALOGUE, blank, entry

COURSE = [
    # name, top-1, top-5, MB, parameters, depth: as in the course's table, which are Keras's
    ("vgg16", 71.3, 90.1, 528, 138_357_544, 23),
    ("vgg19", 71.3, 90.0, 548, 143_667_240, 26),
    ("inception_v3", 77.9, 93.7, 91, 23_851_784, 159),
    ("resnet50", 74.9, 92.1, 98, 25_636_712, 169),
    ("xception", 79.0, 94.5, 87, 22_910_480, 126),
    ("inception_resnet_v2", 80.3, 95.3, 213, 55_873_736, 572),
    ("resnext50", 77.7, 93.8, 96, 25_097_128, 185),
    ("alexnet", 59.3, 81.8, 233, 60_965_224, 22),
    ("inception_v1", None, 89.9, 27, 6_998_552, 60),
    ("lenet5", None, None, 0, 61_706, 13),
]
TORCHVISIONS = {  # billions of multiply-adds, as torchvision's documentation has them
    "alexnet": 0.71, "vgg11": 7.61, "vgg16": 15.47, "resnet18": 1.81, "resnet50": 4.09, "resnext50": 4.23,
}  # fmt: skip


@pytest.mark.parametrize(("name", "top1", "top5", "megabytes", "parameters", "depth"), COURSE)
def test_the_courses_table(name, top1, top5, megabytes, parameters, depth):
    (row,) = networks(name).rows
    assert (row.name, row.top1, row.top5, round(row.megabytes), row.parameters, row.depth) == (
        name, top1, top5, megabytes, parameters, depth
    )  # fmt: skip
    assert bool(row.source) == (top5 is not None)


@pytest.mark.parametrize("name", TORCHVISIONS)
def test_multiply_adds_are_those_that_torchvision_documents(name):
    table = tg.summary(blank(name, layout="torchvision"), (3, 224, 224))
    assert round(table.total_multiply_adds / 1e9, 2) == TORCHVISIONS[name]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "theirs"), [("resnet50", "ResNet50"), ("vgg16", "VGG16"), ("xception", "Xception")])
def test_depth_is_the_longest_path_through_kerass_graph(name, theirs):
    import torch
    from keras_oracle import build

    with torch.device("meta"):
        model = build(lambda keras: getattr(keras.applications, theirs))
    longest = {}
    for layer in model.layers:  # each after those that it is given
        given = [t for node in layer._inbound_nodes for t in node.input_tensors]
        longest[layer.name] = 1 + max([longest[t._keras_history.operation.name] for t in given], default=0)
    assert networks(name).rows[0].depth == max(longest.values())


def test_every_network_of_the_catalogue_is_there_and_says_where_its_accuracy_is_from():
    for name, found in CATALOGUE.items():
        assert callable(getattr(models, name))
        assert (found.top5 is None) == (not found.source)
        assert found.top5 is None or 80 < found.top5 < 100
        assert found.top1 is None or 50 < found.top1 < found.top5


@pytest.mark.parametrize("name", ["ResNet-50", "resnet50", "Inception-ResNet-v2", "VGG 16", "two-layer-net"])
def test_usual_names_are_known(name):
    assert entry(name).title


def test_the_nearest_names_are_offered():
    with pytest.raises(ValueError, match="no model 'resnet5'; did you mean resnet50 or "):
        entry("resnet5")
    with pytest.raises(ValueError, match="no model 'vgg61'"):
        networks("lenet5", "vgg61")


def test_the_table_shows_itself_as_text_and_html():
    table = networks("lenet5", "two_layer_net")
    head, _, *lines = str(table).splitlines()
    assert re.split(r" {2,}", head) == list(HEADINGS)
    assert re.split(r" {2,}", lines[0]) == ["LeNet-5", "28×28×1", "–", "–", "0.24", "61,706", "416,520", "13", "–"]
    assert [line.split()[0] for line in lines] == ["LeNet-5", "Two-layer"]
    assert table._repr_html_().count("<tr>") == 3
    assert ">61,706</td>" in table._repr_html_()


class Block(nn.Module):
    def __init__(self):
        self.inner = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.ReLU())

    def forward(self, x):
        return self.inner(x)


def test_blocks_are_lines_with_the_sums_of_what_is_in_them_and_rows_of_layers_are_open():
    table = tg.summary(nn.Sequential(Block(), nn.ReLU(), nn.Sequential(nn.ReLU())), (1, 8, 8))
    lines = table.blocks().splitlines()
    assert [line.split()[:2] for line in lines[3:8]] == [
        ["input", "input"], ["0", "Block"], ["1", "ReLU"], ["2", "Sequential"], ["2.0", "ReLU"],
    ]  # fmt: skip
    assert " 40  100.0 %  1,296  100.0 % " in re.sub(r" {3,}", "  ", lines[4])
    assert lines[-2].split() == str(table).splitlines()[-2].split()


# The command


def run(capsys, *arguments):
    code = cli.main(["summary", *arguments])
    return code, *capsys.readouterr()


def test_the_command_prints_the_line_of_the_course_and_the_layers(capsys, tmp_path):
    code, out, _ = run(capsys, "LeNet-5", "--out", str(tmp_path / "table.html"))
    assert code == 0
    assert "61,706" in out.splitlines()[2]
    assert any(line.startswith("c3 ") for line in out.splitlines())
    assert (tmp_path / "table.html").read_text(encoding="utf-8").count("<table") == 2


def test_a_large_network_is_shown_in_blocks_unless_told_otherwise(capsys):
    _, out, _ = run(capsys, "resnet18")
    assert "layer4.1" in out
    assert "layer4.1.conv1" not in out
    assert "--layers prints each" in out
    _, out, _ = run(capsys, "resnet18", "--layers", "--layout", "torchvision", "--image-size", "64")
    assert "layer4.1.conv1" in out
    assert "11,689,512 parameters" in out


def test_gigabytes_are_said(capsys):
    assert "of these weights" not in run(capsys, "alexnet")[1]
    assert "weights and activations in memory take 8.0 GiB" in run(capsys, "alexnet", "--batch", "1000")[1]


@pytest.mark.parametrize(("arguments", "said"), [
    (["resnet51"], "no model 'resnet51'; did you mean resnet50"),
    ([], "give the name of a model, or --all"),
    (["lenet5", "--all"], "and not both"),
    (["vgg16", "--image-size", "64"], "vgg16: images must be 224×224 pixels, got 64×64"),
    (["inception_v3", "--image-size", "64"], "at least 75×75 pixels, got 64×64"),
    (["lenet5", "--layout", "torchvision"], "lenet5 has one layout"),
    (["two_layer_net", "--image-size", "3"], "takes no images"),
    (["resnet18", "--image-size", "-3"], "all positive integers"),
    (["lenet5", "--out", "table.pdf"], "none of .txt, .html"),
])  # fmt: skip
def test_what_can_not_be_is_said_in_a_line(capsys, arguments, said):
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize("name", [name for name, made in CATALOGUE.items() if made.input_shape[-1] > 200])
def test_builders_say_what_memory_their_weights_take(name):
    model = blank(name)
    taken = sum(x.size * x.dtype.itemsize for x in [*model.parameters(), *model.buffers()])
    said = re.findall(r"(\d+) MiB", getattr(models, name).__doc__)
    assert said == [str(round(taken / 2**20))]
