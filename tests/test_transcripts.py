"""Transcripts in the page: the pair that is shown first, the blobs, and the dialog in a real browser."""

import base64
import gzip
import hashlib
import html
import json
import unicodedata
from itertools import combinations
from pathlib import Path

import pytest
from browser import axe_finds
from hypothesis import given
from hypothesis import strategies as st

from hotmess.report.transcripts import LIMIT, Transcript, pack, parting, waits, within

ROOM = Path(__file__).parent.parent / "src" / "hotmess" / "report"
COLOURS = """
:root { color-scheme: light dark; --ink: #1f1f1f; --dim: #5c5f62; --paper: #ffffff; --card: #f5f5f3; --line: #d8d8d4;
  --accent: #0b5cad; --mess: #D55E00; --same: #0072B2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e3; --dim: #a6a6a0; --paper: #17181a; --card: #222427;
  --line: #3a3d41; --accent: #7ab8f5; --mess: #f08a3c; --same: #5fb0e8; } }
body { margin: 2rem; color: var(--ink); background: var(--paper); font: 15px/1.45 system-ui, "Liberation Sans", sans-serif; }
"""


def made(text, answer="A", n=0, *, context="few-shot 1", right=None, length=None, link=None):
    return Transcript(f"q#{n}", context, answer, answer == "B" if right is None else right, length, text, link)


def several(*pairs):
    return [made(text, answer, n) for n, (text, answer) in enumerate(pairs)]


def unpacked(blob):
    return json.loads(gzip.decompress(base64.b64decode(blob)))


def agreed(one, other):
    for n, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return n
    return min(len(one), len(other))


def brute(samples):
    """Every pair, one by one."""
    pairs = list(combinations(range(len(samples)), 2))
    pairs = (
        [(i, j) for i, j in pairs if samples[i].answer != samples[j].answer]
        or [(i, j) for i, j in pairs if samples[i].text != samples[j].text]
        or pairs
        or [(0, 0)]
    )
    lengths = [agreed(samples[i].text, samples[j].text) for i, j in pairs]
    best = max(range(len(pairs)), key=lambda n: (lengths[n], -pairs[n][0], -pairs[n][1]))
    return (*pairs[best], lengths[best])


@given(st.lists(st.tuples(st.text("ab\u0301😀", max_size=6), st.sampled_from("ABC")), min_size=1, max_size=14))
def test_the_pair_is_that_of_all_pairs(drawn):
    samples = several(*drawn)
    assert parting(samples) == brute(samples)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=8))
def test_where_all_answers_are_equal_texts_differ(texts):
    samples = several(*((text, "A") for text in texts))
    assert parting(samples) == brute(samples)


def test_no_samples_have_no_pair():
    with pytest.raises(ValueError, match="no samples"):
        parting([])


def test_a_thousand_long_samples_are_quick():
    stem = "the same " * 5_000
    samples = [made(stem + f"{n % 7} " * 50, "AB"[n % 2], n) for n in range(1000)]
    first, second, length = parting(samples)
    assert (first, second) == (0, 7)
    assert length == len(samples[0].text)


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5), st.floats() | st.none())
def test_packing_keeps_everything_and_gives_the_same_bytes(drawn, length):
    samples = [made(text, answer, n, length=length) for n, (text, answer) in enumerate(drawn)]
    blob = pack(samples)
    assert blob == pack(samples)
    assert set(blob) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    found = unpacked(blob)
    assert [(s["id"], s["answer"], s["text"]) for s in found["samples"]] == [(s.id, s.answer, s.text) for s in samples]
    assert found["pair"] == list(parting(samples)[:2])


def test_halves_of_characters_do_not_break_packing():
    found = unpacked(pack([made("\ud800 Wait", "\udfff")]))["samples"][0]
    assert (found["text"], found["answer"], found["waits"]) == ("? Wait", "?", 1)


@given(
    st.lists(st.sampled_from(["Wait", "wait", "Waiting", " ", "!", "é", "_", "\u0301", "\u200d", "9", "\n"]), max_size=12).map(
        "".join
    )
)
def test_waits_are_those_of_the_table(text):
    import polars as pl

    from hotmess.answers.completions import from_completions

    table = from_completions(pl.DataFrame({"completion": [text]}).lazy(), answers=False).collect()
    assert waits([text]) == table["wait_count"].to_list() == [s["waits"] for s in unpacked(pack([made(text)]))["samples"]]


