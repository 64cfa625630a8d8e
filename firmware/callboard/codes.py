"""Every number the documents give, with the document's name beside it (000 §3, 002 §6.3)."""

# Results. The documents name WXERROR_* and IV_ERR_* without numbers: these are ours.
OK = 0  # WXERROR_OK, IV_ERR_NONE
INVALID_ARGUMENT = 1  # WXERROR_INVALID_ARGUMENT
STORAGE = 2  # WXERROR_IO
NETWORK = 3  # WXERROR_RESPONSE
TIMEOUT = 4  # WXERROR_TIMEOUT
NOT_INITIALISED = 5  # WXERROR_FAILED_PRECONDITION
UNAUTHENTICATED = 6  # wrong device key, user token or signature
NOT_REGISTERED = 7
SERVER = 8  # WXERROR_INTERNAL: the relay failed
AVT_FAILED = -30001  # IV_ERR_AVT_FAILED
AVT_WRONG_ORDER = -30002  # IV_ERR_AVT_INPUT_PARAM_INVAILD [sic]: "init failed / not initialised"
AVT_INPUT_PARAM_INVAILD = AVT_INPUT_PARAM_INVALID = AVT_WRONG_ORDER  # as spelt, and as meant
AVT_BUSY = -30003  # IV_ERR_AVT_REQ_CHN_BUSY

# Registration and init (000 §3)
SN_TOO_LONG = 9800001
SN_BAD_CHARACTER = 9800002
MODEL_REFUSED = 9800003
TICKET_REFUSED = -10008

# doWxCloudVoipCall (000 §3). -6, -10, -11, -16 and -18 do not exist.
CALL_GROUP_ID = -1
CALL_DEVICE_ID = -2
CALL_VOIP_ID = -3
CALL_CAMPUS_TOKEN = -4
CALL_NO_ROOM = -5
CALL_OPEN_ID = -7
CALL_NOT_AUTHORISED = -8
CALL_NOT_BOUND = -9
CALL_IN_REVIEW = -12
CALL_DEVICE_TOKEN = -13
CALL_PHONE_TOKEN = -14
CALL_ARREARS = -15
CALL_TOKEN_MODEL = -17
CALL_OTHER_APP = -19
CALL_OPEN_ID_INVALID = -20

# Rooms (002 §6.3)
ROOM_INVALID = -114
QUOTA_PUBLISH = -1073
QUOTA_SUBSCRIBE = -1083
CODEC_UNAVAILABLE = -5203

# JSON-RPC 2.0 §5.1, then ours from the range it reserves for implementations
RPC_PARSE = -32700
RPC_INVALID_REQUEST = -32600
RPC_METHOD_NOT_FOUND = -32601
RPC_INVALID_PARAMS = -32602
RPC_INTERNAL = -32603
RPC_CAPABILITY = -32001  # a required capability is unknown here
RPC_VERSION = -32002  # no common protocol version
RPC_OVERLOADED = -32003  # too many requests in flight

# iv_avt_event_e
EVENT_P2P_PEER_READY = 0
EVENT_P2P_PEER_LOST = 1
EVENT_CONGESTION_HIGH = 2
EVENT_CONGESTION_LOW = 3
EVENT_CONGESTION_NORMAL = 4
EVENT_P2P_ADDR_CHANGED = 5

# iv_avt_command_type_e
COMMAND_CALL_INCOMING = 0
COMMAND_CALL_ANSWER = 1
COMMAND_CALL_REJECT = 2
COMMAND_CALL_BUSY = 3
COMMAND_CALL_CANCEL = 4
COMMAND_CALL_TIMEOUT = 5
COMMAND_CALL_HANG_UP = 6
COMMAND_USER_DEFINE = 7
COMMAND_INNER_DEFINE = 8

# iv_avt_stream_type_e
STREAM_AUDIO = 0
STREAM_VIDEO = 1
STREAM_AV = 2

# what getSendStreamStatus tells; the document names no members
STREAM_STATUS_OFF = 0
STREAM_STATUS_SENDING = 1
STREAM_STATUS_CONGESTED = 2

# iv_avt_video_res_type_e
RES_HIGH = 0  # the main stream
RES_STANDARD = 1
RES_LOW = 2  # the sub-stream
RES_PLAYBACK = 3

# iv_sys_offline_status_type_e
OFFLINE_NORMAL = 0
OFFLINE_NETWORK = 1
OFFLINE_KICKED = 2
OFFLINE_AUTH = 3

# iv_avt_download_status_e
DOWNLOAD_REQUEST = 0
DOWNLOAD_CHUNK = 1
DOWNLOAD_DONE = 2
DOWNLOAD_ABORT = 3

# call_type (roomType of the mini program)
CALL_TYPE_VIDEO = 1
CALL_TYPE_AUDIO = 2

# onModuleStatus mask
MODULE_CLOUD_STORAGE = 1
MODULE_AI = 2

# voip_wxa_type_t: the release of the mini program that the phone opens
FLAVOUR_FORMAL = 0
FLAVOUR_TRIAL = 1
FLAVOUR_DEVELOPER = 2

# How a call ended (spec 05, session status of the server SDK)
END_REJECTED = "rejected"
END_CANCELLED = "cancelled"
END_HUNG_UP_BY_CALLER = "hung_up_by_caller"
END_HUNG_UP_BY_CALLEE = "hung_up_by_callee"
END_ABORTED = "aborted"
END_BUSY = "busy"
END_TIMEOUT = "timeout"
END_REASONS = (
    END_REJECTED,
    END_CANCELLED,
    END_HUNG_UP_BY_CALLER,
    END_HUNG_UP_BY_CALLEE,
    END_ABORTED,
    END_BUSY,
    END_TIMEOUT,
)

# The same as the server SDK's session status, with its states that are no ends (spec 05)
SESSION_IDLE = 0
SESSION_CALLING = 1
SESSION_TALKING = 2
SESSION_STATUS = {
    END_REJECTED: 3,
    END_CANCELLED: 4,
    END_HUNG_UP_BY_CALLER: 5,
    END_HUNG_UP_BY_CALLEE: 6,
    END_ABORTED: 7,
    END_BUSY: 8,
    END_TIMEOUT: 9,
}
