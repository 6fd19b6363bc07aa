"""Measures single works of a model of true size, ours and each peer in turn: scripts/bench --only WORK.

Every work is timed as a number of seconds, ours in the precision of the peer that it stands beside. Our program starts anew
for each run and tells the seconds of its parts itself (`tmdne bench`); a peer stays in memory, warmed up, and gets a job a
round. The models have random weights of true shape,
made by parity/make_model.py; what is computed does not depend on what the weights are.
"""

import json
import math
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

BENCHMARKS = Path(__file__).resolve().parent
REPOSITORY = BENCHMARKS.parent


@dataclass(frozen=True)
class Work:
    """What is timed: `ours` picks the seconds from our report, `job` is what a peer is asked, `times` how often."""

    name: str
    model: str
    size: int
    steps: int
    guidances: tuple
    ours: callable
    job: str
    parts: tuple
    times: int = 1
    peers: tuple = ("openvino bf16", "openvino f32", "diffusers bf16", "diffusers f32")


# The peers' names of precisions, and ours.
PRECISIONS = {"bf16": "bf16", "f32": "fp32"}


def an_evaluation(report):
    """Return the seconds of a UNet evaluation: of a step of DPM++ 2M, whose own arithmetic is nothing beside it."""
    return report["step"]


def a_decoding(report):
    """Return the seconds of a picture's decoding: the median of three, the first of which packs weights."""
    return report["picture"]


def everything(report):
    """Return the seconds of all pictures but for the packing of weights, which the first step does: peers are warmed up, too."""
    return report["seconds"] - (report["firstStep"] - report["step"])


ALL = ("text", "unet", "vae")
ROW = tuple(range(5, 19))
WORKS = {
    work.name: work
    for work in [
        Work("unet", "sd15", 512, 4, (7.5,), an_evaluation, "unet", ("unet",)),
        Work("vae", "sd15", 512, 1, (5, 7.5, 10), a_decoding, "vae", ("vae",)),
        Work("image", "sd15", 512, 20, (7.5,), everything, "image 20", ALL),
        Work("row", "sd15", 512, 8, ROW, everything, "image 8", ALL, len(ROW), ("openvino bf16", "openvino f32")),
        Work("sdxl-unet", "sdxl", 1024, 3, (7.5,), an_evaluation, "unet", ("unet",), 1, ("openvino bf16", "openvino f32")),
    ]
}


class Peer:
    """A peer's process, which waits for jobs."""

    def __init__(self, name, work, model, folder):
        """Start it and wait until it is warm."""
        engine, precision = name.split()
        command = [sys.executable, BENCHMARKS / "peers" / "serve.py", "--engine", engine, "--precision", precision]
        command += ["--model", model, "--size", work.size, "--cache", folder / "converted", "--parts", *work.parts]
        command = [str(c) for c in command]
        if engine == "openvino":
            subprocess.run([*command, "--convert"], check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL)
        self.name, self.precision = name, PRECISIONS[precision]
        with (folder / f"{work.name}-{engine}-{precision}.log").open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.versions, self.peak_bytes = self.answer()["versions"], 0

    def answer(self):
        """Return the next line."""
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: {self.name} ended with {self.process.wait()}; its log is in the output folder")
        return json.loads(line)

    def run(self, work):
        """Do the job once; return the seconds of the work."""
        self.process.stdin.write(work.job + "\n")
        self.process.stdin.flush()
        return self.answer()["seconds"] * work.times

    def stop(self):
        """Let it end; its peak is that of the process, conversion and warm-up included."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        self.peak_bytes = int(peak.split()[1]) * 1024
        self.process.stdin.close()
        self.process.wait()


def model_folder(name, folder):
    """Return the model's folder, made if it is not there."""
    path = folder / "models" / name
    if not (path / "model_index.json").exists():
        command = [sys.executable, BENCHMARKS / "parity" / "make_model.py", name, "--out", path, "--weights-only"]
        command += ["--tokenizer", REPOSITORY / "Models" / "tmdne-tiny" / "tokenizer"]
        subprocess.run([str(c) for c in command], check=True, stdout=sys.stderr)
    return path


