"""A mutation of each equation must turn a test red. Run by hand: python tests/contract/mutate.py [WORD in the module's name ...]
[--processes N] [--seconds S] [--part K/N]: N changes at a time, none begun after S seconds; every Nth, from the Kth on.

Every operator, gate and function in the equations is changed, one at a time, in memory: the tree is not touched. Each change is
run in a process of its own; a change that no test sees is printed, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import io
import itertools
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "elman"
CELLS = sorted(path.stem for path in (SOURCE / "cells").glob("[a-z]*.py") if path.stem != "contract")
EQUATIONS = {"project", "step", "coefficients", "keepers", "readout"}
BY_CELL = [
    "tests/cells",
    "tests/contract/test_masks.py",
    "tests/contract/test_pairs.py",
    "tests/parity",
    "tests/contract/test_promises.py::test_parameters_and_cost_are_those_by_hand",
    "tests/engine/test_contract.py::test_errors_name_the_fix",
    "tests/contract/test_options.py",
]
OF_LAYERS = [
    "tests/contract/test_masks.py",
    "tests/contract/test_options.py",
    "tests/contract/test_pairs.py::test_single_steps_in_training_draw_masks_like_a_sequence",
    "tests/contract/test_pairs.py::test_a_pair_of_options[lstm-residual+lengths]",
    "tests/engine/test_checks.py",
    "tests/engine/test_streaming.py",
    "tests/engine/test_contract.py",
    "tests/cells",
    "tests/parity",
    "tests/contract/test_table.py",
]
OF_SCANS = ["tests/engine/test_scan.py", "tests/engine/test_contract.py"]
OF_TORCH = [
    "tests/engine/test_checks.py",
    "tests/parity",
    "tests/engine/test_contract.py",
    "tests/engine/test_compile.py",
]
OF_KERNELS = [
    "tests/engine/test_checks.py",
    "tests/engine/test_native.py",
    "tests/engine/test_native_options.py",
    "tests/engine/test_contract.py",
]
# file: (functions whose every node is changed, or None for all of them; tests that should see it; the cell it is about)
TARGETS = {
    **{f"cells/{cell}.py": (EQUATIONS | {"__init__"}, BY_CELL, cell) for cell in CELLS},
    "cells/contract.py": (None, [*OF_LAYERS, "tests/contract/test_promises.py"], None),
    "models/rnn.py": (None, OF_LAYERS, None),
    "models/weight_drop.py": ({"recurrent", "thinned"}, OF_LAYERS, None),
    "models/initialisation.py": (None, ["tests/cells", "tests/engine/test_checks.py", "tests/contract/test_options.py"], None),
    "models/torch_bridge.py": (None, ["tests/parity", "tests/engine/test_checks.py", "tests/models/test_observe.py"], None),
    "models/observe.py": (None, ["tests/models/test_observe.py"], None),
    "engine/contract.py": (None, OF_SCANS, None),
    "engine/executors/reference.py": (None, [*OF_SCANS, "tests/contract/test_options.py"], None),
    "engine/executors/scan.py": (None, OF_SCANS, None),
    "engine/executors/vendor.py": (None, OF_TORCH, None),
    "engine/executors/native.py": (None, OF_KERNELS, None),
    "engine/streaming.py": (None, ["tests/engine/test_streaming.py"], None),
    "engine/time.py": (None, OF_LAYERS, None),
    **{
        f"interpretation/{name}.py": (None, [f"tests/known_answers/test_{name}.py"], None)
        for name in ("gradients", "occlusion", "shapley", "decomposition", "faithfulness")
    },
}  # fmt: skip
FUNCTIONS = {
    "sigmoid": "tanh",
    "tanh": "sigmoid",
    "relu": "tanh",
    "exp": "neg",
    "cos": "sin",
    "sin": "cos",
    "log": "exp",
}
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.Mod: ast.Mult}

BORDERS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
PATIENCE = 300  # seconds of computing after which a change is taken for an endless loop


def mutants(tree: ast.Module, names: set[str] | None) -> Iterator[tuple[int, str, str]]:
    """(line, what it was and became, the whole mutated source) for every change of one node in the named functions."""
    spots = [node for function in _functions(tree, names) for node in ast.walk(function)]
    for spot in spots:
        for change in _changes(spot):
            before = ast.unparse(spot)
            saved = copy.copy(spot.__dict__)
            change(spot)
            after, source = ast.unparse(spot), ast.unparse(ast.fix_missing_locations(tree))
            spot.__dict__.clear()
            spot.__dict__.update(saved)
            if after != before:
                yield spot.lineno, f"{before}  ->  {after}", source


def _functions(tree: ast.Module, names: set[str] | None) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (names is None or node.name in names):
            yield node


def _changes(node: ast.AST) -> Iterator[object]:
    """Functions that change this node in place, each in one way."""
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.BitOr):
        if type(node.op) in OPERATORS:
            yield lambda n: setattr(n, "op", OPERATORS[type(n.op)]())
        for zero in ("left", "right"):  # a term, or a factor, is dropped
            neutral = 0 if isinstance(node.op, (ast.Add, ast.Sub)) else 1
            if type(node.op) in OPERATORS and not isinstance(getattr(node, zero), ast.Constant):
                yield lambda n, zero=zero, neutral=neutral: setattr(n, zero, ast.Constant(neutral))
    # -1 names the last axis, which is the only other one in a step: 1 would be the same
    last_axis = isinstance(node, ast.UnaryOp) and ast.unparse(node) == "-1"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not last_axis:
        yield lambda n: setattr(n, "op", ast.UAdd())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda n: setattr(n, "operand", ast.UnaryOp(ast.Not(), n.operand))
    if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS:
        yield lambda n: setattr(n, "attr", FUNCTIONS[n.attr])
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
        for k in range(len(node.targets[0].elts) - 1):  # two gates are taken for each other
            yield lambda n, k=k: setattr(n, "targets", [_swapped(n.targets[0], k)])
    if (
        isinstance(node, ast.Call)
        and len(node.args) == 2
        and not node.keywords
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "State"
    ):
        yield lambda n: setattr(n, "args", n.args[::-1])
    if isinstance(node, ast.BoolOp):
        yield lambda n: setattr(n, "op", ast.Or() if isinstance(n.op, ast.And) else ast.And())
    if isinstance(node, ast.IfExp):
        yield lambda n: (lambda a, b: (setattr(n, "body", b), setattr(n, "orelse", a)))(n.body, n.orelse)
    if isinstance(node, ast.If):
        yield lambda n: setattr(n, "test", ast.Constant(False))
    if isinstance(node, ast.Compare) and type(node.ops[0]) in BORDERS:
        yield lambda n: setattr(n, "ops", [BORDERS[type(n.ops[0])](), *n.ops[1:]])
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield lambda n: setattr(n, "value", n.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield lambda n: setattr(n, "value", not n.value)


def _swapped(names: ast.Tuple, k: int) -> ast.Tuple:
    order = list(names.elts)
    order[k], order[k + 1] = order[k + 1], order[k]
    return ast.Tuple(order, ast.Store())


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module from another source; all the others come from where they always do."""

    def __init__(self, name: str, source: str, path: Path) -> None:
        self.name, self.source, self.path = name, source, path

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.source, str(self.path), "exec"), module.__dict__)


