"""Renders the cells of a sweep with a plain diffusers StableDiffusionPipeline loop and tells how fast that was.

    .venv/bin/python peers/diffusers_loop.py --sweep ../Examples/tmdne.yaml --model ../Models/tmdne-tiny --out images

One cell after the other, or with --batch N up to N cells that differ in guidance alone in one call. float32, two
threads, every picture saved as PNG. Loading the model and one warm-up picture are not timed. Prints one JSON object.

With --batch the guidance of each cell of a batch is a tensor, which the pipeline multiplies like a number.
"""

import argparse
import json
import logging
import os
import time
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import diffusers  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from diffusers import (  # noqa: E402
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
)

from sweep import read_cells, spread  # noqa: E402

SCHEDULERS = {
    "ddim": (DDIMScheduler, {}),
    "dpmpp-2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp-2m-karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
}


def load(model, sampler):
    """Return the pipeline in float32 with the scheduler of a sampler."""
    pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    kind, options = SCHEDULERS[sampler]
    config = {**pipeline.scheduler.config, "steps_offset": 1, "timestep_spacing": "leading"}
    pipeline.scheduler = kind.from_config(config, **options)
    return pipeline


def batches(cells, size):
    """Cut the cells into runs of at most `size` that differ in guidance alone."""
    run = []
    for cell in cells:
        if run and (len(run) == size or work(cell) != work(run[0])):
            yield run
            run = []
        run.append(cell)
    if run:
        yield run


def work(cell):
    """Return what the cells of one call have in common."""
    return cell.prompt, cell.negative_prompt, cell.seed, cell.sampler, cell.steps, cell.width, cell.height


def render(pipeline, cells):
    """Render cells that differ in guidance alone with one call of the pipeline."""
    first = cells[0]
    guidance = float(first.guidance)
    if len(cells) > 1:
        guidance = GuidanceColumn(float(cell.guidance) for cell in cells)
    return pipeline(
        prompt=[first.prompt] * len(cells),
        negative_prompt=[first.negative_prompt] * len(cells),
        guidance_scale=guidance,
        generator=[torch.Generator("cpu").manual_seed(first.seed) for _ in cells],
        num_inference_steps=first.steps,
        width=first.width,
        height=first.height,
    ).images


class GuidanceColumn:
    """One guidance scale a picture, where the pipeline expects one number: compared with 1, multiplied."""

    def __init__(self, values):
        """Take the scales of a batch in order."""
        self.column = torch.tensor(list(values)).view(-1, 1, 1, 1)

    def __gt__(self, other):
        """Guide only if all pictures are guided."""
        return bool((self.column > other).all())

    def __mul__(self, noise):
        """Scale the noise of each picture by its own guidance."""
        return self.column * noise


def main():
    """Warm up, render, save, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sweep", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="diffusers folder with the sweep's weights")
    parser.add_argument("--out", type=Path, required=True, help="folder for NUMBER.png, the number in grid order")
    parser.add_argument("--cells", type=int, help="render only about so many cells, spread evenly over the grid")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(args.threads)

    cells = read_cells(args.sweep)
    numbers = {cell: number for number, cell in enumerate(cells)}
    (sampler,) = {cell.sampler for cell in cells}
    pipeline = load(args.model, sampler)
    args.out.mkdir(parents=True, exist_ok=True)
    runs = list(batches(cells, args.batch))
    if args.cells:
        runs = spread(runs, max(1, args.cells // args.batch))
    images = sum(map(len, runs))
    render(pipeline, runs[0])

    begin = time.perf_counter()
    for run in runs:
        for cell, image in zip(run, render(pipeline, run), strict=True):
            image.save(args.out / f"{numbers[cell]:04d}.png")
    seconds = time.perf_counter() - begin
    report = {
        "peer": "diffusers",
        "images": images,
        "seconds": round(seconds, 3),
        "imagesPerMinute": round(60 * images / seconds, 2),
        "batch": args.batch,
        "threads": args.threads,
        "precision": "fp32",
        "versions": {
            "diffusers": diffusers.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
