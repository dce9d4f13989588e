//! What holds for every file: sound ones keep their meaning, and no other one does harm.

use super::build::*;
use crate::moov::{
    ReadAt, Reason, Relocated, Relocation, Segment, plan_aligned_relocation, plan_relocation,
};
use proptest::prelude::*;
use proptest::sample::Index;
use std::ops::Range;

/// A sound file with its `moov` late, to be built.
#[derive(Debug, Clone)]
struct Spec {
    /// Type and length of a box before each media box, as long as they last.
    fillers: Vec<(&'static str, usize)>,
    /// Bytes of media in each `mdat`, and whether its size is a long one.
    media: Vec<(u64, bool)>,
    /// Picks the media box that the `moov` follows.
    moov_after: Index,
    /// The tables of each track.
    tracks: Vec<Vec<(Form, Vec<Target>)>>,
}

/// The media byte that an offset points to.
#[derive(Debug, Clone)]
struct Target {
    /// Picks the `mdat`.
    mdat: Index,
    /// Picks the byte in it, among all or the last ones.
    byte: Index,
    near_end: bool,
}

impl Target {
    /// Its position if the media stands at these ranges. Eight bytes of media follow it.
    fn position(&self, media: &[Range<u64>]) -> u64 {
        let Range { start, end } = media[self.mdat.index(media.len())].clone();
        let choices = if self.near_end { 8 } else { end - start - 8 };
        end - 8 - self.byte.index(usize::try_from(choices).unwrap()) as u64
    }
}

impl Spec {
    /// The file, where its `moov` stands, and the `moov`.
    fn build(&self) -> (Virtual, u64, Vec<u8>) {
        let moov_size = self
            .movie(|form, targets| table(form, &vec![0; targets.len()]))
            .len() as u64;
        let moov_after = self.moov_after.index(self.media.len());
        let mut fillers = self
            .fillers
            .iter()
            .map(|(kind, len)| atom(kind, &[vec![0; *len]]));
        let mut parts = vec![Part::Bytes(ftyp())];
        let mut media = Vec::new();
        let (mut at, mut moov_at, mut moov_part) = (20, 0, 0);
        for (i, (len, long)) in self.media.iter().enumerate() {
            let mut head = fillers.next().unwrap_or_default();
            if *long {
                head.extend(long_mdat_header(*len));
            } else {
                head.extend((u32::try_from(*len).unwrap() + 8).to_be_bytes());
                head.extend(b"mdat");
            }
            at += head.len() as u64;
            media.push(at..at + len);
            at += len;
            parts.extend([Part::Bytes(head), Part::Media(*len)]);
            if i == moov_after {
                (moov_at, moov_part) = (at, parts.len());
                at += moov_size;
            }
        }
        let moov = self.movie(|form, targets| {
            let offsets = targets.iter().map(|target| {
                let position = target.position(&media);
                let too_far = form.is_narrow() && position > u64::from(u32::MAX);
                if too_far { media[0].start } else { position }
            });
            table(form, &offsets.collect::<Vec<_>>())
        });
        parts.insert(moov_part, Part::Bytes(moov.clone()));
        (Virtual::new(parts), moov_at, moov)
    }

    /// The `moov`, its tables made by `make`.
    fn movie(&self, mut make: impl FnMut(Form, &[Target]) -> Vec<u8>) -> Vec<u8> {
        let mut tracks = Vec::new();
        for tables in &self.tracks {
            let tables = tables.iter().map(|(form, targets)| make(*form, targets));
            tracks.push(track(&tables.collect::<Vec<_>>()));
        }
        movie(&tracks)
    }
}

const FORMS: [Form; 5] = [
    Form::Stco,
    Form::Co64,
    Form::Saio,
    Form::WideSaio,
    Form::TypedSaio,
];

fn any_spec() -> impl Strategy<Value = Spec> {
    use prop::collection::vec;
    let kind = prop::sample::select(vec!["free", "wide", "uuid", "abcd"]);
    // Huge ones end about 4 GiB, where the size of the `moov` decides whether offsets widen.
    let huge = (4_294_965_500..4_294_967_300_u64).prop_map(|len| (len, true));
    let media = prop_oneof![2 => (16..300_u64, any::<bool>()), 1 => huge];
    let form = prop::sample::select(FORMS.to_vec());
    let target =
        (any::<Index>(), any::<Index>(), any::<bool>()).prop_map(|(mdat, byte, near_end)| Target {
            mdat,
            byte,
            near_end,
        });
    let table = (form, vec(target, 0..20));
    let fillers = vec((kind, 0..40_usize), 0..4);
    (
        fillers,
        vec(media, 1..4),
        any::<Index>(),
        vec(vec(table, 0..3), 1..4),
    )
        .prop_map(|(fillers, media, moov_after, tracks)| Spec {
            fillers,
            media,
            moov_after,
            tracks,
        })
}

/// The eight bytes at a position.
fn bytes_at(file: &impl ReadAt, position: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, position).unwrap();
    bytes
}

