//! What FFmpeg left in the work folder, looked at: files, packages and thumbnails, each with the places that they go to.
//!
//! Whatever comes out of the sandbox is taken for what it may be: an output that is no file, or cannot be read, is a failure. Nothing is
//! delivered here.

use std::path::Path;

use nommer_core::{
    captions::Track,
    error::{Code, JobError},
    extras::CaptionMode,
    job::Output,
    moov::{Segment, output_size},
    output::{Container, THUMBNAIL_FOLDER, THUMBNAILS},
    plan::{DASH_MANIFEST, HLS_MANIFEST, Product, ProductKind, Sheets},
    ports::ObjectAttributes,
    uri::MediaUri,
};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Made, MadeFile},
    checksum,
    package::{self, Words},
    pipeline::Request,
    steps,
    tools::Tools,
    workspace::Workspace,
};

/// Looks at what one attempt made.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) request: &'a Request,
    /// Where all of it goes.
    pub(crate) destination: &'a MediaUri,
    pub(crate) work: &'a Workspace,
    pub(crate) cancel: &'a CancellationToken,
    /// The captions of the job, in its order.
    pub(crate) captions: &'a [Track],
}

impl Look<'_> {
    /// Looks at all products, in their order.
    pub(crate) async fn at_all(&self, products: &[Product]) -> Result<Vec<Made>, JobError> {
        let places = self.request.spec.places(self.destination);
        let mut made = Vec::new();
        for (product, place) in products.iter().zip(places) {
            let file = product.file.as_str();
            let mut one = match &product.kind {
                ProductKind::File { relocate } => self.file(file, *relocate, place).await?,
                ProductKind::Package(container) => {
                    let kind = (*container, self.sound_of(product));
                    self.package(file, kind, &place).await?
                }
                ProductKind::Sheets(sheets) => self.sheets(file, sheets, &place).await?,
                ProductKind::Captions(number) => self.words(*number, place),
            };
            whole(product, &one.output)?;
            one.output.name.clone_from(&product.name);
            let attributes = &self.request.spec.extras.storage;
            for file in one.parts.iter_mut().chain(&mut one.files) {
                file.attributes.clone_from(attributes);
            }
            made.push(one);
        }
        Ok(made)
    }

    /// Looks at an output that is a file.
    async fn file(&self, name: &str, relocate: bool, place: MediaUri) -> Result<Made, JobError> {
        let (tools, file) = (self.tools, self.work.file(name));
        let output = steps::look_at_file(tools, self.work, name, self.cancel).await?;
        let segments = steps::relocate(file.clone(), relocate, &place).await?;
        let checksum = checksum::of(&file, &segments).await.map_err(|error| {
            let message = format!("the output could not be read again: {error}");
            JobError::new(Code::EncoderFailed, message)
        })?;
        Ok(Made {
            output: Output {
                url: place.redacted(),
                bytes: output_size(&segments),
                checksum: Some(checksum),
                ..output
            },
            parts: Vec::new(),
            files: vec![MadeFile {
                destination: place,
                file,
                segments,
                attributes: ObjectAttributes::NONE,
            }],
        })
    }

    /// Looks at an output that is a folder of segments.
    async fn package(
        &self,
        folder: &str,
        (container, sound): (Container, Option<u64>),
        place: &MediaUri,
    ) -> Result<Made, JobError> {
        let at = self.work.file(folder);
        let kind = (container, sound);
        let package = package::read(&at, &self.request.parts, kind, &self.named())?;
        let tools = self.tools;
        let output = steps::look_at_package(tools, self.work, folder, &package, self.cancel);
        let output = output.await?;
        let mut parts = parts_of(&at, &package.parts, place).await?;
        let words = package.words.into_iter();
        parts.extend(words.map(|(name, text)| written(place.join(&name), &at, text)));
        let files: Vec<MadeFile> = package
            .manifests
            .into_iter()
            .map(|(name, content)| written(place.join(&name), &at, content))
            .collect();
        let main = if container.has_hls() {
            HLS_MANIFEST
        } else {
            DASH_MANIFEST
        };
        let dash = container.has_dash() && container.has_hls();
        Ok(Made {
            output: Output {
                url: place.join(main).redacted(),
                dash_url: dash.then(|| place.join(DASH_MANIFEST).redacted()),
                ..output
            },
            parts,
            files,
        })
    }

    /// The rate of the sound of an output, if the job says one.
    fn sound_of(&self, product: &Product) -> Option<u64> {
        let mut outputs = self.request.spec.outputs.iter();
        let output = outputs.find(|output| product.name.as_ref() == Some(&output.name))?;
        output.audio.as_ref()?.bitrate
    }

    /// The captions that the manifests of a package name.
    fn named(&self) -> Vec<Words> {
        let all = self.request.spec.extras.captions.iter().zip(self.captions);
        let beside = all.filter(|(captions, _)| captions.mode == CaptionMode::Sidecar);
        let words = beside.map(|(captions, track)| Words {
            language: captions.language.clone(),
            label: captions.label.clone(),
            text: track.to_vtt(),
        });
        words.collect()
    }

    /// Captions beside the outputs.
    fn words(&self, number: usize, place: MediaUri) -> Made {
        let text = self.captions.get(number).map(Track::to_vtt);
        let text = text.unwrap_or_default().into_bytes();
        Made {
            output: Output {
                url: place.redacted(),
                bytes: text.len() as u64,
                ..Output::default()
            },
            parts: Vec::new(),
            files: vec![written(place, self.work.folder(), text)],
        }
    }

    /// Looks at thumbnails. Their list lies beside their folder.
    async fn sheets(
        &self,
        folder: &str,
        sheets: &Sheets,
        place: &MediaUri,
    ) -> Result<Made, JobError> {
        let at = self.work.file(folder);
        let names = package::listed(&at, &self.request.parts)?;
        let same = names.iter().map(|name| (name.clone(), name.clone()));
        let parts = parts_of(&at, &same.collect::<Vec<_>>(), place).await?;
        let named: Vec<String> = names
            .iter()
            .map(|name| format!("{THUMBNAIL_FOLDER}{name}"))
            .collect();
        let list = sheets.list(&named).into_bytes();
        let destination = self.destination.join(THUMBNAILS);
        let pictures: u64 = parts
            .iter()
            .flat_map(|part| &part.segments)
            .map(Segment::size)
            .sum();
        Ok(Made {
            output: Output {
                url: destination.redacted(),
                bytes: pictures + list.len() as u64,
                ..Output::default()
            },
            parts,
            files: vec![written(destination, &at, list)],
        })
    }
}

