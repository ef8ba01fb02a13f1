//! The hosts whose services are told of trace and session.

/// All of them, or those of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts(Option<Vec<String>>);

impl Hosts {
    /// # Errors
    /// The first that is no host.
    pub(crate) fn new(given: Option<&[String]>) -> Result<Self, &str> {
        let Some(given) = given else {
            return Ok(Hosts(None));
        };
        let hosts = given.iter().map(|host| {
            let name = unbracketed(host).to_ascii_lowercase();
            let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
            let is_address = name.parse::<std::net::Ipv6Addr>().is_ok();
            let is_good = !name.is_empty()
                && !name.starts_with('.')
                && name.bytes().all(is_host)
                && (is_address || !name.contains(':'));
            is_good.then_some(name).ok_or(host.as_str())
        });
        Ok(Hosts(Some(hosts.collect::<Result<_, _>>()?)))
    }

    pub(crate) fn allow(&self, host: &str) -> bool {
        let Some(hosts) = &self.0 else {
            return true;
        };
        let host = unbracketed(host).trim_end_matches('.').to_ascii_lowercase();
        hosts.iter().any(|allowed| {
            let Some(rest) = host.strip_suffix(allowed.as_str()) else {
                return false;
            };
            // An address has nothing below it.
            rest.is_empty() || (rest.ends_with('.') && allowed.parse::<std::net::IpAddr>().is_err())
        })
    }
}

fn unbracketed(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(list: &[&str]) -> Hosts {
        let list: Vec<_> = list.iter().map(|host| (*host).to_owned()).collect();
        Hosts::new(Some(&list)).unwrap()
    }

    #[test]
    fn a_name_stands_for_its_subdomains_and_an_address_for_itself() {
        let listed = hosts(&["Shop.example", "localhost", "10.0.0.7", "[::1]"]);
        for (host, allowed) in [
            ("shop.example", true),
            ("SHOP.example.", true),
            ("api.shop.example", true),
            ("a.b.shop.example", true),
            ("myshop.example", false),
            ("shop.example.evil", false),
            ("example", false),
            ("localhost", true),
            ("10.0.0.7", true),
            ("1.10.0.0.7", false),
            ("::1", true),
            ("[::1]", true),
            ("", false),
        ] {
            assert_eq!(listed.allow(host), allowed, "{host:?}");
        }
    }

    #[test]
    fn without_a_list_all_are_allowed_and_with_an_empty_one_none() {
        assert!(Hosts::default().allow("anything.example"));
        assert!(!hosts(&[]).allow("anything.example"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in [
            "",
            ".shop.example",
            "http://shop.example",
            "shop.example:80",
            "*",
            "a b",
            "ü",
        ] {
            let list = [host.to_owned()];
            assert_eq!(Hosts::new(Some(&list)).unwrap_err(), host);
        }
    }
}
