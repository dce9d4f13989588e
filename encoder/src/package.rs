//! What FFmpeg's packager left, made fit to be published: playlists of something whole, with rates that were measured.
//!
//! FFmpeg writes playlists as for a live stream: with the time of day, without a type, and with rates as they were asked for. The
//! segments are left as they are. Nothing is uploaded here.

mod files;
mod layout;
mod words;

use std::{io, path::Path};

use m3u8_rs::{MasterPlaylist, MediaPlaylist, MediaPlaylistType};
use nommer_core::{
    error::JobError,
    job::Rendition,
    output::Container,
    plan::{DASH_MANIFEST, HLS_MANIFEST},
};

use files::{failed, size_of, text_of};
pub(crate) use files::{listed, prepare};
use layout::Layout;
pub(crate) use words::Words;

/// Version of the protocol that maps and independent segments need (RFC 8216, section 7).
const HLS_VERSION: usize = 7;

/// A packaged output in the work folder.
#[derive(Debug)]
pub(crate) struct Package {
    /// The files that manifests refer to: their names below the folder, and those that they are delivered under.
    pub(crate) parts: Vec<(String, String)>,
    /// Captions that manifests refer to, below the folder, with their content.
    pub(crate) words: Vec<(String, Vec<u8>)>,
    /// Manifests and playlists with their content. The last is the one that players are given, and others come before what names them.
    pub(crate) manifests: Vec<(String, Vec<u8>)>,
    /// The pictures, the best first.
    pub(crate) renditions: Vec<Rendition>,
    /// Bytes of everything.
    pub(crate) bytes: u64,
    /// Seconds of media.
    pub(crate) seconds: f64,
    /// The initialization segment of the first picture, and that of the sound.
    pub(crate) inits: Vec<String>,
}

/// Reads what FFmpeg wrote into `folder`, with its segments in `folder/parts`. Its manifests name these captions too. The sound has
/// this rate, if that is known.
pub(crate) fn read(
    folder: &Path,
    parts: &str,
    (container, sound): (Container, Option<u64>),
    words: &[Words],
) -> Result<Package, JobError> {
    let names = listed(folder, parts)?;
    let text = |name: &str| text_of(folder, name);
    let master = text(HLS_MANIFEST)?;
    let (_, mut master) = m3u8_rs::parse_master_playlist(&master)
        .map_err(|_odd| failed("its playlist cannot be read"))?;
    let size = |name: &str| size_of(folder, &names, name);
    let mut media = Vec::new();
    for name in playlists_of(&master) {
        media.push(Media::read(&text(&name)?, name, &size)?);
    }
    describe(&mut master, &media);
    let seconds = media.iter().map(Media::seconds).fold(0.0, f64::max);
    let inits = inits(&master, &media);
    let layout = Layout::of(&master, parts, sound);
    for one in &mut media {
        layout.rename(&mut one.playlist);
    }
    let mut manifests = Vec::new();
    if container.has_hls() {
        for one in &media {
            manifests.push((one.name.clone(), written(|to| one.playlist.write_to(to))?));
        }
        for one in words {
            let playlist = words::playlist(one, parts, seconds);
            manifests.push((
                words::playlist_name(one),
                written(|to| playlist.write_to(to))?,
            ));
        }
        words::name_in(&mut master, words);
    }
    if container.has_dash() {
        let dash = lasting(layout.rename_in_dash(text(DASH_MANIFEST)?), seconds);
        let dash = words::name_in_dash(dash, words, parts);
        manifests.push((DASH_MANIFEST.to_owned(), dash));
    }
    if container.has_hls() {
        manifests.push((HLS_MANIFEST.to_owned(), written(|to| master.write_to(to))?));
    }
    let mut bytes: u64 = manifests
        .iter()
        .map(|(_, content)| content.len() as u64)
        .sum();
    for name in &names {
        bytes += size(name)?;
    }
    Ok(Package {
        renditions: renditions(&master),
        seconds,
        inits,
        words: words::files(words, parts),
        parts: names
            .into_iter()
            .map(|name| (name.clone(), layout.place(&name)))
            .collect(),
        manifests,
        bytes,
    })
}

/// One playlist of segments, and what was measured of them.
struct Media {
    name: String,
    playlist: MediaPlaylist,
    /// Bits a second of the busiest segment.
    peak: u64,
    /// Bits a second of all together.
    mean: u64,
}

