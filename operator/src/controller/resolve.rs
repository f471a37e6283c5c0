//! Reads what a queue refers to: its Secrets, and the Deployment that an earlier operator left.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt as _};
use prpc_api::PrpcQueue;
use prpc_api::spec::{SecretKey, SecretRole};
use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::queue::Queue;

/// A value longer than that is none.
const LONGEST: usize = 64 << 10;

/// What a queue has in Secrets to get to its broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// All of it is there. `fingerprint` changes when any of it does for which pods must be replaced; none without a Secret.
    Known { secrets: Secrets, fingerprint: Option<String> },
    /// Something is not there yet: what is missing, and what to do.
    Missing(String),
}

/// The values of the keys that are named. Never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Secrets(BTreeMap<SecretRole, String>);

impl Secrets {
    /// The value that is for something.
    pub(super) fn get(&self, role: SecretRole) -> Option<&String> {
        self.0.get(&role)
    }
}

#[cfg(test)]
impl<const N: usize> From<[(SecretRole, &str); N]> for Secrets {
    fn from(values: [(SecretRole, &str); N]) -> Self {
        Self(values.map(|(role, value)| (role, value.to_owned())).into())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
impl Access {
    /// Without a Secret.
    pub(super) fn open() -> Self {
        Self::Known { secrets: Secrets::default(), fingerprint: None }
    }
}

/// Reads the keys of Secrets that a queue names.
pub(super) async fn resolve(client: &Client, resource: &PrpcQueue) -> Result<Access, Error> {
    let namespace = resource.namespace().unwrap_or_default();
    let named = resource.spec.broker.secrets();
    let mut read: BTreeMap<&str, Secret> = BTreeMap::new();
    let (mut secrets, mut digest) = (Secrets::default(), Sha256::new());
    for &(role, key) in &named {
        if !read.contains_key(key.name.as_str()) {
            match secret(client, &namespace, role, key).await? {
                Ok(secret) => drop(read.insert(&key.name, secret)),
                Err(missing) => return Ok(Access::Missing(missing)),
            }
        }
        let Some(secret) = read.get(key.name.as_str()) else { continue };
        let Some(value) = value(secret, role, key) else {
            let (name, field) = (&key.name, &key.key);
            return Ok(Access::Missing(format!(
                "Secret {namespace}/{name} has no usable key '{field}'. Add the key with {}, or change {}.key.",
                what(role),
                role.field()
            )));
        };
        // Pods read the token again by themselves.
        if role != SecretRole::Token {
            for part in [&secret.uid().unwrap_or_default(), role.field(), value.as_str()] {
                digest.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
                digest.update(part);
            }
        }
        secrets.0.insert(role, value);
    }
    let fingerprint = named.iter().any(|(role, _)| *role != SecretRole::Token).then(|| short(digest));
    Ok(Access::Known { secrets, fingerprint })
}

/// A Secret; inside, what is missing and what to do.
async fn secret(
    client: &Client,
    namespace: &str,
    role: SecretRole,
    key: &SecretKey,
) -> Result<Result<Secret, String>, Error> {
    let (name, field) = (&key.name, &key.key);
    match Api::<Secret>::namespaced(client.clone(), namespace).get_opt(name).await {
        Ok(Some(secret)) => Ok(Ok(secret)),
        Ok(None) => Ok(Err(format!(
            "Secret {namespace}/{name} does not exist. Create it with the key '{field}', or change {}.",
            role.field()
        ))),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Err(format!(
            "the operator may not read Secret {namespace}/{name}. Give its role get on secrets in this namespace."
        ))),
        Err(source) => Err(Error::Read { what: format!("Secret {namespace}/{name}"), source }),
    }
}

/// The value of a key, as the pods will have it.
fn value(secret: &Secret, role: SecretRole, key: &SecretKey) -> Option<String> {
    let bytes = &secret.data.as_ref()?.get(&key.key)?.0;
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST)?;
    let text = match role {
        // Whoever reads these leaves out blanks at the ends.
        SecretRole::Url | SecretRole::Token => text.trim(),
        _ => text,
    };
    Some(text.to_owned()).filter(|text| !text.trim().is_empty())
}

const fn what(role: SecretRole) -> &'static str {
    match role {
        SecretRole::Url => "the address of the broker",
        SecretRole::Ca => "the certificates to trust",
        SecretRole::Certificate => "the client's certificate",
        SecretRole::PrivateKey => "the client's private key",
        SecretRole::Username => "the user",
        SecretRole::Password => "the password",
        SecretRole::Token => "the token",
    }
}

