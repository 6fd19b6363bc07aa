"""Board and person put together, lit in the style's way, with the effects of the negative words."""

import numpy as np
import skia

from board import draw_board
from pen import SIZE, SS, Pen
from person import draw_person


def _down(a):
    return a.reshape(SIZE, SS, SIZE, SS, -1).mean((1, 3))


def _blur(a, sig):
    n = max(1, int(sig * 2.5))
    k = np.exp(-0.5 * (np.arange(-n, n + 1) / sig) ** 2)
    k = (k / k.sum()).astype(np.float32)
    for ax in (0, 1):
        p = np.pad(a, [(n, n) if i == ax else (0, 0) for i in range(a.ndim)], mode="edge")
        a = sum(k[i] * np.take(p, range(i, i + a.shape[ax]), axis=ax) for i in range(2 * n + 1))
    return a


YY, XX = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / (SIZE - 1)
R2 = ((XX - 0.5) ** 2 + (YY - 0.5) ** 2)[..., None]


def _grain(rng, amp, coarse=2):
    g = rng.standard_normal((SIZE // coarse, SIZE // coarse, 1)).astype(np.float32)
    return amp * g.repeat(coarse, 0).repeat(coarse, 1)


def effect(img, name, rng):
    """Give a picture the look of a negative prompt's word."""
    if name == "sketch":
        g = img.mean(-1, keepdims=True)
        e = np.minimum(np.abs(g - _blur(g, 1.6)) * 2.6, 0.5)
        hatch = 0.10 * (np.sin((XX + YY) * 150)[..., None] > 0.3) * (g < 0.45)
        return np.clip(0.30 + 0.62 * g - e - hatch, 0, 1) * np.array([1.0, 0.985, 0.95], np.float32)
    if name == "painting":
        q = _blur(img, 1.1)
        y = (np.mgrid[0:SIZE, 0:SIZE][0] + (2.6 * np.sin(XX * 34 + 3 * np.sin(YY * 21))).astype(int)) % SIZE
        x = (np.mgrid[0:SIZE, 0:SIZE][1] + (2.6 * np.sin(YY * 31 + 3 * np.sin(XX * 23))).astype(int)) % SIZE
        q = q[y, x]
        return np.clip(np.round(q * 7) / 7 * 1.04, 0, 1)
    if name == "crayon":
        st = 0.5 + 0.5 * np.sin((XX * 1.0 + YY * 0.7) * 190 + 2 * np.sin(YY * 30))
        return np.clip(img + (0.26 * st * (1 - 0.5 * img.mean(-1)))[..., None], 0, 1)
    if name == "noisy":
        return np.clip(img + 0.09 * rng.standard_normal(img.shape).astype(np.float32) + _grain(rng, 0.09), 0, 1)
    if name == "blurry":
        return _blur(img, 2.6)
    if name == "deformed":
        a, b = rng.uniform(0.022, 0.04), rng.uniform(0, 6.3)
        y = np.clip((YY + a * np.sin(XX * 13 + b)) * 127, 0, 127).astype(int)
        x = np.clip((XX + a * np.sin(YY * 15 + b * 2)) * 127, 0, 127).astype(int)
        return img[y, x] * np.array([0.93, 1.0, 0.88], np.float32)
    if name == "cartoon":
        g = img.mean(-1, keepdims=True)
        e = np.clip(np.abs(g - _blur(g, 1.0)) * 5 - 0.15, 0, 0.8)
        m = img.mean(-1, keepdims=True)
        return np.clip((m + (img - m) * 1.5) * 1.06 * (1 - e), 0, 1)
    if name == "text":
        img = img.copy()
        for k in range(3):
            y0 = 18 + 38 * k + rng.integers(-5, 5)
            xs = 8
            while xs < 118:
                w = int(rng.integers(3, 10))
                img[y0 : y0 + 5, xs : xs + w] = (0.97, 0.97, 0.9) if k % 2 else (0.06, 0.06, 0.08)
                xs += w + 3
        return img
    if name == "abstract":
        img = img.copy()
        for _ in range(5):
            cx, cy, rr = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.08, 0.2)
            m = (
                ((np.abs(XX - cx) + np.abs(YY - cy)) < rr)
                if rng.random() < 0.5
                else ((XX - cx) ** 2 + (YY - cy) ** 2 < rr * rr)
            )
            img[m] = 0.25 * img[m] + 0.75 * np.array(
                rng.choice([[0.9, 0.3, 0.25], [0.95, 0.8, 0.2], [0.2, 0.4, 0.8], [0.2, 0.65, 0.5]]), np.float32
            )
        return img
    if name == "glitch":
        img = img.copy()
        for _ in range(7):
            y0, h, d = rng.integers(0, 118), rng.integers(3, 10), rng.integers(-16, 16)
            img[y0 : y0 + h] = np.roll(img[y0 : y0 + h], d, 1)
        img[..., 0] = np.roll(img[..., 0], 3, 1)
        img[..., 2] = np.roll(img[..., 2], -3, 1)
        return img
    raise KeyError(name)


def render(spec):
    """Return the picture of a spec, uint8 [SIZE, SIZE, 3]."""
    rng = np.random.default_rng(spec["layout"])
    photo, cine = spec["look"] == "photographic", spec["look"] == "cinematic"
    depth = 2.1 if photo else 1.7 if cine else 0.9
    bg = _down(draw_board(spec, depth).array())[..., :3]
    fg = _down(draw_person(spec, depth).array())
    a, rgb = fg[..., 3:], fg[..., :3]
    if fg[..., :3].max() <= 1 and not PREMUL:
        rgb = rgb * a
    if photo or cine:  # shallow depth of field, a shadow on the board
        bg = _blur(bg, 1.7 if photo else 1.3)
        bg = bg * (1 - 0.35 * np.roll(_blur(a, 4.0), 3, 1))
    else:
        bg = bg * (1 - 0.16 * np.roll(a, 2, 1))
    img = rgb + bg * (1 - a)
    if photo:  # warm key light, gentle contrast
        light = np.exp(-((XX - 0.62) ** 2 + (YY - 0.30) ** 2) / 0.22)[..., None]
        img = img * (0.80 + 0.34 * light) * np.array([1.07, 1.0, 0.88], np.float32) + light * np.array(
            [0.05, 0.035, 0.01], np.float32
        )
        img = np.clip(img, 0, 1)
        img = img + 0.12 * (img - 0.5) * (1 - np.abs(2 * img - 1)) + _grain(rng, 0.004)
    elif cine:  # teal shadows, orange lights, vignette, bars
        luma = img.mean(-1, keepdims=True)
        img = (
            img * 0.84
            + (1 - luma) * np.array([-0.06, 0.03, 0.065], np.float32)
            + luma * np.array([0.10, 0.02, -0.10], np.float32)
        )
        img = np.clip((img - 0.5) * 1.12 + 0.45, 0, 1) * np.clip(1.12 - 1.25 * R2, 0.2, 1) + _grain(rng, 0.006)
        img[:11] = img[-11:] = 0.02
    for e in spec["effects"]:
        img = effect(np.clip(img, 0, 1), e, rng)
    return (np.clip(img, 0, 1) * 255 + 0.5).astype(np.uint8)


def _probe_premul():
    """Whether this skia hands out colours multiplied by their opacity."""
    p = Pen(0)
    p.canvas.drawCircle(64, 64, 30, skia.Paint(Color4f=skia.Color4f(1, 0, 0, 0.5)))
    return p.array()[128, 128, 0] < 0.75


PREMUL = _probe_premul()
