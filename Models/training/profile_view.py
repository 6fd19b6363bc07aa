"""The head in side view, with all its hair."""

import math

import numpy as np
import skia

from captions import HAIR
from hair import curl_path
from pen import lit, path


def draw_profile(pen, spec, skin):
    """Draw the head looking right."""
    x, y, c, cut = spec["x"] - 2, spec["y"], HAIR[spec["hair"]], spec["cut"]
    man, old = spec["sex"] == "man", spec["age"] == "old"
    dark, skin_dark = lit(c, -0.32), lit(skin, -0.28)
    if cut == "long":
        pen.fill(
            path((x - 16, y - 8), (x - 25, y + 14, x - 27, y + 34, x - 24, y + 48), (x + 2, y + 46), (x + 6, y + 10)),
            lit(c, -0.15),
            shade=0.2,
        )
    elif cut == "bun":
        pen.oval(x - 22, y - 12, 10, 10, lit(c, -0.05), shade=0.3)
    elif cut == "ponytail":
        pen.fill(
            path(
                (x - 16, y - 14),
                (x - 40, y - 18, x - 32, y + 14, x - 36, y + 32),
                (x - 22, y + 24, x - 21, y + 6, x - 13, y - 2),
            ),
            lit(c, -0.1),
            shade=0.25,
        )
    head = path(
        (x - 18, y - 3),
        (x - 19, y - 28, x + 14, y - 30, x + 17, y - 9),
        (x + 17.5, y - 5, x + 17, y - 3, x + 17, y - 2),
        (x + 19, y + 2, x + 22.5, y + 5, x + 22.4, y + 7),
        (x + 21, y + 9, x + 18.5, y + 9),
        (x + 19.5, y + 11, x + 20.4, y + 12.6),
        (x + 19, y + 14.6),
        (x + 20, y + 17, x + 17.5, y + 18.4),
        (x + 18.4, y + 23, x + 13, y + 25.4),
        (x + 4, y + 25, x - 4, y + 18, x - 7, y + 14),
        (x - 14, y + 10, x - 18, y + 6, x - 18, y - 3),
    )
    pen.fill(head, skin, shade=0.22)
    if not man:
        pen.glow(x + 10, y + 9, 6.5, (232, 96, 90), 0.36)
        pen.fill(
            path((x + 20.6, y + 12.6), (x + 15.4, y + 14.4), (x + 16, y + 17.6, x + 19.8, y + 17.2)),
            (196, 48, 62) if not old else (176, 84, 84),
            shade=0,
        )
    else:
        pen.line(path((x + 19, y + 14.6), (x + 14.4, y + 15.2), close=False), (140, 64, 58), 1.6)
    if spec["beard"]:
        pen.fill(
            path(
                (x - 1, y + 4),
                (x + 8, y + 13, x + 15, y + 12),
                (x + 14, y + 16),
                (x + 18.6, y + 19),
                (x + 20, y + 29, x + 8, y + 30),
                (x - 2, y + 20, x - 3, y + 12),
            ),
            lit(c, -0.06),
            shade=0.2,
        )
    ex, ey = x + 12.2, y - 0.6
    pen.oval(ex, ey, 3.1, 3.3 if not old else 2.7, (252, 252, 250))
    pen.oval(ex + 1.2, ey, 1.8, 2.4, [(70, 110, 60), (64, 104, 160), (86, 56, 36)][spec["layout"] % 3])
    pen.oval(ex + 1.5, ey, 1.0, 1.4, (20, 16, 20))
    pen.line(path((ex - 3, ey - 1.6), (ex + 1, ey - 5, ex + 4, ey - 1.6), close=False), (40, 26, 28), 1.5)
    brow = dark if cut != "bald" else (90, 70, 60)
    pen.line(path((ex - 4, y - 7), (ex, y - 10, ex + 4.4, y - 7.6), close=False), brow, 2.6 if man else 1.6)
    if old:
        pen.line(path((x + 15, y + 9), (x + 12, y + 12, x + 13, y + 17), close=False), skin_dark, 1.3)
        pen.line(path((x + 9, y - 13), (x + 15, y - 13), close=False), skin_dark, 1.1)
        pen.line(path((x + 6, y + 2), (x + 9, y + 5), close=False), skin_dark, 1.1)
    if cut != "bald":
        ends = {
            "graduated bob": (9, 26, 1),
            "posh bob": (20, 20, 1),
            "victoria beckham posh bob": (12, 33, 5),
            "stacked": (6, 9, -3),
            "long": (26, 20, 2),
            "short": (8, 3, -5),
        }
        bk, fr, fx = ends.get(cut, (4, 0, -6))
        if man and cut == "short":
            bk, fr, fx = 6, 1, -6
        shape = path(
            (x + 14.5, y - 16),
            (x + 12, y - 28.5, x - 4, y - 29.5, x - 10, y - 26.5),
            (x - 22, y - 20, x - 24, y - 6, x - 22.5, y + bk - 6),
            (x - 20.5, y + bk),
            (x + fx, y + fr),
            (x + fx + 3, y + fr - 1),
            (x + 2.5, y - 2, x + 8, y - 11, x + 14.5, y - 16),
        )
        pen.fill(shape, c, shade=0.25)
        if cut == "stacked":
            for k, (lx, ly) in enumerate(((-14, -18), (-18, -10), (-18.5, -2), (-15.5, 5))):
                pen.fill(
                    path(
                        (x + lx + 8, y + ly - 6),
                        (x + lx - 6, y + ly - 5, x + lx - 9, y + ly + 3, x + lx - 4, y + ly + 6),
                        (x + lx + 2, y + ly + 7, x + lx + 9, y + ly + 2),
                    ),
                    lit(c, -0.05 * k),
                    shade=0.3,
                )
                pen.line(
                    path((x + lx - 4, y + ly + 6), (x + lx + 2, y + ly + 7, x + lx + 9, y + ly + 2), close=False),
                    dark,
                    1.3,
                )
        elif cut == "graduated bob":
            for k in range(3):
                pen.line(
                    path((x - 22, y + 3.5 * k - 1), (x - 12, y + 6 + 4 * k, x - 4, y + 6 + 4 * k), close=False),
                    dark,
                    1.2,
                    0.75,
                )
        else:
            pen.line(path((x - 12, y - 16), (x - 17, y - 4, x - 15, y + bk - 6), close=False), dark, 1.0, 0.6)
        if cut in ("bun", "ponytail", "short", "stacked"):
            pen.oval(x - 1, y + 3, 3.2, 4.8, lit(skin, -0.08))
        if spec["bangs"]:
            pen.fill(
                path(
                    (x + 2, y - 26),
                    (x + 16, y - 28, x + 20, y - 16, x + 18, y - 5),
                    (x + 14, y - 7),
                    (x + 11, y - 5),
                    (x + 7, y - 8),
                ),
                lit(c, 0.05),
                shade=0.1,
            )
            for k in (0, 3.4):
                pen.line(path((x + 8 + k, y - 20), (x + 11 + k, y - 8), close=False), dark, 1.1, 0.75)
        if spec["curls"]:
            pts = [
                (x - 3 + 17.5 * math.cos(a), y - 9 + 16.5 * math.sin(a))
                for a in np.linspace(math.pi * 0.75, math.pi * 1.86, 7)
            ]
            pts += [(x - 17 + 6 * (k % 2), y + 7 + 8 * k) for k in range(max(0, int((bk - 6) / 8)))]
            pen.fill(curl_path(pts, 7.2), lit(c, -0.04), shade=0.1)
            for px, py in pts:
                pen.curl(px, py, 4.2, 120, dark)
        else:
            pen.line(path((x - 13, y - 22), (x - 4, y - 27, x + 5, y - 23), close=False), lit(c, 0.34), 2.3, 0.6)
    else:
        pen.oval(x - 1, y + 3, 3.2, 4.8, lit(skin, -0.1))
        pen.glow(x + 4, y - 19, 8, (255, 255, 255), 0.5)
        if old:
            pen.fill(
                path(
                    (x - 20, y - 6),
                    (x - 20, y + 6, x - 12, y + 11),
                    (x - 5, y + 8),
                    (x - 6, y - 2),
                    (x - 13, y - 3, x - 20, y - 6),
                ),
                c,
            )
    if spec["glasses"]:
        p = skia.Path()
        p.addRoundRect(skia.Rect(ex - 4.4, ey - 5, ex + 5.2, ey + 5), 4.2, 4.2)
        pen.fill(p, (220, 236, 250), 0.22, shade=0)
        pen.line(p, (36, 32, 40), 1.8)
        pen.line(path((ex - 4.6, ey - 1.6), (x, y - 1.4), close=False), (36, 32, 40), 1.6)
