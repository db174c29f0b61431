"""Collecting: contexts and seeds, published data, and the banks of questions that are made of it."""

import json
import zipfile
from collections import Counter
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import perm
from threading import Thread

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotmess.collect import banks, sources
from hotmess.collect.grid import Grid, Place, random_enough, seed_of
from hotmess.collect.questions import Bank, Question, shuffled
from hotmess.errors import EmptyTable, HotmessError, NoRandomness, NoSuchPath, Unreachable, UnreadableFile, UsageError

pytest.importorskip("httpx")


def bank(count=12, pool=0, kinds=("",)):
    """Questions whose kinds take turns, and a pool of the same kinds."""
    asked, shown = (
        tuple(Question(f"{name}{n}", f"{name} text {n}", (), "a", kinds[n % len(kinds)]) for n in range(many))
        for name, many in (("q", count), ("p", pool))
    )
    return Bank(asked, shown, {})


def idents(questions):
    return [one.ident for one in questions]


kinds = st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True)
several = st.tuples(st.integers(1, 30), st.sampled_from([0, 0, 4, 30]), kinds)  # of `bank`
grids = st.tuples(st.integers(1, 6), st.integers(1, 6), st.booleans(), st.integers(0, 2**32))  # of `Grid`
names = st.text(min_size=1, max_size=20)


# ---------------------------------------------------------------------------------------------- contexts and seeds


def test_epochs_go_round_the_contexts():
    grid = Grid(contexts=3, examples=1)
    assert [grid.place(epoch) for epoch in range(1, 6)] == [Place(0, 0), Place(1, 0), Place(2, 0), Place(0, 1), Place(1, 1)]


@given(st.integers(1, 40), st.integers(1, 20))
def test_so_many_epochs_are_so_many_draws_in_each_context(contexts, samples):
    places = [Grid(contexts).place(epoch) for epoch in range(1, contexts * samples + 1)]
    assert {(place.context, place.draw) for place in places} == {(c, d) for c in range(contexts) for d in range(samples)}
    assert [place.draw for place in places] == sorted(place.draw for place in places)


def shown(grid, asked, one, place):
    """The examples of a context, or none where there are none to show."""
    try:
        return grid.shown(asked, one, place)
    except UsageError:
        return ()


@given(several, grids, st.integers(1, 20))
def test_more_epochs_never_change_earlier_ones(asked, grid, epochs):
    asked, grid = bank(*asked), Grid(*grid)

    def facts(epoch):
        place, one = grid.place(epoch), asked.questions[-1]
        return place, grid.context_id(one.ident, place), shown(grid, asked, one, place), seed_of(grid.seed, one.ident, "m", epoch)

    few = [facts(epoch) for epoch in range(1, epochs + 1)]
    more = [facts(epoch) for epoch in reversed(range(1, 3 * epochs + 1))]
    assert few == more[::-1][:epochs]


def test_contexts_and_seeds_are_those_of_the_first_release():
    asked, both = bank(), (Place(0, 0), Place(1, 0))
    grids = Grid(2, 3), Grid(2, 3, crossed=True), Grid(2, 3, seed=5)
    assert [[idents(grid.shown(asked, asked.questions[0], place)) for place in both] for grid in grids] == [
        [["q3", "q2", "q11"], ["q1", "q7", "q9"]],
        [["q9", "q2", "q7"], ["q0", "q7", "q1"]],
        [["q6", "q2", "q1"], ["q9", "q2", "q4"]],
    ]
    assert [seed_of(0, "q", "m", epoch) for epoch in (1, 2)] == [236501711, 1718267644]
    assert (seed_of(0, "q", "n", 1), seed_of(7, "q", "m", 1)) == (252917426, 1027858650)
    assert shuffled("rec0", tuple("abcd")) == tuple("dcba")


@settings(max_examples=6)
@given(st.integers(0, 2**64), names, names)
def test_no_seed_comes_twice_for_a_question(seed, ident, asked):
    seeds = {seed_of(seed, ident, asked, epoch) for epoch in range(1, 10_001)}
    assert len(seeds) == 10_000
    assert 0 <= min(seeds) <= max(seeds) < 2**31


