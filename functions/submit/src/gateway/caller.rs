//! Who may call: those whom the gateway has identified, and on the original's route everybody if the stack says so.
//!
//! The gateway refuses the others itself. This is the second lock: an API that was opened by mistake stays shut.

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use lambda_http::request::RequestContext;
use serde_json::json;

/// What callers need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    /// Whether requests must be signed.
    pub(crate) signed: bool,
    /// Whether the original's route takes requests that are not.
    pub(crate) anonymous_legacy: bool,
}

impl Gate {
    fn open(self, path: &str, identified: bool) -> bool {
        let legacy = path == "/job/submit" || path == "/job/submit/";
        identified || (legacy && self.anonymous_legacy) || (!legacy && !self.signed)
    }
}

/// Lets a request through, or answers that it must be signed.
pub(crate) async fn guard(
    State(gate): State<Gate>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let context = request.extensions().get::<RequestContext>();
    if gate.open(request.uri().path(), context.is_some_and(identified)) {
        return next.run(request).await;
    }
    let message = "the request is not signed with AWS credentials";
    let answer = json!({
        "success": false,
        "error_code": "FORBIDDEN",
        "code": "unauthorized",
        "message": message,
    });
    (StatusCode::FORBIDDEN, Json(answer)).into_response()
}

/// Whether the gateway has checked who calls.
fn identified(context: &RequestContext) -> bool {
    match context {
        RequestContext::ApiGatewayV2(context) => context
            .authorizer
            .as_ref()
            .is_some_and(|found| found.iam.is_some()),
        RequestContext::ApiGatewayV1(context) => context.identity.user_arn.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_signed_is_refused_unless_the_stack_says_otherwise() {
        let gate = |signed, anonymous_legacy| Gate {
            signed,
            anonymous_legacy,
        };
        for (gate, path, identified, open) in [
            (gate(true, false), "/v1/jobs", true, true),
            (gate(true, false), "/v1/jobs", false, false),
            (gate(false, false), "/v1/jobs", false, true),
            (gate(true, false), "/job/submit/", false, false),
            (gate(false, false), "/job/submit/", false, false),
            (gate(true, true), "/job/submit/", false, true),
            (gate(true, true), "/job/submit", false, true),
            (gate(true, true), "/job/submit/x", false, false),
            (gate(true, false), "/job/submit/", true, true),
        ] {
            assert_eq!(
                gate.open(path, identified),
                open,
                "{gate:?} {path} {identified}"
            );
        }
    }
}
