"""Measures what a coordinator bears: leases, results, bytes, a million cells, a storm of workers.

Each figure starts a coordinator of its own on a directory that is thrown away, and `tmdne simulate`, whose workers render
nothing, or a worker whose engine does nothing (`--null-engine`). TLS is on, and SQLite syncs every commit. Client and
coordinator share the machine; the processor time of the coordinator alone is printed beside each rate. Started by
scripts/load.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


def sweep(path, prompts, guidances, size):
    """Write a sweep file of prompts x guidances cells."""
    lines = [f"name: {path.stem}", "model: tmdne-tiny", f"size: {size}", "steps: 4", "prompts:"]
    lines += [f"  - number {number} of many mathematicians at a blackboard" for number in range(prompts)]
    lines += [f"guidance: {{from: 1, to: {1 + (guidances - 1) / 100:.2f}, step: 0.01}}", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class Coordinator:
    """A coordinator's process; its join token when it listens."""

    def __init__(self, tmdne, *command):
        """Start it; return when workers may join."""
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [tmdne, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.process.stdout:
            if found := re.search(r"tmdne worker (tmdne1_\S+)", line):
                self.token = found.group(1)
                break
        else:
            raise SystemExit(f"load: {' '.join(map(str, command))} ended with {self.process.wait()}")
        self.ready = time.perf_counter() - self.began

    def seconds(self):
        """Processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak(self):
        """The most memory so far, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) // 1024

    def kill(self):
        """Kill it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        """Return the coordinator."""
        return self

    def __exit__(self, *_):
        """Leave no process behind."""
        self.kill()


class Load:
    """The figures; each returns what was measured as a dictionary."""

    def __init__(self, args):
        """Start an empty output folder."""
        self.tmdne, self.output, self.seconds = str(args.tmdne), args.output, args.seconds
        shutil.rmtree(self.output, ignore_errors=True)
        self.output.mkdir(parents=True)

    def start(self, name, prompts, guidances, size, *options):
        """Start a coordinator on a new sweep."""
        file = sweep(self.output / f"{name}.yaml", prompts, guidances, size)
        directory = self.output / name
        return Coordinator(self.tmdne, "coordinator", str(file), "--output", str(directory), "--stay", *options)

    def simulate(self, coordinator, *options):
        """Run simulated workers; return their report."""
        command = [self.tmdne, "simulate", coordinator.token, "--json", *map(str, options)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def rate(self, name, size, count, per_second, *options):
        """Measure a rate, and what of it a processor second of the coordinator is worth."""
        with self.start(name, 100, 1000, size) as coordinator:
            before = coordinator.seconds()
            report = self.simulate(coordinator, "--duration", self.seconds, *options)
            spent = coordinator.seconds() - before
            return {
                "per second": round(report[per_second], 1),
                "per processor second of the coordinator": round(report["count"][count] / spent, 1),
            }

    def leases(self):
        """Claims and returns, each durable."""
        return self.rate("leases", "64x64", "leases", "leasesPerSecond", "--task", "leases", "--workers", 32)

    def results(self):
        """Images of 12 KiB, each durable."""
        return self.rate("results", "64x64", "images", "imagesPerSecond", "--workers", 32)

    def ingest(self):
        """Images of 0.5 MB; in bytes."""
        rate = self.rate("ingest", "408x408", "bytes", "megabytesPerSecond", "--workers", 8)
        rate["per processor second of the coordinator"] = round(rate["per processor second of the coordinator"] / 1e6, 1)
        return {f"MB {name}": value for name, value in rate.items()}

    def million(self):
        """A million cells: planned and inserted, restarted, looked at, exported; and a thousand workers on top."""
        directory = str(self.output / "million")
        with self.start("million", 1000, 1000, "64x64", "--listen", "127.0.0.1:0") as coordinator:
            found = {"plan and insert, s": round(coordinator.ready, 2)}
            found["plan and insert, processor s"] = round(coordinator.seconds(), 2)
            report = self.simulate(coordinator, "--task", "presence", "--workers", 1000, "--duration", 20)
            found["1,000 workers joined after, s"] = round(report.get("allJoinedSeconds", -1), 2)
            found["peak memory of the process that planned, MiB"] = coordinator.peak()
        with Coordinator(self.tmdne, "resume", directory, "--stay") as coordinator:
            found["restart after kill -9 until workers may join, s"] = round(coordinator.ready, 2)
            first = self.simulate(coordinator, "--task", "leases", "--workers", 1, "--duration", 1)
            found["then until the first grant, s"] = round(first.get("firstLeaseSeconds", -1), 3)
            self.simulate(coordinator, "--task", "presence", "--workers", 1000, "--duration", 20)
            found["peak memory after a restart, MiB"] = coordinator.peak()
        for command in ("status", "export"):
            begin = time.perf_counter()
            with (self.output / f"{command}.out").open("wb") as out:
                subprocess.run([self.tmdne, command, directory], stdin=subprocess.DEVNULL, stdout=out, check=True)
            found[f"{command}, s"] = round(time.perf_counter() - begin, 2)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            found[f"{command}, peak memory of any process so far, MiB"] = peak
        return found

    def storm(self):
        """A coordinator of 100,000 cells is killed and restarted; until all of 1,000 workers are back."""
        with self.start("storm", 100, 1000, "64x64", "--listen", f"127.0.0.1:{self.port()}") as coordinator:
            command = [self.tmdne, "simulate", coordinator.token, "--json", "--task", "presence", "--workers", "1000"]
            with subprocess.Popen([*command, "--duration", "40"], stdout=subprocess.PIPE, text=True) as fleet:
                time.sleep(12)
                port = json.loads((self.output / "storm" / "listening.json").read_text())["port"]
                coordinator.kill()
                again = ("resume", str(self.output / "storm"), "--stay", "--listen", f"127.0.0.1:{port}")
                with Coordinator(self.tmdne, *again):
                    report = json.loads(fleet.communicate()[0])
        return {"all joined after, s": report.get("allJoinedSeconds"), "all back after, s": report.get("allBackSeconds")}

    @staticmethod
    def port():
        """Return a port that is free now."""
        import socket

        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return listener.getsockname()[1]

    def deaths(self):
        """A worker is killed, another one stopped; until their leases are pending again."""
        found = {}
        for name, blow in (("closed socket", signal.SIGKILL), ("silent", signal.SIGSTOP)):
            folder = name.replace(" ", "-")
            with self.start(folder, 4, 25, "64x64") as coordinator:
                command = [self.tmdne, "simulate", coordinator.token, "--workers", "1", "--seconds-per-image", "3600"]
                with subprocess.Popen([*command, "--duration", "90"], stdout=subprocess.DEVNULL) as worker:
                    time.sleep(8)
                    worker.send_signal(blow)
                    begin = time.perf_counter()
                    found[f"{name}, s"] = round(self.until_expired(self.output / folder / "sweep.db", begin), 1)
                    worker.kill()
        return found

    @staticmethod
    def until_expired(database, begin):
        """Wait for the end of the only lease."""
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            while time.perf_counter() - begin < 90:
                if db.execute("SELECT count(*) FROM attempt WHERE state = 'expired'").fetchone()[0]:
                    return time.perf_counter() - begin
                time.sleep(0.1)
        return -1

    def null(self, name, cells, seconds):
        """Run a whole sweep in one process whose engine does nothing but wait; return the seconds."""
        file = sweep(self.output / f"{name}.yaml", 1, cells, "128x128")
        command = [self.tmdne, "run", str(file), "--output", str(self.output / name), "--null-engine", str(seconds)]
        begin = time.perf_counter()
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        return time.perf_counter() - begin

    def overhead(self):
        """What a cell takes beside an engine of 100 ms; start and end of the process taken off by a run of few cells."""
        few, many = self.null("few", 20, 0.1), self.null("many", 220, 0.1)
        return {"seconds a cell": round((many - few) / 200, 5), "overhead, %": round((many - few) / 20 * 100 - 100, 2)}

    def tasks(self):
        """HyperQueue's method: many tasks of 0 s; the time beyond the tasks' own, divided by their number."""
        few, many = self.null("few-tasks", 100, 0), self.null("many-tasks", 2100, 0)
        return {"ms a task": round((many - few) / 2000 * 1000, 3), "ms a task with start and end": round(many / 2.1, 3)}


def main():
    """Measure what was asked for; print a line of JSON each."""
    figures = ["leases", "results", "ingest", "million", "storm", "deaths", "overhead", "tasks"]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"all unless given: {', '.join(figures)}")
    parser.add_argument("--tmdne", type=Path, default=REPOSITORY / ".build" / "release" / "tmdne")
    parser.add_argument("--output", type=Path, default=REPOSITORY / ".build" / "load", help="deleted first")
    parser.add_argument("--seconds", type=float, default=15, help="of each rate")
    args = parser.parse_args()
    if unknown := set(args.figures) - set(figures):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    load = Load(args)
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    print(f"{cpu[0].partition(':')[2].strip()}, {os.cpu_count()} cores, Linux {platform.release()}", file=sys.stderr)
    for figure in args.figures or figures:
        before = os.getloadavg()[0]
        print(json.dumps({"figure": figure, "load before": round(before, 1), **getattr(load, figure)()}), flush=True)


if __name__ == "__main__":
    main()
