"""A training's state on disk: the weights, their moving average, the optimizer and the step."""

import torch


def resume(file, network, optimizer):
    """Load what an earlier run of the same training left; return the moving average and the step, 0 without one."""
    if not file.exists():
        return {k: v.clone() for k, v in network.state_dict().items()}, 0
    state = torch.load(file)
    network.load_state_dict(state["net"])
    optimizer.load_state_dict(state["opt"])
    return state["ema"], state["step"]


def save(file, network, average, optimizer, step):
    """Put the state in place of the last one; an interrupted run leaves the last one whole."""
    temporary = file.with_suffix(".pt.tmp")
    torch.save({"net": network.state_dict(), "ema": average, "opt": optimizer.state_dict(), "step": step}, temporary)
    temporary.replace(file)


def update(average, network, decay):
    """Draw the moving average towards the weights, to 1 - `decay` of the way."""
    for k, v in network.state_dict().items():
        average[k].lerp_(v, 1 - decay) if v.is_floating_point() else average[k].copy_(v)
