"""Colours, paths and a canvas with soft shading."""

import numpy as np
import skia

SIZE = 128  # edge of a picture
SS = 2  # supersampling factor


def col(c, a=1.0):
    """Convert an 8-bit colour, clamped, with opacity `a`."""
    return skia.Color4f(*(max(0.0, min(1.0, v / 255)) for v in c), a)


def mix(a, b, t):
    """Interpolate between two colours or points."""
    return tuple(x + (y - x) * t for x, y in zip(a, b, strict=True))


def lit(c, f):
    """Return a lighter (f > 0) or darker (f < 0) tone of a colour."""
    return mix(c, (255, 250, 240), f) if f > 0 else mix(c, (24, 14, 34), -f)


def path(*cmds, close=True):
    """Build a path: a start point, then lines (2 numbers), quadratics (4) and cubics (6).

    A longer command is a run of curves: 8 numbers are two quadratics, 12 two cubics.
    """
    p = skia.Path()
    p.moveTo(*cmds[0])
    for c in cmds[1:]:
        k = {8: 4, 12: 6}.get(len(c), len(c))
        for i in range(0, len(c), k):
            (p.lineTo, p.quadTo, p.cubicTo)[k // 2 - 1](*c[i : i + k])
    if close:
        p.close()
    return p


class Pen:
    """A canvas in 128-unit coordinates with shaded fills and round strokes."""

    def __init__(self, depth):
        """Make an empty canvas; `depth` is the strength of the soft shading."""
        self.surf = skia.Surface(SIZE * SS, SIZE * SS)
        self.canvas = self.surf.getCanvas()
        self.canvas.scale(SS, SS)
        self.depth = depth

    def fill(self, p, c, alpha=1.0, shade=0.16, box=None):
        """Fill path `p`, shaded from the upper right to the lower left."""
        paint = skia.Paint(Color4f=col(c, alpha), AntiAlias=True)
        d = shade * self.depth
        if d > 0:
            b = box or p.getBounds()
            pts = [skia.Point(b.left() + b.width() * 0.75, b.top()), skia.Point(b.left() + b.width() * 0.2, b.bottom())]
            cols = [
                col(lit(c, d * 0.8), alpha).toColor(),
                col(c, alpha).toColor(),
                col(lit(c, -d * 1.3), alpha).toColor(),
            ]
            paint.setShader(skia.GradientShader.MakeLinear(pts, cols, [0.0, 0.45, 1.0]))
        self.canvas.drawPath(p, paint)

    def oval(self, x, y, rx, ry, c, alpha=1.0, shade=0.0):
        """Fill an ellipse given by its centre and radii."""
        p = skia.Path()
        p.addOval(skia.Rect(x - rx, y - ry, x + rx, y + ry))
        self.fill(p, c, alpha, shade)

    def glow(self, x, y, rad, c, alpha):
        """Paint a spot that fades to nothing at radius `rad`."""
        paint = skia.Paint(
            AntiAlias=True,
            Shader=skia.GradientShader.MakeRadial(
                skia.Point(x, y), rad, [col(c, alpha).toColor(), col(c, 0).toColor()]
            ),
        )
        self.canvas.drawCircle(x, y, rad, paint)

    def line(self, p, c, w, alpha=1.0):
        """Stroke path `p` with round ends."""
        self.canvas.drawPath(
            p,
            skia.Paint(
                Color4f=col(c, alpha),
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=w,
                StrokeCap=skia.Paint.kRound_Cap,
                StrokeJoin=skia.Paint.kRound_Join,
            ),
        )

    def curl(self, x, y, rad, start, c):
        """Stroke most of a circle, from `start` degrees."""
        paint = skia.Paint(Color4f=col(c), AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=1.9)
        self.canvas.drawArc(skia.Rect(x - rad, y - rad, x + rad, y + rad), start, 250, False, paint)

    def array(self):
        """Return the picture as float32 RGBA in 0...1, SIZE * SS pixels wide and high."""
        return self.surf.toarray(colorType=skia.kRGBA_8888_ColorType).astype(np.float32) / 255.0
