"""Ways to damage a ledger: its bytes, its pages, its header, its tables, its values, the files beside it."""

# ruff: noqa: ARG005  every kind of damage has the same arguments
from __future__ import annotations

import contextlib
import re
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

from arwatch.ledger.store import NAME

PAGE = 4096
HEADER = {  # name -> (place, bytes) in the first page; source: sqlite.org/fileformat.html
    "magic": (0, 16),
    "page size": (16, 2),
    "write version": (18, 1),
    "read version": (19, 1),
    "reserved bytes": (20, 1),
    "payload fractions": (21, 3),
    "change counter": (24, 4),
    "pages": (28, 4),
    "first free page": (32, 4),
    "free pages": (36, 4),
    "schema cookie": (40, 4),
    "schema format": (44, 4),
    "cache size": (48, 4),
    "largest root": (52, 4),
    "text encoding": (56, 4),
    "user version": (60, 4),
    "vacuum mode": (64, 4),
    "application": (68, 4),
    "reserved": (72, 20),
    "valid for": (92, 4),
    "SQLite": (96, 4),
    "root page of the tables": (100, 8),
}
WRONG = (
    *("'wrking'", "''", "'a text'", "'NaN'", "'[1]'", "'{'", "char(0)", "CAST(x'ff' AS TEXT)", "CAST('é' AS BLOB)"),
    *('\'{"red_level": "high"}\'', "'{\"red_level\": NaN}'", "'{\"iso\": 1e999}'", "'" + "[" * 3000 + "'"),
    *("x'ff'", "x''", "x'2f6e0061'", "CAST('DSC1.ARW' AS BLOB)", "zeroblob(70000)"),
    *("NULL", "0", "1", "-1", "7", "9223372036854775807", "-9223372036854775808", "3.5", "1e300", "-1e300", "9e999"),
    *("'written'", "'skipped'", "'failed'", "'gone'", "'asked'", "'seen'", "'settled'", "'working'", "'dropped'"),
    *("CAST({column} AS BLOB)", "CAST({column} AS TEXT)"),
)
"""Values that a column may get: most are of a type or a content that no ledger has there."""
NOT_UTF8 = ("CAST(x'ff' AS TEXT)", "CAST(x'77c3' AS TEXT)", "CAST(x'eda080' AS TEXT)", "CAST(x'6100ff' AS TEXT)")

Damage = Callable[[Path, Random], str]
"""(state folder, chance) -> what was done, in words"""


def _file(folder: Path, chance: Random) -> Path:
    """Choose one of the ledger's files; the database itself most often."""
    files = sorted(path for path in folder.glob(NAME + "*") if path.stat().st_size)
    return files[0] if chance.random() < 0.6 else chance.choice(files)


def _place(data: bytearray, chance: Random) -> int:
    """Choose a byte, four times of five one that is not in an empty part of a page."""
    for _ in range(1000 if chance.random() < 0.8 else 1):
        place = chance.randrange(len(data))
        if data[place]:
            break
    return place


def _bytes(count: Callable[[Random], int], *, new: Callable[[int, Random], int]) -> Damage:
    def damage(folder: Path, chance: Random) -> str:
        path = _file(folder, chance)
        data = bytearray(path.read_bytes())
        places = [_place(data, chance) for _ in range(count(chance))]
        for place in places:
            data[place] = new(data[place], chance)
        path.write_bytes(data)
        return f"{path.name} at {', '.join(map(str, places))}"

    return damage


def _range(fill: Callable[[int, Random], bytes]) -> Damage:
    def damage(folder: Path, chance: Random) -> str:
        path = _file(folder, chance)
        data = bytearray(path.read_bytes())
        place = _place(data, chance)
        length = min(chance.choice([8, 64, 512, PAGE, 3 * PAGE]), len(data) - place)
        if chance.random() < 0.3:  # as disks lose them: whole blocks
            place, length = place & ~511, length + 511 & ~511
        data[place : place + length] = fill(length, chance)
        path.write_bytes(data)
        return f"{path.name} {place} to {place + length}"

    return damage


