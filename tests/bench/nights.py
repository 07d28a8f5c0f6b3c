"""Simulated nights at the level of figures, and whether their causes are found: python tests/bench/nights.py.

A night is what optics, air and mount do, and what measuring would make of it: stars fade by extinction and clouds,
widen by seeing and focus, move by dithers and drift; each figure then gets the error that measuring has. It knows
nothing of the rules in arwatch/night. The truth of a cause is the first frame that it changes; what begins with nothing
(a focus that walks off, the Moon, the Sun) may be told from there to the frame in which it has changed the stars'
width, or the sky's light, by 3 %.

pixel_nights.py does the same with nights that are simulated pixel by pixel and go through the whole program.

Seeds below 1000 were used while the rules were written. `--first 5000` judges by others.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from arwatch.model.figures import Figures
from arwatch.night.causes import Cause
from arwatch.night.conditions import Night, judge
from arwatch.night.seen import Seen

FRAMES = 300
ROWS, COLUMNS = 6, 8
BLACK = 512.0
WITHIN = 3
"""Frames by which an onset may be off."""


@dataclass(frozen=True)
class Maps:
    fwhm_px: np.ndarray
    sky: np.ndarray
    transparency: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Event:
    cause: Cause
    onset: int
    end: int
    """The first frame that is well again."""
    noticeable: int = 0
    """The frame by which it shows, where it begins with nothing."""
    must: bool = True
    """Whether it is strong enough that not to find it is a mistake."""


@dataclass
class Sky:
    """What really was, frame by frame."""

    rng: np.random.Generator
    n: int
    when: np.ndarray
    exposure_s: float
    light: np.ndarray
    """(n, 6, 8) part of the stars' light that arrives, without extinction."""
    seeing_px: np.ndarray
    focus_px: np.ndarray
    """Blur that adds to the seeing in squares."""
    halo: np.ndarray
    """Part of the light that is scattered about the star."""
    airmass: np.ndarray
    glow: np.ndarray
    """(n, 6, 8) ADU/s."""
    place: np.ndarray
    """(n, 2) pixels."""
    jolt: np.ndarray
    """(n, 2) vector of a smear, pixels rms."""
    speed: np.ndarray
    """(n, 2) pixels a second."""
    flipped: np.ndarray
    field: np.ndarray
    stars: np.ndarray
    sun_deg: np.ndarray
    moon_deg: np.ndarray
    moon_part: float
    visible: np.ndarray
    """(n, 6, 8) part of a cell that nothing stands before."""
    capped: np.ndarray
    events: list[Event] = field(default_factory=list)


def walk(rng, n, sd, length):
    """A random walk that comes back, of so many frames' memory."""
    keep = np.exp(-1 / length)
    x = np.empty(n)
    x[0] = rng.normal(0, sd)
    for i in range(1, n):
        x[i] = keep * x[i - 1] + rng.normal(0, sd * np.sqrt(1 - keep**2))
    return x


