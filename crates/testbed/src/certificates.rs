//! An authority of the test's own, and what it certifies: servers of this machine, and clients by their name.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, SanType,
};

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Certified {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Both in one file.
    pub both: PathBuf,
}

/// An authority that signs certificates, as files in a folder.
pub struct Certificates {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    /// A new authority. Its files go into the folder.
    ///
    /// # Panics
    /// If they cannot be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let mut params = params("the test's authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        let certificates = Self { folder: folder.to_owned(), issuer };
        write(&certificates.authority(), &certificates.issuer.pem());
        certificates
    }

    /// The file that clients and servers trust.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Certifies a server of this machine, as `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn server(&self) -> Certified {
        self.certify("localhost", &["localhost", "127.0.0.1"])
    }

    /// Certifies a client of this name.
    #[must_use]
    pub fn client(&self, name: &str) -> Certified {
        self.certify(name, &[])
    }

    fn certify(&self, name: &str, hosts: &[&str]) -> Certified {
        let key = key();
        let certificate = params(name, hosts).signed_by(&key, &self.issuer).expect("a certificate").pem();
        let file = |suffix: &str| self.folder.join(format!("{name}.{suffix}"));
        let certified = Certified { certificate: file("pem"), key: file("key"), both: file("both.pem") };
        let key = key.serialize_pem();
        write(&certified.certificate, &certificate);
        write(&certified.key, &key);
        write(&certified.both, &format!("{key}{certificate}"));
        certified
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = hosts
        .iter()
        .map(|host| match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*host).try_into().expect("a host's name")),
        })
        .collect();
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|error| panic!("{} cannot be written: {error}", file.display()));
}
