"""The page in a real browser: it opens from a file, holds without scripts and styles, and runs nothing that it was given."""

import base64
import gzip
import importlib
import json
import math
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest
import worlds
from browser import axe_finds

import hotmess
from hotmess.cli import main
from hotmess.errors import safe

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "tests" / "golden" / "inspect" / "logs"
PHONE = {"width": 390, "height": 844}
BIAS, VARIANCE = "rgb(0, 114, 178)", "rgb(213, 94, 0)"
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
BLOB = re.compile(r'<script type="text/plain" class="transcript" id="t(\d+)">([^<]*)</script>')
SIMULATED = ("report", ROOT / "examples" / "simulated.csv")
TOLD = ("report", LOGS / "mcq_zstd.eval", LOGS / "swe_new.eval")


def commanded(*words):
    """What the command line writes; once for many tests, so without the fixtures of a single one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hotmess", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code in (0, None)


def data(path):
    return json.loads(DATA.findall(path.read_text(encoding="utf-8"))[0])


def blobs(path):
    """The transcripts that a page holds, by the number of their row."""
    found = BLOB.findall(path.read_text(encoding="utf-8"))
    return {int(number): json.loads(gzip.decompress(base64.b64decode(blob))) for number, blob in found}


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def simulated(place):
    """One task, two models, lengths, no texts."""
    commanded(*SIMULATED, "-o", place / "simulated.html")
    return place / "simulated.html"


@pytest.fixture(scope="session")
def told(place):
    """Two tasks of Inspect logs that hold texts."""
    commanded(*TOLD, "-o", place / "told.html")
    return place / "told.html"


def unfold(page):
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")


def shorten(page):
    """Leave a few rows of each table: the others are like them, and the search for faults takes long."""
    page.evaluate("for (const b of document.querySelectorAll('tbody')) for (const row of [...b.rows].slice(4)) row.remove()")


LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": PHONE},
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["simulated", "told"])
def test_it_opens_from_a_file_and_is_easy_to_use(visit, request, name, look):
    page = visit(request.getfixturevalue(name), **LOOKS[look])
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") > 0
    painted = "done => new PerformanceObserver(seen => done(seen.getEntries().length)).observe({type: 'paint', buffered: true})"
    assert page.evaluate(f"new Promise({painted})") >= 1
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    links = page.locator("a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert links
    assert all(link.startswith("#") and page.locator(f"[id='{link[1:]}']").count() == 1 for link in links)
    shorten(page)
    assert axe_finds(page) == []


# ---- without scripts, without styles ----


@pytest.mark.parametrize("name", ["simulated", "told"])
def test_it_is_complete_without_scripts(visit, request, name):
    path = request.getfixturevalue(name)
    page = visit(path, java_script_enabled=False)
    parts = data(path)["parts"]
    assert page.locator("h1").is_visible()
    assert page.locator(".says:visible").count() == len(parts)
    pictures = page.locator(".first .pictures svg").count()
    assert pictures == 3 if name == "simulated" else pictures >= len(parts)
    assert page.locator(".first .pictures svg:visible").count() == pictures
    assert page.locator(".found:visible > .what").count() >= len(parts)
    assert page.locator("table.every tbody tr:visible").count() == sum(len(part["questions"]["error"]) for part in parts)
    assert page.locator("table.strips:visible").count() >= 1
    for hidden in (".filter", ".read", ".buckets", ".download", "dialog", "button", "th:text-is('read')"):
        assert page.locator(f"{hidden} >> visible=true").count() == 0, hidden
    assert page.locator(".without").is_visible()
    words = page.locator("body").inner_text()
    assert not re.search(r"click|compare two|\bsort\b|save the data|copy link", words, re.IGNORECASE)
    page.locator("summary").last.click()
    assert page.locator("details[open]").last.is_visible()


def rgb(colour):
    """The three numbers of #abc or #aabbcc."""
    return bytes.fromhex(colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:]))


