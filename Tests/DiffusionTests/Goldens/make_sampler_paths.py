"""Toy trajectories of all samplers, as diffusers and k-diffusion run them; no network is needed.

    python make_sampler_paths.py FOLDER

FOLDER holds the unpacked wheels of k-diffusion 0.1.1, torchsde 0.2.6, trampoline 0.1.2 and scipy (pip install --no-deps --target). Writes
sampler_paths.safetensors with, for each case,

    diffusers/<sampler>[-<layout>]/<spacing>/<prediction>[/zsnr|/eta].timesteps|scale|latents
    <a1111|comfyui>/<sampler>[-<layout>]/<prediction>.timesteps|latents

where latents are those before the first evaluation and after each one for diffusers, and the last ones for k-diffusion. The
network is tanh(0.8 x) + 0.1 sin(t / 100), whatever it is taken to predict; the first latents are 16 numbers of torch's
generator with seed 7, which goes on to draw what samplers add, except where they follow a Brownian path of seed 7.
Also brownian.<source>: increments of paths, and beta: levels of the beta layouts.
"""
import importlib.util
import sys
import types

import numpy as np
import torch
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, DPMSolverSDEScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, HeunDiscreteScheduler, KDPM2AncestralDiscreteScheduler,
                       KDPM2DiscreteScheduler, LCMScheduler, LMSDiscreteScheduler, PNDMScheduler, TCDScheduler,
                       UniPCMultistepScheduler)
from safetensors.torch import save_file

sys.path.insert(0, sys.argv[1])
# Only the samplers are wanted, not the training tools beside them.
package = types.ModuleType("k_diffusion")
package.__path__ = [sys.argv[1] + "/k_diffusion"]
utils = types.ModuleType("k_diffusion.utils")
utils.append_dims = lambda x, dims: x[(...,) + (None,) * (dims - x.ndim)]
package.utils = utils
sys.modules.update({"k_diffusion": package, "k_diffusion.utils": utils, "torchdiffeq": types.ModuleType("torchdiffeq")})
sys.modules["torchdiffeq"].odeint = None
import torchsde  # noqa: E402
from k_diffusion import external, sampling  # noqa: E402

BASE = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
LEADING = dict(BASE, steps_offset=1)
EXACT = dict(clip_sample=False, set_alpha_to_one=False)
STEPS = 12
SAMPLERS = {
    "ddim": (DDIMScheduler, {**LEADING, **EXACT}),
    "pndm": (PNDMScheduler, {**LEADING, "skip_prk_steps": True, "set_alpha_to_one": False}),
    "euler": (EulerDiscreteScheduler, LEADING),
    "euler-a": (EulerAncestralDiscreteScheduler, LEADING),
    "heun": (HeunDiscreteScheduler, LEADING),
    "lms": (LMSDiscreteScheduler, LEADING),
    "dpm2": (KDPM2DiscreteScheduler, LEADING),
    "dpm2-a": (KDPM2AncestralDiscreteScheduler, LEADING),
    "dpmpp-sde": (DPMSolverSDEScheduler, {**LEADING, "noise_sampler_seed": 7}),
    "dpmpp-2m": (DPMSolverMultistepScheduler, LEADING),
    "dpmpp-2m-sde": (DPMSolverMultistepScheduler, {**LEADING, "algorithm_type": "sde-dpmsolver++"}),
    "unipc": (UniPCMultistepScheduler, LEADING),
    "lcm": (LCMScheduler, {**BASE, **EXACT}),
    "tcd": (TCDScheduler, {**BASE, **EXACT}),
}
DRAWS = {"euler-a", "dpm2-a", "dpmpp-2m-sde", "lcm", "tcd"}
ZERO_SNR = {"ddim", "euler", "euler-a", "dpmpp-2m", "dpmpp-2m-sde", "unipc"}
golden = {}


def network(x, t):
    return torch.tanh(0.8 * x) + 0.1 * torch.sin(torch.as_tensor(t, dtype=torch.float32) / 100)


def run(key, name, eta=None, **more):
    scheduler_class, options = SAMPLERS[name]
    scheduler = scheduler_class(**{**options, **more})
    scheduler.set_timesteps(STEPS)
    generator = torch.Generator("cpu").manual_seed(7)
    x = torch.randn((1, 1, 4, 4), generator=generator) * scheduler.init_noise_sigma
    path = [x.flatten().float()]
    for t in scheduler.timesteps:
        drawing = {"generator": generator} if name in DRAWS or eta else {}
        if eta is not None:
            drawing["eta"] = eta
        x = scheduler.step(network(scheduler.scale_model_input(x, t), t), t, x, **drawing).prev_sample
        path.append(x.flatten().float())
    golden[f"diffusers/{key}.timesteps"] = scheduler.timesteps.float().clone()
    golden[f"diffusers/{key}.scale"] = torch.tensor([float(scheduler.init_noise_sigma)])
    golden[f"diffusers/{key}.latents"] = torch.stack(path)


