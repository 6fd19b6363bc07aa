"""The mathematician: clothes, arm and face, facing the viewer."""

import skia

from captions import CLOTH, HAIR, SKIN
from hair import hair_back, hair_front
from pen import Pen, lit, mix, path
from profile_view import draw_profile


def draw_body(pen, spec, skin):
    """Draw neck and clothes; return what the arm needs: colours, top, middle and half width of the body."""
    x, y = spec["x"], spec["y"]
    c = CLOTH[spec["cloth"]]
    man = spec["sex"] == "man"
    w = 33 if man else 28
    top = y + 33
    nx = x - (3 if spec["side"] else 0)
    nw = 8.5 if man else 6.8
    pen.fill(
        path((nx - nw, y + 14), (nx + nw, y + 14), (nx + nw + 0.5, top + 5), (nx - nw - 0.5, top + 5)),
        lit(skin, -0.14),
        shade=0.1,
    )
    body = path(
        (nx - nw - 1, top),
        (nx - w + 4, top + 3, nx - w, top + 12, nx - w - 3, 130),
        (nx + w + 3, 130),
        (nx + w, top + 12, nx + w - 4, top + 3, nx + nw + 1, top),
        (nx, top + 8, nx - nw - 1, top),
    )
    pen.fill(body, c, shade=0.26)
    dark, light = lit(c, -0.3), lit(c, 0.35)
    g = spec["garment"]
    if g == "turtleneck":
        pen.fill(
            path(
                (nx - nw - 1, top - 7),
                (nx + nw + 1, top - 7),
                (nx + nw + 2, top + 5),
                (nx, top + 9, nx - nw - 2, top + 5),
            ),
            lit(c, -0.12),
        )
    elif g in ("blazer", "lab coat"):
        inner = (244, 244, 244) if spec["cloth"] != "white" else (120, 160, 200)
        pen.fill(path((nx - nw, top), (nx + nw, top), (nx + 2, 130), (nx - 2, 130)), inner, shade=0.08)
        for d in (-1, 1):
            pen.fill(
                path((nx + d * (nw + 1), top - 2), (nx + d * (nw + 9), top + 12), (nx + d * 2, 130), (nx + d * 1, 126)),
                dark if g == "blazer" else lit(c, -0.16),
                shade=0.05,
            )
    elif g == "shirt":
        for d in (-1, 1):
            pen.fill(
                path((nx + d * nw, top - 4), (nx + d * (nw + 5), top + 6), (nx + d * 3, top + 11), (nx, top + 5)),
                light if sum(c) < 600 else lit(c, -0.12),
                shade=0.05,
            )
        pen.line(path((nx, top + 8), (nx, 130), close=False), dark, 1.3, 0.8)
    elif g == "dress":
        pen.fill(path((nx - nw - 4, top - 1), (nx + nw + 4, top - 1), (nx, top + 20)), lit(skin, -0.05), shade=0.1)
        pen.oval(nx, top + 2, 1.6, 1.6, (250, 240, 210))
    else:
        pen.line(path((nx - nw - 1, top), (nx, top + 9, nx + nw + 1, top), close=False), dark, 2.4, 0.9)
    return c, dark, top, nx, w


