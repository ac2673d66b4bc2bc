"""The gallery: its page holds together, and what its generator computes by itself is right. The networks are trained by `make gallery` only."""

from __future__ import annotations

import copy
import hashlib
import importlib
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGE = DOCS / "gallery.md"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """A module of docs/gallery by name; forgotten afterwards, since their names are short."""
    monkeypatch.syspath_prepend(str(DOCS / "gallery"))
    loaded = {path.stem for path in (DOCS / "gallery").glob("*.py")}

    def forget() -> None:
        import sys

        for name in loaded - {"__main__"}:
            sys.modules.pop(name, None)

    forget()
    yield lambda name: importlib.import_module(name)
    forget()


@pytest.fixture
def made() -> dict[str, dict]:
    """What the command that makes the page measured and drew."""
    return json.loads((DOCS / "gallery" / "facts.json").read_text(encoding="utf-8"))


def test_the_page_is_what_the_command_measured(load, made) -> None:
    """No number on it is written by hand."""
    assert load("page").page(made) == PAGE.read_text(encoding="utf-8")
    assert set(made) == set(load("page").ORDER)


def test_pictures_are_those_that_the_command_drew(made) -> None:
    text = PAGE.read_text(encoding="utf-8")
    drawn = {name: digest for section in made.values() for name, digest in section["pictures"].items()}
    there = {path.name: path.read_bytes() for path in (DOCS / "images" / "gallery").iterdir()}
    assert {name: hashlib.sha256(content).hexdigest() for name, content in there.items()} == drawn
    assert set(re.findall(r"\]\(images/gallery/([^)]+)\)", text)) == set(drawn)
    assert all(len(content) <= 200_000 for content in there.values())


def test_settings_are_those_that_were_measured(load, made) -> None:
    """Whoever changes how a network is trained, or a script that is shown, makes its section anew."""
    for name, section in made.items():
        assert list(load(name).entry(section["facts"]).commands) == section["commands"], name
    digest = lambda text: hashlib.sha256(text.encode()).hexdigest()[:12]
    assert made["opened"]["facts"]["script"] == digest(load("opened").script())
    assert made["decision"]["facts"]["code"] == digest(load("decision").code())


def test_a_number_that_is_changed_changes_the_page(load, made) -> None:
    """Every number that was measured is said: none is shown that does not hang on it."""
    whole = load("page").page(made)

    def changed(value: object) -> object:
        if isinstance(value, bool):
            return not value
        if isinstance(value, (int, float)):
            return value + 7
        return f"{value}9"

    def leaves(value: object, path: tuple = ()) -> list[tuple]:
        inside = (
            value.items()
            if isinstance(value, dict)
            else enumerate(value)
            if isinstance(value, list)
            else None
        )
        return (
            [path]
            if inside is None
            else [leaf for key, each in inside for leaf in leaves(each, (*path, key))]
        )

    unsaid = {("opened", "script"), ("decision", "code")}
    for name, section in made.items():
        for path in leaves(section["facts"]):
            other = copy.deepcopy(made)
            place = other[name]["facts"]
            for key in path[:-1]:
                place = place[key]
            if place[path[-1]] in (None, ""):
                continue
            place[path[-1]] = changed(place[path[-1]])
            assert (name, *path) in unsaid or load("page").page(other) != whole, (name, path)


def test_every_section_has_its_control_command_seed_and_hash() -> None:
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    assert sections
    for section in sections:
        assert "**Control.** " in section and "```bash\n" in section, section[:40]
        assert re.search(r"Seed \d+; .*`[0-9a-f]{12}`", section), section[:40]


def test_the_commands_of_the_page_are_known(load) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^python docs/gallery (?:--data DATA )?(\w+)$", text, re.M) == list(load("page").ORDER)


def test_long_commands_are_broken_before_options(load) -> None:
    wrapped, trainings = load("page").wrapped, load("trained").TRAININGS
    for name, training in trainings.items():
        lines = wrapped(training.command(name)).split(" \\\n")
        assert all(len(line) <= 82 for line in lines) and all(line.startswith("  --") for line in lines[1:])
        assert " ".join(line.strip() for line in lines) == training.command(name)
    assert wrapped("elman train imdb --cell gru", 28) == "elman train imdb \\\n  --cell gru"


