//! Client names and sets of scopes: each kept once, under a number, for as long as the process lives.

use std::hash::Hash;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::index::Index;
use super::pages::Pages;

/// Client names.
pub(crate) type Names = Interned<Box<str>>;
/// Sets of scopes, each in the order in which it was given.
pub(crate) type ScopeSets = Interned<Box<[Box<str>]>>;

/// Things by number, and numbers by thing.
pub(crate) struct Interned<T> {
    /// The things: readers take no lock.
    things: Pages<OnceLock<T>>,
    /// Their numbers: for whoever interns.
    index: Mutex<Index>,
}

impl<T: Hash + Eq> Interned<T> {
    pub(crate) fn new() -> Self {
        Self {
            things: Pages::new(),
            index: Mutex::new(Index::new()),
        }
    }

    fn number<K: Hash + ?Sized>(
        &self,
        key: &K,
        is_it: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> Option<u32> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let thing = |number: u32| self.things.get(number as usize).and_then(OnceLock::get);
        let is_it = |number| thing(number).is_some_and(&is_it);
        index.number(key, is_it, |number| {
            let cell = self.things.get_or_make(number as usize)?;
            cell.get_or_init(make);
            Some(())
        })
    }

    fn thing(&self, number: u32) -> Option<&T> {
        self.things.get(number as usize)?.get()
    }
}

impl Names {
    /// The number of this name; `None` when there are 268 million others.
    pub(crate) fn intern(&self, name: &str) -> Option<u32> {
        self.number(name, |known| **known == *name, || name.into())
    }

    /// The number of this name, if it has one.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |number| self.get(number).is_some_and(|known| known == name);
        index.number(name, is_it, |_| None)
    }

    /// The name with this number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&str> {
        self.thing(number).map(|name| &**name)
    }
}

impl ScopeSets {
    /// The number of this set; `None` when there are 268 million others.
    pub(crate) fn intern(&self, scopes: &[&str]) -> Option<u32> {
        self.number(
            scopes,
            |known| is_same(known, scopes),
            || scopes.iter().map(|&scope| scope.into()).collect(),
        )
    }

    /// The set with this number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&[Box<str>]> {
        self.thing(number).map(|scopes| &**scopes)
    }
}

fn is_same(known: &[Box<str>], scopes: &[&str]) -> bool {
    known
        .iter()
        .map(|scope| &**scope)
        .eq(scopes.iter().copied())
}

#[cfg(test)]
mod tests {
    use crate::table::{Names, ScopeSets};

    #[test]
    fn a_name_has_one_number_for_ever() {
        let names = Names::new();
        let numbers: Vec<_> = (0..5000)
            .map(|n| names.intern(&format!("n{n}")).unwrap())
            .collect();
        for (n, &number) in numbers.iter().enumerate() {
            let name = format!("n{n}");
            assert_eq!(names.get(number), Some(&*name));
            assert_eq!(names.intern(&name), Some(number));
        }
        assert_eq!(names.get(5000), None);
        assert_eq!(names.get(u32::MAX), None);
    }

    #[test]
    fn a_set_of_scopes_is_the_same_only_in_the_same_order() {
        let sets = ScopeSets::new();
        let none = sets.intern(&[]).unwrap();
        let both = sets.intern(&["read", "write"]).unwrap();
        let turned = sets.intern(&["write", "read"]).unwrap();
        assert!(none != both && both != turned);
        assert_eq!(sets.intern(&["read", "write"]), Some(both));
        assert_eq!(sets.get(none), Some(&[][..]));
        assert_eq!(sets.get(both), Some(&["read".into(), "write".into()][..]));
    }
}
