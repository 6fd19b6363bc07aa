"""Small models with random weights of every family and format that is loaded, and what diffusers computes with them.

    python make_families.py --tokenizer ../../../Models/tmdne-tiny/tokenizer --out .

Whole folders, each with expected.safetensors beside its parts:

family-sd2     Stable Diffusion 2: OpenCLIP-H's shape (gelu, padding with "!"), heads per block, linear projections,
               v-prediction; fp16 weights under the file names of the fp16 variant, no prefix in the text encoder.
family-sdxl    Stable Diffusion XL: two text encoders, the second with a projection and other padding, penultimate hidden
               states, pooled text and size condition, several transformer blocks per layer; bf16 weights, the UNet in two
               files with an index. Holds a picture of four Euler steps by the whole pipeline, too.

Single UNets:

unet-lcm       with the guidance embedding of latent consistency models.
unet-reduced   Stable Diffusion XL as SSD-1B and Segmind-Vega have it: transformer depths that differ within a block and
               between down and up, a middle of one residual block.
unet-tiny      as the BK-SDM and tiny-sd models: one layer in a block, no middle.

And a VAE:

vae-plain      without quantisation convolutions and attention, with a shift factor.

Expected values are computed in float32 from the widened weights.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import (
    LatentConsistencyModelPipeline,
)
from make_random_models import GROUPS, PROMPTS, SCHEDULER, TIMESTEP
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

SIZES = [[1024, 768, 0, 64, 512, 640], [256, 320, 16, 0, 256, 320]]
GUIDANCES = [1.0, 7.5]
PICTURE = {"seed": 7, "steps": 4, "guidance": 5.0, "height": 64, "width": 96}


@torch.no_grad()
def randomise(network, generator, dtype):
    """Give every weight a random value that `dtype` can hold: matrices keep the variance, norms lie around 1."""
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim > 1:
            fan_in = parameter[0].numel()
            value = noise if "embedding" in name and "linear" not in name else noise / fan_in**0.5
        else:
            value = 0.1 * noise + ("norm" in name and name.endswith("weight"))
        parameter.copy_(value.to(dtype))
    return network.eval()


def save(network, folder, dtype, **arguments):
    """Write one part in `dtype`, and a config without paths; the network stays as it is."""
    network.to(dtype).save_pretrained(folder, **arguments)
    network.float()
    config = json.loads((folder / "config.json").read_text())
    config.pop("_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def text_encoder(tokenizer, kind, width, layers, heads, activation, projection):
    """Return an untrained text encoder of class `kind`."""
    return kind(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            max_position_embeddings=77,
            hidden_act=activation,
            projection_dim=projection,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def autoencoder(channels=(8, 8, 16, 16), **arguments):
    """Return an untrained VAE."""
    return AutoencoderKL(
        block_out_channels=channels,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=GROUPS,
        sample_size=128,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        **arguments,
    )


def write_json(path, value):
    """Write readable JSON, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def tokens(tokenizer):
    """Return the ids of the prompts."""
    return tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids


def finish(folder, tensors):
    """Write the expected tensors."""
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "expected.safetensors")
    for key, value in tensors.items():
        print(folder.name, key, list(value.shape), f"max {value.abs().max().item():.3g}")


@torch.no_grad()
def decode(vae, generator):
    """Return latents and the picture that the VAE makes of them."""
    latents = torch.randn((1, 4, 5, 9), generator=generator)
    shift = vae.config.shift_factor or 0
    return {"vae.latents": latents, "vae.decoded": vae.decode(latents / vae.config.scaling_factor + shift).sample}


def padded_with(tokenizer_folder, token, folder):
    """Copy a tokenizer, with another padding token."""
    shutil.copytree(tokenizer_folder, folder)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        config = json.loads((folder / name).read_text())
        config["pad_token"] = token
        write_json(folder / name, config)
    return CLIPTokenizer.from_pretrained(folder)


