"""Small models with random weights in the shape of Stable Diffusion 1.5, and what diffusers computes with them.

    python make_random_models.py --tokenizer ../../../Models/tmdne-tiny/tokenizer --out .

Writes two diffusers folders with fp16 weights, each with expected.safetensors beside its parts:

random-sd15    the structure and the key names of SD 1.5 as it is found in the wild: one number of heads for all blocks,
               1x1 convolutions around the transformers, the VAE's attention under its former names (query, key, value,
               proj_attn), a position_ids buffer in the text encoder, quick_gelu.
random-linear  the variants that a config.json can ask for: heads per block, linear projections, gelu; and a
               tokenizer.json instead of vocab.json and merges.txt.

The expected values are computed in float32 from the widened fp16 weights. Besides a size that the three downsamplings
divide there is one that they do not, where the UNet must crop its upsampled activations. All weights, also biases and
norms, differ from their usual initial values, so that none can be left out unnoticed.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

CHANNELS = (8, 16, 24, 24)
CONTEXT = 32
GROUPS = 4
PROMPTS = ["young woman with short red hair in posh bob style teaching math at a blackboard", ""]
LATENTS = {"even": (16, 24), "odd": (15, 18)}
TIMESTEP = 481
VARIANTS = {
    "random-sd15": {"heads": 4, "linear": False, "activation": "quick_gelu", "former": True},
    "random-linear": {"heads": (2, 4, 6, 6), "linear": True, "activation": "gelu", "former": False},
}
FORMER_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
# The scheduler configuration of Stable Diffusion 1.5.
SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}


def build(variant, tokenizer):
    """Return the untrained text encoder, UNet and VAE of a variant."""
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=CONTEXT,
            intermediate_size=4 * CONTEXT,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            hidden_act=variant["activation"],
            projection_dim=CONTEXT,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=CHANNELS,
        layers_per_block=2,
        cross_attention_dim=CONTEXT,
        attention_head_dim=variant["heads"],
        norm_num_groups=GROUPS,
        use_linear_projection=variant["linear"],
    )
    vae = AutoencoderKL(
        block_out_channels=CHANNELS,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=GROUPS,
        sample_size=128,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.18215,
    )
    return {"text_encoder": text_encoder, "unet": unet, "vae": vae}


@torch.no_grad()
def randomise(network, generator):
    """Give every weight a random value of fp16: matrices keep the variance, norms lie around 1, biases around 0."""
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim > 1:
            fan_in = parameter[0].numel()
            value = noise if "embedding" in name else noise / fan_in**0.5
        else:
            value = 0.1 * noise + ("norm" in name and name.endswith("weight"))
        parameter.copy_(value.half())


def save(network, name, folder, former_names):
    """Write one part of the folder: contiguous fp16 tensors and a config without paths."""
    network.half().save_pretrained(folder)
    network.float().eval()
    (file,) = folder.glob("*.safetensors")
    tensors = {k: v.contiguous() for k, v in load_file(file).items()}
    if name == "text_encoder":
        tensors = {k if k.startswith("text_model.") else "text_model." + k: v for k, v in tensors.items()}
        if former_names:
            tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    if name == "vae" and former_names:
        for new, former in FORMER_NAMES.items():
            tensors = {k.replace(f".attentions.0.{new}.", f".attentions.0.{former}."): v for k, v in tensors.items()}
    save_file(tensors, file, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config.pop("_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


@torch.no_grad()
def expected(networks, tokenizer, generator):
    """Return inputs and outputs of all parts."""
    ids = tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
    context = networks["text_encoder"](ids).last_hidden_state
    tensors = {"text.ids": ids.to(torch.int32), "text.output": context, "unet.timestep": torch.tensor([TIMESTEP])}
    for name, (height, width) in LATENTS.items():
        sample = torch.randn((2, 4, height, width), generator=generator)
        tensors[f"unet.{name}.sample"] = sample
        tensors[f"unet.{name}.output"] = networks["unet"](sample, TIMESTEP, context).sample
    latents = torch.randn((1, 4, 5, 9), generator=generator)
    tensors["vae.latents"] = latents
    tensors["vae.decoded"] = networks["vae"].decode(latents / networks["vae"].config.scaling_factor).sample
    return {k: v.contiguous() for k, v in tensors.items()}


def check_loads(folder, networks):
    """Load the folder as a user would and compare: the files must mean what the networks in memory mean."""
    classes = {"text_encoder": CLIPTextModel, "unet": UNet2DConditionModel, "vae": AutoencoderKL}
    for name, kind in classes.items():
        loaded = kind.from_pretrained(folder / name, dtype=torch.float32).state_dict()
        for key, value in networks[name].state_dict().items():
            if not torch.equal(value, loaded[key]):
                raise SystemExit(f"{folder / name}: {key} differs after loading")


def main():
    """Write both folders."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of a CLIP tokenizer, copied")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    for seed, (name, variant) in enumerate(VARIANTS.items()):
        folder = args.out / name
        shutil.rmtree(folder, ignore_errors=True)
        generator = torch.Generator("cpu").manual_seed(seed)
        networks = build(variant, tokenizer)
        index = {"_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "PNDMScheduler"]}
        for part, network in networks.items():
            randomise(network, generator)
            save(network, part, folder / part, variant["former"])
            library = "transformers" if part == "text_encoder" else "diffusers"
            index[part] = [library, type(network).__name__]
        index["tokenizer"] = ["transformers", "CLIPTokenizer"]
        if variant["former"]:
            shutil.copytree(args.tokenizer, folder / "tokenizer")
        else:
            tokenizer.save_pretrained(folder / "tokenizer")
        (folder / "scheduler").mkdir()
        (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=2) + "\n")
        (folder / "model_index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
        check_loads(folder, networks)
        if CLIPTokenizer.from_pretrained(folder / "tokenizer")(PROMPTS).input_ids != tokenizer(PROMPTS).input_ids:
            raise SystemExit(f"{folder / 'tokenizer'}: other tokens after loading")
        tensors = expected(networks, tokenizer, generator)
        save_file(tensors, folder / "expected.safetensors")
        for key, value in tensors.items():
            print(name, key, list(value.shape), f"max {value.abs().max().item():.3g}")


if __name__ == "__main__":
    main()
