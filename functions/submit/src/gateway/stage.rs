//! Stages of an API that have a name stand at the front of its paths. The routes do not know them.

use lambda_http::{
    Request, RequestExt as _,
    http::{Uri, uri::PathAndQuery},
    request::RequestContext,
};

/// The same request with the path that the API's routes name.
pub(crate) fn without_stage(mut request: Request) -> Request {
    let stage = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref(),
        Some(RequestContext::ApiGatewayV1(context)) => context.stage.as_deref(),
        _ => None,
    };
    let path = request.uri().path_and_query().map(PathAndQuery::as_str);
    let shorter = stage.zip(path).and_then(|(stage, path)| {
        let rest = path.strip_prefix('/')?.strip_prefix(stage)?;
        rest.starts_with('/').then(|| rest.to_owned())
    });
    if let Some(shorter) = shorter.and_then(|path| path.parse::<Uri>().ok()) {
        *request.uri_mut() = shorter;
    }
    request
}
