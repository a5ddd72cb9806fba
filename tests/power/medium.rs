//! What a disk holds, as far as anybody may rely on it: for every file and folder what was synced,
//! and what was done since and may or may not have reached the medium.
//!
//! The rules are those of POSIX and no kinder. `fsync` and `fdatasync` cover the content of their
//! file and what was done to it before they began; nothing else does, `sync_file_range` included. A
//! name is durable once its folder was synced. Names of one folder change in order, as every file
//! system with a journal has it; folders know nothing of each other.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::node::{
    Change, Inode, Naming, Node, Pending, apply, conflict, mark_returned, name, returned,
};
use super::trace::{Call, Event};

/// An open file.
#[derive(Clone, Debug)]
struct Open {
    inode: Inode,
    /// Where the next write goes; `None` once it was moved in ways that are not followed.
    position: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Medium {
    /// The folder that is there from the beginning; what happens elsewhere is nobody's business.
    root: PathBuf,
    pub(super) nodes: Vec<Node>,
    open: HashMap<i32, Open>,
    /// Calls that have not returned.
    under_way: HashMap<usize, Call>,
    /// For each sync under way: what it will make durable.
    covered: HashMap<usize, Vec<usize>>,
    /// What was said since it was asked last.
    said: Vec<String>,
    says_to: PathBuf,
    /// Whether two calls changed the same bytes at the same time: nobody saw which was first.
    pub(crate) is_ambiguous: bool,
}

impl Medium {
    /// With all that `root` holds now, durable.
    pub(crate) fn new(root: &Path, says_to: &Path) -> Self {
        let mut medium = Self {
            root: root.to_owned(),
            nodes: Vec::new(),
            open: HashMap::new(),
            under_way: HashMap::new(),
            covered: HashMap::new(),
            said: Vec::new(),
            says_to: says_to.to_owned(),
            is_ambiguous: false,
        };
        medium.take_in(root);
        medium
    }

    fn take_in(&mut self, folder: &Path) -> Inode {
        let inode = self.nodes.len();
        self.nodes.push(Node::folder(BTreeMap::new()));
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let inode = if path.is_dir() {
                self.take_in(&path)
            } else {
                let durable = fs::read(&path).unwrap();
                self.nodes.push(Node::File {
                    durable,
                    pending: Vec::new(),
                });
                self.nodes.len() - 1
            };
            names.insert(name, inode);
        }
        self.nodes[inode] = Node::folder(names);
        inode
    }

    /// What the child said by this event.
    pub(crate) fn take_said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// Goes on by one event. Yields whether anything that can be lost may have changed.
    pub(crate) fn step(&mut self, event: &Event) -> bool {
        match event {
            Event::Begins { number, call } => self.begin(*number, call),
            Event::Returned { number, result } => self.end(*number, *result),
        }
    }