for name in SAMPLERS:
    spacings = [None] if name in ("lcm", "tcd") else ["leading", "linspace", "trailing"]
    for spacing in spacings:
        if name == "pndm" and spacing == "linspace":
            continue  # steps beyond the last trained timestep
        spaced = {} if spacing is None else {"timestep_spacing": spacing}
        for prediction in ("epsilon", "v_prediction"):
            run(f"{name}/{spacing or 'leading'}/{prediction}", name, prediction_type=prediction, **spaced)
    if name in ZERO_SNR:
        run(f"{name}/trailing/v_prediction/zsnr", name, prediction_type="v_prediction", timestep_spacing="trailing",
            rescale_betas_zero_snr=True)
run("heun/leading/sample", "heun", prediction_type="sample")
run("ddim/leading/sample", "ddim", prediction_type="sample")
run("ddim/leading/epsilon/eta", "ddim", eta=0.75)
run("tcd/leading/epsilon/eta", "tcd", eta=0.75)
for layout in ("karras", "exponential", "beta"):
    for name in ("euler", "heun", "lms", "dpm2", "dpm2-a", "dpmpp-sde", "dpmpp-2m", "dpmpp-2m-sde", "unipc"):
        run(f"{name}-{layout}/leading/epsilon", name, **{f"use_{layout}_sigmas": True})


class Denoiser(external.DiscreteEpsDDPMDenoiser):
    """Records the timesteps that the network is told."""

    def __init__(self, alphas_cumprod, quantize):
        super().__init__(None, alphas_cumprod, quantize)
        self.seen = []

    def get_eps(self, x, t, **_):
        self.seen.append(float(t))
        return network(x, t)


class VDenoiser(external.DiscreteVDDPMDenoiser):
    def __init__(self, alphas_cumprod, quantize):
        super().__init__(None, alphas_cumprod, quantize)
        self.seen = []

    def get_v(self, x, t, **_):
        self.seen.append(float(t))
        return network(x, t)


alphas_cumprod = EulerDiscreteScheduler(**BASE).alphas_cumprod
K_SAMPLERS = {
    "euler": sampling.sample_euler, "euler-a": sampling.sample_euler_ancestral, "heun": sampling.sample_heun,
    "lms": sampling.sample_lms, "dpm2": sampling.sample_dpm_2, "dpm2-a": sampling.sample_dpm_2_ancestral,
    "dpmpp-2m": sampling.sample_dpmpp_2m, "dpmpp-sde": sampling.sample_dpmpp_sde,
    "dpmpp-2m-sde": sampling.sample_dpmpp_2m_sde, "dpmpp-3m-sde": sampling.sample_dpmpp_3m_sde,
}


def sigmas_of(layout, denoiser, count):
    low, high = float(denoiser.sigma_min), float(denoiser.sigma_max)
    if layout == "karras":
        return sampling.get_sigmas_karras(count, low, high)
    if layout == "exponential":
        return sampling.get_sigmas_exponential(count, low, high)
    return denoiser.get_sigmas(count)


for convention in ("a1111", "comfyui"):
    for name, sample in K_SAMPLERS.items():
        for layout in (None, "karras", "exponential"):
            for prediction, kind in (("epsilon", Denoiser), ("v_prediction", VDenoiser)):
                if prediction == "v_prediction" and layout is not None:
                    continue
                denoiser = kind(alphas_cumprod, quantize=convention == "comfyui")
                discards = name in ("dpm2", "dpm2-a")
                sigmas = sigmas_of(layout, denoiser, STEPS + discards)
                if discards:
                    sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
                torch.manual_seed(7)
                generator = torch.Generator("cpu").manual_seed(7)
                x = torch.randn((1, 1, 4, 4), generator=generator)
                scale = sigmas[0] if convention == "a1111" else (sigmas[0] ** 2 + 1).sqrt()
                more = {}
                if name in ("euler-a", "dpm2-a"):
                    more = {"noise_sampler": lambda *_: torch.randn((1, 1, 4, 4), generator=generator)}
                elif name.endswith("sde"):
                    tree = sampling.BrownianTreeNoiseSampler(x, sigmas[sigmas > 0].min(), sigmas.max(), seed=7)
                    more = {"noise_sampler": tree}
                x = sample(denoiser, x * scale, sigmas, disable=True, **more)
                key = f"{convention}/{name}{'-' + layout if layout else ''}/{prediction}"
                golden[f"{key}.timesteps"] = torch.tensor(denoiser.seen)
                golden[f"{key}.latents"] = x.flatten()

tree = torchsde.BrownianTree(t0=0.03, w0=torch.zeros(16), t1=14.6, entropy=2**40 + 3)
golden["brownian"] = torch.stack([tree(a, b) for a, b in
                                  [(0.03, 14.6), (0.03, 1.0), (1.0, 2.5), (2.5, 14.6), (0.123456, 0.1234567), (5.0, 5.1)]])
words = [np.random.SeedSequence(entropy=e, spawn_key=k, pool_size=24).generate_state(4)
         for e, k in [(0, ()), (7, ()), (2**40 + 3, ()), (7, (0, 0)), (7, (5, 3)), (2**63, (2**33, 40))]]
golden["seeds"] = torch.from_numpy(np.array(words).astype(np.int64))
save_file(golden, "sampler_paths.safetensors")
