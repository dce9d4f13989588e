//! What API Gateway adds to a request, dealt with before the routes see it: the stage in its path, and who calls.

mod caller;
mod stage;
#[cfg(test)]
mod tests;

use axum::{Router, middleware};
use lambda_http::Request;
use tower::util::MapRequest;

pub(crate) use caller::Gate;

/// The routes as a Lambda behind API Gateway serves them.
pub(crate) type Routes = MapRequest<Router, fn(Request) -> Request>;

/// Puts the routes behind API Gateway.
pub(crate) fn behind_gateway(routes: Router, gate: Gate) -> Routes {
    let guarded = routes.layer(middleware::from_fn_with_state(gate, caller::guard));
    MapRequest::new(guarded, stage::without_stage)
}
