//! An IP address as text, without the heap: each request has one or two.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

/// The longest is an IPv6 address that ends with an IPv4 one.
const LONGEST: usize = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".len();

/// See the module's description.
#[derive(Debug)]
pub(super) struct AddressText {
    bytes: [u8; LONGEST],
    len: usize,
}

impl AddressText {
    pub(super) fn of(address: IpAddr) -> Self {
        let mut text = AddressText {
            bytes: [0; LONGEST],
            len: 0,
        };
        match address {
            IpAddr::V4(address) => {
                for (at, octet) in address.octets().into_iter().enumerate() {
                    if at > 0 {
                        text.push(b'.');
                    }
                    text.push_octet(octet);
                }
            }
            // It has room for any.
            IpAddr::V6(address) => drop(write!(text, "{address}")),
        }
        text
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    fn push_octet(&mut self, octet: u8) {
        if octet >= 100 {
            self.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            self.push(b'0' + octet / 10 % 10);
        }
        self.push(b'0' + octet % 10);
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }
}

impl fmt::Write for AddressText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.push(byte));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn it_is_what_the_standard_library_writes() {
        let v4 = (0..=u8::MAX).map(|octet| Ipv4Addr::new(octet, 255 - octet, 0, octet / 2));
        let v6 = [
            Ipv6Addr::LOCALHOST,
            Ipv6Addr::UNSPECIFIED,
            Ipv4Addr::BROADCAST.to_ipv6_mapped(),
            Ipv4Addr::BROADCAST.to_ipv6_compatible(),
            Ipv6Addr::from_bits(u128::MAX),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 1, 0, 0, 0x17),
        ];
        for address in v4.map(IpAddr::from).chain(v6.map(IpAddr::from)) {
            assert_eq!(AddressText::of(address).as_str(), address.to_string());
        }
    }
}
