//! Responsibility: member names that mean something to jsonpickle, and what each means here.

/// What a reserved member name says about the object that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Tuple,
    Set,
    Bytes,
    Reference,
    Object,
    Reduce,
    /// Reserved, and never accepted as the name of a form.
    Refused,
}

/// The tag with this name; `None` for names that are plain data.
pub(super) fn tag(name: &str) -> Option<Tag> {
    Some(match name.strip_prefix("py/")? {
        "tuple" => Tag::Tuple,
        "set" => Tag::Set,
        "b64" => Tag::Bytes,
        "id" => Tag::Reference,
        "object" => Tag::Object,
        "reduce" => Tag::Reduce,
        "bytes" | "b85" | "function" | "initargs" | "iterator" | "mod" | "newargs" | "newargsex"
        | "newobj" | "property" | "ref" | "repr" | "seq" | "state" | "type" | "default_factory" => {
            Tag::Refused
        }
        _ => return None,
    })
}
