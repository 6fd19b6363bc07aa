"""The wall, the blackboard and what is written on it."""

import random

import skia

from pen import Pen, col, lit, path

GLYPHS = {  # strokes in a unit box, y down
    "x": ["M.1 .35 L.75 1", "M.75 .35 L.1 1"],
    "y": ["M.1 .35 L.42 .75", "M.75 .35 L.2 1.2"],
    "+": ["M.4 .4 L.4 .95", "M.1 .68 L.7 .68"],
    "=": ["M.1 .55 L.7 .55", "M.1 .82 L.7 .82"],
    "2": ["M.1 .2 C.1 -.1 .7 -.1 .65 .25 C.6 .55 .2 .8 .1 1 L.7 1"],
    "1": ["M.2 .2 L.42 0 L.42 1"],
    "S": ["M.8 .1 L.1 0 L.5 .5 L.1 1 L.8 .95"],
    "p": ["M.05 .4 L.8 .35", "M.28 .4 L.22 1", "M.6 .38 L.65 1"],
    "I": ["M.75 .02 C.6 -.2 .45 0 .42 .4 C.4 .8 .4 1.3 .05 1.1"],
    "V": ["M0 .7 L.15 .62 L.3 1.1 L.5 0 L1 0"],
    "f": ["M.65 .1 C.5 -.1 .35 .1 .35 .4 L.3 1.1", "M.1 .5 L.6 .5"],
    "0": ["M.4 0 C-.05 0 -.05 1 .4 1 C.85 1 .85 0 .4 0"],
}
FORMULAE = ["x2+1", "y=2x", "Ix2", "S=1", "f=x2", "2p"]


def _strokes(pen, d, x, y, w, h, c, sw):
    p = skia.Path()
    tok = d.replace("M", " M ").replace("L", " L ").replace("C", " C ").split()
    i = 0
    while i < len(tok):
        op = tok[i]
        n = {"M": 2, "L": 2, "C": 6}[op]
        i += 1
        while i < len(tok) and tok[i] not in "MLC":
            v = [float(t) for t in tok[i : i + n]]
            v = [x + a * w if k % 2 == 0 else y + a * h for k, a in enumerate(v)]
            {"M": p.moveTo, "L": p.lineTo, "C": p.cubicTo}[op](*v)
            i += n
    pen.line(p, c, sw)


def formula(pen, t, x, y, w, h, c):
    """Write the glyphs of `t` into a box; a 2 after x or y is an exponent."""
    gw = min(w / len(t), h * 0.95)
    for i, g in enumerate(t):
        small = g == "2" and i and t[i - 1] in "xy"
        for d in GLYPHS[g]:
            if small:
                _strokes(pen, d, x + gw * (i - 0.1), y - h * 0.12, gw * 0.55, h * 0.5, c, 1.6)
            else:
                _strokes(pen, d, x + gw * i, y, gw * 0.82, h, c, 2.0)


def graph(pen, rng, x, y, w, h, c, c2):
    """Draw two axes and one of three curves."""
    pen.line(path((x + 2, y), (x + 2, y + h), close=False), c, 1.7)
    pen.line(path((x, y + h - 2), (x + w, y + h - 2), close=False), c, 1.7)
    k = rng.randrange(3)
    if k == 0:
        q = path((x + 4, y + 2), (x + w * 0.45, y + h * 1.7, x + w - 2, y + 2), close=False)
    elif k == 1:
        q = path(
            (x + 4, y + h * 0.6),
            (x + w * 0.3, y - h * 0.5, x + w * 0.6, y + h * 1.6, x + w - 1, y + h * 0.15),
            close=False,
        )
    else:
        q = path((x + 5, y + h - 6), (x + w * 0.8, y + h - 8, x + w - 2, y + 2), close=False)
    pen.line(q, c2, 2.0)


def figure(pen, rng, kind, x, y, w, h, c, c2):
    """Draw one figure of the given kind into a box, in chalk `c` and coloured chalk `c2`."""
    if kind == "formula":
        hh = min(h, 14)
        formula(pen, rng.choice(FORMULAE), x, y + (h - hh) / 2, w, hh, c)
    elif kind == "graph":
        graph(pen, rng, x, y, w, h, c, c2)
    elif kind == "triangle":
        pen.line(path((x + w * 0.15, y + h), (x + w * 0.9, y + h), (x + w * 0.9, y + h * 0.1)), c, 1.8)
        pen.line(path((x + w * 0.78, y + h), (x + w * 0.78, y + h - 4), (x + w * 0.9, y + h - 4), close=False), c2, 1.4)
    elif kind == "circle":
        rr = min(w, h) * 0.48
        pen.canvas.drawCircle(
            x + w / 2,
            y + h / 2,
            rr,
            skia.Paint(Color4f=col(c), AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=1.8),
        )
        pen.line(path((x + w / 2, y + h / 2), (x + w / 2 + rr * 0.7, y + h / 2 - rr * 0.7), close=False), c2, 1.7)
    elif kind == "integral":
        for d in GLYPHS["I"]:
            _strokes(pen, d, x, y + h * 0.1, h * 0.5, h * 0.8, c, 2.1)
        formula(pen, rng.choice(["fx", "x2", "2x"]), x + h * 0.48, y + h * 0.3, w - h * 0.5, h * 0.5, c)


def _box(left, top, right, bottom):
    return path((left, top), (right, top), (right, bottom), (left, bottom))


def draw_board(spec, depth):
    """Draw wall, board, frame and chalk drawings; return the canvas."""
    pen, rng = Pen(depth), random.Random(spec["layout"])
    wall = rng.choice([(214, 196, 170), (196, 204, 206), (222, 208, 190)])
    board = {"green": (46, 92, 74), "black": (44, 48, 54), "white": (238, 240, 238)}[spec["board"]]
    frame = {"green": (142, 98, 60), "black": (120, 84, 56), "white": (168, 174, 180)}[spec["board"]]
    chalk = (52, 70, 120) if spec["board"] == "white" else (236, 238, 230)
    chalk2 = (196, 62, 66)
    if spec["board"] != "white":
        chalk2 = rng.choice([(246, 214, 120), (248, 168, 160), (150, 210, 240)])
    pen.fill(_box(0, 0, 128, 128), wall, shade=0.10)
    pen.fill(_box(2, 6, 126, 112), frame, shade=0.12)
    pen.fill(_box(5, 9, 123, 108), board, shade=0.14)
    pen.fill(_box(0, 112, 128, 116), lit(frame, -0.25), shade=0)
    if spec["board"] != "white":
        pen.glow(90, 34, 50, (255, 255, 255), 0.06)
    slots = [(78, 14, 42, 18), (80, 38, 38, 22), (9, 14, 20, 18)]
    kinds = ["formula", "graph", "triangle", "circle", "integral"]
    picks = [
        rng.choice(["formula", "formula", "integral"]),
        rng.choice(kinds),
        rng.choice(["triangle", "circle", "integral", "graph"]),
    ]
    if spec["act"] == "pointing":
        slots[0], slots[1] = (82, 15, 36, 34), None
        picks[0] = "graph"
    if spec["act"] == "writing":
        picks[:2] = ["formula", "formula"]
    for slot, k in zip(slots, picks, strict=True):
        if slot and (slot[0] > 50 or rng.random() < 0.8):
            x, y, w, h = slot
            figure(pen, rng, k, x, y, w, h, chalk, chalk2)
    return pen