def calm(rng, n=FRAMES):
    """A night on which nothing happens but what always does."""
    exposure_s = float(rng.choice([60, 90, 120, 180]))
    pause = rng.uniform(2, 12)
    steps = np.full(n, exposure_s + pause)
    for gap in rng.choice(np.arange(20, n - 20), size=min(rng.integers(0, 3), n)):
        steps[gap] += rng.uniform(120, 2400)
    when = 1.75e9 + np.cumsum(steps)
    hours = (when - when[0]) / 3600
    # a field that culminates somewhere in the night: its hour angle and declination give the airmass
    declination, latitude = np.radians(rng.uniform(5, 65)), np.radians(rng.uniform(35, 52))
    meridian = rng.uniform(0.2, 0.8) * hours[-1]
    angle = np.radians(15 * (hours - meridian))
    altitude = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    airmass = 1 / np.clip(altitude, np.sin(np.radians(27)), 1)
    flipped = hours > meridian + 0.2 if rng.random() < 0.6 else np.zeros(n, bool)
    fields = np.zeros(n, int)
    if rng.random() < 0.3:
        fields[int(rng.integers(80, n - 80)) :] = 1
    dither_every = int(rng.choice([1, 3, 5, 10, 1000]))
    place = np.zeros((n, 2))
    jump = np.zeros(2)
    for i in range(n):
        if i % dither_every == 0:
            jump = jump + rng.normal(0, 6, 2) - 0.2 * jump
        place[i] = jump + rng.normal(0, 0.15, 2)
    gradient = rng.uniform(-0.15, 0.15, 2)
    rows, columns = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    dark = rng.uniform(0.4, 6.0)
    glow = dark * (airmass / airmass.min())[:, None, None] ** rng.uniform(0, 0.6)
    side = np.where(flipped, -1, 1)[:, None, None]
    glow = glow * (1 + side * (gradient[0] * rows + gradient[1] * columns))
    glow *= np.exp(walk(rng, n, 0.02, 40))[:, None, None]
    steady = rng.uniform(1.7, 3.8)
    return Sky(
        rng=rng, n=n, when=when, exposure_s=exposure_s, light=np.ones((n, ROWS, COLUMNS)),
        seeing_px=steady * airmass**0.6 * np.exp(walk(rng, n, rng.uniform(0.04, 0.11), rng.uniform(3, 25))),
        focus_px=np.abs(walk(rng, n, 0.25 * steady, 120)), halo=np.zeros(n), airmass=airmass, glow=glow, place=place,
        jolt=np.zeros((n, 2)), speed=np.zeros((n, 2)), flipped=flipped, field=fields,
        stars=rng.integers(120, 900, 2)[fields], sun_deg=np.full(n, -35.0), moon_deg=np.full(n, -20.0),
        moon_part=float(rng.uniform(0, 1)), visible=np.ones((n, ROWS, COLUMNS)), capped=np.zeros(n, bool),
    )  # fmt: skip


# -- what happens --------------------------------------------------------------------------------------------


def clouds(sky, at):
    """A bank that comes within a few frames and stays, its depth changing."""
    rng, length = sky.rng, int(sky.rng.integers(6, 50))
    depth = rng.uniform(0.3, 0.85)
    edge = int(rng.integers(1, 6))
    part = np.clip((np.arange(sky.n) - at + 1) / edge, 0, 1) * np.clip((at + length - np.arange(sky.n)) / edge, 0, 1)
    lost = np.clip(depth * part * np.exp(walk(rng, sky.n, 0.2, 4)), 0, 0.95)
    patchy = 1 + rng.uniform(0, 0.25) * rng.normal(0, 1, (sky.n, ROWS, COLUMNS))
    sky.light *= 1 - np.clip(lost[:, None, None] * patchy, 0, 0.97)
    town = rng.choice([0, 0.5, 1.5])
    sky.glow *= 1 + town * lost[:, None, None]
    return at, at + length


def cirrus(sky, at):
    """A thin veil, 12 to 30 percent, that comes within minutes."""
    rng, length = sky.rng, int(sky.rng.integers(10, 60))
    part = np.clip((np.arange(sky.n) - at + 1) / rng.integers(1, 6), 0, 1) * (np.arange(sky.n) < at + length)
    sky.light *= (1 - np.clip(part * (rng.uniform(0.15, 0.3) + walk(rng, sky.n, 0.03, 3)), 0, 1))[:, None, None]
    return at, at + length


def patches(sky, at):
    """Clouds smaller than the frame pass, again and again."""
    rng, length = sky.rng, int(sky.rng.integers(10, 40))
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    for i in range(at, min(at + length, sky.n)):
        for _ in range(rng.integers(1, 4) if i > at else 2):
            y, x, size = rng.uniform(0, ROWS), rng.uniform(0, COLUMNS), rng.uniform(1.5, 4)
            sky.light[i] *= 1 - rng.uniform(0.5, 0.9) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / size**2)
    return at, at + length


def dew(sky, at):
    """The light is scattered more and more over 10 to 60 minutes, until someone heats or the night ends."""
    rng = sky.rng
    minutes = (sky.when - sky.when[at - 1]) / 60
    part = np.clip(minutes / rng.uniform(10, 60), 0, 1) * rng.uniform(0.35, 0.75)
    sky.light *= (1 - part)[:, None, None]
    dry = sky.seeing_px
    if rng.random() < 0.5:
        sky.halo = np.maximum(sky.halo, part * rng.uniform(0.5, 1.0))
    else:
        sky.seeing_px = dry * (1 + part * rng.uniform(0.6, 1.5))
    end = min(sky.n, at + int(rng.integers(25, 80)) + int(np.searchsorted(minutes[at:], 60)))
    if end < sky.n:  # heated: gone within a few frames
        sky.light[end:] /= (1 - part[end:])[:, None, None]
        sky.halo[end:] = 0
        sky.seeing_px[end:] = dry[end:]
    return at, end


