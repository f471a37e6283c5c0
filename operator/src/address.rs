//! Addresses as the operator must write them: a host name without a dot belongs to the queue's namespace, where the pods look it
//! up, and not to the operator's.

use std::net::IpAddr;

/// The address of a Redis server.
pub(crate) fn url_seen_from_here(address: &str, namespace: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    // A password may hold any of these characters, but none follows the host.
    let (authority, path) = match rest.rfind('@') {
        Some(at) if at >= authority_end => {
            let end = rest[at..].find(['/', '?']).map_or(rest.len(), |end| at + end);
            rest.split_at(end)
        }
        _ => rest.split_at(authority_end),
    };
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (format!("{user}@"), place),
        None => (String::new(), authority),
    };
    format!("{scheme}://{user}{}{path}", server_seen_from_here(place, namespace))
}

/// A host, perhaps with a port.
pub(crate) fn server_seen_from_here(place: &str, namespace: &str) -> String {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, format!(":{port}")),
        _ => (place, String::new()),
    };
    let elsewhere = host.is_empty() || host.contains('.') || host.starts_with('[') || host == "localhost";
    if elsewhere || host.parse::<IpAddr>().is_ok() {
        return place.to_owned();
    }
    format!("{host}.{namespace}.svc{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_host_name_is_looked_up_in_the_namespace_of_the_queue() {
        for (address, seen) in [
            ("redis://redis:6379/0", "redis://redis.shop.svc:6379/0"),
            ("redis://redis", "redis://redis.shop.svc"),
            ("redis://user:p@ss/word@redis:6379/0", "redis://user:p@ss/word@redis.shop.svc:6379/0"),
            ("rediss://:pw@redis:6380", "rediss://:pw@redis.shop.svc:6380"),
            ("redis://redis.data:6379/0", "redis://redis.data:6379/0"),
            ("redis://10.0.0.7:6379/0", "redis://10.0.0.7:6379/0"),
            ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
            ("redis://localhost:6379", "redis://localhost:6379"),
            ("redis+unix:///run/x.sock", "redis+unix:///run/x.sock"),
        ] {
            assert_eq!(url_seen_from_here(address, "shop"), seen, "{address}");
        }
        for (server, seen) in [
            ("kafka:9092", "kafka.shop.svc:9092"),
            ("kafka.data:9092", "kafka.data:9092"),
            ("10.0.0.7:9092", "10.0.0.7:9092"),
            ("[::1]:9092", "[::1]:9092"),
        ] {
            assert_eq!(server_seen_from_here(server, "shop"), seen, "{server}");
        }
    }
}
