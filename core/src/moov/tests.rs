//! Examples; `build` makes the files, `property` states what holds for all of them.

mod build;
mod property;

use super::*;
use build::{
    Form, Part, Virtual, all_bytes, atom, dref, ftyp, long_atom, long_mdat_header, movie, table,
    tables_in, track, track_with,
};

/// The segments of a plan, or a panic.
fn planned(file: &(impl ReadAt + ?Sized)) -> Vec<Segment> {
    match plan_relocation(file).unwrap() {
        Relocation::Plan(segments) => segments,
        Relocation::Unneeded(reason) => panic!("no plan: {reason}"),
    }
}

/// The output for `file`, in memory.
fn relocated(file: &[u8]) -> Vec<u8> {
    all_bytes(&Relocated::new(file, planned(file)))
}

/// The `moov` of the output for `file`, which begins with 20 bytes of file type.
fn moved_moov(file: &impl ReadAt) -> Vec<u8> {
    match &planned(file)[..] {
        [
            Segment::Source { offset: 0, len: 20 },
            Segment::Bytes(moov),
            ..,
        ] => moov.clone(),
        segments => panic!("{segments:?}"),
    }
}

/// Why a file is left alone.
fn reason(file: &[u8]) -> Reason {
    match plan_relocation(file).unwrap() {
        Relocation::Unneeded(reason) => reason,
        Relocation::Plan(segments) => panic!("a plan: {segments:?}"),
    }
}

fn error(file: &(impl ReadAt + ?Sized)) -> MoovError {
    plan_relocation(file).unwrap_err()
}

/// What a file is refused for.
fn unsupported(file: &[u8]) -> &'static str {
    match error(file) {
        MoovError::Unsupported { what } => what,
        other => panic!("{other}"),
    }
}

/// The position and the complaint about a damaged file.
fn damage(file: &[u8]) -> (u64, String) {
    match error(file) {
        MoovError::Malformed { offset, what } => (offset, what),
        other => panic!("{other}"),
    }
}

/// An `mdat` of sixteen bytes of media.
fn mdat() -> Vec<u8> {
    atom("mdat", &[b"0123456789abcdef"])
}

/// A `moov` whose one track has its chunks at `offsets`.
fn simple_movie(offsets: &[u64]) -> Vec<u8> {
    movie(&[track(&[table(Form::Stco, offsets)])])
}

/// Size of a `simple_movie` of two chunks.
fn movie_size() -> u64 {
    simple_movie(&[0, 0]).len() as u64
}

#[test]
fn the_moov_moves_behind_the_file_type_and_its_offsets_by_its_size() {
    let free = atom("free", &[[0; 8]]);
    let file = [ftyp(), free.clone(), mdat(), simple_movie(&[44, 52])].concat();
    assert_eq!(
        &file[44..46],
        b"01",
        "the chunks are where this test thinks"
    );

    let moved = simple_movie(&[44 + movie_size(), 52 + movie_size()]);
    assert_eq!(relocated(&file), [ftyp(), moved, free, mdat()].concat());
}

#[test]
fn a_file_without_a_file_type_begins_with_its_moov() {
    let wide = atom("wide", &[[0; 0]]);
    let file = [wide.clone(), mdat(), simple_movie(&[16, 24])].concat();
    let moved = simple_movie(&[16 + movie_size(), 24 + movie_size()]);
    assert_eq!(relocated(&file), [moved, wide, mdat()].concat());
}

#[test]
fn what_follows_the_moov_stays_in_its_place() {
    let rest = [atom("uuid", &[[7; 20]]), mdat(), b"pad".to_vec()].concat();
    let second_chunk = 20 + 24 + movie_size() + 28 + 8;
    let file = [
        ftyp(),
        mdat(),
        simple_movie(&[28, second_chunk]),
        rest.clone(),
    ]
    .concat();
    let moved = simple_movie(&[28 + movie_size(), second_chunk]);
    assert_eq!(relocated(&file), [ftyp(), moved, mdat(), rest].concat());
}

