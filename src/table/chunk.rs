//! Memory for lines: asked of the system in chunks of a huge page, zeroed, given back when dropped.

use super::line::Words;

/// The system gave no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMemory;

#[cfg(not(hallpass_loom))]
mod mapped {
    use memmap2::{MmapMut, MmapOptions};
    use self_cell::{MutBorrow, self_cell};
    use zerocopy::FromBytes;

    use super::{NoMemory, Words};
    use crate::table::span::CHUNK_LINES;
    use crate::table::sync::Ordering;

    const CHUNK_BYTES: usize = CHUNK_LINES * size_of::<Words>();

    /// Lines in the smallest page there is.
    const SMALL_PAGE_LINES: usize = 4096 / size_of::<Words>();

    type Lines<'a> = &'a [Words];

    self_cell!(
        struct Mapping {
            owner: MutBorrow<MmapMut>,
            #[covariant]
            dependent: Lines,
        }
    );

    /// Some lines of zeros, at first.
    pub(in crate::table) struct Chunk(Mapping);

    impl Chunk {
        /// Maps `lines` lines. A full chunk is asked for as a huge page, which is worth 1.4 to 1.7
        /// times in a look-up at 10 million tokens; where the system has none, nothing is lost.
        pub(in crate::table) fn new(lines: usize) -> Result<Self, NoMemory> {
            let bytes = lines * size_of::<Words>();
            if bytes != CHUNK_BYTES {
                return Self::small(lines);
            }
            // Twice as much address space, so that an aligned chunk lies in it. Only what is
            // touched becomes memory.
            let map = MmapOptions::new()
                .len(2 * bytes)
                .map_anon()
                .map_err(|_| NoMemory)?;
            let start = map.as_ptr().align_offset(CHUNK_BYTES);
            // Refused where huge pages are switched off; then small ones serve. Miri has none.
            #[cfg(all(target_os = "linux", not(miri)))]
            let _ = map.advise_range(memmap2::Advice::HugePage, start, bytes);
            Self::of_map(map, start, bytes)
        }

        /// Maps `lines` lines in small pages, whose first touch takes a microsecond.
        pub(in crate::table) fn small(lines: usize) -> Result<Self, NoMemory> {
            let bytes = lines * size_of::<Words>();
            let map = MmapOptions::new()
                .len(bytes)
                .map_anon()
                .map_err(|_| NoMemory)?;
            Self::of_map(map, 0, bytes)
        }

        /// Maps a full chunk and touches it, so that nobody waits for its memory later.
        pub(in crate::table) fn touched() -> Result<Self, NoMemory> {
            let chunk = Self::new(CHUNK_LINES)?;
            for line in chunk.lines().iter().step_by(SMALL_PAGE_LINES) {
                // What is stored is what is there: nobody else has the chunk yet.
                line[0].store(0, Ordering::Relaxed);
            }
            Ok(chunk)
        }

        fn of_map(map: MmapMut, start: usize, bytes: usize) -> Result<Self, NoMemory> {
            Mapping::try_new(MutBorrow::new(map), |map| {
                let memory = map
                    .borrow_mut()
                    .get_mut(start..start + bytes)
                    .ok_or(NoMemory)?;
                <[Words]>::mut_from_bytes(memory)
                    .map(|lines| &*lines)
                    .map_err(|_| NoMemory)
            })
            .map(Self)
        }

        pub(in crate::table) fn lines(&self) -> &[Words] {
            self.0.borrow_dependent()
        }
    }
}

#[cfg(not(hallpass_loom))]
pub(super) use mapped::Chunk;

impl Chunk {
    /// How much memory this is once every line has been touched.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.lines())
    }
}

/// Under loom memory is made of loom's atomics, which are more than their bits.
#[cfg(hallpass_loom)]
pub(super) struct Chunk(Box<[Words]>);

#[cfg(hallpass_loom)]
impl Chunk {
    pub(super) fn new(lines: usize) -> Result<Self, NoMemory> {
        let line = || core::array::from_fn(|_| super::sync::AtomicU64::new(0));
        Ok(Self((0..lines).map(|_| line()).collect()))
    }

    pub(super) fn small(lines: usize) -> Result<Self, NoMemory> {
        Self::new(lines)
    }

    pub(super) fn touched() -> Result<Self, NoMemory> {
        Self::new(super::span::CHUNK_LINES)
    }

    pub(super) fn lines(&self) -> &[Words] {
        &self.0
    }
}

#[cfg(all(test, not(hallpass_loom)))]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::table::span::CHUNK_LINES;

    #[test]
    fn memory_is_zero_and_aligned_to_its_lines() {
        let chunks = [64, 1024, CHUNK_LINES].map(|lines| Chunk::new(lines).unwrap());
        for chunk in chunks.into_iter().chain([Chunk::touched().unwrap()]) {
            assert_eq!(chunk.lines().as_ptr().align_offset(64), 0);
            let is_zero = |words: &Words| words.iter().all(|w| w.load(Ordering::Relaxed) == 0);
            assert!(chunk.lines().iter().all(is_zero));
        }
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        assert!(Chunk::new(usize::MAX / 64 / 4).is_err());
    }
}
