//! Queries of the table, page after page. Nothing is scanned: each query names one partition.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::query::{QueryError, builders::QueryFluentBuilder},
};
use aws_smithy_async::future::pagination_stream::PaginationStream;
use nommer_core::ports::StoreError;

use super::{DynamoStore, item::Item};
use crate::fault::unavailable;

/// Items that a query finds. A page is asked for when the one before it is used up.
pub(super) struct Items {
    what: &'static str,
    pages: PaginationStream<Result<Item, SdkError<QueryError>>>,
}

impl Items {
    /// The next one, if there is any.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, StoreError> {
        let next = self.pages.next().await.transpose();
        next.map_err(|error| unavailable(self.what, &error.into_service_error()))
    }

    /// All that are left.
    pub(super) async fn all(mut self) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        while let Some(next) = self.next().await? {
            found.push(next);
        }
        Ok(found)
    }
}

impl DynamoStore {
    /// Finds items in order to do `what`.
    pub(super) fn query(
        &self,
        what: &'static str,
        with: impl FnOnce(QueryFluentBuilder) -> QueryFluentBuilder,
    ) -> Items {
        let query = with(self.client.query().table_name(&self.table));
        Items {
            what,
            pages: query.into_paginator().items().send(),
        }
    }
}
