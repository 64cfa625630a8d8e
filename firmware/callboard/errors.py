"""The package's exceptions: one small tree, each with its documented code and a clear sentence.

CallboardError                  anything callboard refuses or cannot do
├── InvalidArgument             the caller's value is wrong; the sentence names field and limits
├── WrongOrder                  called before what must come first (IV_ERR_AVT_INPUT_PARAM_INVAILD)
├── Busy                        a call rings or runs already (IV_ERR_AVT_REQ_CHN_BUSY)
├── NotRegistered               the device has no key yet
├── MissingEquipment            the device lacks HTTPS, storage or audio
├── StorageError                the key store cannot read or write
├── NativeError                 a native module's file is damaged, or of another CPU or release
├── RemoteError                 the relay answered with an error; its code and sentence
├── ProtocolError               the peer broke a protocol; the connection is closed
└── NetworkError                the peer cannot be reached, or went away
    ├── TimedOut                it did not answer in time
    └── TLSError                its certificate is not one we trust
"""

from . import codes


class CallboardError(Exception):
    """Base class. `code` is the documented number, `message` the sentence."""

    default_code = codes.AVT_FAILED

    def __init__(self, message, code=None):
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code

    def __str__(self):
        return "%s (code %d)" % (self.message, self.code)


class InvalidArgument(CallboardError):
    """A value is wrong. Nothing was changed."""

    default_code = codes.INVALID_ARGUMENT


class WrongOrder(CallboardError):
    """A step was called before the one it depends on (000 §2)."""

    default_code = codes.AVT_WRONG_ORDER


class Busy(CallboardError):
    """Another call rings or runs (000 §3, doWxCloudVoipCall)."""

    default_code = codes.AVT_BUSY


class NotRegistered(CallboardError):
    """The device holds no key: register it with a ticket first."""

    default_code = codes.NOT_REGISTERED


class MissingEquipment(CallboardError):
    """The device lacks what every device needs; the sentence says what."""

    default_code = codes.NOT_INITIALISED


class StorageError(CallboardError):
    """The key store cannot be read or written."""

    default_code = codes.STORAGE


class NativeError(CallboardError):
    """A native module must not be imported; the sentence says why, and what to install."""


class RemoteError(CallboardError):
    """The relay refused a request."""

    default_code = codes.SERVER


class ProtocolError(CallboardError):
    """The peer sent what its protocol forbids."""

    default_code = codes.RPC_INVALID_REQUEST


class NetworkError(CallboardError):
    """The peer cannot be reached, or went away."""

    default_code = codes.NETWORK


class TimedOut(NetworkError):
    """The peer did not answer in time."""

    default_code = codes.TIMEOUT


class TLSError(NetworkError):
    """The peer's certificate was refused, or the handshake failed."""