def defocus(sky, at):
    """A bump, or the temperature: the blur grows in proportion to the focuser's error."""
    rng, end = sky.rng, min(sky.n, at + int(sky.rng.integers(30, 90)))
    blur = np.median(sky.seeing_px) * rng.uniform(1.6, 3.0)
    frames = 1 if rng.random() < 0.5 else rng.uniform(15, 40)
    i = np.arange(sky.n)
    added = blur * np.clip((i - at + 1) / frames, 0, 1) * (i < end)
    wider = np.hypot(np.hypot(sky.seeing_px, sky.focus_px), added) / np.hypot(sky.seeing_px, sky.focus_px)
    sky.focus_px += added
    return at, end, int(np.flatnonzero(wider > 1.03)[0]), True


def drift(sky, at):
    """Guiding is lost, or the pole is far off: the field moves on and on."""
    rng, end = sky.rng, min(sky.n, at + int(sky.rng.integers(15, 80)))
    width = np.median(np.hypot(sky.seeing_px, sky.focus_px))
    speed = rng.uniform(0.8, 2.5) * width / sky.exposure_s
    angle = rng.uniform(0, 2 * np.pi)
    sky.speed[at:end] = speed * np.array([np.cos(angle), np.sin(angle)])
    return at, end


def gust(sky, at):
    """One to three frames are shaken, not all of a row."""
    rng, last = sky.rng, at
    width = sky.seeing_px[at] / 2.3548
    for i in (at, *(at + rng.integers(1, 4, rng.integers(0, 3)))):
        angle = rng.uniform(0, np.pi)
        sky.jolt[i] = width * rng.uniform(0.75, 1.8) * np.array([np.cos(angle), np.sin(angle)])
        last = max(last, int(i))
    return at, last + 1


def tree(sky, at):
    """Something comes in over an edge at a steady pace, for good or as far as it reaches."""
    rng = sky.rng
    frames = rng.uniform(8, 50)
    far = rng.uniform(0.45, 1.0)
    depth = np.clip((np.arange(sky.n) - at + 1) / frames, 0, far)
    steps = np.arange(COLUMNS if rng.random() < 0.5 else ROWS)
    along = len(steps) == COLUMNS
    covered = np.clip(depth[:, None] * len(steps) - steps, 0, 1)
    covered = covered[:, ::-1] if rng.random() < 0.5 else covered
    sky.visible *= 1 - (covered[:, None, :] if along else covered[:, :, None])
    return at, sky.n


def car(sky, at):
    """Headlights: a part of the frame is lit for a frame or a few."""
    rng, end = sky.rng, at + int(sky.rng.integers(1, 6))
    rows, columns = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    slope = rng.normal(0, 1, 2)
    shape = np.exp(1.2 * (rows * slope[0] + columns * slope[1]) / np.hypot(*slope))
    sky.glow[at:end] += rng.uniform(0.4, 2.0) * sky.glow[at].mean() * shape
    return at, end


def cap(sky, at):
    end = min(sky.n, at + int(sky.rng.integers(3, 20)))
    sky.capped[at:end] = True
    return at, end


def few(sky, at):
    """A poor field, as a narrow filter makes it."""
    end = min(sky.n, at + int(sky.rng.integers(10, 40)))
    sky.stars[at:end] = sky.rng.integers(4, 15)
    return at, end


def moonrise(sky, at):
    """The Moon comes up; its light goes through as much air as its altitude asks for."""
    hours = (sky.when - sky.when[at]) / 3600
    sky.moon_deg = 13 * hours + 0.1
    sky.moon_part = float(sky.rng.uniform(0.4, 1.0))
    up = np.clip(sky.moon_deg, 0, 90)
    air = 1 / (np.sin(np.radians(up)) + 0.025 * np.exp(-11 * np.sin(np.radians(up))))
    light = 12 * sky.moon_part**2.5 * 10 ** (-0.4 * 0.25 * air) * (1 - 10 ** (-0.4 * 0.25 * sky.airmass)) * (up > 0)
    dark = np.median(sky.glow[-1])
    bright = np.flatnonzero(light > 0.03 * np.median(sky.glow, axis=(1, 2)))
    sky.glow += light[:, None, None]
    return at, sky.n, int(bright[0]) if len(bright) else sky.n, bool(light[-1] > 0.35 * dark)


