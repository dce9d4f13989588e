//! Options of the caller's beside ours.

use crate::{
    error::{JobError, Warning},
    options::{OptionPolicy, Pair, Side, check_options},
    plan::push_pairs,
    spec::JobSpec,
};

/// Options that hold a list of an encoder's own settings.
const ENCODER_LISTS: [&str; 2] = ["x264-params", "x265-params"];

/// Those of a job, checked again.
pub(super) fn overrides(
    spec: &JobSpec,
    policy: &OptionPolicy,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Pair>, JobError> {
    let checked = check_options(&spec.extras.overrides, Side::Output, policy)
        .map_err(|error| JobError::new(error.code(), error.to_string()))?;
    warnings.extend(checked.warnings);
    Ok(checked.args)
}

/// Puts them after ours, which are pairs and begin at `first`. Lists of an encoder's own settings become one list, theirs last: FFmpeg would
/// take theirs in place of ours.
pub(super) fn add(overrides: &[Pair], args: &mut Vec<String>, first: usize) {
    let end = args.len();
    for pair in overrides {
        let ours = (first..end).step_by(2);
        let same = |at: &usize| {
            let name = args[*at].trim_start_matches('-').split(':').next();
            ENCODER_LISTS.contains(&pair.name.as_str()) && name == Some(pair.name.as_str())
        };
        let lists: Vec<usize> = ours.filter(same).collect();
        let theirs = pair.value.as_deref().unwrap_or("");
        for list in &lists {
            args[list + 1].push(':');
            args[list + 1].push_str(theirs);
        }
        if lists.is_empty() {
            push_pairs(args, std::slice::from_ref(pair));
        }
    }
}
