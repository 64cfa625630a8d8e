"""Properties that the device reports and the relay sets (000 §3 initIvDm; PROTOCOL.md §6)."""

from ..errors import InvalidArgument

MEMBERS_MAX = 32
NAME_MAX = 64
TEXT_MAX = 512


def check_properties(properties):
    """Returns `properties`, or raises InvalidArgument that names the one that is wrong.

    At most 32 members; names of 1 to 64 characters; values text (up to 512 bytes), integer,
    boolean, or None to delete.
    """
    if not isinstance(properties, dict) or not 1 <= len(properties) <= MEMBERS_MAX:
        raise InvalidArgument("properties must be an object of 1 to %d members" % MEMBERS_MAX)
    for name in properties:
        if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX:
            raise InvalidArgument("a property's name must have 1 to %d characters" % NAME_MAX)
        value = properties[name]
        if not _is_value(value):
            raise InvalidArgument("property %s must be text, integer, boolean or null" % name)
    return properties


def _is_value(value):
    if isinstance(value, str):
        return len(value.encode()) <= TEXT_MAX
    return value is None or isinstance(value, (bool, int))
