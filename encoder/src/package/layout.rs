//! Where the segments of a packaged output go: each rendition into a folder of its own, named after what it is, so that a person finds
//! the 720 lines and the 128 kbit/s.
//!
//! FFmpeg writes all segments into one folder, numbered by rendition. Files are named anew when they are delivered, and the manifests
//! with them; nothing is moved on the disk.

use std::collections::BTreeMap;

use m3u8_rs::{MasterPlaylist, MediaPlaylist};

/// What names in the manifests turn into.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The folder of each rendition, by FFmpeg's number of it.
    folders: BTreeMap<u32, String>,
    parts: String,
}

impl Layout {
    /// The layout of the renditions that a master playlist names: `video/720` and `audio/128`. `sound` is the rate of the sound.
    pub(super) fn of(master: &MasterPlaylist, parts: &str, sound: Option<u64>) -> Self {
        let mut layout = Self {
            folders: BTreeMap::new(),
            parts: parts.to_owned(),
        };
        for variant in &master.variants {
            let height = variant.resolution.map(|size| size.height.to_string());
            layout.add("video", height, &variant.uri);
        }
        let rate = sound.map(|bits| (bits / 1_000).to_string());
        for other in master
            .alternatives
            .iter()
            .filter_map(|other| other.uri.as_ref())
        {
            layout.add("audio", rate.clone(), other);
        }
        layout
    }

    fn add(&mut self, kind: &str, word: Option<String>, playlist: &str) {
        let Some(number) = number_of(playlist) else {
            return;
        };
        let folder = match word {
            Some(word) => format!("{kind}/{word}"),
            None => kind.to_owned(),
        };
        let taken = self.folders.values().any(|other| *other == folder);
        let folder = if taken {
            format!("{folder}-{number}")
        } else {
            folder
        };
        self.folders.entry(number).or_insert(folder);
    }

    /// Where a file goes that FFmpeg called `name`. What is not of a rendition keeps its name.
    pub(super) fn place(&self, name: &str) -> String {
        self.placed(name).unwrap_or_else(|| name.to_owned())
    }

    fn placed(&self, name: &str) -> Option<String> {
        let file = name.strip_prefix(&self.parts)?.strip_prefix('/')?;
        let (number, file) = match file.strip_prefix("init-") {
            Some(rest) => (rest.strip_suffix(".m4s")?, "init.m4s"),
            None => file.split_once('-')?,
        };
        let folder = self.folders.get(&number.parse().ok()?)?;
        Some(format!("{}/{folder}/{file}", self.parts))
    }

    /// Names the segments of a playlist anew.
    pub(super) fn rename(&self, playlist: &mut MediaPlaylist) {
        for segment in &mut playlist.segments {
            segment.uri = self.place(&segment.uri);
            if let Some(map) = &mut segment.map {
                map.uri = self.place(&map.uri);
            }
        }
    }

    /// Names the segments of a DASH manifest anew: those of each `Representation` by its own number.
    pub(super) fn rename_in_dash(&self, manifest: Vec<u8>) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(&manifest) else {
            return manifest;
        };
        let mark = "<Representation id=\"";
        let mut pieces = text.split(mark);
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            out.push_str(mark);
            let number = piece.split('"').next().and_then(|text| text.parse().ok());
            let folder = number.and_then(|number: u32| self.folders.get(&number));
            out.push_str(&match folder {
                Some(folder) => self.templates(piece, folder),
                None => piece.to_owned(),
            });
        }
        out.into_bytes()
    }

    fn templates(&self, piece: &str, folder: &str) -> String {
        let parts = &self.parts;
        piece
            .replace(
                &format!("\"{parts}/init-$RepresentationID$.m4s\""),
                &format!("\"{parts}/{folder}/init.m4s\""),
            )
            .replace(
                &format!("\"{parts}/$RepresentationID$-"),
                &format!("\"{parts}/{folder}/"),
            )
    }
}

/// FFmpeg's number of the rendition that has this playlist.
fn number_of(playlist: &str) -> Option<u32> {
    let rest = playlist.strip_prefix("media_")?;
    rest.strip_suffix(".m3u8")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "#EXTM3U\n#EXT-X-VERSION:7\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"audio_2\",URI=\"media_2.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=9,RESOLUTION=1280x720,AUDIO=\"a\"\nmedia_0.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=8,RESOLUTION=854x720,AUDIO=\"a\"\nmedia_1.m3u8\n";

    fn layout(sound: Option<u64>) -> Layout {
        let (_, master) = m3u8_rs::parse_master_playlist(MASTER.as_bytes()).unwrap();
        Layout::of(&master, "job_1", sound)
    }

    #[test]
    fn each_rendition_has_a_folder_of_its_own() {
        let layout = layout(Some(128_000));
        for (name, place) in [
            ("job_1/init-0.m4s", "job_1/video/720/init.m4s"),
            ("job_1/0-00001.m4s", "job_1/video/720/00001.m4s"),
            ("job_1/1-00012.m4s", "job_1/video/720-1/00012.m4s"),
            ("job_1/2-00001.m4s", "job_1/audio/128/00001.m4s"),
            ("job_1/7-00001.m4s", "job_1/7-00001.m4s"),
            ("other/0-00001.m4s", "other/0-00001.m4s"),
        ] {
            assert_eq!(layout.place(name), place);
        }
    }

    #[test]
    fn sound_whose_rate_nobody_said_has_a_folder_all_the_same() {
        let place = layout(None).place("job_1/init-2.m4s");
        assert_eq!(place, "job_1/audio/init.m4s");
    }

    #[test]
    fn the_dash_manifest_names_the_same_files() {
        let template = "initialization=\"job_1/init-$RepresentationID$.m4s\" media=\"job_1/$RepresentationID$-$Number%05d$.m4s\"";
        let manifest = format!(
            "<AdaptationSet id=\"0\"><Representation id=\"0\" a=\"b\">{template}</Representation><Representation id=\"2\">{template}</Representation>"
        );
        let renamed = layout(Some(96_000)).rename_in_dash(manifest.into_bytes());
        assert_eq!(
            String::from_utf8(renamed).unwrap(),
            "<AdaptationSet id=\"0\"><Representation id=\"0\" a=\"b\">initialization=\"job_1/video/720/init.m4s\" \
             media=\"job_1/video/720/$Number%05d$.m4s\"</Representation><Representation id=\"2\">\
             initialization=\"job_1/audio/96/init.m4s\" media=\"job_1/audio/96/$Number%05d$.m4s\"</Representation>"
        );
    }
}