/// Tells two values apart, and too short to find a password with: four bytes fit every 4 billionth guess.
fn short(digest: Sha256) -> String {
    digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// How many replicas the queue begins with when this operator has not followed it before: as many as its Deployment has.
pub(super) async fn replicas(client: &Client, queue: &Queue) -> Result<u32, Error> {
    let name = queue.children_name();
    let what = || format!("Deployment {}/{name}", queue.namespace);
    let live = Api::<Deployment>::namespaced(client.clone(), &queue.namespace).get_opt(&name).await;
    match live.map_err(|source| Error::Read { what: what(), source })? {
        Some(live) if !live.owner_references().iter().any(|owner| owner.uid == queue.owner.uid) => {
            Err(Error::NameTaken { what: what() })
        }
        Some(live) => {
            Ok(live.spec.and_then(|spec| spec.replicas).and_then(|n| n.try_into().ok()).unwrap_or(1))
        }
        None => Ok(queue.first_replicas()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_api::FakeApi;
    use serde_json::{Value, json};

    fn queue(security: &Value) -> PrpcQueue {
        serde_json::from_value(json!({
            "apiVersion": "prpc.dev/v1alpha1", "kind": "PrpcQueue", "metadata": {"name": "orders", "namespace": "shop"},
            "spec": {
                "broker": {"kafka": {"bootstrapServers": ["k:1"], "security": security}},
                "function": {"image": "i", "app": "a:b"},
            },
        }))
        .unwrap()
    }

    fn key(name: &str, key: &str) -> Value {
        json!({"name": name, "key": key})
    }

    async fn resolved(api: &FakeApi, queue: &PrpcQueue) -> (Secrets, Option<String>) {
        match resolve(&api.client(), queue).await.unwrap() {
            Access::Known { secrets, fingerprint } => (secrets, fingerprint),
            Access::Missing(what) => panic!("{what}"),
        }
    }

    #[tokio::test]
    async fn a_secret_with_several_keys_is_read_once_and_any_change_of_them_is_seen() {
        let api = FakeApi::default();
        // "a", "b\n", "c"
        api.put("secrets", "shop", "login", &json!({"data": {"user": "YQ==", "password": "Ygo="}}));
        api.put("secrets", "shop", "ca", &json!({"data": {"ca.crt": "Yw=="}}));
        let queue = queue(&json!({
            "tls": {"caSecretRef": key("ca", "ca.crt")},
            "sasl": {
                "mechanism": "PLAIN",
                "usernameSecretRef": key("login", "user"), "passwordSecretRef": key("login", "password"),
            },
        }));
        let (secrets, first) = resolved(&api, &queue).await;
        let get = |role| secrets.get(role).map(String::as_str);
        assert_eq!((get(SecretRole::Username), get(SecretRole::Ca)), (Some("a"), Some("c")));
        // As the pods have it.
        assert_eq!(get(SecretRole::Password), Some("b\n"));
        assert!(!format!("{secrets:?}").contains('b'), "{secrets:?}");
        assert_eq!((api.times("GET secrets/login").len(), api.times("GET secrets/ca").len()), (1, 1));

        let first = first.unwrap();
        assert_eq!(first.len(), 8);
        assert_eq!(resolved(&api, &queue).await.1.as_ref(), Some(&first));
        for (secret, changed) in [("ca", json!({"ca.crt": "ZA=="})), ("login", json!({"password": "YWI="}))] {
            let before = resolved(&api, &queue).await.1;
            api.put("secrets", "shop", secret, &json!({"data": changed}));
            assert_ne!(resolved(&api, &queue).await.1, before, "{secret}");
        }
    }

    #[tokio::test]
    async fn another_token_is_read_and_replaces_no_pod() {
        let api = FakeApi::default();
        let queue =
            queue(&json!({"sasl": {"mechanism": "OAUTHBEARER", "tokenSecretRef": key("token", "jwt")}}));
        for (data, token) in [("b25lCg==", "one"), ("dHdvCg==", "two")] {
            api.put("secrets", "shop", "token", &json!({"data": {"jwt": data}}));
            let (secrets, fingerprint) = resolved(&api, &queue).await;
            assert_eq!(
                (secrets.get(SecretRole::Token).map(String::as_str), fingerprint),
                (Some(token), None)
            );
        }
    }

    #[tokio::test]
    async fn whatever_is_missing_is_named_with_the_field_to_change() {
        let api = FakeApi::default();
        let queue = queue(&json!({
            "tls": {"certificateSecretRef": key("user", "user.crt"), "keySecretRef": key("user", "user.key")},
        }));
        let missing = async || match resolve(&api.client(), &queue).await.unwrap() {
            Access::Missing(what) => what,
            Access::Known { .. } => panic!("all is there"),
        };
        assert_eq!(
            missing().await,
            "Secret shop/user does not exist. Create it with the key 'user.crt', or change \
             spec.broker.kafka.security.tls.certificateSecretRef."
        );
        api.put("secrets", "shop", "user", &json!({"data": {"user.crt": "YQ==", "user.key": ""}}));
        assert_eq!(
            missing().await,
            "Secret shop/user has no usable key 'user.key'. Add the key with the client's private key, or change \
             spec.broker.kafka.security.tls.keySecretRef.key."
        );
    }
}
