//! Responsibility: walking over a tape.

use super::Node;

/// A value on a tape.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'t, 'a> {
    nodes: &'t [Node<'a>],
    at: usize,
}

impl<'t, 'a> Cursor<'t, 'a> {
    pub(crate) fn new(nodes: &'t [Node<'a>], at: usize) -> Self {
        Self { nodes, at }
    }

    /// The node itself.
    pub fn node(&self) -> &'t Node<'a> {
        &self.nodes[self.at]
    }

    /// Index on the tape.
    pub fn index(&self) -> usize {
        self.at
    }

    /// Another value of the same tape.
    pub fn jump(&self, index: usize) -> Self {
        Self { nodes: self.nodes, at: index }
    }

    /// Index after the last node of the value, where its next sibling stands.
    pub fn end(&self) -> usize {
        match self.node() {
            Node::Array { end, .. } | Node::Object { end, .. } => *end as usize,
            _ => self.at + 1,
        }
    }

    /// The nodes of the value: itself and all within.
    pub(crate) fn nodes(&self) -> &'t [Node<'a>] {
        &self.nodes[self.at..self.end()]
    }

    /// The text, if the value is a string.
    pub fn as_str(&self) -> Option<&'t str> {
        match self.node() {
            Node::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if the value is an array.
    pub fn items(&self) -> Option<Items<'t, 'a>> {
        match self.node() {
            Node::Array { len, .. } => {
                Some(Items { next: Self { nodes: self.nodes, at: self.at + 1 }, left: *len as usize })
            }
            _ => None,
        }
    }

    /// The members in document order, if the value is an object.
    pub fn members(&self) -> Option<Members<'t, 'a>> {
        match self.node() {
            Node::Object { len, .. } => {
                Some(Members { next: Self { nodes: self.nodes, at: self.at + 1 }, left: *len as usize })
            }
            _ => None,
        }
    }

    /// The member of this name, if the value is an object that has it.
    pub fn get(&self, name: &str) -> Option<Self> {
        self.members()?.find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// Elements of an array.
#[derive(Debug, Clone)]
pub struct Items<'t, 'a> {
    next: Cursor<'t, 'a>,
    left: usize,
}

impl<'t, 'a> Iterator for Items<'t, 'a> {
    type Item = Cursor<'t, 'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let found = self.next;
        self.next.at = found.end();
        Some(found)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Items<'_, '_> {}

/// Members of an object.
#[derive(Debug, Clone)]
pub struct Members<'t, 'a> {
    next: Cursor<'t, 'a>,
    left: usize,
}

impl<'t, 'a> Iterator for Members<'t, 'a> {
    type Item = (&'t str, Cursor<'t, 'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = self.next.as_str().unwrap_or_default();
        let value = self.next.jump(self.next.at + 1);
        self.next.at = value.end();
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Members<'_, '_> {}
