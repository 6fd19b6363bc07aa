"""Hair in the facing view: what hangs behind the head, and what is on and beside it."""

import math

import numpy as np
import skia

from captions import HAIR
from pen import lit, path


def curl_path(pts, rad):
    """Join circles of one radius into a path."""
    p = skia.Path()
    for px, py in pts:
        p.addCircle(px, py, rad)
    return p


def bob_shape(cut):
    """Return (left end, right end, pointedness, parting) of a bob; left is the shorter, back side."""
    return {
        "graduated bob": (7, 28, 0.3, -6),
        "posh bob": (20, 20, 0.0, 0),
        "victoria beckham posh bob": (32, 36, 1.0, -8),
        "stacked": (6, 9, 0.2, -4),
    }[cut]


def hair_back(pen, spec):
    """Draw what hangs behind the head."""
    x, y, c, cut = spec["x"], spec["y"], HAIR[spec["hair"]], spec["cut"]
    b = lit(c, -0.24)
    if cut == "long":
        pen.fill(
            path(
                (x - 20, y - 8),
                (x - 27, y + 16, x - 28, y + 34, x - 26, y + 50),
                (x + 26, y + 50),
                (x + 28, y + 34, x + 27, y + 16, x + 20, y - 8),
            ),
            b,
        )
    elif cut == "bun":
        pen.oval(x, y - 29, 11.5, 10, lit(c, -0.05), shade=0.3)
        pen.line(path((x - 6, y - 30), (x, y - 36, x + 6, y - 29), close=False), lit(c, -0.3), 1.3)
    elif cut == "ponytail":
        pen.fill(
            path(
                (x - 12, y - 22),
                (x - 40, y - 24, x - 32, y + 10, x - 36, y + 30),
                (x - 22, y + 24, x - 20, y + 4, x - 15, y - 8),
            ),
            b,
            shade=0.25,
        )
    elif cut in ("posh bob", "graduated bob", "victoria beckham posh bob"):
        left, right, _, _ = bob_shape(cut)
        pen.fill(
            path((x - 20, y - 8), (x - 24, y + left - 3), (x + 22, y + min(right, 22) - 3), (x + 20, y - 8)),
            b,
            shade=0.1,
        )
    if spec["curls"]:
        end = {"long": 46, "ponytail": 8, "bun": 2, "short": 6, "stacked": 8}.get(cut, 22)
        pts = []
        k = 0
        for d in (-1, 1):
            t = -14
            while t < end:
                pts.append((x + d * (20.5 + (t > 4) * 2.4 + (k % 2) * 1.6), y + t))
                t += 9
                k += 1
        pen.fill(curl_path(pts, 7.2), lit(c, -0.14), shade=0.2)
        for px, py in pts:
            pen.curl(px, py, 4.2, 30, lit(c, -0.42))


