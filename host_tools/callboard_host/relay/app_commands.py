"""The verbs of the relay's operator about apps and their devices: app, model, ticket, devices."""

from typing import Annotated, Any

import typer

from .asking import (
    Ask,
    Json,
    ModelId,
    Sn,
    of_relay,
    print_json,
    print_rows,
    valid_until,
    when,
)

AppId = Annotated[str, typer.Argument(help="The app: 1-64 of [A-Za-z0-9_-].")]
Name = Annotated[str, typer.Option(help="What people call it.")]
Flag = bool | None
FLAGS = ("arrears", "in_review", "campus", "needs_token")


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command("ticket")(ticket_command)
    devices = typer.Typer(help="The registered devices; alone: list them.")
    devices.callback(invoke_without_command=True)(devices_command)
    devices.command("name")(name_device_command)
    devices.command("remove")(remove_device_command)
    app.add_typer(devices, name="devices")
    model = typer.Typer(help="Device types of the relay.", no_args_is_help=True)
    model.command("add")(add_model_command)
    app.add_typer(model, name="model")
    apps = typer.Typer(help="Apps (mini programs) of the relay.", no_args_is_help=True)
    for name, command in (
        ("add", add_app_command),
        ("list", list_apps_command),
        ("set", set_app_command),
        ("add-key", add_key_command),
        ("keys", keys_command),
        ("drop-key", drop_key_command),
        ("voip-token", voip_token_command),
    ):
        apps.command(name)(command)
    app.add_typer(apps, name="app")
    model.callback()(_nothing)  # keeps `add` a word of its own


def _nothing() -> None:
    pass


# -- tickets and devices -----------------------------------------------------------------------


@of_relay
def ticket_command(ask: Ask, model_id: ModelId, sn: Sn, as_json: Json = False) -> None:
    """Issue an SnTicket: the device registers with it within five minutes."""
    answer = ask(lambda admin: admin.ticket(model_id, sn))
    if as_json:
        print_json(answer)
    else:
        print(answer["ticket"])
        valid_until(answer["expires_ms"])


@of_relay
def devices_command(ask: Ask, context: typer.Context, as_json: Json = False) -> None:
    """The registered devices; alone: list them."""
    if context.invoked_subcommand is not None:
        return
    devices = ask(lambda admin: admin.devices())
    if as_json:
        print_json(devices)
        return
    rows = [
        [
            f"{device['model_id']}/{device['sn']}",
            "online" if device["online"] else "offline",
            f"seen {when(device['last_seen_ms'])}",
            f"firmware {device['firmware'] or '-'}",
            f"app {device['wxa_appid']}",
            device["name"] if device["name"] != device["sn"] else "",
        ]
        for device in devices
    ]
    print_rows(rows, "no device is registered")


@of_relay
def name_device_command(
    ask: Ask,
    model_id: ModelId,
    sn: Sn,
    name: Annotated[str, typer.Argument(help="What phones show.")],
) -> None:
    """Say what a device is called."""
    ask(lambda admin: admin.name_device(model_id, sn, name))
    print(f"{model_id}/{sn} is called {name}")


@of_relay
def remove_device_command(ask: Ask, model_id: ModelId, sn: Sn) -> None:
    """Forget a device, its key, users and properties; it may then be registered for any app."""
    ask(lambda admin: admin.forget_device(model_id, sn))
    print(f"{model_id}/{sn} is forgotten")


@of_relay
def add_model_command(
    ask: Ask,
    model_id: Annotated[str, typer.Argument(help="1-64 of [A-Za-z0-9_-].")],
    name: Name = "",
    app: Annotated[
        str, typer.Option(help="The app it belongs to, whose backend may issue tickets for it.")
    ] = "",
) -> None:
    """Add or change a device type."""
    ask(lambda admin: admin.add_model(model_id, name, app or None))
    print(f"model {model_id}")


# -- apps --------------------------------------------------------------------------------------


@of_relay
def add_app_command(ask: Ask, wxa_appid: AppId, name: Name = "") -> None:
    """Add or rename an app."""
    ask(lambda admin: admin.add_app(wxa_appid, name))
    print(f"app {wxa_appid}")


