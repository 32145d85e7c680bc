//! The wanted pointers, as a tree of their segments.

use super::key::LONGEST;

/// The position of a node in the tree.
pub(super) type Node = u32;

pub(super) const ROOT: Node = 0;

/// A set of JSON pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    nodes: Vec<Branch>,
    pointers: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Branch {
    children: Vec<Child>,
    /// The pointers that end here.
    here: Vec<usize>,
    /// The pointers that end here or further down.
    below: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Child {
    key: Vec<u8>,
    /// The index in an array; absent when the segment is not an index.
    index: Option<u32>,
    node: Node,
}

/// The reason why a text is not a JSON pointer that can be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    #[error("{0:?} is not a JSON pointer: it must begin with /")]
    NoSlash(String),
    #[error("{0:?} has a segment longer than {LONGEST} bytes")]
    LongSegment(String),
}

impl Wanted {
    /// Parses pointers, and numbers them in their order.
    ///
    /// # Errors
    /// Returns an error for a text that is not a JSON pointer.
    pub fn new<'a>(pointers: impl IntoIterator<Item = &'a str>) -> Result<Self, PointerError> {
        let mut wanted = Self { nodes: vec![Branch::default()], pointers: 0 };
        for pointer in pointers {
            wanted.add(pointer)?;
        }
        Ok(wanted)
    }

    pub fn pointers(&self) -> usize {
        self.pointers
    }

    fn add(&mut self, pointer: &str) -> Result<(), PointerError> {
        let number = self.pointers;
        self.pointers += 1;
        let mut node = ROOT;
        self.nodes[node as usize].below.push(number);
        let segments = match pointer.strip_prefix('/') {
            Some(segments) => segments.split('/').map(unescape).collect(),
            None if pointer.is_empty() => Vec::new(),
            None => return Err(PointerError::NoSlash(pointer.to_owned())),
        };
        for segment in segments {
            if segment.len() > LONGEST {
                return Err(PointerError::LongSegment(pointer.to_owned()));
            }
            node = self.child(node, segment);
            self.nodes[node as usize].below.push(number);
        }
        self.nodes[node as usize].here.push(number);
        Ok(())
    }

    fn child(&mut self, parent: Node, segment: String) -> Node {
        if let Some(node) = self.member(parent, segment.as_bytes()) {
            return node;
        }
        let node = self.nodes.len() as Node;
        self.nodes.push(Branch::default());
        let index = array_index(&segment);
        self.nodes[parent as usize].children.push(Child { key: segment.into_bytes(), index, node });
        node
    }

    /// Returns the node of member `key` of the object at `node`, if it is wanted.
    pub(super) fn member(&self, node: Node, key: &[u8]) -> Option<Node> {
        self.nodes[node as usize].children.iter().find(|child| child.key == key).map(|child| child.node)
    }

    /// Returns the node of element `index` of the array at `node`, if it is wanted.
    pub(super) fn element(&self, node: Node, index: u32) -> Option<Node> {
        self.nodes[node as usize].children.iter().find(|child| child.index == Some(index)).map(|child| child.node)
    }

    /// Returns whether anything within the value at `node` is wanted.
    pub(super) fn goes_deeper(&self, node: Node) -> bool {
        !self.nodes[node as usize].children.is_empty()
    }

    pub(super) fn pointers_at(&self, node: Node) -> &[usize] {
        &self.nodes[node as usize].here
    }

    pub(super) fn pointers_below(&self, node: Node) -> impl Iterator<Item = usize> + '_ {
        self.nodes[node as usize].below.iter().copied()
    }
}

/// Replaces `~1` by `/` and `~0` by `~`, in this order (RFC 6901, section 4).
fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Parses digits without a leading zero (RFC 6901, section 4).
fn array_index(segment: &str) -> Option<u32> {
    let digits = segment.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = segment.len() > 1 && segment.starts_with('0');
    (digits && !leading_zero).then(|| segment.parse().ok()).flatten()
}