#[test]
fn a_moov_that_leaves_its_size_open_gets_one() {
    let mut open = simple_movie(&[28, 36]);
    open[..4].fill(0);
    let moved = simple_movie(&[28 + movie_size(), 36 + movie_size()]);
    assert_eq!(
        relocated(&[ftyp(), mdat(), open].concat()),
        [ftyp(), moved, mdat()].concat()
    );
}

#[test]
fn a_moov_with_a_long_header_keeps_it() {
    let long = |offsets: &[u64]| long_atom("moov", &simple_movie(offsets)[8..]);
    let moved = long(&[28 + movie_size() + 8, 36 + movie_size() + 8]);
    assert_eq!(
        relocated(&[ftyp(), mdat(), long(&[28, 36])].concat()),
        [ftyp(), moved, mdat()].concat()
    );
}

#[test]
fn every_form_of_offset_table_is_patched() {
    let offsets = [28, 43, 44];
    let movie = |offsets: &[u64]| {
        movie(&[
            track(&[table(Form::Co64, offsets), table(Form::Saio, offsets)]),
            track(&[table(Form::Stco, offsets), table(Form::TypedSaio, offsets)]),
            track(&[table(Form::Stco, &[])]),
        ])
    };
    let size = movie(&offsets).len() as u64;
    assert_eq!(
        relocated(&[ftyp(), mdat(), movie(&offsets)].concat()),
        [ftyp(), movie(&offsets.map(|offset| offset + size)), mdat()].concat()
    );
}

#[test]
fn only_offsets_between_the_two_places_of_the_moov_change() {
    let rest = atom("free", &[[0; 8]]);
    let size = simple_movie(&[0; 6]).len() as u64;
    let end = 44 + size + 16;
    let file = [
        ftyp(),
        mdat(),
        simple_movie(&[0, 19, 20, 44, 44 + size, end]),
        rest.clone(),
    ]
    .concat();
    let moved = simple_movie(&[0, 19, 20 + size, 44 + size, 44 + size, end]);
    assert_eq!(relocated(&file), [ftyp(), moved, mdat(), rest].concat());
}

#[test]
fn a_file_type_behind_the_media_stays_there() {
    let moved = simple_movie(&[8 + movie_size(), 16 + movie_size()]);
    assert_eq!(
        relocated(&[mdat(), ftyp(), simple_movie(&[8, 16])].concat()),
        [moved, mdat(), ftyp()].concat()
    );
}

/// As FFmpeg's `-encryption_scheme` writes it: the `senc` stands in the `moov` itself.
#[test]
fn an_offset_into_the_moov_follows_the_moov_even_past_widened_tables() {
    let senc = atom("senc", &[b"\0\0\0\0vector"]);
    let movie = |last_chunk, senc_at| {
        let chunks = table(Form::Stco, &[36, 37, last_chunk]);
        movie(&[track(&[
            chunks,
            senc.clone(),
            table(Form::Saio, &[senc_at]),
        ])])
    };
    let size = movie(0, 0).len();
    let vector_in_moov = movie(0, 0)
        .windows(6)
        .position(|at| at == b"vector")
        .unwrap() as u64;
    let up_to_4_gib = (1 << 32) - 36 - size as u64;
    for (media, grown) in [(1000, 0), (up_to_4_gib, 3 * 4 + 4)] {
        let file = Virtual::new(vec![
            Part::Bytes([ftyp(), long_mdat_header(media)].concat()),
            Part::Media(media),
            Part::Bytes(movie(36 + media, 36 + media + vector_in_moov)),
        ]);
        let moved = moved_moov(&file);
        assert_eq!(moved.len(), size + grown);
        let vector_at = tables_in(&moved)[1].1[0];
        assert!(moved[usize::try_from(vector_at).unwrap() - 20..].starts_with(b"vector"));
    }
}

