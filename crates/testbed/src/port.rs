//! Ports that are free now and are likely to stay so until a server has them.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Below those that a kernel gives to whoever connects (from 32768 on Linux) and those of a cluster's nodes: a client
/// that tries again and again could otherwise take the port of a server that is being restarted, or even connect to itself.
const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;

/// A port of the loopback address that nobody listens on. Somebody may before you do: be ready to try another one.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn free_port() -> u16 {
    (0..COUNT)
        .map(|_| random_port())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("one of so many ports is free")
}

fn random_port() -> u16 {
    // Every state has keys of its own; the remainder is below `COUNT`.
    let offset = RandomState::new().hash_one(0) % u64::from(COUNT);
    FIRST + u16::try_from(offset).unwrap_or_default()
}