class Strict(BaseHTTPRequestHandler):
    """One page, under the policy that Jenkins has for reports."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Security-Policy", "sandbox; default-src 'none'; img-src 'self'; style-src 'self';")
        self.end_headers()
        self.wfile.write(self.server.shown.read_bytes())


def test_pictures_keep_their_colours_where_no_style_may_run(visit, simulated):
    with ThreadingHTTPServer(("127.0.0.1", 0), Strict) as server:
        server.shown = simulated
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = visit(f"http://127.0.0.1:{server.server_port}/report.html", loud=True)
        assert page.locator("html.js").count() == 0
        assert page.evaluate("getComputedStyle(document.querySelector('.pictures')).display") == "block"
        bars = page.locator("svg[aria-labelledby='p0-bars-title']")
        fills = bars.locator("path").evaluate_all("all => all.map(e => getComputedStyle(e).fill)")
        assert {BIAS, VARIANCE} <= set(fills)
        assert "rgb(0, 0, 0)" not in fills
        drawn = page.locator("svg [fill^='#'], svg [stroke^='#']").evaluate_all(
            """all => all.flatMap(e => ["fill", "stroke"].filter(name => e.getAttribute(name)?.startsWith("#"))
                .map(name => [e.getAttribute(name), getComputedStyle(e)[name]]))"""
        )
        assert len(drawn) > 100
        assert all(found == f"rgb({', '.join(map(str, rgb(asked)))})" for asked, found in drawn)
        sizes = page.locator("svg text").evaluate_all(
            "all => all.map(e => [getComputedStyle(e).fill, parseFloat(getComputedStyle(e).fontSize)])"
        )
        assert all(fill not in ("none", "rgb(255, 255, 255)") and size >= 9 for fill, size in sizes)
        widths = page.locator("svg").evaluate_all("all => all.map(e => e.getBoundingClientRect().width)")
        assert widths
        assert page.locator("h1, .first svg, table.every tbody tr").evaluate_all(
            "all => all.every(e => e.getBoundingClientRect().height > 8)"
        )
        assert not page.locator(".filter").is_visible()
        server.shutdown()


def test_the_first_screen_is_one_sheet_of_paper(visit, simulated):
    inside = {"width": math.floor(186 / 25.4 * 96), "height": math.floor(273 / 25.4 * 96)}  # A4 without margins of 12 mm
    page = visit(simulated, viewport=inside)
    page.emulate_media(media="print")
    ends = page.locator("h1, .first figure").evaluate_all("all => all.map(e => e.getBoundingClientRect().bottom)")
    assert len(ends) == 4
    assert max(ends) < inside["height"]
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    hidden = page.locator(".filter, .down, .buckets, .download, .skip").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().height)"
    )
    assert max(hidden) == 0
    assert page.pdf(format="A4").startswith(b"%PDF")


# ---- what it was given stays text ----

HOSTILE = [
    "<script>window.__xss=1</script>",
    "</script><script>window.__xss=1</script>",
    '"><img src=x onerror="window.__xss=1">',
    "'><img src=x onerror='window.__xss=1'>",
    "<svg onload=window.__xss=1>",
    "javascript:window.__xss=1",
    "--><img src=x onerror=window.__xss=1>",
    "<!--<script>",
    "]]><img src=x onerror=window.__xss=1>",
    "</title></style></textarea></dialog><iframe srcdoc='<script>parent.__xss=1</script>'>",
    "{{7*7}}{%raw%} ${window.__xss=1} `;window.__xss=1;`",
    "line\u2028para\u2029graph",
    "\x1b[31mred\x07\x1b]0;title\x1b\\",
    "\u202eright to left\u2066 and \u2069 back",
    "&lt;b&gt; &amp;amp; \\u003c",
    "__proto__",
    "https://example.com/x.png",
]
NUL = "nul\x00byte"
EVERY = " ".join(HOSTILE)
LENGTH = '"><img src=x onerror=window.__xss=1>_tokens'


def seen(text):
    """A text as a reader sees it: without control codes, white space as one space."""
    return " ".join(safe(text).split())


@pytest.fixture(scope="session")
def hostile(place):
    """A table whose every field is hostile, by the command line; a second task of it cannot be measured."""
    rows = []
    for n, text in enumerate([*HOSTILE, NUL, EVERY]):
        for model in ("<svg onload=__xss=1>", f"{EVERY} one", f"{EVERY} two"):
            for sample in range(3):
                options = [f"{text} right", f"{text} wrong", f"{text} other"]
                said = options[(n + sample * len(model)) % 3] if n % 5 else text
                rows.append(
                    {
                        "task": EVERY, "model": model, "setting": HOSTILE[2], "effort": HOSTILE[0], f"{EVERY} id": f"{text} {n}",
                        "context_id": f"{text} {sample % 2}", "sample_id": f"{text} {sample}", "answer": said,
                        "target": options[0], "choices": json.dumps([*options, text]), "prompt": text,
                        "completion": f"We see {text}. Wait, {said}", "status": "ok",
                        "reason": text, "source": text, "source_ref": text, HOSTILE[5]: text,
                        LENGTH: 100 + 13 * (n % 17) + sample,
                    }
                )  # fmt: skip
    refused = [row | {"task": f"{HOSTILE[0]} refused", "sample_id": "0"} for row in rows[::9]]
    folder = place / "<script>window.__xss=1<"
    folder.mkdir()
    path = folder / 'script>"><img src=x onerror=__xss=1>{{7*7}}-->\u202e\x1b[31m.jsonl'
    pl.DataFrame([*rows, *refused]).write_ndjson(path)
    out = place / "hostile.html"
    commanded("report", path, "--columns", f"question_id={EVERY} id", "--length", LENGTH, "--transcripts", "all", "-o", out)
    return out


def test_hostile_text_stays_text(visit, hostile):
    page = visit(hostile)
    tags = set(page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)"))
    assert not tags & {"img", "iframe", "object", "embed", "base", "link", "audio", "video", "foreignobject", "image", "use"}
    assert page.locator("script").count() == 2 + len(blobs(hostile))
    assert page.evaluate("[...document.querySelectorAll('*')].every(e => [...e.attributes].every(a => !/^on/i.test(a.name)))")
    assert page.evaluate("[...document.querySelectorAll('[href]')].every(e => e.getAttribute('href').startsWith('#'))")
    assert page.evaluate("[...document.querySelectorAll('[src], [srcdoc], [style], [formaction]')].length") == 0
    unfold(page)
    for button in page.locator("main button:visible:not(.read):not(.download)").all():
        button.click()
    with page.expect_download() as saved:
        page.locator(".download").click()
    assert json.loads(saved.value.path().read_text(encoding="utf-8")) == data(hostile)
    assert page.evaluate("JSON.parse(document.getElementById('data').textContent).parts.length") == 1


def test_hostile_text_is_shown_as_it_is(visit, hostile):
    page = visit(hostile)
    questions = page.locator("table.every tbody td:first-child").all_text_contents()
    for n, text in enumerate([*HOSTILE, NUL, EVERY]):
        assert seen(f"{text} {n}") in {" ".join(one.split()) for one in questions}
    unfold(page)
    words = " ".join(page.locator("body").inner_text().split())
    for text in HOSTILE:
        assert seen(text) in words
    assert "49" not in page.locator("h1, nav, .facts").all_inner_texts()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", words)
    held = data(hostile)
    assert set(held["parts"][0]["questions"]["question_id"]) == {f"{text} {n}" for n, text in enumerate([*HOSTILE, NUL, EVERY])}
    assert held["not_measured"][0]["task"] == safe(f"{HOSTILE[0]} refused")


def test_hostile_transcripts_stay_text(visit, hostile):
    page = visit(hostile)
    unfold(page)
    held = blobs(hostile)
    assert len(held) == 3 * (len(HOSTILE) + 2)
    for number, blob in {blob["samples"][0]["id"]: (number, blob) for number, blob in held.items()}.values():
        page.locator(f".read[data-row='{number}']").first.click()
        page.locator("#traces-left:not(:empty)").wait_for()
        assert page.locator("dialog").locator("script, img, svg, iframe, a").count() == 0
        left, right = (blob["samples"][place]["text"] for place in blob["pair"])
        if page.locator("[data-part='more']").is_visible():
            page.locator("[data-part='more']").click()
        same = shown(page, "same") if page.locator("[data-part='shared']").is_visible() else ""
        assert [same + shown(page, f"{side}-text") for side in ("left", "right")] == [left, right]
        page.locator("#traces-tab-tree").click()
        page.locator("#traces-tree").locator("button, summary").first.click()
        page.locator("[data-part='close']").click()
        page.locator("dialog[open]").wait_for(state="detached")


def test_what_is_slipped_in_does_not_run(visit, simulated):
    page = visit(simulated, loud=True)
    page.evaluate("""() => {
        const tries = [
            () => { const s = document.createElement("script"); s.append("window.__xss = 1"); document.body.append(s); },
            () => { const s = document.createElement("script"); s.textContent = "window.__xss = 1"; document.body.append(s); },
            () => { document.body.innerHTML += "<img src=x onerror='window.__xss = 1'>"; },
            () => { const b = document.body; b.setAttribute("onclick", "window.__xss = 1"); b.click(); },
            () => { setTimeout("window.__xss = 1", 0); },
            () => { const a = document.createElement("a"); a.href = "javascript:window.__xss=1"; a.click(); },
        ];
        for (const one of tries) try { one(); } catch { /* refused */ }
    }""")
    page.wait_for_timeout(100)
    assert page.evaluate("window.__xss") is None


# ---- transcripts ----


def shown(page, name):
    return page.locator(f"[data-part='{name}']").evaluate(
        "e => [...(e.matches('pre') ? [e] : e.querySelectorAll('pre'))].map(p => p.textContent).join('')"
    )


def test_the_messiest_question_opens_where_its_texts_part(visit, told):
    page = visit(told)
    first = page.locator(".read:visible").first
    blob = blobs(told)[int(first.get_attribute("data-row"))]
    first.click()
    page.locator("#traces-left:not(:empty)").wait_for()
    left, right = (blob["samples"][place]["text"] for place in blob["pair"])
    at = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    assert left != right
    same = shown(page, "same") if page.locator("[data-part='shared']").is_visible() else ""
    assert [same, shown(page, "left-text"), shown(page, "right-text")] == [left[:at], left[at:], right[at:]]
    where = f"after {at:,} character" if at else "from the first character on"
    assert where in page.locator("[data-part='parting']").inner_text()
    link = page.locator("#traces-left a")
    assert re.fullmatch(r"http://127\.0\.0\.1:7575/#/logs/mcq_zstd\.eval/samples/sample/\w+/\d+/", link.get_attribute("href"))
    assert axe_finds(page) == []
    page.keyboard.press("Escape")
    assert first.evaluate("e => e === document.activeElement")


@pytest.fixture
def measured_once(monkeypatch):
    """Measures a page once for all calls: what the texts are to be changes no figure."""
    module, kept = importlib.import_module("hotmess.report"), {}
    part = module.part

    def once(n, title, *words, **named):
        return kept.setdefault((n, title), None) or kept.update({(n, title): part(n, title, *words, **named)}) or kept[n, title]

    monkeypatch.setattr(module, "part", once)


@pytest.mark.usefixtures("measured_once")
def test_how_many_transcripts_are_kept_is_chosen_and_said(run, visit, tmp_path):
    table = worlds.lengths(3, questions=24, samples=4, error=0.9).drop(
        "output_tokens", "output_chars", "actions", "wait_count", "context_id"
    )
    text = "We think about it. " * 9 + pl.col("question_id") + pl.col("sample_id").hash(1).cast(pl.String) + pl.col("answer")
    table.with_columns(completion=text).write_parquet(tmp_path / "t.parquet")
    kept, said = {}, {}
    for name, words in {
        "none": ["--transcripts", "none"],
        "messiest": [],
        "all": ["--transcripts", "all"],
        "tight": ["--transcripts", "all", "--budget", "1"],
    }.items():
        if name == "tight":  # room for a few
            size = len((tmp_path / "none.html").read_bytes())
            words[-1] = str(size + 3 * (len((tmp_path / "all.html").read_bytes()) - size) // 4)
        assert run("report", "t.parquet", *words, "-o", f"{name}.html")[0] in (0, None)
        kept[name] = blobs(tmp_path / f"{name}.html")
        page = visit(tmp_path / f"{name}.html")
        said[name] = page.locator("#made").inner_text()
        assert page.locator("table.every .read").count() == len(kept[name])
    command = "hotmess report t.parquet --transcripts none -o report.html"
    assert hotmess.report(hotmess.read("t.parquet"), command=command) == (tmp_path / "none.html").read_text(encoding="utf-8")
    assert kept["none"] == {}
    assert "no transcripts in this page" in said["none"]
    varied = sum(value > 0 for value in data(tmp_path / "none.html")["parts"][0]["questions"]["variance"])
    assert 2 < len(kept["messiest"]) == min(10, varied)
    assert f"Transcripts of {len(kept['messiest'])} questions are in this page" in said["messiest"]
    assert len(kept["all"]) == 24
    assert 0 < len(kept["tight"]) < 24
    assert len((tmp_path / "tight.html").read_bytes()) <= int(words[-1])
    assert f"Transcripts of {len(kept['tight'])} question" in said["tight"]
    assert f"those of {24 - len(kept['tight'])} more did not fit" in said["tight"]


# ---- the table of questions ----


def rows_of(page):
    """The rows that are to be seen, as texts of cells."""
    return page.locator("#p0-table tbody tr").evaluate_all(
        "all => all.filter(row => !row.hidden).map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )


def said(page):
    return page.locator("form.filter output").inner_text()


def test_the_table_is_sorted_by_a_click(visit, simulated):
    page = visit(simulated)
    titles = page.locator("#p0-table thead th").all_text_contents()
    every = rows_of(page)
    assert len(every) == 120
    for title in ("error", "incoherence", "output tokens", "question"):
        column = titles.index(title)
        for way in ("descending", "ascending"):
            page.locator("#p0-table thead button").nth(column).click()
            assert page.locator(f"#p0-table th[aria-sort={way}]").all_text_contents() == [title]
            found = [row[column] for row in rows_of(page)]
            keys = found if title == "question" else [number(cell) for cell in found]
            assert keys == sorted(keys, reverse=way == "descending")
            assert sorted(map(tuple, rows_of(page))) == sorted(map(tuple, every))


def number(cell):
    return -1.0 if cell in ("", "—") else float(cell.replace(",", "").removesuffix("%"))


def test_the_table_is_filtered(visit, simulated):
    page = visit(simulated)
    every = rows_of(page)
    form = page.locator("form.filter")

    def check(fits):
        expected = [row for row in every if fits(row)]
        assert rows_of(page) == expected
        assert said(page) == f"{len(expected)} of 120 questions"

    form.get_by_label("Model").select_option("stubborn")
    check(lambda row: row[1] == "stubborn")
    form.get_by_label("Answered").select_option("scattered")
    check(lambda row: row[1] == "stubborn" and row[5] == "scattered")
    form.get_by_label("Model").select_option("")
    form.get_by_label("Answered").select_option("")
    form.get_by_label("Find").fill("Q0")
    check(lambda row: "q0" in row[0])
    form.get_by_label("Find").fill("<b>")
    check(lambda _: False)
    form.get_by_label("Find").fill("")
    page.locator(".buckets button", has_text="3").first.click()
    assert form.get_by_label("Length").input_value() == "3"
    check(lambda row: row[-1] == "3")
    assert form.get_by_label("Length").evaluate("e => e === document.activeElement")
    form.get_by_label("Length").select_option("")
    check(lambda _: True)


def test_keys_are_enough(visit, simulated):
    page = visit(simulated)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(200):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(e => e.name || e.closest('summary, th, .buckets, .download')?.localName || e.localName)(document.activeElement)"
            )
        )
        if reached[-1] == "summary" and "details" not in reached:
            before = page.evaluate("document.activeElement.parentElement.open")
            page.keyboard.press("Space")
            assert page.evaluate("document.activeElement.parentElement.open") is not before
            reached.append("details")
        if reached[-1] == "p":
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.name") == "bucket"
            assert " of 120 questions" in said(page)
            reached.append("bucket")
        if reached[-1] == "way":
            page.keyboard.press("ArrowDown")
        if reached[-1] == "th":
            page.keyboard.press("Enter")
            assert page.locator("#p0-table th[aria-sort=descending]").count() == 1
            break
    assert {"summary", "details", "p", "bucket", "th"} <= set(reached)
    page.locator("input[name=find]").focus()
    page.keyboard.type("q0")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "bucket"


def test_the_data_are_saved(visit, simulated):
    page = visit(simulated)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the data").click()
    assert saved.value.suggested_filename == "hotmess.json"
    found = json.loads(saved.value.path().read_text(encoding="utf-8"))
    assert found == data(simulated)
    assert found["parts"][0]["measurement"]["rows"]
    assert len(found["parts"][0]["questions"]["question_id"]) == 120


# ---- the same bytes ----


def test_the_same_samples_and_seed_give_the_same_bytes(simulated, told, place):
    code = "import sys; from hotmess.cli import main; sys.argv[0] = 'hotmess'; main()"
    again = [
        subprocess.Popen(
            [sys.executable, "-c", code, *map(str, words), "-o", str(place / f"again{n}.html")],
            env={**os.environ, "PYTHONHASHSEED": str(n + 1)},
            stderr=subprocess.DEVNULL,
        )
        for n, words in enumerate((SIMULATED, TOLD))
    ]
    assert [process.wait(timeout=120) for process in again] == [0, 0]
    for n, path in enumerate((simulated, told)):
        assert (place / f"again{n}.html").read_bytes() == path.read_bytes()