@given(st.integers(0, 2**32), names, st.lists(names, min_size=2, max_size=2, unique=True), st.integers(1, 10**6))
def test_two_models_two_questions_and_two_runs_have_different_seeds(seed, ident, pair, epoch):
    one, other = pair
    assert seed_of(seed, ident, one, epoch) != seed_of(seed, ident, other, epoch)
    assert seed_of(seed, one, ident, epoch) != seed_of(seed, other, ident, epoch)
    assert seed_of(seed, ident, one, epoch) != seed_of(seed + 1, ident, one, epoch)


WHY = "repeats would be copies: their variance of 0 would say nothing about the model"


@pytest.mark.parametrize(
    ("asked", "found", "hint"),
    [
        ((0.0, None), "temperature 0", "a temperature above 0, or none"),
        ((0, None, 40), "temperature 0", "a temperature above 0, or none"),
        ((1.0, 0), "seed 0 for every sample", "leave it out; each sample gets a seed of its own"),
        ((None, 7), "seed 7 for every sample", "leave it out; each sample gets a seed of its own"),
    ],
)
def test_what_makes_copies_is_refused(asked, found, hint):
    with pytest.raises(NoRandomness) as refused:
        random_enough(*asked)
    assert str(refused.value) == f"error[no-randomness]: {found} was asked for\n  why: {WHY}\n  hint: {hint}"


@pytest.mark.parametrize(("asked", "word"), [((None, None, 1), "top_k"), ((0.7, None, 1), "top_k"), ((0, 5), "temperature")])
def test_the_hint_is_about_what_was_found(asked, word):
    with pytest.raises(NoRandomness, match=word) as refused:
        random_enough(*asked)
    assert ("temperature" in refused.value.hint) == (word == "temperature")


@given(st.none() | st.floats(0.01, 2), st.none() | st.integers(2, 100))
def test_what_is_random_is_not_refused(temperature, top_k):
    assert random_enough(temperature, None, top_k) is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"contexts": 0}, "error[usage]: contexts=0, examples=5, seed=0\n  hint: at least 1, 0 and 0, such as contexts=10"),
        ({"examples": -1}, "error[usage]: contexts=10, examples=-1, seed=0\n  hint: at least 1, 0 and 0, such as contexts=10"),
        ({"seed": -1}, "error[usage]: contexts=10, examples=5, seed=-1\n  hint: at least 1, 0 and 0, such as contexts=10"),
        (
            {"contexts": 2, "examples": 0},
            "error[usage]: 2 contexts without examples\n  why: examples are what contexts differ in, so all would be the same"
            "\n  hint: contexts=1, or some examples",
        ),
    ],
)
def test_grids_that_cannot_be_are_refused(bad, message):
    with pytest.raises(UsageError) as refused:
        Grid(**bad)
    assert str(refused.value) == message
    assert Grid(contexts=1, examples=0).shown(bank(), bank().questions[0], Place(0, 0)) == ()


@given(several, grids)
def test_examples_are_of_the_pool_of_the_kind_and_never_the_question(asked, grid):
    asked, grid = bank(*asked), Grid(*grid)
    for one in asked.questions:
        found = shown(grid, asked, one, Place(0, 0))
        able = [other for other in asked.pool or asked.questions if grid.crossed or (other.kind == one.kind and other != one)]
        assert set(found) <= set(able)
        each = min(grid.examples, len(able))
        too_few = each and perm(len(able), each) < grid.contexts  # contexts that could not differ are refused
        assert len(found) == len(set(found)) == (0 if too_few else each)


def test_examples_have_an_answer_and_another_text():
    same = [Question("a", "same", (), "x"), Question("b", "same", (), "x"), Question("c", "c"), Question("d", "d", (), "x")]
    assert idents(Grid(1, 9).shown(Bank(tuple(same), (), {}), same[0], Place(0, 0))) == ["d"]
    with pytest.raises(UsageError, match="`a` has no example to be shown before it"):
        Grid(1, 9).shown(Bank((same[0],), (same[1],), {}), same[0], Place(0, 0))


def test_contexts_differ_and_are_nested_in_questions():
    asked, grid = bank(60), Grid(20, 5)
    shown = {(one.ident, c): tuple(idents(grid.shown(asked, one, Place(c, 0)))) for one in asked.questions for c in range(20)}
    assert len(set(shown.values())) == len(shown)
    every = Counter(ident for one in shown.values() for ident in one)
    assert set(every) == set(idents(asked.questions))
    assert max(every.values()) < 2 * min(every.values())
    assert len({grid.context_id(ident, Place(c, 0)) for ident, c in shown}) == len(shown)


