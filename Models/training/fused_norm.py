"""Faster training on CPU: group norm and SiLU as one kernel, compiled at the first use (g++ and ninja are needed).

`accelerate` changes how networks of diffusers run, not their weights' names. It is for training under bf16 autocast.
"""

from functools import cache
from pathlib import Path
from types import MethodType

import torch
from diffusers.models.resnet import ResnetBlock2D
from torch.utils.cpp_extension import load


@cache
def kernel():
    """Return the compiled functions forward and backward."""
    return load(
        "fused_norm",
        [str(Path(__file__).with_name("fused_norm.cpp"))],
        extra_cflags=["-O3", "-march=native", "-ffast-math", "-fopenmp"],
        extra_ldflags=["-lmvec"],
    )


class FusedNorm(torch.autograd.Function):
    """y = silu(group norm of x), or without the SiLU; bf16, channels_last."""

    @staticmethod
    def forward(ctx, x, weight, bias, groups, eps, silu):
        """Return y and keep what the gradient needs: x itself, means, deviations."""
        x = x.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        y, mean, rstd = kernel().forward(x, weight, bias, groups, eps, silu)
        ctx.save_for_backward(x, weight, bias, mean, rstd)
        ctx.silu = silu
        return y

    @staticmethod
    def backward(ctx, dy):
        """Return the gradients of x, weight and bias."""
        dy = dy.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        return *kernel().backward(dy, *ctx.saved_tensors, ctx.silu), None, None, None


def normalised(norm, x, silu):
    """Apply a GroupNorm module's parameters by the fused kernel."""
    return FusedNorm.apply(x, norm.weight, norm.bias, norm.num_groups, norm.eps, silu)


def residual(self, x, temb=None, *_args, **_kwargs):
    """ResnetBlock2D.forward for a block without resampling, its two norms fused with their SiLU."""
    h = self.conv1(normalised(self.norm1, x, True))
    if temb is not None:
        h = h + self.time_emb_proj(torch.nn.functional.silu(temb))[:, :, None, None]
    h = self.conv2(normalised(self.norm2, h, True))
    return (x if self.conv_shortcut is None else self.conv_shortcut(x)) + h


def accelerate(network):
    """Make every group norm of a diffusers network fused, with its SiLU where one follows."""
    for module in network.modules():
        if isinstance(module, ResnetBlock2D):
            module.forward = MethodType(residual, module)
        elif hasattr(module, "conv_norm_out"):
            norm = module.conv_norm_out
            norm.forward = MethodType(lambda self, x: normalised(self, x, True), norm)
            module.conv_act = torch.nn.Identity()
        elif type(module).__name__ == "Transformer2DModel":
            norm = module.norm
            norm.forward = MethodType(lambda self, x: normalised(self, x, False), norm)
    return network