    fn begin(&mut self, number: usize, call: &Call) -> bool {
        self.under_way.insert(number, call.clone());
        match call {
            Call::Write { fd, bytes } => self.write(number, *fd, None, bytes),
            Call::WriteAt { fd, bytes, offset } => self.write(number, *fd, Some(*offset), bytes),
            Call::SetLength { fd, length } => self.change(number, *fd, Change::SetLength(*length)),
            Call::Sync { fd } => {
                let Some(open) = self.open.get(fd) else {
                    return false;
                };
                let covered = match &self.nodes[open.inode] {
                    Node::File { pending, .. } => returned(pending),
                    Node::Folder { pending, .. } => returned(pending),
                };
                self.covered.insert(number, covered);
                false
            }
            Call::Rename { from, to } => {
                let (Some((folder, from)), Some((other, to))) = (self.name(from), self.name(to))
                else {
                    return false;
                };
                assert_eq!(folder, other, "a rename between folders is not understood");
                let Node::Folder { pending, live, .. } = &mut self.nodes[folder] else {
                    panic!("a file is no folder");
                };
                if let Some(inode) = live.remove(&from) {
                    live.insert(to.clone(), inode);
                    pending.push(Pending {
                        number,
                        returned: false,
                        what: Naming::Rename(from, to),
                    });
                }
                true
            }
            // A folder cannot be unlinked: then there is nothing to remove.
            Call::Unlink { path } | Call::RemoveFolder { path } => {
                let is_folder = |inode| matches!(self.nodes[inode], Node::Folder { .. });
                let is_meant = matches!(call, Call::RemoveFolder { .. });
                if self
                    .find(path)
                    .is_some_and(|inode| is_folder(inode) != is_meant)
                {
                    return false;
                }
                let Some((folder, name)) = self.name(path) else {
                    return false;
                };
                let Node::Folder { pending, live, .. } = &mut self.nodes[folder] else {
                    panic!("a file is no folder");
                };
                if live.remove(&name).is_some() {
                    pending.push(Pending {
                        number,
                        returned: false,
                        what: Naming::Unlink(name),
                    });
                }
                true
            }
            Call::Close { fd } => {
                self.open.remove(fd);
                false
            }
            Call::Say { fd, line } => {
                if self
                    .open
                    .get(fd)
                    .is_some_and(|open| open.inode == usize::MAX)
                {
                    self.said.push(line.trim_end().to_owned());
                }
                false
            }
            Call::Seek { fd } => {
                if let Some(open) = self.open.get_mut(fd) {
                    open.position = None;
                }
                false
            }
            Call::Open { .. }
            | Call::MakeFolder { .. }
            | Call::Duplicate { .. }
            | Call::Nothing => false,
        }
    }

    fn end(&mut self, number: usize, result: i64) -> bool {
        let Some(call) = self.under_way.remove(&number) else {
            return false;
        };
        match &call {
            Call::Open { .. } if result >= 0 => self.opened(number, &call, result as i32),
            Call::MakeFolder { path } if result == 0 => self
                .link(number, path, Node::folder(BTreeMap::new()))
                .is_some(),
            Call::Duplicate { fd } if result >= 0 => {
                if let Some(open) = self.open.get(fd).cloned() {
                    self.open.insert(result as i32, open);
                }
                false
            }
            Call::Write { bytes, .. } | Call::WriteAt { bytes, .. } => {
                self.returned(number, result == bytes.len() as i64)
            }
            Call::SetLength { .. }
            | Call::Rename { .. }
            | Call::Unlink { .. }
            | Call::RemoveFolder { .. } => self.returned(number, result == 0),
            Call::Sync { fd } => {
                let covered = self.covered.remove(&number);
                if let (Some(covered), Some(open), 0) = (covered, self.open.get(fd), result) {
                    let inode = open.inode;
                    self.make_durable(inode, &covered);
                    return true;
                }
                false
            }
            _ => false,
        }
    }

    /// The folder a path stands in, and its name there; `None` outside of the root.
    fn name(&self, path: &Path) -> Option<(Inode, String)> {
        let inside = path.strip_prefix(&self.root).ok()?;
        let mut folder = 0;
        let mut names: Vec<&str> = inside.iter().map(|name| name.to_str().unwrap()).collect();
        let last = names.pop()?.to_owned();
        for name in names {
            let Node::Folder { live, .. } = &self.nodes[folder] else {
                return None;
            };
            folder = *live.get(name)?;
        }
        Some((folder, last))
    }

    fn find(&self, path: &Path) -> Option<Inode> {
        if path == self.root {
            return Some(0);
        }
        let (folder, name) = self.name(path)?;
        match &self.nodes[folder] {
            Node::Folder { live, .. } => live.get(&name).copied(),
            Node::File { .. } => None,
        }
    }

    fn link(&mut self, number: usize, path: &Path, node: Node) -> Option<Inode> {
        let (folder, name) = self.name(path)?;
        let inode = self.nodes.len();
        self.nodes.push(node);
        let Node::Folder { pending, live, .. } = &mut self.nodes[folder] else {
            panic!("a file is no folder");
        };
        live.insert(name.clone(), inode);
        pending.push(Pending {
            number,
            returned: true,
            what: Naming::Link(name, inode),
        });
        Some(inode)
    }

