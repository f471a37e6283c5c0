//! What can go wrong in a pass, and who must act.

use crate::failure::Failure;

/// Who has to do something before the next attempt can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Time.
    Retry,
    /// The user: the object as it is cannot work.
    ChangeSpec,
}

/// Why a queue could not be brought about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the object cannot be read: {0}. Correct it; a newer operator may know more fields")]
    Unreadable(String),
    #[error("{0}")]
    Invalid(String),
    #[error("cannot read {what}: {}", said(source))]
    Read { what: String, source: kube::Error },
    #[error("cannot write {what}: {}", said(source))]
    Write { what: String, source: kube::Error },
    #[error("{what} exists and belongs to somebody else: delete or rename it, or rename this PrpcQueue")]
    NameTaken { what: String },
    #[error("the broker could not be cleaned up: {0}")]
    Broker(#[from] Failure),
    #[error("the API server did not answer within a minute")]
    TooSlow,
}

impl Error {
    /// One word for conditions, events and metrics.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::Invalid(_) => "InvalidSpec",
            Self::Read { .. } => "ReadFailed",
            Self::Write { .. } => "WriteFailed",
            Self::NameTaken { .. } => "NameTaken",
            Self::Broker(_) => "BrokerUnreachable",
            Self::TooSlow => "ApiServerSlow",
        }
    }

    /// Whether the API server refuses because the namespace is being deleted.
    pub(crate) fn is_end_of_namespace(&self) -> bool {
        let Self::Write { source: kube::Error::Api(status), .. } = self else { return false };
        let causes = status.details.iter().flat_map(|details| &details.causes);
        status.is_forbidden() && causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
    }

    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::Unreadable(_) | Self::Invalid(_) => Remedy::ChangeSpec,
            Self::Write { source: kube::Error::Api(status), .. } if status.is_invalid() => Remedy::ChangeSpec,
            _ => Remedy::Retry,
        }
    }
}

/// What the API server said; the rest of its answer repeats it.
fn said(source: &kube::Error) -> String {
    match source {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