class TestFlipFlop:
    @pytest.fixture
    def module(self, load) -> ModuleType:
        return load("flip_flop")

    def test_bits_are_held_until_the_next_pulse(self, module: ModuleType) -> None:
        pulses, held = (each.numpy() for each in module.trials(20, 3))
        assert (pulses[:, 0] != 0).all()
        for row in range(20):
            for bit in range(3):
                last = 0.0
                for step in range(module.TIME):
                    last = pulses[row, step, bit] or last
                    assert held[row, step, bit] == last

    def test_corners_stay_apart_on_paper(self, module: ModuleType) -> None:
        corners = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], dtype=float)
        flat = module.flat(corners)
        gaps = np.linalg.norm(flat[:, None] - flat[None], axis=-1) + np.eye(8)
        assert flat.shape == (8, 2) and gaps.min() > 0.5

    def test_a_cube_is_told_from_what_is_none(self, module: ModuleType) -> None:
        bits = np.array([[1.0, -1, 1], [0, 1, -1], [0, 0, 1], [0, 0, 0]])
        assert module.placed(bits, np.array([0, 1, 2, 3]))
        assert not module.placed(bits, np.array([1, 1, 2, 3]))
        assert not module.placed(bits * 0.5, np.array([0, 1, 2, 3]))
        assert module.counted(np.array([0, 0, 1, 3])) == [2, 1, 0, 1]

    def test_a_network_that_forgets_rests_at_one_stable_point(self, module: ModuleType) -> None:
        model = module.FlipFlop()
        with torch.no_grad():
            model.rnn.weight_hh_l0.mul_(0.1)
        _, found, ways = module.points(model, module.trials(20, 1)[0])
        assert len(found) == 1 and found.fixed.all() and module.counted(ways) == [1, 0, 0, 0]


class TestSyllables:
    def test_runs_of_vowels_are_counted(self, load) -> None:
        groups = load("syllables").groups
        assert [groups(word) for word in ("banana", "queue", "rhythm", "a", "str")] == [3, 1, 1, 1, 0]

    def test_where_an_answer_climbs(self, load) -> None:
        share, letters = load("syllables").climbs(
            ["bat", "lo"], [np.array([1.0, 3.0, 4.0]), np.array([5.0, 4.0])]
        )
        assert share == pytest.approx(2 / 3)  # of 3 climbed, 2 at the a; what falls is no climb
        assert letters == pytest.approx(2 / 3)  # a and o, of a, t and o


def test_a_training_is_told_as_a_command_that_is_understood(load) -> None:
    import dataclasses

    from elman.core.catalogue import catalogue
    from elman.core.recipe import Recipe

    trained = load("trained")
    fields = {field.name for kind in Recipe.sections().values() for field in dataclasses.fields(kind)}
    for name, training in trained.TRAININGS.items():
        assert set(training.settings) <= fields
        assert training.rival in catalogue("evaluation.baselines")
        assert training.file or training.source in catalogue("data.sources")
        assert training.command(name).endswith(f"--out runs/gallery/{name}")
    assert "--no-bidirectional" in trained.TRAININGS["imdb"].command("imdb")
    assert " DATA/war-and-peace/warandpeace.txt " in trained.TRAININGS["quotes"].command("quotes")


def test_a_command_trains_with_the_settings_of_the_gallery(load) -> None:
    import shlex

    from elman.cli._flags import parse, rivals_given
    from elman.cli.train import Train
    from elman.recipes import as_recipe

    for name, training in load("trained").TRAININGS.items():
        if training.file:
            continue
        words = shlex.split(training.command(name))
        given = parse(Train, words[3:], "train", Train(as_recipe(training.source)))
        place = {"path": f"DATA/{training.place}"} if training.place else {}
        settings = {**training.settings, **place, "seed": training.seed, "rivals": (training.rival,)}
        assert words[:3] == ["elman", "train", training.source]
        assert given.recipe.override(rivals_given(given.rival)) == as_recipe(training.source, **settings)


