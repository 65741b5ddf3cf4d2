"""The README's Python runs as it stands, one block after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_readmes_code_runs(capsys):
    pytest.importorskip("matplotlib")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 2
    names: dict[str, object] = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block.replace("epochs=10", "epochs=1"), f"README.md, block {number}", "exec"), names)
    assert len(names["history"].rows) == 1


def test_the_readme_has_two_commands_for_a_fresh_machine():
    commands = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(commands) == 2
    assert "tinygrad-edu demo" in commands[0]
    assert "pytest" in commands[1]
