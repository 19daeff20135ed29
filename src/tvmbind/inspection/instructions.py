"""Which instructions machine code uses beyond those that every processor of its kind has.

A library does not say what it was compiled for, and a processor that lacks an instruction ends the process at it. So
look for byte patterns that are next to never anything else. That they are absent proves little: small code may be for
a newer processor and not show it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_VZEROUPPER = b"\xc5\xf8\x77"
# VEX, map 2, opcodes of the fused multiply-add.
_FMA = re.compile(rb"\xc4[\xe2\xc2\xa2\x82\x62\x42\x22\x02].[\x98-\x9f\xa8-\xaf\xb8-\xbf]", re.S)
# EVEX with reserved bits as they must be, 512 bits wide, no broadcast: common moves and arithmetic.
_EVEX_512 = re.compile(
    rb"\x62[\x01-\x03\x11-\x13\x21-\x23\x31-\x33\x41-\x43\x51-\x53\x61-\x63\x71-\x73\x81-\x83\x91-\x93\xa1-\xa3\xb1-\xb3"
    rb"\xc1-\xc3\xd1-\xd3\xe1-\xe3\xf1-\xf3][\x04-\x07\x0c-\x0f\x14-\x17\x1c-\x1f\x24-\x27\x2c-\x2f\x34-\x37\x3c-\x3f"
    rb"\x44-\x47\x4c-\x4f\x54-\x57\x5c-\x5f\x64-\x67\x6c-\x6f\x74-\x77\x7c-\x7f\x84-\x87\x8c-\x8f\x94-\x97\x9c-\x9f"
    rb"\xa4-\xa7\xac-\xaf\xb4-\xb7\xbc-\xbf\xc4-\xc7\xcc-\xcf\xd4-\xd7\xdc-\xdf\xe4-\xe7\xec-\xef\xf4-\xf7\xfc-\xff]"
    rb"[\x40-\x4f\xc0-\xcf][\x10\x11\x18\x28\x29\x58\x59\x5c\x6f\x7f\x98\xa8\xb8\xef]",
    re.S,
)
#: How Linux calls them.
_FLAGS = {"AVX": "avx", "AVX2": "avx2", "FMA": "fma", "AVX-512": "avx512f"}
#: Below this a pattern may be chance.
_ENOUGH = 4


def used(code: bytes, machine: str) -> list[str]:
    """Names of instruction sets that the code shows to use; for x86-64 only."""
    if machine != "x86_64":
        return []
    found = []
    if _VZEROUPPER in code:
        found.append("AVX")
    if found and len(_FMA.findall(code)) >= _ENOUGH:
        found.append("FMA")
    if len(_EVEX_512.findall(code)) >= max(_ENOUGH, len(code) >> 14):
        found.append("AVX-512")
    return found


def of_this_machine() -> list[str]:
    """Names of instruction sets that this processor has, of those that matter here; empty where nothing tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
            flags = next((line.partition(":")[2].split() for line in info if line.startswith("flags")), [])
    except OSError:
        return []
    return [name for name, flag in _FLAGS.items() if flag in flags]


def missing_here(machine: str, names: Sequence[str]) -> list[str]:
    """Which instruction sets this processor lacks, of those that code for a machine uses."""
    has = of_this_machine()
    return [name for name in names if name not in has] if has and machine == "x86_64" else []
