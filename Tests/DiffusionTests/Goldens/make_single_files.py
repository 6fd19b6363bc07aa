"""Small checkpoints in one file with random weights, and what diffusers computes after it has converted them.

    python make_single_files.py --out single-files

sd1   with an autoencoder, F16
sd2   OpenCLIP with the layer and the projection that diffusers leaves out, predicting the velocity, BF16, without autoencoder
sdxl  both text encoders, F16, without autoencoder

Everything has 32 channels, which is what 32 groups need, and two levels. NAME.safetensors is the checkpoint, NAME.expected.safetensors
the results in float32 of the networks that diffusers' own converter fills from it. Names come from make_checkpoints.py.
"""

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils as loader
from make_checkpoints import BASE_UNET, PREFIXES, SDXL_UNET, VAE, originals, shapes
from make_families import SIZES, randomise
from make_random_models import TIMESTEP
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

WIDTH = 32
CLIP = {
    "vocab_size": 300,
    "hidden_size": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
    "projection_dim": WIDTH,
    "eos_token_id": 2,
}
UNET = BASE_UNET | {
    "block_out_channels": [WIDTH, WIDTH],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "cross_attention_dim": WIDTH,
}
HEADS = {"attention_head_dim": [1, 1], "use_linear_projection": True}
FAMILIES = {
    "sd1": {
        "unet": UNET,
        "vae": VAE | {"block_out_channels": [WIDTH] * 4, "layers_per_block": 1, "scaling_factor": 0.18215},
        "text_encoder": CLIP | {"hidden_act": "quick_gelu"},
    },
    "sd2": {"unet": UNET | HEADS, "text_encoder": CLIP | {"hidden_act": "gelu"}},
    "sdxl": {
        "unet": UNET
        | HEADS
        | {k: SDXL_UNET[k] for k in ("addition_embed_type", "addition_time_embed_dim")}
        | {
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
            "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
            "transformer_layers_per_block": [1, 2],
            "cross_attention_dim": 2 * WIDTH,
            "projection_class_embeddings_input_dim": 6 * 256 + WIDTH,
        },
        "text_encoder": CLIP | {"hidden_act": "quick_gelu"},
        "text_encoder_2": CLIP | {"hidden_act": "gelu"},
    },
}
TYPES = {"sd1": torch.float16, "sd2": torch.bfloat16, "sdxl": torch.float16}
# The names that make_checkpoints.py has for the families.
TABLES = {"sd1": "sd15", "sd2": "sd21", "sdxl": "sdxl"}


def build(parts):
    """Return the parts, untrained."""
    kinds = {
        "unet": UNet2DConditionModel.from_config,
        "vae": AutoencoderKL.from_config,
        "text_encoder": lambda config: CLIPTextModel(CLIPTextConfig(**config)),
        "text_encoder_2": lambda config: CLIPTextModelWithProjection(CLIPTextConfig(**config)),
    }
    return {part: kinds[part](config) for part, config in parts.items()}


def fused(name, original, state):
    """Return the numbers of a checkpoint's tensor, which stands for one or three of diffusers'."""
    values = [state[n] for n in name.split()]
    if len(values) == 3:
        return torch.cat(values)
    return values[0].T if original.endswith("model.text_projection") else values[0]


def write(family, parts, path):
    """Write the checkpoint."""
    generator = torch.Generator("cpu").manual_seed(len(family))
    tensors = {}
    for part, network in build(parts).items():
        randomise(network, generator, TYPES[family])
        state = {k.removeprefix("text_model."): v for k, v in network.state_dict().items()}
        for original, shape, name in originals(TABLES[family], part, parts[part], shapes(network)):
            tensors[original] = fused(name, original, state).reshape(shape)
    if family == "sd2":
        last = ".resblocks.1."
        spare = {k.replace(last, ".resblocks.2."): torch.rand(v.shape) for k, v in tensors.items() if last in k}
        tensors |= spare | {"cond_stage_model.model.text_projection": torch.rand(WIDTH, WIDTH)}
        # What tells that it predicts the velocity: make_checkpoints.py has the same tensor at true size.
        assert tensors["model.diffusion_model.output_blocks.3.1.transformer_blocks.0.norm1.bias"].std() > 0.09
    # The encoder is no use here.
    tensors = {k: v for k, v in tensors.items() if not k.startswith(PREFIXES["vae"] + "encoder.")}
    save_file({k: v.to(TYPES[family]).contiguous() for k, v in tensors.items()}, path)