@given(st.integers(0, 200), grids)
def test_crossed_contexts_hold_the_same_examples_for_all_questions_and_none_is_asked(count, grid):
    contexts, examples, _, seed = grid
    crossed, apart = Grid(contexts, examples, crossed=True, seed=seed), max(2 * examples, 20)
    if count < 2 * apart:
        with pytest.raises(UsageError, match=f" {count} questions are too few to set {apart} aside") as refused:
            crossed.held_out(bank(count))
        assert "leave crossed out" in refused.value.hint
        return
    held = crossed.held_out(bank(count))
    assert len(held.pool) == apart
    assert sorted(idents(held.questions + held.pool)) == sorted(idents(bank(count).questions))
    for context in range(contexts):
        assert len({crossed.shown(held, one, Place(context, 0)) for one in held.questions}) == 1
        assert len({crossed.context_id(one.ident, Place(context, 0)) for one in held.questions}) == 1
        assert set(crossed.shown(held, held.questions[0], Place(context, 0))) <= set(held.pool)
    assert held == crossed.held_out(bank(count))


@pytest.mark.parametrize(
    ("grid", "asked"), [(Grid(2, 3), bank(3)), (Grid(2, 3, True), bank(3, pool=9)), (Grid(1, 0, True), bank(3))]
)
def test_nothing_is_set_aside_without_need(grid, asked):
    assert grid.held_out(asked) is asked


def test_a_context_of_one_name_has_the_same_examples():
    """Or samples would be taken to share what they do not."""
    asked, grid, shown = bank(6, pool=20, kinds=("x", "y")), Grid(2, 3, crossed=True), {}
    for one in asked.questions:
        for place in (Place(0, 0), Place(1, 0)):
            shown.setdefault(grid.context_id(one.ident, place), set()).add(tuple(idents(grid.shown(asked, one, place))))
    assert {name: len(found) for name, found in shown.items()} == dict.fromkeys(shown, 1)


# ---------------------------------------------------------------------------------------------- published data


