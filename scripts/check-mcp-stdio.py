"""Lets stage `stdio` measure a server of the official Python SDK behind the bundled sidecar; called by scripts/check-mcp."""

import json
import pathlib
import subprocess
import sys
import tempfile

HARNESS, MAJOR = sys.argv[1], int(sys.argv[2])
REVISIONS = ["2025-11-25"] if MAJOR == 1 else ["2025-11-25", "2026-07-28"]

SERVER = """
import logging
{imports}
logging.disable(logging.INFO)
server = {name}("tools")

@server.tool()
def echo(text: str) -> str:
    return text

server.run("stdio")
"""

# Limits of the audit that no host violates: this is about answers, not about times.
SCENARIO = """
name = "stdio"
[audit]
pacer_lag_p99 = "10s"
foreign_cpu = "100%"
steal = "100%"
target_cpu = "100%"
littles_law = "1000%"
achieved = "1%"
[target.stdio]
command = ["builtin:sidecar", "--stdio", "--", "{{server}}"]
server = ["{python}", "{server}"]
[stage.stdio]
revision = "{revision}"
tool = "echo"
rate = "100/s"
rounds = 6
instances = 1
warmup = "100ms"
window = "500ms"
"""


def program():
    if MAJOR == 1:
        return SERVER.format(imports="from mcp.server.fastmcp import FastMCP", name="FastMCP")
    return SERVER.format(imports="from mcp.server.mcpserver import MCPServer", name="MCPServer")


def check(folder, revision):
    server = folder / "server.py"
    server.write_text(program())
    (folder / "stdio.toml").write_text(SCENARIO.format(python=sys.executable, server=server, revision=revision))
    out = folder / revision
    ran = subprocess.run([HARNESS, "run", folder / "stdio.toml", "--out", out], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"check-mcp: stdio, version {MAJOR}, {revision}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    [result] = out.glob("stdio/*/result.json")
    stage = json.loads(result.read_text())["record"]["stages"][0]
    trials = [trial["load"] for instance in stage["instances"] for round in instance["rounds"] for trial in round["trials"]]
    calls = sum(trial["outcomes"]["ok"] for trial in trials)
    wrong = sum(trial["scheduled"] - trial["outcomes"]["ok"] + sum(trial["stdio"].get("strays", {}).values()) for trial in trials)
    if wrong or calls < 500:
        sys.exit(f"check-mcp: stdio, version {MAJOR}, {revision}: {wrong} wrong answers, {calls} calls")
    print(f"check-mcp: version {MAJOR} of the SDK behind a shim, {revision}: {calls} calls: ok")


with tempfile.TemporaryDirectory() as folder:
    for revision in REVISIONS:
        check(pathlib.Path(folder), revision)
