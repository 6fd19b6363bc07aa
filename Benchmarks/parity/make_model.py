"""A model of true size with random weights, and what diffusers computes with it in float32.

    python make_model.py FAMILY --tokenizer FOLDER --out FOLDER

FAMILY is sd15, sd21 or sdxl. Writes a diffusers folder with fp16 weights and expected.safetensors: the text encodings of a
prompt, one UNet evaluation, one decoded picture, and a picture of four Euler steps with guidance. One part is in memory at
a time, as Stable Diffusion XL takes 14 GB in float32.
"""

import argparse
import gc
import json
import shutil
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

PROMPT = "young woman with short red hair teaching math at a blackboard"
NEGATIVE = "bangs curls"
SIDE = 256
TIMESTEP = 481
CROSS = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
WIDE = {"block_out_channels": (320, 640, 1280, 1280), "down_block_types": CROSS[0], "up_block_types": CROSS[1]}
VIT_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
VIT_H = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16}
VIT_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}
FAMILIES = {
    "sd15": {
        "unet": {**WIDE, "cross_attention_dim": 768, "attention_head_dim": 8, "sample_size": 64},
        "encoders": [("text_encoder", CLIPTextModel, {**VIT_L, "hidden_act": "quick_gelu"})],
        "scaling": 0.18215,
        "prediction": "epsilon",
    },
    "sd21": {
        "unet": {
            **WIDE,
            "cross_attention_dim": 1024,
            "attention_head_dim": [5, 10, 20, 20],
            "use_linear_projection": True,
            "sample_size": 96,
        },
        "encoders": [("text_encoder", CLIPTextModel, {**VIT_H, "hidden_act": "gelu"})],
        "scaling": 0.18215,
        "prediction": "v_prediction",
    },
    "sdxl": {
        "unet": {
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "cross_attention_dim": 2048,
            "attention_head_dim": [5, 10, 20],
            "transformer_layers_per_block": [1, 2, 10],
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
            "sample_size": 128,
        },
        "encoders": [
            ("text_encoder", CLIPTextModel, {**VIT_L, "hidden_act": "quick_gelu"}),
            ("text_encoder_2", CLIPTextModelWithProjection, {**VIT_G, "hidden_act": "gelu", "projection_dim": 1280}),
        ],
        "scaling": 0.13025,
        "prediction": "epsilon",
    },
}


def write_json(path, value):
    """Write readable JSON, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def make(family, out, tokenizer_folder):
    """Write the model."""
    shape = FAMILIES[family]
    index = {"_class_name": "StableDiffusionXLPipeline" if family == "sdxl" else "StableDiffusionPipeline"}
    for position, (name, kind, arguments) in enumerate(shape["encoders"]):
        folder = out / ("tokenizer" if position == 0 else "tokenizer_2")
        shutil.copytree(tokenizer_folder, folder)
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        kind(CLIPTextConfig(vocab_size=49408, **ids, **arguments)).half().save_pretrained(out / name)
        index[name] = ["transformers", kind.__name__]
        index[folder.name] = ["transformers", "CLIPTokenizer"]
    AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=shape["scaling"],
    ).half().save_pretrained(out / "vae")
    UNet2DConditionModel(**shape["unet"]).half().save_pretrained(out / "unet")
    EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        timestep_spacing="leading",
        prediction_type=shape["prediction"],
    ).save_pretrained(out / "scheduler")
    write_json(out / "model_index.json", index)


@torch.no_grad()
def compute(family, out):
    """Return the expected tensors."""
    torch.manual_seed(1)
    shape = FAMILIES[family]
    load = {"torch_dtype": torch.float32}
    encoders = {
        name: kind.from_pretrained(out / name, dtype=torch.float32) for name, kind, _ in shape["encoders"]
    }
    tokenizers = {
        folder.name: CLIPTokenizer.from_pretrained(folder) for folder in sorted(out.glob("tokenizer*"))
    }
    scheduler = EulerDiscreteScheduler.from_pretrained(out / "scheduler")
    vae = AutoencoderKL.from_pretrained(out / "vae", **load)
    common = {"vae": vae, "scheduler": scheduler}
    kind = StableDiffusionPipeline
    if family == "sdxl":
        kind = StableDiffusionXLPipeline
        common["add_watermarker"] = False
    else:
        common |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = kind(unet=None, **encoders, **tokenizers, **common)
    encoded = pipeline.encode_prompt(
        prompt=PROMPT, negative_prompt=NEGATIVE, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True
    )
    names = ["prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds"]
    texts = dict(zip(names, encoded))
    tensors = {"text.output": texts["prompt_embeds"][0]}
    added = None
    if family == "sdxl":
        tensors["text.pooled"] = texts["pooled_prompt_embeds"][0]
        sizes = torch.tensor([[SIDE, SIDE, 0, 0, SIDE, SIDE]], dtype=torch.float32)
        added = {"text_embeds": texts["pooled_prompt_embeds"], "time_ids": sizes}
    latents = torch.randn((1, 4, SIDE // 8, SIDE // 8))
    tensors |= {"vae.latents": latents, "vae.decoded": vae.decode(latents / vae.config.scaling_factor).sample}
    del pipeline, encoders
    gc.collect()
    unet = UNet2DConditionModel.from_pretrained(out / "unet", **load)
    output = unet(latents, TIMESTEP, texts["prompt_embeds"], added_cond_kwargs=added).sample
    tensors |= {"unet.sample": latents.clone(), "unet.output": output}
    parts = {name: None for name, _, _ in shape["encoders"]} | {name: None for name in tokenizers}
    pipeline = kind(unet=unet, **parts, **common)
    image = pipeline(
        **texts,
        num_inference_steps=4,
        guidance_scale=7.5,
        height=SIDE,
        width=SIDE,
        generator=torch.Generator("cpu").manual_seed(7),
        output_type="pt",
    ).images[0]
    tensors["picture"] = (image.permute(1, 2, 0) * 255).round().to(torch.uint8)
    return {k: v.contiguous() for k, v in tensors.items()}


def main():
    """Make one model and its expected tensors."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of a CLIP tokenizer, copied")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights-only", action="store_true", help="only the model, which is all that timing needs")
    args = parser.parse_args()
    torch.manual_seed(0)
    if not (args.out / "unet").exists():
        make(args.family, args.out, args.tokenizer)
        gc.collect()
    if args.weights_only:
        return
    save_file(compute(args.family, args.out), args.out / "expected.safetensors")


if __name__ == "__main__":
    main()
