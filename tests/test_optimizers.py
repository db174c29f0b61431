"""The synthetic optimizer: its setting, tokens, problem, network, training and rollouts, each against another way."""
# ruff: noqa: E402 - what needs torch stands after the line that asks whether it is there

import json
from dataclasses import astuple, replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

from hotmess.devices import device_of, graphed
from hotmess.errors import CannotWrite, OtherVersion, UsageError
from hotmess.synthetic import rollouts, train
from hotmess.synthetic.network import Transformer
from hotmess.synthetic.quadratic import Quadratic, in_ball
from hotmess.synthetic.rollouts import Starts, lead, led
from hotmess.synthetic.setting import PRESETS, Course, Preset, Problem, Rollouts, Size, preset
from hotmess.synthetic.tokens import Tokens
from hotmess.synthetic.train import LAP, Lessons, Training, held_out_loss, load

CPU = torch.device("cpu")
NAN = float("nan")
TINY = preset(
    "quick",
    {
        "sizes": "1x16",
        "seeds": 1,
        "trajectories": 40,
        "horizon": 24,
        "batch": 8,
        "updates": 60,
        "steps": 12,
        "points": 4,
        "groups": 3,
        "jittered": 4,
        "starts": 5,
        "sampled": 2,
    },
)
SIZE = TINY.sizes[0]
SHAPES = [("1x16", 1, 0), ("1x16", 2, 2), ("3x32", 2, 1), ("2x256", 1, 3)]  # size, dimension, digits


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def lessons():
    return Lessons.of(TINY, CPU)


@pytest.fixture
def training(lessons):
    return Training(TINY, SIZE, 0, lessons)


def flat(asked):
    """The values of problem, course and rollouts by their names."""
    written = asked.as_json()
    return {**written["problem"], **written["course"], **written["rollouts"]}


def rough(size, tokens, seed=0):
    """A model with weights so large that what it says is never nearly a tie, and hangs on all that it reads."""
    model = Transformer(Size.of(size), tokens, seed=seed).requires_grad_(False)
    rng = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        matrix = (1 if "qkv" in name else 3) / weight.shape[-1] ** 0.5
        spread = {"words": 1.0, "places": 1.0}.get(name, 0.5 if weight.ndim == 1 else matrix)
        weight.copy_((weight.ndim == 1) + spread * torch.randn(weight.shape, generator=rng))
    return model


def undecided(seed):
    """A model that has several likely tokens to say."""
    model = rough("1x16", Tokens(2, 2), seed)
    model.end.weight.mul_(0.3)
    return model


def canonical(rng, count, digits):
    """Signs, exponents and digits as encode writes them: no leading 0 above the last exponent, no -0."""
    exponent = rng.integers(0, 10, count)
    whole = rng.integers(np.where(exponent < 9, 10**digits, 0), 10 ** (digits + 1), count)
    return np.where(whole == 0, 0, rng.integers(0, 2, count)), exponent, whole


