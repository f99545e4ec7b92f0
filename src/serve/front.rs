//! What answers a request: posts of Kapacitor's without asking a router, everything else through the routes.

use crate::intake::http::Posts;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::Request;
use std::sync::Arc;
use tower_service::Service;

/// All that the HTTP listener answers. Cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<Parts>);

struct Parts {
    posts: Posts,
    router: Router,
}

impl Front {
    /// Intake, and the routes of reading.
    #[must_use]
    pub fn new(posts: Posts, reading: Router) -> Self {
        let router = posts.router().merge(reading);
        Self(Arc::new(Parts { posts, router }))
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
        match answer.await {
            Ok(response) => response,
        }
    }
}
