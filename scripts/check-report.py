"""Checks the files of a run with other programs: Chromium, html5lib, prometheus_client, junitparser, and Jenkins' schema of
JUnit files.

    check-report.py FOLDER WORK JUNIT_XSD
"""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import html5lib
import junitparser
import lxml.etree
from prometheus_client.openmetrics.parser import text_string_to_metric_families

WIDTHS = (390, 768, 1400)
# Allows for a slow start on a busy machine; a browser that hangs is started again.
SECONDS = 120
FEWEST_CHARTS = 4

# Loads the page into frames of several widths. The frames have this page's origin, so it may measure them; the page itself
# runs no script and fetches nothing.
FRAMES = """<!DOCTYPE html><meta charset="utf-8"><title>frames</title><body>
%s
<pre id="found">waiting</pre>
<script>
const frames = [...document.querySelectorAll("iframe")];
const loaded = frames.map(frame => new Promise(done => frame.addEventListener("load", done)));
function measured(frame) {
  const page = frame.contentDocument, root = page.documentElement, width = root.clientWidth;
  const wide = [...page.querySelectorAll("body *")].filter(element =>
    !element.closest(".scroll") && !element.closest("svg") && element.getBoundingClientRect().right > width + 1);
  const drawings = [...page.querySelectorAll("svg.drawing")].map(svg => svg.getBoundingClientRect());
  const texts = [...page.querySelectorAll("svg.drawing text")].map(text => {
    const scale = text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width;
    return parseFloat(getComputedStyle(text).fontSize) * scale;
  });
  return {
    asked: Number(frame.dataset.width), width, scrolls: root.scrollWidth,
    wide: wide.slice(0, 5).map(element => element.tagName + "." + element.className),
    drawings: drawings.length, flat: drawings.filter(box => box.width < 250 || box.height < 60).length,
    smallest: Math.min(...texts),
  };
}
Promise.all(loaded).then(() => {
  document.getElementById("found").textContent = JSON.stringify(frames.map(measured));
});
for (const frame of frames) frame.srcdoc = frame.dataset.page;
</script>
"""


class Broken(Exception):
    """Reports a problem of an artifact."""


def fail(message):
    raise Broken(message)