def dawn(sky, at):
    """The Sun comes within 18 degrees of the horizon at this frame; its light grows e-fold with each degree."""
    hours = (sky.when - sky.when[at]) / 3600
    sky.sun_deg = -18 + 10.5 * hours
    night = np.median(sky.glow[:at])
    light = 0.05 * night * (np.exp(np.clip(sky.sun_deg + 18, 0, None)) - 1)
    bright = np.flatnonzero(light > 0.03 * np.median(sky.glow, axis=(1, 2)))
    sky.glow += light[:, None, None]
    last = np.flatnonzero(sky.sun_deg > -8)  # then everyone has stopped
    cut = int(last[0]) if len(last) else sky.n
    return at, cut, int(bright[0]) if len(bright) else sky.n, len(bright) > 0 and bright[0] < cut


ANYTIME = {
    clouds: Cause.CLOUDS, cirrus: Cause.CLOUDS, patches: Cause.CLOUDS, dew: Cause.DEW, defocus: Cause.DEFOCUS,
    drift: Cause.DRIFT, gust: Cause.WIND, car: Cause.STRAY_LIGHT, cap: Cause.CAP_ON, few: Cause.NO_VERDICT,
}  # fmt: skip
AT_LAST = {tree: Cause.OBSTRUCTION, moonrise: Cause.MOON, dawn: Cause.TWILIGHT}


# -- what is measured ----------------------------------------------------------------------------------------


def within(fwhm, radius):
    return 1 - np.exp(-(radius**2) / (2 * (fwhm / 2.3548) ** 2))


