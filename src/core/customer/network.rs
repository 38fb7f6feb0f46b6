//! The address of a person's device, for `client_ip_address`.
//!
//! In: text. Out: an address that is sent in clear, nothing, or a refusal. Deliberately absent:
//! choosing among the hops of `X-Forwarded-For`, ports, brackets and zone ids.
//! Source: Meta, "Customer Information Parameters", row `client_ip_address` (the user's public
//! address, not a proxy's); the ranges are those of the IANA special-purpose registries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::refusal::Refusal;
use super::text;

/// Reads a public address; `None` where there is none.
///
/// An IPv4 address inside an IPv6 one (`::ffff:8.8.8.8`) is returned as IPv4. The ranges reserved
/// for documentation pass: they reach nobody, so they do no harm, and Meta's own example
/// (`2001:0db8:85a3:…`) and nearly every test lie in them.
///
/// # Errors
/// [`Refusal::NotAnAddress`], or [`Refusal::NotPublic`] for a private, shared (carrier-grade
/// NAT), loopback, link-local, unspecified, multicast, broadcast or reserved address.
///
/// # Source
/// normalisation.md, row `client_ip_address`.
pub fn public_address(text: &str) -> Result<Option<IpAddr>, Refusal> {
    let text = text::trim(text);
    if text::is_absent(text) {
        return Ok(None);
    }
    let address: IpAddr = text.parse().map_err(|_| Refusal::NotAnAddress)?;
    let address = address.to_canonical();
    let public = match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    };
    if public { Ok(Some(address)) } else { Err(Refusal::NotPublic) }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || is_special_v4(address))
}

/// Whether an address is in one of the ranges that std has no stable word for: this network,
/// shared by a carrier's customers (RFC 6598), protocol assignments, benchmarks (RFC 2544), and
/// from 224 on multicast, reserved and broadcast.
fn is_special_v4(address: Ipv4Addr) -> bool {
    matches!(
        address.octets(),
        [0 | 224..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..]
    )
}

/// Whether an address is in `2000::/3`, all that IANA has given out for global unicast.
fn is_public_v6(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x2000..=0x3fff, ..])
}

#[cfg(test)]
mod tests {
    use super::public_address;
    use crate::core::customer::Refusal::{self, NotAnAddress, NotPublic};

    type Row = (&'static str, Result<Option<&'static str>, Refusal>, &'static str);

    #[test]
    fn only_public_addresses_pass() {
        let rows: &[Row] = &[
            ("168.212.226.204", Ok(Some("168.212.226.204")), "Meta's page"),
            (
                "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
                Ok(Some("2001:db8:85a3::8a2e:370:7334")),
                "Meta's page; documentation",
            ),
            (" 8.8.8.8 ", Ok(Some("8.8.8.8")), "trimmed"),
            ("203.0.113.7", Ok(Some("203.0.113.7")), "documentation"),
            ("2A00:1450::1", Ok(Some("2a00:1450::1")), "upper case"),
            ("::ffff:8.8.8.8", Ok(Some("8.8.8.8")), "IPv4 inside IPv6"),
            ("", Ok(None), "empty"),
            ("unknown", Ok(None), "placeholder"),
            ("0.0.0.0", Err(NotPublic), "unspecified"),
            ("9.255.255.255", Ok(Some("9.255.255.255")), "before 10/8"),
            ("10.0.0.1", Err(NotPublic), "private"),
            ("11.0.0.0", Ok(Some("11.0.0.0")), "after 10/8"),
            ("100.63.255.255", Ok(Some("100.63.255.255")), "before 100.64/10"),
            ("100.64.0.0", Err(NotPublic), "carrier-grade NAT"),
            ("100.127.255.255", Err(NotPublic), "carrier-grade NAT"),
            ("100.128.0.0", Ok(Some("100.128.0.0")), "after 100.64/10"),
            ("127.0.0.1", Err(NotPublic), "loopback"),
            ("169.254.1.1", Err(NotPublic), "link-local"),
            ("172.15.0.1", Ok(Some("172.15.0.1")), "before 172.16/12"),
            ("172.16.0.1", Err(NotPublic), "private"),
            ("172.31.255.255", Err(NotPublic), "private"),
            ("172.32.0.0", Ok(Some("172.32.0.0")), "after 172.16/12"),
            ("192.0.0.8", Err(NotPublic), "protocol assignments"),
            ("192.168.0.1", Err(NotPublic), "private"),
            ("198.18.0.1", Err(NotPublic), "benchmarks"),
            ("223.255.255.255", Ok(Some("223.255.255.255")), "before multicast"),
            ("224.0.0.1", Err(NotPublic), "multicast"),
            ("255.255.255.255", Err(NotPublic), "broadcast"),
            ("::", Err(NotPublic), "unspecified"),
            ("::1", Err(NotPublic), "loopback"),
            ("::ffff:192.168.0.1", Err(NotPublic), "private, inside IPv6"),
            ("fc00::1", Err(NotPublic), "unique local"),
            ("fdff::1", Err(NotPublic), "unique local"),
            ("fe80::1", Err(NotPublic), "link-local"),
            ("fec0::1", Err(NotPublic), "site-local"),
            ("ff02::1", Err(NotPublic), "multicast"),
            ("::8.8.8.8", Err(NotPublic), "IPv4-compatible, deprecated"),
            ("1fff::1", Err(NotPublic), "before 2000::/3"),
            ("2000::1", Ok(Some("2000::1")), "first of 2000::/3"),
            ("3fff:ffff::1", Ok(Some("3fff:ffff::1")), "last of 2000::/3"),
            ("4000::1", Err(NotPublic), "after 2000::/3"),
            ("256.1.1.1", Err(NotAnAddress), "malformed"),
            ("010.1.1.1", Err(NotAnAddress), "octal?"),
            ("8.8.8", Err(NotAnAddress), "malformed"),
            ("8.8.8.8:443", Err(NotAnAddress), "port"),
            ("[2a00:1450::1]", Err(NotAnAddress), "brackets"),
            ("fe80::1%eth0", Err(NotAnAddress), "zone"),
            ("8.8.8.8, 1.1.1.1", Err(NotAnAddress), "two hops"),
            ("8.8.8.8.AQQCAQIB", Err(NotAnAddress), "parameter builder's suffix"),
            ("８.8.8.8", Err(NotAnAddress), "full-width digit"),
            ("8.8.8.8\0", Err(NotAnAddress), "NUL"),
        ];
        for &(text, expected, source) in rows {
            let found = public_address(text).map(|found| found.map(|ip| ip.to_string()));
            assert_eq!(found, expected.map(|ip| ip.map(str::to_owned)), "{text}: {source}");
        }
    }
}
