"""Judge an exported model on held-out scenes: autoencoder, attributes at guidance 7.5, the negative prompt.

The negative prompt is judged at guidance 1.5: at 7.5 hardly anything comes that was not asked for.

python evaluate.py --model tmdne-tiny --classifier classifier.pt
"""

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from captions import CLOTH, HAIR, numbered
from classifier import HELD_OUT, LABELS, build, classify, labels
from draw import make
from sheet import NEGATIVE, sample, styled
from train_vae import to_tensor

BOARDS = {"green": "green board", "black": "black blackboard", "white": "whiteboard"}
CUT_WORDS = {
    "short": "short {} hair",
    "long": "long {} hair",
    "bun": "{} hair in a bun",
    "ponytail": "{} hair in a ponytail",
    "stacked": "short {} hair stacked with very short stacked layers in the back",
    "bald": "bald head",
}


@torch.no_grad()
def psnr(vae, count):
    """Return the mean PSNR in dB of held-out pictures, through the autoencoder and rounded to 8 bits."""
    plain = [i for i in range(count) if not numbered(HELD_OUT + i)[1]["effects"]]
    images = make(HELD_OUT, count)[0][plain]
    decoded = torch.cat([vae.decode(vae.encode(x).latent_dist.mean).sample for x in to_tensor(images).split(16)])
    rounded = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().permute(0, 2, 3, 1).numpy()
    errors = ((rounded - images) ** 2).mean((1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / errors)))


def prompt(spec):
    """Say every attribute that the classifier judges."""
    hair = CUT_WORDS.get(spec["cut"], "short {} hair in " + spec["cut"] + " style").format(spec["hair"])
    extra = " and ".join(name for name in ("bangs", "curls") if spec[name])
    said = f"{spec['age']} {spec['sex']} with {hair}" + (f" with {extra}" if extra else "")
    said += f" teaching math at a {BOARDS[spec['board']]}"
    for name, word in (("glasses", "glasses"), ("beard", "beard"), ("side", "side view")):
        said += f", {word}" if spec[name] else ""
    return f"{said}, {spec['cloth']} {spec['garment']}"


def attributes(pipeline, network, count, guidance):
    """Print how often the pictures have what their prompts say."""
    numbers = [n for n in range(HELD_OUT, HELD_OUT + 2 * count) if not numbered(n)[1]["effects"]][:count]
    specs = [numbered(n)[1] for n in numbers]
    jobs = [(*styled(prompt(spec), "", spec["look"]), guidance, n) for n, spec in zip(numbers, specs, strict=True)]
    found, truth = classify(network, sample(pipeline, jobs)), np.array([labels(spec) for spec in specs])
    print(f"{count} held-out prompts at guidance {guidance}:")
    for k, (name, names) in enumerate(LABELS.items()):
        right = found[name] == truth[:, k]
        each = ", ".join(
            f"{value} {100 * right[truth[:, k] == v].mean():.0f}%"
            for v, value in enumerate(names)
            if (truth[:, k] == v).any()
        )
        print(f"{name:8} {100 * right.mean():5.1f}%   ({each})")


def negative(pipeline, network, count, guidance):
    """Print how often bangs and curls come unasked, without and with the negative prompt."""
    rng = random.Random(0)
    prompts = [
        f"{rng.choice(['young', 'old'])} woman with {rng.choice(['short', 'long'])} {rng.choice(list(HAIR))} hair"
        f" teaching math at a blackboard, {rng.choice(list(CLOTH))} sweater"
        for _ in range(count)
    ]
    for words in ("", NEGATIVE):
        found = classify(network, sample(pipeline, [(p, words, guidance, seed) for seed, p in enumerate(prompts)]))
        bangs, curls = (100 * found[name].mean() for name in ("bangs", "curls"))
        print(f"negative {words!r}: bangs in {bangs:.1f}%, curls in {curls:.1f}% of {count} at guidance {guidance}")


def main():
    """Print every figure of one model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--classifier", type=Path, required=True, help="file written by classifier.py")
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--guidance", type=float, default=7.5)
    args = parser.parse_args()
    torch.set_num_threads(2)
    pipeline = StableDiffusionPipeline.from_pretrained(args.model, dtype=torch.float32, safety_checker=None)
    network = build()
    network.load_state_dict(torch.load(args.classifier))
    network.eval()
    print(f"autoencoder: {psnr(pipeline.vae, 400):.2f} dB on held-out scenes without effects")
    attributes(pipeline, network, args.count, args.guidance)
    # At the usual guidance little comes unasked: twice the prompts, and lower ones too.
    for guidance in (1.5, 2.5, args.guidance):
        negative(pipeline, network, 2 * args.count, guidance)


if __name__ == "__main__":
    main()
