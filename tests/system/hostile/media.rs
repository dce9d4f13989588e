//! Media that nobody would send by mistake.

use std::{fs, path::Path, process::Command};

use super::corpus::{Content, Media};
use crate::harness::{make_clip, output_of};

/// Makes a file in a folder; text passes through `fill` first.
pub(crate) fn make(media: &Media, folder: &Path, fill: impl Fn(&str) -> String) {
    let file = folder.join(&media.name);
    match &media.content {
        Content::Text(text) => fs::write(file, fill(text)).unwrap(),
        Content::Made(kind) => craft(kind, &file, &fill),
    }
}

fn craft(kind: &str, file: &Path, fill: &impl Fn(&str) -> String) {
    let write = |bytes: &[u8]| fs::write(file, bytes).unwrap();
    match kind {
        "random" => write(&noise(1 << 20)),
        "mdat" => write(
            &[
                boxed(*b"ftyp", b"isom\0\0\0\0isom"),
                boxed(*b"mdat", &noise(4_096)),
            ]
            .concat(),
        ),
        "box_zero" => write(&[boxed(*b"ftyp", b"isom\0\0\0\0"), b"\0\0\0\0moov".to_vec()].concat()),
        "box_one" => write(
            &[
                boxed(*b"ftyp", b"isom\0\0\0\0"),
                b"\0\0\0\x01moov\0\0\0\0\0\0\0\x01".to_vec(),
            ]
            .concat(),
        ),
        "box_beyond" => write(
            &[
                boxed(*b"ftyp", b"isom\0\0\0\0"),
                b"\x7f\xff\xff\xffmoov".to_vec(),
            ]
            .concat(),
        ),
        "cmov" => write(&compressed_header()),
        "dref" => write(&replaced(&clip(file), b"url \0\0\0\x01", b"alis\0\0\0\0")),
        "gab2" => write(&gab2(&fill(
            "#EXTM3U\n#EXTINF:1,\n{CANARY_URL}/gab2.ts\nfile://{CANARY_DIR}/c.txt\n",
        ))),
        "font" => with_attachment(file),
        "cut" => {
            let bytes = clip(file);
            write(&bytes[..bytes.len() / 4]);
        }
        "mutated" => write(&mutated(clip(file))),
        "duration" => write(&endless(clip(file))),
        "streams" => many_streams(file),
        "pixels" => many_pixels(file),
        "png_bomb" => write(&png_bomb()),
        other => panic!("nobody makes {other:?}"),
    }
}

/// Bytes without a pattern that are the same each time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}

fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes()[..], &kind, content].concat()
}

fn clip(file: &Path) -> Vec<u8> {
    let whole = file.with_extension("whole.mp4");
    make_clip(&whole, 1, "64x48");
    let bytes = fs::read(&whole).unwrap();
    fs::remove_file(whole).unwrap();
    bytes
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// A header that says that it is compressed, and holds noise.
fn compressed_header() -> Vec<u8> {
    let inner = [boxed(*b"dcom", b"zlib"), boxed(*b"cmvd", &noise(64))].concat();
    [
        boxed(*b"ftyp", b"qt  \0\0\0\0"),
        boxed(*b"moov", &boxed(*b"cmov", &inner)),
    ]
    .concat()
}

/// An AVI whose subtitle is a playlist (CVE-2017-9993's form).
fn gab2(playlist: &str) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let pad = vec![0; content.len() % 2];
        [&kind[..], &size, content, &pad].concat()
    };
    let list = |kind: &[u8; 4], content: &[u8]| chunk(b"LIST", &[kind, content].concat());
    let mut header = vec![0; 56];
    header[24..28].copy_from_slice(&1_u32.to_le_bytes());
    let mut stream = vec![0; 56];
    stream[..4].copy_from_slice(b"txts");
    let streams = [
        chunk(b"avih", &header),
        list(
            b"strl",
            &[chunk(b"strh", &stream), chunk(b"strf", &[0; 40])].concat(),
        ),
    ];
    let size = u32::try_from(playlist.len()).unwrap().to_le_bytes();
    let subtitle = [
        &b"GAB2\0\x02\0\0\0\0\0\0\0\x04\0"[..],
        &size,
        playlist.as_bytes(),
    ]
    .concat();
    let body = [
        list(b"hdrl", &streams.concat()),
        list(b"movi", &chunk(b"00tx", &subtitle)),
    ]
    .concat();
    chunk(b"RIFF", &[&b"AVI "[..], &body].concat())
}

fn with_attachment(file: &Path) {
    let font = file.with_extension("ttf");
    fs::write(&font, noise(4_096)).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=64x48:d=1:r=5",
        "-attach",
    ]);
    ffmpeg
        .arg(&font)
        .args(["-metadata:s:t", "mimetype=application/x-truetype-font"]);
    output_of(ffmpeg.arg(file));
    fs::remove_file(font).unwrap();
}

fn mutated(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len();
    for (at, byte) in noise(length / 50).into_iter().enumerate() {
        bytes[40 + (at * 50) % (length - 40)] ^= byte;
    }
    bytes
}

/// Every field of the movie's own header that tells how long it lasts, at its largest.
fn endless(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = bytes
        .windows(4)
        .position(|window| window == b"mvhd")
        .unwrap();
    bytes[at + 20..at + 24].copy_from_slice(&[0xff; 4]);
    bytes
}

/// A program table of a transport stream that lists far more streams than anybody needs.
fn many_streams(file: &Path) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "sine=d=0.1:r=8000",
    ]);
    for _ in 0..150 {
        ffmpeg.args(["-map", "0:a"]);
    }
    output_of(
        ffmpeg
            .args(["-c:a", "mp2", "-ar", "16000", "-b:a", "32k"])
            .arg(file),
    );
}

/// A small file of large frames.
fn many_pixels(file: &Path) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "color=s=400x400:d=0.1:r=10",
    ]);
    ffmpeg.args(["-c:v", "ffv1", "-f", "matroska"]);
    output_of(ffmpeg.arg(file));
    let bytes = fs::read(file).unwrap();
    // Width and height of the track (0xb0, 0xba), two bytes each: 400 becomes 32,000.
    let (small, large) = (
        b"\xb0\x82\x01\x90\xba\x82\x01\x90",
        b"\xb0\x82\x7d\x00\xba\x82\x7d\x00",
    );
    let bytes = replaced(&bytes, small, large);
    fs::write(file, bytes).unwrap();
}

/// The header of a picture of 80,000 by 80,000, and nothing behind it.
fn png_bomb() -> Vec<u8> {
    let side = 80_000_u32.to_be_bytes();
    [
        &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
        &side,
        &side,
        b"\x08\x06\0\0\0\0\0\0\0",
    ]
    .concat()
}
