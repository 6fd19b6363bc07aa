"""Small LoRAs in the formats that are met, and the weights that diffusers has after it fused them.

    python make_loras.py --models . --out loras

The models are random-sd15 and family-sdxl of this folder; diffusers needs peft for this, which Benchmarks/peers does not
install. For each LoRA:

NAME.safetensors           sd15-kohya     names of the diffusers UNet with underscores, linear layers and convolutions, alphas
                           sd15-peft      diffusers' own format, the alpha in the metadata
                           sd15-tucker    a convolution with a core tensor (lora_mid); fused by LyCORIS' formula, since
                                          diffusers does not know it
                           sdxl-kohya     names of the original UNet's blocks, both text encoders
NAME.expected.safetensors  what the changed weights are with a weight of 0.75, in float32, as PART/TENSOR.
"""

import argparse
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

WEIGHT = 0.75
SD15 = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q": "unet",
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0": "unet",
    "lora_unet_down_blocks_1_attentions_1_transformer_blocks_0_attn2_to_k": "unet",
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj": "unet",
    "lora_unet_mid_block_attentions_0_proj_in": "unet",
    "lora_unet_up_blocks_3_resnets_2_conv1": "unet",
    "lora_unet_up_blocks_2_upsamplers_0_conv": "unet",
    "lora_te_text_model_encoder_layers_1_mlp_fc1": "text_encoder",
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj": "text_encoder",
    "lora_te_text_model_encoder_layers_0_self_attn_k_proj": "text_encoder",
    "lora_te_text_model_encoder_layers_0_self_attn_v_proj": "text_encoder",
    "lora_te_text_model_encoder_layers_0_self_attn_out_proj": "text_encoder",
}
SDXL = {
    "lora_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_v": "unet",
    "lora_unet_input_blocks_8_1_proj_out": "unet",
    "lora_unet_middle_block_1_transformer_blocks_2_ff_net_2": "unet",
    "lora_unet_output_blocks_0_1_transformer_blocks_0_attn2_to_k": "unet",
    "lora_unet_output_blocks_5_1_proj_in": "unet",
    "lora_te1_text_model_encoder_layers_0_mlp_fc2": "text_encoder",
    "lora_te2_text_model_encoder_layers_1_self_attn_out_proj": "text_encoder_2",
}
# The original names of SDXL's layers, in diffusers' words.
BLOCKS = {
    "input_blocks_4_1": "down_blocks_1_attentions_0",
    "input_blocks_8_1": "down_blocks_2_attentions_1",
    "middle_block_1": "mid_block_attentions_0",
    "output_blocks_0_1": "up_blocks_0_attentions_0",
    "output_blocks_5_1": "up_blocks_1_attentions_2",
}


def module_of(pipeline, part, name):
    """Return name and module of the layer that kohya calls `name`."""
    layer = name.split("_", 2)[2]
    for old, new in BLOCKS.items():
        layer = layer.replace(old, new)
    modules = dict(getattr(pipeline, part).named_modules())
    found = {k.replace(".", "_").removeprefix("text_model_"): k for k in modules if k}
    key = found[layer.removeprefix("text_model_")]
    return key, modules[key]


def matrices(weight, rank, generator):
    """Return random up and down for a weight; the kernel lies in down."""
    up = torch.randn((weight.shape[0], rank) + (1, 1) * (weight.ndim == 4), generator=generator)
    down = torch.randn((rank,) + tuple(weight.shape[1:]), generator=generator)
    return (up * 0.3).half(), (down * 0.3).half()


def kohya(pipeline, layers, generator):
    """Return a LoRA in kohya's format and the names of the changed tensors."""
    tensors, changed = {}, []
    for name, part in layers.items():
        key, module = module_of(pipeline, part, name)
        # Trainers have one rank and alpha for convolutions and one for all else; with more, diffusers mixes them up.
        rank, alpha = (3, 1.0) if module.weight.ndim == 4 and module.weight.shape[2] > 1 else (2, 3.0)
        up, down = matrices(module.weight, rank, generator)
        tensors |= {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down}
        tensors[f"{name}.alpha"] = torch.tensor(alpha)
        changed.append((part, f"{key}.weight"))
    return tensors, changed


