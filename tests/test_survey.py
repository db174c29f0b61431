"""Surveys: ranks of simulated raters, from tables of any shape to what is said about them; no rater here is a person."""

import json
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import config
from scipy.stats import kendalltau, rankdata, spearmanr

import hotmess
from hotmess.charts import render
from hotmess.charts.survey import _meet, _placed
from hotmess.errors import HotmessError
from hotmess.infer import agreement, as_ranks, attributes, mean_ranks, related, within_groups
from hotmess.infer.ranks import gaps_at_one_end, kendall_w, reliability
from hotmess.survey.meant import check_ranks

KINDS = ("model", "organism", "person", "institution")
NAMES = [f"{kind} {n}" for n in range(10) for kind in KINDS]


def rng(seed=0):
    return np.random.default_rng(seed)


def judged(seed, *, entities=60, rho=0.5, noise=1.0, raters=(5, 6), missing=0.0, shift=None):
    """Ranks of two attributes by raters who see the truth with noise."""
    draw = rng(seed)
    x = draw.normal(size=entities)
    y = rho * x + np.sqrt(1 - rho**2) * draw.normal(size=entities)
    made = []
    for truth, m in zip((x, y), raters, strict=True):
        seen = truth + (0 if shift is None else shift) + noise * draw.normal(size=(m, entities))
        seen[draw.random(seen.shape) < missing] = np.nan
        made.append(as_ranks(seen))
    return made


SHAPES = st.tuples(st.integers(2, 6), st.integers(4, 9))
SMALL = st.tuples(st.integers(2, 4), st.just(7))


def ranked(shape=SHAPES, most=30):
    """Scores of a few raters, many of them tied."""
    return shape.flatmap(
        lambda of: st.lists(st.lists(st.integers(0, most), min_size=of[1], max_size=of[1]), min_size=of[0], max_size=of[0])
    ).map(lambda rows: np.array(rows, dtype=float))


# ---------------------------------------------------------------------------------------------- formulas


def test_the_oracle(oracle):
    case = oracle("rank_survey")
    ranks, expect = np.array(case["input"]["ranks"], dtype=float), case["expect"]
    means, found = mean_ranks(as_ranks(ranks)), agreement(as_ranks(ranks), draws=100, rng=rng())
    close = {"abs": case["tol"]}
    assert means.mean == pytest.approx([one["value"] for one in expect["mean_rank"]], **close)
    assert means.se == pytest.approx([one["value"] for one in expect["sem"]], **close)
    assert found.w.value == pytest.approx(expect["kendall_w"]["value"], **close)
    assert found.spearman == pytest.approx(expect["mean_spearman"]["value"], **close)
    assert found.single.value == pytest.approx(expect["icc_single"]["value"], **close)
    assert found.average.value == pytest.approx(expect["icc_average"]["value"], **close)
    assert found.chi2 == pytest.approx(expect["chi2"]["value"], **close)


def direct(x):
    """W with its correction for ties, and both ICCs from the two-way analysis of variance, as textbooks write them."""
    m, n = x.shape
    sums = x.sum(0)
    ties = sum(float((c**3 - c).sum()) for c in (np.unique(row, return_counts=True)[1] for row in x))
    w = 12 * ((sums - sums.mean()) ** 2).sum() / (m**2 * (n**3 - n) - m * ties)
    rows = m * ((x.mean(0) - x.mean()) ** 2).sum() / (n - 1)
    rest = ((x - x.mean(0) - x.mean(1, keepdims=True) + x.mean()) ** 2).sum() / ((n - 1) * (m - 1))
    return w, (rows - rest) / (rows + (m - 1) * rest), (rows - rest) / rows


@given(ranked())
def test_complete_rankings_are_as_in_the_textbook_ties_and_all(scores):
    x = as_ranks(scores)
    assert np.array_equal(x, [rankdata(row) for row in scores])
    if x.std() == 0 or np.ptp(x.mean(0)) < 1e-9:
        return
    found = agreement(x, draws=1, rng=rng())
    assert (found.w.value, found.single.value, found.average.value) == pytest.approx(direct(x), abs=1e-10)
    pairs = [spearmanr(a, b)[0] for a, b in combinations(x, 2) if np.ptp(a) and np.ptp(b)]
    if pairs:
        assert found.spearman == pytest.approx(np.mean(pairs), abs=1e-10)
    if all(len(set(row)) == len(row) for row in scores):
        assert found.single.value == pytest.approx(found.spearman, abs=1e-10)


@given(ranked(), st.randoms(use_true_random=False))
def test_ranks_know_order_only(scores, random):
    x = as_ranks(scores)
    assert np.array_equal(as_ranks(np.exp(scores / 7)), x)
    assert as_ranks(scores, high_first=True) == pytest.approx(x.shape[1] + 1 - x)
    order = random.sample(range(x.shape[1]), x.shape[1])
    one, two = (agreement(part, draws=1, rng=rng()) for part in (x, x[::-1, order]))
    for name in ("w", "single", "average"):
        assert getattr(one, name).value == pytest.approx(getattr(two, name).value, nan_ok=True)


@given(ranked(), st.integers(0, 10**6))
def test_stretched_ranks_have_the_same_middle(scores, seed):
    scores[rng(seed).random(scores.shape) < 0.3] = np.nan
    x, n = as_ranks(scores), scores.shape[1]
    there = np.isfinite(scores)
    assert np.array_equal(np.isfinite(x), there)
    for row, known in zip(x, there, strict=True):
        if known.any():
            assert row[known].mean() == pytest.approx((n + 1) / 2)
            assert row[known].min() >= 0.5
            assert row[known].max() <= n + 0.5