@of_relay
def list_apps_command(ask: Ask, as_json: Json = False) -> None:
    """List the apps, and what keeps their calls from being made."""
    apps = ask(lambda admin: admin.apps())
    if as_json:
        print_json(apps)
    else:
        print_rows([_app_row(app) for app in apps], "there is no app")


def _app_row(app: dict[str, Any]) -> list[str]:
    flags = [flag.replace("_", "-") for flag in FLAGS if app[flag]]
    return [app["wxa_appid"], ", ".join(flags) or "-", app["name"]]


@of_relay
def set_app_command(
    ask: Ask,
    wxa_appid: AppId,
    arrears: Annotated[Flag, typer.Option(help="Its calls are not paid for (-15).")] = None,
    in_review: Annotated[
        Flag, typer.Option(help="Under review: its formal release may not call (-12).")
    ] = None,
    campus: Annotated[Flag, typer.Option(help="Face-pay: calls need a campus token (-4).")] = None,
    needs_token: Annotated[Flag, typer.Option(help="Calls need a voipToken (-13, -14).")] = None,
) -> None:
    """Change what the platform thinks of an app; what is not named stays."""
    given = dict(zip(FLAGS, (arrears, in_review, campus, needs_token), strict=True))
    flags = {name: value for name, value in given.items() if value is not None}

    async def change(admin: Any) -> dict[str, Any]:
        if wxa_appid in [app["wxa_appid"] for app in await admin.apps()]:
            await admin.add_app(wxa_appid, None, **flags)
        for app in await admin.apps():
            if app["wxa_appid"] == wxa_appid:
                return app
        raise typer.BadParameter(f"{wxa_appid} is no app of this relay; `app add` makes one")

    print_rows([_app_row(ask(change))], "")


@of_relay
def add_key_command(ask: Ask, wxa_appid: AppId, name: Name = "", as_json: Json = False) -> None:
    """Make an API key for the backend of the app's developer; it is shown this once."""
    made = ask(lambda admin: admin.add_key(wxa_appid, name))
    if as_json:
        print_json(made)
    else:
        print(made["key"])
        typer.echo(f"its name is {made['key_id']}", err=True)


@of_relay
def keys_command(ask: Ask, wxa_appid: AppId, as_json: Json = False) -> None:
    """List the app's API keys, without the keys."""
    keys = ask(lambda admin: admin.keys(wxa_appid))
    if as_json:
        print_json(keys)
        return
    rows = [
        [
            key["key_id"],
            f"made {when(key['created_ms'])}",
            f"used {when(key['last_used_ms'])}",
            key["name"],
        ]
        for key in keys
    ]
    print_rows(rows, "the app has no API key")


@of_relay
def drop_key_command(
    ask: Ask,
    wxa_appid: AppId,
    key_id: Annotated[str, typer.Argument(help="Its name, as `app keys` lists it.")],
) -> None:
    """Take an API key back."""
    ask(lambda admin: admin.drop_key(wxa_appid, key_id))
    print(f"{key_id} opens nothing any more")


@of_relay
def voip_token_command(
    ask: Ask,
    wxa_appid: AppId,
    kind: Annotated[str, typer.Argument(help="device_to_phone, phone_to_device or campus.")],
    model_id: ModelId,
    sn: Annotated[str, typer.Option(help="For this device only.")] = "",
    user: Annotated[str, typer.Option(help="For calls with this open_id only.")] = "",
    person: Annotated[str, typer.Option(help="campus: whom the device recognised.")] = "",
    minutes: Annotated[int, typer.Option(help="How long it is good.", min=1, max=1440)] = 120,
    as_json: Json = False,
) -> None:
    """Issue a voipToken, which calls show when their app wants one."""
    body = {"kind": kind, "model_id": model_id, "valid_ms": minutes * 60_000}
    body |= {"sn": sn or None, "open_id": user or None, "user_id": person or None}
    made = ask(lambda admin: admin.of_app("POST", wxa_appid, "/voip_tokens", body))
    if as_json:
        print_json(made)
    else:
        print(made["voip_token"])
        valid_until(made["expires_ms"])
