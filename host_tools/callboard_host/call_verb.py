"""The options of `callboard call`."""

from pathlib import Path
from typing import Annotated

import typer

from callboard_host import board_options
from callboard_host.relay import asking


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("call")(call_command)


def call_command(
    to: Annotated[str, typer.Option(help="A user's open_id, or a device: MODEL/SN.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Data directory of the relay: its address and CA, and a ticket if needed."
        ),
    ] = None,
    relay: Annotated[str, typer.Option(help="The relay's address, without --data.")] = "",
    ca: Annotated[Path | None, typer.Option(help="Its CA (PEM), without --data.")] = None,
    state: Annotated[
        Path, typer.Option(help="To a device: the phone's state, as of `callboard phone`.")
    ] = board_options.PHONE_STATE,
    invitation: Annotated[str, typer.Option(help="To a device: who the phone becomes.")] = "",
    run_dir: Annotated[
        Path, typer.Option(help="To a user: the calling device's own directory.")
    ] = Path("board"),
    model_id: Annotated[str, typer.Option(help="To a user: the calling device.")] = "doorbell",
    sn: Annotated[str, typer.Option(help="Its serial number.")] = "SN0001",
    wxa_appid: Annotated[str, typer.Option(help="Its app.")] = "wxdemo",
    ticket: Annotated[str, typer.Option(help="Its SnTicket, for the first time.")] = "",
    python: board_options.Python = board_options.PythonName.cpython,
    bits: board_options.Bits = board_options.BitsName.b64,
    microphone: board_options.Microphone = None,
    speaker: board_options.Speaker = None,
    codecs: board_options.Codecs = "",
    hang_up_after: board_options.HangUpAfter = None,
    give_up_after: board_options.GiveUpAfter = None,
    events: board_options.Events = False,
) -> None:
    """Make one call: as a device to a user, or as a user to a device (--to MODEL/SN).

    Status 0: it was answered and hung up; 3: refused, with the documented code; 1: not answered.
    """
    from callboard_host import call_command as calls
    from callboard_host import phone_keys, running
    from callboard_host.board import BoardConfig
    from callboard_host.phone import PhoneConfig

    if not relay:
        if data is None:
            raise typer.BadParameter("give --data, or --relay and --ca")
        relay, ca = asking.facts(data, ca)
    if "/" in to:
        phone = PhoneConfig(
            relay_url=relay,
            state=state,
            ca_path=ca,
            invitation=invitation,
            microphone=microphone,
            speaker=speaker,
            codecs=board_options.codec_names(codecs),
            to=phone_keys.board_name(to),
            call_after=0,
            give_up_after=give_up_after,
            hang_up_after=hang_up_after,
            calls=1,
        )
        running.run(calls.as_user(phone, events), fast=True)
        return
    if data is not None and not ticket and not (run_dir / "flash").exists():
        ticket = asking.Admin(data, "", "", ca).ticket(model_id, sn)
    board = BoardConfig(
        run_dir=run_dir,
        relay_url=relay,
        ca_path=ca,
        model_id=model_id,
        sn=sn,
        wxa_appid=wxa_appid,
        open_id=to,
        ticket=ticket,
        python=python.value,
        bits=int(bits.value),
        microphone=microphone,
        speaker=speaker,
        codecs=board_options.codec_names(codecs),
    )
    running.run(calls.as_device(board, events, hang_up_after, give_up_after))
