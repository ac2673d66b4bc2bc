"""A mutation of each analysis must turn a test red. Run by hand: python -m tests.interpretation.mutate [WORD in the module's name ...]

As tests/contract/mutate.py does with the equations: signs, factors, terms, numbers, borders and conditions, one at a time, in memory;
beside these, h for c, and the first for the last. Sentences and pictures are left alone.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from tests.contract import mutate

KNOWN = "tests/known_answers"
TARGETS = {
    "interpretation/lyapunov.py": (None, [f"{KNOWN}/test_dynamics.py", f"{KNOWN}/test_exact.py", "-k", "exponents or finding or fill"], None),
    "interpretation/fixed_points.py": (None, [f"{KNOWN}/test_points_by_hand.py", f"{KNOWN}/test_dynamics.py", f"{KNOWN}/test_exact.py", "-k", "rest or point or memory or finding"], None),
    "interpretation/stepping.py": (None, [f"{KNOWN}/test_dynamics.py", f"{KNOWN}/test_exact.py", "-k", "step or jacobian or end"], None),
    "interpretation/memory.py": ({"memory", "settled", "_between", "_losses", "lengths_tried", "_beside"}, [f"{KNOWN}/test_parts_by_hand.py", f"{KNOWN}/test_exact.py", f"{KNOWN}/test_memory.py", "-k", "not cell"], None),
    "interpretation/connectivity.py": (None, [f"{KNOWN}/test_connectivity.py"], None),
    "interpretation/gates.py": ({"add", "mean", "gates", "tally", "time_scales", "_valid", "_row", "find_keepers", "keeper"}, [f"{KNOWN}/test_borders_of_units.py", f"{KNOWN}/test_gates.py", f"{KNOWN}/test_exact.py", "-k", "not point"], None),
    "interpretation/ridge.py": (None, [f"{KNOWN}/test_probes.py", f"{KNOWN}/test_borders.py", "-k", "ridge or scores"], None),
    "interpretation/probes.py": (
        {"clear", "probe", "probes", "_named", "_states", "state_of", "_places", "_read_ago", "_of_others", "_gains"},
        [f"{KNOWN}/test_parts_by_hand.py", f"{KNOWN}/test_probes.py"],
        None,
    ),
    "interpretation/interventions.py": (
        {"interventions", "sizes_of", "_means", "_gradient", "_of", "_without", "units_of", "_head"},
        [
            f"{KNOWN}/test_interventions.py",
            f"{KNOWN}/test_exact.py",
            f"{KNOWN}/test_borders.py",
            "-k",
            "unit or taken or padding or left_behind or questions or valid or intervention or one_sequence or random_draw",
        ],
        None,
    ),
    "interpretation/editing.py": (None, [f"{KNOWN}/test_interventions.py", f"{KNOWN}/test_gate_editing.py", f"{KNOWN}/test_exact.py"], None),
    "interpretation/gate_editing.py": (None, [f"{KNOWN}/test_gate_editing.py"], None),
    "interpretation/dynamics.py": ({"dynamics", "_spectrum", "exponents", "settled_in"}, [f"{KNOWN}/test_borders.py", f"{KNOWN}/test_dynamics.py", f"{KNOWN}/test_exact.py", f"{KNOWN}/test_trials.py", "-k", "finding or fill or named or rest or dimension or components or left_out or patches or network or condition or control or fifth"], None),
    "interpretation/attribution.py": ({"attribution", "passes", "_half", "_likeness", "_within"}, [f"{KNOWN}/test_attribution.py", f"{KNOWN}/test_borders.py", "tests/interpretation/test_cost.py", "-k", "attribution or maps"], None),
    "interpretation/comparison.py": ({"compare", "count_of", "reads", "trust"}, [f"{KNOWN}/test_comparison.py", f"{KNOWN}/test_attribution.py", "tests/interpretation/test_cost.py", "-k", "comparison or attribution"], None),
    "interpretation/credit.py": (None, [f"{KNOWN}/test_credit.py", f"{KNOWN}/test_attribution.py", f"{KNOWN}/test_occlusion.py", f"{KNOWN}/test_gradients.py", f"{KNOWN}/test_faithfulness.py"], None),
    "interpretation/units.py": ({"units", "followed", "unit_names", "_scaled"}, [f"{KNOWN}/test_units.py", f"{KNOWN}/test_borders_of_units.py"], None),
    "interpretation/calibration.py": ({"calibration", "calibration_error", "fitted_temperature", "_answers", "_by_chance", "_weights", "_parts"}, [f"{KNOWN}/test_calibration.py"], None),
    "interpretation/ngrams.py": ({"ngrams", "kinds", "repeats", "word_counts", "_words", "_sort", "_interval", "_spread"}, [f"{KNOWN}/test_ngrams.py"], None),
    "interpretation/behaviour.py": ({"behaviour", "wilson", "_check", "_answers", "_failed"}, [f"{KNOWN}/test_behaviour.py"], None),
    "interpretation/gradient_flow.py": (None, [f"{KNOWN}/test_during_training.py"], None),
}  # fmt: skip
SHOWN = ("lines", "bars", "ranks", "plane", "stack", "heat")  # what draws
SWAPS = {"h": "c", "c": "h"}


def shown(node: ast.AST) -> bool:
    """Whether a node is a sentence or a picture: what is said, not what is found."""
    return (
        isinstance(node, ast.JoinedStr)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SHOWN)
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("sentence", "title", "rows", "table", "told", "unit"))
    )  # fmt: skip


def functions(tree: ast.Module, names: set[str] | None) -> Iterator[ast.AST]:
    """The nodes to be changed: walked as a whole, but for what is shown."""

    def kept(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        for child in ast.iter_child_nodes(node):
            if not shown(child):
                yield from kept(child)

    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (names is None or node.name in names):
            yield _Walked(list(kept(node)))


class _Walked(ast.Module):
    """Nodes that ast.walk goes through, and nothing below them."""

    def __init__(self, nodes: list[ast.AST]) -> None:
        super().__init__(body=[], type_ignores=[])
        self.nodes = nodes


def mutants(tree: ast.Module, names: set[str] | None) -> Iterator[tuple[int, str, str]]:
    """As mutate.mutants, over the nodes that are not shown, with the changes of analyses."""
    import copy

    done: set[int] = set()
    for walked in functions(tree, names):
        for spot in walked.nodes:  # type: ignore[attr-defined]
            if id(spot) in done:  # a function inside a function
                continue
            done.add(id(spot))
            for change in [*mutate._changes(spot), *swaps(spot)]:
                before, saved = ast.unparse(spot), copy.copy(spot.__dict__)
                change(spot)  # type: ignore[operator]
                after, source = ast.unparse(spot), ast.unparse(ast.fix_missing_locations(tree))
                spot.__dict__.clear()
                spot.__dict__.update(saved)
                if after != before:
                    yield spot.lineno, f"{before}  ->  {after}", source  # type: ignore[attr-defined]


def swaps(node: ast.AST) -> Iterator[object]:
    """h for c and c for h; max for min; the first for the last; what is looked at for its opposite."""
    if isinstance(node, ast.Attribute) and node.attr in SWAPS:
        yield lambda n: setattr(n, "attr", SWAPS[n.attr])
    if isinstance(node, ast.Name) and node.id in ("max", "min"):
        yield lambda n: setattr(n, "id", "min" if n.id == "max" else "max")
    if isinstance(node, ast.Attribute) and node.attr in ("max", "min", "amax", "amin"):
        yield lambda n: setattr(
            n, "attr", n.attr.replace("max", "m_n").replace("min", "max").replace("m_n", "min")
        )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        yield lambda n: setattr(n, "op", ast.UAdd())


if __name__ == "__main__":
    import altair  # noqa: F401  what takes long to import is imported once
    import polars  # noqa: F401
    import rich.progress  # noqa: F401
    import sklearn.linear_model
    import sklearn.preprocessing  # noqa: F401

    mutate.TARGETS = {path: target for path, target in TARGETS.items() if (mutate.SOURCE / path).exists()}
    mutate.mutants = mutants
    sys.exit(mutate.main(sys.argv[1:]))