/// Refuses what is shorter than its source: FFmpeg makes what it can of a file that was cut off, and calls that success.
fn whole(product: &Product, output: &Output) -> Result<(), JobError> {
    let (Some(seconds), Some(expected)) = (output.duration, product.expected) else {
        return Ok(());
    };
    if product.is_whole(seconds) {
        return Ok(());
    }
    let message = format!(
        "the source says that it lasts {:.1} s, and only {seconds:.1} s of it could be read",
        expected.as_secs_f64()
    );
    Err(JobError::new(Code::SourceUnreadable, message)
        .with_hint("its recording or its upload was cut off, or a part of it is damaged"))
}

/// A file that is written from memory. The folder is one that exists.
fn written(destination: MediaUri, folder: &Path, content: Vec<u8>) -> MadeFile {
    MadeFile {
        destination,
        file: folder.to_owned(),
        segments: vec![Segment::Bytes(content)],
        attributes: ObjectAttributes::NONE,
    }
}

/// Files of a folder, each with the name that it gets below a place.
async fn parts_of(
    folder: &Path,
    names: &[(String, String)],
    place: &MediaUri,
) -> Result<Vec<MadeFile>, JobError> {
    let mut parts = Vec::new();
    for (name, under) in names {
        let file = folder.join(name);
        parts.push(MadeFile {
            destination: place.join(under),
            segments: steps::relocate(file.clone(), false, place).await?,
            attributes: ObjectAttributes::NONE,
            file,
        });
    }
    Ok(parts)
}
