"""CARs, CIDs and the few codecs that tests need, written apart from the product."""

import base64
import hashlib
import json

RAW, DAG_PB, DAG_CBOR, DAG_JSON = 0x55, 0x70, 0x71, 0x0129
SHA2_256, IDENTITY = 0x12, 0x00

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class CarError(ValueError):
    pass


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def read_varint(data, at):
    """(value, position after it)"""
    value = shift = 0
    while True:
        if at >= len(data):
            raise CarError("cut in a varint")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise CarError("varint too long")


# --- CIDs, as bytes ---

def cid(codec, data):
    """CIDv1, sha2-256."""
    return bytes([1]) + varint(codec) + bytes([SHA2_256, 32]) + hashlib.sha256(data).digest()


def split_cid(raw):
    """(version, codec, hash code, digest)"""
    if raw[:2] == b"\x12\x20":
        return 0, DAG_PB, SHA2_256, raw[2:34]
    version, at = read_varint(raw, 0)
    codec, at = read_varint(raw, at)
    code, at = read_varint(raw, at)
    size, at = read_varint(raw, at)
    return version, codec, code, raw[at:at + size]


def same_link(a, b):
    """v0 is v1 dag-pb: equal when codec and multihash agree."""
    return split_cid(a)[1:] == split_cid(b)[1:]


def cid_size(data, at):
    """Length of the CID that begins there."""
    if data[at:at + 2] == b"\x12\x20":
        return 34
    _, p = read_varint(data, at)
    _, p = read_varint(data, p)
    _, p = read_varint(data, p)
    size, p = read_varint(data, p)
    return p + size - at


def text(raw):
    if raw[:2] == b"\x12\x20":
        value, out = int.from_bytes(raw, "big"), ""
        while value:
            value, rest = divmod(value, 58)
            out = _BASE58[rest] + out
        return out
    return "b" + base64.b32encode(raw).decode().lower().rstrip("=")


def from_text(name):
    if name.startswith("Qm"):
        value = 0
        for letter in name:
            value = value * 58 + _BASE58.index(letter)
        return value.to_bytes(34, "big")
    body = name[1:].upper()
    return base64.b32decode(body + "=" * (-len(body) % 8))


def digest_holds(raw, data):
    """True unless the hash is one that hashlib knows and it differs."""
    _, _, code, digest = split_cid(raw)
    hashes = {0x12: "sha256", 0x13: "sha512", 0x14: "sha3_512", 0x16: "sha3_256"}
    if code == IDENTITY:
        return digest == data
    return code not in hashes or hashlib.new(hashes[code], data).digest() == digest


# --- CARv1 ---

def header(roots):
    def size(n):  # The shortest form, as CBOR's canonical rules want it.
        return bytes([0x40 + n]) if n < 24 else bytes([0x58, n])
    tagged = b"".join(b"\xd8\x2a" + size(len(r) + 1) + b"\0" + r for r in roots)
    body = b"\xa2\x65roots" + bytes([0x80 + len(roots)]) + tagged + b"\x67version\x01"
    return varint(len(body)) + body


def section(raw, data):
    return varint(len(raw) + len(data)) + raw + data


def car(root, pairs):
    return header([root]) + b"".join(section(c, d) for c, d in pairs)


def blocks(data, whole=True):
    """(cid, data) of each section. With whole=False a cut at the end is no error."""
    out = []
    try:
        size, at = read_varint(data, 0)
        if at + size > len(data):
            raise CarError("cut in the header")
        at += size
        while at < len(data):
            size, start = read_varint(data, at)
            end = start + size
            if end > len(data):
                raise CarError(f"cut in section {len(out)}")
            body = start + cid_size(data, start)
            out.append((bytes(data[start:body]), bytes(data[body:end])))
            at = end
    except CarError:
        if whole:
            raise
    return out


