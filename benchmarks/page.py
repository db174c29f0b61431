"""The page against the same pictures by libraries that draw in the browser, and against an empty file, interleaved in one run.

Ours holds the tables, the questions and the words as well; the others hold the pictures and nothing else.

python -m benchmarks.page            5 models × 1,000 questions × 30 samples; needs Chromium and playwright
python -m benchmarks.page --quick    5 models × 100 questions × 30 samples
"""

import argparse
import gzip
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

MODELS, CONTEXTS, SAMPLES = 5, 10, 3
ROUNDS = 7
DOTS = {  # of each result: what stands along, and the panels with their intervals
    "by_length": ("length", ("incoherence", "bias2", "variance", "accuracy")),
    "by_overthinking": ("half", ("incoherence", "accuracy")),
    "by_relative_length": ("ratio", ("incoherence", "error", "variance")),
    "by_ensemble": ("size", ("error", "bias2", "variance", "some_right")),
    "pass_k": ("k", ("pass_at", "pass_hat")),
    "answer_changes": ("source", ("rate",)),
    "length_agreement": ("b", ("spearman",)),
    "sample_efficiency": ("size", ("incoherence", "bias2", "variance")),
}
READY = """() => {
  const tell = () => requestAnimationFrame(() => setTimeout(() => { window.ready = performance.now(); }));
  const look = () => (document.readyState === "complete" && document.querySelectorAll("SELECTOR").length >= COUNT
    ? tell() : requestAnimationFrame(look));
  addEventListener("load", look);
}"""


def table(path: Path, questions: int) -> Path:
    """Answers of models that differ in how often, and how stubbornly, they are wrong; longer where a question is harder."""
    rng = np.random.default_rng(0)
    shape, letters, rows = (questions, CONTEXTS, SAMPLES), np.array(list("ABCD")), []
    harder = rng.normal(0, 1, questions)
    ids = [axis.ravel() for axis in np.meshgrid(*map(np.arange, shape), indexing="ij")]
    for model in range(MODELS):
        base = np.exp(rng.normal(7 + 0.3 * harder, 0.5))[:, None, None]
        logits = np.zeros((questions, 4))
        logits[:, 0] = 1.2 + 0.4 * model - harder
        logits[np.arange(questions), 1 + rng.integers(0, 3, questions)] += rng.normal(0.6 * (model - 2), 1.3, questions)
        noise = rng.normal(0, 0.5, (questions, CONTEXTS, 1, 4)) + rng.gumbel(size=(*shape, 4)) * (0.5 + 0.4 * (model % 3))
        columns = {
            "task": "simulated",
            "model": f"model-{model}",
            "question_id": np.char.mod("q%04d", ids[0]),
            "context_id": np.char.add(np.char.mod("q%04d", ids[0]), np.char.mod("c%d", ids[1])),
            "sample_id": ids[2],
            "answer": letters[(1.5 * logits[:, None, None] + noise).argmax(-1)].ravel(),
            "target": "A",
            "n_choices": 4,
            "reasoning_tokens": np.rint(base * np.exp(rng.normal(0, 0.3, shape))).astype(int).ravel(),
        }
        rows.append(pl.DataFrame(columns))
    pl.concat(rows).write_parquet(path)
    return path


# ---------------------------------------------------------------------------------------------- building, in a fresh process


def build(source: Path, out: Path) -> None:
    """Write all pages; print what each step of ours took."""
    took: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = perf_counter()
        found = work()
        took[name] = took.get(name, 0.0) + perf_counter() - start
        return found

    whole = perf_counter()
    made = timed("import", lambda: importlib.import_module("hotmess.report"))
    parts = importlib.import_module("hotmess.report.part")
    below = importlib.import_module("hotmess.report.evidence")
    import hotmess

    held: list[Any] = []
    _clocked(parts, timed)
    _clocked(below, timed)
    part, write = made.part, made.page
    made.part = lambda *words, **named: held.append(part(*words, **named)) or held[-1]
    made.page = lambda of: timed("write HTML", lambda: write(of))
    samples = timed("read", lambda: hotmess.read(source))
    html = made.report(samples)
    took["whole"] = perf_counter() - whole
    (out / "hotmess.html").write_text(html, encoding="utf-8")
    results = [found.result for section in held[0].evidence.sections for found in section.found if found.picture]
    plane = importlib.import_module("hotmess.analyses").plane(samples)
    charts = [plane.chart(), held[0].measured.chart(), *(result.chart() for result in results)]
    (out / "Altair, inline.html").write_text(with_altair(charts), encoding="utf-8")
    (out / "Plotly, inline.html").write_text(with_plotly(plane, held[0].measured, results), encoding="utf-8")
    (out / "empty file (floor).html").write_text('<!doctype html><html lang="en"><title>empty</title></html>', encoding="utf-8")
    print(json.dumps({"took": took, "charts": len(charts), "samples": pl.scan_parquet(source).select(pl.len()).collect().item()}))