@torch.no_grad()
def stable_diffusion_2(folder, tokenizer_folder):
    """Write family-sd2."""
    generator = torch.Generator("cpu").manual_seed(2)
    tokenizer = padded_with(tokenizer_folder, "!", folder / "tokenizer")
    dtype = torch.float16
    encoder = text_encoder(tokenizer, CLIPTextModel, 32, 3, 4, "gelu", 16)
    unet = UNet2DConditionModel(
        sample_size=96,
        block_out_channels=(8, 16, 24, 24),
        cross_attention_dim=32,
        attention_head_dim=[1, 2, 3, 3],
        norm_num_groups=GROUPS,
        use_linear_projection=True,
        upcast_attention=True,
    )
    vae = autoencoder(scaling_factor=0.18215)
    for name, network in (("text_encoder", encoder), ("unet", unet), ("vae", vae)):
        save(randomise(network, generator, dtype), folder / name, dtype, variant="fp16")
    path = folder / "text_encoder" / "model.fp16.safetensors"
    save_file({k.removeprefix("text_model."): v for k, v in load_file(path).items()}, path, metadata={"format": "pt"})
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER | {"prediction_type": "v_prediction"})
    write_json(
        folder / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "scheduler": ["diffusers", "DDIMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    ids = tokens(tokenizer)
    context = encoder(ids).last_hidden_state
    skipped = encoder.text_model.final_layer_norm if hasattr(encoder, "text_model") else encoder.final_layer_norm
    hidden = encoder(ids, output_hidden_states=True).hidden_states
    sample = torch.randn((2, 4, 16, 24), generator=generator)
    finish(
        folder,
        {
            "text.ids": ids.to(torch.int32),
            "text.output": context,
            "text.skip1": skipped(hidden[-2]),
            "unet.sample": sample,
            "unet.output": unet(sample, TIMESTEP, context).sample,
            **decode(vae, generator),
        },
    )


def xl_unet(**arguments):
    """Return an untrained UNet with the conditions of Stable Diffusion XL."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16, 24),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=40,
        attention_head_dim=[1, 2, 3],
        norm_num_groups=GROUPS,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=20 + 6 * 8,
        **arguments,
    )


@torch.no_grad()
def stable_diffusion_xl(folder, tokenizer_folder):
    """Write family-sdxl."""
    generator = torch.Generator("cpu").manual_seed(3)
    shutil.copytree(tokenizer_folder, folder / "tokenizer")
    tokenizers = [
        CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        padded_with(tokenizer_folder, "!", folder / "tokenizer_2"),
    ]
    dtype = torch.bfloat16
    encoders = [
        text_encoder(tokenizers[0], CLIPTextModel, 16, 2, 2, "quick_gelu", 16),
        text_encoder(tokenizers[1], CLIPTextModelWithProjection, 24, 3, 2, "gelu", 20),
    ]
    unet = xl_unet(transformer_layers_per_block=[1, 2, 3])
    vae = autoencoder((8, 8, 16), scaling_factor=0.13025, force_upcast=True)
    for name, network in (("text_encoder", encoders[0]), ("text_encoder_2", encoders[1]), ("vae", vae)):
        save(randomise(network, generator, dtype), folder / name, dtype)
    save(randomise(unet, generator, dtype), folder / "unet", dtype, max_shard_size="500KB")
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading"
    )
    pipeline = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=encoders[0],
        text_encoder_2=encoders[1],
        tokenizer=tokenizers[0],
        tokenizer_2=tokenizers[1],
        unet=unet,
        scheduler=scheduler,
        add_watermarker=False,
    )
    scheduler.save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionXLPipeline",
        "force_zeros_for_empty_prompt": True,
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    write_json(folder / "model_index.json", index)
    context, _, pooled, _ = pipeline.encode_prompt(prompt=PROMPTS, device="cpu", do_classifier_free_guidance=False)
    skipped, _, _, _ = pipeline.encode_prompt(
        prompt=PROMPTS, device="cpu", do_classifier_free_guidance=False, clip_skip=1
    )
    sample = torch.randn((2, 4, 8, 12), generator=generator)
    added = {"text_embeds": pooled, "time_ids": torch.tensor(SIZES, dtype=torch.float32)}
    picture = {}
    for name, negative in (("zeros", None), ("text", PROMPTS[0][20:])):
        image = pipeline(
            prompt=PROMPTS[0],
            negative_prompt=negative,
            num_inference_steps=PICTURE["steps"],
            guidance_scale=PICTURE["guidance"],
            height=PICTURE["height"],
            width=PICTURE["width"],
            generator=torch.Generator("cpu").manual_seed(PICTURE["seed"]),
            output_type="pt",
        ).images
        picture[f"picture.{name}"] = (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
    finish(
        folder,
        {
            "text.ids": tokens(tokenizers[0]).to(torch.int32),
            "text.ids_2": tokens(tokenizers[1]).to(torch.int32),
            "text.output": context,
            "text.skip1": skipped,
            "text.pooled": pooled,
            "unet.sample": sample,
            "unet.output": unet(sample, TIMESTEP, context, added_cond_kwargs=added).sample,
            **decode(vae, generator),
            **picture,
        },
    )


@torch.no_grad()
def single_unet(folder, unet, seed, is_guided=False, is_xl=False):
    """Write a UNet alone."""
    generator = torch.Generator("cpu").manual_seed(seed)
    save(randomise(unet, generator, torch.float16), folder, torch.float16)
    context = torch.randn((2, 77, unet.config.cross_attention_dim), generator=generator)
    sample = torch.randn((2, 4, 16, 8), generator=generator)
    arguments, tensors = {}, {}
    if is_guided:
        scales = torch.tensor(GUIDANCES)
        embed = LatentConsistencyModelPipeline.get_guidance_scale_embedding
        arguments["timestep_cond"] = embed(None, scales - 1, embedding_dim=unet.config.time_cond_proj_dim)
    if is_xl:
        tensors["text.pooled"] = torch.randn((2, 20), generator=generator)
        arguments["added_cond_kwargs"] = {
            "text_embeds": tensors["text.pooled"],
            "time_ids": torch.tensor(SIZES, dtype=torch.float32),
        }
    output = unet(sample, TIMESTEP, context, **arguments).sample
    finish(folder, {"text.output": context, "unet.sample": sample, "unet.output": output, **tensors})


def main():
    """Write all folders."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of a CLIP tokenizer, copied")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    folders = ["family-sd2", "family-sdxl", "unet-lcm", "unet-reduced", "unet-tiny", "vae-plain"]
    for name in folders:
        shutil.rmtree(args.out / name, ignore_errors=True)
    stable_diffusion_2(args.out / "family-sd2", args.tokenizer)
    stable_diffusion_xl(args.out / "family-sdxl", args.tokenizer)
    small = {"cross_attention_dim": 16, "attention_head_dim": 2, "norm_num_groups": GROUPS}
    lcm = UNet2DConditionModel(
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        time_cond_proj_dim=32,
        **small,
    )
    single_unet(args.out / "unet-lcm", lcm, 4, is_guided=True)
    reduced = xl_unet(
        transformer_layers_per_block=[1, [1, 2], [2, 1]],
        reverse_transformer_layers_per_block=[[1, 2, 1], [2, 1, 1], 1],
        mid_block_type="UNetMidBlock2D",
    )
    single_unet(args.out / "unet-reduced", reduced, 5, is_xl=True)
    tiny = UNet2DConditionModel(
        block_out_channels=(8, 16, 16),
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        layers_per_block=1,
        mid_block_type=None,
        **small,
    )
    single_unet(args.out / "unet-tiny", tiny, 6)
    plain = autoencoder(
        scaling_factor=1.5305,
        shift_factor=0.0609,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
    )
    generator = torch.Generator("cpu").manual_seed(8)
    save(randomise(plain, generator, torch.float32), args.out / "vae-plain", torch.float16)
    plain = AutoencoderKL.from_pretrained(args.out / "vae-plain", torch_dtype=torch.float32)
    finish(args.out / "vae-plain", decode(plain, generator))


if __name__ == "__main__":
    main()
