//! The table does what a `HashMap` does, after every operation, through growth and shrinking.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{id, issued, scramble};
use crate::table::{Cursor, Digest, Entry, NotInserted, Table};
use crate::token_id::TokenId;

/// What can be done to a table. Numbers choose among the tokens there are.
#[derive(Debug, Clone)]
enum Op {
    /// Insert a token as the store issues them.
    Insert,
    /// Insert this many.
    InsertMany(u16),
    /// Insert a token that shares its line with others of the same number, and its first digest
    /// word too if `same_key`.
    Collide {
        line: u8,
        same_key: bool,
    },
    /// Insert a token again that was removed, with another expiry.
    InsertAgain(u16),
    /// Insert a token that is there.
    InsertTwin(u16),
    Remove(u16),
    RemoveMany(u16),
    Revoke(u16),
    SetExpiry(u16, u32),
    GiveBack,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Insert),
        2 => (1..700_u16).prop_map(Op::InsertMany),
        4 => (0..4_u8, any::<bool>()).prop_map(|(line, same_key)| Op::Collide { line, same_key }),
        2 => any::<u16>().prop_map(Op::InsertAgain),
        1 => any::<u16>().prop_map(Op::InsertTwin),
        4 => any::<u16>().prop_map(Op::Remove),
        1 => (1..900_u16).prop_map(Op::RemoveMany),
        2 => any::<u16>().prop_map(Op::Revoke),
        2 => (any::<u16>(), any::<u32>()).prop_map(|(which, at)| Op::SetExpiry(which, at)),
        2 => Just(Op::GiveBack),
    ]
}

/// So simple that it is unlikely to be wrong.
struct Model {
    table: Table,
    there: HashMap<TokenId, Entry>,
    /// The ids in `there`, to choose from.
    ids: Vec<TokenId>,
    gone: Vec<Entry>,
    next: u64,
}

impl Model {
    fn new() -> Self {
        let table = Table::with_capacity(0).unwrap();
        Self {
            table,
            there: HashMap::new(),
            ids: Vec::new(),
            gone: Vec::new(),
            next: 0,
        }
    }

    fn insert(&mut self, entry: Entry) {
        let result = self.table.writer().insert(entry);
        let is_new = !self.there.contains_key(&entry.id);
        assert_eq!(
            result,
            if is_new {
                Ok(())
            } else {
                Err(NotInserted::Twin)
            }
        );
        if is_new {
            self.there.insert(entry.id, entry);
            self.ids.push(entry.id);
        }
    }

    fn issue(&mut self) -> Entry {
        self.next += 1;
        issued(self.next)
    }

    fn remove(&mut self, which: u16) {
        if self.ids.is_empty() {
            return;
        }
        let id = self.ids.swap_remove(usize::from(which) % self.ids.len());
        let entry = self.there.remove(&id).unwrap();
        assert!(self.table.writer().remove(entry.place(), id));
        assert!(!self.table.writer().remove(entry.place(), id));
        self.gone.push(entry);
    }

