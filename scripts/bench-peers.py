#!/usr/bin/env python3
"""Measures the same commands with `harness run -- COMMAND` and with `hyperfine -N`, and the rate of one connection over loopback with stage
`upload` and with `iperf3`, and compares the medians.

Usage: bench-peers.py HARNESS FOLDER ROUNDS

In each round of the commands both tools measure each command, in an order that alternates. Neither subtracts anything from the wall time. The median of
each tool is that of its runs of all rounds together. A run of the harness comes 0.2 s after the one before, when the caches of the CPU are
cold, which costs 0.05 to 0.3 ms; so hyperfine measures twice, back to back and with a pause of that length. The median of the harness has to
be between both, with a tolerance of 1 % or 50 µs.

The direct arm of stage `upload` has to reach 80 % of the rate that iperf3 receives with one stream.
"""

import json
import pathlib
import socket
import statistics
import subprocess
import sys
import time

RUNS = 20
WARMUP = 2
# The tolerance at either end: the larger of both.
RATIO = 0.01
DIFFERENCE_MS = 0.05
PAUSE = 0.2
# The smallest rate of an upload ÷ that of iperf3.
TRANSFER_RATIO = 0.8
UPLOAD = pathlib.Path(__file__).resolve().parent.parent / "scenarios/upload.toml"


def commands(folder):
    data = str(folder / "data")
    return {
        "true": ["/bin/true"],
        "sleep 20 ms": ["/bin/sleep", "0.02"],
        "gzip of 5.4 MB": ["/bin/gzip", "-1", "--stdout", data],
        "sha256sum of 5.4 MB": ["/usr/bin/sha256sum", data],
    }


def rounds_of(folder):
    """Returns the values per round of each metric of the newest run below FOLDER."""
    newest = max(folder.glob("*/*/result.json"), key=lambda path: path.stat().st_mtime_ns)
    metrics = json.loads(newest.read_text())["judgement"]["metrics"]
    found = {metric["id"]: metric["value"].get("estimated") for metric in metrics}
    return {name: value["rounds"] for name, value in found.items() if value}


def by_harness(harness, folder, command):
    """Returns the wall times of the undisturbed runs, in milliseconds."""
    out = folder / "results"
    options = ["--runs", str(RUNS), "--warmup", str(WARMUP), "--quiet", "--out", str(out)]
    # The command runs in FOLDER, and prints to a pipe in both tools.
    ran = subprocess.run(
        [harness, "run", *options, "--", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        sys.exit(f"harness ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    found = rounds_of(out)
    return found["command/duration_p50"], found["command/spawn_overhead"]


def upload_rates(harness, folder):
    """Returns the rates of the direct arm and through the reference sidecar, in MB/s."""
    out = folder / "uploads"
    options = ["--quick", "--quiet", "--baseline", "none", "--stage", "stream", "--out", str(out)]
    ran = subprocess.run([harness, "run", str(UPLOAD), *options], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"harness ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    found = rounds_of(out)
    through = found["throughput/upload_mbs@stream"]
    shares = found["throughput/upload_direct_percent@stream"]
    return [rate / share * 100 for rate, share in zip(through, shares, strict=True)], through


def iperf_rate():
    """Returns the rate that iperf3 receives with one stream over loopback, in MB/s."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    options = ["--bind", "127.0.0.1", "--port", port]
    with subprocess.Popen(["iperf3", "--server", "--one-off", *options], stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(100):
                client = ["iperf3", "--client", "127.0.0.1", "--port", port, "--time", "3", "--json"]
                ran = subprocess.run(client, capture_output=True, text=True, check=False)
                if ran.returncode == 0:
                    return json.loads(ran.stdout)["end"]["sum_received"]["bits_per_second"] / 8e6
                time.sleep(0.05)
        finally:
            server.kill()
    sys.exit(f"iperf3 failed: {ran.stdout}{ran.stderr}")


def transfers(harness, folder, rounds):
    """Compares the rates of one connection, and returns what is outside of its tolerance."""
    direct, through, peer = [], [], []
    for turn in range(rounds):
        if turn % 2:
            peer.append(iperf_rate())
        arm, proxied = upload_rates(harness, folder)
        direct.extend(arm)
        through.extend(proxied)
        if not turn % 2:
            peer.append(iperf_rate())
    ours, sidecar, theirs = (statistics.median(rates) for rates in (direct, through, peer))
    print(f"\nOne connection over loopback beside iperf3, {rounds} rounds\n")
    print("| harness, direct arm | harness, through the sidecar | iperf3 | ratio |")
    print("|---:|---:|---:|---:|")
    print(f"| {ours:,.0f} MB/s | {sidecar:,.0f} MB/s | {theirs:,.0f} MB/s | {ours / theirs:.2f} |")
    return [] if ours / theirs >= TRANSFER_RATIO else [f"uploads below {TRANSFER_RATIO} of iperf3"]


def by_hyperfine(folder, command, pause):
    """Returns the wall times of the runs with a pause between them, in milliseconds."""
    export = folder / "hyperfine.json"
    words = " ".join(command)
    prepare = ["--prepare", f"sleep {pause}"] if pause else []
    options = ["-N", *prepare, "--output", "pipe", "--runs", str(RUNS), "--warmup", str(WARMUP), "--style", "none"]
    subprocess.run(
        ["hyperfine", *options, "--export-json", str(export), words], cwd=folder, check=True, capture_output=True
    )
    return [seconds * 1000 for seconds in json.loads(export.read_text())["results"][0]["times"]]


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{model}, {sum(line.startswith('processor') for line in lines)} CPUs"


def starts(harness, folder, rounds):
    """Compares the wall times of commands, and returns what is outside of its tolerance."""
    version = subprocess.run(["hyperfine", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    times = {name: ([], [], []) for name in commands(folder)}
    spawns = []
    for turn in range(rounds):
        for name, command in commands(folder).items():
            ours, hot, paused = times[name]
            if turn % 2:
                hot.extend(by_hyperfine(folder, command, 0))
                paused.extend(by_hyperfine(folder, command, PAUSE))
            walls, spawn = by_harness(harness, folder, command)
            ours.extend(walls)
            spawns.extend(spawn)
            if not turn % 2:
                paused.extend(by_hyperfine(folder, command, PAUSE))
                hot.extend(by_hyperfine(folder, command, 0))
    print(f"harness beside {version} -N, {rounds} rounds of {RUNS} runs each, on {machine()}\n")
    print("| command | harness p50 | hyperfine, back to back | hyperfine, with pauses | ratio to both |")
    print("|---|---:|---:|---:|---:|")
    failed = []
    for name, values in times.items():
        one, hot, paused = (statistics.median(value) for value in values)
        print(f"| {name} | {one:.3f} ms | {hot:.3f} ms | {paused:.3f} ms | {one / hot:.3f}, {one / paused:.3f} |")
        low, high = min(hot, paused), max(hot, paused)
        if not low - max(RATIO * low, DIFFERENCE_MS) <= one <= high + max(RATIO * high, DIFFERENCE_MS):
            failed.append(name)
    print(f"\nStart and end of an empty program: {statistics.median(spawns) * 1000:.0f} µs, which neither column subtracts.")
    return [f"{name} outside of both of hyperfine by more than 1 % and 50 µs" for name in failed]


def main():
    harness, folder, rounds = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    failed = starts(harness, folder, rounds) + transfers(harness, folder, rounds)
    if failed:
        sys.exit("; ".join(failed))


main()