#[test]
fn a_sparse_file_past_4_gib_gets_64_bit_offsets() {
    let media = 4_300_000_000;
    let chunks: Vec<u64> = (0..20_000).map(|chunk| 36 + chunk * 214_756).collect();
    let moov = movie(&[
        track(&[table(Form::Stco, &chunks)]),
        track(&[table(Form::Stco, &[36])]),
        track(&[table(Form::Co64, &[36])]),
    ]);
    let size = moov.len();
    let file = Virtual::new(vec![
        Part::Bytes([ftyp(), long_mdat_header(media)].concat()),
        Part::Media(media),
        Part::Bytes(moov),
    ]);
    let output = Relocated::new(&file, planned(&file));
    let new_size = size + 4 * 20_000 + 4;
    let mut head = vec![0; 20 + new_size];
    output.read_exact_at(&mut head, 0).unwrap();

    let shift = |offset: &u64| offset + new_size as u64;
    assert_eq!(
        tables_in(&head),
        [
            (Form::Co64, chunks.iter().map(shift).collect()),
            (Form::Co64, vec![shift(&36)]),
            (Form::Co64, vec![shift(&36)]),
        ]
    );
    assert_eq!(output.size(), file.size() + 4 * 20_001);
}

#[test]
fn offsets_widen_just_when_the_first_one_passes_32_bits() {
    let limit = u64::from(u32::MAX) - movie_size();
    for (last, form) in [(limit, Form::Stco), (limit + 1, Form::Co64)] {
        let media = last - 36 + 1;
        let file = Virtual::new(vec![
            Part::Bytes([ftyp(), long_mdat_header(media)].concat()),
            Part::Media(media),
            Part::Bytes(simple_movie(&[36, last])),
        ]);
        let moved = &moved_moov(&file);
        let shift = moved.len() as u64;
        assert_eq!(tables_in(moved), [(form, vec![36 + shift, last + shift])]);
    }
}

#[test]
fn a_10_gb_file_takes_a_read_a_box() {
    let media = 10_000_000_000;
    let chunks: Vec<u64> = (0..10_000).map(|chunk| 44 + chunk * 1_000_000).collect();
    let moov = movie(&[track(&[table(Form::Co64, &chunks)])]);
    let moov_size = moov.len() as u64;
    let file = Virtual::new(vec![
        Part::Bytes([ftyp(), atom("free", &[[0; 0]]), long_mdat_header(media)].concat()),
        Part::Media(media),
        Part::Bytes(moov),
    ]);
    planned(&file);
    assert!(file.reads.get() <= 6, "{} reads", file.reads.get());
    assert!(
        file.bytes_read.get() <= moov_size + 5 * 16,
        "{} bytes",
        file.bytes_read.get()
    );
}

#[test]
fn files_that_need_no_move_are_left_alone() {
    let moov = simple_movie(&[0]);
    let fragmented = atom(
        "moov",
        &[atom("mvhd", &[[0; 100]]), atom("mvex", &[[0; 0]])],
    );
    let moof = atom("moof", &[[0; 16]]);
    let cases = [
        (
            Reason::AlreadyFirst,
            vec![ftyp(), moov.clone(), mdat(), b"damage!!".to_vec()],
        ),
        (
            Reason::AlreadyFirst,
            vec![ftyp(), moov.clone(), atom("free", &[[0; 9]]), mdat()],
        ),
        (Reason::NoMediaData, vec![ftyp(), moov.clone()]),
        (
            Reason::Fragmented,
            vec![ftyp(), moov.clone(), moof.clone(), mdat()],
        ),
        (
            Reason::Fragmented,
            vec![ftyp(), mdat(), moov, moof.clone(), mdat()],
        ),
        (Reason::Fragmented, vec![ftyp(), mdat(), fragmented]),
        (
            Reason::Fragmented,
            vec![ftyp(), mdat(), simple_movie(&[]), atom("mfra", &[[0; 8]])],
        ),
        (
            Reason::Fragmented,
            vec![ftyp(), atom("sidx", &[[0; 32]]), mdat()],
        ),
        (
            Reason::Fragmented,
            vec![atom("styp", &[b"msdh"]), moof, mdat()],
        ),
    ];
    for (expected, boxes) in cases {
        assert_eq!(reason(&boxes.concat()), expected, "{boxes:?}");
    }
}

