"""How flat the sky becomes, on frames whose sky is known: arwatch's models against others that are installed.

`python tests/bench/sky.py` prints a table: the error of the green sky about its median, in % of the sky, median and
worst of some seeds. `--sensitivity` prints instead what half and double of each constant of the smooth model
changes in it. The scenes are those of sky_scenes.py.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import sky_scenes
from arwatch.settings import Background
from arwatch.sky import subtract_background
from arwatch.sky.smooth import basis, fit, levels, regions
from figures import machine
from sky_scenes import BLACK, KINDS, PATTERN, WHITE, Truth

Method = Callable[[np.ndarray], np.ndarray]

CONSTANTS = {
    basis: ("SOFTNESS", "LENS", "OFFSET"),
    levels: ("BOXES", "SMALLEST", "TAIL"),
    regions: (
        "LIMIT", "ALONE", "ROUGHEST", "SKIRT", "SMALL", "RISE", "SHALLOW", "GLOW", "BRIGHT", "DARK", "OBJECT",
        "DEEPEST",
    ),
    fit: ("BEGIN", "TOLERANCES", "STIFF", "STIFF_PRIOR", "OWN_DEGREE", "CORRELATED", "CHOICE"),
}  # fmt: skip


def of_arwatch(model: str) -> Method:
    """Return what a model of arwatch takes off."""
    method = Background(model=model, red_norm=1.0, blue_norm=1.0)
    return lambda mosaic: (
        mosaic - subtract_background(mosaic, PATTERN, method, black_level=BLACK, white_level=WHITE).mosaic
    )


def of_planes(sky_of_plane: Method) -> Method:
    """Return what a method takes off each of the four planes of a Bayer mosaic."""

    def sky(mosaic: np.ndarray) -> np.ndarray:
        found = np.empty(mosaic.shape, np.float32)
        for y in (0, 1):
            for x in (0, 1):
                found[y::2, x::2] = sky_of_plane(np.ascontiguousarray(mosaic[y::2, x::2], np.float32))
        return found

    return sky


def polynomial(plane: np.ndarray) -> np.ndarray:
    """Fit a polynomial of the fourth degree to medians of boxes, without those that lie 3 deviations off."""
    size = 32
    ny, nx = (n // size for n in plane.shape)
    level = np.median(plane[: ny * size, : nx * size].reshape(ny, size, nx, size), (1, 3)).ravel()
    powers = [(i, j) for i in range(5) for j in range(5 - i)]

    def terms(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return np.stack([y[:, None] ** i * x[None] ** j for i, j in powers], -1)

    middles = [(np.arange(n) + 0.5) * size / whole * 2 - 1 for n, whole in zip((ny, nx), plane.shape, strict=True)]
    matrix, use = terms(*middles).reshape(-1, len(powers)), np.ones(level.size, bool)
    for _ in range(8):
        found = np.linalg.lstsq(matrix[use], level[use], rcond=None)[0]
        left = level - matrix @ found
        use = np.abs(left) < 3 * max(1.4826 * float(np.median(np.abs(left[use]))), 1e-3)
    return terms(*((np.arange(n) + 0.5) / n * 2 - 1 for n in plane.shape)) @ found


def methods() -> dict[str, Method]:
    """List arwatch's models and the others that are installed."""
    found = {"mesh": of_arwatch("mesh"), "smooth": of_arwatch("smooth"), "poly4": of_planes(polynomial)}
    try:
        import sep  # noqa: PLC0415
    except ImportError:
        return found
    found["sep 64/3"] = of_planes(lambda plane: sep.Background(plane, bw=64, bh=64, fw=3, fh=3).back())
    return found | {"photutils": of_planes(masked)}


def masked(plane: np.ndarray) -> np.ndarray:
    """Mask what sep finds and what surrounds it, then take photutils' Background2D."""
    import sep  # noqa: PLC0415
    from astropy.stats import SigmaClip  # noqa: PLC0415
    from photutils.background import Background2D, SExtractorBackground  # noqa: PLC0415
    from scipy.ndimage import binary_dilation  # noqa: PLC0415

    first = sep.Background(plane, bw=128, bh=128)
    _, found = sep.extract(plane - first.back(), 1.5, err=first.globalrms, segmentation_map=True)
    mask = binary_dilation(found > 0, iterations=4)
    return Background2D(
        plane, 64, mask=mask if mask.mean() < 0.8 else None, filter_size=5, exclude_percentile=85,
        sigma_clip=SigmaClip(3.0), bkg_estimator=SExtractorBackground(),
    ).background  # fmt: skip


def shape_error(truth: Truth, surface: np.ndarray) -> float:
    """Return the rms error of the green sky about its median, % of the sky."""
    wrong = (surface - BLACK - truth.sky)[0::2, 1::2]
    return float(np.sqrt(np.mean((wrong - np.median(wrong)) ** 2)) / np.median(truth.sky[0::2, 1::2]) * 100)


def contest(truths: dict[str, list[Truth]]) -> None:
    """Print the table."""
    ways = methods()
    print(f"| scene | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
    everything: dict[str, list[float]] = {name: [] for name in ways}
    seconds = dict.fromkeys(ways, 0.0)
    for kind, frames in truths.items():
        cells = []
        for name, way in ways.items():
            began = time.perf_counter()
            errors = [shape_error(truth, way(truth.mosaic)) for truth in frames]
            seconds[name] += time.perf_counter() - began
            everything[name] += errors
            cells.append(f"{np.median(errors):.2f} / {max(errors):.2f}")
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)
    print(f"| all | {' | '.join(f'{np.median(e):.2f} / {max(e):.2f}' for e in everything.values())} |")
    frames_in_all = sum(map(len, truths.values()))
    print(f"| s a frame | {' | '.join(f'{s / frames_in_all:.2f}' for s in seconds.values())} |")


def scaled(value: object, by: float) -> object:
    """Return a constant times a factor, of the same type."""
    if isinstance(value, tuple):
        return tuple(scaled(part, by) for part in value)
    return max(1, round(value * by)) if isinstance(value, int) else value * by


def sensitivity(truths: dict[str, list[Truth]]) -> None:
    """Print what half and double of each constant changes: median, 90th percentile and worst of all frames."""
    way = of_arwatch("smooth")

    def figures() -> str:
        errors = [shape_error(truth, way(truth.mosaic)) for frames in truths.values() for truth in frames]
        return f"{np.median(errors):.2f} / {np.quantile(errors, 0.9):.2f} / {max(errors):.2f}"

    print(f"| constant | half | double |\n|---|---|---|\n| as it is | {figures()} | |", flush=True)
    for module, names in CONSTANTS.items():
        for name in names:
            value, cells = getattr(module, name), []
            for by in (0.5, 2.0):
                setattr(module, name, scaled(value, by))
                cells.append(figures())
            setattr(module, name, value)
            print(f"| {module.__name__.rpartition('.')[2]}.{name} = {value} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Make the scenes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="frames of each scene")
    parser.add_argument("--first", type=int, default=1, help="the first one's seed")
    parser.add_argument("--sensitivity", action="store_true")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    truths = {kind: [sky_scenes.scene(kind, seed) for seed in seeds] for kind in KINDS}
    print(f"{machine()}; {asked.seeds} frames of each scene; % of the sky, median / worst\n")
    (sensitivity if asked.sensitivity else contest)(truths)


if __name__ == "__main__":
    main()