def draw_arm(pen, spec, skin, c, dark, top, nx, w):
    """Draw the arm and hand in the pose of the activity; `nx`, `top` and `w` place the body."""
    act = spec["act"]
    x, y = spec["x"], spec["y"]
    sh = (nx + w - 4, top + 13)
    if act == "thinking":
        el, ha = (nx + w + 2, 128), (x + 11, y + 25)
    elif act == "chalk":
        el, ha = (nx + w + 4, 126), (nx + 26, top + 14)
    elif act == "pointing":
        el, ha = (nx + w + 10, top + 13), (nx + w + 15, y + 24)
    elif act == "writing":
        el, ha = (nx + w + 12, top + 10), (nx + w + 11, y + 4)
    else:
        el, ha = (nx + w + 14, top + 12), (nx + w + 15, y + 17)
    arm = path(sh, el, close=False)
    fore = mix(el, ha, 0.72)
    arm.lineTo(*fore)
    pen.line(arm, dark, 13.5)
    pen.line(arm, lit(c, -0.06), 11.5)
    pen.line(path(fore, ha, close=False), skin, 7.5)
    pen.oval(ha[0], ha[1], 5.4, 5.6, skin, shade=0.2)
    if act == "teaching":  # an open hand towards the board
        for dx, dy in ((-3, -7.5), (0.6, -9), (4.2, -7.4)):
            pen.line(path(ha, (ha[0] + dx, ha[1] + dy), close=False), skin, 3.2)
        pen.line(path((ha[0] - 2, ha[1]), (ha[0] - 7, ha[1] - 2), close=False), skin, 3.0)
    elif act in ("writing", "chalk"):
        pen.line(path((ha[0], ha[1] - 2), (ha[0] + 3, ha[1] - 9), close=False), (255, 255, 250), 3.0)
        pen.line(path((ha[0] - 4, ha[1] - 1), (ha[0] + 2, ha[1] - 3.4), close=False), lit(skin, -0.16), 1.6)
    elif act == "pointing":
        pen.line(path(ha, (ha[0] + 4, 40), close=False), (150, 92, 46), 2.2)
    elif act == "thinking":
        pen.line(path(ha, (ha[0] - 7, ha[1] - 4), close=False), skin, 3.4)


