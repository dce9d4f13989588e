//! Still pictures of a plan: a poster, and thumbnails with the list that players read.

use std::{fmt::Write as _, time::Duration};

use super::picture::{Branch, Size, fitted};
use crate::output::{Moment, Thumbnails, VideoCodec, VideoSpec};

/// Most thumbnails of one file across and down: with the usual width a picture that every decoder takes.
const TILES: u32 = 10;

/// Quality of the pictures on the encoder's scale, where 2 is the best: no artefacts at the size of a thumbnail.
const QUALITY: &str = "3";

/// Pictures one every so often.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheets {
    /// Seconds from one to the next.
    interval: f64,
    /// The size of one.
    size: Size,
    /// How many share a file, across and down.
    tiles: (u32, u32),
    /// Seconds of media, if they are known.
    seconds: Option<f64>,
}

impl Sheets {
    fn new(asked: &Thumbnails, interval: f64, shown: Size, duration: Option<Duration>) -> Self {
        let picture = VideoSpec {
            width: Some(asked.width),
            ..VideoSpec::new(VideoCodec::H264)
        };
        let seconds = duration.map(|duration| duration.as_secs_f64());
        let tiles = if asked.sprite {
            let most = f64::from(TILES * TILES);
            let count = seconds
                .map_or(most, |seconds| (seconds / interval).ceil())
                .clamp(1.0, most);
            let rows = (1..TILES).find(|rows| f64::from(rows * TILES) >= count);
            (TILES, rows.unwrap_or(TILES))
        } else {
            (1, 1)
        };
        Self {
            interval,
            size: fitted(shown, &picture, false),
            tiles,
            seconds,
        }
    }

    /// The list of the pictures in files of these names, in order, as `WebVTT` with media fragments (W3C Media Fragments 1.0, `xywh`).
    pub fn list(&self, names: &[String]) -> String {
        let (across, down) = self.tiles;
        let mut list = "WEBVTT\n".to_owned();
        let mut begins = 0.0;
        for name in names {
            for tile in 0..across * down {
                let ends = self.seconds.map_or(begins + self.interval, |seconds| {
                    seconds.min(begins + self.interval)
                });
                if ends <= begins {
                    return list;
                }
                write!(list, "\n{} --> {}\n{name}", clock(begins), clock(ends))
                    .expect("text takes text");
                let ((width, height), (column, row)) = (self.size, (tile % across, tile / across));
                if across * down > 1 {
                    let (left, top) = (column * width, row * height);
                    write!(list, "#xywh={left},{top},{width},{height}").expect("text takes text");
                }
                list.push('\n');
                begins += self.interval;
            }
        }
        list
    }
}

/// `00:01:02.500`
fn clock(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let (minutes, millis) = (whole.as_secs() / 60, whole.subsec_millis());
    format!(
        "{:02}:{:02}:{:02}.{millis:03}",
        minutes / 60,
        minutes % 60,
        whole.as_secs() % 60
    )
}

/// The still pictures of one plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Stills {
    /// The size of the poster and its second.
    pub(super) poster: Option<(Size, f64)>,
    /// The thumbnails.
    pub(super) sheets: Option<Sheets>,
}

impl Stills {
    /// What is asked for, of a source of this size.
    pub(super) fn new(asked: &Thumbnails, shown: Size, duration: Option<Duration>) -> Self {
        let at = |moment| match moment {
            Moment::Seconds(seconds) => seconds,
            // Of a source that does not say how long it is, the first picture.
            Moment::Percent(share) => {
                duration.map_or(0.0, |whole| whole.as_secs_f64() * share / 100.0)
            }
        };
        let whole = VideoSpec::new(VideoCodec::H264);
        Self {
            poster: asked
                .poster_at
                .map(|moment| (fitted(shown, &whole, false), at(moment))),
            sheets: asked
                .interval
                .map(|interval| Sheets::new(asked, interval, shown, duration)),
        }
    }

    /// The filters of each, in order.
    pub(super) fn branches(&self) -> Vec<Branch> {
        let of = |filters: String| Branch {
            filters,
            flatten: true,
        };
        let scaled =
            |(width, height): Size| format!("scale={width}:{height},setsar=1,format=yuvj420p");
        let poster = self
            .poster
            .map(|(size, at)| of(format!("select='gte(t,{at})',{}", scaled(size))));
        let sheets = self.sheets.as_ref().map(|sheets| {
            let every = format!(
                "select='isnan(prev_selected_t)+gte(t-prev_selected_t,{})'",
                sheets.interval
            );
            let (across, down) = sheets.tiles;
            of(format!(
                "{every},{},tile={across}x{down}",
                scaled(sheets.size)
            ))
        });
        poster.into_iter().chain(sheets).collect()
    }

    /// The arguments of each, in order. Their branches follow `first` others; the pictures go into `folder`.
    pub(super) fn args(&self, first: usize, poster: &str, folder: &str) -> Vec<String> {
        let image = |branch: usize, more: &[&str]| {
            let map = format!("[v{branch}]");
            let words = ["-map", &map, "-c:v", "mjpeg", "-q:v", QUALITY];
            let all = words.into_iter().chain(more.iter().copied());
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        let mut args = Vec::new();
        let mut branch = first;
        if self.poster.is_some() {
            let file = format!("file:{poster}");
            args.extend(image(
                branch,
                &["-frames:v", "1", "-f", "image2", "-update", "1", &file],
            ));
            branch += 1;
        }
        if self.sheets.is_some() {
            let files = format!("file:{folder}/%05d.jpg");
            args.extend(image(
                branch,
                &["-fps_mode", "passthrough", "-f", "image2", &files],
            ));
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheets(sprite: bool, seconds: Option<f64>) -> Sheets {
        let asked = Thumbnails {
            poster_at: None,
            interval: Some(5.0),
            width: 160,
            sprite,
        };
        Sheets::new(
            &asked,
            5.0,
            (1_920, 1_080),
            seconds.map(Duration::from_secs_f64),
        )
    }

    #[test]
    fn a_list_names_the_picture_of_every_moment_and_ends_with_the_media() {
        let list = sheets(true, Some(62.5)).list(&["a/1.jpg".to_owned()]);
        assert!(
            list.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:05.000\na/1.jpg#xywh=0,0,160,90\n"),
            "{list}"
        );
        assert!(
            list.ends_with("\n00:01:00.000 --> 00:01:02.500\na/1.jpg#xywh=320,90,160,90\n"),
            "{list}"
        );
        assert_eq!(list.matches("-->").count(), 13);
    }

    #[test]
    fn single_pictures_have_no_place_within_a_file() {
        let names = ["1.jpg".to_owned(), "2.jpg".to_owned()];
        let list = sheets(false, None).list(&names);
        assert!(
            list.ends_with("00:00:05.000 --> 00:00:10.000\n2.jpg\n"),
            "{list}"
        );
    }

    #[test]
    fn few_pictures_make_a_small_file() {
        assert_eq!(sheets(true, Some(12.0)).tiles, (10, 1));
        assert_eq!(sheets(true, Some(60.0)).tiles, (10, 2));
        assert_eq!(sheets(true, Some(5_000.0)).tiles, (10, 10));
        assert_eq!(sheets(true, None).tiles, (10, 10));
    }
}