#[test]
fn other_formats_are_told_from_an_mp4_without_an_index() {
    let webm = b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01";
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for file in [
        &webm[..],
        png,
        &[0x47; 188],
        &[0; 64],
        b"ID3\x04\0\0\0\0\0\0",
        b"short",
    ] {
        assert!(matches!(error(file), MoovError::NotIsoMedia), "{file:?}");
    }
    for file in [vec![], ftyp(), [ftyp(), mdat()].concat(), mdat()] {
        assert!(matches!(error(&file[..]), MoovError::NoMoov), "{file:?}");
    }
}

#[test]
fn a_file_cut_short_names_the_box_that_is_not_whole() {
    let mut file = [ftyp(), mdat()].concat();
    file.pop();
    let expected = "box `mdat` claims 24 bytes where 23 are left".to_owned();
    assert_eq!(damage(&file), (20, expected));
}

#[test]
fn damage_within_the_moov_is_named_with_its_position_in_the_file() {
    let stco_at = |moov: &[u8]| moov.windows(4).position(|at| at == b"stco").unwrap() - 4;
    let cases: [(usize, &[u8], &str); 7] = [
        (
            0,
            &[0, 0, 0, 7],
            "box `stco` claims 7 bytes, less than its header",
        ),
        (
            0,
            &[0, 0, 0, 0],
            "box `stco` claims 0 bytes, less than its header",
        ),
        (
            0,
            &[0, 0, 1, 0],
            "box `stco` claims 256 bytes where 44 are left",
        ),
        (0, &[0, 0, 0, 12], "box `stco` is too short for its count"),
        (
            0,
            &[0, 0, 0, 23],
            "box `stco` is too short for its 2 offsets",
        ),
        (
            12,
            &[0, 0, 0, 3],
            "box `stco` is too short for its 3 offsets",
        ),
        (
            16,
            &[9, 0, 0, 0],
            "box `stco` points to byte 150994944, beyond the end of the file",
        ),
    ];
    for (at, bytes, expected) in cases {
        let mut moov = simple_movie(&[28, 36]);
        let stco = stco_at(&moov);
        moov[stco + at..][..bytes.len()].copy_from_slice(bytes);
        let offset = 20 + 24 + stco as u64;
        assert_eq!(
            damage(&[ftyp(), mdat(), moov].concat()),
            (offset, expected.to_owned())
        );
    }
}

#[test]
fn a_compressed_moov_is_refused() {
    let moov = atom("moov", &[atom("cmov", &[[0; 16]])]);
    assert!(matches!(
        error(&[ftyp(), mdat(), moov].concat()[..]),
        MoovError::Compressed
    ));
}

#[test]
fn metadata_items_at_positions_of_the_file_are_refused_if_they_would_move() {
    let iloc = atom("iloc", &[[0; 8]]);
    let hdlr = atom("hdlr", &[[0; 24]]);
    let iso = atom("meta", &[&[0; 4], &hdlr[..], &iloc]);
    let mov = atom("meta", &[&hdlr[..], &iloc]);
    let harmless = atom("meta", &[&[0; 4], &hdlr[..]]);
    for meta in [iso, mov] {
        let in_list = atom("meco", &[&harmless, &meta]);
        let in_track = atom("trak", &[&in_list]);
        for part in [&meta, &in_list] {
            let beside = [ftyp(), part.clone(), mdat(), simple_movie(&[])].concat();
            assert!(unsupported(&beside).contains("iloc"));
        }
        for part in [&meta, &in_list, &in_track] {
            let within = [ftyp(), mdat(), movie(&[track(&[]), part.clone()])].concat();
            assert!(unsupported(&within).contains("iloc"));
        }
        let first = [ftyp(), meta, simple_movie(&[]), mdat()].concat();
        assert_eq!(reason(&first), Reason::AlreadyFirst);
    }
    planned(&[ftyp(), harmless, mdat(), simple_movie(&[])].concat()[..]);
}

