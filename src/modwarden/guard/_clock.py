"""Whether the kernel holds its clock to a source of time."""

import ctypes

# adjtimex(2): the clock is not synchronised to a reliable server.
_TIME_ERROR = 5
# struct timex is 208 bytes on 64-bit Linux; with modes = 0 the call only reads.
_TIMEX_BYTES = 512


def is_clock_synchronised() -> bool:
    """Ask the kernel; where it cannot say, the clock is not to be trusted."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return False
    state = int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return 0 <= state < _TIME_ERROR