def _truncated(folder: Path, chance: Random) -> str:
    path = _file(folder, chance)
    size = path.stat().st_size
    length = chance.choice([0, chance.randrange(size), chance.randrange(size) // PAGE * PAGE, chance.randrange(100)])
    with path.open("r+b") as file:
        file.truncate(length)
    return f"{path.name} cut to {length} of {size}"


def _pages(folder: Path, chance: Random) -> str:
    """Swap two pages, or put one in place of another."""
    path = folder / NAME
    data = bytearray(path.read_bytes())
    pages = range(0, len(data), PAGE)
    if len(pages) < 2:
        return "nothing"
    one, other = chance.sample(pages, 2)
    kept = data[one : one + PAGE]
    data[one : one + PAGE] = data[other : other + PAGE]
    if swapped := chance.random() < 0.6:
        data[other : other + PAGE] = kept
    path.write_bytes(data)
    return f"page {other // PAGE + 1} {'exchanged with' if swapped else 'over'} {one // PAGE + 1}"


def _header(folder: Path, chance: Random) -> str:
    path = folder / NAME
    name, (place, length) = chance.choice(list(HEADER.items()))
    data = bytearray(path.read_bytes())
    if len(data) < PAGE:
        return "nothing"
    number = chance.choice([0, 1, 2, 3, 4, 5, 100, 255, 65535, 2**31, 2**32 - 1, chance.randrange(2**32)])
    new = chance.choice([chance.randbytes(length), struct.pack(">I", number)[-length:].rjust(length, b"\0")])
    data[place : place + length] = new
    path.write_bytes(data)
    return f"{name} = {new.hex()}"


def _schema(folder: Path, chance: Random) -> str:
    """Edit a row of the table of tables."""
    with _opened(folder) as db:
        db.execute("PRAGMA writable_schema = ON")
        rowid, sql = chance.choice(db.execute("SELECT rowid, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())
        place = chance.randrange(len(sql))
        word = chance.choice(re.findall(r"\w+", sql))
        edits = {
            "sql": [
                sql[:place] + chance.choice("x ,()'-\0é") + sql[place + 1 :],
                sql[:place],
                sql.replace(word, word[::-1], 1),
                sql.replace(word, "", 1),
                "",
            ],
            "name": ["queuf", "", "history"],
            "tbl_name": ["queuf", "", "attempts"],
            "type": ["table", "index", "view", ""],
            "rootpage": [0, 1, 2, 3, 9999, -1],
        }
        column = chance.choice([*edits, "sql", "sql", "sql"])
        value = chance.choice([*edits[column], None])
        done = f"{column} of {word} = {value!r:.60}"
        if chance.random() < 0.15:
            db.execute("DELETE FROM sqlite_master WHERE rowid = ?", (rowid,))
            return "a table of tables without a row"
        if chance.random() < 0.3:
            value = chance.choice([*NOT_UTF8, f"CAST({column} AS BLOB)"])
            done = f"{column} of {word} = {value}"
            db.execute(f"UPDATE sqlite_master SET {column} = {value} WHERE rowid = ?", (rowid,))
        else:
            db.execute(f"UPDATE sqlite_master SET {column} = ? WHERE rowid = ?", (value, rowid))
    return done


def _value(values: tuple[str, ...]) -> Damage:
    def damage(folder: Path, chance: Random) -> str:
        with _opened(folder) as db:
            while True:
                table = chance.choice(["queue", "history", "history", "attempts"])
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
                column = chance.choice(columns)
                value = chance.choice(values).replace("{column}", column)
                (rows,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
                key = "number" if table == "history" else "path"
                row = f"{key} = (SELECT {key} FROM {table} LIMIT 1 OFFSET {chance.randrange(rows)})"
                with contextlib.suppress(sqlite3.IntegrityError):
                    db.execute(f"UPDATE {table} SET {column} = {value} WHERE {row}")
                    return f"{table}.{column} = {value:.60} where {row}"

    return damage


def _companions(folder: Path, chance: Random) -> str:
    """Let the files beside the ledger, or the ledger itself, be missing or another's."""
    main, wal, shm = (folder / f"{NAME}{ending}" for ending in ("", "-wal", "-shm"))
    kind = chance.choice(["no ledger", "no log", "empty log", "log of another", "noise as shm", "journal"])
    if kind == "no ledger":
        main.unlink()
    elif kind == "no log":
        wal.unlink(missing_ok=True)
    elif kind == "empty log":
        wal.write_bytes(b"")
    elif kind == "log of another":
        wal.write_bytes(main.read_bytes())
    elif kind == "noise as shm":
        shm.write_bytes(chance.randbytes(32768))
    else:
        main.with_name(f"{NAME}-journal").write_bytes(chance.randbytes(chance.choice([0, 512, PAGE])))
    return kind


@contextlib.contextmanager
def _opened(folder: Path):
    with contextlib.closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        yield db


KINDS: dict[str, Damage] = {
    "a byte": _bytes(lambda chance: 1, new=lambda old, chance: chance.randrange(256)),
    "a bit": _bytes(lambda chance: 1, new=lambda old, chance: old ^ 1 << chance.randrange(8)),
    "several bytes": _bytes(lambda chance: chance.randint(2, 12), new=lambda old, chance: chance.randrange(256)),
    "a range zeroed": _range(lambda length, chance: bytes(length)),
    "a range of noise": _range(lambda length, chance: chance.randbytes(length)),
    "cut off": _truncated,
    "pages exchanged": _pages,
    "a header field": _header,
    "a table's text": _schema,
    "a wrong value": _value(WRONG),
    "text not UTF-8": _value(NOT_UTF8),
    "files beside it": _companions,
}