def fused(pipeline, path, changed):
    """Let diffusers load and fuse the LoRA, and return the changed tensors."""
    pipeline.load_lora_weights(path)
    pipeline.fuse_lora(lora_scale=WEIGHT)
    pipeline.unload_lora_weights()
    result = {}
    for part, key in changed:
        state = getattr(pipeline, part).state_dict()
        result[f"{part}/{key.removeprefix('text_model.')}"] = state[key].float().contiguous()
    return result


def peft_format(pipeline, out, generator):
    """Write a LoRA as diffusers' own training scripts do, and return the names of the changed tensors."""
    targets = ["to_k", "to_q", "to_v", "to_out.0", "conv2"]
    config = LoraConfig(r=3, lora_alpha=7, target_modules=targets, init_lora_weights=False)
    pipeline.unet.add_adapter(config)
    with torch.no_grad():
        for name, parameter in pipeline.unet.named_parameters():
            if "lora_" in name:
                parameter.copy_((0.3 * torch.randn(parameter.shape, generator=generator)).half())
    layers = get_peft_model_state_dict(pipeline.unet)
    metadata = config.to_dict() | {"target_modules": targets}
    metadata = {k: v for k, v in metadata.items() if isinstance(v, (int, float, str, bool, list))}
    StableDiffusionPipeline.save_lora_weights(
        out.parent, unet_lora_layers=layers, weight_name=out.name, unet_lora_adapter_metadata=metadata
    )
    return [("unet", k.replace(".lora_A.weight", ".weight")) for k in layers if k.endswith("lora_A.weight")][::7]


def tucker(pipeline, generator):
    """Return a LoRA with a core tensor, and what becomes of its layer."""
    name, key = "lora_unet_down_blocks_1_resnets_0_conv1", "down_blocks.1.resnets.0.conv1.weight"
    weight, rank = pipeline.unet.state_dict()[key].float(), 3
    up = torch.randn((weight.shape[0], rank, 1, 1), generator=generator)
    down = torch.randn((rank, weight.shape[1], 1, 1), generator=generator)
    middle = torch.randn((rank, rank, 3, 3), generator=generator) * 0.3
    delta = torch.einsum("n m k l, i n, m j -> i j k l", middle, up[:, :, 0, 0], down[:, :, 0, 0])
    tensors = {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down, f"{name}.lora_mid.weight": middle}
    tensors[f"{name}.alpha"] = torch.tensor(2.0)
    return tensors, {f"unet/{key}": (weight + WEIGHT * 2.0 / rank * delta).contiguous()}


def main():
    """Write all files."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--models", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments = arguments.parse_args()
    out = arguments.out
    out.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    generator = torch.Generator("cpu").manual_seed(11)

    def pipeline(kind, model):
        options = {"safety_checker": None} if kind is StableDiffusionPipeline else {}
        return kind.from_pretrained(arguments.models / model, dtype=torch.float32, **options)

    def sd15():
        return pipeline(StableDiffusionPipeline, "random-sd15")

    def sdxl():
        return pipeline(StableDiffusionXLPipeline, "family-sdxl")

    for name, build, layers in [("sd15-kohya", sd15, SD15), ("sdxl-kohya", sdxl, SDXL)]:
        tensors, changed = kohya(build(), layers, generator)
        save_file({k: v.contiguous() for k, v in tensors.items()}, out / f"{name}.safetensors")
        save_file(fused(build(), out / f"{name}.safetensors", changed), out / f"{name}.expected.safetensors")
    changed = peft_format(sd15(), out / "sd15-peft.safetensors", generator)
    save_file(fused(sd15(), out / "sd15-peft.safetensors", changed), out / "sd15-peft.expected.safetensors")
    tensors, result = tucker(sd15(), generator)
    save_file(tensors, out / "sd15-tucker.safetensors")
    save_file(result, out / "sd15-tucker.expected.safetensors")


if __name__ == "__main__":
    main()
