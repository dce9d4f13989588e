//! Captions in the manifests of a packaged output: one file of `WebVTT` for all of the media.

use m3u8_rs::{
    AlternativeMedia, AlternativeMediaType, MasterPlaylist, MediaPlaylist, MediaPlaylistType,
    MediaSegment,
};

/// The group of captions in a playlist.
const GROUP: &str = "captions";

/// Captions that manifests name.
#[derive(Debug)]
pub(crate) struct Words {
    /// Their language.
    pub(crate) language: String,
    /// What players call them.
    pub(crate) label: String,
    /// They themselves, as `WebVTT`.
    pub(crate) text: String,
}

/// The files that they are delivered as.
pub(super) fn files(words: &[Words], parts: &str) -> Vec<(String, Vec<u8>)> {
    let file = |one: &Words| (file_name(one, parts), one.text.clone().into_bytes());
    words.iter().map(file).collect()
}

fn file_name(words: &Words, parts: &str) -> String {
    format!("{parts}/captions-{}.vtt", words.language)
}

/// What the playlist of captions is called.
pub(super) fn playlist_name(words: &Words) -> String {
    format!("captions-{}.m3u8", words.language)
}

/// A playlist with all of them in one segment.
pub(super) fn playlist(words: &Words, parts: &str, seconds: f64) -> MediaPlaylist {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the reader keeps durations as f32"
    )]
    let duration = seconds as f32;
    MediaPlaylist {
        version: Some(super::HLS_VERSION),
        target_duration: super::whole(seconds),
        playlist_type: Some(MediaPlaylistType::Vod),
        end_list: true,
        segments: vec![MediaSegment {
            uri: file_name(words, parts),
            duration,
            ..MediaSegment::default()
        }],
        ..MediaPlaylist::default()
    }
}

/// Names them in the playlist that names the others.
pub(super) fn name_in(master: &mut MasterPlaylist, words: &[Words]) {
    for one in words {
        master.alternatives.push(AlternativeMedia {
            media_type: AlternativeMediaType::Subtitles,
            uri: Some(playlist_name(one)),
            group_id: GROUP.to_owned(),
            language: Some(one.language.clone()),
            name: one.label.clone(),
            autoselect: true,
            ..AlternativeMedia::default()
        });
    }
    if !words.is_empty() {
        for variant in &mut master.variants {
            variant.subtitles = Some(GROUP.to_owned());
        }
    }
}

/// Names them in a DASH manifest (ISO/IEC 23009-1, sidecar files of `WebVTT` as players read them).
pub(super) fn name_in_dash(manifest: Vec<u8>, words: &[Words], parts: &str) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&manifest) else {
        return manifest;
    };
    let Some((before, after)) = text.rsplit_once("</Period>") else {
        return manifest;
    };
    let set = |(number, one): (usize, &Words)| {
        format!(
            "<AdaptationSet id=\"{}\" contentType=\"text\" mimeType=\"text/vtt\" lang=\"{}\"><Label>{}</Label>\
             <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"subtitle\"/>\
             <Representation id=\"captions-{}\" bandwidth=\"256\"><BaseURL>{}</BaseURL></Representation></AdaptationSet>\n",
            // After those of pictures and sound.
            100 + number,
            one.language,
            escaped(&one.label),
            one.language,
            file_name(one, parts)
        )
    };
    let sets: String = words.iter().enumerate().map(set).collect();
    format!("{before}{sets}</Period>{after}").into_bytes()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
