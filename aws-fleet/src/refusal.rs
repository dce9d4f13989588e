//! EC2's error codes, sorted by what scale does about them. Codes after
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.

use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata};
use nommer_core::ports::LaunchError;

/// There is none to be had now; another type, zone or market, or a later try, may have one.
const NO_CAPACITY: [&str; 7] = [
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientFreeAddressesInSubnet",
    "UnfulfillableCapacity",
    "SpotMaxPriceTooLow",
    "Unsupported",
];

/// The account may not have more; more calls would change nothing.
const LIMIT_REACHED: [&str; 7] = [
    "VcpuLimitExceeded",
    "MaxSpotInstanceCountExceeded",
    "MaxSpotFleetRequestCountExceeded",
    "InstanceLimitExceeded",
    "VolumeLimitExceeded",
    "RequestLimitExceeded",
    "Throttling",
];

/// EC2 broke down over the request, which may have been carried out.
const UNANSWERED: [&str; 4] = [
    "InternalError",
    "InternalFailure",
    "ServiceUnavailable",
    "Unavailable",
];

/// EC2's code and message; where it gave none, the whole chain of causes.
pub(crate) fn describe<E: std::error::Error + ProvideErrorMetadata>(error: &E) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => DisplayErrorContext(error).to_string(),
    }
}

/// What an error code means for a launch.
pub(crate) fn sort(code: &str, message: &str) -> LaunchError {
    let words = format!("{code}: {message}");
    if NO_CAPACITY.contains(&code) {
        LaunchError::NoCapacity(words)
    } else if LIMIT_REACHED.contains(&code) {
        LaunchError::LimitReached(words)
    } else if UNANSWERED.contains(&code) {
        LaunchError::Unanswered(words)
    } else {
        LaunchError::Failed(match hint(code) {
            Some(hint) => format!("{words} ({hint})"),
            None => words,
        })
    }
}

/// What the operator can do, where that is known.
fn hint(code: &str) -> Option<&'static str> {
    match code {
        "UnauthorizedOperation" | "AccessDenied" => {
            Some("the role of scale lacks a permission: deploy the stack again")
        }
        "InvalidInstanceType" | "InvalidParameterValue" => {
            Some("check the parameter InstanceTypes of the stack")
        }
        "InvalidLaunchTemplateId.NotFound"
        | "InvalidLaunchTemplateId.VersionNotFound"
        | "InvalidAMIID.NotFound"
        | "InvalidAMIID.Unavailable" => Some("check the parameter EncoderImageId of the stack"),
        "InvalidSubnetID.NotFound" => Some("check the parameter SubnetIds of the stack"),
        "OptInRequired" | "PendingVerification" | "Blocked" => {
            Some("the account is not yet allowed to run instances: see the AWS console")
        }
        _ => None,
    }
}

/// The gravest of several: no answer before a mistake before a limit before a lack. Only a lack passes by itself, and where an
/// answer is missing an instance may have been launched.
pub(crate) fn gravest(errors: Vec<LaunchError>) -> LaunchError {
    let rank = |error: &LaunchError| match error {
        LaunchError::NoCapacity(_) => 0,
        LaunchError::LimitReached(_) => 1,
        LaunchError::Failed(_) => 2,
        LaunchError::Unanswered(_) => 3,
    };
    errors.into_iter().max_by_key(rank).unwrap_or_else(|| {
        LaunchError::Failed("EC2 launched nothing and did not say why".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_is_told_from_a_limit_and_from_a_mistake() {
        for (code, expected) in [
            ("InsufficientInstanceCapacity", "no capacity"),
            ("VcpuLimitExceeded", "a limit is reached"),
            ("UnauthorizedOperation", "the launch failed"),
            ("InternalError", "the launch was not answered"),
            ("SomethingNew", "the launch failed"),
        ] {
            let words = sort(code, "why").to_string();
            assert!(
                words.starts_with(expected) && words.contains(code),
                "{words}"
            );
        }
    }

    #[test]
    fn a_mistake_is_told_before_a_lack() {
        let errors = vec![
            LaunchError::NoCapacity("a".to_owned()),
            LaunchError::Failed("b".to_owned()),
            LaunchError::LimitReached("c".to_owned()),
        ];
        assert!(matches!(gravest(errors), LaunchError::Failed(_)));
    }
}
