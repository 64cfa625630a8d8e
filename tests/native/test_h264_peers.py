"""H.264 in RTP and the world: our packets in ffmpeg, ffmpeg's in ours."""

import shutil
import socket
import subprocess
import time
from io import BytesIO
from pathlib import Path

import pytest

from callboard import port
from callboard.media import camera, video
from support.covers import covers

STREAM = {"mid": "1", "ssrc": 0x12345678, "codec": "h264", "payload_type": 96, "clock_rate": 90000}
PICTURES, FPS = 45, 15


def ffmpeg(*arguments):
    command = ["ffmpeg", "-v", "error", "-nostdin", *map(str, arguments)]
    return subprocess.run(command, check=True, timeout=40, stdout=subprocess.PIPE).stdout


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Three seconds of 640×360 with a key frame each second, by x264."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    path = tmp_path_factory.mktemp("h264") / "moving.h264"
    source = f"testsrc2=size=640x360:rate={FPS}"
    coding = ("-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-b:v", "500k")
    rhythm = ("-g", FPS, "-frames:v", PICTURES, "-pix_fmt", "yuv420p")
    ffmpeg("-f", "lavfi", "-i", source, *coding, *rhythm, path)
    return path


def pictures_of(path):
    """The access units of a file."""
    data = path.read_bytes()
    starts, _ = camera.index(BytesIO(data))
    return [data[starts[i] : starts[i + 1]] for i in range(len(starts) - 1)]


def units(picture):
    """The NAL units of an access unit, without start codes."""
    parts = picture.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part.rstrip(b"\0") for part in parts if part]


def test_pictures_are_found_where_ffmpeg_finds_them(recording):
    probe = ["ffprobe", "-v", "error", "-show_entries", "packet=pos,flags", "-of", "csv=p=0"]
    packets = subprocess.run([*probe, recording], capture_output=True, text=True, timeout=40)
    rows = [row.split(",") for row in packets.stdout.split()]
    starts, keys = camera.index(recording.open("rb"))
    assert len(rows) == len(starts) - 1 == PICTURES
    assert [i for i, row in enumerate(rows) if "K" in "".join(row)] == list(keys) == [0, 15, 30]


class Wire:
    """A transport that is a UDP socket."""

    headroom = 14

    def __init__(self, to):
        self.socket, self.to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), to

    def send(self, buf, off, n):
        self.socket.sendto(buf[off : off + n], self.to)
        return True


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1] & ~1


SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=call
c=IN IP4 127.0.0.1
t=0 0
m=video %d RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
"""


@covers("V-51")
def test_ffmpeg_decodes_what_we_send(recording, tmp_path):
    number, sdp, out = free_port(), tmp_path / "call.sdp", tmp_path / "received.md5"
    sdp.write_text(SDP % number)
    command = ["ffmpeg", "-v", "fatal", "-nostdin", "-protocol_whitelist", "file,udp,rtp"]
    command += ["-i", str(sdp), "-frames:v", str(PICTURES), "-f", "framemd5", str(out)]
    with subprocess.Popen(command) as receiver:
        sending = video.VideoSender(port.CLOCK, STREAM, Wire(("127.0.0.1", number)), (0, 0))
        pictures, end = pictures_of(recording), time.monotonic() + 40
        sent = 0
        while receiver.poll() is None and time.monotonic() < end:  # until it has heard enough
            send(sending, pictures[sent % PICTURES], sent * 1000 // FPS)
            sent += 1
            while unread(number) and receiver.poll() is None and time.monotonic() < end:
                time.sleep(0.002)  # a packet that finds no room would be lost
        receiver.kill()
    original = hashes(ffmpeg("-i", recording, "-f", "framemd5", "-").decode())
    received = hashes(out.read_text())
    assert len(received) == PICTURES and receiver.returncode == 0
    assert set(received) <= set(original), "every picture is one of ours, undamaged"


def unread(number):
    """Bytes that wait at a UDP port of this machine."""
    for row in Path("/proc/net/udp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = row.split()
        if local.endswith(f":{number:04X}"):
            return int(queues.split(":")[1], 16)
    return 0


def hashes(text):
    """Those of framemd5."""
    return [line.split(",")[-1] for line in text.splitlines() if not line.startswith("#")]


def send(sender, picture, pts_ms):
    """Send one picture at several times real time, with the reports that a relay would give."""
    assert sender.send(picture, 0, len(picture), pts_ms)
    while sender.queued:
        sender.tick()
        report = b"\x81\xc9\0\7" + bytes(4) + STREAM["ssrc"].to_bytes(4, "big") + bytes(6)
        report += (sender.sent - 1 & 0xFFFF).to_bytes(2, "big") + bytes(12)
        sender.window.report(report, 0, len(report), port.CLOCK.ticks_ms())
    time.sleep(0.01)


@covers("V-49")
def test_we_receive_what_ffmpeg_sends(recording):
    pictures = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as incoming:
        incoming.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        incoming.bind(("127.0.0.1", 0))
        incoming.settimeout(10)
        target = f"rtp://127.0.0.1:{incoming.getsockname()[1]}?pkt_size=1200"
        command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-i", str(recording), "-c", "copy"]
        command += ["-f", "rtp", "-payload_type", "96", "-ssrc", str(STREAM["ssrc"]), target]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sender:
            receiver = video.VideoReceiver(
                STREAM, lambda buf, off, n, pts, key: pictures.append(bytes(buf[off : off + n]))
            )
            packets, kinds = 0, set()
            while len(pictures) < PICTURES:
                packet = incoming.recv(2000)
                if not 192 <= packet[1] <= 223:  # RTCP
                    kinds.add(packet[12] & 31)
                    packets += receiver.receive(packet, 0, len(packet), 0)
            sender.kill()
    assert receiver.refused == receiver.broken == receiver.skipped == 0
    assert packets > PICTURES and {24, 28} <= kinds, "with aggregates and fragments"
    assert [units(p) for p in pictures] == [units(p) for p in pictures_of(recording)]
