//! The settings of writes from the effective values: the order of plans, what counts as good, convergence.

use super::tree::{Tree, join};
use crate::domain::writing::{Convergence, Order, WritePolicy};

/// The order that a table asks for.
pub(super) fn order(tree: &Tree, at: &[String]) -> Option<Order> {
    Order::from_word(&tree.text(at, "order")?)
}

/// The part of a policy that plans are made by.
pub(super) fn policy(tree: &Tree, at: &[String]) -> WritePolicy {
    let fallback = WritePolicy::default();
    let here = join(at, "convergence");
    let usual = Convergence::default();
    WritePolicy {
        order: order(tree, at),
        good_after: tree
            .duration(at, "good_after")
            .unwrap_or(fallback.good_after),
        convergence: Convergence {
            bake: tree.duration(&here, "bake").unwrap_or(usual.bake),
            min_requests: tree
                .count(&here, "min_requests")
                .map_or(usual.min_requests, u64::from),
            errors: tree.number(&here, "errors").unwrap_or(usual.errors),
            latency: tree.number(&here, "latency").unwrap_or(usual.latency),
        },
    }
}