class OfCell:
    """Leaves out the tests of other cells."""

    def __init__(self, cell: str | None) -> None:
        self.cell = cell

    def pytest_collection_modifyitems(self, items):
        def about(item):
            params = getattr(getattr(item, "callspec", None), "params", {})
            named = {params.get("cell"), params.get("name"), (params.get("pair") or [None])[0]} & set(CELLS)
            return not named or self.cell in named

        if self.cell is not None:
            items[:] = [item for item in items if about(item)]


def green(path: str, source: str, run: Callable[[], int]) -> bool:
    """Whether `run` gives 0 on the mutated source, in a child that knows nothing of ours yet."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 2
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
        name = "elman." + path.removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, Mutated(name, source, SOURCE / path))
        sys.path.insert(0, str(ROOT))
        os.chdir(ROOT)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # faster, and none is needed
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            status = int(run())
    finally:
        os._exit(status)


def survives(path: str, source: str, tests: list[str], cell: str | None) -> bool:
    """Whether all tests pass: a few of the pairs of options at once, because most changes are seen there, then all by pytest."""

    def few() -> int:
        from tests.contract.choices import pairs
        from tests.contract.test_pairs import test_a_pair_of_options as test

        for one in [cell] if cell else ["lstm", "lru"]:
            for chosen in pairs(one)[: 5 if cell else 40]:
                test(one, chosen)
        return 0

    def every() -> int:
        import pytest

        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins=[OfCell(cell)]))

    seen_in_pairs = cell is not None or OF_LAYERS[0] in tests
    return (not seen_in_pairs or green(path, source, few)) and green(path, source, every)


def judge(path: str, part: int, parts: int, until: float, tell: Callable[[str], object]) -> None:
    """Every `parts`-th change of a file, from `part` on: a line for each that no test sees, then how many were tried."""
    names, tests, cell = TARGETS[path]
    text, seen, kept = (SOURCE / path).read_text(encoding="utf-8"), 0, 0
    for line, what, source in itertools.islice(mutants(ast.parse(text), names), part, None, parts):
        if time.monotonic() > until:
            tell(f"    not tried from {path}:{line}  {what}, and each {parts}th after it")
            break
        seen += 1
        if survives(path, source, tests, cell):
            kept += 1
            tell(f"    still green: {path}:{line}  {what}")
    tell(f"{seen} {kept}")


def main(arguments: list[str]) -> int:
    import torch  # what takes long to import is imported once, torch's lazy parts as well
    import torch._dynamo

    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--part", default="1/1", help="2/5: every fifth change, from the second on")
    given = parser.parse_args(arguments)
    begin, of = map(int, given.part.split("/"))
    torch.set_num_threads(1)
    torch.func.vmap(torch.func.grad(torch.sin))(torch.ones(2))
    torch.testing.assert_close(torch.ones(2), torch.ones(2))
    alive, until = 0, time.monotonic() + given.seconds
    print("| file | changes | red | seconds |\n|---|---|---|---|")
    for path, (_, tests, cell) in TARGETS.items():
        if given.words and not any(word in path for word in given.words):
            continue
        began, total = time.monotonic(), [0, 0]
        if not survives(path, (SOURCE / path).read_text(encoding="utf-8"), tests, cell):
            raise SystemExit(f"{path}: the tests are red without a change")
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        parts = [
            context.Process(
                target=judge, args=(path, part * of + begin - 1, given.processes * of, until, queue.put)
            )
            for part in range(given.processes)
        ]
        for part in parts:
            part.start()
        left = len(parts)
        while left:
            said = queue.get()
            if said.startswith(" "):
                print(said, flush=True)
            else:
                left, total = left - 1, [a + b for a, b in zip(total, map(int, said.split()))]
        print(f"| {path} | {total[0]} | {total[0] - total[1]} | {time.monotonic() - began:.0f} |", flush=True)
        alive += total[1]
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
