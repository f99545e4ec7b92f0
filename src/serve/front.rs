//! What answers a request: posts of Kapacitor's without asking a router, everything else through the routes.

use crate::intake::http::Posts;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::Request;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tower_service::Service;

/// All that the HTTP listener answers. Cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<Parts>);

struct Parts {
    posts: Posts,
    router: Router,
    /// Where everything but posts is answered; `None` is where the connection is.
    readers: Option<Handle>,
}

impl Front {
    /// Intake, and the routes of reading.
    #[must_use]
    pub fn new(posts: Posts, reading: Router) -> Self {
        let router = posts.router().merge(reading);
        Self(Arc::new(Parts { posts, router, readers: None }))
    }

    /// The same, with everything but posts answered on this runtime: what readers ask for may take its time, and posts
    /// shall not wait behind it.
    #[must_use]
    pub fn reading_on(self, readers: Handle) -> Self {
        let Parts { posts, router, .. } = &*self.0;
        Self(Arc::new(Parts { posts: posts.clone(), router: router.clone(), readers: Some(readers) }))
    }

    /// Answers one request.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if let Some(way) = self.0.posts.way(&request) {
            return self.0.posts.post(way, request).await;
        }
        // In a box, so that a connection that only posts has no room for it.
        let answer = Box::pin(self.0.router.clone().call(request.map(Body::new)));
        let answer = match &self.0.readers {
            Some(readers) => AbortOnDropHandle::new(readers.spawn(answer)).await,
            None => Ok(answer.await),
        };
        answer.map_or_else(|_panicked| StatusCode::INTERNAL_SERVER_ERROR.into_response(), |Ok(response)| response)
    }
}
