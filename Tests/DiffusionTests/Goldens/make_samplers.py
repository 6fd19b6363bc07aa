"""Noise levels and toy trajectories of diffusers' schedulers, which need no network.

    python make_samplers.py

Writes samplers.safetensors with, for each sampler, timestep spacing and number of steps,

    <sampler>.<spacing>.<steps>.timesteps   given to the network
    <sampler>.<spacing>.<steps>.sigmas      of the scheduler, if it has any
    <sampler>.<spacing>.<steps>.scale       of the first noise
    <sampler>.<spacing>.<steps>.latents     before the first step and after every step; only for some numbers of steps

and alphas_cumprod, sigmas. The network of a trajectory is tanh(0.8 x) + 0.1 sin(t / 100), its latents are 20 numbers of
torch's generator with seed 7 (20, so that the generator's odd tail is drawn), and the generator goes on to draw the noise of
ancestral sampling.
"""
import torch
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler)
from safetensors.torch import save_file

BASE = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
DDIM = dict(clip_sample=False, set_alpha_to_one=False)
SAMPLERS = {
    "ddim": (DDIMScheduler, DDIM),
    "ddim-one": (DDIMScheduler, {**DDIM, "set_alpha_to_one": True}),
    "dpmpp-2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp-2m-karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
}
SCHEDULES = (1, 2, 3, 6, 7, 12, 15, 20, 25, 50, 100, 499, 998)
TRAJECTORIES = (1, 2, 6, 15, 25)


def network(x, t):
    return torch.tanh(0.8 * x) + 0.1 * torch.sin(torch.as_tensor(t, dtype=torch.float32) / 100)


golden = {}
for name, (scheduler_class, options) in SAMPLERS.items():
    for spacing in ("leading", "linspace", "trailing"):
        for steps in SCHEDULES:
            if steps > 100 and spacing != "leading":
                continue
            key = f"{name}.{spacing}.{steps}"
            scheduler = scheduler_class(**BASE, **options, timestep_spacing=spacing)
            scheduler.set_timesteps(steps)
            golden[f"{key}.timesteps"] = scheduler.timesteps.float().clone()
            if hasattr(scheduler, "sigmas"):
                golden[f"{key}.sigmas"] = scheduler.sigmas.float().clone()
            golden[f"{key}.scale"] = torch.tensor([float(scheduler.init_noise_sigma)])
            if steps not in TRAJECTORIES:
                continue
            generator = torch.Generator("cpu").manual_seed(7)
            x = torch.randn((1, 1, 4, 5), generator=generator) * scheduler.init_noise_sigma
            path = [x.flatten()]
            for t in scheduler.timesteps:
                prediction = network(scheduler.scale_model_input(x, t), t)
                more = {"generator": generator} if name == "euler-a" else {}
                x = scheduler.step(prediction, t, x, **more).prev_sample
                path.append(x.flatten())
            golden[f"{key}.latents"] = torch.stack(path)
scheduler = EulerDiscreteScheduler(**BASE)
golden["alphas_cumprod"] = scheduler.alphas_cumprod
golden["sigmas"] = scheduler.sigmas[:-1].flip(0).contiguous()
linear = EulerDiscreteScheduler(**{**BASE, "beta_schedule": "linear"})
golden["linear.alphas_cumprod"] = linear.alphas_cumprod
save_file(golden, "samplers.safetensors")
