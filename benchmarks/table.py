"""A table that is large and hard: the same rows as CSV and as JSON Lines, from a fixed seed.

Leading zeros, integers of up to 70 bits, decimals with a trailing zero, delimiters, quotes and line breaks inside
of values, text in many scripts, no value next to the empty text, a column of mixed types, JSON inside of CSV.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
COLUMNS = ("id", "zip", "serial", "price", "count", "paid", "at", "buyer", "mail", "town", "rate", "remark", "extra")
BLOCK = 20_000
_NOT_KNOWN = '"N/A"'
WORDS = [
    "order",
    "late",
    "paid",
    "refund",
    "größe",
    "naïve",
    "señor",
    "Ελλάδα",
    "Москва",
    "東京",
    "서울",
    "القاهرة",
    "🚀",
    "label",
    "seal",
    "return",
]
NAMES = ["Ana Müller", "Björn García", "Иван Петров", "山田 太郎", "Zoë O'Neil", "Nguyễn Văn An"]
TOWNS = ["Paris, FR", "São Paulo", "東京都", "New York, NY", "Kraków"]


@dataclass(frozen=True)
class Value:
    """One value as it stands in a CSV and in a JSON file."""

    csv: str
    json: str


@dataclass(frozen=True)
class Pool:
    """Values to draw from."""

    names: list[Value]
    towns: list[Value]
    remarks: list[Value]
    extras: list[Value]


def make(size_mb: int, folder: Path = DATA) -> tuple[Path, Path]:
    """Write `t.csv` (about `size_mb` megabytes) and `t.jsonl` of the same rows, unless they are there. Gives both."""
    place = folder / f"{size_mb}mb"
    csv, jsonl = place / "t.csv", place / "t.jsonl"
    if not (place / "complete").exists():
        place.mkdir(parents=True, exist_ok=True)
        _write(csv, jsonl, size_mb * 1_000_000)
        (place / "complete").touch()
    return csv, jsonl


def _write(csv: Path, jsonl: Path, size: int) -> None:
    draw = random.Random(20_261_123)
    pool = Pool(
        [_text(name) for name in NAMES],
        [_text(town) for town in TOWNS],
        [_remark(draw) for _ in range(4096)],
        [_extra(draw) for _ in range(1024)],
    )
    with csv.open("w", encoding="utf-8", newline="") as rows, jsonl.open("w", encoding="utf-8", newline="") as lines:
        rows.write(",".join(COLUMNS) + "\n")
        start = 1
        while rows.tell() < size:
            pairs = [_row(draw, number, pool) for number in range(start, start + BLOCK)]
            rows.writelines([pair[0] for pair in pairs])
            lines.writelines([pair[1] for pair in pairs])
            start += BLOCK


def _row(draw: random.Random, number: int, pool: Pool) -> tuple[str, str]:
    """The row as a CSV record and as a JSON line."""
    bits, chance = draw.getrandbits, draw.random()
    zip_, cents, count, paid = f"{bits(24):010d}", bits(20), bits(7), "true" if chance < 0.5 else "false"
    serial, price = bits(62) if chance < 0.9 else bits(70), f"{cents // 100}.{cents % 100:02d}"
    at = f"202{bits(2)}-0{1 + bits(3)}-1{bits(3)}T0{bits(3)}:{10 + bits(5)}:{10 + bits(5)}Z"
    mail = f"user{bits(16):05d}@example.org"
    rate = f"{chance * 10:.4f}"
    name, town = pool.names[number % len(pool.names)], pool.towns[number % len(pool.towns)]
    remark, extra = pool.remarks[bits(12)], pool.extras[bits(10)]
    some, known = chance > 0.07, chance <= 0.999
    return (
        f"{number},{zip_},{serial},{price},{count if some else ''},{paid},{at},{name.csv},{mail},{town.csv},"
        f"{rate if known else 'N/A'},{remark.csv},{extra.csv}\n",
        f'{{"id":{number},"zip":"{zip_}","serial":{serial},"price":{price},"count":{count if some else "null"},'
        f'"paid":{paid},"at":"{at}","buyer":{name.json},"mail":"{mail}","town":{town.json},'
        f'"rate":{rate if known else _NOT_KNOWN},"remark":{remark.json},"extra":{extra.json}}}\n',
    )


def _remark(draw: random.Random) -> Value:
    chance, text = draw.random(), " ".join(draw.choices(WORDS, k=draw.randint(3, 20)))
    if chance < 0.25:
        return Value("", "null") if chance < 0.2 else _text("")
    if chance < 0.5:
        return _text(text.replace(" ", "\n" if chance < 0.4 else "\r\n", 1))
    return _text(f'said "{text}"' if chance < 0.6 else text.replace(" ", ", ", 2))


def _extra(draw: random.Random) -> Value:
    value = {"tags": draw.sample(WORDS, draw.randint(0, 4)), "geo": {"lat": round(draw.uniform(-90, 90), 5)}}
    text = json.dumps(value, ensure_ascii=False)
    return Value(_text(text).csv, text)


def _text(text: str) -> Value:
    quoted = not text or any(mark in text for mark in ',"\r\n')
    return Value('"' + text.replace('"', '""') + '"' if quoted else text, json.dumps(text, ensure_ascii=False))
