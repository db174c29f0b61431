"""`hotmess explain`: the long form of a message."""

import click

__all__ = ["explain"]


@click.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Explain a message by its code; without one, list the codes.

    \b
    hotmess explain one-sample
    """
    from hotmess.errors import codes
    from hotmess.errors import explain as text

    click.echo("\n".join(codes()) if code is None else f"{code}\n\n{text(code)}")
