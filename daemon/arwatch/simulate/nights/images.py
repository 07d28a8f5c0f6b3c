"""Images of stars: air and optics, a pupil out of focus, scattered light, a trail, and the pixel, on a fine grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import j1

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.simulate.nights.values import State

    Image = NDArray[np.float64]

FINE = 8
"""Steps of the grid in a pixel."""
REACH = 20
"""Pixels from a star to its image's edge."""
HOLE = 0.4
"""Of a pupil, part of its diameter."""
HALO_PX, HALO_BETA = 9.0, 2.5
"""Size of the light that is scattered, and Moffat's exponent of it."""
_SIZE = 2 * REACH * FINE


def star_images(now: State, beta: float) -> NDArray[np.float32]:
    """Draw a star in red, green and blue, (3, 320, 320), its middle at [160, 160].

    A value is the part of the star's light that a pixel gets whose centre lies there.
    """
    along = np.fft.fftfreq(_SIZE, 1 / FINE)  # cycles a pixel
    fy, fx = along[:, None], along[None, : _SIZE // 2 + 1]
    shared = np.sinc(fy) * np.sinc(fx)  # the pixel
    if now.trail_px:
        angle = math.radians(now.trail_deg)
        shared = shared * np.sinc(now.trail_px * (fx * math.cos(angle) + fy * math.sin(angle)))
    if now.ring_px:
        shared = shared * _pupil(np.hypot(fy, fx), now.ring_px)
    scattered = np.fft.rfft2(_moffat(HALO_PX, HALO_BETA)) if now.halo else 0.0
    images = []
    for width in now.fwhm:
        light = np.fft.rfft2(_moffat(width, beta))
        if now.halo:
            light = (1 - now.halo) * light + now.halo * scattered
        image = np.fft.irfft2(light * shared, (_SIZE, _SIZE))
        images.append(np.fft.fftshift(np.maximum(image, 0)) / image.sum() * FINE**2)
    return np.array(images, np.float32)


def width_of(image: NDArray[np.float32]) -> float:
    """Return the diameter, pixels, of the circle as large as the part of an image above half of its peak."""
    return 2 * math.sqrt(int((image > image.max() / 2).sum()) / math.pi) / FINE


def _moffat(fwhm: float, beta: float) -> Image:
    """Draw Moffat's profile about [0, 0], as the Fourier transform has it; its sum is 1."""
    along = np.fft.fftfreq(_SIZE, 1 / _SIZE) / FINE
    square = along[:, None] ** 2 + along**2
    image = (1 + (2 ** (1 / beta) - 1) * 4 * square / fwhm**2) ** -beta
    return np.asarray(image / image.sum())


def _pupil(frequency: Image, diameter: float) -> Image:
    """Return the Fourier transform of a ring, 1 at [0, 0]."""

    def disk(radius: float) -> Image:
        x = 2 * math.pi * radius * np.maximum(frequency, 1e-9)
        return radius**2 * 2 * np.asarray(j1(x)) / x

    outer, inner = diameter / 2, HOLE * diameter / 2
    return (disk(outer) - disk(inner)) / (outer**2 - inner**2)
