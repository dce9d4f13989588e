"""Says of each address in a file whether Python's own registries hold it for public: one 1 or 0 a line.

Tunnels are judged by the IPv4 address inside, and the list of what we refuse beyond Python's verdict is at the top."""

import ipaddress
import sys

STRICTER = [
    ipaddress.ip_network(text)
    for text in [
        "192.0.0.0/24",  # Some of it is anycast of protocols: nothing serves media there.
        "192.88.99.0/24",  # The relays of 6to4, withdrawn.
        "::/96",  # Compatible addresses, withdrawn.
        "::ffff:0:0/96",  # Mapped addresses: never on the wire, and newer versions judge what is inside.
        "::ffff:0:0:0/96",  # Translated addresses, private to a translator.
        "64:ff9b:1::/48",  # NAT64 of one's own network.
        "2001::/23",  # Teredo and ORCHID; newer versions let single blocks of it through.
        "3fff::/20",  # Documentation; newer versions know it.
        "5f00::/16",  # Segment routing.
        "fec0::/10",  # Site local, withdrawn.
    ]
]
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def public(address):
    if any(address.version == block.version and address in block for block in STRICTER):
        return False
    if address.version == 6:
        if address.sixtofour is not None:
            return public(address.sixtofour)
        if address in NAT64:
            return public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


with open(sys.argv[1], encoding="ascii") as lines:
    print("\n".join(str(int(public(ipaddress.ip_address(line.strip())))) for line in lines))