def _clocked(module: Any, timed: Callable[[str, Callable[[], Any]], Any]) -> None:
    """Let the steps of a module be timed, by the names that a reader knows."""
    names = {
        "hotmess.report.part": {
            "measurement": "measure",
            "evidence": "all analyses, two at a time",
            "questions_of": "questions",
            "_strips": "strips of answers",
            "_first": "plane and bars",
            "otherwise": "counted otherwise",
        },
        "hotmess.report.evidence": {"drawn": "… of which pictures", "_found": "… of which {}"},
    }[module.__name__]
    for attribute, shown in names.items():
        setattr(module, attribute, _clock(getattr(module, attribute), shown, timed))


def _clock(inner: Callable[..., Any], shown: str, timed: Callable[[str, Callable[[], Any]], Any]) -> Callable[..., Any]:
    def outer(*words: Any, **named: Any) -> Any:
        step = shown.format(words[0].name) if "{}" in shown else shown
        found = timed(step, lambda: inner(*words, **named))
        return timed(step, lambda: list(found)) if isinstance(found, Iterator) else found

    return outer


def with_altair(charts: list[Any]) -> str:
    """The same charts, drawn in the browser by Vega-Lite, whose scripts stand in the file."""
    import altair as alt

    alt.data_transformers.disable_max_rows()
    config = charts[0].config
    bare = []
    for chart in charts:
        one = chart.copy(deep=True)
        one.config = alt.Undefined
        bare.append(one)
    whole = alt.vconcat(*bare).resolve_scale(color="independent", shape="independent", strokeDash="independent")
    whole.config = config
    return whole.to_html(inline=True)


def with_plotly(plane: Any, measured: Any, results: list[Any]) -> str:
    """The same figures as lines with bands, bars and points, drawn by Plotly, whose scripts stand in the file."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    def ends(frame: pl.DataFrame, name: str) -> dict[str, Any]:
        value = frame[name]
        return {
            "type": "data",
            "symmetric": False,
            "array": (frame[f"{name}_high"] - value).to_list(),
            "arrayminus": (value - frame[f"{name}_low"]).to_list(),
        }

    dots = go.Figure()
    for (model,), part in plane.points.group_by(["model"], maintain_order=True):
        x, y = part["bias2"].to_list(), part["variance"].to_list()
        error = {"error_x": ends(part, "bias2"), "error_y": ends(part, "variance")}
        dots.add_scatter(x=x, y=y, mode="markers", name=model, **error)
    rows = measured.table()
    bars = go.Figure(layout={"barmode": "stack"})
    for name in ("bias2", "variance"):
        bars.add_bar(y=rows["model"].to_list(), x=rows[name].to_list(), orientation="h", name=name)
    figures = [dots, bars]
    for result in results:
        along, panels = DOTS[result.name]
        figure = make_subplots(cols=len(panels), subplot_titles=panels)
        telling = [name for name in ("model", "a", "way") if name in result.points.columns]
        for names, part in result.points.group_by(telling, maintain_order=True):
            for column, panel in enumerate(panels, 1):
                _band(figure, part, (along, panel), " ".join(map(str, names)), column)
        figures.append(figure)
    shown = [figure.to_html(full_html=False, include_plotlyjs=place == 0) for place, figure in enumerate(figures)]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>x</title></head><body>{"".join(shown)}</body></html>'
    )


def _band(figure: Any, part: pl.DataFrame, names: tuple[str, str], line: str, column: int) -> None:
    """A line with its interval around it."""
    along, panel = names
    part = part.drop_nulls(panel)
    x, high, low = (part[name].to_list() for name in (along, f"{panel}_high", f"{panel}_low"))
    around = {"mode": "lines", "line_width": 0, "showlegend": False, "col": column, "row": 1}
    figure.add_scatter(x=x, y=high, **around)
    figure.add_scatter(x=x, y=low, fill="tonexty", **around)
    figure.add_scatter(x=x, y=part[panel].to_list(), mode="lines+markers", name=line, showlegend=column == 1, col=column, row=1)


# ---------------------------------------------------------------------------------------------- opening


def opened(browser: Any, path: Path, selector: str, count: int) -> dict[str, float]:
    """Milliseconds until a frame after everything is drawn, and what the page then holds."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(f"({READY.replace('SELECTOR', selector).replace('COUNT', str(count))})()")
    page.goto(path.as_uri())
    for _ in range(600):
        if page.evaluate("window.ready") is not None:
            break
        page.wait_for_timeout(50)
    session = context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    held = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    found = {
        "ready": page.evaluate("window.ready"),
        "load": page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"),
        "paint": page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"),
        "heap": held["JSHeapUsedSize"] / 1e6,
        "nodes": page.evaluate("document.querySelectorAll('*').length"),
    }
    context.close()
    return found