@given(ranked(SMALL), ranked(SMALL), st.integers(0, 10**6))
def test_a_weight_is_as_many_copies_of_an_entity(first, second, seed):
    x, y = as_ranks(first), as_ranks(second)
    w = rng(seed).multinomial(7, np.full(7, 1 / 7), size=3).astype(float)
    a, b = x.mean(0).round(9), y.mean(0).round(9)
    for draw, many in zip(w, w.astype(int), strict=True):
        copies = [np.repeat(part, many, axis=-1) for part in (x, y, a, b)]
        one = draw[None]
        assert kendall_w(x, one)[0] == pytest.approx(kendall_w(copies[0], np.ones((1, 7)))[0], nan_ok=True, abs=1e-9)
        if np.ptp(copies[2]) and np.ptp(copies[3]):
            assert attributes._tau(a, b, one)[0] == pytest.approx(kendalltau(copies[2], copies[3])[0], abs=1e-9)
            found = attributes.pearson(attributes._ranked(a, one), attributes._ranked(b, one), one)
            assert found[0] == pytest.approx(spearmanr(copies[2], copies[3])[0], abs=1e-9)


def test_correlations_are_those_of_scipy_and_turn_with_an_attribute():
    x, y = judged(3)
    a, b = x.mean(0), y.mean(0)
    found = related(x, y, draws=200, rng=rng())
    assert found.spearman.value == pytest.approx(spearmanr(a, b)[0])
    assert found.tau_b.value == pytest.approx(kendalltau(a, b)[0])
    reliable = [direct(part)[2] for part in (x, y)]
    assert found.reliabilities == pytest.approx(reliable)
    assert found.disattenuated.value == pytest.approx(spearmanr(a, b)[0] / np.sqrt(np.prod(reliable)))
    turned = related(x, 61 - y, draws=200, rng=rng())
    assert turned.spearman.value == pytest.approx(-found.spearman.value)
    assert turned.disattenuated.value == pytest.approx(-found.disattenuated.value)


def test_missing_ranks_change_little_and_pairs_share_what_both_ranked():
    whole, _ = judged(5, noise=0.7)
    part = whole.copy()
    part[rng(1).random(part.shape) < 0.1] = np.nan
    part = as_ranks(part)
    one, other = (agreement(x, draws=50, rng=rng()) for x in (whole, part))
    both = [np.isfinite(a) & np.isfinite(b) for a, b in combinations(part, 2)]
    pairs = [spearmanr(a[both_], b[both_])[0] for (a, b), both_ in zip(combinations(part, 2), both, strict=True)]
    assert other.single.value == pytest.approx(np.mean(pairs))
    assert other.single.value == pytest.approx(one.single.value, abs=0.08)
    each = 60 / (1 / np.isfinite(part).sum(0)).sum()
    assert other.average.value == pytest.approx(each * np.mean(pairs) / (1 + (each - 1) * np.mean(pairs)))
    assert np.isnan(other.chi2)
    assert other.w.p < 0.05


def test_what_does_not_exist_is_nan():
    one = as_ranks(np.arange(6.0)[None])
    alone = agreement(one, draws=20, rng=rng())
    assert np.isnan([alone.w.value, alone.w.p, alone.single.value, alone.average.value, alone.spearman]).all()
    assert np.isnan(mean_ranks(one).se).all()
    same = as_ranks(np.tile(np.arange(6.0), (3, 1)))
    means, agreed = mean_ranks(same), agreement(same, draws=200, rng=rng())
    assert (means.se == 0).all()
    assert np.isnan(means.low).all()
    assert agreed.w.value == pytest.approx(1)
    assert np.isnan(agreed.w.low)
    assert agreed.w.p < 0.05
    tied = np.full((3, 6), 3.5)
    assert np.isnan(agreement(tied, draws=20, rng=rng()).w.value)
    assert np.isnan(related(tied, same, draws=20, rng=rng()).spearman.value)
    assert np.isnan(related(same[:, :3], same[:, :3], draws=20, rng=rng()).spearman.p)
    against = as_ranks(np.stack([np.arange(6.0), -np.arange(6.0)]))
    assert np.isnan(agreement(against, draws=20, rng=rng()).average.value)
    assert np.isnan(related(against, same, draws=20, rng=rng()).disattenuated.value)
    assert np.isnan(within_groups(np.arange(3.0), np.arange(3.0), np.zeros(3, dtype=int), draws=20, rng=rng()).p)


# ---------------------------------------------------------------------------------------------- what is promised of them


