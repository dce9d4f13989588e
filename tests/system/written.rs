//! What an encode writes to disks, counted by the system: each output once.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::harness::{decodes, nommer, output_of};

/// Ten seconds that take much room, so that what is written beside them shows as little.
pub(crate) fn noisy_clip(file: &Path) {
    let mut ffmpeg = Command::new("ffmpeg");
    let words = "-v error -y -f lavfi -i testsrc2=size=640x360:rate=25:duration=10 -f lavfi -i sine=duration=10 -vf noise=alls=60:allf=t \
        -c:v libx264 -preset ultrafast -b:v 16M -c:a aac";
    output_of(ffmpeg.args(words.split_whitespace()).arg(file));
}

/// `nommer encode` of one pass, its data and its job in this folder, to be counted.
pub(crate) fn encode(folder: &Path, from: &str, to: &str) -> Command {
    let job = folder.join("job.json");
    let outputs = r#"{"outputs": [{"video": {"speed": "ultrafast", "crf": 30}}]}"#;
    fs::write(&job, outputs).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "\"$@\" >&2; cat /proc/$$/io", "sh"]);
    command.arg(nommer()).arg("--data-dir");
    command.arg(folder.join("data"));
    command.args(["encode", from, to, "--file"]).arg(job);
    command
}

/// Bytes that this command wrote to disks (`write_bytes` in proc(5)); nothing where there are no disks.
pub(crate) fn written_by(command: &mut Command) -> u64 {
    let printed = output_of(command);
    let mut lines = printed.lines();
    let count = lines.find_map(|line| line.strip_prefix("write_bytes: "));
    count.expect("Linux counts them").parse().unwrap()
}

/// At most a twentieth is written beside an output.
pub(crate) fn assert_written_once(written: u64, output: u64) {
    assert!(output > 3 << 20, "{output} bytes");
    assert!(
        written * 100 <= output * 105,
        "{written} bytes written for an output of {output}"
    );
}

#[test]
fn to_a_folder_an_output_is_written_once_and_its_index_stands_in_front() {
    // On a disk of the build's: where files are kept in memory, nothing is counted.
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let [from, to] = ["in.mp4", "out.mp4"].map(|name| folder.path().join(name));
    noisy_clip(&from);
    let [source, output] = [&from, &to].map(|file| file.to_str().unwrap());
    let written = written_by(&mut encode(folder.path(), source, output));
    let made = fs::read(&to).unwrap();
    assert_written_once(written, made.len() as u64);
    let place = |kind: &[u8]| made.windows(4).position(|four| four == kind).unwrap();
    assert!(place(b"moov") < place(b"mdat"));
    assert!(decodes(&to));
}
