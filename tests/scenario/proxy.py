# SPDX-License-Identifier: MIT
"""proxy - headers of the PROXY protocol, as proxies write them and as nobody should.

    python3 tests/scenario/proxy.py FOLDER     every one of them as a file: seeds of tests/fuzz/
"""
import ipaddress
import os
import struct
import sys

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
UNSPEC, TCP4, UDP4, TCP6, UDP6, UNIX_STREAM, UNIX_DGRAM = 0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32
ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, SSL, NETNS = 0x01, 0x02, 0x03, 0x04, 0x05, 0x20, 0x30

# What a header may hold at most here, PROXY_HEADER_MAX of server/proxy_header.h.
LONGEST = 16 + 4096


def v1(source="192.0.2.1", destination="198.51.100.2", source_port=56324, destination_port=443):
    """Version 1; the family is that of SOURCE."""
    family = ipaddress.ip_address(source).version
    return f"PROXY TCP{family} {source} {destination} {source_port} {destination_port}\r\n".encode()


def v1_unknown(rest=b""):
    return b"PROXY UNKNOWN" + rest + b"\r\n"


def tlv(type, value=b""):
    return struct.pack("!BH", type, len(value)) + value


def crc32c(data):
    """RFC 4960, appendix B."""
    sum = 0xFFFFFFFF
    for byte in data:
        sum ^= byte
        for _ in range(8):
            sum = sum >> 1 ^ (0x82F63B78 if sum & 1 else 0)
    return sum ^ 0xFFFFFFFF


def raw(body=b"", command=PROXY, family=TCP4, length=None):
    """Version 2 of any body; LENGTH is what the header says of it where that is not true."""
    told = len(body) if length is None else length
    return SIGNATURE + struct.pack("!BBH", command, family, told) + body


def block(source="192.0.2.1", destination="198.51.100.2", source_port=56324, destination_port=443):
    """The addresses of IPv4 or IPv6 (TCP4 or TCP6 of raw() must say the same)."""
    return (ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed +
            struct.pack("!HH", source_port, destination_port))


def unix_block(source=b"", destination=b""):
    return struct.pack("108s108s", source, destination)


def v2(source="192.0.2.1", destination="198.51.100.2", source_port=56324, destination_port=443,
       tlvs=b"", checksum=False):
    """Version 2 of a TCP client, with TLVs (joined), and a checksum behind them."""
    family = TCP4 if ipaddress.ip_address(source).version == 4 else TCP6
    body = block(source, destination, source_port, destination_port) + tlvs
    if not checksum:
        return raw(body, family=family)
    head = raw(body + tlv(CRC32C, bytes(4)), family=family)
    return head[:-4] + struct.pack("!I", crc32c(head))


def v2_local(body=b""):
    """What a proxy sends for its own health check."""
    return raw(body, command=LOCAL, family=UNSPEC)


def v2_ssl(version=b"TLSv1.3", cn=b"client"):
    """PP2_TYPE_SSL with its own TLVs within."""
    return tlv(SSL, struct.pack("!BI", 0x07, 0) + tlv(0x21, version) + tlv(0x22, cn))


# Name: (header, the client it names as logs show it, or None where the socket's peer is the client).
VALID = {
    "v1_tcp4": (v1(), "192.0.2.1:56324"),
    "v1_tcp4_shortest": (v1("0.0.0.0", "0.0.0.0", 0, 0), "0.0.0.0:0"),
    "v1_tcp4_longest": (v1("255.255.255.255", "255.255.255.255", 65535, 65535),
                        "255.255.255.255:65535"),
    "v1_tcp6": (v1("2001:db8::1", "2001:db8::2"), "[2001:db8::1]:56324"),
    "v1_tcp6_longest": (v1(":".join(["ffff"] * 8), ":".join(["ffff"] * 8), 65535, 65535),
                        "[" + ":".join(["ffff"] * 8) + "]:65535"),
    "v1_tcp6_mapped": (v1("::ffff:192.0.2.1", "::ffff:198.51.100.2"), "192.0.2.1:56324"),
    "v1_unknown": (v1_unknown(), None),
    "v1_unknown_long": (v1_unknown(b" 192.0.2.1 198.51.100.2 1 2"), None),
    "v1_unknown_longest": (v1_unknown(b" ".ljust(92, b"x")), None),
    "v2_tcp4": (v2(), "192.0.2.1:56324"),
    "v2_tcp6": (v2("2001:db8::1", "2001:db8::2"), "[2001:db8::1]:56324"),
    "v2_tcp6_mapped": (v2("::ffff:192.0.2.1", "::1"), "192.0.2.1:56324"),
    "v2_udp4": (raw(block(), family=UDP4), "192.0.2.1:56324"),
    "v2_unix": (raw(unix_block(b"/run/client", b"/run/server"), family=UNIX_STREAM), "unix"),
    "v2_local": (v2_local(), None),
    "v2_local_with_addresses": (raw(block(), command=LOCAL), None),
    "v2_local_odd": (raw(b"\x03\xff\xff", command=LOCAL, family=0xFF), None),
    "v2_unspec": (raw(family=UNSPEC), None),
    "v2_unspec_with_tlvs": (raw(tlv(NOOP, b"xx"), family=UNSPEC), None),
    "v2_tlvs": (v2(tlvs=tlv(ALPN, b"h2") + tlv(AUTHORITY, b"example.com") + tlv(NOOP) +
                   tlv(UNIQUE_ID, b"id") + tlv(NETNS, b"ns") + tlv(0xE0, b"?")), "192.0.2.1:56324"),
    "v2_ssl": (v2(tlvs=v2_ssl()), "192.0.2.1:56324"),
    "v2_checksum": (v2(tlvs=tlv(AUTHORITY, b"example.com"), checksum=True), "192.0.2.1:56324"),
    "v2_longest": (v2(tlvs=tlv(NOOP, bytes(4096 - 12 - 3))), "192.0.2.1:56324"),
    "v2_longest_checksum": (v2(tlvs=tlv(NOOP, bytes(4096 - 12 - 7 - 3)), checksum=True),
                            "192.0.2.1:56324"),
}

