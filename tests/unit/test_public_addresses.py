"""Which addresses are public: what a webhook may be sent to."""

from __future__ import annotations

import pytest

from services.notifier.channels.public_addresses import is_public

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "103.10.10.10",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "11.0.0.1",
    "9.255.255.255",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",  # 8.8.8.8 by NAT64
    "2002:808:808::1",  # 8.8.8.8 by 6to4
]
NOT_PUBLIC = [
    # loopback
    "127.0.0.1",
    "127.0.0.2",
    "127.1.2.3",
    "127.255.255.255",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:7f00:0001",
    "::127.0.0.1",  # IPv4-compatible, deprecated
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    # unspecified and "this network"
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "::ffff:0.0.0.0",
    # private
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "::ffff:10.0.0.1",
    "::ffff:192.168.1.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "2002:c0a8:101::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fdff:ffff::1",
    "fec0::1",  # site-local, deprecated
    # link-local, and the clouds' metadata service
    "169.254.0.1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    # shared by carriers (CGNAT)
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    # multicast and broadcast
    "224.0.0.1",
    "239.255.255.250",
    "::ffff:224.0.0.1",
    "2002:e000:1::1",
    "255.255.255.255",
    "ff02::1",
    "ff0e::1",
    # documentation, benchmarks, reserved
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "240.0.0.1",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.255",
    "192.88.99.1",  # 6to4 relays, deprecated
    "2001:1::1",
    "3fff::1",
    "2001:db8::1",
    "2001::1",  # Teredo
    "100::1",  # discard only
    "::ffff:0:7f00:1",  # IPv4-translated
    "4000::1",
    "5f00::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """What anyone can reach, also when an IPv6 form leads to it."""
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public(address: str) -> None:
    """What lies inside somebody's network, in every form in which it can be written, and what is nobody's."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "1.2.3", "1.2.3.4.5", "[::1]", "::g"]
)
def test_what_is_no_address(text: str) -> None:
    """Names and other spellings are no addresses: the resolver, or aiohttp, deals with them."""
    with pytest.raises(ValueError, match="does not appear to be"):
        is_public(text)
