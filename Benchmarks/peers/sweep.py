"""The distinct cells of a sweep file, worked out without the help of the program that is measured.

Knows what the benchmarks need: lists, {from, to, step} and {from, to, count} ranges, the built-in styles.
"""

from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from pathlib import Path

import yaml

# The SDXL style templates of Fooocus 1.x: prompt and negative prompt.
STYLES = {
    "none": ("{prompt}", ""),
    "sai-photographic": (
        "cinematic photo {prompt} . 35mm photograph, film, bokeh, professional, 4k, highly detailed",
        "drawing, painting, crayon, sketch, graphite, impressionist, noisy, blurry, soft, deformed, ugly",
    ),
    "cinematic-default": (
        "cinematic still {prompt} . emotional, harmonious, vignette, highly detailed, high budget, bokeh, cinemascope, "
        "moody, epic, gorgeous, film grain, grainy",
        "anime, cartoon, graphic, text, painting, crayon, graphite, abstract, glitch, deformed, mutated, ugly, "
        "disfigured",
    ),
}


@dataclass(frozen=True)
class Cell:
    """What decides the pixels of an image."""

    model: str
    prompt: str
    negative_prompt: str
    guidance: Decimal
    seed: int
    sampler: str
    steps: int
    width: int
    height: int


def axis(value):
    """Return the values of a key: a range, a list or a single value."""
    if isinstance(value, dict):
        first, last = Decimal(value["from"]), Decimal(value["to"])
        count = int(value["count"]) if "count" in value else int((last - first) / Decimal(value["step"])) + 1
        step = (last - first) / (count - 1)
        return [first + i * step for i in range(count)]
    if isinstance(value, list):
        return [item for entry in value for item in (axis(entry) if isinstance(entry, dict) else [entry])]
    return [value]


def read_cells(path):
    """Return the distinct cells of a sweep file in grid order, guidance varying fastest."""
    # The base loader keeps numbers as the text that they are: 18.5 stays exact.
    sweep = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    grid = product(
        axis(sweep["model"]),
        axis(sweep["size"]),
        axis(sweep["sampler"]),
        axis(sweep["steps"]),
        axis(sweep["seed"]),
        axis(sweep.get("negative-prompt", "")),
        axis(sweep["prompts"]),
        axis(sweep.get("styles", "none")),
        axis(sweep["guidance"]),
    )
    cells = {}
    for model, size, sampler, steps, seed, negative, prompt, style, guidance in grid:
        template, style_negative = STYLES[style]
        width, height = map(int, size.split("x"))
        cell = Cell(
            model=model,
            prompt=template.replace("{prompt}", prompt),
            negative_prompt=", ".join(part for part in (style_negative, negative) if part),
            guidance=Decimal(guidance),
            seed=int(seed),
            sampler=sampler,
            steps=int(steps),
            width=width,
            height=height,
        )
        cells[cell] = None
    return list(cells)


def spread(items, count):
    """Return `count` of the items, spread evenly."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]
