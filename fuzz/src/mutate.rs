//! Changes bytes at random. The same seed makes the same changes.

/// The generator `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`, or 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        match u64::try_from(end) {
            Ok(end @ 1..) => usize::try_from(self.bits() % end).unwrap_or(0),
            _ => 0,
        }
    }

    fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[0]
    }
}

/// Numbers at which readers of binary formats go wrong.
const EDGES: [u32; 9] = [
    0,
    1,
    7,
    8,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff7,
    0xffff_fffe,
    0xffff_ffff,
];

/// Most bytes that a case grows to.
const LARGEST: usize = 64 * 1_024;

/// A case made from one or two of the seeds.
pub(crate) fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        change(&mut bytes, &seeds[dice.below(seeds.len())], dice);
    }
    bytes.truncate(LARGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    match dice.below(8) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
        1 if !bytes.is_empty() => bytes[at] = dice.byte(),
        2 => bytes.insert(at, dice.byte()),
        3 => {
            let end = at + dice.below(bytes.len() - at + 1);
            bytes.drain(at..end);
        }
        4 => {
            // A piece of the same case once more, which is how nesting and repetition come about.
            let end = at + dice.below(bytes.len() - at + 1);
            let piece = bytes[at..end].to_vec();
            let to = dice.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        5 => {
            let from = dice.below(other.len());
            let end = from + dice.below(other.len() - from + 1);
            bytes.splice(at..at, other[from..end].iter().copied());
        }
        6 if bytes.len() >= at + 4 => {
            bytes[at..at + 4].copy_from_slice(&EDGES[dice.below(EDGES.len())].to_be_bytes());
        }
        _ => bytes.truncate(at),
    }
}
