"""Serves tools with the official Python SDK and lets the agents of the harness call them; called by scripts/check-mcp-agents."""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HARNESS, MAJOR = sys.argv[1], int(sys.argv[2])
LEGACY = ["2025-03-26", "2025-06-18", "2025-11-25"]
REVISIONS = LEGACY if MAJOR == 1 else [LEGACY[-1], "2026-07-28"]
PATIENCE = 30

SERVER = """
import logging, sys
{imports}
logging.disable(logging.INFO)
port = int(sys.argv[1])
server = {server}

@server.tool()
def echo(text: str) -> str:
    return text

@server.tool()
async def slow(text: str, ctx: Context) -> str:
    for step in range(3):
        await ctx.report_progress(step + 1, 3)
    return text

server.run("streamable-http"{options})
"""

# Limits of the audit that no host violates: this is about answers, not about times.
SCENARIO = """
name = "agents"
[audit]
pacer_lag_p99 = "10s"
foreign_cpu = "100%"
steal = "100%"
target_cpu = "100%"
littles_law = "1000%"
[upstream]
url = "http://127.0.0.1:{port}"
[target.process]
command = ["builtin:sidecar", "--listen", "127.0.0.1:{{port.proxy}}", "--admin", "127.0.0.1:{{port.admin}}", "--upstream", "{{upstream.url}}"]
[target.endpoints]
proxy = "http://127.0.0.1:{{port.proxy}}"
[workload.mcp]
revision = "{revision}"
tools = 2
calls = 6
burst = [1, 4]
listen = "100%"
[stage.mcp]
vus = 3
rounds = 6
warmup = "100ms"
window = "400ms"
"""


def program(port, is_json):
    if MAJOR == 1:
        server = f'FastMCP("tools", host="127.0.0.1", port={port}, json_response={is_json})'
        return SERVER.format(imports="from mcp.server.fastmcp import Context, FastMCP", server=server, options="")
    options = f', host="127.0.0.1", port=port, json_response={is_json}'
    return SERVER.format(imports="from mcp.server.mcpserver import Context, MCPServer", server='MCPServer("tools")', options=options)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"check-mcp-agents: the server of version {MAJOR} did not listen within {PATIENCE} s")


def check(folder, revision, is_json):
    port = free_port()
    (folder / "server.py").write_text(program(port, is_json))
    (folder / "agents.toml").write_text(SCENARIO.format(port=port, revision=revision))
    server = subprocess.Popen([sys.executable, folder / "server.py", str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        out = folder / f"{revision}-{is_json}"
        ran = subprocess.run([HARNESS, "run", folder / "agents.toml", "--out", out], capture_output=True, text=True, check=False)
    finally:
        server.kill()
        server.wait()
    if ran.returncode != 0:
        sys.exit(f"check-mcp-agents: version {MAJOR}, {revision}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    [result] = out.glob("agents/*/result.json")
    stage = json.loads(result.read_text())["record"]["stages"][0]
    trials = [trial["load"] for instance in stage["instances"] for round in instance["rounds"] for trial in round["trials"]]
    calls = sum(trial["mcp"]["methods"].get("tools_call", {}).get("outcomes", {}).get("ok", 0) for trial in trials)
    streamed = sum(trial["mcp"]["streamed"] for trial in trials)
    wrong = sum(trial["scheduled"] - trial["outcomes"]["ok"] for trial in trials)
    if wrong or calls < 50 or (streamed > 0) == is_json:
        sys.exit(f"check-mcp-agents: version {MAJOR}, {revision}: {wrong} wrong answers, {calls} calls, {streamed} streams")
    listened = {key: sum(trial["mcp"].get("listened", {}).get(key, 0) for trial in trials) for key in ["asked", "opened", "failed", "wrong"]}
    if listened["opened"] < 3 or listened["opened"] != listened["asked"] or listened["failed"] or listened["wrong"]:
        sys.exit(f"check-mcp-agents: version {MAJOR}, {revision}: streams for messages of the server: {listened}")
    print(f"version {MAJOR} of the SDK, {revision}: {calls} calls, {streamed} answers as event streams, {listened['opened']} streams that stay open")


with tempfile.TemporaryDirectory() as folder:
    for revision in REVISIONS:
        for is_json in [True, False]:
            check(pathlib.Path(folder), revision, is_json)