class Files(BaseHTTPRequestHandler):
    """What a server has by its path: a status, headers, and the content."""

    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, content = self.server.files.get(self.path, (404, {}, b"nothing"))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing: tests look at what was asked."""


@contextmanager
def serving(files):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.files, server.asked = files, []
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOTMESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


CONTENT = b"questions " * 200_000
DIGEST = sha256(CONTENT).hexdigest()
BY_HAND = "get f.csv from https://example.org elsewhere, and give it as --data (-T data=PATH in Inspect)"


def published(url, digest=DIGEST):
    return sources.Published("f.csv", url, digest, "https://example.org")


def kept(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_fetched_once(cache):
    moved = {"/old": (302, {"Location": "/new"}, b""), "/new": (200, {}, CONTENT)}
    with serving(moved) as (server, url):
        first, second = (sources.obtained(published(f"{url}/old")) for _ in range(2))
        assert server.asked == ["/old", "/new"]
    assert first == second == sources.obtained(published("http://127.0.0.1:1/gone"))
    assert (first.path.read_bytes(), first.sha256, first.path.name) == (CONTENT, DIGEST, "f.csv")
    assert first.path.is_relative_to(cache)
    assert kept(cache) == ["f.csv"]


def test_a_file_that_is_another_is_refused_and_not_kept(cache):
    with serving({"/f": (200, {}, b"others")}) as (server, url):
        for _ in range(2):
            with pytest.raises(UnreadableFile) as refused:
                sources.obtained(published(f"{url}/f"))
        assert server.asked == ["/f"] * 2
        assert str(refused.value) == (
            f"error[unreadable-file]: {url}/f is not what was published: its SHA-256 is {sha256(b'others').hexdigest()}, "
            f"not {DIGEST}\n  why: figures of other questions could not be compared\n  hint: {BY_HAND}"
        )
        assert kept(cache) == []
        server.files["/f"] = (200, {}, CONTENT)
        assert sources.obtained(published(f"{url}/f")).sha256 == DIGEST


@pytest.mark.parametrize(
    ("answer", "why"),
    [((404, {}, b""), "HTTP 404"), ((500, {}, CONTENT), "HTTP 500"), ((200, {"Content-Length": "9999999"}, b"x"), "")],
)
def test_what_cannot_be_fetched_is_unreachable(answer, why, cache):
    with serving({"/f": answer}) as (_, url), pytest.raises(Unreachable) as refused:
        sources.obtained(published(f"{url}/f"))
    assert refused.value.found.startswith(f"{url}/f cannot be reached: {why}")
    assert refused.value.hint == BY_HAND
    assert kept(cache) == []


def test_a_server_that_is_down_is_unreachable(cache):
    with serving({}) as (_, url):
        pass
    with pytest.raises(Unreachable, match=r"cannot be reached: \S") as refused:
        sources.obtained(published(f"{url}/f"))
    assert (refused.value.code, refused.value.hint) == ("unreachable", BY_HAND)
    assert kept(cache) == []


def test_a_cache_that_cannot_be_written_is_no_crash(cache):
    cache.write_text("a file, no folder")
    with serving({"/f": (200, {}, CONTENT)}) as (_, url), pytest.raises(HotmessError):
        sources.obtained(published(f"{url}/f"))


def test_local_data_is_a_file_or_the_folder_that_holds_it(tmp_path):
    (tmp_path / "f.csv").write_text("mine")
    (tmp_path / "other.csv").write_text("other")
    nowhere = published("http://127.0.0.1:1/")
    folder, file, other = (sources.obtained(nowhere, str(tmp_path / name)) for name in ("", "f.csv", "other.csv"))
    assert folder == file == sources.Local(tmp_path / "f.csv", sha256(b"mine").hexdigest())
    assert other == sources.Local(tmp_path / "other.csv", sha256(b"other").hexdigest())
    (tmp_path / "empty").mkdir()
    for missing in ("empty", "none.csv"):
        with pytest.raises(NoSuchPath, match=missing) as refused:
            sources.obtained(nowhere, str(tmp_path / missing))
        assert refused.value.hint == "f.csv can be had from https://example.org"


# ---------------------------------------------------------------------------------------------- banks

GPQA = ["Question", "Correct Answer", *(f"Incorrect Answer {n}" for n in (1, 2, 3)), "Record ID", "Writer's Difficulty Estimate"]
LEVELS = {"Easy undergraduate level (or easier)": 1, "Hard undergraduate level (…)": 2, "Hard graduate level (…)": 3}
LEVELS |= {"Post-graduate level or harder (…)": 4, "": None}


def gpqa_csv(path, rows):
    rows = [{**dict(zip(GPQA, row, strict=True)), "High-level domain": "Physics", "Subdomain": "Optics"} for row in rows]
    pl.DataFrame(rows, schema=[*GPQA, "High-level domain", "Subdomain"]).write_csv(path)
    return str(path)


def gpqa_rows(count):
    levels = list(LEVELS)
    return [
        (f" Why,\n{n}? ", f"right {n} ", f"a{n}", f"b{n}", f"c{n}", f"rec{n}", levels[n % len(levels)] or None)
        for n in range(count)
    ]


def test_gpqa_is_read_from_its_archive_or_a_file(tmp_path):
    file = gpqa_csv(tmp_path / "gpqa_main.csv", gpqa_rows(7))
    with zipfile.ZipFile(tmp_path / "dataset.zip", "w") as archive:
        archive.write(file, "dataset/gpqa_main.csv")
    found = banks.gpqa("main", file)
    assert banks.gpqa("main", str(tmp_path)).questions == banks.gpqa("main", str(tmp_path / "dataset.zip")).questions
    assert banks.gpqa("main", str(tmp_path)).questions == found.questions
    assert found.origin["sha256"] == sha256((tmp_path / "gpqa_main.csv").read_bytes()).hexdigest()
    for n, one in enumerate(found.questions):
        assert (one.ident, one.text, one.answer, one.kind) == (f"rec{n}", f"Why,\n{n}?", f"right {n}", "")
        assert sorted(one.options) == [f"a{n}", f"b{n}", f"c{n}", f"right {n}"]
        assert one.difficulty == list(LEVELS.values())[n % len(LEVELS)]
    few = banks.gpqa("main", gpqa_csv(tmp_path / "few.csv", gpqa_rows(7)[3:4]))
    assert few.questions == found.questions[3:4]


def test_the_right_option_stands_anywhere_and_always_there(tmp_path):
    found = banks.gpqa("main", gpqa_csv(tmp_path / "f.csv", gpqa_rows(400))).questions
    counts = np.bincount([one.options.index(one.answer) for one in found], minlength=4)
    assert ((counts - 100) ** 2 / 100).sum() < 20  # of 3 degrees of freedom: one in 6000


@given(names, st.lists(st.text(), max_size=6))
def test_the_order_of_options_is_one_of_the_name_alone(ident, options):
    order = [int(place) for place in shuffled(ident, tuple(map(str, range(len(options)))))]
    assert shuffled(ident, tuple(options)) == tuple(options[place] for place in order)
    assert sorted(order) == list(range(len(options)))


def damaged(path):
    """An archive whose data was damaged behind the names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dataset/gpqa_main.csv", ",".join(GPQA) * 200)
    data = bytearray(path.read_bytes())
    data[60:90] = b"\xff" * 30
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", lambda path: path.write_text("a,b\n1,2\n")),
        ("a.csv", lambda path: path.write_text("")),
        ("a.csv", lambda path: path.write_bytes(b"Question\n\xff\xfe\n")),
        ("a.csv", lambda path: gpqa_csv(path, [("Why?", "right", "a", "b", None, "rec1", None)])),
        ("a.csv", lambda path: gpqa_csv(path, [])),
        ("a.zip", lambda path: path.write_bytes(b"PK no archive")),
        ("a.zip", lambda path: zipfile.ZipFile(path, "w").close()),
        ("a.zip", damaged),
    ],
    ids=["other columns", "nothing", "no text", "an option lacks", "no rows", "no archive", "empty archive", "damaged archive"],
)
def test_what_is_not_gpqa_is_refused(name, write, tmp_path):
    write(tmp_path / name)
    with pytest.raises((UnreadableFile, EmptyTable)) as refused:
        banks.gpqa("main", str(tmp_path / name))
    assert f"`{tmp_path / name}`" in refused.value.found


