"""Measures single works of a model of true size, ours and each peer in turn: scripts/bench --only WORK.

Every work is timed as a number of seconds. Our program starts anew for each run and tells the seconds of its parts itself
(`tmdne bench`); a peer stays in memory, warmed up, and gets a job a round. The models have random weights of true shape,
made by parity/make_model.py; what is computed does not depend on what the weights are.
"""

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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


def an_evaluation(report):
    """Return the seconds of a UNet evaluation."""
    return report["denoise"] / report["evaluations"]


def a_decoding(report):
    """Return the seconds of a picture's decoding."""
    return report["decode"] / report["images"]


def everything(report):
    """Return the seconds of all pictures."""
    return report["seconds"]


ALL = ("text", "unet", "vae")
ROW = tuple(range(5, 19))
WORKS = {
    work.name: work
    for work in [
        Work("unet", "sd15", 512, 3, (7.5,), an_evaluation, "unet", ("unet",)),
        Work("vae", "sd15", 512, 1, (7.5,), a_decoding, "vae", ("vae",)),
        Work("image", "sd15", 512, 20, (7.5,), everything, "image 20", ALL),
        Work("row", "sd15", 512, 8, ROW, everything, "image 8", ALL, len(ROW), ("openvino bf16", "openvino f32")),
        Work("sdxl-unet", "sdxl", 1024, 2, (7.5,), an_evaluation, "unet", ("unet",), 1, ("openvino bf16", "openvino f32")),
    ]
}


class Peer:
    """A peer's process, which waits for jobs."""

    def __init__(self, name, work, model, folder):
        """Start it and wait until it is warm."""
        engine, precision = name.split()
        command = [sys.executable, BENCHMARKS / "peers" / "serve.py", "--engine", engine, "--precision", precision]
        command += ["--model", model, "--size", work.size, "--cache", folder / "converted", "--parts", *work.parts]
        self.name = name
        with (folder / f"{work.name}-{engine}-{precision}.log").open("w") as log:
            self.process = subprocess.Popen(
                [str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.versions = self.answer()["versions"]

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
        """Let it end."""
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


def ours(tmdne, work, model, folder):
    """Run our program; return the seconds of the work and the report."""
    sweep = folder / f"{work.name}.yaml"
    sweep.write_text(
        f"name: {work.name}\nmodel: {model}\nseed: 1\nsampler: dpmpp-2m-karras\nsteps: {work.steps}\n"
        f"size: {work.size}x{work.size}\nnegative-prompt: bangs curls\nprompts: [a mathematician]\n"
        f"guidance: {list(work.guidances)}\n"
    )
    done = subprocess.run([str(tmdne), "bench", str(sweep), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: tmdne bench ended with {done.returncode}: {done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    return work.ours(report), report


def measure(name, tmdne, folder, rounds, names=None):
    """Time a work, ours and the peers in turn; return a JSON line for each peer."""
    work = WORKS[name]
    folder.mkdir(parents=True, exist_ok=True)
    model = model_folder(work.model, folder)
    peers = [Peer(peer, work, model, folder) for peer in names or work.peers]
    times, reports = {peer.name: [] for peer in peers} | {"tmdne": []}, []
    for number in range(1, rounds + 1):
        seconds, report = ours(tmdne, work, model, folder)
        times["tmdne"].append(seconds)
        reports.append(report)
        for peer in peers:
            times[peer.name].append(peer.run(work))
        told = ", ".join(f"{subject} {values[-1]:.2f} s" for subject, values in times.items())
        print(f"{name}, round {number}: {told}", file=sys.stderr, flush=True)
    for peer in peers:
        peer.stop()
    return [
        {
            "work": name,
            "peer": peer.name,
            "ours": round(statistics.median(times["tmdne"]), 4),
            "theirs": round(statistics.median(times[peer.name]), 4),
            "ratio": round(statistics.median(t / o for t, o in zip(times[peer.name], times["tmdne"], strict=True)), 3),
            "rounds": rounds,
            "device": reports[0]["device"],
            "precision": reports[0]["precision"],
            "firstStep": round(statistics.median(r["firstStep"] for r in reports), 3),
            "peakBytes": max(r["peakBytes"] for r in reports),
            "versions": peer.versions,
        }
        for peer in peers
    ]


def table(lines):
    """Return the lines as a markdown table."""
    rows = ["| work | peer | ours, s | theirs, s | faster by |", "| --- | --- | --- | --- | --- |"]
    rows += [f"| {x['work']} | {x['peer']} | {x['ours']:.2f} | {x['theirs']:.2f} | {x['ratio']:.2f}x |" for x in lines]
    first = lines[0]
    rows += ["", f"{first['device']}, {first['precision']}, {first['rounds']} rounds."]
    return "\n".join(rows) + "\n"