def measured(sky, rng, patience):  # noqa: PLR0915 -- one figure after the other
    """Give the frames with their figures, as measuring would find them."""
    frames = []
    references = {}
    extinction = rng.uniform(0.12, 0.25)
    stamp = rng.uniform(0.005, 0.03)
    optics = rng.normal(0, 0.04, 2)
    origins = {}
    drifted = np.cumsum(sky.speed * np.gradient(sky.when)[:, None], axis=0)
    place = sky.place + drifted
    spread = {
        f: rng.poisson(sky.stars[sky.field == f].max() / 3 / (ROWS * COLUMNS), (ROWS, COLUMNS))
        for f in np.unique(sky.field)
    }
    for i in range(sky.n):
        taken = np.datetime_as_string(np.datetime64(int(sky.when[i] * 1000), "ms")) + "+00:00"
        glow = sky.glow[i] * (0 if sky.capped[i] else 1)
        glow = glow * (0.6 + 0.4 * sky.visible[i])
        level = glow.mean() * sky.exposure_s
        noise = np.sqrt(level / 3 + 4.0) * rng.normal(1, 0.004)
        bands = {"red": 0.5, "green": 1.0, "blue": 0.7}
        levels = {f"{band}_level": BLACK + level * part + rng.normal(0, 0.05) for band, part in bands.items()}
        noises = {f"{band}_pixel_noise": noise * part**0.5 for band, part in bands.items()}
        cells_sky = glow * rng.normal(1, 0.008, glow.shape) + rng.normal(0, 0.002, glow.shape)
        head = {
            "taken": taken, "exposure_s": sky.exposure_s, "iso": 800, "sun_deg": float(sky.sun_deg[i]),
            "moon_deg": float(sky.moon_deg[i]), "moon_part": sky.moon_part, **levels, **noises,
            "streaks": int(rng.poisson(0.1)),
        }  # fmt: skip
        nothing = np.full((ROWS, COLUMNS), np.nan)
        light = sky.light[i] * np.exp(-extinction * sky.airmass[i])
        seen = sky.visible[i].mean() * float(np.clip(np.median(sky.light[i]), 0, 1)) ** 0.6
        count = 0 if sky.capped[i] else int(sky.stars[i] * seen * (1 - 0.3 * min(1, level / 3e4)))
        if count < 8:
            figures = Figures(**head, green_stars=count, matched=0)
            frames.append(_seen(i, sky, figures, Maps(nothing, cells_sky, nothing)))
            continue
        # shape: seeing and focus add in squares, smears add along their axis, optics add a constant
        round_var = (np.hypot(sky.seeing_px[i], sky.focus_px[i]) / 2.3548) ** 2 + (0.5 / 2.3548) ** 2
        tensor = np.eye(2) * round_var
        trail = sky.speed[i] * sky.exposure_s
        tensor += np.outer(trail, trail) / 12 + np.outer(sky.jolt[i], sky.jolt[i])
        tensor += round_var * np.array([[optics[0], optics[1]], [optics[1], -optics[0]]])
        tensor += round_var * 0.03 * rng.normal(0, 1) * np.array([[1, 0], [0, -1]])
        values, vectors = np.linalg.eigh(tensor)
        ratio = float(np.clip(np.sqrt(values[0] / values[1]) + rng.normal(0, 0.015), 0.05, 1))
        angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])) % 180)
        fwhm = 2.3548 * (values[0] * values[1]) ** 0.25 * rng.normal(1, 0.012)
        core = (1 - sky.halo[i]) * within(fwhm, 1.5) + sky.halo[i] * 0.08
        wide = (1 - sky.halo[i]) * within(fwhm, 7.0) + sky.halo[i] * 0.7
        field_ = int(sky.field[i])
        there = spread[field_][::-1, ::-1] if sky.flipped[i] else spread[field_]
        alive = there * sky.visible[i] > rng.uniform(0, 1, (ROWS, COLUMNS))
        # the median over the matched stars, each cell with as many as it has
        cell = light * wide
        # stars that are hidden count as dark
        middle = np.repeat(np.where(alive, cell, 0).ravel(), there.ravel())
        flux = float(np.median(middle)) if len(middle) else float(np.median(cell))
        # the reference is what a quarter of the clear frames exceed; frames of less than 0.9 leave it as it is
        level_of, clear = references.setdefault(field_, (flux or float(np.median(cell)), 0))
        transparency = flux / level_of * rng.normal(1, stamp)
        if transparency > 0.9:
            usual = level_of * (transparency if transparency > 1.1 else 1.0)
            step = 1 / min(clear + 2, patience)
            usual = float(np.clip(flux, usual * (1 - step * 0.25), usual * (1 + step * 0.75)))
            references[field_] = usual, clear + 1
        cells = np.where(
            alive,
            cell / level_of * rng.normal(1, 0.12 / np.sqrt(np.maximum(there, 1))),
            np.where(there > 0, 0.0, np.nan),
        )
        matched = int(min(120, sky.stars[i] / 3) * seen * rng.uniform(0.9, 1.0))
        origin = origins.setdefault(field_, place[i])
        spot = (place[i] - origin) * (-1 if sky.flipped[i] else 1) + rng.normal(0, 0.07, 2)
        figures = Figures(
            **head, green_fwhm_px=float(fwhm), axis_ratio=ratio, angle_deg=angle,
            coherence=float(np.clip(3 * (1 - ratio) + rng.normal(0, 0.1), 0, 1)), green_stars=count, matched=matched,
            concentration=float(core / wide * rng.normal(1, 0.015)), field=f"field{field_}", dx_px=float(spot[0]),
            dy_px=float(spot[1]), rotation_deg=float(180.0 * sky.flipped[i] + rng.normal(0, 0.01)),
            transparency=float(transparency),
        )  # fmt: skip
        frames.append(_seen(i, sky, figures, Maps(np.full((ROWS, COLUMNS), fwhm), cells_sky, cells)))
    return frames


def _seen(i, sky, figures, cells):
    path = Path(f"/night/DSC{i:05}.ARW")
    return Seen.of(i + 1, path, float(sky.when[i]), figures, cells=cells)