def hair_front(pen, spec):
    """Draw the hair on and beside the head."""
    x, y, c, cut = spec["x"], spec["y"], HAIR[spec["hair"]], spec["cut"]
    dark, hi = lit(c, -0.32), lit(c, 0.34)
    man = spec["sex"] == "man"
    if cut == "bald":
        if spec["age"] == "old" or spec["layout"] % 3 == 0:
            for d in (-1, 1):
                pen.fill(
                    path(
                        (x + d * 17, y - 9),
                        (x + d * 22.5, y - 6, x + d * 21.5, y + 2),
                        (x + d * 18, y + 4),
                        (x + d * 17, y - 2),
                    ),
                    c,
                )
        pen.glow(x + 6, y - 17, 9, (255, 255, 255), 0.5)
        return
    bob = cut in ("graduated bob", "posh bob", "victoria beckham posh bob", "stacked")
    part = bob_shape(cut)[3] if bob else (-6 if man else 3)
    top = -29 if cut == "stacked" else (-26 if man else -27.5)
    side = 0 if man else 3
    cap = path(
        (x - 20, y + side),
        (x - 23.5, y - 16, x - 14, y + top, x, y + top),
        (x + 14, y + top, x + 23.5, y - 16, x + 20, y + side),
        (x + 17.6, y + side),
        (x + 17, y - 8, x + 12, y - 14, x + part, y - 17.5),
        (x - 12, y - 14, x - 17, y - 8, x - 17.6, y + side),
    )
    pen.fill(cap, c, shade=0.22)
    if bob:
        left, right, pt, _ = bob_shape(cut)
        for d, e in ((-1, left), (1, right)):
            inner = 15.5 if cut != "victoria beckham posh bob" else 14
            if cut == "stacked":
                inner = 17
            tip = inner + (1 - pt) * 1.0 - pt * 3
            out = 24.5 if cut != "stacked" else 21
            lock = path(
                (x + d * 19, y - 12),
                (
                    x + d * (out + 1),
                    y - 2,
                    x + d * (out + 0.6),
                    y + e * 0.5,
                    x + d * (out - pt * 5),
                    y + e - 3 - 3 * (1 - pt) * 0,
                ),
                (x + d * (tip + 2.2 * (1 - pt)), y + e + (2.5 if pt else 0)),
                (x + d * tip, y + e),
                (x + d * (inner + 0.8), y + e * 0.4, x + d * inner, y - 2, x + d * 15, y - 9),
            )
            pen.fill(lock, c, shade=0.22)
            if cut == "posh bob":
                pen.line(
                    path((x + d * (out - 0.6), y + e - 2.6), (x + d * (tip + 1), y + e - 0.6), close=False), dark, 1.6
                )
            pen.line(path((x + d * 18, y - 10), (x + d * 21, y, x + d * 20, y + e - 6), close=False), dark, 1.0, 0.55)
        if cut == "stacked":  # rows of short layers at the back (left)
            for k, (lx, ly) in enumerate(((-17, -16), (-20, -7.5), (-20.5, 1), (-18.5, 8.5))):
                p = path(
                    (x + lx + 5, y + ly - 6),
                    (x + lx - 5, y + ly - 4, x + lx - 8, y + ly + 2, x + lx - 4.5, y + ly + 5.5),
                    (x + lx, y + ly + 6, x + lx + 5, y + ly + 2),
                )
                pen.fill(p, lit(c, -0.05 * k), shade=0.3)
                pen.line(
                    path((x + lx - 4.5, y + ly + 5.5), (x + lx, y + ly + 6, x + lx + 5, y + ly + 2), close=False),
                    dark,
                    1.3,
                )
        if cut == "graduated bob":
            for k in range(3):
                pen.line(
                    path((x - 24 + k, y + 2 + 4 * k), (x - 20, y + 6 + 4 * k, x - 16.5, y + 5 + 4 * k), close=False),
                    dark,
                    1.2,
                    0.8,
                )
    elif cut == "short":
        for d in (-1, 1):
            e = 3 if man else 9
            pen.fill(
                path(
                    (x + d * 17, y - 12),
                    (x + d * 22.5, y - 8, x + d * 21.5, y + e - 2),
                    (x + d * 18, y + e + 2),
                    (x + d * 16.4, y - 2),
                ),
                c,
                shade=0.15,
            )
    elif cut == "long":
        for d in (-1, 1):
            pen.fill(
                path(
                    (x + d * 18, y - 12),
                    (x + d * 24, y + 4, x + d * 25, y + 24, x + d * 23, y + 40),
                    (x + d * 19, y + 44, x + d * 15, y + 40),
                    (x + d * 19, y + 22, x + d * 16, y + 6, x + d * 15.5, y - 8),
                ),
                c,
                shade=0.2,
            )
            pen.line(path((x + d * 19, y - 4), (x + d * 22, y + 18, x + d * 20, y + 36), close=False), dark, 1.0, 0.6)
    elif cut == "ponytail":
        pen.oval(x - 17, y - 20, 3, 4, (200, 70, 90))
    if spec["bangs"]:
        b = path(
            (x - 18, y - 4),
            (x - 20, y - 18, x - 10, y - 25, x, y - 25),
            (x + 10, y - 25, x + 20, y - 18, x + 18, y - 4),
            (x + 12, y - 6.5),
            (x + 9.5, y - 4.6),
            (x + 4, y - 6.6),
            (x, y - 4.6),
            (x - 5, y - 6.6),
            (x - 9.5, y - 4.6),
            (x - 13, y - 6.5),
        )
        pen.fill(b, lit(c, 0.05), shade=0.12)
        for k in (-11, -5.5, 0, 5.5, 11):
            pen.line(path((x + k * 0.8, y - 18), (x + k, y - 7), close=False), dark, 1.1, 0.75)
    elif bob and cut != "stacked":
        pen.line(path((x + part, y - 17.5), (x + part * 0.9, y + top + 2), close=False), dark, 1.3, 0.7)
    if spec["curls"]:
        pts = [
            (x + 15.5 * math.cos(a) * 1.12, y - 15 + 11.5 * math.sin(a))
            for a in np.linspace(math.pi * 0.98, math.pi * 2.02, 7)
        ]
        pen.fill(curl_path(pts, 6.6), c, shade=0.12)
        for px, py in pts:
            pen.curl(px, py, 4, 200, dark)
    else:  # the gloss of smooth hair
        a = 0.75 if cut in ("posh bob", "victoria beckham posh bob") else 0.4
        pen.line(path((x + 4, y - 23.5), (x + 12, y - 22, x + 16, y - 14), close=False), hi, 2.4, a)
