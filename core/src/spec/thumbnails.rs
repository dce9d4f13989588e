//! `thumbnails` of a request.

use serde_json::Value;

use super::{SpecError, fields::Fields};
use crate::output::{Moment, Thumbnails};

/// Pixels across a thumbnail unless the caller says otherwise: what timelines of players show.
const USUAL_WIDTH: u32 = 160;

/// Reads it.
pub(super) fn thumbnails(value: Option<&Value>) -> Result<Option<Thumbnails>, SpecError> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let known = ["poster_at", "interval", "width", "sprite", "vtt"];
    let fields = Fields::new(value, "/thumbnails".to_owned(), &known)?;
    let read = Thumbnails {
        poster_at: moment(&fields)?,
        interval: fields.number("interval", 0.5, 3_600.0)?,
        width: fields.small("width", 16, 1_920)?.unwrap_or(USUAL_WIDTH),
        sprite: fields.flag("sprite")?,
    };
    if fields.get("vtt").is_some() && !fields.flag("vtt")? {
        return Err(fields.refuse(
            "vtt",
            "cannot be off: the list of thumbnails is always written",
        ));
    }
    if read.poster_at.is_none() && read.interval.is_none() {
        return Err(fields.refuse("interval", "or poster_at must be given"));
    }
    Ok(Some(read))
}

/// `"10%"`, or a time.
fn moment(fields: &Fields<'_>) -> Result<Option<Moment>, SpecError> {
    let share = fields.get("poster_at").and_then(Value::as_str);
    let Some(share) = share.and_then(|text| text.strip_suffix('%')) else {
        return Ok(fields.time("poster_at")?.map(Moment::Seconds));
    };
    let percent = share
        .parse()
        .ok()
        .filter(|share| (0.0..=100.0).contains(share));
    let refuse = || fields.refuse("poster_at", "must be a time, or a share such as \"10%\"");
    percent.map(Moment::Percent).ok_or_else(refuse).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_poster_is_taken_at_a_time_or_a_share() {
        let read = |value: Value| thumbnails(Some(&value));
        let at = |value: Value| {
            read(json!({"poster_at": value}))
                .unwrap()
                .unwrap()
                .poster_at
        };
        assert_eq!(at(json!("10%")), Some(Moment::Percent(10.0)));
        assert_eq!(at(json!("00:00:05")), Some(Moment::Seconds(5.0)));
        assert_eq!(at(json!(5)), Some(Moment::Seconds(5.0)));
        for odd in [
            json!("101%"),
            json!("-1%"),
            json!("%"),
            json!("soon"),
            json!(-1),
        ] {
            let refused = read(json!({"poster_at": odd})).unwrap_err();
            assert_eq!(refused.pointer, "/thumbnails/poster_at");
        }
        assert_eq!(read(json!({})).unwrap_err().pointer, "/thumbnails/interval");
        assert_eq!(
            read(json!({"interval": 0})).unwrap_err().pointer,
            "/thumbnails/interval"
        );
        assert_eq!(read(json!({"interval": 5})).unwrap().unwrap().width, 160);
    }
}
