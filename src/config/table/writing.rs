//! The keys of writes: the order of plans, what counts as good, convergence.

use super::{Bounds, Row, SECOND, SHARE, Section, Shape, row};

const ORDERS: Shape = Shape::OneOf(&["alias-first", "serving-first"]);

/// The order of a policy's plans.
pub(super) const ORDER: Row = row(
    "order",
    ORDERS,
    "Which comes first in a plan that moves an alias and rolls a version out. Without it: serving where a `hook` rolls out, which is told the version; the alias where serving resolves it, as with `v2-load`, which names no version, or where another system follows it.",
);
/// The order of a model's plans.
pub(super) const MODEL_ORDER: Row = row(
    "order",
    ORDERS,
    "Which comes first in its plans, in place of the policy's.",
);
/// What counts as good.
pub(super) const GOOD_AFTER: Row = row(
    "good_after",
    Shape::Duration(SECOND),
    "How long a version must have served while somebody watched, without a critical finding, before roll back offers it as the last good one.",
)
.or("1h");
/// When a write counts as converged.
pub(super) const CONVERGED: Row = row(
    "convergence",
    Shape::Table(&CONVERGENCE),
    "When a write counts as converged.",
);

static CONVERGENCE: Section = Section {
    title: "[contexts.NAME.policy.convergence]",
    doc: "When a write counts as converged: the alias reads back, the endpoints answer the version, and for a time errors and latency stay near those of the hour before.",
    groups: &[&[
        row("bake", Shape::Duration(SECOND), "How long that time is.").or("10m"),
        row(
            "min_requests",
            Shape::Count,
            "With fewer requests in it nothing is known.",
        )
        .or("100"),
        row(
            "errors",
            Shape::Number(SHARE),
            "How much the share of failed requests may lie over the hour before, 0 to 1.",
        )
        .or("0.005"),
        row(
            "latency",
            Shape::Number(Bounds {
                least: 0.0,
                most: 10.0,
            }),
            "How much latency may lie over the hour before, as a part of it: 0.2 is a fifth.",
        )
        .or("0.2"),
    ]],
};