def written(signs, exponents, wholes, digits):
    """These numbers as the tokens of one point each."""
    places = 10 ** np.arange(digits, -1, -1)
    return torch.tensor(np.c_[signs, exponents + 2, wholes[:, None] // places % 10 + 12])


def worth(tokens, digits):
    """What tokens of one number say, and a unit of their last digit, in double precision."""
    sign, exponent, *rest = tokens.numpy().T
    unit = 10.0 ** -(exponent - 2.0 + digits)
    whole = sum((digit - 12) * 10 ** (digits - place) for place, digit in enumerate(rest))
    return np.where(sign == 1, -1, 1) * whole * unit, unit


def random_tokens(tokens, count, seed=0):
    """Points written with any tokens that are allowed."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(tokens.allowed(place).start, tokens.allowed(place).stop, count) for place in range(tokens.point)]
    return torch.tensor(np.stack(columns, 1))


def numbers(count, low, high, seed=0):
    """Numbers of both signs whose logarithms are spread evenly."""
    rng = np.random.default_rng(seed)
    return rng.choice([-1, 1], count) * 10.0 ** rng.uniform(np.log10(low), np.log10(high), count)


def plain(model, written):
    """Logits of the tokens of the step as the formulas have it: one sequence and one head at a time, in double precision."""
    weights = {name: weight.double() for name, weight in model.named_parameters()}
    heads = model.blocks[0].heads

    def norm(x, name):
        x = x - x.mean(-1, keepdim=True)
        return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weights[f"{name}.weight"]

    def answered(sequence):
        x = torch.stack([weights["words"][token] + weights["places"][place] for place, token in enumerate(sequence.tolist())])
        for layer in range(len(model.blocks)):
            name = f"blocks.{layer}"
            q, k, v = (part.chunk(heads, 1) for part in (norm(x, f"{name}.before") @ weights[f"{name}.qkv.weight"].T).chunk(3, 1))
            seen = []
            for head in range(heads):
                scores = q[head] @ k[head].T / q[head].shape[1] ** 0.5
                later = torch.arange(len(x))[None] > torch.arange(len(x))[:, None]
                seen.append(scores.masked_fill(later, -1e30).softmax(1) @ v[head])
            x = x + torch.cat(seen, 1) @ weights[f"{name}.out.weight"].T
            up = norm(x, f"{name}.between") @ weights[f"{name}.up.weight"].T
            x = x + up * (1 + torch.erf(up / 2**0.5)) / 2 @ weights[f"{name}.down.weight"].T
        return norm(x, "end") @ weights["words"].T

    return torch.stack([answered(sequence)[model.tokens.point - 1 :] for sequence in written])


def greedy(model, state):
    """The likeliest allowed tokens, by whole sequences each time: there is no cache. Later places hold anything."""
    tokens = model.tokens
    full = torch.cat([state, torch.full_like(state, 7)], 1)
    for place in range(tokens.point):
        allowed = tokens.allowed(place)
        logits = model(full[:, :-1])[:, place, allowed.start : allowed.stop]
        full[:, tokens.point + place] = logits.argmax(-1) + allowed.start
    return full[:, tokens.point :]


def by_hand(model, full):
    """Cross-entropy of each token of the steps."""
    point = model.tokens.point
    logits = model(full[:, :-1]).detach().double().numpy()
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return -np.log(np.take_along_axis(shares, full[:, point:, None].numpy(), -1))[..., 0]


def same_tensors(one, other):
    """Whether two files hold the same, bit for bit."""
    one, other = safetensors.load_file(one), safetensors.load_file(other)
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


# ---------------------------------------------------------------------------------------------- tokens


def test_the_example_of_the_paper_is_written_and_read():
    tokens = Tokens(dimension=2, digits=2)
    for point, text in {(0.5, -1.5): "+1500-0150", (-0.012, 0.0023): "-2120+3230"}.items():
        assert tokens.spell(tokens.encode(torch.tensor(point))) == text
        assert torch.equal(tokens.decode(tokens.parse(text)), torch.tensor(point))
    both = torch.tensor([(0.5, -1.5), (-0.012, 0.0023)])
    assert tokens.spell(tokens.encode(both).flatten()) == "+1500-0150-2120+3230"
    assert torch.equal(tokens.decode(tokens.parse("+1500-0150-2120+3230").view(2, -1)), both)


@given(st.integers(1, 4), st.integers(0, 6), st.integers(1, 3), st.integers(0, 2**32))
def test_text_is_parsed_as_it_was_spelled(dimension, digits, points, seed):
    tokens = Tokens(dimension, digits)
    found = random_tokens(tokens, points, seed).flatten()
    text = tokens.spell(found)
    assert len(text) == len(found) == points * tokens.point
    assert torch.equal(tokens.parse(text), found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "`` has 0 tokens"),
        ("+15", "`.15` has 3 tokens"),
        ("+1500", "`.1500` has 5 tokens"),
        ("+1500-01500", "`0` at place 11 of `.1500-01500`"),
        ("+1500-0150+", "has 11 tokens"),
        ("01500-0150", "`0` at place 1 of "),
        ("+1500+-150", "`-` at place 7 of "),
        ("+15.0-0150", "`.` at place 4 of "),
        ("+1５00-0150", "`５` at place 3 of "),
    ],
)
def test_text_that_is_no_point_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        Tokens(2, 2).parse(text)


@given(st.integers(0, 5), st.integers(1, 4), st.integers(0, 2**32))
def test_what_was_read_is_written_the_same(digits, dimension, seed):
    tokens = Tokens(dimension, digits)
    found = written(*canonical(np.random.default_rng(seed), 20 * dimension, digits), digits).view(20, -1)
    assert torch.equal(tokens.encode(tokens.decode(found)), found)


@pytest.mark.parametrize("digits", range(6))
def test_many_numbers_are_read_and_written_the_same(digits):
    tokens = Tokens(1, digits)
    found = written(*canonical(np.random.default_rng(digits), 50_000, digits), digits)
    assert torch.equal(tokens.encode(tokens.decode(found)), found)


@pytest.mark.parametrize(("digits", "dtype"), [*product((0, 2, 4, 6), (np.float32, np.float64))])
def test_numbers_are_rounded_by_half_a_unit_at_most(digits, dtype):
    tokens = Tokens(1, digits)
    x = np.r_[numbers(50_000, 1e-9, 10 - 10.0**-digits), numbers(5000, 1e-12, 1e-9)].astype(dtype)
    found = tokens.encode(torch.tensor(x)[:, None])
    said, unit = worth(found, digits)
    assert (abs(said - x) <= 0.5 * unit * (1 + 1e-9)).all()
    assert (abs(said) >= 0.999 * unit * 10**digits)[:50_000].all()  # not more digits given away than needed
    assert torch.equal(tokens.decode(found)[:, 0], torch.tensor(said.astype(np.float32)))


@pytest.mark.parametrize("digits", range(7))
def test_numbers_are_written_as_python_writes_them(digits):
    rng, tokens = np.random.default_rng(digits), Tokens(1, digits)
    short = rng.integers(-9999, 10_000, 1000) / 10.0 ** rng.integers(0, 10, 1000)
    x = np.r_[numbers(10_000, 1e-9, 10), short].astype(np.float32)
    x = x[(abs(x) >= np.float32(1.001e-9)) & (abs(x) < 10 - 0.5 * 10.0**-digits)]
    wrong = 0
    for value, found in zip(x.tolist(), tokens.encode(torch.tensor(x)[:, None]), strict=True):
        mantissa, exponent = f"{value:+.{digits}e}".split("e")
        wrong += tokens.spell(found) != f"{mantissa[0]}{-int(exponent)}{mantissa[1:].replace('.', '')}"
    assert len(x) > 9_000
    assert wrong / len(x) < 0.001  # none at all when this was written


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *[(0.0, "+90000"), (-0.0, "+90000"), (4e-13, "+90000"), (-4e-13, "+90000"), (1e-40, "+90000"), (-6e-13, "-90001")],
        *[(1.2346e-9, "+91235"), (1.23e-10, "+90123"), (-4e-12, "-90004"), (9.9996e-10, "+91000"), (9.994e-10, "+90999")],
        *[(0.99996, "+01000"), (0.99994, "+19999"), (-0.0099996, "-21000"), (9.9996e-9, "+81000"), (9.9994e-9, "+99999")],
        *[(9.9994, "+09999"), (9.9996, "+09999"), (10.0, "+09999"), (-10.0, "-09999"), (12345.0, "+09999"), (-1e30, "-09999")],
    ],
)
def test_the_ends_of_what_can_be_written(number, text):
    tokens = Tokens(dimension=1, digits=3)
    for dtype in (torch.float32, torch.float64):
        assert tokens.spell(tokens.encode(torch.tensor([number], dtype=dtype))) == text


@given(st.integers(1, 4), st.integers(0, 6), st.integers(0, 2**32))
def test_whatever_is_allowed_says_a_finite_number(dimension, digits, seed):
    tokens = Tokens(dimension, digits)
    found = tokens.decode(random_tokens(tokens, 50, seed))
    assert found.shape == (50, dimension)
    assert found.dtype == torch.float32
    assert (found.abs() < 10.00001).all()  # NaN is not
    again = tokens.encode(found)
    assert torch.allclose(tokens.decode(again), found, rtol=1e-6, atol=0)


@given(st.integers(1, 4), st.integers(0, 6), st.lists(st.floats(-20, 20, width=32), min_size=4, max_size=4))
def test_what_is_written_is_allowed(dimension, digits, point):
    tokens = Tokens(dimension, digits)
    found = tokens.encode(torch.tensor(point[:dimension]))
    assert found.shape == (tokens.point,)
    assert all(int(token) in tokens.allowed(place) for place, token in enumerate(found))


def test_a_place_says_which_tokens_can_stand_there():
    tokens = Tokens(2, 1)
    kinds = [tokens.allowed(place) for place in range(3 * tokens.point)]
    assert kinds == [range(2), range(2, 12), range(12, 22), range(12, 22)] * 6
    assert sorted(set().union(*kinds)) == list(range(Tokens.SIZE))


def test_points_keep_the_shape_that_they_come_in():
    tokens, x = Tokens(3, 2), torch.tensor(numbers(2 * 5 * 3, 1e-3, 9)).view(2, 5, 3)
    found = tokens.encode(x)
    assert found.shape == (2, 5, 15)
    assert tokens.decode(found).shape == (2, 5, 3)
    for i, j in product(range(2), range(5)):
        assert torch.equal(found[i, j], torch.cat([Tokens(1, 2).encode(coordinate[None]) for coordinate in x[i, j]]))


# ---------------------------------------------------------------------------------------------- the problem


@pytest.mark.parametrize(("dimension", "condition"), [(1, 50.0), (2, 50.0), (4, 50.0), (4, 1.0), (7, 1000.0)])
def test_eigenvalues_are_those_that_were_asked_for(dimension, condition):
    problem = Problem(dimension=dimension, condition=condition)
    matrix = Quadratic.of(problem).matrix
    assert torch.equal(matrix, matrix.T)
    wanted = [condition ** (place / max(dimension - 1, 1)) for place in range(dimension)]
    assert np.linalg.eigvalsh(matrix.numpy()) == pytest.approx(wanted, rel=1e-9)


def test_a_seed_is_a_problem():
    one, same, other = (Quadratic.of(Problem(problem=seed)) for seed in (3, 3, 4))
    assert torch.equal(one.matrix, same.matrix)
    assert torch.equal(one.minimum, same.minimum)
    assert (one.matrix - other.matrix).abs().max() > 0.1
    assert (one.minimum - other.minimum).abs().max() > 0.1


def test_the_minimum_lies_within_the_spread():
    found = torch.stack([Quadratic.of(Problem(spread=0.3, problem=seed)).minimum for seed in range(200)])
    assert found.abs().max() <= 0.3
    assert found.abs().max() > 0.29
    assert abs(found.mean()) < 5 * 0.3 / (3 * found.numel()) ** 0.5
    assert (Quadratic.of(Problem(spread=0)).minimum == 0).all()


def test_bases_are_drawn_from_all_directions():
    """The first axis of a Haar basis is uniform on the sphere: a third of each square, in three dimensions."""
    found = np.stack([np.linalg.eigh(Quadratic.of(Problem(dimension=3, problem=seed)).matrix.numpy())[1] for seed in range(400)])
    assert (found**2).mean(0) == pytest.approx(1 / 3, abs=5 * (4 / 45 / 400) ** 0.5)


@given(st.integers(1, 6), st.floats(1, 1000), st.integers(0, 1000))
def test_errors_are_those_of_the_formula(dimension, condition, seed):
    quadratic = Quadratic.of(Problem(dimension=dimension, condition=condition, problem=seed))
    x = np.random.default_rng(seed).normal(size=(3, 2, dimension)).astype(np.float32)
    matrix, away = quadratic.matrix.numpy(), x - quadratic.minimum.numpy()
    f = sum(away[..., i] * matrix[i, j] * away[..., j] for i, j in product(range(dimension), repeat=2)) / 2
    assert quadratic.error(torch.tensor(x)).numpy() == pytest.approx(2 * f, rel=1e-9)
    assert quadratic.error(quadratic.minimum) == 0


@given(st.integers(1, 6), st.floats(1, 1000), st.floats(0.001, 0.5), st.integers(0, 1000))
def test_a_step_goes_down_the_slope_by_its_norm(dimension, condition, step_norm, seed):
    quadratic = Quadratic.of(Problem(dimension=dimension, condition=condition, step_norm=step_norm, problem=seed))
    x = torch.tensor(np.random.default_rng(seed).normal(size=(20, dimension)))
    step, slope = quadratic.step(x), (x - quadratic.minimum) @ quadratic.matrix
    assert step.norm(dim=1).numpy() == pytest.approx(step_norm, rel=1e-6)
    assert (step * slope).sum(1).numpy() == pytest.approx(-step_norm * slope.norm(dim=1).numpy(), rel=1e-9)
    far = slope.norm(dim=1) > step_norm * condition / 2 * (1 + 1e-9)
    assert (quadratic.error(x + step) < quadratic.error(x))[far].all()
    single = quadratic.step(x.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), step, rtol=0, atol=1e-3 * step_norm)


def test_at_the_minimum_there_is_nowhere_to_go():
    quadratic = Quadratic.of(Problem())
    assert (quadratic.step(quadratic.minimum[None]) == 0).all()
    both = quadratic.step(torch.stack([quadratic.minimum, quadratic.minimum + 1e-200]))
    assert both.isfinite().all()
    centred = Quadratic.of(Problem(spread=0))
    assert (centred.descend(torch.zeros(2, 4), 3) == 0).all()


@given(st.sampled_from([1, 2, 3, 4, 6, 12]), st.integers(0, 1000))
def test_every_so_many_steps_are_some_of_all_steps(every, seed):
    quadratic = Quadratic.of(replace(TINY.problem, problem=seed))
    x = torch.tensor(in_ball(np.random.default_rng(seed), 5, 2)).float()
    before = x.clone()
    states = quadratic.descend(x, 12)
    assert torch.equal(x, before)
    assert torch.equal(states[0], x)
    assert torch.equal(states[1:], states[:-1] + torch.stack([quadratic.step(state) for state in states[:-1]]))
    assert torch.equal(quadratic.descend(x, 12, every=every), states[::every])
    assert torch.equal(quadratic.descend(x, 13, every=every), quadratic.descend(x, 13)[::every])


@pytest.mark.parametrize(
    "problem", [Problem(), Problem(problem=3), PRESETS["quick"].problem, Problem(dimension=3, condition=1.0)]
)
def test_the_expert_ends_on_its_noise_floor(problem):
    quadratic = Quadratic.of(problem)
    x = torch.tensor(in_ball(np.random.default_rng(0), 50, problem.dimension)) * problem.radius + quadratic.minimum
    errors = quadratic.error(quadratic.descend(x.float(), 2048))
    assert errors[0].median() > 1
    assert errors[-300:].max() < problem.condition * problem.step_norm**2
    assert errors[-300:].mean() > 0.01 * problem.step_norm**2  # and there it jumps about


@pytest.mark.parametrize("dimension", [1, 2, 4, 9])
def test_points_in_the_ball_are_uniform(dimension):
    n = 20_000
    found = in_ball(np.random.default_rng(dimension), n, dimension)
    radius = np.linalg.norm(found, axis=1)
    assert found.shape == (n, dimension)
    assert radius.max() <= 1
    spread = dimension / (dimension + 2) - (dimension / (dimension + 1)) ** 2
    assert radius.mean() == pytest.approx(dimension / (dimension + 1), abs=4.5 * (spread / n) ** 0.5)
    assert kstest(radius**dimension, "uniform").pvalue > 1e-4
    assert found.mean(0) == pytest.approx(0, abs=4.5 * (1 / (dimension + 2) / n) ** 0.5)
    assert np.cov(found.T).reshape(dimension, -1) == pytest.approx(np.eye(dimension) / (dimension + 2), abs=0.02)


# ---------------------------------------------------------------------------------------------- the setting


@pytest.mark.parametrize(
    ("kind", "given_values", "said"),
    [
        (Problem, {"dimension": 0}, "dimension 0"),
        (Problem, {"condition": 0.99}, "condition number 0.99"),
        (Problem, {"condition": NAN}, "condition number nan"),
        (Problem, {"radius": 0}, "radius 0, spread 1"),
        (Problem, {"radius": -1}, "radius -1"),
        (Problem, {"radius": NAN}, "radius nan"),
        (Problem, {"spread": -0.1}, "spread -0.1"),
        (Problem, {"step_norm": 0}, "step norm 0"),
        (Problem, {"step_norm": NAN}, "step norm nan"),
        (Problem, {"problem": -1}, "seed -1"),
        (Problem, {"digits": -1}, "-1 digits after the comma"),
        (Problem, {"digits": 6}, "6 digits after the comma"),
        (Problem, {"radius": 9}, "starts reach 10 from 0"),
        (Problem, {"radius": 3, "spread": 7.5}, "starts reach 10.5 from 0"),
        (Problem, {"digits": 2}, "2 digits after the comma tell numbers near 6 apart by 0.01, and a step"),
        (Problem, {"radius": 0.85, "spread": 0.1, "digits": 1}, "tell numbers near 0.95 apart by 0.01"),
        (Problem, {"radius": 1e-3, "spread": 0, "digits": 5, "step_norm": 9e-8}, "a step norm of 9e-08"),
        *[(Course, {name: 0}, "must be above 0") for name in ("trajectories", "horizon", "batch", "updates", "rate")],
        (Course, {"rate": NAN}, "must be above 0"),
        *[(Course, {"held_out": share}, f"{share:g} of 20000 trajectories held out") for share in (0.0, 1.0, -0.1, NAN, 1e-5)],
        (Course, {"trajectories": 10, "held_out": 0.96}, "0.96 of 10 trajectories"),
        (Course, {"trajectories": 1}, "0.1 of 1 trajectories"),
        (Rollouts, {"points": 100}, "100 points of 2048 steps"),
        (Rollouts, {"points": 0}, "0 points"),
        (Rollouts, {"points": 4096}, "4096 points of 2048 steps"),
        (Rollouts, {"steps": 0, "points": 0}, "0 points of 0 steps"),
        (Rollouts, {"groups": 1}, "1 groups of 8"),
        (Rollouts, {"jittered": 1}, "256 groups of 1"),
        (Rollouts, {"starts": 1}, "1 starts"),
        *[(Rollouts, {"sampled": count}, f"{count} sampled ones") for count in (1, -1)],
        *[(Rollouts, {"temperature": value}, "temperature") for value in (0, -0.5, NAN)],
        (Preset, {"name": "none", "sizes": ()}, "0 sizes, 1 seeds"),
        (Preset, {"name": "twice", "sizes": (Size(1, 16), Size(1, 16))}, "2 sizes"),
        (Preset, {"name": "unseeded", "sizes": (Size(1, 16),), "seeds": 0}, "1 sizes, 0 seeds"),
    ],
)
def test_what_cannot_be_is_refused(kind, given_values, said):
    with pytest.raises(UsageError) as refused:
        kind(**given_values)
    assert said in refused.value.found


@pytest.mark.parametrize(
    "accepted",
    [
        Problem(condition=1, spread=0, dimension=1),
        Problem(radius=8.9, spread=1),
        Problem(radius=0.85, spread=0.1, digits=2),
        Problem(digits=3),  # a unit is 0.001
        Problem(radius=5, spread=0, digits=3, step_norm=0.001),
        Problem(digits=0, radius=0.05, spread=0, step_norm=0.01),
        Course(trajectories=2, horizon=1, batch=1, updates=1, held_out=0.5),
        Rollouts(steps=1, points=1, groups=2, jittered=2, starts=2, sampled=0),
        Rollouts(sampled=2, temperature=1e-3),
    ],
)
def test_the_least_that_can_be_is_accepted(accepted):
    assert type(accepted)(*astuple(accepted)) == accepted


@given(st.integers(1, 999), st.integers(-6, -2), st.integers(0, 9), st.integers(1, 999), st.integers(-7, -2), st.integers(0, 5))
def test_a_hint_proposes_just_enough(radius, radius_power, spread, step, step_power, digits):
    """Of digits, and the least step that there are digits for."""
    room = {"radius": radius * 10.0**radius_power, "spread": spread * 10.0**radius_power}
    step_norm = step * 10.0**step_power / 100
    assume(step_norm >= 1e-7)
    try:
        Problem(**room, step_norm=step_norm, digits=digits)
    except UsageError as refused:
        assume("digits" in refused.hint)
        more, least = (word.partition("=")[2] for word in refused.hint.split(", or "))
        assert int(more) > digits
        assert Problem(**room, step_norm=step_norm, digits=int(more)).digits == int(more)
        with pytest.raises(UsageError, match="apart by"):
            Problem(**room, step_norm=step_norm, digits=int(more) - 1)
        assert Problem(**room, step_norm=float(least), digits=digits).step_norm == float(least)
    else:
        # from the smallest power of ten above all starts: a unit of the last digit is no longer than a step
        whole = Fraction(radius + spread) * Fraction(10) ** radius_power
        power = next(power for power in range(9) if whole >= Fraction(1, 10**power)) if whole < 1 else 0
        assert Fraction(1, 10 ** (power + digits)) <= Fraction(step) * Fraction(10) ** (step_power - 2)


@pytest.mark.parametrize(
    "text", ["", "2", "x16", "2x", "0x16", "2x0", "-2x16", "2x16x3", "2×16", "2.0x16", "²x16", "2x20", "2x8"]
)
def test_sizes_that_are_none_are_refused(text):
    with pytest.raises(UsageError, match=r"is no size|a width of"):
        Size.of(text)


@pytest.mark.parametrize(("text", "heads"), [("1x16", 1), (" 2x32 ", 2), ("4x240", 15), ("6x256", 8), ("6x512", 16)])
def test_heads_follow_from_the_width(text, heads):
    size = Size.of(text)
    assert (str(size), size.heads) == (text.strip(), heads)


def test_sizes_have_the_parameters_of_the_paper():
    paper = PRESETS["paper"]
    wanted = {"4x32": 51936, "4x64": 202176, "4x96": 450720, "4x128": 797568, "6x128": 1191296, "6x256": 4741888}
    assert {str(size): size.parameters(paper.problem) for size in paper.sizes} == wanted


@pytest.mark.parametrize(("name", "size"), [(name, size) for name in ("paper", "quick") for size in PRESETS[name].sizes], ids=str)
def test_sizes_have_as_many_parameters_as_they_say(name, size):
    problem = PRESETS[name].problem
    model = Transformer(size, Tokens(problem.dimension, problem.digits))
    assert sum(weight.numel() for weight in model.parameters()) == size.parameters(problem)


def test_presets_are_found_by_their_names():
    assert preset("quick") == PRESETS["quick"]
    with pytest.raises(UsageError, match="there is no preset `quik`; there are quick, middle, paper") as refused:
        preset("quik")
    assert refused.value.hint == "did you mean `quick`?"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_their_names_and_go_from_small_to_large(name):
    asked = PRESETS[name]
    parameters = [size.parameters(asked.problem) for size in asked.sizes]
    assert asked.name == name
    assert parameters == sorted(parameters)


def test_values_are_changed_by_their_names():
    before = PRESETS["quick"].as_json()
    found = preset("quick", {"sizes": "2x32, 1x16", "seeds": "2", "digits": "4", "radius": 5, "updates": "1e3", "temperature": 1})
    assert [str(size) for size in found.sizes] == ["1x16", "2x32"]
    assert (found.seeds, found.problem.digits, found.problem.radius, found.course.updates) == (2, 4, 5.0, 1000)
    assert found.rollouts.temperature == 1.0
    changed = {"seeds", "sizes", "problem", "course", "rollouts"}
    assert {key for key, value in found.as_json().items() if value != before[key]} == changed
    assert PRESETS["quick"].as_json() == before
    assert preset("quick", {}) == PRESETS["quick"]


def test_values_that_only_fit_together_are_changed_together():
    for alone in ({"steps": 100}, {"points": 50}):
        with pytest.raises(UsageError, match="spread evenly"):
            preset("quick", alone)
    assert preset("quick", {"steps": 100, "points": 50}).rollouts.points == 50


@pytest.mark.parametrize(
    ("values", "said", "hint"),
    [
        ({"dimensions": 3}, "there is no -T `dimensions`", "did you mean `dimension`?"),
        ({"name": "x"}, "there is no -T `name`", ""),
        ({"digits": "four"}, "`-T digits=four`", "-T digits=2"),
        ({"digits": "2.5"}, "`-T digits=2.5`", "-T digits=2"),
        ({"digits": ""}, "`-T digits=`", "-T digits=2"),
        ({"radius": "nan"}, "`-T radius=nan`", "-T radius=0.85"),
        ({"radius": None}, "`-T radius=None`", "-T radius=0.85"),
        ({"radius": [1]}, "`-T radius=", "-T radius=0.85"),
        ({"seeds": "a"}, "`-T seeds=a`", "-T seeds="),
        ({"seeds": 0}, "0 seeds", "-T seeds=3"),
        ({"sizes": "2x16,2x16"}, "2 sizes", ""),
        ({"sizes": "2x16,"}, "`` is no size", "-T sizes=2x16,2x32"),
        ({"sizes": 16}, "`16` is no size", ""),
        ({"updates": 0}, "above 0", ""),
        ({"condition": 0.5}, "condition number 0.5", ""),
    ],
)
def test_values_that_are_none_are_refused(values, said, hint):
    with pytest.raises(UsageError) as refused:
        preset("quick", values)
    assert said in refused.value.found
    assert hint in refused.value.hint


@given(
    st.sampled_from(list(PRESETS)),
    st.fixed_dictionaries(
        {},
        optional={
            "sizes": st.lists(st.sampled_from(["1x16", "2x16", "3x48", "2x256"]), min_size=1, unique=True).map(",".join),
            "seeds": st.integers(1, 9),
            "condition": st.floats(1, 1e4),
            "problem": st.integers(0, 2**40),
            "rate": st.floats(1e-6, 1),
            "batch": st.integers(1, 9999),
            "groups": st.integers(2, 99),
            "temperature": st.floats(0.01, 10),
        },
    ),
)
def test_a_preset_is_read_as_it_was_written(name, values):
    asked = preset(name, values)
    read = Preset.from_json(json.loads(json.dumps(asked.as_json())))
    assert read == asked
    assert read.as_json() == asked.as_json()
    found = {**flat(read), "sizes": set(map(str, read.sizes)), "seeds": read.seeds}
    values = {**values, **({"sizes": set(values["sizes"].split(","))} if "sizes" in values else {})}
    assert found == {**flat(PRESETS[name]), "sizes": set(map(str, PRESETS[name].sizes)), "seeds": PRESETS[name].seeds, **values}


# ---------------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize(("size", "dimension", "digits"), SHAPES)
def test_logits_are_those_of_the_formulas(size, dimension, digits):
    tokens = Tokens(dimension, digits)
    model = rough(size, tokens)
    full = torch.cat([random_tokens(tokens, 3, seed=seed) for seed in (1, 2)], 1)[:, :-1]
    logits = model(full)
    assert logits.shape == (3, tokens.point, Tokens.SIZE)
    assert logits.std() > 2
    assert logits.double().numpy() == pytest.approx(plain(model, full).numpy(), abs=2e-4)


@pytest.mark.parametrize(("size", "dimension", "digits"), SHAPES)
def test_later_tokens_are_not_seen(size, dimension, digits):
    tokens = Tokens(dimension, digits)
    point, model = tokens.point, rough(size, tokens)
    full = torch.cat([random_tokens(tokens, 4, seed=seed) for seed in (1, 2)], 1)[:, :-1]
    before = model(full)
    for place in range(2 * point - 1):
        changed = full.clone()
        changed[:, place] = (changed[:, place] + 5) % Tokens.SIZE
        after, first = model(changed), max(place - point + 1, 0)  # the first that can see it
        assert torch.equal(after[:, :first], before[:, :first])
        assert (after[:, first:] != before[:, first:]).any(-1).any(0).all()  # of some sequence: attention may be all elsewhere


@pytest.mark.parametrize(("size", "dimension", "digits"), [*SHAPES, ("2x48", 3, 4)])
def test_the_cache_changes_nothing(size, dimension, digits):
    tokens = Tokens(dimension, digits)
    model, state = rough(size, tokens), random_tokens(tokens, 20)
    found = model.decode(state, model.cache(20), None)
    assert torch.equal(found, greedy(model, state))
    assert len(found.unique(dim=0)) > 5


def test_nothing_leaks_from_one_call_to_the_next():
    tokens = Tokens(2, 2)
    model = rough("2x32", tokens)
    one, other = random_tokens(tokens, 10, seed=1), random_tokens(tokens, 10, seed=2)
    cache, spoilt = model.cache(10), model.cache(10)
    for tensor in spoilt:
        tensor.fill_(1e6)
    wanted = [model.decode(state, model.cache(10), None) for state in (one, other, one)]
    for state, found in zip((one, other, one), wanted, strict=True):
        assert torch.equal(model.decode(state, cache, None), found)
    assert torch.equal(model.decode(one, spoilt, None), wanted[0])
    assert not torch.equal(wanted[0], wanted[1])


def test_sequences_do_not_see_each_other():
    tokens = Tokens(2, 2)
    model, state = rough("2x32", tokens), random_tokens(tokens, 10)
    alone = torch.cat([model.decode(one[None], model.cache(1), None) for one in state])
    assert torch.equal(alone, model.decode(state, model.cache(10), None))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_noise_draws_tokens_at_a_temperature(temperature):
    """Signs, and the exponents that follow on each, against softmax of the logits by the temperature."""
    model, n = undecided(2), 4000
    tokens = model.tokens
    state = random_tokens(tokens, 1)
    rng = np.random.default_rng(0)
    noise = torch.tensor(rng.gumbel(size=(n, tokens.point, 10)) * temperature).float()
    found = model.decode(state.expand(n, -1), model.cache(n), noise)
    assert drawn_like(model, state, found[:, 0], found[:, 1], temperature) > 1e-3
    assert drawn_like(model, state, found[:, 0], found[:, 1], 2 * temperature) < 1e-6


def drawn_like(model, state, signs, exponents, temperature):
    """Whether signs and exponents are believable at a temperature: the p-value of chi-square; rare cells are thrown together."""
    full = torch.cat([state.expand(2, -1), torch.zeros_like(state).expand(2, -1)], 1)
    full[:, state.shape[1]] = torch.arange(2)
    logits = model(full[:, :-1]).double() / temperature
    shares = (logits[0, 0, :2].softmax(0)[:, None] * logits[:, 1, 2:12].softmax(1)).flatten().numpy()
    counts = np.bincount((signs * 10 + exponents - 2).numpy(), minlength=20)
    wanted = shares * counts.sum()
    rare = wanted < 8
    assert (~rare).sum() >= 3
    cells = [np.r_[cell[~rare], cell[rare].sum() + 1e-9 / counts.sum()] for cell in (counts, wanted)]
    kept = slice(None) if cells[1][-1] >= 1 else slice(-1)
    return chisquare(cells[0][kept], cells[1][kept] * cells[0][kept].sum() / cells[1][kept].sum()).pvalue


@given(st.sampled_from(SHAPES[:3]), st.floats(0, 1e30), st.integers(0, 2**32))
def test_whatever_the_noise_numbers_are_written(shape, size, seed):
    name, dimension, digits = shape
    tokens = Tokens(dimension, digits)
    noise = size * torch.randn(30, tokens.point, 10, generator=torch.Generator().manual_seed(seed))
    model = rough(name, tokens)
    found = model.decode(random_tokens(tokens, 30, seed), model.cache(30), noise)
    for place in range(tokens.point):
        allowed = tokens.allowed(place)
        assert ((found[:, place] >= allowed.start) & (found[:, place] < allowed.stop)).all()
    assert tokens.decode(found).isfinite().all()


def test_weights_are_drawn_by_their_seed():
    one, same, other = (Transformer(Size(2, 32), Tokens(2, 2), seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert all(not torch.equal(one[name], other[name]) for name in one if one[name].ndim == 2)
    assert one["blocks.0.up.weight"].std().item() == pytest.approx(0.02, rel=0.1)
    assert one["blocks.1.down.weight"].std().item() == pytest.approx(0.01, rel=0.1)


# ---------------------------------------------------------------------------------------------- training


def test_lessons_are_trajectories_of_the_expert(lessons):
    problem, course, quadratic = TINY.problem, TINY.course, lessons.quadratic
    taught = lessons.taught.view(-1, course.horizon, problem.dimension)
    assert len(taught) == 36
    assert lessons.held_out.shape == (4, 16, problem.dimension)
    assert torch.equal(quadratic.descend(taught[:, 0], course.horizon - 1).transpose(0, 1), taught)
    at = np.linspace(0, course.horizon - 1, 16).round().astype(int)
    assert torch.equal(quadratic.descend(lessons.held_out[:, 0], course.horizon - 1)[at].transpose(0, 1), lessons.held_out)
    starts = torch.cat([taught[:, 0], lessons.held_out[:, 0]])
    assert len(starts.unique(dim=0)) == 40
    assert (starts.double() - quadratic.minimum).norm(dim=1).max() < problem.radius + 1e-6
    short = Lessons.of(preset("quick", {"trajectories": 10, "horizon": 3}), CPU)
    assert short.held_out.shape == (1, 3, 2)


def test_lessons_are_states_and_steps(lessons):
    full, tokens = lessons.write(lessons.taught[:7]), lessons.tokens
    assert torch.equal(full[:, : tokens.point], tokens.encode(lessons.taught[:7]))
    assert torch.equal(full[:, tokens.point :], tokens.encode(lessons.quadratic.step(lessons.taught[:7])))


def test_only_tokens_of_the_step_make_the_loss(lessons):
    model = rough("2x16", lessons.tokens)
    full = lessons.write(lessons.taught[::50])
    found = train._loss(model, full)
    assert found.shape == (len(full), lessons.tokens.point)
    assert found.numpy() == pytest.approx(by_hand(model, full), rel=1e-4, abs=1e-4)


def test_the_held_out_loss_is_that_of_each_trajectory(lessons, monkeypatch):
    model = rough("1x16", lessons.tokens)
    wanted = [by_hand(model, lessons.write(states)).mean() for states in lessons.held_out]
    found = held_out_loss(model, lessons)
    assert len(found) == 4
    assert found.numpy() == pytest.approx(wanted, rel=1e-5)
    assert found.std() > 0.01
    monkeypatch.setattr(train, "_AT_ONCE", 7)
    assert held_out_loss(model, lessons).numpy() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("size", ["1x16", "1x64"])
def test_updates_are_those_of_adamw(lessons, size):
    """A plain loop with an optimizer of another implementation, the same batches, and the schedule as it is described."""
    size, updates = Size.of(size), 40
    course = preset("quick", {**flat(TINY), "updates": updates})
    training = Training(course, size, 5, lessons)
    model = Transformer(size, lessons.tokens, seed=5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, betas=(0.9, 0.98), weight_decay=0.01, foreach=False, fused=False)
    rng = torch.Generator().manual_seed(5)
    highest, losses, rates = 6e-3 * min(1, (32 / size.width) ** 0.5), [], []
    for update in range(10):
        at = torch.randint(len(lessons.taught), (8,), generator=rng)
        full = lessons.write(lessons.taught[at])
        optimizer.zero_grad()
        logits = model(full[:, :-1]).log_softmax(-1)
        loss = -logits.gather(2, full[:, lessons.tokens.point :, None]).mean()
        loss.backward()
        optimizer.param_groups[0]["lr"] = highest * min((update + 1) / updates / 0.05, (1 - update / updates) / 0.95)
        optimizer.step()
        losses.append(loss.item())
        training.advance(1)
        rates.append(float(training._optimizer.param_groups[0]["lr"]) - optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0] * 10, abs=1e-8)
    assert training.losses[0].item() == pytest.approx(sum(losses) / updates, rel=1e-4)  # of so many updates in this lap
    for name, weight in training.model.named_parameters():
        assert torch.allclose(weight, dict(model.named_parameters())[name], atol=2e-4), name


@pytest.mark.parametrize("size", ["1x16", "1x128"])
def test_the_rate_goes_up_for_a_twentieth_and_then_down_to_nothing(lessons, size):
    updates = 60
    training = Training(TINY, Size.of(size), 0, lessons)
    found = []
    while not training.finished:
        training.advance(1)
        found.append(float(training._optimizer.param_groups[0]["lr"]))
    highest = 6e-3 * {"1x16": 1, "1x128": 0.5}[size]
    assert len(found) == training.made == updates
    assert found[:3] == pytest.approx([highest / 3, highest * 2 / 3, highest], rel=1e-5)
    assert max(found) == pytest.approx(highest, rel=1e-5)
    falls = -np.diff(found[3:])
    assert falls == pytest.approx(highest / 0.95 / updates, rel=1e-3)
    assert found[updates // 2] == pytest.approx(highest * 0.5 / 0.95, rel=1e-5)
    assert 0 < found[-1] < 2 * falls[-1]


def test_the_loss_falls(lessons):
    asked = preset("quick", {**flat(TINY), "updates": 150, "batch": 32})
    training = Training(asked, SIZE, 0, lessons)
    before = held_out_loss(training.model, lessons).mean()
    training.advance(10**9)
    after = held_out_loss(training.model, lessons).mean()
    assert before == pytest.approx(np.log(22), abs=0.1)
    assert after < 0.6 * before
    assert training.losses.shape == (3,)
    assert (training.losses.diff() < 0).all()
    assert training.losses[2] > 0.9 * after


def test_losses_are_means_of_laps_of_which_the_last_is_short(monkeypatch, training):
    found = []

    def noted(*given_values):
        found.append(loss(*given_values))
        return found[-1]

    loss = train._loss
    monkeypatch.setattr(train, "_loss", noted)
    training.advance(LAP)
    assert training.losses[1] == 0
    training.advance(10**9)
    means = [one.mean().item() for one in found]
    assert len(means) == 60
    assert training.losses.tolist() == pytest.approx([np.mean(means[:LAP]), np.mean(means[LAP:])], rel=1e-5)


@pytest.mark.parametrize("at", [0, 1, 29, 50, 60])
def test_a_training_that_was_kept_goes_on_to_the_bit(lessons, training, tmp_path, at):
    training.advance(at)
    training.keep(tmp_path / "kept")
    training.advance(60)
    again = Training(TINY, SIZE, 0, lessons)
    again.advance(7)  # of which nothing may be left
    again.resume(tmp_path / "kept")
    assert again.made == at
    assert again.finished == (at == 60)
    again.keep(tmp_path / "same")
    assert same_tensors(tmp_path / "kept", tmp_path / "same")
    again.advance(60)
    for name, one in {"whole": training, "halves": again}.items():
        one.keep(tmp_path / name)
        one.finish(tmp_path / f"{name}-end")
    assert (training.made, again.made) == (60, 60)
    assert same_tensors(tmp_path / "whole", tmp_path / "halves")
    assert (tmp_path / "whole-end").read_bytes() == (tmp_path / "halves-end").read_bytes()


def test_a_training_in_many_parts_is_the_same(lessons, training, tmp_path):
    training.advance(20)
    parts = Training(TINY, SIZE, 0, lessons)
    for count in (1, 0, 3, 16):
        parts.advance(count)
    for name, one in {"whole": training, "parts": parts}.items():
        one.keep(tmp_path / name)
    assert same_tensors(tmp_path / "whole", tmp_path / "parts")


def test_what_is_kept_is_all_that_is_needed(training, tmp_path):
    training.advance(3)
    training.keep(tmp_path / "kept")
    kept = safetensors.load_file(tmp_path / "kept")
    weights = dict(training.model.named_parameters())
    wanted = {f"{sort}.{name}" for sort in ("weights", "first", "second", "step") for name in weights}
    assert set(kept) == wanted | {"losses", "updates", "random"}
    assert int(kept["updates"]) == 3
    assert all(torch.equal(kept[f"weights.{name}"], weight) for name, weight in weights.items())
    assert {float(kept[f"step.{name}"]) for name in weights} == {3.0}
    assert all((kept[f"second.{name}"] > 0).any() for name in weights)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_was_kept_stays_if_writing_fails(training, tmp_path, monkeypatch):
    training.keep(tmp_path / "kept")
    before = (tmp_path / "kept").read_bytes()
    training.advance(1)

    def broken(_, path, __):
        path.write_bytes(b"half of it")
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr("safetensors.torch.save_file", broken)
        with pytest.raises(CannotWrite, match="no room"):
            training.keep(tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == before
    training.keep(tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("values", "size", "seed"),
    [({"updates": 61}, "1x16", 0), ({"points": 3}, "1x16", 0), ({"problem": 1}, "1x16", 0), ({}, "2x16", 0), ({}, "1x16", 1)],
)
def test_a_training_of_something_else_is_not_gone_on_with(lessons, training, tmp_path, values, size, seed):
    other = Training(preset("quick", {**flat(TINY), **values}), Size.of(size), seed, lessons)
    other.advance(2)
    other.keep(tmp_path / "other")
    training.advance(1)
    training.keep(tmp_path / "before")
    with pytest.raises(OtherVersion, match="other` is the training of something else"):
        training.resume(tmp_path / "other")
    training.keep(tmp_path / "after")
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()


def test_a_file_of_somebody_else_is_not_gone_on_with(training, tmp_path):
    safetensors.save_file({"updates": torch.zeros(1)}, tmp_path / "theirs")
    with pytest.raises(OtherVersion, match="something else"):
        training.resume(tmp_path / "theirs")


def test_a_training_follows_from_its_seed(lessons, tmp_path):
    for name, seed in {"one": 3, "same": 3, "other": 4}.items():
        training = Training(TINY, SIZE, seed, lessons)
        training.advance(5)
        training.finish(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "same").read_bytes()
    one, other = (safetensors.load_file(tmp_path / name) for name in ("one", "other"))
    assert all(not torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_a_finished_model_is_loaded_as_it_was(lessons, training, tmp_path):
    training.advance(60)
    training.finish(tmp_path / "model")
    names = set(safetensors.load_file(tmp_path / "model"))
    assert names == {"losses", *(f"weights.{name}" for name, _ in training.model.named_parameters())}
    model, what = load(tmp_path / "model", CPU)
    full = lessons.write(lessons.taught[:9])[:, :-1]
    assert torch.equal(model(full), training.model(full))
    assert (what["size"], what["seed"], Preset.from_json(what["preset"])) == ("1x16", 0, TINY)
    assert what["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


# ---------------------------------------------------------------------------------------------- rollouts


@pytest.fixture(scope="module")
def quadratic():
    return Quadratic.of(TINY.problem)


@pytest.fixture(scope="module")
def starts(quadratic):
    return Starts.of(TINY, quadratic)


@pytest.fixture(scope="module")
def model():
    return rough("2x16", Tokens(2, 2))


@given(st.integers(2, 5), st.integers(2, 5), st.integers(2, 9), st.sampled_from([0, 2, 3]), st.integers(0, 99), st.integers(1, 4))
def test_starts_are_near_each_other_all_over_or_repeated(groups, jittered, alone, sampled, seed, dimension):
    given_values = {"groups": groups, "jittered": jittered, "starts": alone, "sampled": sampled, "problem": seed}
    asked = preset("quick", {**flat(TINY), **given_values, "dimension": dimension})
    quadratic = Quadratic.of(asked.problem)
    starts, eta = Starts.of(asked, quadratic), asked.problem.step_norm
    parts = starts.points.split([groups * jittered, alone, sampled * jittered])
    assert starts.sampled == sampled * jittered
    near, repeated = (part.view(-1, jittered, dimension).double() for part in (parts[0], parts[2]))
    between = (near[:, :, None] - near[:, None]).norm(dim=-1)
    assert between.max() <= eta * 1.001
    assert len(parts[0].unique(dim=0)) == groups * jittered
    assert len(near.mean(1).round(decimals=2).unique(dim=0)) > 1
    assert (repeated == repeated[:, :1]).all()
    assert len(parts[1].unique(dim=0)) == alone
    assert (starts.points - quadratic.minimum).norm(dim=1).max() < asked.problem.radius + eta / 2 + 1e-6
    assert torch.equal(Starts.of(asked, quadratic).points, starts.points)


def test_starts_are_of_their_problem(quadratic, starts):
    other = Starts.of(replace(TINY, problem=replace(TINY.problem, problem=1)), quadratic)
    assert (other.points != starts.points).all()


def test_a_rollout_is_one_step_after_the_other(model, starts):
    """Three steps to a point; whole sequences instead of a cache."""
    found = lead(model, starts, TINY, seed=0)
    assert found.shape == (5, len(starts.points), 2)
    assert torch.equal(found[0], starts.points)
    some, tokens = [0, 5, 12, 16], model.tokens
    x = starts.points[some]
    for step in range(1, 13):
        x = x + tokens.decode(greedy(model, tokens.encode(x)))
        if step % 3 == 0:
            assert torch.equal(found[step // 3, some], x)
    assert (found[-1] != found[0]).any(-1).all()


def test_starts_are_left_as_they_are(model, starts):
    before = starts.points.clone()
    lead(model, starts, TINY, seed=0)
    assert torch.equal(starts.points, before)


def test_only_what_is_sampled_hangs_on_the_seed(starts):
    model = Transformer(SIZE, Tokens(2, 2))  # untaught: all tokens are about as likely
    one, same, other = (lead(model, starts, TINY, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert torch.equal(one[:, :17], other[:, :17])
    assert (one[-1, 17:] != other[-1, 17:]).any(1).all()
    for sampled in one[:, 17:].split(4, 1):
        assert len(sampled[0].unique(dim=0)) == 1
        assert len(sampled[-1].unique(dim=0)) == 4
    alone = lead(model, Starts(starts.points[:17], 0), TINY, seed=3)
    assert torch.equal(alone, one[:, :17])


def test_what_is_sampled_without_warmth_is_greedy(model, starts):
    cold = replace(TINY, rollouts=replace(TINY.rollouts, temperature=1e-6))
    found = lead(model, starts, cold, seed=0)
    assert torch.equal(found, lead(model, Starts(starts.points, 0), TINY, seed=0))


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_samples_are_drawn_at_their_temperature(starts, temperature):
    asked = replace(TINY, rollouts=replace(TINY.rollouts, steps=1, points=1, temperature=temperature))
    model = undecided(2)
    point, said = starts.points[5:6], []
    same = Starts(point.expand(4002, -1), 4000)  # two are greedy
    decode = model.decode

    def noted(*given_values):
        said.append(decode(*given_values))
        return said[-1]

    model.decode = noted
    found = lead(model, same, asked, seed=0)
    tokens = torch.cat(said)
    assert torch.equal(found[1], point + model.tokens.decode(tokens))
    tokens = tokens[2:]
    state = model.tokens.encode(point)
    assert drawn_like(model, state, tokens[:, 0], tokens[:, 1], temperature) > 1e-3
    assert drawn_like(model, state, tokens[:, 0], tokens[:, 1], 2 * temperature) < 1e-6


def test_many_starts_are_led_in_blocks(model, quadratic, monkeypatch):
    asked = preset("quick", {**flat(TINY), "starts": 600, "steps": 4, "sampled": 0})
    starts, told = Starts.of(asked, quadratic), []
    found = lead(model, starts, asked, seed=0, told=told.append)
    assert len(told) == 3 * 4
    monkeypatch.setattr(rollouts, "_AT_ONCE", 10**6)
    assert torch.equal(lead(model, starts, asked, seed=0), found)


def test_how_far_it_is_is_told(model, starts, monkeypatch):
    for at_once, calls in {256: 8, 10: 4 * 3, 5: 4 * 6}.items():  # 17 greedy ones and 8 sampled ones
        monkeypatch.setattr(rollouts, "_AT_ONCE", at_once)
        told = []
        lead(model, starts, TINY, seed=0, told=told.append)
        assert len(told) == calls
        assert (np.diff([0, *told]) > 0).all()
        assert told[-1] == pytest.approx(1)


def test_a_model_that_says_what_the_expert_does_follows_the_expert(monkeypatch):
    problem = Problem(dimension=3, condition=10, radius=0.8, spread=0.1, digits=5)
    wanted = Rollouts(steps=48, points=12, groups=4, jittered=3, starts=20, sampled=2)
    asked = Preset("expert", (SIZE,), problem=problem, rollouts=wanted)
    quadratic, tokens = Quadratic.of(problem), Tokens(3, 5)
    starts = Starts.of(asked, quadratic)
    wanted = led(quadratic, starts, asked, rounded=False)
    assert torch.equal(wanted, quadratic.descend(starts.points, 48)[::4])
    model = Transformer(SIZE, tokens)
    monkeypatch.setattr(model, "decode", lambda state, _cache, _noise: tokens.encode(quadratic.step(tokens.decode(state))))
    found = lead(model, starts, asked, seed=0)
    far = quadratic.error(wanted[-1]) > 100 * problem.condition * problem.step_norm**2
    assert far.sum() > 20
    assert (found - wanted)[:, far].norm(dim=-1).max() < 0.01 * problem.step_norm
    assert (wanted[-1] - wanted[0])[far].norm(dim=-1).min() > 30 * problem.step_norm


# ---------------------------------------------------------------------------------------------- devices


def test_devices_are_found_by_their_names():
    assert device_of("cpu") == CPU
    assert device_of(None).type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["nonsense", "cuda:999", "cpu:x", "mtia"])
def test_devices_that_are_not_there_are_refused(name):
    with pytest.raises(UsageError, match=f"there is no device `{name}`") as refused:
        device_of(name)
    assert refused.value.hint == "--device cpu"


def test_without_a_gpu_work_is_done_as_it_is():
    def work():
        raise AssertionError

    assert graphed(work, CPU) is work
    assert graphed(work, CPU, torch.Generator()) is work


# ---------------------------------------------------------------------------------------------- what was not so at first


@pytest.mark.parametrize("step_norm", [1e-6, 2e-7])
def test_a_hint_proposes_no_digits_that_are_refused(step_norm):
    with pytest.raises(UsageError) as refused:
        Problem(radius=5, digits=4, step_norm=step_norm)
    for proposed in refused.value.hint.split(", or "):
        values = dict([proposed.removeprefix("-T ").split("=")])
        assert preset("paper", {"step_norm": step_norm, **values}).problem.radius == 5


@pytest.mark.parametrize("name", ["seeds", "dimension", "problem", "updates", "condition", "step_norm", "rate", "temperature"])
def test_no_value_is_infinite(name):
    with pytest.raises(UsageError):
        preset("quick", {name: "inf"})


@pytest.mark.parametrize("name", ["spread", "radius", "condition", "step_norm"])
def test_no_length_is_nan(name):
    with pytest.raises(UsageError):
        Problem(**{name: NAN})


def test_steps_that_cannot_be_written_are_refused():
    """All numbers are below 10: a longer step is cut off."""
    with pytest.raises(UsageError):
        Problem(dimension=1, step_norm=20.0)


@pytest.mark.parametrize("width", [256, 272, 304, 320])
def test_every_width_that_is_accepted_can_be_split_into_heads(width):
    try:
        size = Size.of(f"1x{width}")
    except UsageError:
        assert width % 32
    else:
        tokens = Tokens(1, 0)
        assert Transformer(size, tokens)(torch.zeros(1, 5, dtype=torch.long)).isfinite().all()
        assert width // size.heads == 32


@pytest.mark.parametrize("updates", [1, 10, 30])
def test_the_highest_rate_is_the_highest(lessons, updates):
    training = Training(preset("quick", {**flat(TINY), "updates": updates}), SIZE, 0, lessons)
    while not training.finished:
        training.advance(1)
        assert float(training._optimizer.param_groups[0]["lr"]) <= 6e-3 * (1 + 1e-6)


@pytest.mark.parametrize("name", ["hpu", "privateuseone"])
def test_devices_that_torch_only_knows_by_name_are_refused(name):
    with pytest.raises(UsageError, match=f"there is no device `{name}`"):
        device_of(name)
