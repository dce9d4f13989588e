//! A Lambda that does nothing but answer: what `cargo xtask bench --only lambda` compares the cold start of submit with.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let answer = |_: Request| async { Ok::<_, Error>(Response::new(Body::Empty)) };
    lambda_http::run(service_fn(answer)).await
}
