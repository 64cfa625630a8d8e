"""Calls an application's callbacks (000 §3); voip/listeners.py says what each of them is told."""

from ..core.events import Fanout

NO_COMMANDS = "this device answers no commands"

DEVICE_CALLBACKS = ("on_online", "on_offline", "on_module_status")
AV_CALLBACKS = (
    "on_get_av_enc_info",
    "on_start_real_play",
    "on_stop_real_play",
    "on_start_recv_stream",
    "on_recv_stream",
    "on_stop_recv_stream",
    "on_notify",
    "on_recv_command",
    "on_call_state",
    "on_call_stats",
    "on_download_file",
    "on_get_peer_outer_net",
    "on_key_frame_wanted",
    "on_pictures_over",
)


def listen(clock, callbacks, names, report):
    """A Fanout to the methods of `callbacks` that are among `names`.

    `report(what, error)` hears of a callback that failed, or took 20 ms or longer.
    """
    events = Fanout(
        clock,
        report=lambda name, callback, ms, error: report(
            "callback", error or "%s took %d ms" % (name, ms)
        ),
    )
    for name in names:
        callback = getattr(callbacks, name, None)
        if callback is not None:
            events.on(name, callback)
    return events