@pytest.fixture
def unchecked():
    """Many calls of what was checked above: the shapes of arrays are not looked at again."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_permutations_reject_as_often_as_they_say_where_nothing_goes_together():
    groups, shift = np.arange(24) % 3, np.repeat([[0.0, 2.0, 4.0]], 8, axis=0).ravel()
    p = []
    for seed in range(300):
        x, y = judged(seed, entities=24, rho=0, raters=(3, 3))
        found = related(x, y, draws=99, rng=rng(seed))
        x, y = judged(seed, entities=24, rho=0, raters=(3, 3), shift=shift)
        inside = within_groups(mean_ranks(x).mean, mean_ranks(y).mean, groups, draws=99, rng=rng(seed))
        chance = agreement(as_ranks(rng(seed).normal(size=(3, 24))), draws=99, rng=rng(seed))
        p.append([found.spearman.p, found.tau_b.p, inside.p, chance.w.p])
    rejected = (np.array(p) <= 0.05).mean(0)
    assert np.abs(rejected - 0.05).max() < 4 * np.sqrt(0.05 * 0.95 / 300)  # 0.05


def test_differences_between_kinds_make_a_correlation_that_is_gone_within_them():
    groups, shift = np.arange(24) % 3, np.repeat([[0.0, 2.0, 4.0]], 8, axis=0).ravel()
    x, y = judged(0, entities=24, rho=0, raters=(3, 3), shift=shift)
    assert related(x, y, draws=500, rng=rng()).spearman.p < 0.01
    assert within_groups(mean_ranks(x).mean, mean_ranks(y).mean, groups, draws=500, rng=rng()).p > 0.05


@pytest.mark.usefixtures("unchecked")
def test_the_interval_without_noise_covers_the_latent_correlation_and_the_plain_one_does_not():
    latent = 6 / np.pi * np.arcsin(0.5 / 2)  # Spearman's of a normal pair
    covered = []
    for seed in range(200):
        found = related(*judged(seed, noise=1.5), draws=200, rng=rng(seed))
        covered.append([one.low <= latent <= one.high for one in (found.disattenuated, found.spearman)])
    without, plain = np.mean(covered, axis=0)
    assert without == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 200))  # 0.062
    assert plain < 0.85


@pytest.mark.usefixtures("unchecked")
def test_intervals_of_agreement_cover():
    truth = kendall_w(judged(0, entities=20_000)[0], np.ones((1, 20_000)))[0]
    found = [agreement(judged(seed + 1, entities=30)[0], draws=1, rng=rng()).w for seed in range(300)]
    assert np.mean([one.low <= truth <= one.high for one in found]) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 300))


def test_more_raters_make_reliable_means():
    few, many = (reliability(judged(0, raters=(m, 2))[0], np.ones((1, 60)))[0] for m in (2, 20))
    assert few < 0.75 < 0.9 < many


# ---------------------------------------------------------------------------------------------- tables


def table(seed=0, **how):
    """A long table of two attributes."""
    x, y = judged(seed, entities=len(NAMES), **how)
    rows = [
        {"rater": f"{name[0]}{r}", "entity": NAMES[e], "kind": NAMES[e].split()[0], "attribute": name, "rank": float(rank)}
        for name, ranks in (("intelligence", x), ("coherence", y))
        for r, row in enumerate(ranks)
        for e, rank in enumerate(row)
        if np.isfinite(rank)
    ]
    return pl.DataFrame(rows)


def saved(rater, attribute, ranking, **more):
    return {"hotmess_survey": 1, "attribute": attribute, "rater": rater, "ranking": ranking, "kinds": {"a": "one"}, **more}


def of(result, what, **group):
    rows = result.tests.filter(pl.col("what") == what, *(pl.col(name) == value for name, value in group.items()))
    return rows.row(0, named=True)


SURVEY = hotmess.survey(table(), draws=300)


def test_coherence_is_turned_round_and_stands_upwards():
    assert SURVEY.points["attribute"].unique(maintain_order=True).to_list() == ["intelligence", "incoherence"]
    plain = hotmess.survey(table(), draws=300, invert=[""])
    assert plain.points["attribute"].unique(maintain_order=True).to_list() == ["intelligence", "coherence"]
    one, other = of(SURVEY, "Spearman", kind="all"), of(plain, "Spearman", kind="all")
    assert one["value"] == pytest.approx(-other["value"])
    assert of(SURVEY, "Kendall's W", about="incoherence")["value"] == pytest.approx(
        of(plain, "Kendall's W", about="coherence")["value"]
    )
    both = SURVEY.points.join(plain.points, on=["asked", "entity"]).filter(pl.col("asked") == "coherence")
    assert (both["mean_rank"] + both["mean_rank_right"]).to_list() == pytest.approx([41.0] * 40)
    swapped = hotmess.survey(table(), draws=300, x="coherence")
    assert swapped.points["attribute"][0] == "incoherence"
    assert "lack of intelligence" in set(hotmess.survey(table(), draws=300, invert=["Intelligence"]).points["attribute"])


def test_kinds_are_corrected_for_one_another_and_nothing_else_is():
    held = SURVEY.tests.filter(pl.col("p_holm").is_not_null())
    assert set(held["kind"]) == set(KINDS)
    assert set(held["what"]) == {"Spearman"}
    assert (held["p_holm"] >= held["p"]).all()
    assert of(SURVEY, "Spearman within kinds")["p"] is not None
    assert SURVEY.points["raters"].unique().sort().to_list() == [5, 6]


def test_the_function_is_reached_by_the_name_of_its_room():
    import hotmess.survey.cards

    assert callable(hotmess.survey)
    assert hotmess.survey.__name__ == "survey"


def test_a_seed_decides_all_that_is_drawn():
    assert hotmess.survey(table(), draws=300).to_json() == SURVEY.to_json()
    mixed = hotmess.survey(table().sample(fraction=1, shuffle=True, seed=1), draws=300)
    assert mixed.to_json() == SURVEY.to_json()
    other = hotmess.survey(table(), draws=300, seed=1)
    assert other.points.equals(SURVEY.points)
    assert other.to_json() != SURVEY.to_json()


def wide(long, attribute):
    return long.filter(pl.col("attribute") == attribute).pivot(on="rater", index=["entity", "kind"], values="rank")


def test_long_and_wide_tables_and_questionnaires_say_the_same(tmp_path):
    long = table()
    long.write_csv(tmp_path / "long.csv")
    long.write_parquet(tmp_path / "long.parquet")
    long.write_ndjson(tmp_path / "long.jsonl")
    (tmp_path / "long.json").write_text(json.dumps(long.to_dicts()))
    long.rename({"rank": "Rank", "entity": "Entity "}).write_csv(tmp_path / "long.tsv", separator="\t")
    kinds = dict(long.select("entity", "kind").iter_rows())
    (tmp_path / "answers").mkdir()
    for attribute in ("intelligence", "coherence"):
        wide(long, attribute).write_csv(tmp_path / f"{attribute}.csv")
        for (rater,), rows in long.filter(pl.col("attribute") == attribute).group_by("rater"):
            one = saved(rater, attribute, [[name] for name in rows.sort("rank")["entity"]]) | {"kinds": kinds}
            (tmp_path / "answers" / f"survey-{attribute}-{rater}.json").write_text(json.dumps(one))
    (tmp_path / "answers" / "notes.txt").write_text("by the way")
    expected = SURVEY.points.sort("attribute", "entity")
    for paths in (
        ["long.csv"],
        ["long.parquet"],
        ["long.jsonl"],
        ["long.json"],
        ["long.tsv"],
        ["intelligence.csv", "coherence.csv"],
        ["answers"],
    ):
        found = hotmess.survey(*(tmp_path / path for path in paths), draws=100)
        assert found.points.sort("attribute", "entity").equals(expected), paths
        assert [notice.code for notice in found.notices] == (["left-aside"] if paths == ["answers"] else [])
    assert hotmess.survey(long.to_pandas(), draws=100).points.sort("attribute", "entity").equals(expected)


def test_scores_are_highest_first_and_ranks_lowest_unless_told():
    rows = {"rater": ["a"] * 3 + ["b"] * 3, "entity": list("xyz") * 2, "attribute": "wit"}
    ranks = hotmess.survey(pl.DataFrame({**rows, "rank": [1, 2, 3, 1, 3, 2]}), draws=100).points
    scores = hotmess.survey(pl.DataFrame({**rows, "score": [9, 5, 1, 8, 2, 3]}), draws=100).points
    high = hotmess.survey(pl.DataFrame({**rows, "rank": [9, 5, 1, 8, 2, 3]}), draws=100, high_first=True).points
    assert ranks.equals(scores)
    assert ranks.equals(high)
    assert ranks.row(0, named=True)["entity"] == "x"
    low = hotmess.survey(pl.DataFrame({**rows, "score": [9, 5, 1, 8, 2, 3]}), draws=100, high_first=False).points
    assert low.row(-1, named=True)["entity"] == "x"


def test_ratings_are_not_read_as_ranks_until_it_is_said_what_they_are(run, tmp_path):
    ratings = rng(4).integers(1, 11, (20, 3))
    rows = "".join(f"e{n},{a},{b},{c}\n" for n, (a, b, c) in enumerate(ratings))
    (tmp_path / "wit.csv").write_text(f"entity,p,q,r\n{rows}")
    code, _, err = run("survey", "wit.csv", "--draws", 100)
    assert code == 2
    assert "the numbers of 3 of 3 raters are no ranks: `p` (2 to 10)" in err
    assert (
        "--high-first, if the highest number is the most; --low-first, if the lowest is; --columns 'p=', if that is no rater"
        in err
    )
    assert run("survey", "wit.csv", "--high-first", "--draws", 100)[0] == 0
    high, low = (hotmess.survey(tmp_path / "wit.csv", draws=100, high_first=way).points for way in (True, False))
    top = dict(high.select("entity", "mean_rank").iter_rows())
    assert dict(low.select("entity", "mean_rank").iter_rows()) == pytest.approx({name: 21 - rank for name, rank in top.items()})
    assert ratings.sum(1)[int(high["entity"][0][1:])] > ratings.sum(1)[int(high["entity"][-1][1:])]


@given(st.lists(st.integers(0, 30), min_size=2, max_size=12), st.sampled_from(["min", "average", "max", "dense"]))
def test_ranks_of_any_way_to_number_ties_are_ranks(scores, way):
    ranks = [None, *rankdata(scores, method=way).tolist(), None]
    names = [f"e{n}" for n in range(len(ranks))]
    given = pl.DataFrame({"rater": "p", "attribute": "wit", "entity": names, "value": ranks, "place": "t"})
    levels = len(set(scores))
    doubted = [notice.code for notice in check_ranks(given, "t", [])]
    if levels > len(scores) * 2 / 3 or len(scores) < 6:
        assert doubted == []
    if way != "dense" and levels > 1:
        assert doubted == []
    wrong = given.with_columns(pl.col("value") + 0.25)
    with pytest.raises(HotmessError, match="the numbers of 1 of 1 raters are no ranks"):
        list(check_ranks(wrong, "t", []))


def test_few_levels_without_a_gap_are_doubted_and_named():
    tiers = pl.DataFrame({"entity": [f"e{n}" for n in range(9)], "p": [1, 1, 2, 2, 2, 1, 2, 2, 2], "q": [*range(2, 10), 1]})
    found = hotmess.survey(tiers, attribute="wit", draws=100)
    assert notices(found)[0] == "not-ranks"
    assert "the numbers of 1 of 2 raters could be ratings as well as ranks with many ties: `p` (1 to 2)" in found.notices[0].found
    assert "not-ranks" not in notices(hotmess.survey(tiers, attribute="wit", draws=100, high_first=False))


def test_columns_that_are_no_raters_are_told_from_raters(tmp_path):
    def of_text(text):
        (tmp_path / "wit.csv").write_text(text)
        return hotmess.survey(tmp_path / "wit.csv", draws=100)

    with pytest.raises(HotmessError, match=r"1 of 3 raters are no ranks: `year` \(1990 to 2004\)\n(.|\n)*--columns 'year='"):
        of_text("entity,year,p,q\na,1990,1,2\nb,2001,2,1\nc,2004,3,3\n")
    rows = ("a,2,1\n", "b,1,3\n", "c,3,2\n", "d,4,4\n")
    found = of_text("id,entity,p,q\n" + "".join(f"{n},{row}" for n, row in enumerate(rows, 1)))
    assert "wit.csv (columns taken for raters: id, p, q)" in found.source
    assert notices(found) == ["row-numbers"]
    assert "`id`" in found.notices[0].found
    assert found.notices[0].hint == "--columns 'id=', if that is no rater"
    of_r = of_text('"","entity","p","q",\n' + "".join(f'"{n}",{row.strip()},\n' for n, row in enumerate(rows, 1)))
    assert "(columns taken for raters: p, q)" in of_r.source
    assert [(notice.code, "is left out" in notice.found) for notice in of_r.notices] == [("row-numbers", True)]
    with pytest.raises(HotmessError, match=r"column 1 of `.*` has no name\n.*its first cell is `a`"):
        of_text('"",p,q\n' + "".join(rows))
    many = pl.DataFrame({"entity": list("ab"), **{f"r{n}": [1, 2] for n in range(14)}})
    assert "r10, r11 and 2 more)" in hotmess.survey(many, attribute="wit", draws=100).source
    assert "columns" not in SURVEY.source


def test_copies_of_a_file_are_about_the_same_and_coherence_is_turned_round(tmp_path):
    two = pl.DataFrame({"entity": list("abcde"), "p": range(1, 6), "q": [2, 1, 3, 4, 5]})
    for names in (
        ("coherence.csv", "Coherence (1).csv"),
        ("coherence - Copy.csv", "coherence(2).csv"),
        ("coherence copy 2.csv",),
    ):
        for n, name in enumerate(names):
            two.rename({"p": f"p{n}", "q": f"q{n}"}).write_csv(tmp_path / name)
        found = hotmess.survey(*(tmp_path / name for name in names), draws=100)
        assert set(found.points["attribute"]) == {"incoherence"}, names
        assert found.points["raters"].to_list() == [2 * len(names)] * 5
    two.write_csv(tmp_path / "Coherence_v2.csv")
    found = hotmess.survey(tmp_path / "Coherence_v2.csv", draws=100)
    assert found.points["attribute"][0] == "Coherence v2"
    assert "`Coherence v2` has `coherence` in its name, and was not turned round" in [notice.found for notice in found.notices]
    assert "not-turned" not in notices(hotmess.survey(tmp_path / "Coherence_v2.csv", draws=100, invert=[""]))
    assert "not-turned" not in notices(hotmess.survey(two, attribute="incoherence", draws=100))


def test_one_attribute_for_tables_of_several_names_is_refused(tmp_path):
    for n, name in enumerate(("wit.csv", "age.csv", "wit of ada.csv", "half-wit.csv")):
        pl.DataFrame({"entity": list("abc"), f"p{n}": [1, 2, 3]}).write_csv(tmp_path / name)
    with pytest.raises(HotmessError, match="`--attribute wit` would make one attribute of tables with 2 names: wit, age"):
        hotmess.survey(tmp_path / "wit.csv", tmp_path / "age.csv", attribute="wit")
    both = hotmess.survey(tmp_path / "wit.csv", tmp_path / "wit of ada.csv", attribute="wit", draws=100)
    assert both.points.select("attribute", "raters").unique().rows() == [("wit", 2)]
    assert hotmess.survey(tmp_path / "age.csv", attribute="wit", draws=100).points["attribute"][0] == "wit"


def test_tables_of_other_places_are_read_or_refused(run, tmp_path):
    (tmp_path / "wit.csv").write_text('\ufeffentity;p;q\n"a, the first";1,5;1\nb;1,5;3\nc;3;2\n', encoding="utf-8")
    points = hotmess.survey(tmp_path / "wit.csv", draws=100).points
    assert dict(points.select("entity", "mean_rank").iter_rows()) == {"a, the first": 1.25, "b": 2.25, "c": 2.5}
    (tmp_path / "wit.csv").write_bytes("entity,p\nMünchen,1\nb,2\n".encode("latin-1"))
    code, _, err = run("survey", "wit.csv")
    assert code == 2
    assert "error[unreadable-file]: `wit.csv` is not in UTF-8: byte 11" in err


def test_raters_who_say_nothing_are_left_out_by_name():
    two = [*ranks_of("p", "wit", "abcde"), *ranks_of("q", "wit", "abced")]
    same = [("flat", "wit", name, 1) for name in "abcde"]
    found = hotmess.survey(frame(*two, *same, ("brief", "wit", "c", 1)), draws=100, high_first=False)
    assert notices(found) == ["one-rank"]
    assert "2 of 4 raters gave one rank only, and are left out: flat (by wit), brief (by wit)" in found.notices[0].found
    assert found.points.equals(hotmess.survey(frame(*two), draws=100).points)
    with pytest.raises(HotmessError, match="none of 1 raters put one entity before another"):
        hotmess.survey(frame(*same), high_first=False)


@given(ranked(), st.integers(0, 10**6))
def test_intervals_of_mean_ranks_stay_within_the_ranks(scores, seed):
    scores[rng(seed).random(scores.shape) < 0.3] = np.nan
    found, n = mean_ranks(as_ranks(scores[:, np.isfinite(scores).any(0)])), int(np.isfinite(scores).any(0).sum())
    there = np.isfinite(found.low)
    assert (found.low[there] >= 1).all()
    assert (found.high[there] <= n).all()
    assert ((found.low <= found.mean) & (found.mean <= found.high))[there].all()


def test_an_interval_of_a_mean_rank_ends_where_ranks_end():
    found = mean_ranks(np.array([[1.0, 2, 3, 4], [2.0, 1, 4, 3]]))
    assert found.low.tolist() == [1, 1, 1, 1]
    assert found.high.tolist() == [4, 4, 4, 4]


def first_of(ranks, most):
    """Lists of the first ones."""
    return as_ranks(np.where(ranks <= most, ranks, np.nan))


@pytest.mark.usefixtures("unchecked")
def test_gaps_at_one_end_are_found_and_random_gaps_are_left_alone():
    p = []
    for seed in range(300):
        ranks, _ = judged(seed, entities=40)
        gaps = np.where(rng(seed).random(ranks.shape) < 0.5, np.nan, ranks)
        p.append([gaps_at_one_end(part)[1] for part in (first_of(ranks, 25), first_of(41 - ranks, 25), as_ranks(gaps))])
    top, bottom, random = (np.array(p) < 0.05).mean(0)
    assert random == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 300))
    assert min(top, bottom) > 0.8
    assert np.isnan(gaps_at_one_end(ranks)[1])


def test_lists_of_the_first_ones_are_told():
    ranks, _ = judged(1, entities=40, raters=(12, 2))
    names, top = [f"e{n}" for n in range(40)], np.where(ranks <= 15, ranks, np.nan)
    rows = [(f"p{r}", "wit", names[e], rank) for r, row in enumerate(top) for e, rank in enumerate(row) if np.isfinite(rank)]
    found = hotmess.survey(frame(*rows), draws=100)
    assert "gaps-at-one-end" in notices(found)
    assert any("raters of wit left out what others rank low" in notice.found for notice in found.notices)


def test_which_end_is_the_most_is_no_matter_of_questionnaires(tmp_path):
    for name in "pq":
        (tmp_path / f"{name}.json").write_text(json.dumps(saved(name, "wit", [["a"], ["b"], ["c"]])))
    plain, high = (hotmess.survey(tmp_path, draws=100, high_first=way) for way in (None, True))
    assert high.points.equals(plain.points)
    assert notices(plain) == []
    assert notices(high) == ["does-not-apply"]
    assert "--high-first changes nothing in it" in high.notices[0].found


def test_an_entity_stays_what_it_is_written_as(tmp_path):
    (tmp_path / "wit.csv").write_text("entity,007,1e3\n3.10,1,1\n003,2,2\n1e5,4,-\n1_0,3,3")
    found = hotmess.survey(tmp_path / "wit.csv", draws=100)
    assert set(found.points["entity"]) == {"3.10", "003", "1e5", "1_0"}
    assert found.points["attribute"][0] == "wit"
    assert found.points.filter(pl.col("entity") == "1e5")["raters"].item() == 1
    assert [notice.code for notice in found.notices] == ["part-ranked"]
    assert "1 of 8 ranks are missing" in found.notices[0].found


def test_ties_and_cards_that_are_not_known(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(saved("p", "wit", [["a", "b"], ["c"]])))
    (tmp_path / "b.json").write_text(json.dumps(saved("q", "wit", [["c"], ["a"]], unknown=["b"])))
    points = hotmess.survey(tmp_path / "a.json", tmp_path / "b.json", draws=100).points
    mean = dict(points.select("entity", "mean_rank").iter_rows())
    assert mean == pytest.approx({"a": (1.5 + 2.75) / 2, "b": 1.5, "c": (3 + 1.25) / 2})
    assert dict(points.select("entity", "kind").iter_rows()) == {"a": "one", "b": None, "c": None}


def frame(*rows, names=("rater", "attribute", "entity", "rank")):
    return pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows])


def ranks_of(rater, attribute, order):
    return [(rater, attribute, name, place) for place, name in enumerate(order, 1)]


def notices(found):
    return [notice.code for notice in found.notices]


def test_what_must_be_known_is_said(tmp_path):
    two = [*ranks_of("p", "wit", "abcde"), *ranks_of("q", "wit", "abced")]
    other = [*ranks_of("r", "age", "abcde"), *ranks_of("s", "age", "bacde")]
    assert notices(hotmess.survey(frame(*two, *other), draws=100)) == []
    spelled = frame(*two, *ranks_of("p", "Wit ", ["x  y"]), *ranks_of("q", "wit", ["X Y"]))
    found = hotmess.survey(spelled, draws=100)
    assert notices(found) == ["spellings", "spellings"]
    assert found.points["entity"].n_unique() == 6
    assert notices(hotmess.survey(frame(*two, *ranks_of("p", "age", "abcde"), *ranks_of("s", "age", "bacde")), draws=100)) == [
        "shared-raters"
    ]
    assert notices(hotmess.survey(frame(*two[:5]), draws=100)) == ["one-rater"]
    assert notices(hotmess.survey(frame(*two, *two[:2]), draws=100)) == ["copies"]
    assert notices(hotmess.survey(frame(*two, *ranks_of("r", "wit", "edcba"), *ranks_of("s", "wit", "decba")), draws=100)) == [
        "no-agreement"
    ]
    apart = [*ranks_of("r", "age", "abcxy"), *ranks_of("s", "age", "abcyx")]
    assert notices(hotmess.survey(frame(*two, *apart), draws=100)) == ["few-shared", "few-shared"]
    for name, words in (("a", "Who is wittier?"), ("b", "Wittiest?")):
        one = saved(name, "wit", [["a"], ["b"], ["c"]], question=words, way="drag", untouched=["a", "b"] if name == "b" else [])
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    found = hotmess.survey(tmp_path / "a.json", tmp_path / "b.json", draws=100)
    assert notices(found) == ["never-moved", "two-wordings"]
    assert "2 of 3 cards were never moved" in found.notices[0].found


def test_a_correlation_beyond_one_is_said_and_not_cut():
    x, y = judged(5, entities=12, rho=1, noise=1, raters=(4, 4))
    rows = [
        (f"{name}{r}", name, f"e{e}", rank)
        for name, part in (("age", x), ("wit", y))
        for r, row in enumerate(part)
        for e, rank in enumerate(row)
    ]
    found = hotmess.survey(frame(*rows), draws=200)
    value = of(found, "Spearman, no rater noise")["value"]
    assert value > 1
    assert notices(found) == ["beyond-one"]


BAD = {
    "no entity": ("rater,rank\na,1\n", (), "no column for what was ranked (`entity`); found: rater, rank"),
    "no rater": ("entity,rank\na,1\n", (), "a column `rank`, but none that says who ranked"),
    "no rank": ("entity,rater\na,1\n", (), "has raters, but no `rank` and no `score`"),
    "no numbers": (
        "entity,r1,notes\na,1,good\nb,2,bad\n",
        (),
        "2 rank(s) are no numbers; the first is `good`\n  where: t.csv row 1, rater notes",
    ),
    "endless": ("entity,r1\na,1\nb,inf\n", (), "1 rank(s) are no numbers; the first is `inf`\n  where: t.csv row 2, rater r1"),
    "twice": (
        "entity,rater,rank\na,p,1\nb,p,2\na,p,3\n",
        (),
        "rater `p` ranked `a` by t more than once, and not the same\n  where: t.csv row 1; t.csv row 3",
    ),
    "two kinds": (
        "entity,kind,r\na,x,1\nb,x,2\nb,y,2\n",
        (),
        "1 entities have more than one kind; the first is `b`\n  where: x in t.csv row 2; y in t.csv row 3",
    ),
    "no name": ("entity,r\na,1\n,2\n", (), "1 row(s) have no entity\n  where: t.csv row 2"),
    "one entity": ("entity,r\na,1\n", (), "a ranking needs two entities; found 1"),
    "empty": ("", (), "`t.csv` is empty"),
    "header only": ("entity,r\n", (), "`t.csv` has no rows"),
    "both": ("entity,rater,rank,score\na,p,1,1\n", (), "`t.csv` has ranks and scores"),
    "nobody": ("entity,kind\na,x\n", (), "`t.csv` has no ranks; found: entity, kind"),
    "ours": (
        "entity,r\na,1\nb,2\n",
        ("--columns", "entitty=x"),
        "there is no `entitty` in a table of ranks\n  hint: did you mean `entity`?",
    ),
    "theirs": (
        "thing,r\na,1\nb,2\n",
        ("--columns", "entity=thig"),
        "names a column that is not in `t.csv`; found: thing, r\n  hint: --columns entity=thing",
    ),
    "an attribute": ("entity,r\na,1\nb,2\n", ("--x", "wit"), "there is no attribute `wit`; there are t"),
    "both axes": ("entity,r\na,1\nb,2\n", ("--x", "t", "--y", "t"), "`t` cannot stand on both axes"),
    "inverted": ("entity,r\na,1\nb,2\n", ("--invert", "wit"), "there is no attribute `wit`; there are t"),
    "no kinds": ("entity,r\na,1\nb,2\n", ("--panels",), "panels need two kinds of entities"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_with_its_place(run, tmp_path, name):
    text, words, expected = BAD[name]
    (tmp_path / "t.csv").write_text(text)
    code, out, err = run("survey", "t.csv", *words)
    assert (code, out) == (2, "")
    assert err.startswith("error[")
    assert expected in err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"hotmess_survey": 2}', "saved by another version of the questionnaire"),
        ('{"hotmess_survey": 1, "attribute": "wit"}', "is not as the questionnaire saves it"),
        (json.dumps(saved("p", "wit", [])), "holds no ranking"),
        (json.dumps(saved("p", "wit", [[]])), "holds no ranking"),
        ('{"hotmess_survey": 1', "is not JSON"),
        ('{"a": 1}', "not a list of records"),
    ],
)
def test_files_that_are_no_rankings(run, tmp_path, text, expected):
    (tmp_path / "t.json").write_text(text)
    code, _, err = run("survey", "t.json")
    assert code == 2
    assert expected in err


def test_columns_can_be_named_and_left_out(tmp_path):
    (tmp_path / "wit.csv").write_text("thing,notes,p,q\na,fine,1,2\nb,,2,1\n")
    found = hotmess.survey(tmp_path / "wit.csv", columns={"entity": "thing", "notes": ""}, draws=100)
    assert found.points["raters"].to_list() == [2, 2]
    with pytest.raises(HotmessError, match="does not say by which attribute"):
        hotmess.survey(pl.DataFrame({"entity": ["a", "b"], "p": [1, 2]}))
    assert hotmess.survey(pl.DataFrame({"entity": ["a", "b"], "p": [1, 2]}), attribute="wit").points["attribute"][0] == "wit"


NUMBERS = st.sampled_from(["1", "2", "3", "4", "1.5", "1e3", "-1", "", "?", "NaN", "inf", "x"])
WORDS = st.sampled_from(["a", "b", "B ", "é", "e\u0301", "\x1b[31mc", "model", "1", " "])
HEADS = {
    "wide": ("entity", "p", "q"),
    "long": ("rater", "entity", "rank"),
    "of kinds": ("rater", "entity", "score", "attribute", "kind"),
    "wide of kinds": ("entity", "kind", "p", "q"),
}


def outcome(found, **how):
    """The result, or what was said against it."""
    try:
        return hotmess.survey(found, draws=100, **how)
    except HotmessError as problem:
        return problem


@given(st.sampled_from(sorted(HEADS)), st.sampled_from([None, True, False]), st.data())
def test_any_table_is_measured_or_refused_in_words(head, high_first, data):
    names = HEADS[head]
    row = st.tuples(*(NUMBERS if name in ("p", "q", "rank", "score") else WORDS for name in names))
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    found = outcome(pl.DataFrame(rows, schema=names, orient="row"), attribute="wit", high_first=high_first)
    if isinstance(found, HotmessError):
        assert found.code != "error"
        assert "\x1b" not in str(found)
    else:
        assert found.points.height >= 2
        assert found.points["mean_rank"].is_between(0.5, found.points["entity"].n_unique() + 0.5).all()
        assert "\x1b" not in str(found)
        assert json.loads(found.to_json())["points"]


# ---------------------------------------------------------------------------------------------- pictures and the command


def marks(svg):
    return svg.count('aria-roledescription="point"')


def test_every_entity_has_a_dot_and_kinds_have_shapes():
    svg = render(SURVEY.chart(), ".svg").decode()
    assert marks(svg) == 40
    assert ">Judged incoherence against judged intelligence<" in svg
    assert "Spearman −" in svg or "Spearman 0" in svg
    assert "incoherence: coherence, turned round" in svg
    assert "one standard error" in svg
    for kind in KINDS:
        assert f">{kind}<" in svg
    panels = render(hotmess.survey(table(), panels=True, draws=100).chart(), ".svg").decode()
    assert marks(panels) == 40
    assert panels.count("p (Holm)") >= 4
    one = render(hotmess.survey(table().filter(pl.col("attribute") == "coherence"), draws=100).chart(), ".svg").decode()
    assert marks(one) == 40
    assert "95 % intervals" in one
    assert all(f">{name}<" in one for name in NAMES)


def test_pictures_of_little():
    alone = frame(*ranks_of("p", "wit", "abc"))
    assert marks(render(hotmess.survey(alone, draws=100).chart(), ".svg").decode()) == 3
    apart = frame(*ranks_of("p", "wit", "abc"), *ranks_of("q", "age", "xyz"))
    with pytest.raises(HotmessError, match="no entity was ranked by both"):
        hotmess.survey(apart, draws=100).chart()
    kinds = {"a": "x", "y": "z"}  # of things that were not ranked by both attributes
    shared = frame(*ranks_of("p", "wit", "abcdef"), *ranks_of("q", "age", "bcdefy"))
    shared = shared.with_columns(kind=pl.col("entity").replace_strict(kinds, default=None))
    assert marks(render(hotmess.survey(shared, draws=100, panels=True).chart(), ".svg").decode()) == 5
    same = frame(*(row for rater in "pqrs" for row in ranks_of(rater, "wit" if rater in "pq" else "age", "abcdef")))
    found = hotmess.survey(same, draws=100)
    assert of(found, "Spearman")["value"] == pytest.approx(1)
    assert marks(render(found.chart(), ".svg").decode()) == 6


def test_names_cover_no_dot_and_no_other_name():
    draw = rng(0)
    rows = [
        (float(x), float(y), "n" * int(k))
        for x, y, k in zip(draw.uniform(0, 270, 60), draw.uniform(0, 280, 60), draw.integers(3, 40, 60), strict=True)
    ]
    boxes = []
    for anchor, middle, align, words in _placed(rows, (270, 280)):
        width = 0.52 * 9 * len(words)
        left = {"left": anchor, "right": anchor - width, "center": anchor - width / 2}[align]
        boxes.append((left, middle - 5, left + width, middle + 5))
    assert len(boxes) > 15
    assert not any(_meet(one, two) for one, two in combinations(boxes, 2))
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert right <= 270
        assert not any(left < x < right and top < y < bottom for x, y, _ in rows)


def test_names_in_pictures_do_no_harm():
    long = table().with_columns(
        pl.col("entity").replace(NAMES[0], '<script>alert(1)</script>\x1b[31m"'), pl.col("kind").replace("model", "<b>'x'</b>")
    )
    for panels in (False, True):
        svg = render(hotmess.survey(long, panels=panels, draws=100).chart(), ".svg").decode()
        assert "<script" not in svg
        assert "\x1b" not in svg
        assert marks(svg) == 40


def test_the_command_prints_and_writes(run, tmp_path):
    table().write_csv(tmp_path / "ranks.csv")
    code, out, err = run("survey", "ranks.csv", "--draws", 200)
    assert code == 0
    assert "incoherence ~ intelligence" in out
    assert (
        "5 raters of intelligence, 6 raters of coherence, 40 entities" in out.replace("\n", " ")
        or "raters of intelligence" in out
    )
    assert err == "next: hotmess survey ranks.csv --draws 200 -o survey.svg\n"
    said = json.loads(run("survey", "ranks.csv", "--json", "--draws", 200)[1])
    assert (said["analysis"], len(said["points"])) == ("survey", 80)
    assert run("survey", "ranks.csv", "--panels", "-o", "x.svg", "--draws", 200)[2] == "wrote x.svg\n"
    assert (tmp_path / "x.svg").read_bytes().startswith(b"<svg")
    assert run("survey", "ranks.csv", "-o", "x.csv", "--draws", 200)[0] == 0
    assert pl.read_csv(tmp_path / "x.csv").height == 80
    assert run("survey", "ranks.csv", "-o", "ranks.csv")[0] == 2
    assert "`hotmess survey TABLE --panels` draws it from ranks" in run("figure", "27", "ranks.csv")[2]


def test_ranks_can_be_piped(run, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"entity,p,q\na,1,2\nb,2,1\nc,3,3\n")))
    code, out, _ = run("survey", "-", "--attribute", "wit", "--draws", 100)
    assert code == 0
    assert "2 raters of wit, 3 entities" in out
