"""Measures tmdne beside a diffusers loop on the same cells and weights, in turn, several rounds in a sitting.

Each round runs the bare engine (`tmdne bench`), the full system (`tmdne run`: also coordinator, wire, PNG and disk),
the diffusers loop, and the loop in batches. Absolute times differ from machine to machine and from day to day, so the
figure that counts is the median of the rounds' ratios. Started by scripts/bench.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import works

REPOSITORY = Path(__file__).resolve().parent.parent
PEERS = REPOSITORY / "Benchmarks" / "peers"


class Benchmark:
    """The measured programs, and the JSON lines of their runs."""

    def __init__(self, args):
        """Start an empty output folder."""
        self.args = args
        shutil.rmtree(args.output, ignore_errors=True)
        args.output.mkdir(parents=True)
        self.ours, self.peer = args.output / "ours", args.output / "peer"

    def call(self, *command):
        """Run a command; return what it prints."""
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: {command[0]} {command[1]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def note(self, **line):
        """Add a line to runs.jsonl."""
        with (self.args.output / "runs.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def engine(self):
        """The bare engine: all cells in process, in shard order."""
        report = json.loads(self.call(self.args.tmdne, "bench", self.args.sweep, "--json"))
        return report["images"], report["seconds"]

    def system(self):
        """The full system, from the start of the process to its end."""
        shutil.rmtree(self.ours, ignore_errors=True)
        begin = time.perf_counter()
        self.call(self.args.tmdne, "run", self.args.sweep, "--output", self.ours)
        seconds = time.perf_counter() - begin
        return json.loads(self.call(self.args.tmdne, "status", self.ours, "--json"))["done"], seconds

    def diffusers(self, batch):
        """The peer, without loading and warm-up."""
        command = [sys.executable, PEERS / "diffusers_loop.py", "--sweep", self.args.sweep, "--model", self.args.model]
        command += ["--out", self.peer if batch == 1 else self.args.output / "peer-batch", "--batch", batch]
        command += ["--threads", self.args.threads]
        if self.args.cells:
            command += ["--cells", self.args.cells]
        report = json.loads(self.call(*command))
        self.versions = report["versions"]
        return report["images"], report["seconds"]

    def rounds(self):
        """Run everything in turn; return each subject's images per minute, round by round."""
        subjects = {
            "tmdne, engine alone": self.engine,
            "tmdne, full system": self.system,
            "diffusers, one by one": lambda: self.diffusers(1),
            f"diffusers, batches of {self.args.batch}": lambda: self.diffusers(self.args.batch),
        }
        rates = {name: [] for name in subjects}
        for number in range(1, self.args.rounds + 1):
            for name, run in subjects.items():
                images, seconds = run()
                rates[name].append(60 * images / seconds)
                self.note(round=number, subject=name, images=images, seconds=round(seconds, 3), load=os.getloadavg()[0])
                print(f"round {number}: {name}: {images} images in {seconds:.1f} s", file=sys.stderr, flush=True)
        return rates

    def compare(self):
        """Compare the last round's images with the peer's."""
        export = self.args.output / "positions.jsonl"
        export.write_text(self.call(self.args.tmdne, "export", self.ours, "--format", "jsonl"), encoding="utf-8")
        lines = self.call(
            sys.executable, PEERS / "compare_images.py", "--export", export, "--ours", self.ours, "--peer", self.peer
        )
        (self.args.output / "images.jsonl").write_text(lines)
        return [json.loads(line) for line in lines.splitlines()]

    def facts(self):
        """What the figures depend on."""
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":")[1].strip() if models else platform.machine()
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return {
            "CPU": f"{cpu}, {os.cpu_count()} cores, {self.args.threads} threads for the peer",
            "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
            "tmdne": self.call(self.args.tmdne, "--version").strip(),
            "peer": versions,
            "precision": "fp32 on both sides",
            "sweep": f"{self.args.sweep.name}, {self.args.model.name}",
            "rounds": self.args.rounds,
        }


def table(rates, images, facts):
    """Return the markdown report."""
    base = rates["tmdne, full system"]
    rows = ["| subject | images/min, median | min to max | full system is faster by |", "| --- | --- | --- | --- |"]
    for name, values in rates.items():
        ratio = statistics.median(ours / other for ours, other in zip(base, values, strict=True))
        spread = f"{min(values):.1f} to {max(values):.1f}"
        rows.append(f"| {name} | {statistics.median(values):.1f} | {spread} | {ratio:.3f}x |")
    share = statistics.median(1 - full / bare for full, bare in zip(base, rates["tmdne, engine alone"], strict=True))
    rows += ["", f"Coordinator, wire, PNG and disk take {100 * share:.1f} % of the engine's speed."]
    if images:
        psnr = [i["psnr"] for i in images if i["psnr"] is not None]
        equal = sum(i["maxLevels"] == 0 for i in images)
        rows += [
            f"Images beside the peer's: {len(images)} compared, {equal} equal, largest difference "
            f"{max(i['maxLevels'] for i in images)} levels of 255"
            + (f", lowest PSNR {min(psnr):.1f} dB." if psnr else "."),
        ]
    rows += [""] + [f"- {name}: {value}" for name, value in facts.items()]
    return "\n".join(rows) + "\n"


def main():
    """Run the rounds; print the table and leave everything in the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sweep", type=Path, default=REPOSITORY / "Examples" / "tmdne.yaml")
    parser.add_argument("--model", type=Path, default=REPOSITORY / "Models" / "tmdne-tiny", help="for the peer")
    parser.add_argument("--tmdne", type=Path, default=REPOSITORY / ".build" / "release" / "tmdne")
    parser.add_argument("--output", type=Path, default=REPOSITORY / ".build" / "bench", help="deleted first")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=14)
    parser.add_argument("--cells", type=int, help="let the peer render only so many cells")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the peer")
    parser.add_argument("--only", choices=sorted(works.WORKS), help="a work of a model of true size instead of the sweep")
    parser.add_argument("--peers", nargs="+", help="with --only: such as 'openvino f32'; all that the work has unless given")
    parser.add_argument("--json", action="store_true", help="with --only: JSON lines instead of a table")
    args = parser.parse_args()
    if args.only:
        lines = works.measure(args.only, args.tmdne, args.output.parent / "bench-works", args.rounds, args.peers)
        print("\n".join(map(json.dumps, lines)) if args.json else works.table(lines))
        return
    benchmark = Benchmark(args)
    rates = benchmark.rounds()
    report = table(rates, benchmark.compare(), benchmark.facts())
    (benchmark.args.output / "table.md").write_text(report)
    print(report, end="")


if __name__ == "__main__":
    main()
