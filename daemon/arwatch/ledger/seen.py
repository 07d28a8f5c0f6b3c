"""Frames of a night out of the history, for those who judge or show it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from arwatch.model.maps import Maps
from arwatch.night.nights import NOON_H, in_order, night_of
from arwatch.night.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arwatch.ledger.nights import Nights
    from arwatch.ledger.records import Record

_DAY = timedelta(days=1)


def frames_of(history: Nights, day: date) -> list[Seen]:
    """Give the frames of the night that began on a day's evening, each once, in the order of their exposures."""
    # a day more at both ends: the times are of UTC or of a camera's clock, the night is that of this place
    records = [*history.taken(str(day - _DAY), str(day + 3 * _DAY))]
    noon = datetime(day.year, day.month, day.day, NOON_H).astimezone()
    records += history.undated(noon.timestamp(), (noon + _DAY).timestamp())
    return [frame for frame in _as_seen(records, history) if night_of(frame) == day]


def frames_since(history: Nights, noon: float) -> list[Seen]:
    """Give the frames since a noon (seconds since 1970); where the camera's clock is wrong, those that came since."""
    return frames_of(history, datetime.fromtimestamp(noon).astimezone().date()) or _as_seen(
        [record for record in history.frames(since=noon) if record.live], history
    )


def latest(history: Nights, since: float, most: int) -> list[Seen]:
    """Give the last frames that were recorded since then (seconds since 1970), in the order of their exposures."""
    records = history.frames(since=since, states=("written",), newest_first=True)
    return _as_seen(list(islice(records, most)), history)


def _as_seen(records: Iterable[Record], history: Nights) -> list[Seen]:
    chosen = list(_each_once(records, history))
    packed = history.sightings(record.number for record in chosen)
    return in_order(_seen(record, packed.get(record.number)) for record in chosen)


def _each_once(records: Iterable[Record], history: Nights) -> Iterable[Record]:
    """Of each frame the record that says most: that of its output rather than that it was there."""
    best: dict[tuple[object, str | None], Record] = {}
    for record in records:
        key = (record.path, record.taken)
        before = best.get(key)
        if record.state != "gone" and (before is None or record.state == "written" or before.state != "written"):
            best[key] = record
    for record in best.values():
        if record.state == "failed":
            newest = history.newest(record.path)
            if newest is not None and newest.state != "failed":
                continue  # another attempt had its output
        yield record


def _seen(record: Record, packed: bytes | None) -> Seen:
    return Seen.of(
        record.number,
        record.path,
        record.recorded,
        record.figures,
        state=record.state,
        code=record.code,
        cells=Maps.unpack(packed) if packed else None,
    )