/// Four sound files that differ in all that matters to the code.
fn sound_files() -> Vec<Vec<u8>> {
    let all_forms = |offsets: &[u64]| movie(&[track(&FORMS.map(|form| table(form, offsets)))]);
    let media = [&atom("mdat", &[[1; 40]])[..], &atom("free", &[[0; 4]])].concat();
    let mut open = all_forms(&[28, 29]);
    open[..4].fill(0);
    let meta = atom("meta", &[&[0; 4], &atom("hdlr", &[[0; 24]])[..]]);
    vec![
        [ftyp(), media.clone(), all_forms(&[28, 30]), b"pad".to_vec()].concat(),
        [long_atom("mdat", &[2; 40]), open].concat(),
        [
            ftyp(),
            media.clone(),
            long_atom("moov", &all_forms(&[28])[8..]),
            media.clone(),
        ]
        .concat(),
        [ftyp(), meta.clone(), media, movie(&[track(&[]), meta])].concat(),
    ]
}

/// A way to damage a file at some place.
#[derive(Debug, Clone)]
enum Damage {
    Byte(u8),
    Word(u32),
    Kind([u8; 4]),
    CutHere,
    Repeat(usize),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let words = vec![0, 1, 7, 8, 9, 16, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];
    let kinds = [
        b"moov", b"mdat", b"trak", b"stbl", b"stco", b"saio", b"dref", b"meta", b"moof",
    ];
    prop_oneof![
        3 => any::<u8>().prop_map(Damage::Byte),
        3 => prop::sample::select(words).prop_map(Damage::Word),
        2 => prop::sample::select(kinds.map(|kind| *kind).to_vec()).prop_map(Damage::Kind),
        1 => Just(Damage::CutHere),
        1 => (1..200_usize).prop_map(Damage::Repeat),
    ]
}

fn damage(file: &mut Vec<u8>, at: usize, how: &Damage) {
    let write = |file: &mut Vec<u8>, bytes: &[u8]| {
        let end = (at + bytes.len()).min(file.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
    };
    match how {
        Damage::Byte(byte) => write(file, &[*byte]),
        Damage::Word(word) => write(file, &word.to_be_bytes()),
        Damage::Kind(kind) => write(file, kind),
        Damage::CutHere => file.truncate(at),
        Damage::Repeat(len) => {
            let again = file[at..(at + len).min(file.len())].to_vec();
            file.splice(at..at, again);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_offset_points_to_the_same_bytes_and_nothing_else_changes(
        spec in any_spec(),
        block in prop::sample::select(vec![1, 8, 512, 4_096]),
    ) {
        let (file, moov_at, old_moov) = spec.build();
        let Ok(Relocation::Plan(segments)) = plan_aligned_relocation(&file, block) else {
            panic!("no plan")
        };
        let Segment::Bytes(new_moov) = segments[1].clone() else { panic!("{segments:?}") };
        let after = moov_at + old_moov.len() as u64;
        let mut expected = vec![
            Segment::Source { offset: 0, len: 20 },
            Segment::Bytes(new_moov.clone()),
            Segment::Source { offset: 20, len: moov_at - 20 },
        ];
        if after < file.size() {
            expected.push(Segment::Source { offset: after, len: file.size() - after });
        }
        prop_assert_eq!(&segments, &expected);

        let output = Relocated::new(&file, segments);
        let new_tables = tables_in(&new_moov);
        for ((_, old), (_, new)) in tables_in(&old_moov).iter().zip(&new_tables) {
            for (old, new) in old.iter().zip(new) {
                prop_assert_eq!(bytes_at(&file, *old), bytes_at(&output, *new));
            }
        }

        // The media moved by whole blocks, and what the `moov` leaves of them is one empty box.
        prop_assert_eq!(new_moov.len() % usize::from(block), 0);
        let size = u32::from_be_bytes(new_moov[..4].try_into().unwrap());
        let (new_moov, spare) = new_moov.split_at(size as usize);
        if !spare.is_empty() {
            prop_assert_eq!(spare, atom("free", &[vec![0; spare.len() - 8]]));
        }

        // The same tracks around the new tables are the new `moov`, to the byte.
        let mut tables = new_tables.iter();
        let rebuilt = spec.movie(|_, _| {
            let (form, offsets) = tables.next().expect("a table was lost");
            table(*form, offsets)
        });
        prop_assert_eq!(rebuilt, new_moov);
        prop_assert!(tables.next().is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_damaged_file_does_no_harm(
        base in prop::sample::select(sound_files()),
        damages in prop::collection::vec((any::<Index>(), any_damage()), 1..5),
    ) {
        let mut bytes = base;
        for (place, how) in &damages {
            if !bytes.is_empty() {
                let at = place.index(bytes.len());
                damage(&mut bytes, at, how);
            }
        }
        let file = Virtual::new(vec![Part::Bytes(bytes)]);
        if let Ok(Relocation::Plan(segments)) = plan_relocation(&file) {
            let mut copied = 0;
            for segment in &segments {
                if let Segment::Source { offset, len } = segment {
                    prop_assert!(*offset >= copied, "{segments:?}");
                    copied = offset + len;
                }
            }
            prop_assert!(copied <= file.size(), "{segments:?}");
            let again = plan_relocation(&Relocated::new(&file, segments));
            let settled = matches!(again, Ok(Relocation::Unneeded(Reason::AlreadyFirst)));
            prop_assert!(settled, "{again:?}");
        }
        prop_assert!(file.reads.get() <= 100, "{} reads", file.reads.get());
    }
}
