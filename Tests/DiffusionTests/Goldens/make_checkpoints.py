"""The tensors of Stable Diffusion's single-file checkpoints, true names and shapes, beside what diffusers makes of them.

    python make_checkpoints.py --out checkpoints

Writes for each family NAME.json, the config.json of every part as its diffusers folder on the hub has it (the keys that
decide shapes), and NAME.tsv, a line for each tensor of the checkpoint: its name, its shape, the part that it belongs to, and
its name there. Names and shapes of the parts come from diffusers' and transformers' own classes; the checkpoint's names are
checked by diffusers' loader of single files, which must turn them into exactly those of the parts.
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils as loader
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
OPEN_CLIP = {
    "final_layer_norm": "ln_final",
    "embeddings.token_embedding.": "token_embedding.",
    "embeddings.position_embedding.weight": "positional_embedding",
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm": "ln_",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
    "text_projection.weight": "text_projection",
}
CLIP_L = dict(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
CLIP_H = dict(vocab_size=49408, hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16)
CLIP_G = dict(vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20)
VAE = dict(
    block_out_channels=[128, 256, 512, 512],
    down_block_types=["DownEncoderBlock2D"] * 4,
    up_block_types=["UpDecoderBlock2D"] * 4,
    layers_per_block=2,
    latent_channels=4,
    norm_num_groups=32,
)
SD2_UNET = dict(
    cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True, sample_size=96
)
SDXL_UNET = dict(
    block_out_channels=[320, 640, 1280],
    down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    transformer_layers_per_block=[1, 2, 10],
    cross_attention_dim=2048,
    attention_head_dim=[5, 10, 20],
    use_linear_projection=True,
    addition_embed_type="text_time",
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
    sample_size=128,
)
BASE_UNET = dict(
    block_out_channels=[320, 640, 1280, 1280],
    down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    layers_per_block=2,
    norm_num_groups=32,
    cross_attention_dim=768,
    attention_head_dim=8,
    sample_size=64,
)
FAMILIES = {
    "sd15": {
        "unet": BASE_UNET,
        "vae": VAE | {"scaling_factor": 0.18215},
        "text_encoder": CLIP_L | {"hidden_act": "quick_gelu"},
    },
    "sd21": {
        "unet": BASE_UNET | SD2_UNET,
        "vae": VAE | {"scaling_factor": 0.18215},
        "text_encoder": CLIP_H | {"hidden_act": "gelu"},
    },
    "sdxl": {
        "unet": BASE_UNET | SDXL_UNET,
        "vae": VAE | {"scaling_factor": 0.13025},
        "text_encoder": CLIP_L | {"hidden_act": "quick_gelu"},
        "text_encoder_2": CLIP_G | {"hidden_act": "gelu", "projection_dim": 1280},
    },
}
PREFIXES = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    ("sd15", "text_encoder"): "cond_stage_model.transformer.text_model.",
    ("sd21", "text_encoder"): "cond_stage_model.model.",
    ("sdxl", "text_encoder"): "conditioner.embedders.0.transformer.text_model.",
    ("sdxl", "text_encoder_2"): "conditioner.embedders.1.model.",
}


def replaced(name, pairs):
    """Replace the beginnings of a name, the first that fits."""
    for old, new in pairs:
        if name.startswith(old):
            return new + name[len(old) :]
    raise SystemExit(f"no original name for {name}")


def unet_pairs(config):
    """Return (diffusers, original) beginnings of names."""
    levels, layers = len(config["block_out_channels"]), config["layers_per_block"]
    pairs = [(k + ".", v + ".") for k, v in UNET.items()]

    def block(diffusers, original, layer):
        for k, v in RESIDUAL.items():
            pairs.append((f"{diffusers}.resnets.{layer}.{k}.", f"{original}.0.{v}."))
        pairs.append((f"{diffusers}.attentions.{layer}.", f"{original}.1."))

    for level in range(levels):
        for layer in range(layers):
            block(f"down_blocks.{level}", f"input_blocks.{level * (layers + 1) + layer + 1}", layer)
        pairs.append((f"down_blocks.{level}.downsamplers.0.conv.", f"input_blocks.{(level + 1) * (layers + 1)}.0.op."))
        for layer in range(layers + 1):
            block(f"up_blocks.{level}", f"output_blocks.{level * (layers + 1) + layer}", layer)
        last = level * (layers + 1) + layers
        place = 2 if config["up_block_types"][level].startswith("CrossAttn") else 1
        pairs.append((f"up_blocks.{level}.upsamplers.0.conv.", f"output_blocks.{last}.{place}.conv."))
    for layer in range(2):
        for k, v in RESIDUAL.items():
            pairs.append((f"mid_block.resnets.{layer}.{k}.", f"middle_block.{2 * layer}.{v}."))
    return pairs + [("mid_block.attentions.0.", "middle_block.1.")]


def vae_name(name):
    """Return the original name of a tensor of the autoencoder."""
    for old, new in [("conv_norm_out", "norm_out"), ("conv_shortcut", "nin_shortcut")]:
        name = name.replace(old, new)
    for level in range(4):
        name = name.replace(f"encoder.down_blocks.{level}.resnets", f"encoder.down.{level}.block")
        name = name.replace(f"encoder.down_blocks.{level}.downsamplers.0", f"encoder.down.{level}.downsample")
        name = name.replace(f"decoder.up_blocks.{level}.resnets", f"decoder.up.{3 - level}.block")
        name = name.replace(f"decoder.up_blocks.{level}.upsamplers.0", f"decoder.up.{3 - level}.upsample")
    for layer in range(2):
        name = name.replace(f"mid_block.resnets.{layer}", f"mid.block_{layer + 1}")
    for old, new in [("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")]:
        name = name.replace(f"mid_block.attentions.0.{old}", f"mid.attn_1.{new}")
    return name


def networks(parts):
    """Return the parts without numbers."""
    with torch.device("meta"):
        kinds = {"unet": UNet2DConditionModel.from_config, "vae": AutoencoderKL.from_config}
        built = {part: kinds[part](parts[part]) for part in kinds}
        built["text_encoder"] = CLIPTextModel(CLIPTextConfig(**parts["text_encoder"]))
        if "text_encoder_2" in parts:
            config = CLIPTextConfig(**parts["text_encoder_2"])
            built["text_encoder_2"] = CLIPTextModelWithProjection(config)
    return built


def shapes(network):
    """Return names and shapes of a network as its loader has them, without the text encoders' leading text_model."""
    return {k.removeprefix("text_model."): tuple(v.shape) for k, v in network.state_dict().items() if "_ids" not in k}


