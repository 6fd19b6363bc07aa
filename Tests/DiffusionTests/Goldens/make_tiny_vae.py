"""A small AutoencoderTiny (TAESD) with random weights, in the two layouts that are met, and what diffusers decodes with it.

    python make_tiny_vae.py --out .

Writes vae-tiny/ with

config.json, diffusion_pytorch_model.safetensors   diffusers' folder, fp16
taesd_decoder.safetensors                          the decoder alone, under the names of https://github.com/madebyollin/taesd
taesd_encoder.safetensors                          the other half, which is no decoder
expected.safetensors                               latents [2, 4, 5, 9], some beyond the clamp, and decoded [2, 3, 40, 72]

The original is one torch.nn.Sequential: a clamp, a convolution, a ReLU, blocks, upsamplings and convolutions; diffusers does not
count the clamp. It is put together here anew, so that the names do not rest on renaming alone.
"""

import argparse
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from make_families import finish, randomise, save
from safetensors.torch import load_file, save_file
from torch import nn

COUNTS = (2, 1, 1, 1)
WIDTH = 8


class Clamp(nn.Module):
    """Three times the hyperbolic tangent of a third."""

    def forward(self, x):
        return torch.tanh(x / 3) * 3


class Block(nn.Module):
    """Three convolutions beside a shortcut."""

    def __init__(self):
        super().__init__()
        convolutions = [nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(3)]
        self.conv = nn.Sequential(convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU(), convolutions[2])

    def forward(self, x):
        return torch.relu(self.conv(x) + x)


def original():
    """Return the decoder as its author builds it."""
    layers = [Clamp(), nn.Conv2d(4, WIDTH, 3, padding=1), nn.ReLU()]
    for index, count in enumerate(COUNTS):
        layers += [Block() for _ in range(count)]
        if index == len(COUNTS) - 1:
            layers.append(nn.Conv2d(WIDTH, 3, 3, padding=1))
        else:
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)]
    return nn.Sequential(*layers)


@torch.no_grad()
def main():
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    folder = parser.parse_args().out / "vae-tiny"
    torch.set_num_threads(1)
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator("cpu").manual_seed(9)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(WIDTH,) * 4,
        decoder_block_out_channels=(WIDTH,) * 4,
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=COUNTS,
    )
    save(randomise(tiny, generator, torch.float16), folder, torch.float16)
    stored = load_file(folder / "diffusion_pytorch_model.safetensors")
    for part, shift in (("decoder", 1), ("encoder", 0)):
        renamed = {}
        for name, value in stored.items():
            if name.startswith(f"{part}.layers."):
                index, rest = name.removeprefix(f"{part}.layers.").split(".", 1)
                renamed[f"{int(index) + shift}.{rest}"] = value
        save_file(renamed, folder / f"taesd_{part}.safetensors")
    latents = 3 * torch.randn((2, 4, 5, 9), generator=generator)
    decoded = tiny.decode(latents / tiny.config.scaling_factor).sample
    decoder = original()
    decoder.load_state_dict({k: v.float() for k, v in load_file(folder / "taesd_decoder.safetensors").items()})
    assert torch.equal(decoder(latents) * 2 - 1, decoded)
    finish(folder, {"vae.latents": latents, "vae.decoded": decoded})


if __name__ == "__main__":
    main()