def draw_face(pen, spec, skin):
    """Draw head, ears and features, facing the viewer."""
    x, y, man, old = spec["x"], spec["y"], spec["sex"] == "man", spec["age"] == "old"
    dark = lit(skin, -0.28)
    cw = 12.5 if man else 9.5  # chin width
    for d in (-1, 1):
        pen.oval(x + d * 18.4, y + 3, 3.6, 5, lit(skin, -0.1))
        if spec["sex"] == "woman" and spec["layout"] % 2:
            pen.oval(x + d * 19, y + 9.2, 1.7, 1.7, (246, 214, 110))
    head = path(
        (x - 18, y - 4),
        (x - 18, y - 29, x + 18, y - 29, x + 18, y - 4),
        (x + 18.5, y + 10, x + cw + 3, y + 18, x + cw - 3.5, y + 22.5),
        (x + 4, y + 26.5, x - 4, y + 26.5, x - cw + 3.5, y + 22.5),
        (x - cw - 3, y + 18, x - 18.5, y + 10, x - 18, y - 4),
    )
    pen.fill(head, skin, shade=0.24)
    pen.canvas.save()
    pen.canvas.clipPath(head, doAntiAlias=True)
    pen.oval(x - 20, y + 10, 9, 26, lit(skin, -0.22), 0.32 + 0.1 * pen.depth)
    if not man or not old:
        for d in (-1, 1):
            pen.glow(x + d * 10.5, y + 9, 7, (232, 96, 90), 0.36 if not man else 0.15)
    if spec["beard"]:
        bc = lit(HAIR[spec["hair"]], -0.06)
        pen.fill(
            path(
                (x - 19, y + 3),
                (x - 14, y + 10, x - 10, y + 12, x - 7, y + 10),
                (x, y + 7, x + 7, y + 10),
                (x + 10, y + 12, x + 14, y + 10, x + 19, y + 3),
                (x + 17, y + 28, x, y + 32, x - 17, y + 28, x - 19, y + 3),
            ),
            bc,
            shade=0.2,
        )
    pen.canvas.restore()
    brow = lit(HAIR[spec["hair"]], -0.30) if spec["cut"] != "bald" else (90, 70, 60)
    for d in (-1, 1):
        ex, ey = x + d * 7.8, y - 0.5
        pen.oval(ex, ey, 4.1, 3.5 if not old else 2.9, (252, 252, 250))
        iris = [(70, 110, 60), (64, 104, 160), (86, 56, 36)][spec["layout"] % 3]
        pen.oval(ex + 0.5, ey + 0.1, 2.5, 2.7, iris)
        pen.oval(ex + 0.5, ey + 0.1, 1.4, 1.5, (20, 16, 20))
        pen.oval(ex + 1.3, ey - 0.9, 0.8, 0.8, (255, 255, 255))
        lid = path((ex - 4.4, ey - 0.6), (ex, ey - 5.2, ex + 4.4, ey - 0.6), close=False)
        pen.line(lid, (40, 26, 28), 1.5 if not man else 1.1)
        if not man:
            pen.line(path((ex + d * 3.6, ey - 1.8), (ex + d * 6, ey - 3.4), close=False), (40, 26, 28), 1.2)
        by = y - 7.6
        pen.line(
            path((ex - 4.6, by + (1 if d < 0 else 0)), (ex, by - 2.6, ex + 4.6, by + (1 if d > 0 else 0)), close=False),
            brow,
            2.7 if man else 1.6,
        )
    pen.line(path((x + 0.6, y + 2), (x + 3.6, y + 8, x - 1, y + 8.6), close=False), dark, 1.5)
    my = y + 15
    if man:
        pen.line(
            path((x - 5, my), (x, my + 3, x + 5.4, my - 0.6), close=False),
            (150, 70, 62) if not spec["beard"] else (120, 50, 50),
            1.9,
        )
    else:
        lip = (196, 48, 62) if not old else (176, 84, 84)
        pen.fill(
            path(
                (x - 5.6, my - 0.4),
                (x - 2, my - 2.6, x, my - 1.2),
                (x + 2, my - 2.6, x + 5.6, my - 0.6),
                (x, my + 6.4, x - 5.6, my - 0.4),
            ),
            lip,
            shade=0.1,
        )
        pen.line(path((x - 4.4, my), (x, my + 1.6, x + 4.4, my), close=False), lit(lip, -0.4), 0.9)
    if old:
        for d in (-1, 1):
            pen.line(
                path((x + d * 5.4, y + 8.5), (x + d * 9, y + 12, x + d * 8.4, y + 16.5), close=False), dark, 1.3, 0.9
            )
            pen.line(
                path((x + d * 4.6, y + 4.6), (x + d * 8, y + 6.4, x + d * 11.4, y + 4.2), close=False), dark, 1.1, 0.8
            )
        if not spec["bangs"]:
            for k in (0, 1):
                pen.line(
                    path((x - 8, y - 12.6 - 3.2 * k), (x, y - 13.8 - 3.2 * k, x + 8, y - 12.6 - 3.2 * k), close=False),
                    dark,
                    1.1,
                    0.75,
                )
    if spec["glasses"]:
        gc = (36, 32, 40)
        for d in (-1, 1):
            p = skia.Path()
            p.addRoundRect(skia.Rect(x + d * 8 - 6.4, y - 5.4, x + d * 8 + 6.4, y + 5.4), 4.6, 4.6)
            pen.fill(p, (220, 236, 250), 0.22, shade=0)
            pen.line(p, gc, 1.8)
            pen.line(path((x + d * 14.4, y - 2), (x + d * 18.5, y - 3), close=False), gc, 1.6)
        pen.line(path((x - 1.7, y - 1.2), (x, y - 2.6, x + 1.7, y - 1.2), close=False), gc, 1.7)


def draw_person(spec, depth):
    """Draw the whole person on an empty canvas; return it."""
    pen = Pen(depth)
    skin = SKIN[spec["skin"]]
    pen.canvas.translate(spec["x"], spec["y"] + 20)
    pen.canvas.scale(spec["scale"], spec["scale"])
    pen.canvas.translate(-spec["x"], -spec["y"] - 20)
    if not spec["side"]:
        hair_back(pen, spec)
    arm = draw_body(pen, spec, skin)
    if spec["side"]:
        draw_profile(pen, spec, skin)
    else:
        draw_face(pen, spec, skin)
        hair_front(pen, spec)
    draw_arm(pen, spec, skin, *arm)
    return pen
