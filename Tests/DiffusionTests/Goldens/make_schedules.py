"""Noise levels and toy trajectories of the schedules that A1111, ComfyUI and the papers define, and the rules of emphasis.

    python make_schedules.py FOLDER

FOLDER holds the unpacked wheels of k-diffusion 0.1.1.post1, torchsde 0.2.6, trampoline 0.1.2 and scipy, as for make_sampler_paths.py.
Writes schedules.safetensors with, for 1 to 37 steps and for SD 1's noise levels,

    <a1111|comfyui>/<schedule>[-xl]/<steps>.sigmas|timesteps   without the zero at the end
    <a1111|comfyui>/<sampler>-<schedule>.latents               after 12 steps of k-diffusion's sampler
    diffusers/ays[-xl]/10.sigmas|timesteps                     EulerDiscreteScheduler, told diffusers' AysSchedules

The definitions, each written down here from its description:

simple       every so many of the model's levels, from the noisiest: level number T - 1 - int(i T / n) of T.
             ComfyUI comfy/samplers.py, simple_scheduler; A1111 modules/sd_schedulers.py, simple_scheduler
sgm-uniform  n + 1 timesteps evenly from the last to the first, without the last of them; levels between two are
             interpolated in log sigma. ComfyUI normal_scheduler with sgm; A1111 sgm_uniform
beta         A1111 beta_scheduler: sigma_min + q (sigma_max - sigma_min) with the quantiles q of Beta(0.6, 0.6) at 1 to 0.
             ComfyUI beta_scheduler: the level at rint(q (T - 1)), quantiles at 1 to 1/n, repeated ones once
ays          Sabour et al. 2024, arXiv 2404.14507: ten steps and the end; other counts interpolate in log sigma
             (https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html). A1111
             get_align_your_steps_sigmas: n levels and zero. ComfyUI comfy_extras/nodes_align_your_steps.py: n + 1 levels, of which
             the last is replaced by zero, and from a table with more digits

Emphasis, on random encodings and weights of 77 tokens: A1111 modules/sd_emphasis.py, "Original" and "No norm"; ComfyUI
comfy/sd1_clip.py, from the encoding of an empty prompt.
"""

import sys
import types

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler
from diffusers.schedulers import AysSchedules
from safetensors.torch import save_file

sys.path.insert(0, sys.argv[1])
package = types.ModuleType("k_diffusion")
package.__path__ = [sys.argv[1] + "/k_diffusion"]
utils = types.ModuleType("k_diffusion.utils")
utils.append_dims = lambda x, dims: x[(...,) + (None,) * (dims - x.ndim)]
package.utils = utils
sys.modules.update({"k_diffusion": package, "k_diffusion.utils": utils, "torchdiffeq": types.ModuleType("torchdiffeq")})
sys.modules["torchdiffeq"].odeint = None
from k_diffusion import external, sampling  # noqa: E402
from scipy import stats  # noqa: E402

COUNTS = [1, 2, 3, 7, 10, 11, 12, 20, 37]
BASE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
AYS = {
    "a1111": {
        "": [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029],
        "-xl": [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029],
    },
    "comfyui": {
        "": [
            14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904, 0.6523686016,
            0.3977456272, 0.1515232662, 0.0291671582,
        ],
        "-xl": [
            14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289, 0.3798540708,
            0.2332364134, 0.1114188177, 0.0291671582,
        ],
    },
}
golden = {}


class Denoiser(external.DiscreteEpsDDPMDenoiser):
    """Records the timesteps that the network is told."""

    def __init__(self, quantize):
        super().__init__(None, EulerDiscreteScheduler(**BASE).alphas_cumprod, quantize)
        self.seen = []

    def get_eps(self, x, t, **_):
        self.seen.append(float(t))
        return torch.tanh(0.8 * x) + 0.1 * torch.sin(torch.as_tensor(t, dtype=torch.float32) / 100)


def simple(denoiser, count):
    total = len(denoiser.sigmas)
    return [float(denoiser.sigmas[total - 1 - int(index * (total / count))]) for index in range(count)]