def test_horizons_are_told_from_the_table(load) -> None:
    rows = [
        {"cell": "RNN", "horizon": None, "interval": "", "saved": 0.014, "order": None},
        {"cell": "GRU", "horizon": 38, "interval": "38 to 40", "saved": 2.25, "order": 31.0},
    ]
    lines = load("memories").table({"copy": {"rows": rows}, "text": {"rows": []}}).splitlines()
    assert lines[2:] == [
        "| copy, RNN | none that can be shown | – | 0.01 nats | none |",
        "| copy, GRU | 38 | 38 to 40 | 2.25 nats | 31 |",
    ]
    told = load("memories").told
    other = {**rows[1], "cell": "LSTM", "interval": "40 to 41"}
    assert (
        told([*rows, other])
        == "no use of context can be shown for the RNN; GRU and LSTM cannot be told apart"
    )
    rows[0] |= {"horizon": 31, "interval": "30 to 40", "saved": 0.1}
    assert told([*rows, other]) == (
        "context saves the RNN 0.10 nats where it saves the GRU 2.25, so its horizon says little; GRU and LSTM cannot be told apart"
    )
    rows[0] |= {"horizon": 10, "interval": "9 to 10", "saved": 1.6}
    other |= {"interval": "41 to 50"}
    said = "GRU and LSTM look farther than the RNN; LSTM looks farther than the GRU"
    assert told([*rows, other]) == said


def test_what_a_removal_costs_is_told_in_right_answers(load) -> None:
    said = load("imdb").told(0.1, 0.2, np.array([0.1, 0.14]))
    assert "from 90.0% to 80.0%" in said and "the other 2 units" in said
    assert (
        "88.0% on average and 86.0% at the least, and no other costs half as much: the answer hangs" in said
    )
    many = load("imdb").told(0.1, 0.2, np.array([0.16, 0.14, 0.3, 0.1]))
    assert many.endswith(
        "and 2 of them cost at least half as much: the answer does not hang on this one alone."
    )
    assert "1 of them costs" in load("imdb").told(0.1, 0.2, np.array([0.16, 0.1]))
    assert "2 of them cost" in load("imdb").told(0.1, 0.1, np.array([0.15, 0.1]))


def test_dots_stand_on_each_other(load) -> None:
    assert load("imdb").stacked([0.1, 1.0, -0.1, 0.9], 0.25) == [(0.0, 0), (1.0, 0), (0.0, 1), (1.0, 1)]
    rows = load("imdb").without("unit 3", 5.0, [0.1, 0.0])["data"]["values"]
    assert [row["which"] for row in rows] == ["without unit 3", *["without another, each alone"] * 2]
    assert [row["level"] for row in rows] == [0, 0, 1]


def test_a_unit_is_read_at_each_sequences_own_end(load) -> None:
    from tests.known_answers.networks import view_of

    from elman.interpretation.view import Sample

    inputs = torch.arange(12.0).reshape(2, 6, 1)
    from dataclasses import replace

    view = replace(
        view_of(lambda vectors, lengths: vectors), trace=lambda x, lengths: {"layers.0.forward.h": x}
    )
    sample = Sample(inputs, torch.tensor([6, 3]), torch.zeros(2), np.arange(2))
    assert load("imdb").at_the_end(view, sample, "layers.0.forward.h", 0).tolist() == [5.0, 8.0]