@given(st.text(max_size=60), st.integers(8, 40))
def test_long_texts_lose_their_middle_and_say_how_much(text, limit):
    found = unpacked(pack([made(text)], limit=limit))["samples"][0]
    assert len(found["text"]) + found["hidden"] + len(found["tail"]) == len(text)
    assert text.startswith(found["text"])
    assert text.endswith(found["tail"])
    assert len(found["text"]) + len(found["tail"]) == min(len(text), limit)


def test_the_pair_is_chosen_on_full_texts_and_its_parting_is_shown():
    stem = "x" * 700
    samples = several((stem + "p" + "y" * 5000, "A"), ("z" * 5000, "B"), (stem + "q" + "y" * 5000, "B"))
    found = unpacked(pack(samples, limit=1000))
    assert found["pair"] == [0, 2]
    assert found["samples"][0]["text"][700] == "p"
    late = several(("x" * 3000 + "p" + "y" * 3000, "A"), ("z" * 5000, "B"), ("x" * 3000 + "q" + "y" * 3000, "B"))
    assert unpacked(pack(late, limit=1000))["pair"] == [0, 2]


def test_what_fits_is_kept_in_order_and_the_rest_is_counted():
    sizes, seen = {7: 40, 3: 70, 9: 60, 1: 1}, []

    def packed(row):
        seen.append(row)
        return "x" * sizes[row]

    found = within([7, 3, 9, 1], packed, 100)
    assert (list(found.blobs), found.kept, found.left_out, found.bytes) == ([7, 9], 2, 2, 100)
    assert seen == [7, 3, 9, 1]
    assert within([], packed, 10).blobs == {}


def test_when_nothing_fits_any_more_the_rest_is_not_packed():
    seen = []
    found = within(range(1000), lambda row: seen.append(row) or "x" * 60, 100)
    assert (found.kept, found.left_out, len(seen)) == (1, 999, 21)


# ---- in a browser ----