def compare(folder: Path, charts: int) -> None:
    """Open every page in turn, several times, and print a line each."""
    from playwright.sync_api import sync_playwright

    chromium = next((path for path in ("/usr/bin/chromium", shutil.which("chromium")) if path and Path(path).exists()), None)
    drawn = {"Altair, inline": (".vega-embed svg, .vega-embed canvas", 1), "Plotly, inline": (".cartesianlayer", charts)}
    paths = sorted(folder.glob("*.html"), key=lambda path: path.stem != "hotmess")
    took: dict[str, list[dict[str, float]]] = {path.stem: [] for path in paths}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for round_ in range(ROUNDS + 1):
            for path in paths:
                found = opened(browser, path, *drawn.get(path.stem, ("html", 1)))
                took[path.stem] += [found] if round_ else []  # the first warms up
        browser.close()
    sizes = {path.stem: (path.stat().st_size, len(gzip.compress(path.read_bytes(), 6, mtime=0))) for path in paths}
    mine = sizes["hotmess"], median(one["ready"] for one in took["hotmess"])
    titles = (
        f"{'kB':>9}{'×':>7}{'gzip kB':>9}{'×':>7}{'ready ms':>10}{'×':>7}{'load ms':>9}{'paint ms':>10}{'heap MB':>9}{'nodes':>8}"
    )
    print(f"\n{'':26}{titles}   median of {ROUNDS} loads from file://, no network; × hotmess")
    for name, loads in took.items():
        (size, small), found = sizes[name], {key: median(one[key] for one in loads) for key in loads[0]}
        print(
            f"{name:26}{size / 1e3:>9.0f}{size / mine[0][0]:>7.2f}{small / 1e3:>9.0f}{small / mine[0][1]:>7.2f}"
            f"{found['ready']:>10.0f}{found['ready'] / mine[1]:>7.2f}{found['load']:>9.0f}"
            f"{found['paint']:>10.0f}{found['heap']:>9.1f}"
            f"{found['nodes']:>8.0f}"
        )
    pairs = {
        name: [one["ready"] / ours["ready"] for one, ours in zip(loads, took["hotmess"], strict=True)]
        for name, loads in took.items()
    }
    print(
        "ready, load by load, × hotmess: " + "; ".join(f"{name} {min(all_):.2f}–{max(all_):.2f}" for name, all_ in pairs.items())
    )


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 questions")
    parser.add_argument("--rounds", type=int, default=3, help="how often the page is built")
    parser.add_argument("--build", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build(*options.build)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = table(folder / "simulated.parquet", 100 if options.quick else 1000)
        command = [sys.executable, "-m", "benchmarks.page", "--build", str(source), name]
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(options.rounds)
        ]
        whole = median(run["took"]["whole"] for run in runs)
        print(f"page of {runs[0]['samples']:,} samples, in a fresh process: {whole:.1f} s (median of {len(runs)}); its steps")
        for step in sorted(runs[0]["took"], key=lambda step: (step.startswith("…"), -runs[0]["took"][step])):
            seconds = median(run["took"].get(step, 0.0) for run in runs)
            if step != "whole" and seconds >= 0.005 * whole:
                print(f"  {step:34}{seconds:>8.2f} s{seconds / whole:>7.0%}")
        compare(folder, runs[0]["charts"])


if __name__ == "__main__":
    main()