def read(family, parts, path):
    """Return the parts as diffusers' converter fills them."""
    checkpoint = {k: v.float() for k, v in load_file(path).items()}
    networks = build(parts)
    found = {"unet": loader.convert_ldm_unet_checkpoint(dict(checkpoint), parts["unet"])}
    if "vae" in parts:
        found["vae"] = loader.convert_ldm_vae_checkpoint(dict(checkpoint), parts["vae"])
    if family == "sd2":
        prefix = "cond_stage_model.model."
        found["text_encoder"] = loader.convert_open_clip_checkpoint(networks["text_encoder"], checkpoint, prefix=prefix)
    else:
        found["text_encoder"] = loader.convert_ldm_clip_checkpoint(checkpoint)
    if family == "sdxl":
        prefix = "conditioner.embedders.1.model."
        found["text_encoder_2"] = loader.convert_open_clip_checkpoint(
            networks["text_encoder_2"], checkpoint, prefix=prefix
        )
    for part, tensors in found.items():
        wanted = networks[part].state_dict()
        stem = "" if any(k.startswith("text_model.") for k in wanted) else "text_model."
        # At true size diffusers knows the last layer of OpenCLIP by its number.
        tensors = {k.removeprefix(stem): v for k, v in tensors.items() if ".layers.2." not in k}
        missing, extra = networks[part].load_state_dict(tensors, strict=False)
        missing = [k for k in missing if not k.startswith(("encoder.", "quant_conv"))] if part == "vae" else missing
        assert not missing and not extra, (family, part, missing[:3], extra[:3])
        networks[part].eval()
    return networks


@torch.no_grad()
def expected(family, networks):
    """Return inputs and results of all parts."""
    generator = torch.Generator("cpu").manual_seed(20)
    ids = torch.randint(0, 299, (2, 77), generator=generator)
    ids[:, 40] = 299
    tensors = {"text.ids": ids.to(torch.int32)}
    arguments = {}
    if family == "sdxl":
        first, second = (networks[k](ids, output_hidden_states=True) for k in ("text_encoder", "text_encoder_2"))
        context = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        tensors["text.pooled"] = second.text_embeds
        arguments["added_cond_kwargs"] = {
            "text_embeds": second.text_embeds,
            "time_ids": torch.tensor(SIZES, dtype=torch.float32),
        }
    else:
        context = networks["text_encoder"](ids).last_hidden_state
    sample = torch.randn((2, 4, 8, 12), generator=generator)
    tensors |= {
        "text.output": context,
        "unet.sample": sample,
        "unet.output": networks["unet"](sample, TIMESTEP, context, **arguments).sample,
    }
    if "vae" in networks:
        latents = torch.randn((1, 4, 5, 9), generator=generator)
        tensors |= {"vae.latents": latents, "vae.decoded": networks["vae"].decode(latents / 0.18215).sample}
    return tensors


@torch.no_grad()
def main():
    """Write all files."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--out", type=Path, required=True)
    out = arguments.parse_args().out
    out.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for family, parts in FAMILIES.items():
        write(family, parts, out / f"{family}.safetensors")
        tensors = expected(family, read(family, parts, out / f"{family}.safetensors"))
        save_file({k: v.contiguous() for k, v in tensors.items()}, out / f"{family}.expected.safetensors")
        print(family, {k: f"{v.abs().max().item():.3g}" for k, v in tensors.items()})


if __name__ == "__main__":
    main()
