//! Requests and answers as the API has them.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Frame;
use serde_json::{Value, json};

pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    List,
    Watch,
    Get,
    Post,
    Patch,
    Delete,
}

/// What a request is about.
pub(super) struct Target {
    pub(super) verb: Verb,
    pub(super) plural: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) status: bool,
    /// Server-side apply and not a merge.
    pub(super) apply: bool,
    /// Only the metadata are wanted.
    pub(super) partial: bool,
    pub(super) since: Option<u64>,
    selector: Vec<(String, String)>,
    limit: usize,
    skip: usize,
}

impl Target {
    /// `/api/v1/…` and `/apis/GROUP/VERSION/…`, in a namespace or not.
    pub(super) fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        let rest = match *parts.first()? {
            "api" => parts.get(2..)?,
            "apis" => parts.get(3..)?,
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
        let verb = match *method {
            Method::GET if query.get("watch").is_some_and(|watch| watch == "true") => Verb::Watch,
            Method::GET if rest.len() == 1 => Verb::List,
            Method::GET => Verb::Get,
            Method::POST => Verb::Post,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            _ => return None,
        };
        let header = |name, word| {
            headers.get(name).and_then(|text| text.to_str().ok()).is_some_and(|text| text.contains(word))
        };
        let pairs = query.get("labelSelector").map_or("", String::as_str).split(',');
        let selector = pairs.filter_map(|pair| pair.split_once('='));
        Some(Self {
            verb,
            plural: (*rest.first()?).to_owned(),
            namespace: namespace.to_owned(),
            name: rest.get(1).map_or_else(String::new, |name| (*name).to_owned()),
            status: rest.get(2) == Some(&"status"),
            apply: header(http::header::CONTENT_TYPE, "apply-patch"),
            partial: header(http::header::ACCEPT, "PartialObjectMetadata"),
            since: number("resourceVersion"),
            selector: selector.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            limit: number("limit").and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX),
            skip: number("continue").and_then(|skip| skip.try_into().ok()).unwrap_or_default(),
        })
    }

    /// As tests name the request.
    pub(super) fn line(&self) -> String {
        let verb = format!("{:?}", self.verb).to_uppercase();
        format!("{verb} {}/{}{}", self.plural, self.name, if self.status { "/status" } else { "" })
    }

    /// Whether a list or watch is to have the object.
    pub(super) fn selects(&self, plural: &str, object: &Value) -> bool {
        let metadata = &object["metadata"];
        plural == self.plural
            && (self.namespace.is_empty() || metadata["namespace"] == *self.namespace)
            && self.selector.iter().all(|(key, value)| metadata["labels"][key] == **value)
    }
}

/// A page of a list.
pub(super) fn list(target: &Target, version: u64, all: Vec<&Value>) -> Answer {
    let page = all.iter().skip(target.skip).take(target.limit);
    let items: Vec<_> = page.map(|object| partial((*object).clone(), target.partial)).collect();
    let next = target.skip + items.len();
    let more = (next < all.len()).then(|| next.to_string());
    let metadata = json!({"resourceVersion": version.to_string(), "continue": more});
    ok(&json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}))
}

/// An object, or only its metadata.
pub(super) fn partial(object: Value, partial: bool) -> Value {
    if !partial {
        return object;
    }
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
}

pub(super) fn ok(body: &Value) -> Answer {
    Response::new(Full::new(Bytes::from(body.to_string())).boxed_unsync())
}

pub(super) fn failed(code: u16) -> Answer {
    let mut answer = ok(&status(code, "Failure"));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    answer
}

/// The object that tells how a request ended.
pub(super) fn status(code: u16, outcome: &str) -> Value {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let message = format!("fault {code}");
    json!({"kind": "Status", "apiVersion": "v1", "status": outcome, "message": message, "reason": reason, "code": code})
}

/// A line of a watch.
pub(super) fn line(event: &Value) -> Frame<Bytes> {
    Frame::data(Bytes::from(format!("{event}\n")))
}