def page_of(rows, *, unit="tokens", spoil=None):
    """A page as the report has it: the dialog, buttons, blobs, and a policy that lets only our own script run."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    dialog = environment.from_string((ROOM / "transcripts.html.jinja").read_text()).render(length_unit=unit)
    style = COLOURS + (ROOM / "transcripts.css").read_text()
    script = 'document.documentElement.classList.add("js");\n' + (ROOM / "transcripts.js").read_text()
    digest = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest[0]}'; script-src 'sha256-{digest[1]}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    blobs = [
        f'<script type="text/plain" class="transcript" id="t{n}">{(spoil or str)(pack(samples))}</script>'
        for n, (_, samples) in rows.items()
    ]
    buttons = [
        f'<p><button type="button" class="read" data-row="{n}" data-title="{html.escape(title)}">Compare 2 traces</button></p>'
        for n, (title, _) in rows.items()
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>test</title><style>{style}</style></head>'
        f"<body><main><h1>Questions</h1>{''.join(buttons)}</main>{dialog}{''.join(blobs)}<script>{script}</script></body></html>"
    )


@pytest.fixture
def opened(visit, tmp_path):
    """Open rows in the browser, which watches that nothing is said, fetched or executed."""

    def write(rows, *, hash="", click=0, spoil=None, unit="tokens", **how):
        path = tmp_path / "page.html"
        path.write_text(page_of(rows, unit=unit, spoil=spoil), encoding="utf-8")
        page = visit(path, hash=hash, **how)
        if not hash and click is not None:
            page.locator(".read").nth(click).click()
            page.locator("dialog[open]").wait_for()
        return page

    return write


def rows_of(*pairs):
    return {12: ("Question <b>one</b> · o4-mini", several(*pairs))}


def ready(page):
    page.locator("#traces-left:not(:empty)").wait_for()
    return page


def parts(page):
    """What the dialog shows: shared, own left, own right."""
    ready(page)
    more = page.locator('[data-part="more"]')
    if more.is_visible() and more.get_attribute("aria-expanded") == "false":
        more.click()
    read = "e => e.hidden || e.closest('[hidden]') ? '' : [...e.querySelectorAll('pre')].map(p => p.textContent).join('')"
    return [page.locator(f'[data-part="{name}"]').evaluate(read) for name in ("shared", "left-text", "right-text")]


CASES = {
    "plain": ("one two three", "one two four", "one two "),
    "in a word": ("we walk on", "we walked on", "we walk"),
    "emoji": ("see 😀 there", "see 😁 there", "see "),
    "families": ("a 👩‍👩‍👧 b", "a 👩‍👩‍👦 b", "a "),
    "flags": ("in 🇩🇪!", "in 🇩🇰!", "in "),
    "marks": ("cafe\u0301 au", "cafe\u0300 au", "caf"),
    "mark or none": ("cafe au", "cafe\u0301 au", "caf"),
    "line ends": ("one\r\ntwo", "one\rtwo", "one"),
    "same line ends": ("one\r\ntwo", "one\r\nten", "one\r\nt"),
    "empty": ("", "something", ""),
    "both empty": ("", "", ""),
    "identical": ("just the same", "just the same", "just the same"),
    "prefix": ("one two", "one two three", "one two"),
    "at once": ("alpha", "beta", ""),
    "long": ("word " * 900 + "left", "word " * 900 + "right", "word " * 900),
    "leading line": ("\n\nand a", "\n\nand b", "\n\nand "),
}


def test_the_divider_stands_where_texts_part(opened):
    rows = {n: (case, several((left, "A"), (right, "B"))) for n, (case, (left, right, _)) in enumerate(CASES.items())}
    page = opened(rows, click=None)
    for n, (left, right, stem) in enumerate(CASES.values()):
        page.evaluate(f"location.hash = '#row-{n}'")
        page.locator("#traces-title", has_text=list(CASES)[n]).wait_for()
        assert parts(page) == [stem, left[len(stem) :], right[len(stem) :]]
        words = page.locator('[data-part="parting"]').inner_text()
        where = (
            f"after {len(stem):,} character{'s' * (len(stem) != 1)} that they share" if stem else "from the first character on"
        )
        assert words.startswith("They are the same to the end" if left == right else f"Here they part, {where}")
        page.keyboard.press("Escape")
        page.locator("dialog[open]").wait_for(state="detached")
        while page.evaluate("location.hash"):  # until closing has ended, which would take the next address away
            page.wait_for_timeout(20)


def test_dividers_of_drawn_texts(opened):
    """Many pairs in one page, each against a plain loop over Python's characters."""
    letters = "a\u0301😀 b\n"
    texts = [letters[i % 6] + letters[i // 6 % 6] + letters[(i * 7) % 6] + letters[i // 5 % 6] for i in range(40)]
    page = opened(rows_of(*((text, "AB"[n % 2]) for n, text in enumerate(texts))))
    ready(page)
    for n in range(0, 40, 3):
        for side, place in (("left", n), ("right", (n * 3 + 1) % 40)):
            page.locator(f'[data-part="choose-{side}"]').select_option(str(place))
        one, other = texts[n], texts[(n * 3 + 1) % 40]
        at = agreed(one, other)
        while at and any(unicodedata.combining(text[at : at + 1] or " ") and text[at - 1] != "\n" for text in (one, other)):
            at -= 1
        assert parts(page) == [one[:at], one[at:], other[at:]]


def test_it_opens_on_the_default_pair_and_others_can_be_chosen(opened):
    texts = [("Let us see. Wait, no.", "A"), ("Other. Wait. Waiting. Wait!", "C"), ("Let us see. Yes.", "B"), ("Lo", "B")]
    page = ready(opened(rows_of(*texts)))
    assert page.locator("#traces-title").inner_text() == "Question <b>one</b> · o4-mini"
    assert [page.locator(f'[data-part="choose-{side}"]').input_value() for side in ("left", "right")] == ["0", "2"]
    assert page.locator('[data-part="choose-left"] option').all_inner_texts() == [
        "#1: A · context few-shot 1 · 1 Wait",
        "#2: C · context few-shot 1 · 2 Waits",
        "#3: B ✓ · context few-shot 1 · 0 Waits",
        "#4: B ✓ · context few-shot 1 · 0 Waits",
    ]
    assert parts(page) == ["Let us see. ", "Wait, no.", "Yes."]
    assert page.locator("#traces-pair mark").all_inner_texts() == ["Wait"]
    page.locator('[data-part="choose-right"]').select_option("1")
    assert parts(page) == ["", "Let us see. Wait, no.", "Other. Wait. Waiting. Wait!"]
    assert page.locator('[data-part="right-text"] mark').count() == 2
    assert "2 Waits" in page.locator("#traces-right").inner_text()
    page.locator('[data-part="choose-right"]').select_option("0")
    assert page.locator('[data-part="parting"]').inner_text() == "The same sample stands on both sides"


def test_one_sample_stands_alone(opened):
    page = opened(rows_of(("all alone", "B")))
    assert parts(page)[:2] == ["", "all alone"]
    assert not page.locator('[data-part="parting"]').is_visible()
    assert not page.locator('[data-part="choose-right"]').is_visible()
    page.locator("#traces-tab-tree").click()
    assert page.locator("#traces-tree .leaf").count() == 1
    page.locator("#traces-tree .leaf").click()
    assert page.locator('[data-part="choose-left"]').evaluate("e => e === document.activeElement")


def test_what_is_cut_is_said(opened):
    page = opened(rows_of(("m " + "a" * (LIMIT + 20), "A"), ("m " + "b" * 30, "B")))
    shared, left, right = parts(page)
    assert (shared, len(left), right) == ("m ", LIMIT - 2, "b" * 30)
    assert page.locator('[data-part="left-text"] .traces-cut').inner_text() == "… 22 characters of this text are not shown here …"
    page = opened(rows_of(("a" * 2 * LIMIT + "x", "A"), ("a" * 2 * LIMIT + "y", "B")))
    ready(page)
    assert page.locator('[data-part="parting"]').inner_text() == "They agree up to here; where they part is not shown"


def lines(page):
    read = """e => [...e.querySelectorAll('summary, .leaf')].map(l => ['many', 'said', 'ends'].map(c => {
        const copy = l.querySelector('.' + c).cloneNode(true);
        for (const aside of copy.querySelectorAll('.aside')) aside.remove();
        return copy.textContent; }))"""
    return [tuple(line) for line in page.locator('[data-part="tree"]').evaluate(read)]


def test_the_tree_counts_samples_and_answers(opened):
    texts = [
        *(("First add two", "A"), ("First add three", "B"), ("First  add", "C"), ("First multiply it", "B")),
        *(("Then  stop", "A"), ("First add two", "B"), ("Firstly add", "A"), ("", "D"), ("First add", "A")),
    ]
    page = ready(opened(rows_of(*texts)))
    page.locator("#traces-tab-tree").click()
    assert lines(page) == [
        ("9", "they differ from the first word on", "A × 4, B ✓ × 3, C × 1, D × 1"),
        ("6", "First", "B ✓ × 3, A × 2, C × 1"),
        ("4", "add", "A × 2, B ✓ × 2"),
        ("2", "two", "A × 1, B ✓ × 1"),
        ("#1", "ends here", "A"),
        ("#6", "ends here", "B ✓"),
        ("#2", "three", "B ✓"),
        ("#9", "ends here", "A"),
        ("#3", "add", "C"),
        ("#4", "multiply it", "B ✓"),
        ("#5", "Then stop", "A"),
        ("#7", "Firstly add", "A"),
        ("#8", "ends here", "D"),
    ]
    page.locator(".leaf", has_text="#7").click()
    assert page.locator('[data-part="choose-right"]').input_value() == "6"
    assert page.locator('[data-part="choose-right"]').evaluate("e => e === document.activeElement")
    assert page.locator('[data-part="right-text"]').inner_text() == "ly add"


def test_texts_without_spaces_branch_too(opened):
    page = ready(opened(rows_of(("答案是三", "A"), ("答案是四", "B"), ("答案不明", "B"))))
    page.locator("#traces-tab-tree").click()
    assert [line[:2] for line in lines(page)] == [("3", "答案"), ("2", "是"), ("#1", "三"), ("#2", "四"), ("#3", "不明")]


def test_a_thousand_samples_do_not_freeze_it(opened):
    stem = "the same " * 400
    samples = [(stem + f"{n % 3} {n % 50} and so on " + f"{n * n} " * 200, "ABCD"[n % 4]) for n in range(1000)]
    page = ready(opened(rows_of(*samples)))
    took = page.evaluate("""() => { const start = performance.now(); document.querySelector('#traces-tab-tree').click();
        document.querySelector('#traces-tree').offsetHeight; return performance.now() - start; }""")
    assert took < 2000
    assert page.locator(".traces-tree li").count() < 400
    page.locator("#traces-tree summary").nth(2).click()
    assert lines(page)[0][0] == "1,000"


def test_more_branches_are_added_on_demand(opened):
    page = ready(opened(rows_of(*((f"{n} x", "AB"[n % 2]) for n in range(150)))))
    page.locator("#traces-tab-tree").click()
    assert page.locator(".leaf").count() == 60
    page.locator("button.more", has_text="Show more: 90 are left").press("Enter")
    assert page.locator(".leaf").count() == 120
    assert page.locator(":focus").inner_text().startswith("#61")
    page.locator("button.more", has_text="Show more: 30 are left").click()
    assert (page.locator(".leaf").count(), page.locator("button.more:has-text('Show')").count()) == (150, 0)


def test_a_staircase_of_texts_can_be_climbed(opened):
    page = ready(opened(rows_of(*((" ".join("w" * n) + " end", "AB"[n % 2]) for n in range(1, 300)))))
    page.locator("#traces-tab-tree").click()
    for _ in range(20):
        page.locator("#traces-tree details:not([open]) > summary").first.click()
    assert page.locator("#traces-tree summary").count() > 35
    assert page.locator("#traces-tree").evaluate("e => e.scrollWidth - e.clientWidth") <= 0


def test_keys(opened):
    page = opened(rows_of(("one two", "A"), ("one three", "B")), click=None)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    ready(page)
    assert page.url.endswith("#row-12")
    assert page.locator("#traces-title").evaluate("e => e === document.activeElement")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.locator("#traces-tab-tree").get_attribute("aria-selected") == "true"
    assert page.locator("#traces-tree").is_visible()
    assert not page.locator("#traces-pair").is_visible()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#traces-pair").is_visible()
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="detached")
    assert page.locator(".read").evaluate("e => e === document.activeElement")
    page.wait_for_function("!location.hash")


def test_an_address_opens_its_row(opened):
    rows = {n: (f"Row {n}", several(("x y", "A"), ("x z", "B"))) for n in (3, 12)}
    page = ready(opened(rows, hash="#row-12"))
    assert page.locator("#traces-title").inner_text() == "Row 12"
    page.evaluate("location.hash = '#row-3'")
    page.locator("#traces-title", has_text="Row 3").wait_for()
    ready(page)
    page.locator('[data-part="copy"]').click()
    page.locator('[data-part="status"]', has_text="link").wait_for()
    page.locator('[data-part="close"]').click()
    page.locator("dialog[open]").wait_for(state="detached")
    assert page.locator('[data-row="3"]').evaluate("e => e === document.activeElement")
    page.evaluate("location.hash = '#row-99'")
    page.evaluate("location.hash = '#row-<img>'")
    assert page.locator("dialog[open]").count() == 0


def test_another_row_may_be_opened_while_one_is(opened):
    rows = {n: (f"Row {n}", several((f"{n} y", "A"), (f"{n} z", "B"))) for n in (3, 12)}
    page = ready(opened(rows))
    page.evaluate("""() => { const [one, other] = document.querySelectorAll('.read'); one.click(); other.click();
        document.querySelector('dialog').close(); one.click(); other.click(); }""")
    page.locator("#traces-left:has-text('#1: A')").wait_for()
    page.locator('[data-part="left-text"] pre').wait_for()
    assert page.locator("#traces-title").inner_text() == "Row 12"
    assert parts(page)[0] == "12 "


@pytest.mark.parametrize(
    "spoil",
    [lambda _: "%%%", lambda _: "", lambda b: b[: len(b) // 8 * 4], lambda _: base64.b64encode(gzip.compress(b"{}")).decode()],
)
def test_damaged_blobs_are_said(opened, spoil):
    page = opened(rows_of(("x y", "A"), ("x z", "B")), spoil=spoil)
    page.locator('[data-part="status"]', has_text="are damaged in this file").wait_for()
    assert not page.locator("#traces-pair").is_visible()


def test_old_browsers_are_told(opened):
    page = opened(rows_of(("x", "A")), before="delete window.DecompressionStream")
    page.locator('[data-part="status"]', has_text="too old to unpack").wait_for()


def test_without_scripts_nothing_is_promised(opened):
    page = opened(rows_of(("x", "A")), click=None, java_script_enabled=False)
    assert not page.locator(".read").is_visible()
    assert not page.locator("dialog").is_visible()


HOSTILE = [
    "<script>window.__xss=1</script>",
    "</script><script>window.__xss=1</script>",
    '"><img src=x onerror="window.__xss=1">',
    "<svg onload=window.__xss=1>",
    "javascript:window.__xss=1",
    "--><img src=x onerror=window.__xss=1>",
    "]]><img src=x onerror=window.__xss=1>",
    "</dialog></pre></textarea><iframe srcdoc='<script>parent.__xss=1</script>'>",
    "line\u2028para\u2029graph",
    "nul\x00byte\x1b[31m\x07",
    "\u202eright to left\u2066 and \u2069 back",
    "{{7*7}} ${window.__xss=1} `;window.__xss=1;`",
    "__proto__",
    "W" * 1_000_000,
]


def test_hostile_text_stays_text(opened):
    rows = {
        n: (text, [Transcript(text, text, f"{text}{k}", k == 1, 1.0, f"{text} {k}", text) for k in range(3)])
        for n, text in enumerate(HOSTILE)
    }
    page = opened(rows, click=None, unit=HOSTILE[0])
    for n, text in enumerate(HOSTILE):
        page.locator(".read").nth(n).click()
        ready(page)
        page.locator("#traces-tab-tree").click()
        page.locator(".leaf").first.click()
        assert page.locator("dialog").locator("script, img, svg, iframe, a").count() == 0
        if len(text) < 1000:
            assert parts(page)[0].startswith(text)
        page.keyboard.press("Escape")
        page.locator("dialog[open]").wait_for(state="detached")
    assert page.evaluate("window.__xss") is None


GOOD = ["http://127.0.0.1:7575/#/logs/a.eval", "http://localhost:7575/"]
BAD = [
    *(
        "http://localhost.evil.com/",
        "http://127.0.0.1@evil.com/",
        "http://a:b@localhost/",
        "//localhost/",
        "https://evil.com",
        "x",
    ),
    *(
        "javascript:alert(1)//http://localhost",
        " java\nscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://localhost/",
    ),
    *("http://127.0.0.1.evil.com/", "blob:http://localhost/x", None, ""),
]


def test_links_lead_to_this_machine_only(opened):
    samples = [made(f"a {n}", "A", n, link=link) for n, link in enumerate([*GOOD, *BAD])]
    page = ready(opened({12: ("t", samples)}))
    for n, link in enumerate([*GOOD, *BAD]):
        page.locator('[data-part="choose-left"]').select_option(str(n))
        found = page.locator("#traces-left a")
        assert found.count() == (link in GOOD), link
        if link in GOOD:
            assert (found.get_attribute("href"), found.get_attribute("rel")) == (link, "noreferrer")


def story():
    """Something to look at."""
    stem = (
        "We need the enthalpy of the reaction at 350 K. Using Kirchhoff's law, the change of heat capacities enters "
        "as an integral.\n\n"
        "Let us collect the data first: Cp(CO2) = 37.1, Cp(CO) = 29.1, Cp(O2) = 29.4 J/(mol K).\n"
    ) * 4
    ways = [
        (
            "ΔCp = 37.1 - 29.1 - 14.7 = -6.7. Wait, is half of O2 right? Yes.\n\nΔH(350) = -283.0 - 0.35 = -283.3 kJ/mol.",
            "B",
        ),
        ("ΔCp = 37.1 - 29.1 - 29.4 = -21.4 J/(mol K).\n\nWait. Wait, no. I forgot the factor. ANSWER: C", "C"),
        ("Hess' law is enough: the difference cannot matter at 52 K. ANSWER: A", "A"),
    ]
    samples = []
    for n in range(24):
        text, answer = ways[n % 3]
        own = stem if n % 4 else "First, what is asked? The enthalpy. "
        text = f"{own}{text} {'So it goes on. ' * (n * 3 % 40)}"
        link = "http://127.0.0.1:7575/#/logs/run.eval" if n % 2 else None
        samples.append(made(text, answer, n, context=f"few-shot {n // 8}", length=1204.0 + 311 * n, link=link))
    return {12: ("gpqa/0173 · o4-mini", samples)}


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_axe_finds_nothing(opened, look):
    size = {"width": 390, "height": 844} if look == "phone" else {"width": 1280, "height": 800}
    page = ready(opened(story(), viewport=size, color_scheme="dark" if look == "dark" else "light"))
    for tab in ("pair", "tree"):
        page.locator(f"#traces-tab-{tab}").click()
        assert axe_finds(page) == []
        width = page.evaluate("[...document.querySelectorAll('.traces, .traces-panel')].map(e => e.scrollWidth - e.clientWidth)")
        assert max(width) <= 0