def roots(data):
    """The CIDs that a CARv1's header names."""
    size, start = read_varint(data, 0)
    head, out, at = data[start:start + size], [], 0
    while (at := head.find(b"\xd8\x2a", at)) >= 0:
        length = head[at + 3] if head[at + 2] == 0x58 else head[at + 2] - 0x40
        begin = at + (4 if head[at + 2] == 0x58 else 3)
        out.append(head[begin + 1:begin + length])
        at = begin + length
    return out


def is_v1(data):
    size, at = read_varint(data, 0)
    return data[at:at + size].endswith(b"\x67version\x01") and b"\x65roots" in data[at:at + size]


# --- DAGs made by tests ---

def _field(number, kind, value):
    if kind == 0:
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def dag_pb(data, links):
    """links: (name, cid, size of the tree below)"""
    out = b"".join(_field(2, 2, _field(1, 2, c) + _field(2, 2, n.encode()) + _field(3, 0, s))
                   for n, c, s in links)
    return out + _field(1, 2, data)


def unixfs_file(data, leaf=256 * 1024):
    """(root cid, [(cid, data)] in walk order): raw leaves under a dag-pb node, or one raw leaf."""
    leaves = [data[i:i + leaf] for i in range(0, len(data), leaf)] or [b""]
    pairs = [(cid(RAW, chunk), chunk) for chunk in leaves]
    if len(pairs) == 1:
        return pairs[0][0], pairs
    unixfs = _field(1, 0, 2) + _field(3, 0, len(data))
    unixfs += b"".join(_field(4, 0, len(chunk)) for chunk in leaves)
    node = dag_pb(unixfs, [("", c, len(d)) for c, d in pairs])
    root = cid(DAG_PB, node)
    return root, [(root, node), *pairs]


def file_car(data, leaf=256 * 1024):
    """(root as text, CAR bytes, [(cid, data)])"""
    root, pairs = unixfs_file(data, leaf)
    return text(root), car(root, pairs), pairs


def numbered(seed, size):
    """Bytes that differ everywhere: no two leaves alike, no two seeds alike."""
    return hashlib.shake_128(str(seed).encode()).digest(size)


# --- Links, to walk a DAG without the product ---

def links(raw, data):
    codec = split_cid(raw)[1]
    if codec == DAG_PB:
        return _pb_links(data)
    if codec == DAG_CBOR:
        return _cbor_links(data)
    if codec == DAG_JSON:
        return _json_links(json.loads(data))
    return []


def _pb_fields(data):
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        yield key >> 3, value


def _pb_links(data):
    return [bytes(dict(_pb_fields(value))[1]) for number, value in _pb_fields(data) if number == 2]


def _cbor_links(data):
    """Tag 42 byte strings in encoded order; without recursion."""
    out, at, tagged = [], 0, False
    while at < len(data):
        major, info = data[at] >> 5, data[at] & 31
        size = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
        value = int.from_bytes(data[at + 1:at + 1 + size], "big") if size else info
        at += 1 + size
        if major == 6:
            tagged = value == 42
            continue
        if major in (2, 3):
            if tagged:
                out.append(bytes(data[at + 1:at + value]))
            at += value
        tagged = False
    return out


def _json_links(value):
    if isinstance(value, dict):
        if set(value) == {"/"} and isinstance(value["/"], str):
            return [from_text(value["/"])]
        return [link for item in value.values() for link in _json_links(item)]
    if isinstance(value, list):
        return [link for item in value for link in _json_links(item)]
    return []


def walk(root, store):
    """CIDs of a whole DAG, depth-first, repeats and identity CIDs included, as the links spell
    them. store maps (codec, hash, digest) to data. None where a block is missing."""
    out, pending = [], [root]
    while pending:
        raw = pending.pop()
        key = split_cid(raw)[1:]
        data = key[2] if key[1] == IDENTITY else store.get(key)
        if data is None:
            return None
        out.append(raw)
        pending += reversed(links(raw, data))
    return out