def chromium(page, work, *arguments):
    """Returns the DOM and the console messages of a page. Starts a browser that crashes or hangs once more."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        sys.exit("check-report: chromium is not installed; install it with scripts/install-tools")
    for attempt in (1, 2):
        home = work / f"browser-{page.stem}-{attempt}"
        command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={home}",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--enable-logging=stderr", "--log-level=0",
            *arguments, "--dump-dom", page.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            if done.returncode == 0 and "</html>" in done.stdout:
                return done.stdout, done.stderr
            message = f"code {done.returncode}: {done.stderr[-2000:]}"
        except subprocess.TimeoutExpired:
            message = f"no answer within {SECONDS} s"
        print(f"check-report: chromium, attempt {attempt}: {message}", file=sys.stderr)
    sys.exit("check-report: chromium failed twice")


def check_page(folder, work):
    page = folder / "report.html"
    text = page.read_text(encoding="utf-8")
    if len(text.encode()) > 1_000_000:
        fail(f"report.html has {len(text.encode())} bytes, limit 1,000,000")
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(text)
    if parser.errors:
        fail(f"report.html is not well-formed: {parser.errors[:5]}")
    dom, messages = chromium(page, work)
    console = [line for line in messages.splitlines() if ":CONSOLE" in line]
    if console:
        fail("the console is not empty: " + "; ".join(console[:5]))
    charts = dom.count("<figure ")
    if charts < FEWEST_CHARTS or dom.count('<svg class="drawing"') != charts:
        fail(f"{charts} figures, {dom.count('<svg class=')} drawings, at least {FEWEST_CHARTS} expected")
    numbers = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', dom, re.DOTALL)
    metrics = json.loads(numbers.group(1))["judgement"]["metrics"]
    return text, charts, len(metrics)


def check_widths(text, charts, work):
    page = work / "frames.html"
    # A frame that is as high as its page has no scroll bar.
    frames = [
        f'<iframe data-width="{width}" style="width:{width}px;height:60000px;border:0" data-page="{html.escape(text)}"></iframe>'
        for width in WIDTHS
    ]
    page.write_text(FRAMES % "\n".join(frames), encoding="utf-8")
    dom, _ = chromium(page, work, "--virtual-time-budget=20000", "--window-size=1500,1000")
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    try:
        frames = json.loads(html.unescape(found.group(1)))
    except (AttributeError, ValueError):
        fail(f"the frames were not measured: {found and found.group(1)}")
    for frame in frames:
        if frame["width"] != frame["asked"]:
            fail(f"a frame of {frame['asked']} px is {frame['width']} px wide, so it cannot be checked")
        if frame["scrolls"] > frame["width"] or frame["wide"]:
            fail(f"at {frame['asked']} px the page is {frame['scrolls']} px wide: {frame['wide']}")
        if frame["drawings"] != charts or frame["flat"]:
            fail(f"at {frame['asked']} px {frame['drawings']} of {charts} charts are drawn, {frame['flat']} too small to see")
        if frame["smallest"] < 8:
            fail(f"at {frame['asked']} px the text of a chart is {frame['smallest']:.1f} px high")


def check_junit_schema(path, schema):
    """Validates every element and attribute, and checks that a deliberately broken file is refused."""
    schema = lxml.etree.XMLSchema(lxml.etree.parse(schema))
    tree = lxml.etree.parse(path)
    if not schema.validate(tree):
        fail(f"{path.name}: {schema.error_log.last_error}")
    case = tree.getroot().find(".//testcase")
    del case.attrib["name"]
    if schema.validate(tree):
        fail(f"{path.name}: the schema accepted a test case without a name")


def check_small_formats(folder):
    families = list(text_string_to_metric_families((folder / "metrics.prom").read_text(encoding="utf-8")))
    samples = sum(len(family.samples) for family in families)
    if "harness_run" not in {family.name for family in families} or samples < 5:
        fail(f"metrics.prom has {samples} samples in {len(families)} families")
    for family in families:
        labels = {label for sample in family.samples for label in sample.labels}
        if "commit" in labels and family.name != "harness_run":
            fail(f"{family.name} contains the commit")
    tree = xml.etree.ElementTree.parse(folder / "junit.xml").getroot()
    cases = list(tree.iter("testcase"))
    read = junitparser.JUnitXml.fromfile(str(folder / "junit.xml"))
    suites = list(read)
    counted = (read.tests, read.failures, read.errors)
    for suite in suites:
        before = (suite.tests, suite.failures, suite.errors, suite.skipped)
        suite.update_statistics()
        after = (suite.tests, suite.failures, suite.errors, suite.skipped)
        if before != after or counted != after[:3] or after[0] != len(cases):
            fail(f"junit.xml says {before}, junitparser counts {after}, there are {len(cases)} cases")
    for name in ("gab-smaller.json", "gab-bigger.json"):
        refuse = lambda constant, name=name: fail(f"{name} contains {constant}")
        for entry in json.loads((folder / name).read_text(encoding="utf-8"), parse_constant=refuse):
            if not (isinstance(entry["value"], (int, float)) and entry["name"] and entry["unit"]):
                fail(f"{name}: {entry}")
    badges = sorted((folder / "badges").glob("*.json"))
    for path in badges:
        badge = json.loads(path.read_text(encoding="utf-8"))
        if badge["schemaVersion"] != 1 or not badge["label"] or not badge["message"]:
            fail(f"{path.name}: {badge}")
        xml.etree.ElementTree.parse(path.with_suffix(".svg"))
    return samples, len(cases), len(badges)


def check_the_check(text, charts, work):
    """Checks that deliberately broken pages are refused."""
    broken = {
        "wide": ("<main>", '<main><div style="width:800px">wide</div>'),
        "scripted": ("<main>", "<main><script>throw new Error()</script>"),
        "open": ("<main>", "<main><div><b></div>"),
        "flat": ("<svg ", '<svg style="height:3px" '),
    }
    for name, (old, new) in broken.items():
        folder = work / name
        folder.mkdir()
        page = text.replace(old, new, 1)
        (folder / "report.html").write_text(page, encoding="utf-8")
        try:
            check_page(folder, folder)
            check_widths(page, charts, folder)
        except Broken:
            continue
        fail(f"a deliberately broken page ({name}) was accepted")


def main():
    folder, work, schema = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    try:
        check_junit_schema(folder / "junit.xml", schema)
        samples, cases, badges = check_small_formats(folder)
        text, charts, metrics = check_page(folder, work)
        check_widths(text, charts, work)
        check_the_check(text, charts, work)
    except Broken as broken:
        sys.exit(f"check-report: {broken}")
    widths = ", ".join(str(width) for width in WIDTHS)
    print(
        f"report.html: {len(text.encode())} bytes, {charts} charts, {metrics} metrics, no console message, fits {widths} px; "
        f"metrics.prom: {samples} samples; junit.xml: {cases} cases; {badges} badges"
    )


if __name__ == "__main__":
    main()
