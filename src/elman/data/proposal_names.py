"""What people call their columns."""

from __future__ import annotations

import re

TIME_NAMES = {
    "time", "date", "datetime", "timestamp", "ts", "ds", "day", "month", "week", "year", "when", "period", "t", "step", "epoch",
    "date_time", "date time", "quarter", "hour", "datum", "zeit", "tag", "monat", "woche", "stunde", "zeitpunkt",
}  # fmt: skip
# What is to be predicted, the surest name first.
TARGET_NAMES = (
    "y", "target", "ot", "sales", "revenue", "units", "demand", "quantity", "umsatz", "absatz", "menge", "nachfrage", "adj close", "close", "value", "count", "cnt", "load",
    "consumption", "verbrauch", "traffic", "price", "preis", "pm2.5", "temperature", "temperatur", "temp",
)  # fmt: skip
# Yes or no, and known before it happens.
KNOWN_NAMES = re.compile(
    r"holiday|promo|weekend|event|campaign|discount|(^|_)open($|_)|^is_|feiertag|ferien|aktion|rabatt|werbung|wochenende",
    re.IGNORECASE,
)
CALENDAR_NAMES = {
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "weekday",
    "dayofweek",
    "day_of_week",
    "week",
    "quarter",
    "dow",
}
ID_NAMES = re.compile(
    r"^(id|index|idx|no|nr|row|rownum|row_number|key|unnamed.*|column_1|.*_id|uuid|guid)$", re.IGNORECASE
)
COUNTER_NAMES = re.compile(r"^(index|idx|no|nr|row|rownum|row_number|unnamed.*|column_1|id)$", re.IGNORECASE)
SERIES_NAMES = re.compile(
    r"(^|_)(id|entity|series|store|shop|item|product|sku|station|sensor|site|customer|region|ticker|symbol)s?(_|$)|_?(nr|no)$",
    re.IGNORECASE,
)
