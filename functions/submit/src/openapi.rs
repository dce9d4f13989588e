//! The description of the API in `OpenAPI` 3.1, made from the types that are on the wire. What is served is the files that this was
//! last written to; a test compares them. Nothing here answers requests.

mod page;
mod paths;

use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Description, RefOr, Schema,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

/// The description, as pretty JSON.
pub fn description() -> String {
    let json = Api::openapi().to_pretty_json();
    json.expect("the description is JSON") + "\n"
}

/// The description for people, as a page that loads nothing.
pub fn page() -> String {
    let json = Api::openapi().to_json().expect("the description is JSON");
    page::of(&serde_json::from_str(&json).expect("it was JSON"))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "media-nommer",
        description = "Encode video on machines that you own. Where keys are asked for, send one as a bearer token; a stack with AWS_IAM asks for signed requests instead."
    ),
    paths(
        paths::create, paths::list, paths::get, paths::delete, paths::events, paths::log, paths::cancel, paths::retry, paths::bulk, paths::create_batch, paths::batches, paths::batch, paths::cancel_batch, paths::deliveries, paths::redeliver, paths::endpoints, paths::create_endpoint, paths::endpoint, paths::update_endpoint, paths::delete_endpoint, paths::rotate_endpoint, paths::test_endpoint, paths::estimate, paths::announce, paths::upload_parts, paths::complete_upload, paths::create_probe, paths::probe, paths::delete_probe, paths::job_probe, paths::presets, paths::preset, paths::put_preset, paths::delete_preset,
        paths::fleet, paths::pause, paths::resume, paths::encoders, paths::drain, paths::stats, paths::health, paths::version, paths::legacy, paths::legacy_slash,
    ),
    components(schemas(nommer_core::api::Problem)),
    security(("key" = []), ()),
    modifiers(&Keys, &Parts),
)]
struct Api;

/// API keys.
struct Keys;

impl Modify for Keys {
    fn modify(&self, description: &mut Description) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("key", bearer);
    }
}

/// What a batch says of its jobs: the fields of a job, and none of them has to be there.
struct Parts;

impl Modify for Parts {
    fn modify(&self, description: &mut Description) {
        let components = description.components.get_or_insert_default();
        let job = components.schemas.get("JobRequest").cloned();
        if let Some(RefOr::T(Schema::Object(mut part))) = job {
            part.required.clear();
            part.description = Some("Fields of a job, as many as are to be said.".to_owned());
            let part = RefOr::T(Schema::Object(part));
            components.schemas.insert("PartOfJob".to_owned(), part);
        }
    }
}