def ours(tmdne, work, model, folder, precision):
    """Run our program; return its report with the seconds of the work."""
    sweep = folder / f"{work.name}.yaml"
    sweep.write_text(
        f"name: {work.name}\nmodel: {model}\nseed: 1\nsampler: dpmpp-2m-karras\nsteps: {work.steps}\n"
        f"size: {work.size}x{work.size}\nnegative-prompt: bangs curls\nprompts: [a mathematician]\n"
        f"guidance: {list(work.guidances)}\n"
    )
    command = [str(tmdne), "bench", str(sweep), "--json", "--precision", precision]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: tmdne bench ended with {done.returncode}: {done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    return report | {"work": work.ours(report)}


def likeness(tmdne, model, folder):
    """Return the PSNR in dB of a picture of four steps in bf16 beside the same in fp32, at 256x256."""
    pictures = []
    for precision in PRECISIONS.values():
        path = folder / f"{precision}.png"
        command = [tmdne, "render", "--model", model, "--prompt", "a mathematician", "--seed", 1, "--steps", 4]
        command += ["--size", "256x256", "--precision", precision, "--output", path]
        subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL)
        with Image.open(path) as image:
            pictures.append(np.asarray(image.convert("RGB"), dtype=np.float64))
    error = float(np.mean((pictures[0] - pictures[1]) ** 2))
    return round(10 * math.log10(255**2 / error), 1) if error else None


def measure(name, tmdne, folder, rounds, names=None):
    """Time a work, ours and the peers in turn; return a JSON line for each peer."""
    work = WORKS[name]
    folder.mkdir(parents=True, exist_ok=True)
    model = model_folder(work.model, folder)
    peers = [Peer(peer, work, model, folder) for peer in names or work.peers]
    precisions = sorted({peer.precision for peer in peers})
    theirs, reports = {peer.name: [] for peer in peers}, {precision: [] for precision in precisions}
    for number in range(1, rounds + 1):
        told = []
        for precision in precisions:
            reports[precision].append(ours(tmdne, work, model, folder, precision))
            told.append(f"tmdne {precision} {reports[precision][-1]['work']:.2f} s")
        for peer in peers:
            theirs[peer.name].append(peer.run(work))
            told.append(f"{peer.name} {theirs[peer.name][-1]:.2f} s")
        print(f"{name}, round {number}: {', '.join(told)}", file=sys.stderr, flush=True)
    for peer in peers:
        peer.stop()
    psnr = likeness(tmdne, model, folder) if "bf16" in precisions else None
    return [line(work, peer, theirs[peer.name], reports[peer.precision], psnr) for peer in peers]


def line(work, peer, theirs, reports, psnr):
    """Return what a work took beside a peer; ratios are taken round by round."""
    times = [report["work"] for report in reports]
    return {
        "work": work.name,
        "peer": peer.name,
        "ours": round(statistics.median(times), 4),
        "theirs": round(statistics.median(theirs), 4),
        "ratio": round(statistics.median(t / o for t, o in zip(theirs, times, strict=True)), 3),
        "psnr": psnr if peer.precision == "bf16" else None,
        "rounds": len(times),
        "device": reports[0]["device"],
        "precision": reports[0]["precision"],
        "firstStep": round(statistics.median(r["firstStep"] for r in reports), 3),
        "peakBytes": max(r["peakBytes"] for r in reports),
        "theirPeakBytes": peer.peak_bytes,
        "versions": peer.versions,
    }


def table(lines):
    """Return the lines as a markdown table."""
    rows = ["| work | peer | ours, s | theirs, s | faster by | ours, peak GB | theirs |"]
    rows += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for x in lines:
        peaks = f"{x['peakBytes'] / 1e9:.1f} | {x['theirPeakBytes'] / 1e9:.1f}"
        rows.append(
            f"| {x['work']} | {x['peer']} | {x['ours']:.2f} | {x['theirs']:.2f} | {x['ratio']:.2f}x | {peaks} |"
        )
    first = lines[0]
    rows += ["", f"{first['device']}, {first['rounds']} rounds."]
    for x in lines:
        rows.append(f"First step in {x['precision']} after {x['firstStep']:.1f} s ({x['peer']} beside it).")
    if first["psnr"]:
        rows.append(f"bf16 beside fp32 at 256x256: {first['psnr']} dB.")
    return "\n".join(rows) + "\n"
