"""`hotmess explain`: the long form of a message."""

import click

__all__ = ["explain"]


@click.command()
@click.argument("code")
def explain(code: str) -> None:
    """Explain a message by its code.

    \b
    hotmess explain one-sample
    """
    from hotmess.errors import explain as text

    click.echo(f"{code}\n\n{text(code)}")