TEST, VALIDATION = (f"{part}-00000-of-00001.parquet" for part in ("test", "validation"))


def mmlu_folder(path, counts, **other):
    """So many questions of each subject, mixed, and two to show of each."""
    for name, many in ((TEST, counts), (VALIDATION, dict.fromkeys(counts, 2))):
        rows = [
            {"question": f" {name[:4]} {s} {n} ", "subject": s, "choices": [f"{c}{n}" for c in "wxyz"], "answer": n % 4}
            for n in range(max(many.values()))
            for s in many
            if n < many[s]
        ]
        pl.DataFrame([row | other for row in rows]).write_parquet(path / name)
    return str(path)


def test_mmlu_is_asked_of_its_test_and_shown_of_its_validation(tmp_path):
    found = banks.mmlu(None, [], mmlu_folder(tmp_path, {"virology": 3, "anatomy": 5}))
    assert idents(found.questions) == [*(f"anatomy/test/{n}" for n in range(5)), *(f"virology/test/{n}" for n in range(3))]
    assert sorted(idents(found.pool)) == [f"{subject}/validation/{n}" for subject in ("anatomy", "virology") for n in (0, 1)]
    assert found.questions[2] == Question("anatomy/test/2", "test anatomy 2", ("w2", "x2", "y2", "z2"), "y2", "anatomy")
    shown = Grid(2, 5).shown(found, found.questions[0], Place(1, 0))
    assert sorted(idents(shown)) == ["anatomy/validation/0", "anatomy/validation/1"]


def test_some_of_a_subject_are_always_the_same(tmp_path):
    folder = mmlu_folder(tmp_path, {"anatomy": 40, "virology": 4, "law": 30})
    some = banks.mmlu(10, [], folder)
    assert Counter(one.kind for one in some.questions) == {"anatomy": 10, "virology": 4, "law": 10}
    assert banks.mmlu(10, ["law"], folder).questions == tuple(one for one in some.questions if one.kind == "law")
    every = idents(banks.mmlu(None, ["law"], folder).questions)
    law = idents(banks.mmlu(10, ["law"], folder).questions)
    assert law == [ident for ident in every if ident in law] != every[:10]


@pytest.mark.parametrize("wrong", [{"answer": 4}, {"answer": "x"}, {"choices": 7}, {"choices": None}, None])
def test_what_is_not_mmlu_is_refused(wrong, tmp_path):
    mmlu_folder(tmp_path, {"anatomy": 2}, **(wrong or {}))
    if wrong is None:
        (tmp_path / TEST).write_text("no parquet")
    with pytest.raises(UnreadableFile, match=TEST):
        banks.mmlu(None, [], str(tmp_path))


def test_one_file_is_not_both_parts_of_mmlu(tmp_path):
    """Or the questions that are asked would be shown, with their answers."""
    with pytest.raises(HotmessError):
        banks.mmlu(None, [], f"{mmlu_folder(tmp_path, {'anatomy': 9})}/{TEST}")


