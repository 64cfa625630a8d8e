"""The verbs of the relay's operator about people: invite, users, authorise."""

from typing import Annotated, Any

import typer

from .asking import (
    Ask,
    Json,
    ModelId,
    OpenId,
    Sn,
    of_relay,
    print_json,
    print_rows,
    valid_until,
)


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command("invite")(invite_command)
    users = typer.Typer(help="The users; alone: list them.")
    users.callback(invoke_without_command=True)(users_command)
    users.command("remove")(remove_user_command)
    app.add_typer(users, name="users")
    authorise = typer.Typer(
        help="Who may call whom: users bound to devices, devices authorised by users.",
        no_args_is_help=True,
    )
    authorise.command("list")(list_command)
    authorise.command("add")(add_command)
    authorise.command("revoke")(revoke_command)
    app.add_typer(authorise, name="authorise")


@of_relay
def invite_command(
    ask: Ask,
    wxa_appid: Annotated[str, typer.Argument(help="The app the user is of.")],
    name: Annotated[str, typer.Argument(help="What the user is called.")],
    as_json: Json = False,
) -> None:
    """Add a user and print their open_id and single-use invitation."""
    answer = ask(lambda admin: admin.invite(wxa_appid, name))
    if as_json:
        print_json(answer)
        return
    print(f"open_id     {answer['open_id']}")
    print(f"invitation  {answer['invitation']}")
    valid_until(answer["expires_ms"])


@of_relay
def users_command(
    ask: Ask,
    context: typer.Context,
    app: Annotated[str, typer.Option(help="Only those of this app.")] = "",
    as_json: Json = False,
) -> None:
    """The users; alone: list them."""
    if context.invoked_subcommand is not None:
        return
    everybody = ask(lambda admin: admin.users())
    users = [user for user in everybody if app in ("", user["wxa_appid"])]
    if as_json:
        print_json(users)
    else:
        print_rows([_user_row(user) for user in users], "there is no user")


def _user_row(user: dict[str, Any]) -> list[str]:
    state = "removed" if user["removed"] else "online" if user["online"] else "offline"
    return [user["open_id"], state, f"app {user['wxa_appid']}", user["name"]]


@of_relay
def remove_user_command(ask: Ask, open_id: OpenId) -> None:
    """Remove a user for good: their phone is cut off, devices that call them get -7."""
    ask(lambda admin: admin.remove_user(open_id))
    print(f"{open_id} is removed")


@of_relay
def list_command(
    ask: Ask,
    user: Annotated[str, typer.Option(help="Only this open_id.")] = "",
    model: Annotated[str, typer.Option(help="Only devices of this type.")] = "",
    sn: Annotated[str, typer.Option(help="Only devices with this serial number.")] = "",
    as_json: Json = False,
) -> None:
    """List users and devices: bound by the device's owner, authorised by the user."""
    wanted = {"open_id": user, "model_id": model, "sn": sn}
    wanted = {name: value for name, value in wanted.items() if value}
    found = ask(lambda admin: admin.authorisations(**wanted))
    if as_json:
        print_json(found)
        return
    rows = [
        [
            pair["open_id"],
            f"{pair['model_id']}/{pair['sn']}",
            "bound" if pair["bound"] else "not bound",
            "authorised" if pair["authorised"] else "not authorised",
        ]
        for pair in found
    ]
    print_rows(rows, "nobody may call anybody")


@of_relay
def add_command(
    ask: Ask,
    open_id: OpenId,
    model_id: ModelId,
    sn: Sn,
    bind_only: Annotated[
        bool, typer.Option("--bind-only", help="Leave it to the user to authorise the device.")
    ] = False,
) -> None:
    """Let a device and a user call each other: bind them, and authorise in the user's place."""
    pair = (open_id, model_id, sn)
    if bind_only:
        ask(lambda admin: admin.bind(*pair))
        print(f"{open_id} is bound to {model_id}/{sn}, and may authorise it on the phone")
    else:
        ask(lambda admin: admin.authorise(*pair))
        print(f"{model_id}/{sn} and {open_id} may call each other")


@of_relay
def revoke_command(
    ask: Ask,
    open_id: OpenId,
    model_id: ModelId,
    sn: Sn,
    unbind: Annotated[
        bool, typer.Option("--unbind", help="Take the user from the device instead.")
    ] = False,
) -> None:
    """Take the user's authorisation back: the two may not call each other any more."""
    pair = (open_id, model_id, sn)
    if unbind:
        ask(lambda admin: admin.unbind(*pair))
        print(f"{open_id} is not bound to {model_id}/{sn} any more")
    else:
        ask(lambda admin: admin.revoke(*pair))
        print(f"{model_id}/{sn} is not authorised by {open_id} any more")
