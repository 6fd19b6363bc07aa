"""Times parts of a Stable Diffusion model in OpenVINO or diffusers, one job a line of standard input.

    python serve.py --engine openvino --precision bf16 --model FOLDER --size 512 --parts unet vae

Loads and warms up, prints {"ready": ...} with versions, then answers each line `unet`, `vae` or `image STEPS` with
{"seconds": ...}. Stays in memory between the jobs, so that peers and tmdne can be timed in turn. OpenVINO's models are
converted by `--convert` before, in a process of its own, whose memory is not OpenVINO's. `unet` is an evaluation
of two latents, as guidance needs; `image` is text, all steps of DPM++ 2M Karras with guidance, and the decoder.
"""

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import diffusers  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel  # noqa: E402
from transformers import CLIPTextModel  # noqa: E402

NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


class Parts:
    """The model's parts as plain functions of tensors, loaded when asked for, and examples of what they take."""

    def __init__(self, folder, size, kind=torch.float32):
        """Remember where the weights are, and what they are loaded as."""
        self.folder, self.kind = folder, kind
        self.config = json.loads((folder / "unet" / "config.json").read_text())
        side = size // 8
        self.latents = torch.randn(2, 4, side, side)
        self.context = torch.randn(2, 77, self.config["cross_attention_dim"])
        self.isXL = self.config.get("addition_embed_type") == "text_time"
        self.added = (torch.randn(2, 1280), torch.tensor([[size, size, 0, 0, size, size]] * 2).float())

    def example(self, part):
        """Return what a part takes."""
        return {
            "unet": (self.latents, torch.tensor(500.0), self.context) + (self.added if self.isXL else ()),
            "vae": (self.latents[:1],),
            "text": (torch.zeros(2, 77, dtype=torch.int64),),
        }[part]

    def unet(self):
        """Return the module."""
        model = UNet2DConditionModel.from_pretrained(self.folder / "unet", torch_dtype=self.kind).eval()
        return Call(model, evaluate_xl if self.isXL else lambda m, x, t, c: m(x, t, c, return_dict=False)[0])

    def vae(self):
        """Return the module."""
        model = AutoencoderKL.from_pretrained(self.folder / "vae", torch_dtype=self.kind).eval()
        return Call(model, lambda m, z: m.decode(z, return_dict=False)[0])

    def text(self):
        """Return the module."""
        model = CLIPTextModel.from_pretrained(self.folder / "text_encoder", torch_dtype=self.kind).eval()
        return Call(model, lambda m, ids: m(ids)[0])


def evaluate_xl(model, latents, time, context, pooled, sizes):
    """Call the UNet of SDXL."""
    added = {"text_embeds": pooled, "time_ids": sizes}
    return model(latents, time, context, added_cond_kwargs=added, return_dict=False)[0]


class Call(torch.nn.Module):
    """A module's function of plain tensors, which can be traced."""

    def __init__(self, model, function):
        """Keep both."""
        super().__init__()
        self.model, self.function = model, function

    def forward(self, *arguments):
        """Call it."""
        return self.function(self.model, *arguments)


def convert(module, example, cache):
    """Convert for OpenVINO; the model is kept in `cache`.

    The weights of a module in 16 bits stay so: traced in 32, SDXL's do not fit into 24 GB."""
    import openvino
    from openvino.frontend.pytorch.patch_model import __make_16bit_traceable as keep_weights

    if any(parameter.dtype == torch.float16 for parameter in module.parameters()):
        keep_weights(module)
    kinds = [openvino.Type.f32 if e.is_floating_point() else openvino.Type.i64 for e in example]
    shapes = [list(e.shape) for e in example]
    with torch.no_grad():
        model = openvino.convert_model(module, example_input=example, input=list(zip(shapes, kinds, strict=True)))
    cache.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, cache, compress_to_fp16=True)


def in_openvino(cache, precision):
    """Compile a converted model for the processor."""
    import openvino

    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(cache, "CPU", options).create_infer_request()

    def run(*arguments):
        inputs = [np.asarray(a, dtype=np.float32 if a.is_floating_point() else np.int64) for a in arguments]
        return torch.from_numpy(next(iter(request.infer(inputs).values())).copy())

    return run


def in_torch(module, precision):
    """Return the module as people run it: channels last where the precision is reduced."""
    if precision == "bf16":
        module = module.bfloat16().to(memory_format=torch.channels_last)

    def run(*arguments):
        if precision == "bf16":
            arguments = [a.bfloat16() if a.is_floating_point() and a.dim() > 0 else a for a in arguments]
        return module(*arguments).float()

    return run


def image(run, steps, context, side):
    """Render a picture."""
    scheduler = DPMSolverMultistepScheduler(
        **NOISE, steps_offset=1, timestep_spacing="leading", use_karras_sigmas=True
    )
    scheduler.set_timesteps(steps)
    text, latents = run["text"](context), torch.randn(1, 4, side, side)
    for moment in scheduler.timesteps:
        pair = scheduler.scale_model_input(torch.cat([latents, latents]), moment)
        negative, positive = run["unet"](pair, moment.float(), text).chunk(2)
        latents = scheduler.step(negative + 7.5 * (positive - negative), moment, latents).prev_sample
    return run["vae"](latents / 0.18215)


def main():
    """Load, warm up, and answer."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--engine", choices=["openvino", "diffusers"], required=True)
    parser.add_argument("--precision", choices=["f32", "bf16"], required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--parts", nargs="+", default=["unet"])
    parser.add_argument("--cache", type=Path, required=True, help="folder for converted models")
    parser.add_argument("--convert", action="store_true", help="convert for OpenVINO what is not yet, and end")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    parts, run = Parts(args.model, args.size), {}
    if args.convert and parts.isXL:
        parts.kind = torch.float16
    examples = {name: parts.example(name) for name in args.parts}
    caches = {name: args.cache / f"{args.model.name}-{name}-{args.size}.xml" for name in args.parts}
    if args.convert:
        for name in args.parts:
            if not caches[name].exists():
                convert(getattr(parts, name)(), examples[name], caches[name])
        return
    begin = time.perf_counter()
    for name in args.parts:
        if args.engine == "openvino":
            run[name] = in_openvino(caches[name], args.precision)
        else:
            run[name] = in_torch(getattr(parts, name)(), args.precision)
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__}
    if args.engine == "openvino":
        import openvino

        versions = {"openvino": openvino.__version__.split("-")[0]}
    with torch.inference_mode():
        for name, example in examples.items():
            run[name](*example)
        print(json.dumps({"ready": round(time.perf_counter() - begin, 3), "versions": versions}), flush=True)
        for line in sys.stdin:
            job, *arguments = line.split()
            begin = time.perf_counter()
            if job == "image":
                image(run, int(arguments[0]), examples["text"][0], args.size // 8)
            else:
                run[job](*examples[job])
            print(json.dumps({"seconds": round(time.perf_counter() - begin, 4)}), flush=True)


if __name__ == "__main__":
    main()