# Name: (bytes, the reason as the log tells it: PROXY_HEADER_REASONS).
MALFORMED = {
    "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "no PROXY header"),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00", "no PROXY header"),
    "lower_case": (b"proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n", "no PROXY header"),
    "v1_udp": (b"PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n", "malformed line"),
    "v1_two_blanks": (b"PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n", "malformed line"),
    "v1_lf": (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n", "malformed line"),
    "v1_cr": (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\rx", "malformed line"),
    "v1_three_words": (b"PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n", "malformed line"),
    "v1_five_words": (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n", "malformed line"),
    "v1_nul": (b"PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n", "malformed line"),
    "v1_octal": (b"PROXY TCP4 192.0.02.1 198.51.100.2 1 2\r\n", "malformed address"),
    "v1_wrong_family": (b"PROXY TCP4 ::1 ::1 1 2\r\n", "malformed address"),
    "v1_scope": (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "malformed address"),
    "v1_port_too_big": (b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n", "malformed port"),
    "v1_port_octal": (b"PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n", "malformed port"),
    "v1_108": (v1_unknown(b" ".ljust(93, b"x")), "too long"),
    "v1_endless": (b"PROXY TCP4 " + b"1" * 200, "too long"),
    "v2_signature": (bytes([*SIGNATURE[:11], 0x0B]) + v2()[12:], "no PROXY header"),
    "v2_version_1": (raw(block(), command=0x11), "unknown version"),
    "v2_command": (raw(block(), command=0x22), "unknown command"),
    "v2_family": (raw(block(), family=0x41), "unknown address family or transport"),
    "v2_transport": (raw(block(), family=0x13), "unknown address family or transport"),
    "v2_no_addresses": (raw(), "shorter than its addresses"),
    "v2_short_addresses": (raw(block()[:11]), "shorter than its addresses"),
    "v2_tcp4_as_tcp6": (raw(block(), family=TCP6), "shorter than its addresses"),
    "v2_too_long": (v2(tlvs=tlv(NOOP, bytes(4096 - 12 - 2))), "too long"),
    "v2_64k": (raw(bytes(65535), family=UNSPEC), "too long"),
    "v2_tlv_cut": (raw(block() + tlv(AUTHORITY, b"example.com")[:-1]), "malformed TLV"),
    "v2_tlv_head_cut": (raw(block() + b"\x04\x00"), "malformed TLV"),
    "v2_unix_endless": (raw(b"x" * 216, family=UNIX_STREAM), "malformed address"),
    "v2_checksum_wrong": (raw(block() + tlv(CRC32C, b"\x12\x34\x56\x78")), "wrong checksum"),
    "v2_checksum_size": (raw(block() + tlv(CRC32C, b"\x12\x34")), "malformed TLV"),
    "v2_checksum_twice": (raw(block() + tlv(CRC32C, bytes(4)) * 2), "malformed TLV"),
}

# What a client may have sent when it stops, or leaves: never a header, never an error.
CUT = {
    "cut_v1": v1()[:-1],
    "cut_v1_in_keyword": b"PROXY TC",
    "cut_v2": v2()[:-1],
    "cut_v2_signature": SIGNATURE,
    "cut_v2_tlvs": v2(tlvs=tlv(NOOP, bytes(100)))[:-1],
    "cut_v2_lies": raw(block(), length=4096),
}


def seeds():
    """Name and bytes of all; a few hundred bytes each, and something behind what is whole."""
    for name, (header, _) in VALID.items():
        yield name, header
    yield "v1_then_more", v1() + b"hello\r\n"
    yield "v2_then_more", v2() + b"hello\r\n"
    for name, (header, _) in MALFORMED.items():
        yield "bad_" + name, header[:LONGEST + 16]
    yield from CUT.items()


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, data in seeds():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(data)
