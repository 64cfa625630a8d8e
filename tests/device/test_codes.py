"""Every number and enumeration of the documents, written down a second time (000 §3; spec 01)."""

from callboard import codes, errors

# doWxCloudVoipCall's table, complete: -6, -10, -11, -16 and -18 do not exist.
CALL = {
    -1: "CALL_GROUP_ID",
    -2: "CALL_DEVICE_ID",
    -3: "CALL_VOIP_ID",
    -4: "CALL_CAMPUS_TOKEN",
    -5: "CALL_NO_ROOM",
    -7: "CALL_OPEN_ID",
    -8: "CALL_NOT_AUTHORISED",
    -9: "CALL_NOT_BOUND",
    -12: "CALL_IN_REVIEW",
    -13: "CALL_DEVICE_TOKEN",
    -14: "CALL_PHONE_TOKEN",
    -15: "CALL_ARREARS",
    -17: "CALL_TOKEN_MODEL",
    -19: "CALL_OTHER_APP",
    -20: "CALL_OPEN_ID_INVALID",
}
REGISTRATION = {
    9800001: "SN_TOO_LONG",
    9800002: "SN_BAD_CHARACTER",
    9800003: "MODEL_REFUSED",
    -10008: "TICKET_REFUSED",
}
# The documents name these without numbers; the numbers are the specification's (01 §10).
NAMED = {
    "OK": 0,  # WXERROR_OK, IV_ERR_NONE
    "INVALID_ARGUMENT": 1,
    "STORAGE": 2,
    "NETWORK": 3,
    "TIMEOUT": 4,
    "NOT_INITIALISED": 5,
    "UNAUTHENTICATED": 6,
    "NOT_REGISTERED": 7,
    "SERVER": 8,
    "AVT_FAILED": -30001,
    "AVT_WRONG_ORDER": -30002,
    "AVT_BUSY": -30003,
}
ENUMERATIONS = {
    "iv_avt_command_type_e": (
        "COMMAND_",
        "CALL_INCOMING CALL_ANSWER CALL_REJECT CALL_BUSY CALL_CANCEL CALL_TIMEOUT CALL_HANG_UP "
        "USER_DEFINE INNER_DEFINE",
    ),
    "iv_avt_event_e": (
        "EVENT_",
        "P2P_PEER_READY P2P_PEER_LOST CONGESTION_HIGH CONGESTION_LOW CONGESTION_NORMAL "
        "P2P_ADDR_CHANGED",
    ),
    "iv_avt_stream_type_e": ("STREAM_", "AUDIO VIDEO AV"),
    "iv_avt_video_res_type_e": ("RES_", "HIGH STANDARD LOW PLAYBACK"),
    "iv_sys_offline_status_type_e": ("OFFLINE_", "NORMAL NETWORK KICKED AUTH"),
    "iv_avt_download_status_e": ("DOWNLOAD_", "REQUEST CHUNK DONE ABORT"),
    "voip_wxa_type_t": ("FLAVOUR_", "FORMAL TRIAL DEVELOPER"),
}


def names(prefix):
    """The names in codes.py that begin so."""
    found = [name for name in dir(codes) if name.startswith(prefix)]
    return [name for name in found if "_STATUS_" not in name]  # ours, of getSendStreamStatus


# covers: V-34
def test_every_code_of_a_call_is_there_and_no_other():
    assert {getattr(codes, name): name for name in names("CALL_") if "TYPE" not in name} == CALL


def test_every_code_of_registration_and_init():
    for number in REGISTRATION:
        assert getattr(codes, REGISTRATION[number]) == number


def test_what_the_documents_name_has_its_own_number():
    for name in NAMED:
        assert getattr(codes, name) == NAMED[name]
    numbers = list(CALL) + list(REGISTRATION) + list(NAMED.values())
    assert len(set(numbers)) == len(numbers)


# covers: V-07
def test_the_misspelt_name_is_there_and_the_right_one():
    assert codes.AVT_INPUT_PARAM_INVAILD == codes.AVT_INPUT_PARAM_INVALID == -30002
    assert errors.WrongOrder("x").code == codes.AVT_INPUT_PARAM_INVAILD


# covers: V-44
def test_every_enumeration_is_complete():
    for name in ENUMERATIONS:
        prefix, members = ENUMERATIONS[name]
        members = members.split()
        found = [getattr(codes, prefix + member) for member in members]
        assert found == list(range(len(members))), name
        assert len(names(prefix)) == len(members), (name, names(prefix))
    assert (codes.CALL_TYPE_VIDEO, codes.CALL_TYPE_AUDIO) == (1, 2)
    assert (codes.MODULE_CLOUD_STORAGE, codes.MODULE_AI) == (1, 2)


# covers: V-44
def test_how_a_call_ends_has_the_names_of_the_server_sdk():
    assert codes.END_REASONS == (
        "rejected",
        "cancelled",
        "hung_up_by_caller",
        "hung_up_by_callee",
        "aborted",
        "busy",
        "timeout",
    )
    assert (codes.SESSION_IDLE, codes.SESSION_CALLING, codes.SESSION_TALKING) == (0, 1, 2)
    assert [codes.SESSION_STATUS[reason] for reason in codes.END_REASONS] == list(range(3, 10))


def test_every_exception_has_a_documented_code():
    known = list(NAMED.values()) + [codes.RPC_INVALID_REQUEST]
    for name in dir(errors):
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, errors.CallboardError):
            assert kind("because").code in known, name
            assert "because" in str(kind("because"))
