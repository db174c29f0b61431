"""A tour in a notebook: `marimo edit examples/tour.py`, or `python examples/tour.py` to run it as a script."""

import marimo

app = marimo.App(app_title="hotmess: a tour")


@app.cell
def _():
    from pathlib import Path

    import marimo as mo

    import hotmess

    samples = hotmess.read(Path(__file__).parent / "simulated.csv")
    mo.md("Two imaginary models, wrong equally often: one stubbornly, one in a different way each time.")
    return hotmess, samples


@app.cell
def _(hotmess, samples):
    hotmess.measure(samples)  # the picture, the figures, and how they were made
    return


@app.cell
def _(hotmess, samples):
    hotmess.by_length(samples, buckets=4)  # does longer reasoning go with more incoherence?
    return


@app.cell
def _(hotmess, samples):
    hotmess.by_overthinking(samples)  # the shorter and the longer half of each question's samples
    return


@app.cell
def _(hotmess, samples):
    averaged = hotmess.by_ensemble(samples)  # what taking the mean of several samples would leave
    averaged.chart()  # an Altair chart, to be changed at will
    return (averaged,)


@app.cell
def _(averaged):
    averaged.table()  # tidy, a Polars frame
    return


if __name__ == "__main__":
    app.run()
