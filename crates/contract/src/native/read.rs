//! Responsibility: nodes of section 9.2 in document order, with the numbers and references of section 5.

use super::forms;
use super::tags::{Tag, tag};
use crate::fault::{Fault, Reason};
use crate::json::{Cursor, Limits, Node};
use crate::value::{Value, is_hashable, unique};

/// A message full of sets within sets within sets, at most so deep, can still be compared in acceptable time.
const SET_LEVELS: usize = 4;

/// Reads the nodes of one document.
pub(super) struct Reader<'l> {
    limits: &'l Limits,
    /// Where on the tape the value with each number stands.
    numbers: Vec<u32>,
    /// Values read so far, those behind references counted at every use.
    values: usize,
    /// Sets that the next value is inside of. Each of them compares it with its other elements.
    sets: usize,
    /// How many values all sets have to compare.
    compared: usize,
    /// True while the target of a reference is read once more: it has its numbers already.
    repeating: bool,
}

impl<'l> Reader<'l> {
    /// The message itself has number 0.
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self { limits, numbers: vec![0], values: 0, sets: 0, compared: 0, repeating: false }
    }

    /// Reads a node with `depth` values around it. Recursion ends at the limit of depth.
    pub(super) fn node(&mut self, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
        self.enter(depth)?;
        Ok(match at.node() {
            Node::Null => Value::None,
            Node::Bool(truth) => Value::Bool(*truth),
            Node::Int(number) => Value::Int(*number),
            Node::BigInt(number) => Value::BigInt((*number).into()),
            Node::Float(number) => Value::Float(*number),
            Node::Str(text) => Value::str(text.as_ref()),
            Node::Array { .. } => {
                self.number(at);
                Value::List(self.items(at, depth + 1)?)
            }
            Node::Object { .. } => return self.object(at, depth),
        })
    }

    fn enter(&mut self, depth: usize) -> Result<(), Fault> {
        self.values += 1;
        self.compared += self.sets;
        let (most, deepest) = (self.limits.values, self.limits.depth);
        if self.values <= most && self.compared <= most.saturating_mul(SET_LEVELS) && depth <= deepest {
            return Ok(());
        }
        let detail = format!("references and sets multiply it beyond {most} values or {deepest} levels");
        Err(Fault::new(Reason::Expansion, detail))
    }

    /// The elements of an array, which itself takes no number here. Not an array: `form`.
    pub(super) fn items(&mut self, at: Cursor<'_, '_>, depth: usize) -> Result<Vec<Value>, Fault> {
        let items = at.items().ok_or_else(|| form("an array was expected"))?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.node(item, depth)?);
        }
        Ok(values)
    }

    // A function for each form, because the frames of this one add up when values are nested.
    fn object(&mut self, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
        match tag_of(at) {
            None => self.plain(at, depth + 1),
            Some((_, Tag::Tuple)) => self.tuple(at, depth + 1),
            Some((_, Tag::Set)) => self.set(at, depth + 1),
            Some((_, Tag::Bytes)) => forms::bytes(at),
            Some((_, Tag::Reference)) => self.reference(at, depth),
            Some((_, Tag::Object)) => {
                self.number(at);
                forms::object(self, at, depth)
            }
            Some((_, Tag::Reduce)) => {
                self.number(at);
                forms::reduce(self, at, depth)
            }
            Some((name, Tag::Refused)) => Err(forms::refused("the member", Some(name))),
        }
    }

    fn tuple(&mut self, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
        let [items] = exactly(at, ["py/tuple"])?;
        self.items(items, depth).map(Value::Tuple)
    }

    fn set(&mut self, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
        let [items] = exactly(at, ["py/set"])?;
        let items = self.inside_set(|reader| reader.items(items, depth))?;
        distinct(items).map(Value::Set)
    }

    /// Reads what will be the elements of a set.
    pub(super) fn inside_set<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.sets += 1;
        let read = read(self);
        self.sets -= 1;
        read
    }

    fn plain(&mut self, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
        self.number(at);
        let members = at.members().ok_or_else(|| form("an object was expected"))?;
        let mut values = Vec::with_capacity(members.len());
        for (name, value) in members {
            values.push((Value::str(name), self.node(value, depth)?));
        }
        Ok(Value::Dict(values))
    }

    fn reference(&mut self, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
        let target = self.target(at)?;
        let repeating = std::mem::replace(&mut self.repeating, true);
        let value = self.node(target, depth);
        self.repeating = repeating;
        value
    }

    fn target<'t, 'a>(&self, at: Cursor<'t, 'a>) -> Result<Cursor<'t, 'a>, Fault> {
        let [number] = exactly(at, ["py/id"])?;
        let place = match number.node() {
            Node::Int(number) => usize::try_from(*number).ok().and_then(|number| self.numbers.get(number)),
            _ => None,
        };
        let place = place.ok_or_else(|| Fault::new(Reason::Reference, "py/id names no earlier value"))?;
        let target = at.jump(*place as usize);
        if target.end() > at.index() {
            return Err(Fault::new(Reason::Cycle, "py/id names a value that it stands in"));
        }
        Ok(target)
    }

    fn number(&mut self, at: Cursor<'_, '_>) {
        if !self.repeating {
            self.numbers.push(at.index() as u32);
        }
    }
}

/// A reserved member of the object, one that names an accepted form first.
fn tag_of<'t>(at: Cursor<'t, '_>) -> Option<(&'t str, Tag)> {
    let mut found = None;
    for (name, _) in at.members()? {
        match tag(name) {
            None => {}
            Some(Tag::Refused) => found = found.or(Some((name, Tag::Refused))),
            Some(tag) => return Some((name, tag)),
        }
    }
    found
}

/// The values of exactly these members, in this order. Others or fewer: `form`.
pub(super) fn exactly<'t, 'a, const N: usize>(
    at: Cursor<'t, 'a>,
    names: [&str; N],
) -> Result<[Cursor<'t, 'a>; N], Fault> {
    let wrong = || form(format!("exactly the members {} were expected", names.join(", ")));
    if at.members().is_none_or(|members| members.len() != N) {
        return Err(wrong());
    }
    let mut values = [at; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = at.get(name).ok_or_else(wrong)?;
    }
    Ok(values)
}

/// The elements of a set; what Python cannot hash is `form`.
pub(super) fn distinct(items: Vec<Value>) -> Result<Vec<Value>, Fault> {
    match items.iter().find(|item| !is_hashable(item)) {
        Some(item) => Err(form(format!("a {} cannot be in a set", item.type_name()))),
        None => Ok(unique(items)),
    }
}

pub(super) fn form(detail: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Reason::Form, detail)
}
