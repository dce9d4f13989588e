//! Relocates what FFmpeg writes, and holds the result against `qt-faststart`, FFmpeg's own tool.
//!
//! Needs `ffmpeg` and `qt-faststart` on the path; Debian has both in its package `ffmpeg`.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use nommer_core::moov::{MoovError, ReadAt, Reason, Relocated, Relocation, plan_relocation};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A file on disk.
struct OnDisk(File);

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }
}

/// Runs a tool to success and returns what it prints.
fn run(tool: &str, args: &[&str]) -> String {
    let output = Command::new(tool)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("cannot run {tool}: {error}; install the package ffmpeg"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {args:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Two seconds of picture and sound, written to `name` with these options, split at spaces.
fn clip(dir: &TempDir, name: &str, options: &str) -> PathBuf {
    let path = dir.path().join(name);
    let inputs = "-v error -f lavfi -i testsrc2=s=320x180:d=2 -f lavfi -i sine=d=2 -g 10";
    let mut args: Vec<&str> = inputs.split(' ').chain(options.split(' ')).collect();
    args.push(path.to_str().unwrap());
    run("ffmpeg", &args);
    path
}

const H264_AAC: &str = "-c:v libx264 -c:a aac";

/// A digest of every packet of a file, in order; `options` say how to read it.
fn packets(path: &Path, options: &[&str]) -> String {
    let input = ["-i", path.to_str().unwrap()];
    let output = ["-map", "0", "-c", "copy", "-f", "md5", "-"];
    run(
        "ffmpeg",
        &[&["-v", "error"], options, &input, &output].concat(),
    )
}

/// Plans for the file at `path`.
fn plan(path: &Path) -> Result<Relocation, MoovError> {
    plan_relocation(&OnDisk(File::open(path).unwrap()))
}

/// Writes the relocation of the file at `from` beside it, and returns where.
fn relocate(from: &Path) -> PathBuf {
    let source = OnDisk(File::open(from).unwrap());
    let Relocation::Plan(segments) = plan_relocation(&source).unwrap() else {
        panic!("{} needs no move", from.display());
    };
    let output = Relocated::new(source, segments);
    let mut bytes = vec![0; usize::try_from(output.size()).unwrap()];
    output.read_exact_at(&mut bytes, 0).unwrap();
    let to = beside(from, "ours");
    fs::write(&to, bytes).unwrap();
    to
}

/// A path in the same folder, with the same extension.
fn beside(path: &Path, prefix: &str) -> PathBuf {
    let name = path.file_name().unwrap().to_str().unwrap();
    path.with_file_name(format!("{prefix}-{name}"))
}

#[test]
fn relocated_files_equal_those_of_qt_faststart() {
    let dir = tempfile::tempdir().unwrap();
    let tagged = "-map 0 -map 1 -map 1 -c:v libx264 -c:a aac -metadata title=stco -metadata x=co64 \
                  -movflags use_metadata_tags";
    let cases = [
        ("clip.mp4", H264_AAC),
        ("clip.mov", H264_AAC),
        ("pcm.mov", "-c:v mjpeg -c:a pcm_s16le -timecode 00:00:00:00"),
        ("sound.m4a", "-vn -c:a aac"),
        ("tagged.mp4", tagged),
    ];
    for (name, options) in cases {
        let source = clip(&dir, name, options);
        let (ours, theirs) = (relocate(&source), beside(&source, "theirs"));
        run(
            "qt-faststart",
            &[source.to_str().unwrap(), theirs.to_str().unwrap()],
        );
        let same = fs::read(&ours).unwrap() == fs::read(&theirs).unwrap();
        assert!(same, "{name} differs from what qt-faststart writes");
        assert_eq!(packets(&ours, &[]), packets(&source, &[]), "{name}");
        assert_eq!(
            plan(&ours).unwrap(),
            Relocation::Unneeded(Reason::AlreadyFirst),
            "{name}"
        );
    }
}

#[test]
fn a_relocated_file_holds_the_packets_of_one_that_ffmpeg_relocates() {
    let dir = tempfile::tempdir().unwrap();
    let bitexact = format!("{H264_AAC} -threads 1 -fflags +bitexact -flags +bitexact");
    let late = clip(&dir, "late.mp4", &bitexact);
    let first = clip(
        &dir,
        "first.mp4",
        &format!("{bitexact} -movflags +faststart"),
    );
    assert_eq!(packets(&relocate(&late), &[]), packets(&first, &[]));
}

/// Its samples' initialization vectors stand in the `moov`, found through a `saio`, which
/// `qt-faststart` leaves behind.
#[test]
fn an_encrypted_file_decrypts_to_the_same_packets() {
    let dir = tempfile::tempdir().unwrap();
    let key = "00112233445566778899aabbccddeeff";
    let encryption =
        format!("-encryption_scheme cenc-aes-ctr -encryption_key {key} -encryption_kid {key}");
    let source = clip(&dir, "secret.mp4", &format!("{H264_AAC} {encryption}"));
    let ours = relocate(&source);
    let decryption = ["-decryption_key", key];
    assert_eq!(packets(&ours, &decryption), packets(&source, &decryption));
    assert_ne!(
        packets(&ours, &[]),
        packets(&source, &decryption),
        "the file is not encrypted"
    );

    let vectors = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        let saio = bytes.windows(4).position(|at| at == b"saio").unwrap();
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(
            (number(saio + 4), number(saio + 8)),
            (0, 1),
            "one 32-bit offset"
        );
        bytes[number(saio + 12) as usize..][..64].to_vec()
    };
    assert_eq!(vectors(&ours), vectors(&source));
}

#[test]
fn files_that_cannot_or_need_not_move_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let first = clip(
        &dir,
        "first.mp4",
        &format!("{H264_AAC} -movflags +faststart"),
    );
    assert_eq!(
        plan(&first).unwrap(),
        Relocation::Unneeded(Reason::AlreadyFirst)
    );

    let fragmented = format!("{H264_AAC} -movflags +frag_keyframe+empty_moov");
    let fragmented = clip(&dir, "fragmented.mp4", &fragmented);
    assert_eq!(
        plan(&fragmented).unwrap(),
        Relocation::Unneeded(Reason::Fragmented)
    );

    let webm = clip(&dir, "clip.webm", "-an -c:v libvpx");
    assert!(matches!(plan(&webm), Err(MoovError::NotIsoMedia)));

    let late = clip(&dir, "late.mp4", H264_AAC);
    let size = fs::metadata(&late).unwrap().len();
    File::options()
        .write(true)
        .open(&late)
        .unwrap()
        .set_len(size / 2)
        .unwrap();
    assert!(matches!(plan(&late), Err(MoovError::Malformed { .. })));
}
