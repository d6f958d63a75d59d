"""What a client sent, checked: each function returns the value or refuses it in one sentence."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from stratiform.errors import UserError


def parsed(body: bytes) -> Any:
    """JSON in UTF-8: no NaN, no infinity, no key twice."""
    try:
        return json.loads(body.decode(), parse_constant=_refused_constant, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise UserError("the body is not UTF-8; send JSON") from None
    except RecursionError:
        raise UserError("the JSON is nested too deeply") from None
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"the body is not JSON ({str(error).splitlines()[0][:80]})") from None


def fields(value: Any, name: str, allowed: Iterable[str]) -> Mapping[str, Any]:
    """An object with no other keys than these."""
    if not isinstance(value, dict):
        raise UserError(f"{name} is {_kind(value)}; give an object")
    known = list(allowed)
    for key in value:
        if key not in known:
            raise UserError(f"{name} has no field {_short(key)}; it takes {', '.join(known)}")
    return value


def whole(value: Any, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UserError(f"{name} is {_short(value)}; give a whole number from {low} to {high}")
    return value


def number(value: Any, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UserError(f"{name} is {_short(value)}; give a number from {low:g} to {high:g}")
    return float(value)


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{name} is {_short(value)}; give true or false")
    return value


def one_of(value: Any, name: str, allowed: Iterable[str]) -> str:
    known = list(allowed)
    if not isinstance(value, str) or value not in known:
        raise UserError(f"{name} is {_short(value)}; give one of {', '.join(known)}")
    return value


def listed(value: Any, name: str, least: int, most: int) -> list[Any]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        size = f"{len(value)} entries" if isinstance(value, list) else _kind(value)
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise UserError(f"{name} is {size}; give a list of {wanted}")
    return value


def packed(value: Any, name: str, length: int) -> bytes:
    """`length` bytes in base64url without padding, in the one spelling that they have."""
    if not isinstance(value, str) or len(value) != -(-length * 4 // 3):
        size = f"{len(value)} characters" if isinstance(value, str) else _kind(value)
        raise UserError(f"{name} is {size}; give {length} bytes in base64url, {-(-length * 4 // 3)} characters")
    try:
        found = base64.b64decode(value.encode("ascii") + b"=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise UserError(f"{name} is not base64url") from None
    if unpacked(found) != value:
        raise UserError(f"{name} is not base64url in its usual spelling")
    return found


def unpacked(content: bytes) -> str:
    """The inverse of `packed`."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UserError("the JSON names a field twice")
    return found


def _refused_constant(name: str) -> float:
    raise UserError(f"the JSON holds {name}; numbers must be finite")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _short(value: Any) -> str:
    """The value in a few characters, whatever it is."""
    if isinstance(value, dict | list):
        return _kind(value)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "a huge number"
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 40 else f"{text[:37]}..."
