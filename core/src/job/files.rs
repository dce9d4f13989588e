//! The files of a published output, as its record names them: one entry for each, and one for each run of segments that are numbered.
//!
//! A film has thousands of segments, and a record has little room. Nothing is looked at or deleted here.

use serde::{Deserialize, Serialize};

/// A file of an output, or several that are numbered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutputFile {
    /// Its name, from the folder on in which the file at `url` lies.
    pub name: String,
    /// How many files this stands for, where they are more than one: the number before the extension counts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Version tag at the destination. Files in the folder of the job alone have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

impl OutputFile {
    /// Files of these names, in order, in as few entries as will do.
    pub fn all(names: impl IntoIterator<Item = String>) -> Vec<Self> {
        let mut files: Vec<Self> = Vec::new();
        for name in names {
            if let Some(last) = files.last_mut() {
                let count = last.count.unwrap_or(1);
                if nth(&last.name, count).as_ref() == Some(&name) {
                    last.count = Some(count + 1);
                    continue;
                }
            }
            files.push(Self {
                name,
                ..Self::default()
            });
        }
        files
    }

    /// The name of each file that it stands for.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let further = 1..self.count.unwrap_or(1);
        let further = further.map_while(|number| nth(&self.name, number));
        std::iter::once(self.name.clone()).chain(further)
    }
}

/// The name so many after this one, if it holds a number before its extension: as wide, unless the number outgrows that.
fn nth(name: &str, further: u32) -> Option<String> {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[file..].rfind('.').map_or(name.len(), |dot| file + dot);
    let stem = &name[file..dot];
    let digits = stem.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (before, number) = name[..dot].split_at(dot - digits);
    let next = number.parse::<u32>().ok()?.checked_add(further)?;
    Some(format!("{before}{next:0digits$}{}", &name[dot..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(names: &[&str]) -> Vec<OutputFile> {
        OutputFile::all(names.iter().map(|&name| name.to_owned()))
    }

    #[test]
    fn segments_that_are_numbered_are_one_entry() {
        let segments = (1..=1_800).map(|number| format!("job_1/video/720/{number:05}.m4s"));
        let init = "job_1/video/720/init.m4s".to_owned();
        let names: Vec<String> = std::iter::once(init).chain(segments).collect();
        let files = OutputFile::all(names.clone());
        assert_eq!(files.len(), 2);
        assert_eq!(files[1].count, Some(1_800));
        let again: Vec<String> = files.iter().flat_map(OutputFile::names).collect();
        assert_eq!(again, names);
    }

    #[test]
    fn whatever_the_names_are_they_come_back_as_they_were() {
        for names in [
            &["a/1.jpg", "a/2.jpg", "a/4.jpg"][..],
            &["a/99999.m4s", "a/100000.m4s", "a/100001.m4s"],
            &["a/09.m4s", "a/10.m4s", "a/11.m4s"],
            &["a/9.m4s", "a/010.m4s"],
            &["a/1.m4s", "b/2.m4s", "a/3.m4s"],
            &["1", "2", "x7.y.z8", "x7.y.z9"],
            &[
                "99999999999999999999.m4s",
                "4294967295.m4s",
                "4294967296.m4s",
            ],
            &["same.vtt", "same.vtt"],
            &["a.1/x", "a.2/x"],
            &["", "."],
        ] {
            let again: Vec<String> = all(names).iter().flat_map(OutputFile::names).collect();
            assert_eq!(again, names);
        }
    }

    #[test]
    fn a_single_file_takes_no_more_room_than_its_name() {
        let json = serde_json::to_string(&all(&["captions-en.m3u8"])).unwrap();
        assert_eq!(json, r#"[{"name":"captions-en.m3u8"}]"#);
    }
}
