from __future__ import annotations

import pytest

from facenet_core.errors import PrivateAddressError, UnreachableError
from facenet_core.sources.addresses import Addresses, is_public, resolve

PUBLIC = ["8.8.8.8", "1.1.1.1", "185.15.59.240", "2620:0:861:ed1a::1", "2001:4860:4860::8888"]

NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "233.252.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_hosts_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_of_one_network_or_of_many_hosts_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_a_host_with_one_private_address_is_refused_whatever_the_others_are() -> None:
    addresses = Addresses(resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(PrivateAddressError, match=r"pictures\.example:443 in FACENET_ALLOWED_PRIVATE_HOSTS"):
        addresses.of("pictures.example", 443)


def test_a_private_host_is_allowed_with_its_port_and_no_other() -> None:
    addresses = Addresses(["NAS.local:8080", "[fd00::5]:80"], resolve=lambda host, port: ["10.0.0.1"])
    assert addresses.of("nas.LOCAL", 8080) == ["10.0.0.1"]
    assert addresses.of("fd00::5", 80) == ["10.0.0.1"]
    for host, port in [("nas.local", 80), ("fd00::5", 8080), ("other.local", 8080), ("x.nas.local", 8080)]:
        with pytest.raises(PrivateAddressError):
            addresses.of(host, port)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "017700000001", "127.1", "localhost"])
def test_an_address_in_disguise_is_known_by_what_it_leads_to(host: str) -> None:
    with pytest.raises((PrivateAddressError, UnreachableError)):
        Addresses(resolve=resolve).of(host, 80)


def test_a_host_that_is_not_there_is_said_not_to_be() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(UnreachableError, match="there is no such host"):
        Addresses(resolve=nowhere).of("nowhere.example", 80)
    with pytest.raises(UnreachableError, match="there is no such host"):
        Addresses(resolve=lambda host, port: []).of("nowhere.example", 80)
    with pytest.raises(UnreachableError, match="there is no such host"):
        Addresses().of("a..b", 80)
