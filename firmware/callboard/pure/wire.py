"""wire in pure Python: the C core (native/wire) file by file, equal to the bit.

native/wire/wire.h holds the rules. Offsets and counts are bytes.
"""

# ruff: noqa: F401
from callboard.pure.frames import (
    FRAME_EDAMAGED,
    FRAME_MAX_PAYLOAD,
    FRAME_OVERHEAD,
    frame_decode,
    frame_encode,
    frame_fill,
)
from callboard.pure.h264 import (
    H264_ASSEMBLY,
    H264_EFORMAT,
    H264_EFULL,
    H264_EORDER,
    H264_KEY,
    H264_PPS,
    H264_SPS,
    H264_WALK,
    h264_look,
    h264_pack,
    h264_unpack,
)
from callboard.pure.rtp_rx import (
    RTP_ANY_TICK,
    RTP_EALIGN,
    RTP_EEXT,
    RTP_EJUMP,
    RTP_ELENGTH,
    RTP_EPADDING,
    RTP_ERTCP,
    RTP_ESHORT,
    RTP_ESSRC,
    RTP_EVERSION,
    RTP_INFO,
    RTP_MAX_JUMP,
    RTP_RESET,
    RTP_RX_STATE,
    RTP_STATS,
    rtp_parse,
    rtp_rx_init,
    rtp_rx_stats,
)
from callboard.pure.rtp_tx import (
    RTP_TX_STATE,
    rtp_advance,
    rtp_header_size,
    rtp_tx_init,
    rtp_tx_peek,
    rtp_write,
)
from callboard.pure.websocket import (
    WS_ECONTROL,
    WS_ELENGTH,
    WS_EOPCODE,
    WS_ERSV,
    WS_INFO,
    WS_MAX_HEADER,
    WS_MAX_PAYLOAD,
    ws_frame,
    ws_header,
    ws_mask,
)

IMPLEMENTATION = "pure python"
