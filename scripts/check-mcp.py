"""Lets the client of the official Python SDK talk to the bundled upstream; called by scripts/check-mcp."""

import asyncio
import json
import subprocess
import sys
import urllib.request

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client as transport

HARNESS, MAJOR = sys.argv[1], int(sys.argv[2])
TOOLS, PAGE, PROGRESS, PATIENCE = 25, 10, 4, 30


class Upstream:
    """The bundled upstream as a process that does not outlive this one."""

    def __enter__(self):
        flags = ["--mcp", "--mcp-tools", str(TOOLS), "--mcp-page", str(PAGE), "--mcp-progress", str(PROGRESS), "--mcp-progress-every", "2ms"]
        command = [HARNESS, "__upstream", "--listen", "127.0.0.1:0", "--announce", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.base = "http://" + self.process.stdout.readline().split()[1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    @property
    def url(self):
        return self.base + "/mcp"

    def counts(self):
        with urllib.request.urlopen(self.base + "/__upstream/ledger", timeout=PATIENCE) as answer:
            counts = json.load(answer)["mcp"]
        counts["methods"] = {row["name"]: row["hits"] for row in counts["methods"]}
        return counts

    async def once(self, reached):
        """Returns the first counts of which `reached` holds."""
        for _ in range(PATIENCE * 100):
            counts = await asyncio.to_thread(self.counts)
            if reached(counts):
                return counts
            await asyncio.sleep(0.01)
        sys.exit(f"check-mcp: waited {PATIENCE} s in vain; the upstream counts {counts}")


def same(what, found, expected):
    if found != expected:
        sys.exit(f"check-mcp: version {MAJOR} of the SDK: {what} is {found!r}, expected {expected!r}")


def field(result, snake, camel):
    """Reads a field, which version 1 of the SDK names as the protocol does."""
    return getattr(result, snake) if hasattr(result, snake) else getattr(result, camel)


async def use(session):
    """Lists all tools, and calls some with and without progress. Returns the number of pages and of calls."""
    names, cursor, pages = [], None, 0
    while True:
        page = await list_tools(session, cursor)
        names += [tool.name for tool in page.tools]
        cursor, pages = field(page, "next_cursor", "nextCursor"), pages + 1
        if not cursor:
            break
    same("the list of tools", names, ["echo"] + [f"tool_{number:03}" for number in range(1, TOOLS)])
    for name in names[:3]:
        result = await session.call_tool(name, {"text": "x"})
        same("isError", field(result, "is_error", "isError"), False)
        same("the text of a result", set(result.content[0].text), {"x"})
    seen = []

    async def noted(progress, total, _message):
        seen.append((progress, total))

    await session.call_tool("echo", {}, progress_callback=noted)
    same("the progress of a call", seen, [(number, PROGRESS) for number in range(1, PROGRESS + 1)])
    return pages, 4


async def list_tools(session, cursor):
    if MAJOR == 1 or not isinstance(session, ClientSession):
        return await session.list_tools(cursor=cursor)
    from mcp.types import PaginatedRequestParams

    return await session.list_tools(params=PaginatedRequestParams(cursor=cursor))


async def legacy(upstream):
    async with transport(upstream.url) as streams:
        async with ClientSession(streams[0], streams[1]) as session:
            agreed = await session.initialize()
            same("the revision", field(agreed, "protocol_version", "protocolVersion"), "2025-11-25")
            await upstream.once(lambda counts: counts["streams"]["open"] == 1)
            await session.send_ping()
            pages, calls = await use(session)
            try:
                await session.call_tool("no such tool", {})
                sys.exit("check-mcp: a tool that does not exist was called")
            except Exception as error:
                same("the error", "there is no such tool" in str(error), True)
    counts = await upstream.once(lambda counts: counts["streams"]["open"] == 0)
    same("sessions", counts["sessions"], {"open": 0, "opened": 1, "deleted": 1, "expired": 0, "refused": 0})
    same("event streams", (counts["event_answers"], counts["progress"]), (1, PROGRESS))
    expected = {"initialize": 1, "notifications/initialized": 1, "ping": 1, "tools/list": pages, "tools/call": calls + 1, "GET": 1, "DELETE": 1}
    same("methods", {name: hits for name, hits in counts["methods"].items() if name in expected}, expected)
    same("refused requests", counts["refused"], 0)


async def modern(upstream):
    from mcp import Client

    async with Client(upstream.url, mode="auto") as client:
        same("the revision", client.protocol_version, "2026-07-28")
        pages, calls = await use(client)
        async with client.listen(tools_list_changed=True) as subscription:
            same("the acknowledged filter", subscription.honored.tools_list_changed, True)
            same("open streams", (await upstream.once(lambda counts: counts["streams"]["open"] == 1))["streams"]["opened"], 1)
        counts = await upstream.once(lambda counts: counts["streams"]["open"] == 0)
    same("sessions", counts["sessions"]["opened"], 0)
    expected = {"server/discover": 1, "tools/list": pages, "tools/call": calls, "subscriptions/listen": 1}
    same("methods", counts["methods"], expected)
    same("event streams and refused requests", (counts["event_answers"], counts["progress"], counts["refused"]), (1, PROGRESS, 0))


async def main():
    for era in [legacy] if MAJOR == 1 else [legacy, modern]:
        with Upstream() as upstream:
            await asyncio.wait_for(era(upstream), 2 * PATIENCE)
        print(f"check-mcp: version {MAJOR} of the SDK, {era.__name__} era: ok")


asyncio.run(main())
