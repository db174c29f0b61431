"""The questionnaire in a real browser: dragged, typed, answered in pairs, saved, and read again by `hotmess survey`."""

import json
import re

import pytest
from browser import axe_finds

import hotmess
from hotmess.errors import HotmessError
from hotmess.survey.cards import Card, cards_of
from hotmess.survey.questionnaire import page

NAMES = ("Octopus", "Crow", "Jury", "Toddler", "Thermostat", "Nematode")
CARDS = [
    Card(name, kind, about) for name, kind, about in zip(NAMES, ("organism", None) * 3, ("eight arms", *[None] * 5), strict=True)
]
HOSTILE = [
    '<img src=x onerror="window.__xss=1">',
    "</script><script>window.__xss=1</script>",
    "{{7*7}}",
    "javascript:alert(1)",
    "--><svg onload=window.__xss=1>",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
NO_STORAGE = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"


@pytest.fixture
def written(tmp_path):
    """Write a page and return its path."""

    def write(cards=CARDS, attributes=("coherence",), **how):
        path = tmp_path / "page.html"
        path.write_text(page(cards, attributes, **how), encoding="utf-8")
        return path

    return write


def order(shown):
    """The names in the list, from the first to the last."""
    return shown.locator("#list .card bdi").all_inner_texts()


def numbers(shown):
    return shown.locator("#list .number").all_inner_texts()


def card(shown, name):
    return shown.locator("#list .card").filter(has_text=re.compile(f"^{re.escape(name)}"))


def file_of(shown, tmp_path):
    """What the button saves, as a file."""
    with shown.expect_download() as download:
        shown.locator("#save").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def sort_by_keys(shown, wanted):
    """Lift each card and carry it to its place."""
    for place, name in enumerate(wanted):
        card(shown, name).focus()
        shown.keyboard.press("Space")
        shown.keyboard.press("Home")
        for _ in range(place):
            shown.keyboard.press("ArrowDown")
        shown.keyboard.press("Space")


def answer_pairs(shown, rank):
    """Answer every pair by these ranks, with the keys; how many there were."""
    count = 0
    while shown.locator("#pairwise").is_visible():
        left, right = (rank[shown.locator(f"#{side} bdi").inner_text()] for side in ("left", "right"))
        shown.keyboard.press("=" if left == right else "ArrowLeft" if left < right else "ArrowRight")
        count += 1
    return count


# ---------------------------------------------------------------------------------------------- sorting


def test_cards_are_sorted_with_the_keyboard_and_the_file_is_read_again(visit, written, tmp_path):
    shown = visit(written(title="A survey"))
    assert shown.locator("#question").inner_text() == "Which of these shows more coherence?"
    shown.locator("#by-drag").click()
    first = order(shown)
    assert sorted(first) == sorted(NAMES)
    wanted = list(NAMES)
    sort_by_keys(shown, wanted)
    assert order(shown) == wanted
    assert numbers(shown) == ["1", "2", "3", "4", "5", "6"]
    assert shown.locator("#untouched").inner_text() == ""
    card(shown, "Crow").focus()
    shown.keyboard.press("=")
    assert numbers(shown)[:3] == ["1=", "1=", "3"]
    card(shown, "Nematode").focus()
    shown.keyboard.press("u")
    assert shown.locator("#unknown").inner_text().startswith("Nematode")
    shown.locator("#name").fill("Ada Ä.")
    path = file_of(shown, tmp_path)
    assert path.name == "survey-coherence-ada-a.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["ranking"] == [["Octopus", "Crow"], ["Jury"], ["Toddler"], ["Thermostat"]]
    assert (found["hotmess_survey"], found["title"], found["attribute"], found["way"]) == (1, "A survey", "coherence", "drag")
    assert (found["rater"], found["unknown"], found["comparisons"], found["untouched"]) == ("Ada Ä.", ["Nematode"], [], [])
    assert found["initial"] == first
    assert found["started"] <= found["finished"]
    assert found["kinds"] == dict.fromkeys(NAMES[::2], "organism")
    points = hotmess.survey(path, invert=[""], draws=100).points
    assert dict(points.select("entity", "mean_rank").iter_rows()) == {
        "Octopus": 1.5,
        "Crow": 1.5,
        "Jury": 3,
        "Toddler": 4,
        "Thermostat": 5,
    }


def test_what_keys_do_is_said_and_escape_takes_it_back(visit, written):
    shown = visit(written())
    shown.locator("#by-drag").click()
    before = order(shown)
    said = shown.locator("#status")
    shown.locator("#list .card").nth(2).focus()
    shown.keyboard.press("Space")
    assert said.inner_text().startswith(f"{before[2]} lifted. Place 3 of 6.")
    assert card(shown, before[2]).get_attribute("aria-pressed") == "true"
    shown.keyboard.press("ArrowUp")
    assert said.inner_text() == f"{before[2]}: place 2 of 6, below {before[0]}."
    shown.keyboard.press("End")
    assert order(shown)[-1] == before[2]
    assert shown.evaluate("document.activeElement.innerText").startswith(before[2])
    shown.keyboard.press("Escape")
    assert order(shown) == before
    shown.keyboard.press("ArrowUp")
    assert shown.evaluate("document.activeElement.innerText").startswith(before[1])
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.getAttribute('aria-label')") == f"The same as the one above: {before[1]}"


@pytest.mark.parametrize("touch", [False, True])
def test_cards_are_dragged_with_mouse_and_finger(visit, written, touch):
    shown = visit(written(), **(PHONE if touch else {}))
    shown.locator("#by-drag").click()
    before = order(shown)
    shown.locator("#list").scroll_into_view_if_needed()
    rows = shown.locator("#list .row")
    start, end = (rows.nth(n).locator(".handle" if touch else ".card").bounding_box() for n in (4, 1))
    x, y = (start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    to = end["y"] + 2
    if touch:
        fingers = shown.context.new_cdp_session(shown)
        fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for n in range(1, 9):
            fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y + (to - y) * n / 8}]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    else:
        shown.mouse.move(x, y)
        shown.mouse.down()
        shown.mouse.move(x, to, steps=8)
        shown.mouse.up()
    shown.wait_for_function("document.querySelectorAll('.dragged').length === 0")
    assert order(shown) == [before[0], before[4], before[1], before[2], before[3], before[5]]
    assert "5 of 6 cards" in shown.locator("#untouched").inner_text()


