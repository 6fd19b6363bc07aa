"""Streams of torch's CPU generator over calls of all sizes.

    python make_random.py

Writes random.safetensors: for each seed one tensor per call, in the order of the calls.
"""
import torch
from safetensors.torch import save_file

SEEDS = (0, 42, 52794693, 2**32 + 42)
COUNTS = (5, 16, 1, 18, 3, 17, 31, 64, 15, 1000)

streams = {}
for seed in SEEDS:
    generator = torch.Generator("cpu").manual_seed(seed)
    for call, count in enumerate(COUNTS):
        streams[f"{seed}.{call}"] = torch.randn(count, generator=generator)
save_file(streams, "random.safetensors")
