"""Numbers and answers as people write them, and what is proposed for tables that hold them."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.core.recipe import DataOptions
from elman.data.load import load
from elman.data.proposal import propose
from elman.data.table import read_table
from elman.data.written import as_answers, as_numbers


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20), st.booleans())
def test_what_is_written_is_read(cents, german):
    written = [f"{cent / 100:,.2f}" for cent in [*cents, 123456789]]
    if german:
        written = [one.translate(str.maketrans(",.", ".,")) for one in written]
    found = as_numbers(pl.Series(written))
    assert found is not None and found.to_list() == pytest.approx(
        [cent / 100 for cent in [*cents, 123456789]]
    )


@pytest.mark.parametrize(
    ("values", "comma", "expected"),
    [
        (["1.234", "12"], True, [1234.0, 12.0]),  # the file writes a comma before decimals
        (["1.234", "12"], False, None),  # could be either
        (["1,2", "3"], False, None),  # labels 1 and 2, perhaps
        (["1.234.567", "12"], False, [1234567.0, 12.0]),
        (["1,234.5", None, " 7 "], False, [1234.5, None, 7.0]),
        (["1.234,5", "1,234.5"], False, None),
        (["01.02.2024"], True, None),
        (["12.5", "1.234,5"], True, None),
        (["a", "1.234,5"], False, None),
        ([None], False, None),
    ],
)
def test_only_where_no_other_reading_is_possible(values, comma, expected):
    found = as_numbers(pl.Series(values, dtype=pl.String), comma)
    assert (None if found is None else found.to_list()) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["ja", "Nein", None], [1, 0, None]),
        (["yes", "no", "maybe"], None),
        ([None, None], None),
        ([1, 0], None),
    ],
)
def test_answers(values, expected):
    found = as_answers(pl.Series(values))
    assert (None if found is None else found.to_list()) == expected


def german(path, rows=120):
    lines = ["Datum;Umsatz;Kunden;Aktion;Temperatur"]
    for k in range(rows):
        day = date(2024, 1, 1) + timedelta(days=k)
        amount = f"{900 + 37 * (k % 7) + k:,.2f}".translate(str.maketrans(",.", ".,"))
        warm = f"{k % 11 / 10:.1f}".replace(".", ",")
        lines.append(f"{day:%d.%m.%Y};{amount};{70 + k % 5};{'ja' if k % 9 == 0 else 'nein'};{warm}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_of_sales_as_germans_write_it(tmp_path):
    path = german(tmp_path / "umsatz.csv")
    frame = read_table(path)
    assert frame["Umsatz"].to_list()[:8] == [900 + 37 * (k % 7) + k for k in range(8)]
    proposal = propose(path)
    wanted = {
        "time": "Datum",
        "target": ("Umsatz",),
        "known": ("Aktion",),
        "observed": ("Kunden", "Temperatur"),
    }
    assert wanted.items() <= proposal.settings.items() and not proposal.alternatives
    _, table = load(DataOptions(source=str(path)))
    assert table.frame["Aktion"].sum() == 14 and table.frame["Umsatz"].null_count() == 0


def test_what_never_changes_inside_an_entity_is_static(tmp_path):
    rows = [
        {"day": date(2024, 1, 1) + timedelta(days=k), "store": name, "city": city, "size": size, "sign": name, "units": k % 7 + size}
        for name, city, size in (("a", "Rome", 5), ("b", "Rome", 7), ("c", "Oslo", 9))
        for k in range(60)
    ]  # fmt: skip
    pl.DataFrame(rows).write_csv(tmp_path / "stores.csv")
    proposal = propose(tmp_path / "stores.csv")
    assert proposal.settings["static"] == ("city", "size") and "observed" not in proposal.settings
    _, table = load(DataOptions(source=str(tmp_path / "stores.csv")))
    assert table.known == ("city is Oslo", "city is Rome", "size")
    said = propose(tmp_path / "stores.csv", DataOptions(static=("size",)))
    assert "static" not in said.settings and "size" not in said.settings.get("observed", ())
    # In one row of one entity it changes: no longer static.
    rows[3]["size"] = 6
    pl.DataFrame(rows).write_csv(tmp_path / "stores.csv")
    changed = propose(tmp_path / "stores.csv").settings
    assert changed["static"] == ("city",) and changed["observed"] == ("size",)


def test_texts_of_the_same_people_are_named_with_the_flag(tmp_path):
    frame = pl.DataFrame({
        "customer": [f"c{k % 20}" for k in range(100)], "message": [f"number {k} is a message of some words" for k in range(100)],
        "mood": ["good", "bad"] * 50,
    })  # fmt: skip
    frame.write_csv(tmp_path / "t.csv")

    def notes(**options):
        _, data = load(DataOptions(source=str(tmp_path / "t.csv"), **options))
        return [note for note in data.provenance.notes if "--group customer" in note]

    assert len(notes()) == 1 and not notes(group="customer")
    frame.with_columns(customer=pl.lit("c") + pl.Series(range(100)).cast(pl.String)).write_csv(
        tmp_path / "t.csv"
    )
    assert not notes()  # each wrote one
