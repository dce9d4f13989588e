//! What a job published, file by file, as far as its record tells: what is deleted when a job is to be forgotten with its outputs.
//!
//! Only what the record names counts, and only below the job's own destination. Where it does not say enough, nothing is guessed:
//! another job may write to the same folder.

use super::{Job, Output};
use crate::{
    error::{Code, JobError},
    output::THUMBNAILS,
    plan::{DASH_MANIFEST, HLS_MANIFEST},
    uri::MediaUri,
};

/// What to do about outputs that cannot be deleted.
const BY_HAND: &str = "delete them with tools of your own, and the job without `delete_outputs`: then its outputs stay";

/// The files of one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Those under names that anybody may know, each with the version tag that it got: that at the output's address first, and each before
    /// those that it refers to.
    pub shown: Vec<(MediaUri, Option<String>)>,
    /// The folder that the others lie below.
    pub folder: MediaUri,
    /// The names of the others below it: segments and pictures, in a folder that is the job's own.
    pub parts: Vec<String>,
}

impl Job {
    /// The files that it published, as far as it recorded them.
    ///
    /// # Errors
    /// Its record does not say which they are, or the credentials for them are gone.
    pub fn published(&self) -> Result<Vec<Published>, JobError> {
        let Some(destination) = self.destination() else {
            return Ok(Vec::new());
        };
        if destination.has_secret() && !self.outputs.is_empty() {
            let message = format!(
                "the credentials in the destination of job {} were forgotten when it ended",
                self.id
            );
            return Err(JobError::new(Code::Conflict, message).with_hint(BY_HAND));
        }
        let outputs = self.outputs.iter();
        outputs
            .map(|output| {
                published(destination, output).ok_or_else(|| {
                    let message = format!(
                        "job {} does not say which files belong to {}",
                        self.id, output.url
                    );
                    JobError::new(Code::Conflict, message).with_hint(BY_HAND)
                })
            })
            .collect()
    }
}

fn published(destination: &MediaUri, output: &Output) -> Option<Published> {
    let root = destination.identity();
    if !destination.is_folder() {
        let alone = output.url == root && output.files.is_empty();
        return alone.then(|| Published {
            shown: vec![(destination.clone(), output.etag.clone())],
            folder: destination.clone(),
            parts: Vec::new(),
        });
    }
    let below = output.url.strip_prefix(&root);
    let below = below.filter(|below| !below.is_empty())?;
    if output.files.is_empty() && has_parts(output) {
        return None;
    }
    let file = below.rfind('/').map_or(0, |slash| slash + 1);
    let folder = destination.join(&below[..file]);
    let mut shown = vec![(destination.join(below), output.etag.clone())];
    let mut parts = Vec::new();
    // They were written in such an order that nothing referred to what was not there yet.
    for file in output.files.iter().rev() {
        match &file.etag {
            Some(etag) => shown.push((folder.join(&file.name), Some(etag.clone()))),
            None => parts.extend(file.names()),
        }
    }
    Some(Published {
        shown,
        folder,
        parts,
    })
}

/// Whether there are more files than the one at its address. Records that were written before files were noted do not name them.
fn has_parts(output: &Output) -> bool {
    let ends = [HLS_MANIFEST, DASH_MANIFEST, THUMBNAILS];
    let file = output.url.rsplit('/').next().unwrap_or_default();
    !output.renditions.is_empty() || output.dash_url.is_some() || ends.contains(&file)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::job;

    /// A job to this destination, with outputs as a record has them.
    fn with(destination: &str, outputs: Value) -> Job {
        let outputs: Vec<Output> = serde_json::from_value(outputs).unwrap();
        let preset = if destination.ends_with('/') {
            json!({"dest_path": destination, "preset": "hls-abr"})
        } else {
            json!({"dest_path": destination})
        };
        Job {
            outputs,
            ..job(&preset)
        }
    }

    fn names(published: &Published) -> Vec<(String, Option<&str>)> {
        let shown = published.shown.iter();
        shown
            .map(|(uri, etag)| (uri.identity(), etag.as_deref()))
            .collect()
    }

    #[test]
    fn a_single_file_is_known_by_its_address_in_records_of_any_age() {
        let url = "s3://out-bucket/a.mp4";
        let job = with(url, json!([{"url": url, "bytes": 7, "etag": "\"1\""}]));
        let published = job.published().unwrap();
        assert_eq!(names(&published[0]), [(url.to_owned(), Some("\"1\""))]);
        assert!(published[0].parts.is_empty());
    }

    #[test]
    fn of_a_package_the_manifest_goes_first_and_the_segments_are_named() {
        let files = json!([
            {"name": "job_1/video/720/init.m4s"},
            {"name": "job_1/video/720/00001.m4s", "count": 3},
            {"name": "media_0.m3u8", "etag": "a"},
            {"name": "manifest.mpd", "etag": "b"},
        ]);
        let url = "s3://out-bucket/film/web/master.m3u8";
        let output = json!({"url": url, "bytes": 7, "etag": "c", "files": files});
        let published = with("s3://out-bucket/film/", json!([output]));
        let published = published.published().unwrap().remove(0);
        let at = |name: &str| format!("s3://out-bucket/film/web/{name}");
        assert_eq!(
            names(&published),
            [
                (url.to_owned(), Some("c")),
                (at("manifest.mpd"), Some("b")),
                (at("media_0.m3u8"), Some("a")),
            ]
        );
        assert_eq!(published.folder.identity(), at(""));
        assert_eq!(published.parts.len(), 4);
        assert_eq!(published.parts[3], "job_1/video/720/init.m4s");
    }

    #[test]
    fn a_package_of_an_old_record_is_refused_and_a_file_of_one_is_not() {
        let folder = "s3://out-bucket/film/";
        for (url, more) in [
            ("master.m3u8", json!({})),
            ("manifest.mpd", json!({})),
            ("thumbnails.vtt", json!({})),
            (
                "own.m3u8",
                json!({"dash_url": "s3://out-bucket/film/x.mpd"}),
            ),
        ] {
            let mut output = json!({"url": format!("{folder}{url}"), "bytes": 7});
            let fields = output.as_object_mut().unwrap();
            fields.extend(more.as_object().unwrap().clone());
            let refused = with(folder, json!([output])).published().unwrap_err();
            assert_eq!(refused.code, Code::Conflict, "{url}");
            assert!(refused.hint.is_some());
        }
        let output = json!({"url": format!("{folder}720p.mp4"), "bytes": 7});
        assert!(with(folder, json!([output])).published().is_ok());
    }

    #[test]
    fn nothing_outside_the_destination_is_named() {
        for (destination, url) in [
            ("s3://out-bucket/a.mp4", "s3://out-bucket/b.mp4"),
            ("s3://out-bucket/film/", "s3://out-bucket/other/a.mp4"),
            ("s3://out-bucket/film/", "s3://out-bucket/film/"),
        ] {
            let job = with(destination, json!([{"url": url, "bytes": 7}]));
            assert_eq!(job.published().unwrap_err().code, Code::Conflict, "{url}");
        }
    }

    #[test]
    fn a_job_that_ended_badly_published_nothing() {
        assert_eq!(
            with("s3://out-bucket/a.mp4", json!([])).published(),
            Ok(vec![])
        );
    }

    #[test]
    fn files_whose_credentials_are_gone_are_not_deleted() {
        let secret =
            "s3://AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00@out-bucket/a.mp4";
        let output = json!({"url": "s3://***@out-bucket/a.mp4", "bytes": 7});
        let refused = with(secret, json!([output])).published().unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert!(refused.message.contains("credentials"));
    }
}
