//! What a power cut leaves: one of the many disks that the medium may be.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::medium::Medium;
use super::node::{Change, Inode, Node, Pending, apply, name, sectors};
use crate::dice::Dice;

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// Nothing.
    Nothing,
    /// All of it, as if there had been no power cut.
    Everything,
    /// Any of it, each sector for itself.
    Subset,
    /// What was done first, up to some moment.
    Prefix,
}

impl Medium {
    /// Writes into the empty folder `to` what the disk may hold if the power is cut now.
    pub(crate) fn write_image(&self, to: &Path, model: Model, dice: &mut Dice) {
        let mut numbers: Vec<usize> = Vec::new();
        for node in &self.nodes {
            match node {
                Node::File { pending, .. } => numbers.extend(pending.iter().map(|p| p.number)),
                Node::Folder { pending, .. } => numbers.extend(pending.iter().map(|p| p.number)),
            }
        }
        numbers.sort_unstable();
        let until = match model {
            Model::Prefix if !numbers.is_empty() => {
                let kept = dice.below(numbers.len() + 1);
                numbers.get(kept).copied().unwrap_or(usize::MAX)
            }
            Model::Prefix | Model::Nothing => 0,
            Model::Subset | Model::Everything => usize::MAX,
        };
        // How much of it reached the medium differs from one power cut to the next.
        let kept_in_8 = [1, 4, 7][dice.below(3)];
        let mut image = Image {
            medium: self,
            model,
            until,
            kept_in_8,
            dice,
        };
        image.folder(0, to);
    }
}

struct Image<'a> {
    medium: &'a Medium,
    model: Model,
    /// What was done before this reached the medium.
    until: usize,
    kept_in_8: usize,
    dice: &'a mut Dice,
}

impl Image<'_> {
    fn folder(&mut self, inode: Inode, to: &Path) {
        let Node::Folder {
            durable, pending, ..
        } = &self.medium.nodes[inode]
        else {
            panic!("a file is no folder");
        };
        let kept = match self.model {
            Model::Nothing => 0,
            Model::Prefix | Model::Everything => pending
                .iter()
                .take_while(|done| done.number < self.until)
                .count(),
            Model::Subset => self.dice.below(pending.len() + 1),
        };
        let mut names = durable.clone();
        for done in &pending[..kept] {
            name(&mut names, &done.what);
        }
        fs::create_dir_all(to).unwrap();
        for (name, inode) in names {
            match &self.medium.nodes[inode] {
                Node::Folder { .. } => self.folder(inode, &to.join(name)),
                Node::File { durable, pending } => {
                    let content = self.content(durable, pending);
                    fs::write(to.join(name), content).unwrap();
                }
            }
        }
    }

    fn content(&mut self, durable: &[u8], pending: &[Pending<Change>]) -> Vec<u8> {
        let mut content = durable.to_vec();
        match self.model {
            Model::Nothing => {}
            Model::Prefix | Model::Everything => {
                for done in pending.iter().filter(|done| done.number < self.until) {
                    apply(&mut content, &done.what, |_| true);
                }
            }
            Model::Subset => {
                // A sector is written as it is at some moment: with all that was done to it by then.
                let mut last_kept: HashMap<u64, usize> = HashMap::new();
                for done in pending {
                    // Whole, torn, or not at all.
                    let fate = self.dice.below(3);
                    for sector in sectors(&done.what) {
                        if fate == 0 || fate == 1 && self.dice.below(8) < self.kept_in_8 {
                            last_kept.insert(sector, done.number);
                        }
                    }
                }
                for done in pending {
                    apply(&mut content, &done.what, |sector| {
                        last_kept
                            .get(&sector)
                            .is_some_and(|last| *last >= done.number)
                    });
                }
            }
        }
        content
    }
}