def test_ties_keep_their_meaning_when_cards_move(visit, written, tmp_path):
    shown = visit(written())
    shown.locator("#by-drag").click()
    sort_by_keys(shown, NAMES)
    for name in ("Crow", "Jury"):
        shown.locator(f"button[aria-label='The same as the one above: {name}']").click()
    assert numbers(shown) == ["1=", "1=", "1=", "4", "5", "6"]
    card(shown, "Octopus").focus()  # the head of the three goes to the end: the other two stay the same
    for key in ("Space", "End", "Space"):
        shown.keyboard.press(key)
    assert numbers(shown) == ["1=", "1=", "3", "4", "5", "6"]
    card(shown, "Toddler").focus()  # between two that are the same, it is the same
    for key in ("Space", "ArrowUp", "Space"):
        shown.keyboard.press(key)
    assert order(shown)[:3] == ["Crow", "Toddler", "Jury"]
    assert numbers(shown)[:3] == ["1=", "1=", "1="]
    shown.locator("button[aria-label='I do not know this one: Crow']").click()
    assert numbers(shown) == ["1=", "1=", "3", "4", "5"]
    shown.locator("button[aria-label='Put back: Crow']").click()
    found = json.loads(file_of(shown, tmp_path).read_text(encoding="utf-8"))
    assert found["ranking"] == [["Toddler", "Jury"], ["Thermostat"], ["Nematode"], ["Octopus"], ["Crow"]]


# ---------------------------------------------------------------------------------------------- pairs


