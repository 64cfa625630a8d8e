"""The `callboard` command: options to library calls, and the one place that prints errors."""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

import callboard
from callboard_host import board_options, call_verb, errors, keystore_commands
from callboard_host.boards import commands as board_commands
from callboard_host.flash import commands as flash_commands
from callboard_host.image import commands as image_commands
from callboard_host.relay import commands as relay_commands
from callboard_host.serial_line import commands as serial_commands

_EXITS = "\n\n".join(f"{code}  {meaning}" for code, meaning in errors.EXIT_MEANINGS.items())

app = typer.Typer(
    name="callboard",
    help="Calls between a board and a phone: relay, virtual board, phone, or all of a call.",
    epilog=f"Exit status:\n\n{_EXITS}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
relay_commands.register(app)
serial_commands.register(app)
keystore_commands.register(app)
call_verb.register(app)
board_commands.register(app)
image_commands.register(app)
flash_commands.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"callboard {callboard.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


Relay = Annotated[str, typer.Option("--relay", help="Its address, https://host:port.")]
Ca = Annotated[
    Path | None, typer.Option("--ca", help="The CA that the relay's certificate is from (PEM).")
]


@app.command("phone")
def phone_command(
    relay: Relay,
    state: Annotated[
        Path, typer.Option(help="File that keeps who this phone is (mode 0600).")
    ] = board_options.PHONE_STATE,
    ca: Ca = None,
    invitation: Annotated[str, typer.Option(help="Single-use invitation; needed once.")] = "",
    microphone: board_options.Microphone = None,
    speaker: board_options.Speaker = None,
    camera: board_options.Camera = None,
    camera_fps: board_options.CameraFps = 15,
    screen: board_options.Screen = None,
    rate: Annotated[int, typer.Option(help="Rate of its audio devices, Hz.")] = 48000,
    ppm: board_options.Ppm = 0,
    codecs: board_options.Codecs = "",
    answer_after: Annotated[
        float | None, typer.Option(min=0, help="Answer by itself after these seconds.")
    ] = None,
    reject_after: Annotated[
        float | None, typer.Option(min=0, help="Reject by itself after these seconds.")
    ] = None,
    hang_up_after: board_options.HangUpAfter = None,
    to: Annotated[str, typer.Option(help="Board that `c` calls: MODEL/SN.")] = "",
    call_after: Annotated[
        float | None, typer.Option(min=0, help="Call it by itself, so many seconds after idle.")
    ] = None,
    give_up_after: board_options.GiveUpAfter = None,
    authorise: Annotated[
        list[str] | None, typer.Option(help="Let this board call: MODEL/SN; repeat it.")
    ] = None,
    calls: Annotated[int | None, typer.Option(min=1, help="Exit after this many calls.")] = None,
    events: board_options.Events = False,
) -> None:
    """A person's phone: c calls a board; when one calls, a answers, r rejects; h hangs up."""
    from callboard_host import phone_command as command
    from callboard_host import phone_keys, running
    from callboard_host.phone import PhoneConfig

    if call_after is not None and not to:
        raise typer.BadParameter("--call-after needs --to")
    config = PhoneConfig(
        relay_url=relay,
        state=state,
        ca_path=ca,
        invitation=invitation,
        microphone=microphone,
        speaker=speaker,
        camera=camera,
        camera_fps=camera_fps,
        screen=screen,
        rate=rate,
        ppm=ppm,
        answer_after=answer_after,
        reject_after=reject_after,
        hang_up_after=hang_up_after,
        to=phone_keys.board_name(to) if to else None,
        call_after=call_after,
        give_up_after=give_up_after,
        authorise=tuple(map(phone_keys.board_name, authorise or ())),
        calls=calls,
        codecs=board_options.codec_names(codecs),
    )
    running.run(command.run(config, events), fast=True)


@app.command("board")
def board_command(
    relay: Annotated[
        str, typer.Option(help="Its relay; without one it waits to be provisioned.")
    ] = "",
    ca: Ca = None,
    run_dir: Annotated[Path, typer.Option(help="The board's own directory.")] = Path("board"),
    python: board_options.Python = board_options.PythonName.micropython,
    bits: board_options.Bits = board_options.BitsName.b64,
    heap: Annotated[int | None, typer.Option(help="Bytes of heap for MicroPython.")] = None,
    model_id: Annotated[str, typer.Option(help="Device type.")] = "doorbell",
    sn: Annotated[str, typer.Option(help="Serial number.")] = "SN0001",
    wxa_appid: Annotated[str, typer.Option(help="The app that it talks to.")] = "wxdemo",
    open_id: Annotated[
        list[str] | None,
        typer.Option(help="Whom its button calls; repeat it: then the next, if nobody answers."),
    ] = None,
    ring: Annotated[
        list[int] | None, typer.Option(min=5, max=60, help="Seconds each rings; repeat it.")
    ] = None,
    duplex: board_options.Duplex = board_options.DuplexName.full,
    auto_answer: Annotated[
        int | None, typer.Option(min=0, max=60, help="Answer calls by itself after seconds.")
    ] = None,
    ticket: Annotated[str, typer.Option(help="SnTicket, for the first start.")] = "",
    microphone: board_options.Microphone = None,
    speaker: board_options.Speaker = None,
    camera: board_options.Camera = None,
    camera_fps: board_options.CameraFps = 15,
    screen: board_options.Screen = None,
    rate: Annotated[int, typer.Option(help="Rate of its audio devices, Hz.")] = 16000,
    ppm: board_options.Ppm = 0,
    codecs: board_options.Codecs = "",
    network: board_options.Network = board_options.NetworkName.own,
    bridge_tls: board_options.BridgeTls = board_options.TlsEnd.board,
    events: board_options.Events = False,
    pty: Annotated[
        bool, typer.Option("--pty", help="Put its console on a pseudo-terminal.")
    ] = False,
    link: Annotated[Path | None, typer.Option(help="Symbolic link to that, with --pty.")] = None,
) -> None:
    """A virtual board: Enter presses its button; `help` lists the words it knows."""
    from callboard_host import board, board_pty, running

    config = board.BoardConfig(
        run_dir=run_dir,
        relay_url=relay,
        ca_path=ca,
        model_id=model_id,
        sn=sn,
        wxa_appid=wxa_appid,
        open_id=" ".join(open_id or ()),
        ring_s=tuple(ring) if ring else None,
        duplex=duplex.value,
        auto_answer=auto_answer,
        ticket=ticket,
        python=python.value,
        bits=int(bits.value),
        heap_bytes=heap,
        microphone=microphone,
        speaker=speaker,
        camera=camera,
        camera_fps=camera_fps,
        screen=screen,
        audio_rate=rate,
        ppm=ppm,
        codecs=board_options.codec_names(codecs),
        blank=not relay,
        network=network.value,
        bridge_tls=bridge_tls.value,
    )
    if pty:
        raise typer.Exit(board_pty.run(config, link))
    raise typer.Exit(running.run(board.run_interactively(config, events)))


@app.command("demo-call")
def demo_call_command(
    python: board_options.Python = board_options.PythonName.micropython,
    bits: board_options.Bits = board_options.BitsName.b64,
    codec: board_options.Codec = board_options.CodecName.auto,
    caller: board_options.Caller = board_options.End.board,
    speech: board_options.Speech = None,
    output: Annotated[Path | None, typer.Option(help="Folder; build/call by default.")] = None,
    talk: Annotated[float, typer.Option(min=0.5, max=600, help="Seconds of speech.")] = 6.6,
) -> None:
    """A whole call on this machine, with recorded voices both ways, measured from its audio."""
    from callboard_host import running
    from callboard_host.demo import call

    options = call.CallOptions(
        output=output,
        python=python.value,
        bits=int(bits.value),
        codec=codec.value,
        caller=caller.value,
        speech=speech,
        speech_s=talk,
    )
    running.run(call.main(options))


@app.command("bench-call")
def bench_call_command(
    python: board_options.Python = board_options.PythonName.micropython,
    bits: board_options.Bits = board_options.BitsName.b64,
    codec: board_options.Codec = board_options.CodecName.auto,
    caller: board_options.Caller = board_options.End.board,
    speech: board_options.Speech = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder; build/bench/call by default.")
    ] = None,
    setups: Annotated[int, typer.Option(min=1, max=1000, help="Call set-ups.")] = 20,
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="Seconds of media.")] = 60.0,
) -> None:
    """Many call set-ups and a long call, for real percentiles; JSON in build/bench/call.json."""
    from callboard_host import running
    from callboard_host.demo import bench, call

    options = call.CallOptions(
        output=output,
        python=python.value,
        bits=int(bits.value),
        codec=codec.value,
        caller=caller.value,
        speech=speech,
    )
    running.run(bench.main(options, setups, seconds))


def fail(error: BaseException) -> NoReturn:
    """Print an error and what to do about it, and exit with its status."""
    code = errors.exit_code(error)
    text = str(error) or type(error).__name__
    print(f"callboard: {text}", file=sys.stderr)
    if advice := errors.hint(error):
        print(f"  hint: {advice}", file=sys.stderr)
    raise SystemExit(code)


def main(arguments: list[str] | None = None) -> Any:
    """The `callboard` command. Exits with a status of errors.EXIT_MEANINGS."""
    try:
        app(arguments)
    except (errors.CallboardError, OSError, KeyboardInterrupt) as error:
        fail(error)