#[test]
fn a_track_with_its_media_elsewhere_is_refused() {
    let file = |dref| [ftyp(), mdat(), movie(&[track_with(dref, &[])])].concat();
    assert!(unsupported(&file(dref(0, b"file:///other.mov\0"))).contains("another file"));
    // The flag alone may be forgotten; without a location there is no other file.
    planned(&file(dref(0, b"\0"))[..]);
    planned(&file(dref(1, b"file:///old-name.mov\0"))[..]);
}

#[test]
fn limits_hold() {
    let many = |kind| atom(kind, &[[0; 0]]).repeat(MAX_BOXES);
    let meta = atom("meta", &[&[0; 4], &many("free")[..]]);
    for parts in [
        [ftyp(), many("free")],
        [[ftyp(), mdat()].concat(), movie(&[many("trak")])],
        [[ftyp(), mdat(), meta].concat(), simple_movie(&[])],
    ] {
        assert!(unsupported(&parts.concat()).contains("more boxes"));
    }
    let two = [ftyp(), mdat(), simple_movie(&[]), simple_movie(&[])].concat();
    assert!(unsupported(&two).contains("more than one"));

    let head = Part::Bytes([ftyp(), long_mdat_header(1 << 63)].concat());
    let file = Virtual::new(vec![head, Part::Media(1 << 63)]);
    assert!(matches!(error(&file), MoovError::Unsupported { .. }));

    let size = u32::try_from(MAX_MOOV_BYTES + 1).unwrap();
    let file = Virtual::new(vec![
        Part::Bytes([&ftyp()[..], &mdat(), &size.to_be_bytes(), b"moov"].concat()),
        Part::Media(MAX_MOOV_BYTES - 7),
    ]);
    assert!(matches!(error(&file), MoovError::TooLarge { size } if size == MAX_MOOV_BYTES + 1));
    assert!(file.bytes_read.get() < 100, "the moov was read");
}

#[test]
fn a_failed_read_is_named_with_its_position() {
    /// A file that lost its end since its size was taken.
    struct Shrunk(Vec<u8>);
    impl ReadAt for Shrunk {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
            self.0[..60].read_exact_at(buf, offset)
        }
    }
    let file = Shrunk([ftyp(), mdat(), simple_movie(&[28])].concat());
    let MoovError::Read { offset, source } = error(&file) else {
        panic!("read past the end")
    };
    assert_eq!((offset, source.kind()), (44, io::ErrorKind::UnexpectedEof));
}

#[test]
fn the_output_can_be_read_from_any_position() {
    let file = [ftyp(), mdat(), simple_movie(&[28, 36]), b"pad".to_vec()].concat();
    let whole = relocated(&file);
    let output = Relocated::new(&file[..], planned(&file[..]));
    assert_eq!(output.size(), whole.len() as u64);
    for start in 0..whole.len() {
        for len in [0, 1, 30, whole.len() - start] {
            let Some(expected) = whole[start..].get(..len) else {
                continue;
            };
            let mut bytes = vec![0; len];
            output.read_exact_at(&mut bytes, start as u64).unwrap();
            assert_eq!(bytes, expected);
        }
    }
    let beyond = output
        .read_exact_at(&mut [0; 2], output.size() - 1)
        .unwrap_err();
    assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
}