    fn opened(&mut self, number: usize, call: &Call, fd: i32) -> bool {
        let Call::Open {
            path,
            creates,
            truncates,
            is_written,
            appends,
        } = call
        else {
            return false;
        };
        let mut changed = false;
        let inode = if *path == self.says_to {
            usize::MAX
        } else if let Some(inode) = self.find(path) {
            inode
        } else {
            if !creates || self.name(path).is_none() {
                return false;
            }
            changed = true;
            let node = Node::File {
                durable: Vec::new(),
                pending: Vec::new(),
            };
            match self.link(number, path, node) {
                Some(inode) => inode,
                None => return false,
            }
        };
        let open = Open {
            inode,
            position: (!appends).then_some(0),
        };
        self.open.insert(fd, open);
        if *truncates && *is_written && inode != usize::MAX {
            self.change(number, fd, Change::SetLength(0));
            self.returned(number, true);
            changed = true;
        }
        changed
    }

    fn write(&mut self, number: usize, fd: i32, offset: Option<u64>, bytes: &Arc<[u8]>) -> bool {
        let Some(open) = self.open.get_mut(&fd) else {
            return false;
        };
        let offset = offset.unwrap_or_else(|| {
            let position = open.position.expect("a write after a seek, or at the end");
            open.position = Some(position + bytes.len() as u64);
            position
        });
        self.change(
            number,
            fd,
            Change::Write {
                offset,
                bytes: Arc::clone(bytes),
            },
        )
    }

    fn change(&mut self, number: usize, fd: i32, what: Change) -> bool {
        let Some(open) = self.open.get(&fd) else {
            return false;
        };
        let Node::File { pending, .. } = &mut self.nodes[open.inode] else {
            panic!("a folder is no file");
        };
        self.is_ambiguous |= pending
            .iter()
            .any(|other| !other.returned && conflict(&other.what, &what));
        pending.push(Pending {
            number,
            returned: false,
            what,
        });
        true
    }

    fn returned(&mut self, number: usize, as_asked: bool) -> bool {
        let mut found = false;
        for node in &mut self.nodes {
            match node {
                Node::File { pending, .. } => found |= mark_returned(pending, number),
                Node::Folder { pending, .. } => found |= mark_returned(pending, number),
            }
        }
        assert!(
            !found || as_asked,
            "a call failed or fell short while it was recorded"
        );
        found
    }

    fn make_durable(&mut self, inode: Inode, covered: &[usize]) {
        match &mut self.nodes[inode] {
            Node::File { durable, pending } => {
                pending.retain(|done| {
                    let is_covered = covered.contains(&done.number);
                    if is_covered {
                        apply(durable, &done.what, |_| true);
                    }
                    !is_covered
                });
            }
            Node::Folder {
                durable, pending, ..
            } => {
                pending.retain(|done| {
                    let is_covered = covered.contains(&done.number);
                    if is_covered {
                        name(durable, &done.what);
                    }
                    !is_covered
                });
            }
        }
    }

    /// Whether a file was renamed to a name that begins like this, and the new name could be lost now.
    pub(crate) fn could_lose_name(&self, start: &str) -> bool {
        let is_lost = |done: &Pending<Naming>| matches!(&done.what, Naming::Rename(_, to) if to.starts_with(start));
        self.nodes.iter().any(|node| match node {
            Node::Folder { pending, .. } => pending.iter().any(is_lost),
            Node::File { .. } => false,
        })
    }

    /// How much could be lost now.
    pub(crate) fn unsynced(&self) -> usize {
        let pending = |node: &Node| match node {
            Node::File { pending, .. } => pending.len(),
            Node::Folder { pending, .. } => pending.len(),
        };
        self.nodes.iter().map(pending).sum()
    }
}