def originals(family, part, config, tensors):
    """Return (original name, original shape, [names in the part]) for the tensors of one part."""
    prefix = PREFIXES.get(part) or PREFIXES[family, part]
    rows, fused = [], {}
    for name, shape in tensors.items():
        if part == "unet":
            rows.append((replaced(name, unet_pairs(config)), shape, name))
        elif part == "vae":
            is_matrix = "attentions.0.to_" in name and len(shape) == 2
            rows.append((vae_name(name), shape + (1, 1) if is_matrix else shape, name))
        elif "model" not in prefix.removesuffix("text_model.").split(".")[-2:]:
            rows.append((name, shape, name))
        else:
            original = name
            for old, new in OPEN_CLIP.items():
                original = original.replace(old, new)
            if any(f"self_attn.{x}_proj" in name for x in "qkv"):
                layer, parameter = name.split(".")[2], name.rsplit(".", 1)[1]
                key = f"transformer.resblocks.{layer}.attn.in_proj_{parameter}"
                fused.setdefault(key, []).append((name, shape))
            else:
                rows.append((original, shape[::-1] if original == "text_projection" else shape, name))
    for key, members in fused.items():
        ordered = [next(m for m in members if f".{x}_proj." in m[0]) for x in "qkv"]
        shape = (3 * ordered[0][1][0],) + ordered[0][1][1:]
        rows.append((key, shape, " ".join(name for name, _ in ordered)))
    return [(prefix + original, shape, name) for original, shape, name in rows]


def check(family, parts, rows, expected):
    """Let diffusers convert the checkpoint, and compare names and shapes."""
    checkpoint = {original: torch.empty(shape, device="meta") for original, shape, _, _ in rows}
    found = {
        "unet": loader.convert_ldm_unet_checkpoint(dict(checkpoint), parts["unet"]),
        "vae": loader.convert_ldm_vae_checkpoint(dict(checkpoint), parts["vae"]),
    }
    if family == "sd21":
        with torch.device("meta"):
            model = CLIPTextModel(CLIPTextConfig(**parts["text_encoder"]))
        found["text_encoder"] = loader.convert_open_clip_checkpoint(model, checkpoint, prefix="cond_stage_model.model.")
    else:
        found["text_encoder"] = loader.convert_ldm_clip_checkpoint(checkpoint)
    if family == "sdxl":
        with torch.device("meta"):
            model = CLIPTextModelWithProjection(CLIPTextConfig(**parts["text_encoder_2"]))
        prefix = "conditioner.embedders.1.model."
        found["text_encoder_2"] = loader.convert_open_clip_checkpoint(model, checkpoint, prefix=prefix)
    for part, tensors in found.items():
        names = {k.removeprefix("text_model."): tuple(v.shape) for k, v in tensors.items()}
        names = {k: v for k, v in names.items() if "position_ids" not in k}
        if names != expected[part]:
            missing, extra = expected[part].keys() - names.keys(), names.keys() - expected[part].keys()
            raise SystemExit(f"{family} {part}: missing {sorted(missing)[:5]}, unexpected {sorted(extra)[:5]}")


def main():
    """Write all files."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--out", type=Path, required=True)
    out = arguments.parse_args().out
    out.mkdir(exist_ok=True)
    for family, parts in FAMILIES.items():
        expected = {part: shapes(network) for part, network in networks(parts).items()}
        rows = [
            (original, shape, part, name)
            for part, tensors in expected.items()
            for original, shape, name in originals(family, part, parts[part], tensors)
        ]
        check(family, parts, rows, expected)
        if family == "sd21":
            # The layer and the projection that diffusers leaves out.
            last = ".resblocks.22."
            rows += [(o.replace(last, ".resblocks.23."), s, "", "") for o, s, _, _ in rows if last in o]
            rows.append(("cond_stage_model.model.text_projection", (1024, 1024), "", ""))
            rows.append(("cond_stage_model.model.logit_scale", (), "", ""))
        lines = ["\t".join([o, ",".join(map(str, s)), part, name]) for o, s, part, name in sorted(rows)]
        (out / f"{family}.tsv").write_text("\n".join(lines) + "\n")
        (out / f"{family}.json").write_text(json.dumps(parts, indent=1) + "\n")
        print(family, {part: len(tensors) for part, tensors in expected.items()})


if __name__ == "__main__":
    main()
