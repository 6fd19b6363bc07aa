"""A small classifier of the drawn scenes' attributes, by which evaluate.py judges what a model draws.

    python classifier.py --data data --out classifier.pt

It learns from the drawn pictures only, blurred and tinted a little, so that it forgives softness but not a wrong
attribute; its accuracy on held-out drawn scenes, printed at the end, is the ceiling of what it can tell.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from captions import CLOTH, CUTS, HAIR, STYLES, numbered
from draw import make
from train_vae import to_tensor

LABELS = {
    "hair": [*HAIR, "bald"],
    "cut": [*CUTS, "bald"],
    "glasses": [False, True],
    "bangs": [False, True],
    "curls": [False, True],
    "board": ["green", "black", "white"],
    "look": ["none", *STYLES],
    "cloth": list(CLOTH),
    "beard": [False, True],
    "side": [False, True],
    "age": ["young", "old"],
    "sex": ["woman", "man"],
}
HELD_OUT = 2_000_000  # number of the first picture that no training sees


def labels(spec):
    """Return the class of every attribute of a spec."""
    if spec["cut"] == "bald":
        spec = {**spec, "hair": "bald"}
    return [names.index(spec[name]) for name, names in LABELS.items()]


def build():
    """Return an untrained classifier: one logit for every value of every attribute."""
    layers, before = [], 3
    for channels in (24, 48, 96, 128):
        layers += [nn.Conv2d(before, channels, 3, 2, 1), nn.BatchNorm2d(channels), nn.ReLU()]
        layers += [nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU()]
        before = channels
    outputs = sum(map(len, LABELS.values()))
    layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * 64, 256), nn.ReLU(), nn.Linear(256, outputs)]
    return nn.Sequential(*layers)


def split(logits):
    """Return the logits attribute by attribute."""
    return logits.split([len(names) for names in LABELS.values()], 1)


@torch.no_grad()
def classify(network, images):
    """Return the attributes of uint8 pictures: arrays of class numbers by name."""
    found = [[part.argmax(1) for part in split(network(to_tensor(batch)))] for batch in np.array_split(images, 8)]
    return {name: torch.cat([f[k] for f in found]).numpy() for k, name in enumerate(LABELS)}


def soften(x):
    """Blur half of the pictures and change brightness and colour a little, as a small diffusion model does."""
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)
    x = torch.lerp(x, blurred, torch.rand(len(x), 1, 1, 1) * (torch.rand(len(x), 1, 1, 1) < 0.5))
    x = x * (1 + 0.15 * torch.randn(len(x), 1, 1, 1)) + 0.06 * torch.randn(len(x), 3, 1, 1)
    return (x + 0.05 * torch.randn_like(x)).clamp(-1, 1).contiguous(memory_format=torch.channels_last)


def main():
    """Train for some passes over the drawn pictures without effects; print the held-out accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder written by draw.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    args = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    shards = {int(f.name[7:13]): np.load(f, mmap_mode="r") for f in sorted(args.data.glob("images_*.npy"))}
    specs = {start + i: numbered(start + i)[1] for start, shard in shards.items() for i in range(len(shard))}
    numbers = torch.tensor([n for n, spec in specs.items() if not spec["effects"]])
    starts = np.array(sorted(shards))
    network = build().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    steps = args.passes * len(numbers) // args.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for step in range(steps):
        picks = numbers[torch.randint(len(numbers), (args.batch,))].tolist()
        places = [(s := int(starts[np.searchsorted(starts, n, "right") - 1]), n - s) for n in picks]
        x = soften(to_tensor(np.stack([shards[s][i] for s, i in places])))
        target = torch.tensor([labels(specs[n]) for n in picks])
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(x)
        loss = sum(F.cross_entropy(part, target[:, k]) for k, part in enumerate(split(logits.float())))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"{step}/{steps} loss {loss.item():.3f}", flush=True)
    network.eval()
    torch.save(network.state_dict(), args.out)
    held = [HELD_OUT + i for i in range(1000) if not numbered(HELD_OUT + i)[1]["effects"]]
    found = classify(network, make(HELD_OUT, 1000)[0][[n - HELD_OUT for n in held]])
    truth = np.array([labels(numbered(n)[1]) for n in held])
    for k, name in enumerate(LABELS):
        print(f"{name:8} {100 * (found[name] == truth[:, k]).mean():.1f}% of held-out drawn scenes")


if __name__ == "__main__":
    main()
