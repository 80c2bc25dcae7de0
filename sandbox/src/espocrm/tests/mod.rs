//! What a product could trip over, over HTTP.
