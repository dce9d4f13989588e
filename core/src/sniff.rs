//! What a file is, by its first bytes: so that FFmpeg is told which demuxer to use and never chooses one itself.
//!
//! Playlists, scripts and raw formats have no entry here: FFmpeg would follow what stands in them. Magic numbers are from the
//! formats' own specifications and from the `file` database.

/// How many bytes from the start of a file [`sniff`] wants.
pub const SNIFF_BYTES: usize = 4_096;

/// Length of an MPEG transport stream packet, and of one with a time stamp before it (M2TS).
const TS_PACKET: usize = 188;
const M2TS_PACKET: usize = 192;

/// The name of the FFmpeg demuxer for a file that begins with these bytes; none if it is no media that we take.
pub fn sniff(head: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| {
        head.get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    let riff = |kind: &[u8]| at(0, b"RIFF") && at(8, kind);
    let iso = |kind: &[u8]| at(4, kind);
    match () {
        () if [
            &b"ftyp"[..],
            b"moov",
            b"mdat",
            b"free",
            b"skip",
            b"wide",
            b"pnot",
        ]
        .iter()
        .any(|kind| iso(kind)) =>
        {
            Some("mov")
        }
        () if at(0, b"\x1a\x45\xdf\xa3") => Some("matroska"),
        () if riff(b"AVI ") => Some("avi"),
        () if riff(b"WAVE") => Some("wav"),
        () if at(0, b"RF64") && at(8, b"WAVE") => Some("wav"),
        () if at(0, b"FLV\x01") => Some("flv"),
        () if at(0, b"OggS") => Some("ogg"),
        () if at(0, b"fLaC") => Some("flac"),
        () if at(0, b"GIF8") => Some("gif"),
        () if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => Some("aiff"),
        () if at(0, b"caff\x00\x01") => Some("caf"),
        () if at(0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01") => Some("mxf"),
        () if at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") => Some("asf"),
        () if at(0, b".RMF") => Some("rm"),
        () if at(0, b"DKIF") => Some("ivf"),
        () if at(0, b"\x00\x00\x01\xba") => Some("mpeg"),
        () if at(0, b"\x00\x00\x01\xb3") => Some("mpegvideo"),
        () if at(0, b"#!AMR") => Some("amr"),
        () if at(0, b"\x0b\x77") => Some("ac3"),
        () if at(0, b"YUV4MPEG2 ") => Some("yuv4mpegpipe"),
        () if repeats(head, 0, TS_PACKET) || repeats(head, 4, M2TS_PACKET) => Some("mpegts"),
        () if at(0, b"ID3") || mpeg_audio(head) => Some("mp3"),
        () if adts(head) => Some("aac"),
        () => None,
    }
}

/// Whether the sync byte of a transport stream stands at the start of the first packets.
fn repeats(head: &[u8], first: usize, packet: usize) -> bool {
    head.len() > first + 2 * packet
        && (0..3).all(|number| head.get(first + number * packet) == Some(&0x47))
}

/// An MPEG audio frame header: eleven sync bits, layer III, and no reserved value (ISO/IEC 11172-3, 2.4.2.3).
fn mpeg_audio(head: &[u8]) -> bool {
    matches!(head, [0xff, second, third, ..]
        if second & 0xe6 == 0xe2 && second & 0x18 != 0x08 && third & 0xf0 != 0xf0 && third & 0xf0 != 0 && third & 0x0c != 0x0c)
}

/// An ADTS frame header: twelve sync bits and layer 0 (ISO/IEC 13818-7, 6.2).
fn adts(head: &[u8]) -> bool {
    matches!(head, [0xff, second, third, ..] if second & 0xf6 == 0xf0 && third & 0x3c <= 0x30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_is_known_by_its_first_bytes() {
        let mut ts = vec![0; 600];
        for packet in 0..3 {
            ts[packet * 188] = 0x47;
        }
        let cases: [(&[u8], &str); 9] = [
            (b"\x00\x00\x00\x20ftypisom", "mov"),
            (b"\x00\x00\x00\x08wide", "mov"),
            (b"\x1a\x45\xdf\xa3\x01", "matroska"),
            (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
            (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
            (b"\xff\xfb\x90\x64", "mp3"),
            (b"ID3\x04", "mp3"),
            (b"\xff\xf1\x50\x80", "aac"),
            (&ts, "mpegts"),
        ];
        for (head, demuxer) in cases {
            assert_eq!(sniff(head), Some(demuxer), "{head:?}");
        }
    }

    #[test]
    fn playlists_scripts_and_text_are_not_media() {
        let cases: [&[u8]; 9] = [
            b"",
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
            b"ffconcat version 1.0\nfile x\n",
            b"<?xml version=\"1.0\"?><MPD/>",
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
            b";FFMETADATA1\n",
            b"WEBVTT\n",
            b"\x89PNG\r\n\x1a\n",
            b"hello",
        ];
        for head in cases {
            assert_eq!(sniff(head), None, "{head:?}");
        }
    }
}