class TestCharacters:
    def test_neighbours_of_like_colour_are_one_ground(self, load) -> None:
        drawing = load("drawing")
        block = drawing.Painted(
            "T <", ["a", "b", "&", "d"], [1.0, 1.0, -2.0, 0.0], 2.0, [True, True, False, True]
        )
        text = drawing.text_svg([block], "in <quotes>")
        assert "in &lt;quotes&gt;" in text and text.index("above its mean") < text.index("T &lt;")
        assert text.count("fill-opacity") == 4 and "T &lt;" in text and "ab&amp;d" in text
        grounds = re.findall(
            r'width="([\d.]+)" height="18" fill="rgb\(([\d,]+)\)" fill-opacity="([\d.]+)"', text
        )
        assert grounds == [("16.8", "217,112,15", "0.35"), ("8.4", "47,125,209", "0.7")]
        assert [float(each) for each in re.findall(r'width="([\d.]+)" height="1.6"', text)] == [12, 16.8, 8.4]
        import xml.etree.ElementTree as tree

        tree.fromstring(text)

    @pytest.mark.parametrize(
        ("text", "columns", "expected"),
        [
            (["a", "b", "", *"cdefg"], 3, ["ab", "cde", "fg"]),  # an empty step; a word longer than a line
            ([*"ab cde f"], 5, ["ab ", "cde f"]),  # a word that does not fit
            ([*"abc de f"], 6, ["abc de ", "f"]),  # white space hangs
            ([*"abc de "], 6, ["abc de "]),
            ([*"a\nb\n\nc"], 9, ["a\nb\n\n", "c"]),  # an end of a line is none of ours, of a paragraph it is
            ([*"a\n\n\nb"], 9, ["a\n\n\n", "b"]),
            ([*"abcd"], 4, ["abcd"]),
        ],
    )
    def test_where_lines_end(self, load, text: list[str], columns: int, expected: list[str]) -> None:
        lines = load("drawing")._lines(text, columns)
        assert ["".join(text[step] for step in line) for line in lines] == expected
        assert [step for line in lines for step in line] == list(range(len(text)))

    def test_numbers_stand_under_their_steps(self, load) -> None:
        drawing = load("drawing")
        text = drawing.text_svg(
            [drawing.Painted("T", ["(", ")"], [1.0, -1.0], 1.0, [True, False], ["1", "0"])], "open"
        )
        assert "numbers: open" in text
        assert '<tspan x="12">1</tspan><tspan x="20.4">0</tspan>' in text and 'height="1.6"' not in text

    def test_the_stretch_in_which_a_label_changes_most(self, load) -> None:
        labels = np.zeros((3, 40))
        labels[1, 20:24] = labels[1, 28:32] = 1
        labels[2, 5:35] = 1
        assert load("characters").busiest(labels, [40, 40, 40], 16, 1) == [(1, 16)]
        assert [row for row, _ in load("characters").busiest(labels, [40, 40, 40], 16, 2)] == [1, 2]

    def test_the_counter_is_found_and_labels_of_others_are_not(self, load) -> None:
        from dataclasses import replace

        from tests.known_answers.networks import view_of

        from elman.interpretation.view import Sample
        from elman.known_networks import Counter, brackets

        characters, model, (x, depth) = load("characters"), Counter(), brackets(80)
        view = replace(
            view_of(lambda v, n: model(v)),
            model=model,
            trace=lambda inputs, lengths: model.rnn.trace(inputs, lengths),
        )
        whole = Sample(x, None, torch.zeros(80), np.arange(80))
        one, other = characters.split(whole)
        unit, share = characters.follower(view, one, other, (depth[:40], depth[40:]))
        assert unit == "layers.0.forward.c.0" and share > 0.99
        draw = np.random.default_rng(0)
        dealt = (characters.of_others(depth[:40], one, draw), characters.of_others(depth[40:], other, draw))
        assert characters.follower(view, one, other, dealt)[1] < 0.2
        np.testing.assert_allclose(characters.values_of(view, other, unit), depth[40:], atol=1e-3)


def test_a_models_own_script_of_ten_lines_opens_it(load, made, tmp_path: Path) -> None:
    opened = load("opened")
    assert len(opened.script().splitlines()) <= 10 and opened.script() in PAGE.read_text(encoding="utf-8")
    error = float(opened.said_by("my_lstm.py", tmp_path).split()[-1])
    assert error < 0.05
    said = opened.said_by("open_my_lstm.py", tmp_path).splitlines()
    told = [made["opened"]["facts"][question] for question in opened.QUESTIONS]
    # It needs the sixth step from the end: known, since that is what it was asked for. On another machine rounding may move the horizon by a step.
    horizons = [int(re.search(r"uses the last (\d+) steps", each)[1]) for each in (said[0], told[0])]
    assert 6 <= min(horizons) <= max(horizons) <= 9 and abs(horizons[0] - horizons[1]) <= 1
    assert all("strongest lag is 5;" in each for each in (said[1], told[1]))
    assert {path.name for path in tmp_path.iterdir()} == {"my_lstm.pt", "memory.svg", "connectivity.svg"}


def test_trials_of_the_page_are_those_of_the_text(load, made, tmp_path: Path) -> None:
    facts, (finding, x) = made["decision"]["facts"], load("decision").trials(tmp_path)
    assert hashlib.sha256(x.numpy().tobytes()).hexdigest()[:12] == facts["data"] and len(x) == facts["trials"]
    at = finding.arrays["steps coherence"].tolist().index(facts["step"])
    assert finding.arrays["share coherence"][at] == pytest.approx(facts["share"], abs=0.05)
    assert finding.arrays["share_dealt coherence"][at] == pytest.approx(facts["share_dealt"], abs=0.03)


def test_pictures_of_trials_are_those_that_tell_them_apart(load) -> None:
    from elman.core.results import Finding

    charts = [
        {"title": "By coherence"},
        {"title": {"text": "Coherence explains"}},
        {"title": "Eigenvalues"},
        {},
    ]
    kept = load("decision").by_condition(
        Finding("dynamics", "T", "S", chart={"config": 1, "vconcat": charts})
    )
    assert kept == {"config": 1, "vconcat": charts[:2]}