def sgm_uniform(denoiser, count):
    ends = [denoiser.sigma_to_t(sigma) for sigma in (denoiser.sigma_max, denoiser.sigma_min)]
    return [float(denoiser.t_to_sigma(t)) for t in torch.linspace(*ends, count + 1)[:-1]]


def beta(denoiser, count, convention):
    total = len(denoiser.sigmas)
    if convention == "a1111":
        low, high = float(denoiser.sigma_min), float(denoiser.sigma_max)
        return [low + q * (high - low) for q in stats.beta.ppf(1 - np.linspace(0, 1, count), 0.6, 0.6)]
    places = np.rint(stats.beta.ppf(1 - np.linspace(0, 1, count, endpoint=False), 0.6, 0.6) * (total - 1)).astype(int)
    kept = [place for index, place in enumerate(places) if index == 0 or place != places[index - 1]]
    return [float(denoiser.sigmas[place]) for place in kept]


def ays(table, count, convention):
    wanted = count if convention == "a1111" else count + 1
    if wanted != len(table):
        known = np.linspace(0, 1, len(table))
        table = np.exp(np.interp(np.linspace(0, 1, wanted)[::-1], known, np.log(table[::-1])))
    return [float(sigma) for sigma in table[:count]]


SAMPLERS = {"euler": sampling.sample_euler, "dpmpp-2m": sampling.sample_dpmpp_2m, "heun": sampling.sample_heun}
for convention in ("a1111", "comfyui"):
    denoiser = Denoiser(quantize=convention == "comfyui")
    schedules = {
        "simple": lambda n: simple(denoiser, n),
        "sgm-uniform": lambda n: sgm_uniform(denoiser, n),
        "beta": lambda n: beta(denoiser, n, convention),
        "ays": lambda n: ays(AYS[convention][""], n, convention),
        "ays-xl": lambda n: ays(AYS[convention]["-xl"], n, convention),
    }
    for name, levels in schedules.items():
        for count in COUNTS:
            sigmas = torch.tensor(levels(count), dtype=torch.float32)
            golden[f"{convention}/{name}/{count}.sigmas"] = sigmas
            golden[f"{convention}/{name}/{count}.timesteps"] = denoiser.sigma_to_t(sigmas).float()
        for sampler, sample in SAMPLERS.items():
            sigmas = torch.tensor(levels(12) + [0.0], dtype=torch.float32)
            x = torch.randn((1, 1, 4, 4), generator=torch.Generator("cpu").manual_seed(7))
            greatest = float(sigmas[0]) > float(denoiser.sigma_max) * (1 - 1e-5)
            scale = (sigmas[0] ** 2 + 1).sqrt() if convention == "comfyui" and greatest else sigmas[0]
            golden[f"{convention}/{sampler}-{name}.latents"] = sample(denoiser, x * scale, sigmas, disable=True).flatten()

for suffix, name in (("", "StableDiffusionSigmas"), ("-xl", "StableDiffusionXLSigmas")):
    scheduler = EulerDiscreteScheduler(**BASE)
    scheduler.set_timesteps(sigmas=AysSchedules[name])
    golden[f"diffusers/ays{suffix}/10.sigmas"] = scheduler.sigmas[:10].float().clone()
    golden[f"diffusers/ays{suffix}/10.timesteps"] = scheduler.timesteps[:10].float().clone()

generator = torch.Generator("cpu").manual_seed(11)
states, empty = (torch.randn((1, 77, 8), generator=generator) + 0.3 for _ in range(2))
weights = torch.ones((1, 77))
weights[0, 1:9] = torch.tensor([1.0, 1.5, 1.5, 1 / 1.1, 1.21, 0.5, 0.0, 1.3])
multiplied = states * weights[..., None]
golden["emphasis.states"] = states[0].clone()
golden["emphasis.empty"] = empty[0].clone()
golden["emphasis.weights"] = weights[0].clone()
golden["emphasis.multiplied"] = multiplied[0].clone()
golden["emphasis.restored-mean"] = (multiplied * (states.mean() / multiplied.mean()))[0].clone()
golden["emphasis.from-empty"] = ((states - empty) * weights[..., None] + empty)[0].clone()
save_file(golden, "schedules.safetensors")
