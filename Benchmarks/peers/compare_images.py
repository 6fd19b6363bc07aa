"""Compares our images with a peer's of the same cells: the largest difference of 8-bit levels, and the PSNR.

    .venv/bin/python peers/compare_images.py --export positions.jsonl --ours SWEEP_DIRECTORY --peer images

The peer's files are numbered like the distinct cells in grid order, which is how `tmdne export DIR --format jsonl`
first names them. Prints one JSON object a cell.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
from PIL import Image


def cells(export, folder):
    """Return the image file of each distinct cell, in the order of their first positions."""
    files = {}
    for line in export.read_text(encoding="utf-8").splitlines():
        position = json.loads(line)
        files.setdefault(position["cell"], position)
    return [(position, folder / position["image"] if position["image"] else None) for position in files.values()]


def compare(ours, peer):
    """Return the largest difference in levels and the PSNR in dB, None for equal images."""
    difference = pixels(ours) - pixels(peer)
    error = float(np.mean(difference**2))
    return int(np.abs(difference).max()), 10 * math.log10(255**2 / error) if error else None


def pixels(file):
    """Return an image's levels as floats, [height, width, 3]."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64)


def main():
    """Compare every cell that both have."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--export", type=Path, required=True, help="output of `tmdne export DIR --format jsonl`")
    parser.add_argument("--ours", type=Path, required=True, help="the sweep's directory")
    parser.add_argument("--peer", type=Path, required=True, help="the peer's folder of NUMBER.png")
    args = parser.parse_args()
    for number, (position, ours) in enumerate(cells(args.export, args.ours)):
        peer = args.peer / f"{number:04d}.png"
        if ours is None or not peer.exists():
            continue
        levels, psnr = compare(ours, peer)
        report = {
            "cell": position["cell"],
            "style": position["style"],
            "guidance": position["guidance"],
            "maxLevels": levels,
            "psnr": None if psnr is None else round(psnr, 2),
        }
        print(json.dumps(report))


if __name__ == "__main__":
    main()