def night(seed, kinds=None, patience=25):
    """Simulate one: up to three causes, apart from each other; one in ten nights has none."""
    rng = np.random.default_rng(seed)
    sky = calm(rng)
    if kinds is None:
        chosen = list(rng.choice(list(ANYTIME), size=rng.choice([0, 1, 2, 3], p=[0.1, 0.3, 0.35, 0.25]), replace=False))
        if rng.random() < 0.5:
            chosen.append(rng.choice(list(AT_LAST)))
    else:
        chosen = list(kinds)
    at, end = int(rng.integers(25, 50)), sky.n
    for kind in chosen:
        last = kind in AT_LAST
        at = max(at, int(rng.integers(at, max(at + 1, min(at + 60, sky.n - 60))))) if not last else max(at, sky.n - 110)
        if at > sky.n - 30:
            break
        cause = ANYTIME.get(kind) or AT_LAST[kind]
        onset, over, *more = kind(sky, at)
        noticeable, must = more or (onset, True)
        if onset < sky.n:
            sky.events.append(Event(cause=cause, onset=onset, end=over, noticeable=noticeable, must=must))
        at = over + 30
        if kind is dawn:
            end = over
    return measured(sky, rng, patience)[:end], [event for event in sky.events if event.onset < end]


# -- whether it is found -------------------------------------------------------------------------------------


def compare(frames, truth, found: Night):
    """Hold what was found against what was: events found late or not at all, and alarms about nothing."""
    index = {frame.number: i for i, frame in enumerate(frames)}
    hit, missed, false = [], [], []
    for event in truth:
        if not event.must:
            continue
        own = [c for c in found.conditions if c.cause is event.cause]
        firsts = [index[c.first] for c in own]
        off = min((max(event.onset - i, i - event.noticeable, 0) for i in firsts), default=None)
        (hit if off is not None and off <= WITHIN else missed).append((event, off))
    for c in found.conditions:
        first, last = index[c.first], index[c.last]
        same = [e for e in truth if e.cause is c.cause and first <= e.end + WITHIN and last >= e.onset - WITHIN]
        # stars that vanish behind a thick cloud, a tree or a wet lens are too few to judge by: that is no false alarm
        fewer = c.cause is Cause.NO_VERDICT and any(
            e.cause in {Cause.CLOUDS, Cause.DEW, Cause.OBSTRUCTION, Cause.TWILIGHT, Cause.DEFOCUS}
            and first >= e.onset - WITHIN and first <= e.end
            for e in truth
        )  # fmt: skip
        if not same and not fewer:
            false.append((c, first, last))
    return hit, missed, false


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="seed of the first night")
    parser.add_argument("--nights", type=int, default=40)
    parser.add_argument("--show", action="store_true", help="every miss and every false alarm")
    parser.add_argument("--patience", type=float, default=25, help="frames over which a field's reference is averaged")
    options = parser.parse_args()
    found, missed, false, seconds = Counter(), Counter(), Counter(), []
    for seed in range(options.first, options.first + options.nights):
        frames, truth = night(seed, patience=options.patience)
        began = time.perf_counter()
        result = judge(frames)
        seconds.append(time.perf_counter() - began)
        hit, miss, wrong = compare(frames, truth, result)
        found.update(event.cause for event, _ in hit)
        missed.update(event.cause for event, _ in miss)
        false.update(c.cause for c, _, _ in wrong)
        if options.show and (miss or wrong):
            print(f"night {seed}: " + ", ".join(f"{e.cause} {e.onset}-{e.end}" for e in truth))
            for event, off in miss:
                print(f"    missed {event.cause} at {event.onset}, off by {off}")
            index = {frame.number: i for i, frame in enumerate(frames)}
            for c in result.conditions:
                wrongly = " FALSE" if any(c is w for w, _, _ in wrong) else ""
                print(f"    {index[c.first]}-{index[c.last]} {c.cause} ({c.frames}){wrongly}: {c.evidence}")
    print("| cause | right onset | missed | false alarms |\n|---|---|---|---|")
    for cause in Cause:
        if cause is not Cause.GOOD:
            print(f"| {cause} | {found[cause]} | {missed[cause]} | {false[cause]} |")
    total = found.total() + missed.total()
    print(f"{found.total()} of {total} onsets within {WITHIN} frames ({found.total() / max(1, total):.1%})")
    print(f"{false.total()} false alarms in {options.nights} nights; {np.median(seconds) * 1e3:.0f} ms a night")
    return 0 if found.total() >= 0.95 * total and false.total() <= options.nights / 10 else 1


if __name__ == "__main__":
    sys.exit(main())