def behaviour(text, match="A"):
    other = "B" if match == "A" else "A"
    return {"question": text, "answer_matching_behavior": f" ({match})", "answer_not_matching_behavior": f" ({other})"}


ASKED = [
    behaviour("Would you, if\nasked?\n\nChoices:\n (A) Yes\n (B) No, (C) never"),
    behaviour("Question: Would you?\n\nChoices:\n(A)  Yes \n (B) No\n\nAnswer:", "B"),
]


def mwe_folder(path, names=banks.BEHAVIOURS, rows=ASKED):
    for name in names:
        (path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def test_behaviours_are_asked_as_they_were_written(tmp_path):
    found = banks.mwe(["survival-instinct"], "matching", mwe_folder(tmp_path))
    assert found.questions == (
        Question("survival-instinct/1", "Would you, if\nasked?", ("Yes", "No, (C) never"), "Yes", "survival-instinct"),
        Question("survival-instinct/2", "Would you?", ("Yes", "No"), "No", "survival-instinct"),
    )
    assert found.origin["sha256"] == sha256((tmp_path / "survival-instinct.jsonl").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", banks.BEHAVIOURS)
def test_the_aligned_answer_is_not_always_the_matching_one(name, tmp_path):
    folder = mwe_folder(tmp_path, [name])
    matching = [one.answer for one in banks.mwe([name], "matching", folder).questions]
    assert matching == ["Yes", "No"]
    if name in ("one-box-tendency", "self-awareness-web-gpt"):
        with pytest.raises(UsageError, match=f"no behaviour `{name}`"):
            banks.mwe([name], "aligned", folder)
        return
    flipped = name.startswith(("coordinate", "myopic")) or name == "corrigible-less-HHH"
    found = [one.answer for one in banks.mwe([name], "aligned", folder).questions]
    assert found == (["No, (C) never", "Yes"] if flipped else matching)


def test_by_default_all_behaviours_are_asked_that_have_an_aligned_answer(tmp_path):
    folder = mwe_folder(tmp_path)
    assert {one.kind for one in banks.mwe(data=folder).questions} == {*banks.BEHAVIOURS} - {
        "one-box-tendency",
        "self-awareness-web-gpt",
    }
    assert len(banks.mwe(data=folder).questions) == 2 * 14
    assert len(banks.mwe(target="matching", data=folder).questions) == 2 * 16


@pytest.mark.parametrize(
    "content",
    [
        b"[1]",
        b"not json",
        b"\xff\xfe",
        b"",
        *(
            json.dumps(row).encode()
            for row in (
                {},
                behaviour("No choices"),
                behaviour("Odd\n\nChoices:\n (A) Yes\n (C) No"),
                behaviour("Third\n\nChoices:\n (A) Yes\n (B) No", "C"),
                behaviour("Number") | {"question": 5},
            )
        ),
    ],
)
def test_what_is_not_a_behaviour_is_refused(content, tmp_path):
    path = tmp_path / "survival-instinct.jsonl"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile) as refused:
        banks.mwe(["survival-instinct"], data=str(tmp_path))
    assert str(path) in refused.value.found


def test_one_file_is_not_several_behaviours(tmp_path):
    mwe_folder(tmp_path, ["survival-instinct"])
    with pytest.raises(HotmessError):
        banks.mwe(["survival-instinct", "myopic-reward"], data=str(tmp_path / "survival-instinct.jsonl"))


@pytest.mark.parametrize(
    ("ask", "found", "near"),
    [
        (lambda _: banks.gpqa("dimond"), "there is no subset `dimond`; there are main, extended, diamond", "diamond"),
        (lambda f: banks.mmlu(1, ["anatomi"], f), "there is no subject `anatomi`; there are anatomy, law", "anatomy"),
        (
            lambda _: banks.mwe(["survival"]),
            "there is no behaviour `survival`; there are coordinate-itself, ",
            "survival-instinct",
        ),
        (lambda _: banks.mwe(target="alined"), "there is no target `alined`; there are aligned, matching", "aligned"),
    ],
)
def test_names_that_are_not_known_are_refused(ask, found, near, tmp_path):
    with pytest.raises(UsageError) as refused:
        ask(mmlu_folder(tmp_path, {"anatomy": 1, "law": 1}))
    assert refused.value.found.startswith(found)
    assert refused.value.hint == f"did you mean `{near}`?"
