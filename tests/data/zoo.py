"""Small tables as people have them, each with what it should be taken for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

ROWS = 120
WORDS = ["the", "plot", "was", "thin", "but", "the", "actors", "made", "up", "for", "it"]


@dataclass(frozen=True)
class Animal:
    """A file's name and text; the settings of the best reading; how many other readings are plausible."""

    name: str
    text: str
    settings: dict[str, Any]
    others: int = 0
    task: str = "forecasting"
    told: tuple[str, ...] = field(default=())  # words that one of the reasons holds


def day(k: int) -> date:
    return date(2024, 1, 1) + timedelta(days=k)


def hour(k: int) -> datetime:
    return datetime(2024, 1, 1) + timedelta(hours=k)


def month(k: int) -> date:
    return date(2010 + k // 12, k % 12 + 1, 1)


def csv(header: str, row: Callable[[int], Any], rows: int = ROWS, sign: str = ",") -> str:
    lines = [sign.join(map(str, row(k))) for k in range(rows)]
    return "\n".join([header, *lines]) + "\n"


def wave(k: int) -> float:
    return round(20 + 3 * (k % 7) + k * 37 % 11 / 10, 2)


def review(k: int) -> str:
    return " ".join(WORDS[(k * 7 + j * j) % len(WORDS)] for j in range(9)) + f" number {k}"


def dates(name: str, form: Callable[[int], Any], horizon: int = 7, rows: int = ROWS) -> Animal:
    text = csv("when,units", lambda k: (form(k), wave(k)), rows)
    return Animal(name, text, {"time": "when", "target": ("units",), "horizon": horizon})


FORMS = [
    dates("iso.csv", lambda k: day(k)),
    dates("slashes.csv", lambda k: f"{day(k):%Y/%m/%d}"),
    dates("german.csv", lambda k: f"{day(k):%d.%m.%Y}"),
    dates("british.csv", lambda k: f"{day(k):%d/%m/%Y}"),
    dates("american.csv", lambda k: f"{day(k):%m/%d/%Y}"),
    dates("american_clock.csv", lambda k: f"{hour(k):%m/%d/%Y %I:%M %p}", 24, 400),
    dates("compact.csv", lambda k: f"{day(k):%Y%m%d}"),
    dates("named_months.csv", lambda k: f"{day(k):%d-%b-%Y}"),
    dates("months.csv", lambda k: f"{month(k):%Y-%m}", 12),
    dates("month_names.csv", lambda k: f"{month(k):%b %Y}", 12),
    dates("american_months.csv", lambda k: f"{month(k):%m/%d/%Y}", 12),
    dates("quarters.csv", lambda k: f"{1990 + k // 4}Q{k % 4 + 1}", 7),
    dates("hours.csv", hour, 24, 400),
    dates("zones.csv", lambda k: f"{hour(k):%Y-%m-%dT%H:%M:%S}+01:00", 24, 400),
    dates("utc.csv", lambda k: f"{hour(k):%Y-%m-%dT%H:%M:%S}Z", 24, 400),
    dates("seconds.csv", lambda k: 1_700_000_000 + 3600 * k, 24, 400),
    dates("milliseconds.csv", lambda k: (1_700_000_000 + 3600 * k) * 1000, 24, 400),
]


def panel(k: int) -> tuple[Any, ...]:
    return day(k // 3), "abc"[k % 3], wave(k) + 5, round(3 + k % 4 / 10, 2), int(k % 5 == 0)


def shuffled(text: str) -> str:
    header, *lines = text.splitlines()
    return "\n".join([header, *(lines[(k * 77) % len(lines)] for k in range(len(lines)))]) + "\n"


SHOPS = csv("date,store,units,price,promo", panel, 360)
SERIES = [
    Animal("panel.csv", SHOPS, {"time": "date", "entity": "store", "target": ("units",), "known": ("promo",)}),
    Animal("unsorted.csv", shuffled(SHOPS), {"time": "date", "entity": "store", "target": ("units",)}),
    Animal("numbered_shops.csv", csv("store_id,date,units", lambda k: (k % 4 + 1, day(k // 4), wave(k)), 400),
           {"time": "date", "entity": "store_id", "target": ("units",)}),
    Animal("repeated.csv", csv("date,units", lambda k: (day(k), wave(k))) + f"{day(5)},{wave(5)}\n",
           {"time": "date", "target": ("units",), "entity": None}),
    Animal("semicolons.csv", csv("date;units", lambda k: (day(k), str(wave(k)).replace(".", ",")), sign=";"),
           {"time": "date", "target": ("units",)}),
    Animal("tabs.tsv", csv("date\tunits", lambda k: (day(k), wave(k)), sign="\t"), {"time": "date", "target": ("units",)}),
    Animal("pandas.csv", csv(",date,units", lambda k: (k, day(k), wave(k))), {"time": "date", "target": ("units",)}),
    Animal("constant.csv", csv("date,country,version,units", lambda k: (day(k), "NL", 3, wave(k))),
           {"time": "date", "target": ("units",), "entity": None}),
    Animal("shares.csv", csv("Date,Open,High,Low,Close,Volume", lambda k: (day(k), 10 + k, 11 + k, 9 + k, 10.5 + k, 1000 + k * 37 % 91)),
           {"time": "Date", "target": ("Close",)}),
    Animal("two_numbers.csv", csv("date,left,right", lambda k: (day(k), wave(k), wave(k + 3))),
           {"time": "date", "target": ("right",)}, others=2),
    Animal("two_dates.csv", csv("ordered,delivered,units", lambda k: (day(k), day(k + 3), wave(k))),
           {"time": "ordered", "target": ("units",)}, others=1),
    Animal("a_date_of_events.csv", csv("day,last_visit,units", lambda k: (day(k), day(k * k % 400), wave(k))),
           {"time": "day", "target": ("units",)}),
    Animal("steps.csv", csv("step,value", lambda k: (k, wave(k))), {"time": "step", "target": ("value",)}),
    Animal("years.csv", csv("year,value", lambda k: (1900 + k, wave(k))), {"time": "year", "target": ("value",)}),
    Animal("lines.jsonl", "".join(json.dumps({"ts": str(hour(k)), "load": wave(k)}) + "\n" for k in range(400)),
           {"time": "ts", "target": ("load",), "horizon": 24}),
]  # fmt: skip

TEXTS = [
    Animal("classes.csv", csv("text,label", lambda k: (review(k), "ab"[k % 2])), {"text": "text", "label": "label"}, task="classification"),
    Animal("tickets.csv", csv("id,message,queue", lambda k: (k, review(k), "xyz"[k % 3])), {"text": "message", "label": "queue"}, task="classification"),
    Animal("truth.csv", csv("comment,toxic", lambda k: (review(k), ["yes", "no"][k % 2])), {"text": "comment", "label": "toxic"}, task="classification"),
    Animal("bits.csv", csv("review,sentiment", lambda k: (review(k), k % 2)), {"text": "review", "label": "sentiment"}, task="classification"),
    Animal("stars.csv", csv("review,stars", lambda k: (review(k), k % 5 + 1)), {"text": "review", "label": "stars"}, 1, "classification"),
    Animal("wine.csv", csv("description,price", lambda k: (review(k), wave(k * 3))), {"text": "description", "label": "price"}, task="regression"),
    Animal("dated.csv", csv("posted,review,stars", lambda k: (day(k * k % 300), review(k), k % 5 + 1)),
           {"text": "review", "label": "stars"}, 1, "classification"),
    Animal("two_texts.csv", csv("question,answer,good", lambda k: (review(k), review(k + 9), ["yes", "no"][k % 2])),
           {"text": "question", "label": "good"}, 1, "classification"),
    Animal("two_labels.csv", csv("note,urgent,billing", lambda k: (review(k), "yn"[k % 2], "yn"[k // 2 % 2])),
           {"text": "note", "label": "urgent"}, 1, "classification"),
    Animal("names.csv", csv("name,origin", lambda k: (f"Name{k * 7919 % 997}", ["Czech", "Dutch", "Greek"][k % 3])),
           {"text": "name", "label": "origin"}, task="classification"),
    Animal("lines.ndjson", "".join(json.dumps({"text": review(k), "label": "ab"[k % 2]}) + "\n" for k in range(ROWS)),
           {"text": "text", "label": "label"}, task="classification"),
]  # fmt: skip

NOTHING = {
    "numbers.csv": csv("a,b,c", lambda k: (wave(k), wave(k + 1), wave(k + 2))),
    "one_column.csv": csv("text", lambda k: (review(k),)),
    "dates_alone.csv": csv("date,place", lambda k: (day(k), f"place {k}")),
    "short_days.csv": csv("when,units", lambda k: (f"{k + 1:02}/03/2024", wave(k)), 12),
}
