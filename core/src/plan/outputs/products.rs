//! What FFmpeg leaves in the work folder, and what it is called there.

use super::super::{Product, ProductKind, Sheets};
use super::Compiler;
use crate::{extras::CaptionMode, output::OutputSpec, spec::JobSpec};

/// What the poster is called in the work folder, and the folder of the thumbnails. Outputs are called otherwise.
pub(super) const POSTER_FILE: &str = "poster";
pub(super) const STILLS: &str = "thumbnails";

/// The captions that lie beside the outputs.
pub(super) fn caption_products(spec: &JobSpec) -> impl Iterator<Item = Product> {
    let all = spec.extras.captions.iter().enumerate();
    let beside = all.filter(|(_, captions)| captions.mode == CaptionMode::Sidecar);
    beside.map(|(number, captions)| Product {
        name: Some(format!("captions-{}", captions.language)),
        file: String::new(),
        kind: ProductKind::Captions(number),
        expected: None,
    })
}

pub(super) fn product(output: &OutputSpec) -> Product {
    let relocate = output.container.relocates();
    let kind = if output.container.packaged() {
        ProductKind::Package(output.container)
    } else {
        ProductKind::File { relocate }
    };
    Product {
        name: Some(output.name.clone()),
        file: work_name(output),
        kind,
        expected: None,
    }
}

/// What an output is called in the work folder.
pub(in crate::plan) fn work_name(output: &OutputSpec) -> String {
    format!("output-{}", output.name)
}

impl Compiler<'_> {
    pub(super) fn still_products(&self) -> Vec<Product> {
        let product = |name: &str, file: &str, kind| Product {
            name: Some(name.to_owned()),
            file: file.to_owned(),
            kind,
            expected: None,
        };
        let poster = || product("poster", POSTER_FILE, ProductKind::File { relocate: false });
        let sheets =
            |sheets: &Sheets| product("thumbnails", STILLS, ProductKind::Sheets(sheets.clone()));
        let poster = self.stills.poster.map(|_| poster());
        let sheets = self.stills.sheets.as_ref().map(sheets);
        poster.into_iter().chain(sheets).collect()
    }
}
