//! The limits of the machine: one load that misses every cache, and one keyed BLAKE3 block.

use std::hint::black_box;

use memmap2::{MmapMut, MmapOptions};
use zerocopy::FromBytes;

use crate::measure::{next_random, per_call};

const LINE_BYTES: usize = 64;
const HUGE_PAGE_BYTES: usize = 2 << 20;

type Lines = [[u64; LINE_BYTES / 8]];

/// Memory of a given size in which every line names the next, in one random circle.
pub struct Memory {
    map: MmapMut,
    start: usize,
    lines: usize,
}

impl Memory {
    /// As many bytes as a table has, in pages as a table has them: huge ones where it is that large
    /// and the system has them.
    pub fn new(bytes: u64) -> Self {
        let bytes = (bytes as usize).next_multiple_of(LINE_BYTES);
        let map = MmapOptions::new()
            .len(bytes + HUGE_PAGE_BYTES)
            .map_anon()
            .expect("memory");
        let start = map.as_ptr().align_offset(HUGE_PAGE_BYTES);
        if bytes >= HUGE_PAGE_BYTES {
            let _ = map.advise_range(memmap2::Advice::HugePage, start, bytes);
        }
        let lines = bytes / LINE_BYTES;
        let mut memory = Self { map, start, lines };
        memory.link();
        memory
    }

    /// Sattolo's shuffle: one circle through all lines.
    fn link(&mut self) {
        let mut order: Vec<u32> = (0..self.lines as u32).collect();
        let mut random = 0x9E37_79B9_7F4A_7C15;
        for last in (1..order.len()).rev() {
            order.swap(last, (next_random(&mut random) % last as u64) as usize);
        }
        let bytes = &mut self.map[self.start..][..self.lines * LINE_BYTES];
        let lines = Lines::mut_from_bytes(bytes).expect("whole lines");
        for (line, next) in lines.iter_mut().zip(order) {
            line[0] = u64::from(next);
        }
    }

    fn lines(&self) -> &Lines {
        let bytes = &self.map[self.start..][..self.lines * LINE_BYTES];
        Lines::ref_from_bytes(bytes).expect("whole lines")
    }

    /// Nanoseconds a load, each from where the one before said.
    #[inline(never)]
    pub fn dependent(&self, from: usize, loads: usize) -> f64 {
        let lines = self.lines();
        let mut at = from % lines.len();
        let cost = per_call(loads, || {
            for _ in 0..loads {
                at = lines[at][0] as usize;
            }
        });
        black_box(at);
        cost
    }
}

/// Nanoseconds a keyed BLAKE3 block, by the function that is fastest for one.
#[derive(Default)]
pub struct Block {
    key: [u8; 32],
}

impl Block {
    /// Each block holds the digest before it.
    #[inline(never)]
    pub fn dependent(&self, blocks: usize) -> f64 {
        let mut block = [7; 64];
        let cost = per_call(blocks, || {
            for _ in 0..blocks {
                let digest = blake3::keyed_hash(&self.key, &block);
                block[..32].copy_from_slice(digest.as_bytes());
            }
        });
        black_box(block);
        cost
    }

    /// The same through the door that BLAKE3 hides from its documentation.
    #[inline(never)]
    pub fn dependent_in_place(&self, blocks: usize) -> f64 {
        const FLAGS: u8 = 1 | 2 | 8 | 16;
        let platform = blake3::platform::Platform::detect();
        let mut block = [7; 64];
        let cost = per_call(blocks, || {
            for _ in 0..blocks {
                let mut words = [7; 8];
                platform.compress_in_place(&mut words, &block, 64, 0, FLAGS);
                for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(words) {
                    *bytes = word.to_le_bytes();
                }
            }
        });
        black_box(block);
        cost
    }
}