impl Media {
    fn read(
        text: &[u8],
        name: String,
        size: &impl Fn(&str) -> Result<u64, JobError>,
    ) -> Result<Self, JobError> {
        let (_, mut playlist) = m3u8_rs::parse_media_playlist(text)
            .map_err(|_odd| failed("a playlist cannot be read"))?;
        playlist.version = Some(HLS_VERSION);
        playlist.playlist_type = Some(MediaPlaylistType::Vod);
        playlist.independent_segments = true;
        let (mut peak, mut bits, mut seconds, mut longest) = (0, 0, 0.0, 0.0_f64);
        for segment in &mut playlist.segments {
            // The time of day, which may also stand among what the reader does not know.
            segment.program_date_time = None;
            segment.unknown_tags.clear();
            let bytes = size(&segment.uri)?;
            let lasts = f64::from(segment.duration);
            bits += bytes * 8;
            seconds += lasts;
            longest = longest.max(lasts);
            peak = peak.max(rate(bytes * 8, lasts));
        }
        if seconds <= 0.0 {
            return Err(failed(
                "it holds no media; does the job ask for a time beyond the source's end?",
            ));
        }
        playlist.target_duration = whole(longest);
        Ok(Self {
            name,
            playlist,
            peak,
            mean: rate(bits, seconds),
        })
    }

    fn seconds(&self) -> f64 {
        self.playlist
            .segments
            .iter()
            .map(|segment| f64::from(segment.duration))
            .sum()
    }
}

/// A DASH manifest that lasts as long as its media: FFmpeg cuts the length to tenths of a second, and players would not show the rest.
fn lasting(manifest: Vec<u8>, seconds: f64) -> Vec<u8> {
    let attribute = "mediaPresentationDuration=\"PT";
    let cut = std::str::from_utf8(&manifest)
        .ok()
        .and_then(|text| text.split_once(attribute))
        .and_then(|(before, rest)| Some((before, rest.split_once('"')?.1)));
    match cut {
        Some((before, after)) => format!("{before}{attribute}{seconds:.3}S\"{after}").into_bytes(),
        None => manifest,
    }
}

/// Bits a second, in whole numbers: a rate is told, not computed with.
fn rate(bits: u64, seconds: f64) -> u64 {
    let milliseconds = whole(seconds * 1_000.0);
    (bits * 1_000).checked_div(milliseconds).unwrap_or(0)
}

/// The next whole number.
fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "durations of segments, far below 2^53"
    )]
    let whole = number.ceil().max(0.0) as u64;
    whole
}

/// The playlists that a master playlist names, each once.
fn playlists_of(master: &MasterPlaylist) -> Vec<String> {
    let sound = master
        .alternatives
        .iter()
        .filter_map(|other| other.uri.clone());
    let mut names: Vec<String> = master
        .variants
        .iter()
        .map(|variant| variant.uri.clone())
        .chain(sound)
        .collect();
    names.dedup();
    names
}

/// Puts what was measured into the master playlist.
fn describe(master: &mut MasterPlaylist, media: &[Media]) {
    let of = |uri: &str| {
        media
            .iter()
            .find(|media| media.name == uri)
            .map_or((0, 0), |media| (media.peak, media.mean))
    };
    let sound = master
        .alternatives
        .iter()
        .filter_map(|other| other.uri.as_deref())
        .map(of);
    let (peak, mean) = sound.fold((0, 0), |most, one| (most.0.max(one.0), most.1.max(one.1)));
    master.version = Some(HLS_VERSION);
    master.independent_segments = true;
    for variant in &mut master.variants {
        let own = of(&variant.uri);
        variant.bandwidth = own.0 + peak;
        variant.average_bandwidth = Some(own.1 + mean);
    }
    for other in &mut master.alternatives {
        other.autoselect = true;
    }
}

fn renditions(master: &MasterPlaylist) -> Vec<Rendition> {
    let side = |side: u64| u32::try_from(side).ok();
    let of = |variant: &m3u8_rs::VariantStream| Rendition {
        width: variant.resolution.and_then(|size| side(size.width)),
        height: variant.resolution.and_then(|size| side(size.height)),
        peak_bitrate: variant.bandwidth,
        bitrate: variant.average_bandwidth.unwrap_or(variant.bandwidth),
        codecs: variant.codecs.clone(),
        ssim: None,
        vmaf: None,
    };
    master.variants.iter().map(of).collect()
}

/// The initialization segments of the best picture and of the sound.
fn inits(master: &MasterPlaylist, media: &[Media]) -> Vec<String> {
    let best = master.variants.first().map(|variant| variant.uri.as_str());
    let sound = master
        .alternatives
        .first()
        .and_then(|other| other.uri.as_deref());
    let init = |uri: &str| {
        let found = media.iter().find(|media| media.name == uri)?;
        let first = found.playlist.segments.first()?;
        Some(first.map.as_ref()?.uri.clone())
    };
    best.into_iter().chain(sound).filter_map(init).collect()
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Result<Vec<u8>, JobError> {
    let mut bytes = Vec::new();
    write(&mut bytes).map_err(|error| failed(&error.to_string()))?;
    Ok(bytes)
}
