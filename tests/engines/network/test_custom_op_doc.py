"""docs/custom-op.md, executed as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from engines.network import Node, ops
from engines.passes import compile_program

DOC = Path(__file__).parents[3] / "docs" / "custom-op.md"


def test_the_page_runs_and_does_what_it_says():
    first, second = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    scope: dict[str, object] = {}
    exec(compile(first, str(DOC), "exec"), scope)
    program = compile_program(scope["network"])
    cuts = [stage.op for stage in program.stages if isinstance(stage, Node)]
    assert [type(op) for op in cuts] == [ops.Custom] * 3 + [ops.Attention]
    (y,) = cuts[0].run([np.array([[-9.0, 3.0, 100.0]], np.float32)])
    np.testing.assert_array_equal(y, [[-8.0, 3.0, 8.0]])

    exec(compile(second, str(DOC), "exec"), scope)
    assert scope["x"].width == 32
    op = scope["x"].builder._nodes[-1].op
    (y,) = op.run([np.ones((2, 3), np.float32)], [np.array([1, 2, 3], np.float32)])
    np.testing.assert_array_equal(y, [[2, 3, 4]] * 2)