@pytest.mark.parametrize("seed", range(3))
def test_pairs_find_the_ranking_with_few_questions(visit, written, tmp_path, seed):
    cards = [Card(f"c{n}") for n in range(16)]
    rank = {f"c{n}": n // 2 if seed == 2 else (7 * n + seed) % 16 for n in range(16)}
    shown = visit(written(cards))
    shown.locator("#by-pairs").click()
    assert re.fullmatch(r"Question 1 of about \d+", shown.locator("#progress").inner_text())
    asked = answer_pairs(shown, rank)
    assert asked <= 49  # halving: 1 + 2*2 + 4*3 + 8*4
    found = json.loads(file_of(shown, tmp_path).read_text(encoding="utf-8"))
    assert [{rank[name] for name in tied} for tied in found["ranking"]] == [{value} for value in sorted(set(rank.values()))]
    assert (found["way"], len(found["comparisons"])) == ("pairwise", asked)
    for left, right, says in found["comparisons"]:
        assert says == ("=" if rank[left] == rank[right] else ">" if rank[left] < rank[right] else "<")


def test_pairs_can_be_undone_and_cards_set_aside(visit, written, tmp_path):
    shown = visit(written())
    shown.locator("#by-pairs").click()
    assert shown.locator("#undo").is_disabled()
    seen = []
    rank = {name: place for place, name in enumerate(NAMES)}
    for step in range(4):
        seen.append(
            (shown.locator("#left").inner_text(), shown.locator("#right").inner_text(), shown.locator("#progress").inner_text())
        )
        shown.locator(("#left", "#equal", "#right", "#left-unknown")[step]).click()
    for step in reversed(range(4)):
        shown.keyboard.press("Backspace")
        assert (
            shown.locator("#left").inner_text(),
            shown.locator("#right").inner_text(),
            shown.locator("#progress").inner_text(),
        ) == seen[step]
    while shown.locator("#pairwise").is_visible() and "Jury" not in (
        shown.locator("#left").inner_text(),
        shown.locator("#right").inner_text(),
    ):
        left, right = (rank[shown.locator(f"#{side} bdi").inner_text()] for side in ("left", "right"))
        shown.keyboard.press("ArrowLeft" if left < right else "ArrowRight")
    shown.locator("#left-unknown" if shown.locator("#left").inner_text() == "Jury" else "#right-unknown").click()
    answer_pairs(shown, rank)
    found = json.loads(file_of(shown, tmp_path).read_text(encoding="utf-8"))
    assert found["unknown"] == ["Jury"]
    assert found["ranking"] == [[name] for name in NAMES if name != "Jury"]


# ---------------------------------------------------------------------------------------------- what is kept


def test_progress_is_kept_and_another_person_starts_anew(visit, written):
    path = written()
    shown = visit(path)
    shown.locator("#by-drag").click()
    sort_by_keys(shown, NAMES)
    again = shown.context.new_page()
    again.goto(path.as_uri())
    assert order(again) == list(NAMES)
    again.locator("#again").click()
    assert again.locator("#again").inner_text() == "Sure? What is here will be gone"
    again.locator("#again").click()
    assert again.locator("#start").is_visible()
    assert again.locator("#list .row").count() == 0


def test_it_works_without_storage_and_warns_before_work_is_lost(chromium, written):
    context = chromium.new_context(offline=True)
    shown = context.new_page()
    asked, wrong = [], []
    shown.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    shown.on("pageerror", lambda error: wrong.append(str(error)))
    shown.add_init_script(NO_STORAGE)
    shown.goto(written().as_uri())
    shown.reload()
    assert asked == []
    shown.locator("#by-drag").click()
    sort_by_keys(shown, NAMES)
    assert order(shown) == list(NAMES)
    shown.locator("#copy").click()
    assert json.loads(shown.locator("#text").input_value())["ranking"] == [[name] for name in NAMES]
    card(shown, "Crow").focus()
    shown.keyboard.press("=")
    shown.reload()
    assert asked == ["beforeunload"]
    assert shown.locator("#start").is_visible()
    assert wrong == []
    context.close()


def test_orders_differ_from_rater_to_rater_and_attributes_are_drawn(visit, written):
    path = written([Card(f"c{n}") for n in range(16)], ("coherence", "intelligence"), ask=("More of a plan?", "More clever?"))
    orders = set()
    for _ in range(3):
        shown = visit(path)
        shown.locator("#by-drag").click()
        orders.add(tuple(order(shown)))
    assert len(orders) == 3
    for drawn, question in ((0, "More of a plan?"), (1, "More clever?")):
        shown = visit(path, before=f"crypto.getRandomValues = (array) => array.fill({drawn})")
        assert shown.locator("#question").inner_text() == question
        shown.locator("#by-drag").click()
        assert shown.locator("#most").inner_text() == f"most {('coherence', 'intelligence')[drawn]}"


# ---------------------------------------------------------------------------------------------- looks, and hostile names


@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark", **PHONE}])
def test_it_is_easy_to_use(visit, written, look):
    path = written()
    shown = visit(path, **look)
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert axe_finds(shown) == []
    shown.locator("#by-drag").click()
    shown.locator("#list .less.unknown").first.click()
    shown.locator("#list .card").nth(1).focus()
    shown.keyboard.press("Space")
    assert axe_finds(shown) == []
    assert shown.evaluate(wide) <= 0
    shown.keyboard.press("Space")
    for _ in range(2):
        shown.locator("#again").click()
    shown.locator("#by-pairs").click()
    assert axe_finds(shown) == []
    assert shown.evaluate(wide) <= 0


def test_it_can_be_printed_and_read_without_scripts(visit, written):
    shown = visit(written(), java_script_enabled=False)
    assert shown.locator(".paper li").all_inner_texts()[1] == "Crow"
    shown = visit(written())
    shown.locator("#by-drag").click()
    shown.emulate_media(media="print")
    assert shown.locator("#list .card:visible").count() == 6
    assert shown.locator("#save").is_hidden()


def test_hostile_names_stay_text(visit, written, tmp_path):
    cards = [Card(name, kind=name, about=name) for name in HOSTILE]
    path = written(cards, ("co</script>herence",), title=HOSTILE[0], ask=(HOSTILE[1],))
    shown = visit(path)
    assert shown.title() == HOSTILE[0]
    shown.locator("#by-drag").click()
    assert sorted(order(shown)) == sorted(HOSTILE)
    sort_by_keys(shown, HOSTILE)
    shown.locator("#list .tie").nth(1).click()
    found = file_of(shown, tmp_path)
    assert re.fullmatch(r"survey-[a-z0-9-]+\.json", found.name)
    assert sorted(hotmess.survey(found, draws=100).points["entity"]) == sorted(HOSTILE)
    shown.locator("#again").click()
    shown.locator("#by-pairs").click()
    shown.keyboard.press("ArrowLeft")
    assert shown.evaluate("window.__xss") is None
    assert shown.locator("main img, main svg, [onerror], [onload], [href], [src]").count() == 0


def test_kinds_are_never_shown(visit, written):
    shown = visit(written())
    shown.locator("#by-drag").click()
    assert "organism" not in shown.locator("main").inner_text()
    assert "organism" not in shown.locator("#list").inner_html()
    assert "eight arms" in shown.locator("#list").inner_text()


# ---------------------------------------------------------------------------------------------- how it is made


def test_the_same_cards_give_the_same_bytes_and_others_another_survey():
    assert page(CARDS, ["coherence"]) == page(CARDS, ["coherence"])
    ids = [re.search(r'"id": "(\w+)"', page(cards, ["coherence"]))[1] for cards in (CARDS, CARDS[1:])]
    assert len(set(ids)) == 2


def test_cards_come_from_tables_and_texts(run, tmp_path):
    (tmp_path / "cards.csv").write_text('\ufeffKind,Entity,about\norganism,"Ant,  colony",small\n,ELIZA,\n')
    assert cards_of(str(tmp_path / "cards.csv")) == [Card("Ant, colony", "organism", "small"), Card("ELIZA")]
    (tmp_path / "cards.txt").write_text("Crow\n\n Jury, hung \n")
    assert cards_of(str(tmp_path / "cards.txt")) == [Card("Crow"), Card("Jury, hung")]
    (tmp_path / "semicolons.csv").write_text("entity;kind\nJury, hung;people\nCrow;\n")
    assert cards_of(str(tmp_path / "semicolons.csv")) == [Card("Jury, hung", "people"), Card("Crow")]
    code, out, err = run("questionnaire", "cards.csv", "--attribute", "wit", "-o", "page.html")
    assert (code, out) == (0, "")
    assert err.startswith("wrote page.html: 2 cards, to be ranked by wit\nnext: hotmess survey ")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("name\na\nb\n", (), "has no column `entity`; found: name"),
        ("entity\na\nA\n", (), "more than one card has the name `a`"),
        ("entity\na\n", (), "`cards.csv` holds 1 cards"),
        ("", (), "`cards.csv` is empty"),
        ("entity\na\nb\n", ("--ask", "x", "--ask", "y"), "1 attribute(s), but 2 question(s)"),
        ("entity\na\nb\n", ("--attribute", "Wit"), "each attribute needs a name of its own"),
    ],
)
def test_cards_that_cannot_be_ranked(run, tmp_path, text, words, expected):
    (tmp_path / "cards.csv").write_text(text)
    code, _, err = run("questionnaire", "cards.csv", "--attribute", "wit", *words, "-o", "page.html")
    assert code == 2
    assert expected in err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("name", ["cards.csv", "cards.txt"])
def test_cards_in_another_encoding_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes("entity\nMünchen\nb\n".encode("latin-1"))
    with pytest.raises(HotmessError, match=r"is not in UTF-8: byte 9 is no letter of it\n.*save it as UTF-8"):
        cards_of(str(tmp_path / name))


def test_questions_are_as_many_as_attributes():
    with pytest.raises(HotmessError, match="each attribute needs a name"):
        page(CARDS, [" "])