    fn some(&mut self, which: u16) -> Option<&mut Entry> {
        let id = self.ids.get(usize::from(which) % self.ids.len().max(1))?;
        self.there.get_mut(id)
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Insert => {
                let entry = self.issue();
                self.insert(entry);
            }
            Op::InsertMany(count) => {
                let entries: Vec<_> = (0..count).map(|_| self.issue()).collect();
                self.table
                    .writer()
                    .insert_all(entries.iter().copied())
                    .unwrap();
                self.ids.extend(entries.iter().map(|entry| entry.id));
                self.there
                    .extend(entries.into_iter().map(|entry| (entry.id, entry)));
            }
            Op::Collide { line, same_key } => {
                let mut entry = self.issue();
                let key = if same_key { 7 } else { scramble(self.next) };
                // The last of these lines is the last of the table.
                let place = u64::from(line) << 62 | if line == 3 { u64::MAX >> 2 } else { 0 };
                let place = place ^ (u64::from(same_key) * (self.next & 0xff));
                entry.digest = Digest::of_words(key, place);
                entry.placed_by_digest = true;
                if self
                    .there
                    .values()
                    .all(|there| there.digest != entry.digest)
                {
                    self.insert(entry);
                }
            }
            Op::InsertAgain(which) => {
                if self.gone.is_empty() {
                    return;
                }
                let mut entry = self.gone.swap_remove(usize::from(which) % self.gone.len());
                entry.expires_at ^= 1;
                if self
                    .there
                    .values()
                    .all(|there| there.digest != entry.digest)
                {
                    self.insert(entry);
                }
            }
            Op::InsertTwin(which) => {
                if let Some(&mut twin) = self.some(which) {
                    self.insert(Entry {
                        expires_at: 1,
                        ..twin
                    });
                }
            }
            Op::Remove(which) => self.remove(which),
            Op::RemoveMany(count) => (0..count).for_each(|which| self.remove(which * 7)),
            Op::Revoke(which) => {
                if let Some(entry) = self.some(which) {
                    entry.revoked = true;
                    let (place, id) = (entry.place(), entry.id);
                    assert!(self.table.writer().revoke(place, id));
                }
            }
            Op::SetExpiry(which, at) => {
                if let Some(entry) = self.some(which) {
                    entry.expires_at = at;
                    let (place, id) = (entry.place(), entry.id);
                    assert!(self.table.writer().set_expiry(place, id, at));
                }
            }
            Op::GiveBack => {
                self.table.writer().give_back();
            }
        }
    }

    fn compare(&self) {
        assert_eq!(self.table.len(), self.there.len());
        for (&id, entry) in &self.there {
            self.table.prefetch(entry.place());
            assert_eq!(self.table.get(entry.place(), entry.digest), Some(*entry));
            assert_eq!(self.table.writer().find(entry.place(), id), Some(*entry));
        }
        for entry in self.gone.iter().rev().take(100) {
            let is_there = self
                .there
                .values()
                .any(|there| there.digest == entry.digest);
            assert_eq!(
                self.table.get(entry.place(), entry.digest).is_some(),
                is_there
            );
        }
        let mut seen = HashMap::new();
        let (mut cursor, mut found) = (Some(Cursor::START), Vec::new());
        while let Some(from) = cursor {
            cursor = self.table.scan(from, &mut found);
            for &entry in &found {
                assert_eq!(seen.insert(entry.id, entry), None, "seen twice");
            }
        }
        assert_eq!(seen, self.there);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 64 }, ..ProptestConfig::default() })]

    #[test]
    fn after_every_operation_the_table_holds_what_the_model_holds(
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut model = Model::new();
        for op in &ops {
            model.apply(op);
            model.compare();
        }
    }
}

#[test]
fn a_hundred_thousand_tokens_come_and_go_and_the_memory_with_them() {
    let mut model = Model::new();
    let empty = model.table.memory_bytes();
    for _ in 0..160 {
        model.apply(&Op::InsertMany(640));
    }
    model.compare();
    // Two chunks more than usual while the table grows.
    let bytes = model.table.memory_bytes() - (2 << 21).min(model.table.memory_bytes());
    assert!(bytes <= 64 * model.there.len(), "{bytes} bytes");
    for _ in 0..130 {
        model.apply(&Op::RemoveMany(640));
        model.apply(&Op::Insert);
    }
    while model.table.writer().give_back() {}
    model.compare();
    let bytes = model.table.memory_bytes() / model.there.len();
    assert!(bytes <= 110, "{bytes} bytes a token");
    while !model.ids.is_empty() {
        model.remove(0);
    }
    while model.table.writer().give_back() {}
    model.compare();
    assert_eq!(model.table.memory_bytes(), empty);
}

#[test]
fn a_line_takes_hundreds_of_entries_and_gives_up_only_where_the_table_ends() {
    let table = Table::with_capacity(0).unwrap();
    let entry = |n: u64, place: u64| Entry {
        digest: Digest::of_words(n + 1, place),
        id: id(n + 1),
        placed_by_digest: true,
        ..issued(n)
    };
    for place in [u64::MAX / 2, u64::MAX] {
        let mut count = 0;
        while count < 2_500 && table.writer().insert(entry(count, place)).is_ok() {
            count += 1;
        }
        assert!(count >= 1_000, "{count}");
        for n in 0..count {
            let entry = entry(n, place);
            assert_eq!(table.get(entry.place(), entry.digest), Some(entry));
        }
        for n in 0..count {
            assert!(table.writer().remove(entry(n, place).place(), id(n + 1)));
        }
    }
    assert_eq!(table.len(), 0);
}
